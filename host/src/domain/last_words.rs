//! The line of log with which a guest says that it ends itself, and why.

/// How the line begins that explains the trap that follows: a panic's, which our SDK and the published one agree on,
/// and that of an error which an entry point without a result returned.
const LAST_WORDS: [(&str, Ending); 2] = [
    ("capsule panic at ", Ending::Panic),
    ("capsule error at ", Ending::Error),
];

/// What makes a guest end itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It panicked.
    Panic,
    /// Its run loop, or its install or upgrade hook, returned an error.
    Error,
}

/// `capsule panic at FILE:LINE:COL: MESSAGE`, or `capsule error at …`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    /// Which of the two.
    pub ending: Ending,
    /// The source file, as the guest's compiler named it.
    pub file: String,
    /// The line, from 1; 0 when the guest didn't say.
    pub line: u32,
    /// What the panic or the error says.
    pub message: String,
}

impl LastWords {
    /// Whether a line is one.
    pub(super) fn are(line: &str) -> bool {
        LAST_WORDS.iter().any(|(start, _)| line.starts_with(start))
    }

    pub(super) fn parse(line: &str) -> Self {
        let mut known = LAST_WORDS.into_iter();
        let known = known.find_map(|(start, ending)| Some((line.strip_prefix(start)?, ending)));
        let (text, ending) = known.unwrap_or((line, Ending::Panic));
        let whole = || Self {
            ending,
            file: String::new(),
            line: 0,
            message: text.to_owned(),
        };
        let Some((place, message)) = text.split_once(": ") else {
            return whole();
        };
        let mut parts = place.rsplitn(3, ':');
        let (Some(_column), Some(line), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            return whole();
        };
        match line.parse() {
            Ok(line) => Self {
                ending,
                file: file.to_owned(),
                line,
                message: message.to_owned(),
            },
            Err(_) => whole(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_line_is_taken_apart() {
        let parse = LastWords::parse;
        assert_eq!(
            parse("capsule panic at src/lib.rs:12:9: index: 3 > 2"),
            LastWords {
                ending: Ending::Panic,
                file: "src/lib.rs".into(),
                line: 12,
                message: "index: 3 > 2".into()
            }
        );
        let error = parse("capsule error at src/lib.rs:3:1: no topic");
        assert_eq!((error.ending, error.line), (Ending::Error, 3));
        assert_eq!(error.message, "no topic");
        assert_eq!(parse("capsule panic at nowhere").message, "nowhere");
        assert_eq!(parse("capsule panic at a:b:c: d").line, 0);
    }
}
