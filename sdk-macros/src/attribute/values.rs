//! Values of an attribute's arguments, each checked where it is written.

use proc_macro2::Span;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, spanned::Spanned};

use super::Retry;
use crate::errors::{Errors, suggestion};

/// The most bytes of an action's name, and of a topic.
pub const MAX_NAME: usize = 256;
/// The most bytes of a tool's and a command's name, as in the manifest.
const MAX_OFFER: usize = 64;
/// The most bytes of a description, as in the manifest: 16 KiB.
const MAX_PROSE: usize = 16 << 10;
/// The most times that a handler is run again after a conflict.
const MAX_RETRY: u32 = 16;
/// The most bytes of the key of a state, as of any key.
const MAX_KEY: usize = 256;
/// The most segments of a topic.
const MAX_SEGMENTS: usize = 8;

pub fn string(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

pub fn topic(value: &Expr, errors: &mut Errors) -> Option<LitStr> {
    let Some(text) = string(value) else {
        errors.on(value, "`topic` is a string, such as `\"user.v1.prompt\"`");
        return None;
    };
    let topic = text.value();
    match topic_mistake(&topic) {
        None => Some(text.clone()),
        Some(mistake) => {
            errors.on(
                text,
                format!("`{}` is no topic: {mistake}", topic.escape_debug()),
            );
            None
        }
    }
}

/// What keeps a text from being a handler's topic: at most 256 bytes and 8 segments, each of
/// `[a-z0-9_-]` or a `*` by itself.
fn topic_mistake(topic: &str) -> Option<String> {
    if topic.len() > MAX_NAME {
        return Some(format!("it has more than {MAX_NAME} bytes"));
    }
    if topic.split('.').count() > MAX_SEGMENTS {
        return Some(format!("it has more than {MAX_SEGMENTS} segments"));
    }
    topic.split('.').find_map(|segment| {
        let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
        if segment.is_empty() {
            Some("a segment is empty".into())
        } else if segment != "*" && !segment.chars().all(plain) {
            Some(format!(
                "its segment `{}` may hold a to z, 0 to 9, `_` and `-`, or be a `*` alone",
                segment.escape_debug()
            ))
        } else {
            None
        }
    })
}

pub fn priority(value: &Expr, errors: &mut Errors) -> Option<u32> {
    let number = match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        _ => None,
    };
    if number.is_none() {
        errors.on(
            value,
            format!(
                "`priority` is a number from 0 to {}, lower first, such as `20`",
                u32::MAX
            ),
        );
    }
    number
}

pub fn retry(key: &Ident, value: &Expr, errors: &mut Errors) -> Option<Retry> {
    let times = match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        _ => None,
    };
    match times.filter(|times| (1..=MAX_RETRY).contains(times)) {
        Some(times) => Some(Retry {
            times,
            span: key.span(),
        }),
        None => {
            errors.on(
                value,
                format!("`retry` is a number from 1 to {MAX_RETRY}: how often the handler is run again after a conflict"),
            );
            None
        }
    }
}

/// The key under which a state is kept. Which texts are in Unicode's normal form C is not known here, so it is ASCII.
pub fn state_key(value: &Expr, errors: &mut Errors) -> Option<String> {
    let Some(text) = string(value) else {
        errors.on(value, "the key of a state is a string, such as `\"tally\"`");
        return None;
    };
    let key = text.value();
    if (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Some(key);
    }
    errors.on(
        text,
        format!("the key of a state is 1 to {MAX_KEY} printable ASCII characters"),
    );
    None
}

pub fn one_of(key: &Ident, value: &Expr, known: &[&str], errors: &mut Errors) -> Option<String> {
    let Some(text) = string(value) else {
        errors.on(
            value,
            format!("`{key}` is a string: {}", suggestion("", known)),
        );
        return None;
    };
    let word = text.value();
    if known.contains(&word.as_str()) {
        return Some(word);
    }
    errors.at(
        value.span(),
        format!(
            "`{key}` can't be `{}`: {}",
            word.escape_debug(),
            suggestion(&word, known)
        ),
    );
    None
}

pub fn text(key: &Ident, value: &Expr, errors: &mut Errors) -> Option<String> {
    let Some(text) = string(value) else {
        errors.on(value, format!("`{key}` is a string"));
        return None;
    };
    Some(text.value())
}

pub fn flag(key: &Ident, value: &Expr, errors: &mut Errors) -> Option<bool> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Bool(flag),
            ..
        }) => Some(flag.value),
        _ => {
            errors.on(value, format!("`{key}` is `true` or `false`"));
            None
        }
    }
}

/// Checks a hook's name: what a manifest may say as `handler`.
pub fn action_name(text: &str, span: Span, errors: &mut Errors) {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\');
    if !(1..=MAX_NAME).contains(&text.len()) || !text.bytes().all(plain) {
        errors.at(
            span,
            format!(
                "a hook's name is 1 to {MAX_NAME} printable ASCII characters, no spaces, quotes or `\\`: Capsule.toml takes no other"
            ),
        );
    }
}

/// Checks a tool's or a command's name, which becomes a segment of a topic.
pub fn offer_name(what: &str, text: &str, span: Span, errors: &mut Errors) {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if (1..=MAX_OFFER).contains(&text.len()) && text.bytes().all(plain) {
        return;
    }
    errors.at(
        span,
        format!("a {what}'s name is 1 to {MAX_OFFER} characters of a to z, 0 to 9, `_` and `-`: it is part of a topic"),
    );
}

/// Checks what a tool or a command says of itself, or an argument.
pub fn prose(text: &str, span: Span, errors: &mut Errors) {
    let bytes = text.len();
    if bytes > MAX_PROSE {
        errors.at(
            span,
            format!(
                "the description has {bytes} bytes, more than {MAX_PROSE}: say what a caller needs to know"
            ),
        );
    }
}
