//! From text to a TOML document, within bounds.
//!
//! The parser builds a tree and drops it by recursion: keys of many dots in nested inline tables
//! would otherwise make a file of a few kilobytes overflow the stack. So the tokens are looked at
//! before anything is built.

use toml::de::DeTable;
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::diagnostic::{Report, quoted};
use super::limits;

/// Above this size only the first mistake of syntax is reported: each costs memory, and garbage has
/// several per byte.
const RECOVERED_BYTES: usize = 16 * 1024;

/// Parses a document. None, with the reasons in `report`, if it is too large, too deep, or not TOML.
pub(super) fn document<'t>(text: &'t str, report: &Report) -> Option<DeTable<'t>> {
    if text.len() > limits::TEXT_BYTES {
        let message = format!(
            "a manifest has at most {} bytes, not {}",
            limits::TEXT_BYTES,
            text.len()
        );
        report.error(0, None, message, None);
        return None;
    }
    if let Err((offset, message)) = check_depth(text) {
        report.error(offset, None, message, None);
        return None;
    }
    match DeTable::parse(text) {
        Ok(document) => Some(document.into_inner()),
        Err(first) => {
            report_syntax(text, first, report);
            None
        }
    }
}

/// Refuses keys with many dots, wherever they stand, and deep brackets. The first alone bounds the
/// depth of what the parser builds of malformed text, since it bounds brackets itself.
fn check_depth(text: &str) -> Result<(), (usize, String)> {
    let (mut dots, mut depth) = (0_usize, 0_usize);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                (dots, depth) = (0, depth + 1);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                (dots, depth) = (0, depth.saturating_sub(1));
            }
            TokenKind::Equals | TokenKind::Comma | TokenKind::Newline => dots = 0,
            // What else may stand in a dotted key, or be taken for a part of one.
            _ => continue,
        }
        let message = if dots > limits::KEY_DOTS {
            format!("a key has at most {} dots", limits::KEY_DOTS)
        } else if depth > limits::NESTING {
            format!("tables and arrays nest at most {} deep", limits::NESTING)
        } else {
            continue;
        };
        return Err((token.span().start(), message));
    }
    Ok(())
}

/// Reports mistakes of syntax, the first of each line: what follows it is often its consequence.
fn report_syntax(text: &str, first: toml::de::Error, report: &Report) {
    let errors = if text.len() <= RECOVERED_BYTES {
        DeTable::parse_recoverable(text).1
    } else {
        vec![first]
    };
    let mut located: Vec<(usize, String)> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or_default();
            let message = match (error.message(), text.get(span.clone())) {
                ("duplicate key", Some(key)) => format!("duplicate key {}", quoted(key)),
                (message, _) => message.to_owned(),
            };
            (span.start, message)
        })
        .collect();
    located.sort_by_key(|(offset, _)| *offset);
    let mut last: Option<usize> = None;
    for (offset, message) in located {
        let between = last.and_then(|last| text.get(last..offset));
        if last.is_none() || between.is_some_and(|between| between.contains('\n')) {
            report.error(offset, None, message, None);
        }
        last = Some(offset);
    }
}
