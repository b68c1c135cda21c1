//! What a TOML file keeps of its layout when it is edited, beyond what `toml_edit` keeps: the byte order mark, the
//! endings of its lines, and the comments at the end of a table, which the parser counts to the header after them.

use toml_edit::{DocumentMut, Item, Table};

use super::Result;

/// Some editors begin a file of UTF-8 with it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Edits a text without its byte order mark and with `\n` at the end of each line, and gives the result back both.
/// Lines before and after the edited ones end as they did, new ones as most lines of the file do.
pub(super) fn edit(text: &str, edit: impl FnOnce(&str) -> Result<String>) -> Result<String> {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (BYTE_ORDER_MARK, body),
        None => ("", text),
    };
    let plain = body.replace("\r\n", "\n");
    let edited = edit(&plain)?;
    if edited == plain {
        return Ok(text.to_owned());
    }
    Ok(format!("{mark}{}", with_endings_of(body, &edited)))
}

fn with_endings_of(before: &str, edited: &str) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = edited.split_inclusive('\n').collect();
    let ends_in_two = |line: &str| line.ends_with("\r\n");
    let in_two = old.iter().filter(|line| ends_in_two(line)).count();
    if in_two == 0 {
        return edited.to_owned();
    }
    let mostly_two = in_two * 2 > old.len();
    let same = |old: &str, new: &str| content(old) == content(new);
    let alike = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(old, new)| same(old, new)).count()
    };
    let head = alike(&mut old.iter().zip(&new));
    let tail = alike(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let mut text = String::with_capacity(edited.len() + new.len());
    for (at, line) in new.iter().enumerate() {
        let from_end = new.len() - at;
        let was = if at < head {
            old.get(at)
        } else if from_end <= tail {
            old.get(old.len() - from_end)
        } else {
            None
        };
        let was = was.filter(|was| was.ends_with('\n'));
        text.push_str(content(line));
        if line.ends_with('\n') {
            let two = was.map_or(mostly_two, |was| ends_in_two(was));
            text.push_str(if two { "\r\n" } else { "\n" });
        }
    }
    text
}

/// A line without its end.
fn content(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Where a new table's header goes, and what stands before it.
#[derive(Debug)]
pub(super) struct Header {
    position: Option<isize>,
    prefix: String,
}

impl Header {
    /// At the end of the file, after the comments that the file ends with.
    pub(super) fn last(document: &mut DocumentMut) -> Self {
        let mut end = None;
        visit(document.as_table_mut(), &mut |table| {
            end = end.max(table.position())
        });
        let comments = document.trailing().as_str().unwrap_or_default().to_owned();
        let is_first = document.iter().next().is_none() && comments.is_empty();
        document.set_trailing("");
        Self {
            position: end.map(|end| end + 1),
            prefix: if is_first {
                comments
            } else {
                before_header(&comments)
            },
        }
    }

    /// After the tables up to a position, with the comments at their end, which in the parsed file stand before the
    /// header that follows. Without a position, before all others.
    pub(super) fn after(document: &mut DocumentMut, position: Option<isize>) -> Self {
        let mut following: Option<isize> = None;
        visit(document.as_table_mut(), &mut |table| {
            let found = table.position().filter(|found| Some(*found) > position);
            following = match (following, found) {
                (Some(first), Some(found)) => Some(first.min(found)),
                (first, found) => first.or(found),
            };
        });
        match following {
            None => Self::last(document),
            Some(following) => Self {
                position: position.or(Some(following - 1)),
                ..Self::before(document, following)
            },
        }
    }

    /// Before the table of a position, which the new one may hold.
    pub(super) fn before(document: &mut DocumentMut, position: isize) -> Self {
        let mut comments = String::new();
        visit(document.as_table_mut(), &mut |table| {
            if table.position() == Some(position) {
                let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str());
                let prefix = prefix.unwrap_or_default().to_owned();
                let (of_the_one_before, own) = split(&prefix);
                comments = of_the_one_before.to_owned();
                table.decor_mut().set_prefix(own);
            }
        });
        Self {
            position: Some(position),
            prefix: before_header(&comments),
        }
    }

    /// Gives a table this header.
    pub(super) fn give(self, table: &mut Table) {
        table.set_position(self.position);
        table.decor_mut().set_prefix(self.prefix);
    }
}

/// What stands before a new header: the comments that stay above it, and an empty line.
fn before_header(comments: &str) -> String {
    let comments = comments.trim_end_matches(['\n', ' ', '\t']);
    if comments.is_empty() {
        "\n".to_owned()
    } else {
        format!("{comments}\n\n")
    }
}

/// Parts the lines before a header: those that end the table before it, and those of the header itself, which is what
/// comes after the last empty line.
fn split(prefix: &str) -> (&str, &str) {
    let mut start = 0;
    let mut last_empty = 0;
    for line in prefix.split_inclusive('\n') {
        if line.trim().is_empty() && line.ends_with('\n') {
            last_empty = start;
        }
        start += line.len();
    }
    prefix.split_at(last_empty)
}

/// Shows each table that has a header, those within tables too, and an implicit one as well.
fn visit(table: &mut Table, see: &mut dyn FnMut(&mut Table)) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => {
                see(inner);
                visit(inner, see);
            }
            Item::ArrayOfTables(tables) => {
                for inner in tables.iter_mut() {
                    see(inner);
                    visit(inner, see);
                }
            }
            Item::Value(_) | Item::None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(text: &str) -> String {
        edit(text, |plain| {
            assert!(!plain.contains('\r') && !plain.starts_with('\u{feff}'));
            Ok(plain.replace("b\n", "b\nnew\n"))
        })
        .unwrap()
    }

    #[test]
    fn a_byte_order_mark_and_endings_of_lines_stay() {
        for (before, after) in [
            ("a\nb\nc\n", "a\nb\nnew\nc\n"),
            ("a\r\nb\r\nc\r\n", "a\r\nb\r\nnew\r\nc\r\n"),
            ("\u{feff}a\r\nb\r\nc", "\u{feff}a\r\nb\r\nnew\r\nc"),
            ("\u{feff}b\n", "\u{feff}b\nnew\n"),
            // Of both kinds: each line as it was, a new one as most are.
            ("a\nb\r\nc\r\nd\n\r\n", "a\nb\r\nnew\r\nc\r\nd\n\r\n"),
            ("a\r\nb\nc\nd\n", "a\r\nb\nnew\nc\nd\n"),
            ("a\r\nc\nd", "a\r\nc\nd"),
        ] {
            assert_eq!(appended(before), after, "{before:?}");
        }
    }

    #[test]
    fn the_lines_of_a_header_come_after_the_last_empty_line() {
        for (prefix, parts) in [
            ("", ("", "")),
            ("# own\n", ("", "# own\n")),
            ("\n# own\n", ("", "\n# own\n")),
            ("\n# before\n\n# own\n", ("\n# before\n", "\n# own\n")),
            ("# before\n\n", ("# before\n", "\n")),
        ] {
            assert_eq!(split(prefix), parts, "{prefix:?}");
        }
    }
}
