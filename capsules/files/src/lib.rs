//! Tools for the files of the workspace.
//!
//! A path is one of the workspace unless it begins with another scheme; what is granted the manifest says. A model reads
//! every answer, so each has a bound, and an error says what to do instead.

#![forbid(unsafe_code)]

mod search;

use astrid_sdk::prelude::*;
use serde::Serialize;

use search::Found;

/// The most bytes of text on a page: 64 KiB.
const MAX_TEXT: usize = 64 << 10;
/// The most lines of a page.
const MAX_LINES: usize = 2_000;
/// The most entries of a page.
const MAX_ENTRIES: usize = 100;
/// Where files are looked for unless a folder is given.
const WORKSPACE: &str = "workspace://";

#[derive(Serialize)]
struct Page {
    text: String,
    /// How many lines the file has.
    lines: usize,
    /// What to give as `first` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
}

#[derive(Serialize)]
struct Written {
    /// How many bytes the file has now.
    bytes: usize,
}

#[derive(Serialize)]
struct Edited {
    /// The line in which the text stood.
    line: usize,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    /// The size of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

#[derive(Serialize)]
struct Listing {
    entries: Vec<Entry>,
    /// What to give as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Default)]
struct Files;

/// Reads and writes files.
#[capsule]
impl Files {
    /// Reads a text file, a page of lines at a time.
    #[astrid::tool]
    fn read_file(
        &self,
        /// The file's path in the workspace, such as `src/main.rs`.
        path: String,
        /// The first line to read, counted from 1: `next` of the page before; 1 if none is given.
        #[schemars(range(min = 1))]
        first: Option<usize>,
        /// How many lines at most: 1 to 2,000; 500 if none is given.
        #[schemars(range(min = 1, max = 2_000))]
        lines: Option<usize>,
    ) -> Result<Page> {
        let (first, most) = (first.unwrap_or(1), lines.unwrap_or(500));
        if first == 0 || !(1..=MAX_LINES).contains(&most) {
            return Err(Error::msg(format!(
                "`first` is 1 or more and `lines` is 1 to {MAX_LINES}, not {first} and {most}"
            )));
        }
        let whole = fs::read_to_string(path)?;
        Ok(page(&whole, first, most))
    }

    /// Writes a text file, in the place of one that is there. Missing folders are made.
    #[astrid::tool(mutable = true)]
    fn write_file(
        &self,
        /// The file's path in the workspace.
        path: String,
        /// All that the file is to hold.
        text: String,
    ) -> Result<Written> {
        match fs::write(&path, &text) {
            Err(fs::Error::NotFound(_)) => {
                let (folder, _) = path.split_at(path.rfind('/').map_or(0, |at| at + 1));
                fs::create_dir_all(folder)?;
                fs::write(&path, &text)?;
            }
            written => written?,
        }
        Ok(Written { bytes: text.len() })
    }

    /// Replaces a text in a file that stands there exactly once.
    #[astrid::tool(mutable = true)]
    fn edit_file(
        &self,
        /// The file's path in the workspace.
        path: String,
        /// The text to replace, to the letter: with enough of what is around it that it stands there once.
        old: String,
        /// What is to stand in its place.
        new: String,
    ) -> Result<Edited> {
        let whole = fs::read_to_string(&path)?;
        let at = only(&whole, &old)?;
        let (before, rest) = whole.split_at(at);
        let after = rest.strip_prefix(&*old).unwrap_or(rest);
        fs::write(path, [before, &*new, after].concat())?;
        Ok(Edited {
            line: line_at(&whole, at),
        })
    }

    /// Lists a folder, a page of entries at a time.
    #[astrid::tool]
    fn list_files(
        &self,
        /// The folder's path; the whole workspace if none is given.
        folder: Option<String>,
        /// Only entries after the one of this name: `next` of the page before.
        after: Option<String>,
    ) -> Result<Listing> {
        let all = fs::read_dir(folder.as_deref().unwrap_or(WORKSPACE))?;
        let comes_after = |entry: &fs::DirEntry| {
            let after = after.as_deref();
            after.is_none_or(|after| entry.file_name() > after)
        };
        let mut found = all.filter(comes_after);
        let mut entries = Vec::new();
        for entry in found.by_ref().take(MAX_ENTRIES) {
            match entry.metadata() {
                Ok(metadata) => entries.push(described(&entry, &metadata)),
                // It was removed meanwhile.
                Err(fs::Error::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let next = entries.last().filter(|_| found.next().is_some());
        Ok(Listing {
            next: next.map(|entry| entry.name.clone()),
            entries,
        })
    }

    /// Finds the lines that hold a text, in a folder and below it. Hidden files and folders are left out, and so is what is
    /// no text or has more than 1 MiB.
    #[astrid::tool]
    fn search_files(
        &self,
        /// The text to look for, to the letter, within one line.
        text: String,
        /// Where to look: a folder's path; the whole workspace if none is given.
        folder: Option<String>,
    ) -> Result<Found> {
        if text.is_empty() || text.contains('\n') {
            return Err("`text` is within one line, and not empty".into());
        }
        search::below(folder.as_deref().unwrap_or(WORKSPACE), &text)
    }
}

/// So many lines of a text, from one on.
fn page(whole: &str, first: usize, most: usize) -> Page {
    let mut page = Page {
        text: String::new(),
        lines: whole.lines().count(),
        next: None,
    };
    let lines = whole.split_inclusive('\n').zip(1..).skip(first - 1);
    for (line, number) in lines {
        let is_full = page.text.len() + line.len() > MAX_TEXT;
        if number - first == most || (is_full && number > first) {
            page.next = Some(number);
            break;
        }
        page.text.push_str(line);
    }
    // One line may be longer than a page.
    let whole = page.text.len();
    if whole > MAX_TEXT {
        page.text.truncate(page.text.floor_char_boundary(MAX_TEXT));
        page.text
            .push_str(&format!(" … (cut: the line has {whole} bytes)"));
    }
    page
}

/// Where a text stands, which must be once.
fn only(whole: &str, text: &str) -> Result<usize> {
    if text.is_empty() {
        return Err("`old` is empty: give the text to replace".into());
    }
    let Some(first) = whole.find(text) else {
        return Err(
            "the text does not stand in the file: read it with `read_file`, and give it to the letter"
                .into(),
        );
    };
    let again = whole.rfind(text).filter(|last| *last != first);
    match again {
        None => Ok(first),
        Some(again) => Err(Error::msg(format!(
            "the text stands in the file more than once, in lines {} and {}: give more of what is around it",
            line_at(whole, first),
            line_at(whole, again)
        ))),
    }
}

/// The line of a place in a text, counted from 1.
fn line_at(whole: &str, at: usize) -> usize {
    let (before, _) = whole.split_at(at);
    before.matches('\n').count() + 1
}

fn described(entry: &fs::DirEntry, metadata: &fs::Metadata) -> Entry {
    let kind = match metadata.file_type() {
        fs::FileType::File => "file",
        fs::FileType::Dir => "folder",
        fs::FileType::Symlink => "link",
        _ => "other",
    };
    Entry {
        name: entry.file_name().to_owned(),
        kind,
        bytes: metadata.is_file().then(|| metadata.len()),
    }
}

#[cfg(test)]
mod tests;
