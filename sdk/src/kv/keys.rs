//! Listing keys, a page at a time.

use std::vec;

use super::{Error, list_keys_page};

/// All keys that begin with `prefix`, in the order of their bytes, fetched page by page as they are needed.
///
/// An error is the last thing that comes. Keys that are written or removed meanwhile may or may not be among those that
/// come; the others come once each.
///
/// ```
/// # use astrid_sdk::{kv, testing::Host};
/// # Host::new().run(|| {
/// for number in 0..3_000 {
///     kv::set(&format!("note/{number}"), b"")?;
/// }
/// let notes = kv::keys("note/").collect::<Result<Vec<String>, _>>()?;
/// assert_eq!(notes.len(), 3_000);
/// let next = kv::keys("note/").after("note/998").next();
/// assert_eq!(next, Some(Ok("note/999".into())));
/// # Ok::<(), kv::Error>(())
/// # }).unwrap();
/// ```
pub fn keys(prefix: impl Into<String>) -> Keys {
    Keys {
        prefix: prefix.into(),
        page: Vec::new().into_iter(),
        next: Next::Page(None),
    }
}

/// The keys below a prefix, by [`keys`].
#[derive(Clone, Debug)]
#[must_use = "keys are fetched as they are asked for"]
pub struct Keys {
    prefix: String,
    page: vec::IntoIter<String>,
    next: Next,
}

/// What comes after the page at hand.
#[derive(Clone, Debug)]
enum Next {
    /// A page, after this cursor.
    Page(Option<String>),
    Nothing,
}

impl Keys {
    /// Begins after a key, or after where it would be.
    pub fn after(self, key: impl Into<String>) -> Self {
        Self {
            page: Vec::new().into_iter(),
            next: Next::Page(Some(key.into())),
            ..self
        }
    }
}

impl Iterator for Keys {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            let Next::Page(cursor) = core::mem::replace(&mut self.next, Next::Nothing) else {
                return None;
            };
            match list_keys_page(&self.prefix, cursor.as_deref(), 0) {
                Ok(page) => {
                    self.page = page.keys.into_iter();
                    if page.next_cursor.is_some() {
                        self.next = Next::Page(page.next_cursor);
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl core::iter::FusedIterator for Keys {}
