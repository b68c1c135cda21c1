//! Which paths a Rust source names, in code: not in comments, strings or tests.
//!
//! A scanner, not a parser: it knows comments, literals, `use` trees and items under `#[cfg(test)]`, and reads
//! sources that compile. It does not see through macros or renames, which is enough to keep honest people
//! honest.

/// A path as written where it is used, `use` trees spread out, with its line from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) line: usize,
    pub(crate) segments: Vec<&'a str>,
}

/// All paths that the code of `text` names. A single identifier is a path of one segment.
pub(crate) fn paths(text: &str) -> Vec<Named<'_>> {
    let mut reader = Reader {
        tokens: tokens(text),
        at: 0,
        found: Vec::new(),
    };
    while reader.at < reader.tokens.len() {
        reader.step();
    }
    reader.found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    Word(&'a str),
    /// `::`
    Colons,
    Sign(char),
}

type Token<'a> = (usize, Kind<'a>);

/// Words, `::` and single signs; literals and comments are left out.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            let mut after = rest.chars().skip(1);
            match (after.next(), after.next()) {
                (Some('\\'), _) | (Some(_), Some('\'')) => quoted(rest, '\''),
                // A lifetime.
                _ => 1,
            }
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            tokens.push((line, Kind::Word(&rest[..length])));
            length
        } else if rest.starts_with("::") {
            tokens.push((line, Kind::Colons));
            2
        } else {
            if !first.is_whitespace() {
                tokens.push((line, Kind::Sign(first)));
            }
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment that `text` begins with, comments within it included.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    for (at, _) in text.char_indices() {
        if text[at..].starts_with("/*") {
            depth += 1;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    text.len()
}

/// The length of the raw string that `text` begins with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| {
        text.strip_prefix(prefix)
            .filter(|after| after.starts_with(['#', '"']))
    })?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - body.len() + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

/// The length of the literal that `text` begins with, up to the quote that no backslash escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    found: Vec<Named<'a>>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at).map(|&(_, kind)| kind)
    }

    /// Reads an item under `#[cfg(test)]`, a `use`, a path, or a sign.
    fn step(&mut self) {
        use Kind::{Sign, Word};
        const CFG_TEST: [Kind<'_>; 7] = [
            Sign('#'),
            Sign('['),
            Word("cfg"),
            Sign('('),
            Word("test"),
            Sign(')'),
            Sign(']'),
        ];
        let ahead = self.tokens[self.at..].iter().map(|&(_, kind)| kind);
        if ahead.take(CFG_TEST.len()).eq(CFG_TEST) {
            self.at += CFG_TEST.len();
            self.skip_item();
        } else if self.peek() == Some(Word("use")) {
            self.at += 1;
            self.tree(&[]);
        } else if let Some((segments, line)) = self.path() {
            self.found.push(Named { line, segments });
        } else {
            self.at += 1;
        }
    }

    /// Up to the `;` or the closing brace by which an item ends.
    fn skip_item(&mut self) {
        let mut depth = 0;
        while let Some(kind) = self.peek() {
            self.at += 1;
            match kind {
                Kind::Sign('{' | '(' | '[') => depth += 1,
                Kind::Sign('}') if depth == 1 => return,
                Kind::Sign('}' | ')' | ']') => depth -= 1,
                Kind::Sign(';') if depth == 0 => return,
                _ => {}
            }
        }
    }

    /// The words of a path, none where no path begins. Ends behind the path and a `::` that follows it.
    fn path(&mut self) -> Option<(Vec<&'a str>, usize)> {
        let line = self.tokens.get(self.at)?.0;
        let mut segments = Vec::new();
        while let Some(Kind::Word(word)) = self.peek() {
            segments.push(word);
            self.at += 1;
            if self.peek() != Some(Kind::Colons) {
                break;
            }
            self.at += 1;
        }
        (!segments.is_empty()).then_some((segments, line))
    }

    /// A `use` tree below `prefix`; every leaf is a path.
    fn tree(&mut self, prefix: &[&'a str]) {
        if self.peek() == Some(Kind::Colons) {
            self.at += 1;
        }
        let line = self.tokens.get(self.at).map_or(0, |&(line, _)| line);
        let mut segments = prefix.to_vec();
        segments.extend(
            self.path()
                .map(|(segments, _)| segments)
                .unwrap_or_default(),
        );
        match self.peek() {
            Some(Kind::Sign('{')) => {
                self.at += 1;
                while !matches!(self.peek(), None | Some(Kind::Sign('}'))) {
                    let before = self.at;
                    self.tree(&segments);
                    if self.peek() == Some(Kind::Sign(',')) || self.at == before {
                        self.at += 1;
                    }
                }
                self.at += 1;
                return;
            }
            Some(Kind::Sign('*')) => self.at += 1,
            Some(Kind::Word("as")) => self.at += 2,
            _ => {}
        }
        if !segments.is_empty() {
            self.found.push(Named { line, segments });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = paths(text)
            .iter()
            .map(|named| named.segments.join("::"))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_path_in_code() {
        check(
            "let x = std::fs::read(p);",
            &["let", "x", "std::fs::read", "p"],
        );
    }

    #[test]
    fn a_tree_is_spread_out() {
        check(
            "use std::{fs, io::{self, Read as _}, *}; a",
            &["std::fs", "std::io::self", "std::io::Read", "std", "a"],
        );
    }

    #[test]
    fn a_leading_colon_and_a_renamed_crate() {
        check("use ::tokio as t;", &["tokio"]);
    }

    #[test]
    fn comments_are_not_code() {
        check(
            "a // tokio::x\n/* tokio /* nested */ tokio */ b",
            &["a", "b"],
        );
    }

    #[test]
    fn literals_are_not_code() {
        check(
            r##"a "to\"kio" b'"' 'x' r#"tokio "quoted" tokio"# b"##,
            &["a", "b", "b"],
        );
    }

    #[test]
    fn a_lifetime_is_not_a_literal() {
        check(
            "fn f<'a>(x: &'a str) {}",
            &["fn", "f", "a", "x", "a", "str"],
        );
    }

    #[test]
    fn tests_are_skipped_and_what_follows_is_not() {
        check(
            "#[cfg(test)]\nmod tests { use tokio::x; fn f() { [1; 2]; } }\nb",
            &["b"],
        );
        check("#[cfg(test)]\nmod tests;\nb", &["b"]);
        check("#[cfg(unix)]\nuse tokio::x;", &["cfg", "unix", "tokio::x"]);
    }

    #[test]
    fn lines_count_from_one() {
        let lines: Vec<_> = paths("a\n\nuse b::{\n  c,\n};")
            .iter()
            .map(|named| named.line)
            .collect();
        assert_eq!(lines, [1, 4]);
    }
}
