//! The grammar of JSON (RFC 8259) in one pass and without recursion: every token is checked, and those that build
//! objects and arrays go to a [`Structure`](super::structure::Structure), which may refuse them.

use super::PayloadError;
use super::structure::Structure;

/// Why text is refused.
pub(super) enum Refused {
    /// It is no JSON.
    Grammar,
    /// It is JSON up to here, but none that a payload may have.
    Structure(PayloadError),
}

impl From<PayloadError> for Refused {
    fn from(error: PayloadError) -> Self {
        Self::Structure(error)
    }
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// The first element of an array, or its end.
    ElementOrEnd,
    /// The first key of an object, or its end.
    KeyOrEnd,
    Key,
    CommaOrEnd,
    /// Nothing but white space.
    Nothing,
}

/// Reads one JSON value that fills `text`.
///
/// # Errors
/// [`Refused`].
pub(super) fn read(text: &str) -> Result<(), Refused> {
    let bytes = text.as_bytes();
    let mut structure = Structure::default();
    let mut next = Next::Value;
    let mut at = 0;
    loop {
        at = white(bytes, at);
        let Some(&byte) = bytes.get(at) else {
            return match next {
                Next::Nothing => Ok(()),
                _ => Err(Refused::Grammar),
            };
        };
        (next, at) = match (next, byte) {
            (Next::Key | Next::KeyOrEnd, b'"') => {
                let (end, escaped) = string(bytes, at + 1)?;
                // Quotes are characters of their own, so both ends are between characters.
                structure.key(&text[at..end], escaped)?;
                (Next::Value, colon(bytes, end)?)
            }
            (Next::Value | Next::ElementOrEnd, b'{') => {
                structure.open_object()?;
                (Next::KeyOrEnd, at + 1)
            }
            (Next::Value | Next::ElementOrEnd, b'[') => {
                structure.open_array()?;
                (Next::ElementOrEnd, at + 1)
            }
            (Next::KeyOrEnd, b'}') | (Next::ElementOrEnd, b']') => {
                structure.close()?;
                (after(&structure), at + 1)
            }
            (Next::CommaOrEnd, b'}') if structure.in_object() => {
                structure.close()?;
                (after(&structure), at + 1)
            }
            (Next::CommaOrEnd, b']') if !structure.in_object() => {
                structure.close()?;
                (after(&structure), at + 1)
            }
            (Next::CommaOrEnd, b',') if structure.in_object() => (Next::Key, at + 1),
            (Next::CommaOrEnd, b',') => {
                structure.next_element();
                (Next::Value, at + 1)
            }
            (Next::Value | Next::ElementOrEnd, _) => (after(&structure), scalar(bytes, at, byte)?),
            _ => return Err(Refused::Grammar),
        };
    }
}

/// What follows a value.
fn after(structure: &Structure<'_>) -> Next {
    match structure.is_open() {
        true => Next::CommaOrEnd,
        false => Next::Nothing,
    }
}

fn white(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The place past the colon that has to come next.
fn colon(bytes: &[u8], at: usize) -> Result<usize, Refused> {
    let at = white(bytes, at);
    match bytes.get(at) {
        Some(b':') => Ok(at + 1),
        _ => Err(Refused::Grammar),
    }
}

/// The place past a string, number or word that begins with `byte`.
fn scalar(bytes: &[u8], at: usize, byte: u8) -> Result<usize, Refused> {
    match byte {
        b'"' => Ok(string(bytes, at + 1)?.0),
        b'-' | b'0'..=b'9' => number(bytes, at),
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        _ => Err(Refused::Grammar),
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Refused> {
    match bytes[at..].starts_with(word) {
        true => Ok(at + word.len()),
        false => Err(Refused::Grammar),
    }
}

/// The place past a string whose first character is at `at`, and whether a character of it is escaped.
fn string(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Refused> {
    let mut escaped = false;
    loop {
        at = plain(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape(bytes, at + 1)?;
            }
            _ => return Err(Refused::Grammar),
        }
    }
}

/// The place past a run of characters that stand for themselves.
fn plain(bytes: &[u8], mut at: usize) -> usize {
    let ends = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Without a branch for each byte, which lets the compiler compare sixteen at once.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        if chunk.iter().fold(false, |found, &byte| found | ends(byte)) {
            break;
        }
        at += chunk.len();
    }
    while bytes.get(at).is_some_and(|&byte| !ends(byte)) {
        at += 1;
    }
    at
}

/// The place past an escape whose backslash is before `at`.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Refused> {
    let hexadecimal = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match bytes.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') if bytes.get(at + 1..at + 5).is_some_and(hexadecimal) => Ok(at + 5),
        _ => Err(Refused::Grammar),
    }
}

fn number(bytes: &[u8], mut at: usize) -> Result<usize, Refused> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        // A zero in front stands alone.
        Some(b'0') => at + 1,
        _ => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    Ok(at)
}

/// The place past one digit or more.
fn digits(bytes: &[u8], start: usize) -> Result<usize, Refused> {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    match at {
        _ if at == start => Err(Refused::Grammar),
        at => Ok(at),
    }
}
