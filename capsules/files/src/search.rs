//! The search: through a folder and all below it, as far as its bounds go.

use astrid_sdk::prelude::*;
use serde::Serialize;

/// The most lines that are found.
const MAX_MATCHES: usize = 50;
/// The most files that are read.
const MAX_FILES: usize = 1_000;
/// The most folders that are listed.
const MAX_FOLDERS: usize = 1_000;
/// The most bytes of a file that is read: 1 MiB.
const MAX_SIZE: u64 = 1 << 20;
/// The most bytes that are read: 32 MiB, which takes less than a second.
const MAX_BYTES: u64 = 32 << 20;
/// The most bytes of a line that are shown.
const MAX_LINE: usize = 200;

#[derive(Serialize)]
struct Match {
    path: String,
    line: usize,
    text: String,
}

/// What was found.
#[derive(Default, Serialize)]
pub struct Found {
    matches: Vec<Match>,
    /// Whether that is all: if not, a narrower folder has the rest.
    complete: bool,
}

/// How much was looked at.
#[derive(Default)]
struct Looked {
    files: usize,
    folders: usize,
    bytes: u64,
}

impl Looked {
    fn is_enough(&self) -> bool {
        self.files >= MAX_FILES || self.folders >= MAX_FOLDERS || self.bytes >= MAX_BYTES
    }
}

/// Looks for a text in a folder and below it.
pub fn below(folder: &str, text: &str) -> Result<Found> {
    let mut found = Found::default();
    let mut looked = Looked::default();
    // The next one is the last.
    let mut left: Vec<fs::DirEntry> = visible(folder)?;
    while let Some(entry) = left.pop() {
        if looked.is_enough() {
            return Ok(found);
        }
        // What was removed meanwhile, or may not be read, holds nothing that can be shown.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            looked.folders += 1;
            left.extend(visible(entry.path()).unwrap_or_default());
        } else if metadata.is_file() && metadata.len() <= MAX_SIZE {
            looked.files += 1;
            looked.bytes += metadata.len();
            let Ok(whole) = fs::read_to_string(entry.path()) else {
                continue;
            };
            for (line, number) in whole.lines().zip(1..) {
                let Some(at) = line.find(text) else { continue };
                if found.matches.len() == MAX_MATCHES {
                    return Ok(found);
                }
                found.matches.push(Match {
                    path: entry.path().to_owned(),
                    line: number,
                    text: around(line, at),
                });
            }
        }
    }
    found.complete = true;
    Ok(found)
}

/// The entries of a folder that are not hidden, the first one last.
fn visible(folder: &str) -> Result<Vec<fs::DirEntry>, fs::Error> {
    let entries = fs::read_dir(folder)?.rev();
    Ok(entries
        .filter(|entry| !entry.file_name().starts_with('.'))
        .collect())
}

/// What is shown of a line: all of it, or what is around a place.
fn around(line: &str, at: usize) -> String {
    if line.len() <= MAX_LINE {
        return line.to_owned();
    }
    let begin = line.floor_char_boundary(at.saturating_sub(MAX_LINE / 2));
    let end = line.floor_char_boundary(begin + MAX_LINE);
    format!("… {} …", &line[begin..end])
}
