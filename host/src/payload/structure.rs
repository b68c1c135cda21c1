//! The objects and arrays of a payload: no object has a key twice, and they don't lie in each other without a bound.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::BuildHasher as _;

use super::{MAX_NESTING, PayloadError};

/// Keys of an object up to which each is compared with each; more by their hashes.
const FEW: usize = 12;
/// Most bytes of a path in an error.
const MAX_PATH: usize = 256;

/// An array or object that is open.
#[derive(Clone, Copy)]
enum Level {
    /// The place of the element that is read.
    Array(usize),
    /// Where the object's keys begin among those that are kept.
    Object(usize),
}

/// What is open at a place of a payload.
#[derive(Default)]
pub(super) struct Structure<'a> {
    levels: Vec<Level>,
    /// The keys read so far of each open object, decoded; an inner object's follow those of the outer one.
    keys: Vec<Cow<'a, str>>,
}

impl<'a> Structure<'a> {
    pub(super) fn is_open(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Whether the innermost level is an object.
    pub(super) fn in_object(&self) -> bool {
        matches!(self.levels.last(), Some(Level::Object(_)))
    }

    /// Takes a key of the innermost object, with its quotes.
    pub(super) fn key(&mut self, quoted: &'a str, escaped: bool) -> Result<(), PayloadError> {
        self.keys.push(if escaped {
            // What it spells is what counts: `\u0061` is `a`.
            Cow::Owned(
                serde_json::from_str(quoted).map_err(|_| PayloadError::NotJson {
                    reason: format!(
                        "the key {} escapes half a character",
                        cut_path(quoted.to_owned())
                    ),
                })?,
            )
        } else {
            Cow::Borrowed(&quoted[1..quoted.len() - 1])
        });
        Ok(())
    }

    pub(super) fn open_object(&mut self) -> Result<(), PayloadError> {
        self.open(Level::Object(self.keys.len()))
    }

    pub(super) fn open_array(&mut self) -> Result<(), PayloadError> {
        self.open(Level::Array(0))
    }

    fn open(&mut self, level: Level) -> Result<(), PayloadError> {
        if self.levels.len() == MAX_NESTING {
            return Err(PayloadError::TooDeep {
                path: cut_path(self.path(&self.levels)),
            });
        }
        self.levels.push(level);
        Ok(())
    }

    /// Goes on to the next element of the innermost array.
    pub(super) fn next_element(&mut self) {
        if let Some(Level::Array(index)) = self.levels.last_mut() {
            *index += 1;
        }
    }

    pub(super) fn close(&mut self) -> Result<(), PayloadError> {
        if let Some((&Level::Object(first), outer)) = self.levels.split_last() {
            if let Some(twice) = twice(&self.keys[first..]) {
                let mut path = self.path(outer);
                member(&mut path, twice);
                return Err(PayloadError::KeyTwice {
                    key: cut_path(path),
                });
            }
            self.keys.truncate(first);
        }
        self.levels.pop();
        Ok(())
    }

    /// The path of what is read in `levels`, which are the outermost of those that are open.
    fn path(&self, levels: &[Level]) -> String {
        let mut path = String::new();
        // The key that is read in an object is the last one before those of the next object in it.
        let mut objects = self.levels.iter().filter_map(|level| match level {
            Level::Object(first) => Some(*first),
            Level::Array(_) => None,
        });
        objects.next();
        for level in levels {
            match level {
                // Writing to a String cannot fail.
                Level::Array(index) => {
                    let _ = write!(path, "[{index}]");
                }
                Level::Object(_) => {
                    let read = objects.next().unwrap_or(self.keys.len());
                    if let Some(key) = read.checked_sub(1).and_then(|at| self.keys.get(at)) {
                        member(&mut path, key);
                    }
                }
            }
        }
        path
    }
}

/// The key that stands twice, if one does.
fn twice<'k>(keys: &'k [Cow<'_, str>]) -> Option<&'k str> {
    if keys.len() <= FEW {
        let twice = (1..keys.len()).find(|&at| keys[..at].contains(&keys[at]));
        return twice.map(|at| keys[at].as_ref());
    }
    // Sorted hashes stay in the cache where a set of many keys doesn't. Keys that were chosen to collide only come to the set,
    // whose hasher has a random key that nobody can know.
    let hasher = foldhash::fast::RandomState::default();
    let mut hashes: Vec<u64> = keys.iter().map(|key| hasher.hash_one(key)).collect();
    hashes.sort_unstable();
    if hashes.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut seen = HashSet::with_capacity(keys.len());
    let mut keys = keys.iter().map(AsRef::as_ref);
    keys.find(|key| !seen.insert(*key))
}

/// Adds a key to a path: `.key`, or `["a key"]` where it is no word.
fn member(path: &mut String, key: &str) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    // Writing to a String cannot fail.
    let _ = match key.chars().all(word) && !key.is_empty() {
        true if path.is_empty() => write!(path, "{key}"),
        true => write!(path, ".{key}"),
        false => write!(path, "[{key:?}]"),
    };
}

/// A path within its bound, cut visibly.
pub(super) fn cut_path(mut path: String) -> String {
    if path.len() > MAX_PATH {
        path.truncate(path.floor_char_boundary(MAX_PATH));
        path.push('…');
    }
    path
}
