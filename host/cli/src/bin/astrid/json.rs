//! Documents on several lines, in which a text shows what is in it.

use std::io;

use astrid_host::escape;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

/// The text of a document. Characters that a terminal does not show are `\uXXXX` in its strings; what is in it verbatim
/// stays as it is.
///
/// # Errors
/// What the document's own form fails with.
pub(crate) fn pretty(document: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    let formatter = Shown(PrettyFormatter::new());
    document.serialize(&mut Serializer::with_formatter(&mut text, formatter))?;
    // Only whole characters were written.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// [`PrettyFormatter`], but for what is written of a string.
struct Shown<'a>(PrettyFormatter<'a>);

/// Methods that are [`PrettyFormatter`]'s.
macro_rules! same {
    ($($name:ident($($argument:ident: $type:ty),*)),+ $(,)?) => {
        $(
            fn $name<W: ?Sized + io::Write>(&mut self, to: &mut W, $($argument: $type),*) -> io::Result<()> {
                self.0.$name(to, $($argument),*)
            }
        )+
    };
}

impl Formatter for Shown<'_> {
    same!(
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        begin_object_value(),
        end_object_value(),
    );

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(escape::is_hidden) {
            let (shown, from) = rest.split_at(at);
            to.write_all(shown.as_bytes())?;
            let mut characters = from.chars();
            let mut units = [0; 2];
            if let Some(hidden) = characters.next() {
                for unit in hidden.encode_utf16(&mut units) {
                    write!(to, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        to.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::output::verbatim;

    #[test]
    fn what_is_not_seen_is_spelt_out_and_says_the_same() {
        let reason = "a\u{9b}b\u{202e}c\u{200b}\u{e0041}\u{7f}\n\"é";
        let document = json!({ "reason": reason, "more": [] });
        let text = pretty(&document).expect("a document");
        assert_eq!(
            text,
            "{\n  \"more\": [],\n  \"reason\": \"a\\u009bb\\u202ec\\u200b\\udb40\\udc41\\u007f\\n\\\"é\"\n}"
        );
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, document);
    }

    #[test]
    fn a_payload_stays_as_it_is() {
        let payload = "{\"a\":  \"\u{200b}\"}";
        assert_eq!(pretty(&verbatim(payload)).expect("a document"), payload);
    }
}
