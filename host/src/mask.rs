//! Secrets that a guest was given, kept out of what is said about its calls.
//!
//! Only what was given is known here: to print a line, no secret is looked up.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Fewest bytes of a value that is masked: shorter ones are words that are in every text.
pub const SHORTEST: usize = 8;

/// The values that are masked.
#[derive(Debug, Default)]
pub struct Masks {
    /// Most have none: a line then costs a look at this.
    any: AtomicBool,
    values: Mutex<Values>,
}

/// Values by their first bytes, so that a text is looked through once, however many there are.
#[derive(Default)]
struct Values(HashMap<[u8; SHORTEST], Vec<Value>>);

struct Value {
    key: Box<str>,
    text: Box<str>,
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}

impl Masks {
    /// Masks a value from now on, as it is and as JSON spells it.
    pub fn add(&self, key: &str, value: &str) {
        let mut values = self.values.lock();
        let json = serde_json::Value::from(value).to_string();
        let spelt = json.get(1..json.len() - 1).unwrap_or(value);
        let mut any = false;
        for text in [value, spelt] {
            any |= values.add(key, text);
        }
        if any {
            self.any.store(true, Ordering::Release);
        }
    }

    /// The text without the values.
    #[must_use]
    pub fn masked(&self, text: String) -> String {
        if !self.any.load(Ordering::Acquire) {
            return text;
        }
        self.values.lock().masked(&text).unwrap_or(text)
    }
}

impl Values {
    fn add(&mut self, key: &str, text: &str) -> bool {
        let Some(start) = text.as_bytes().first_chunk() else {
            return false;
        };
        let values = self.0.entry(*start).or_default();
        if values.iter().all(|value| *value.text != *text) {
            values.push(Value {
                key: key.into(),
                text: text.into(),
            });
            // The longest one that fits is masked.
            values.sort_by_key(|value| std::cmp::Reverse(value.text.len()));
        }
        true
    }

    /// The value that a text begins with.
    fn at(&self, text: &[u8]) -> Option<&Value> {
        let values = self.0.get(text.first_chunk()?)?;
        values
            .iter()
            .find(|value| text.starts_with(value.text.as_bytes()))
    }

    /// The text without the values; none if there is no value in it.
    fn masked(&self, text: &str) -> Option<String> {
        let mut masked = None::<String>;
        let (mut kept, mut at) = (0, 0);
        while at < text.len() {
            match self.at(&text.as_bytes()[at..]) {
                // A value is whole characters, and so is what stands before one and after it.
                Some(value) => {
                    let masked = masked.get_or_insert_default();
                    let _ = write!(masked, "{}[secret {}]", &text[kept..at], value.key);
                    at += value.text.len();
                    kept = at;
                }
                None => at += 1,
            }
        }
        masked.map(|masked| masked + &text[kept..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(values: &[(&str, &str)]) -> Masks {
        let masks = Masks::default();
        for (key, value) in values {
            masks.add(key, value);
        }
        masks
    }

    #[test]
    fn a_value_is_replaced_wherever_it_stands() {
        let masks = masks(&[("TOKEN", "hush-hush"), ("SHORT", "hush")]);
        for (text, masked) in [
            ("nothing", "nothing"),
            ("hush-hush", "[secret TOKEN]"),
            (
                "a hush-hush, hush-hush.",
                "a [secret TOKEN], [secret TOKEN].",
            ),
            ("hush-hushhush-hush", "[secret TOKEN][secret TOKEN]"),
            ("hush-hus", "hush-hus"),
            ("é hush-hush é", "é [secret TOKEN] é"),
            ("hush", "hush"),
        ] {
            assert_eq!(masks.masked(text.to_owned()), masked);
        }
    }

    #[test]
    fn a_value_is_known_as_json_spells_it() {
        let value = "say \"hello\"\nto all";
        let masks = masks(&[("WORDS", value)]);
        let line = serde_json::json!({ "said": value }).to_string();
        assert_eq!(masks.masked(line), r#"{"said":"[secret WORDS]"}"#);
        assert_eq!(masks.masked(format!("<{value}>")), "<[secret WORDS]>");
    }

    #[test]
    fn of_two_that_begin_alike_the_longer_goes() {
        let masks = masks(&[
            ("ONE", "password"),
            ("TWO", "password-2"),
            ("ONE", "other-one"),
        ]);
        let text = "password password-2 password- other-one".to_owned();
        let masked = "[secret ONE] [secret TWO] [secret ONE]- [secret ONE]";
        assert_eq!(masks.masked(text), masked);
    }

    #[test]
    fn characters_are_never_cut() {
        let masks = masks(&[("KEY", "éééééééé")]);
        let text = "xééééééééy".to_owned();
        assert_eq!(masks.masked(text), "x[secret KEY]y");
        // The same bytes, shifted by one, are no value.
        let masks = Masks::default();
        masks.add("KEY", "\u{a9}\u{a9}\u{a9}\u{a9}");
        let text = "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}".to_owned();
        assert_eq!(masks.masked(text.clone()), text);
    }
}
