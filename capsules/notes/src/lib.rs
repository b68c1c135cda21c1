//! Keeps notes for each principal.
//!
//! Each note is a value of its own below `note/`, under its number with as many zeros before it as keep the keys in the order
//! of their numbers. What one principal writes no other sees: the host keeps their keys apart.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// Below this are the notes.
const NOTES: &str = "note/";
/// The number of the last note.
const LAST: kv::Key<u64> = kv::Key::new("last");
/// The most bytes of a note: 16 KiB.
const MAX_TEXT: usize = 16 << 10;
/// The most notes of a page.
const MAX_PAGE: u32 = 50;
/// The most notes that one search looks at.
const MAX_LOOKED_AT: usize = 500;

#[derive(Deserialize, Serialize)]
struct Note {
    text: String,
}

#[derive(Serialize)]
struct Numbered {
    id: u64,
    text: String,
}

#[derive(Default, Serialize)]
struct Page {
    notes: Vec<Numbered>,
    /// What to give as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

fn key(id: u64) -> kv::Key<Note> {
    kv::Key::named(format!("{NOTES}{id:020}"))
}

/// The number of the note under a key.
fn id(key: &str) -> Result<u64> {
    let number = key.strip_prefix(NOTES).unwrap_or(key);
    Ok(number.parse()?)
}

/// A note with its number; none if it was deleted meanwhile.
fn read(id: u64) -> Result<Option<Numbered>> {
    let note = key(id).get()?;
    Ok(note.map(|Note { text }| Numbered { id, text }))
}

#[derive(Default)]
struct Notes;

/// Keeps notes.
#[capsule]
impl Notes {
    /// Writes a note down.
    #[astrid::tool(mutable = true)]
    fn add(
        &self,
        /// What it says, at most 16 KiB.
        text: String,
    ) -> Result<Numbered> {
        if text.trim().is_empty() || text.len() > MAX_TEXT {
            return Err(Error::msg(format!(
                "a note has 1 to {MAX_TEXT} bytes, not {}",
                text.len()
            )));
        }
        let id = LAST.update(|last| last.unwrap_or(0).saturating_add(1))?;
        key(id).set(&Note { text: text.clone() })?;
        Ok(Numbered { id, text })
    }

    /// Lists notes, the oldest first, a page at a time.
    #[astrid::tool]
    fn list(
        &self,
        /// Only notes after the one of this number: `next` of the page before.
        after: Option<u64>,
        /// How many notes at most: 1 to 50; 20 if none is given.
        #[schemars(range(min = 1, max = 50))]
        limit: Option<u32>,
    ) -> Result<Page> {
        let limit = limit.unwrap_or(20);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::msg(format!(
                "`limit` is 1 to {MAX_PAGE}, not {limit}"
            )));
        }
        let after = after.map(key);
        let cursor = after.as_ref().map(kv::Key::name);
        let found = kv::list_keys_page(NOTES, cursor, limit)?;
        let mut page = Page {
            next: found.next_cursor.as_deref().map(id).transpose()?,
            ..Page::default()
        };
        for key in &found.keys {
            page.notes.extend(read(id(key)?)?);
        }
        Ok(page)
    }

    /// Finds the notes that hold a text, whatever the case of its letters.
    #[astrid::tool]
    fn search(
        &self,
        /// The text to look for.
        text: String,
        /// Only notes after the one of this number: `next` of the search before.
        after: Option<u64>,
    ) -> Result<Page> {
        let wanted = text.to_lowercase();
        let keys = kv::keys(NOTES);
        let mut keys = match after {
            Some(after) => keys.after(key(after).name()),
            None => keys,
        };
        let mut page = Page::default();
        let mut last = None;
        for key in keys.by_ref().take(MAX_LOOKED_AT) {
            let id = id(&key?)?;
            let note = read(id)?;
            page.notes
                .extend(note.filter(|note| note.text.to_lowercase().contains(&wanted)));
            last = Some(id);
            if page.notes.len() == MAX_PAGE as usize {
                break;
            }
        }
        if keys.next().transpose()?.is_some() {
            page.next = last;
        }
        Ok(page)
    }

    /// Deletes a note.
    #[astrid::tool(mutable = true)]
    fn delete(
        &self,
        /// The note's number.
        id: u64,
    ) -> Result<()> {
        let key = key(id);
        if kv::get(key.name())?.is_none() {
            return Err(Error::msg(format!(
                "there is no note {id}: the tool `list` has those that there are"
            )));
        }
        Ok(key.delete()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::Host;
    use serde_json::{Value, json};

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    /// What a tool answers; an error as a text.
    fn call(host: &Host, name: &str, arguments: Value) -> Value {
        let outcome = host.call_tool(&Notes, name, &arguments);
        serde_json::from_str(&outcome.content).unwrap_or(Value::String(outcome.content))
    }

    fn add(host: &Host, text: &str) {
        let outcome = host.call_tool(&Notes, "add", &json!({ "text": text }));
        assert!(!outcome.is_error, "{}", outcome.content);
    }

    /// The numbers on a page, and the next.
    fn numbers(page: &Value) -> (Vec<u64>, Option<u64>) {
        let notes = page["notes"].as_array().unwrap();
        let numbers = notes.iter().map(|note| note["id"].as_u64().unwrap());
        (numbers.collect(), page["next"].as_u64())
    }

    #[test]
    fn a_note_is_written_listed_and_deleted() {
        let host = host();
        add(&host, "milk");
        add(&host, "bread");
        let page = call(&host, "list", json!({}));
        let both = json!({ "notes": [{ "id": 1, "text": "milk" }, { "id": 2, "text": "bread" }] });
        assert_eq!(page, both);
        call(&host, "delete", json!({ "id": 1 }));
        assert_eq!(numbers(&call(&host, "list", json!({}))), (vec![2], None));
        // The number of a note that is gone is not given again.
        call(&host, "delete", json!({ "id": 2 }));
        add(&host, "salt");
        assert_eq!(numbers(&call(&host, "list", json!({}))), (vec![3], None));
    }

    #[test]
    fn each_principal_has_notes_of_their_own() {
        let host = host();
        add(&host.by("alice"), "milk");
        let of = |principal| {
            numbers(&call(&host.by(principal), "list", json!({})))
                .0
                .len()
        };
        assert_eq!((of("alice"), of("bob")), (1, 0));
    }

    #[test]
    fn a_long_list_has_pages() {
        let host = host();
        for number in 1..=12 {
            add(&host, &format!("note {number}"));
        }
        let page = |after: Option<u64>| {
            numbers(&call(&host, "list", json!({ "after": after, "limit": 5 })))
        };
        assert_eq!(page(None), (vec![1, 2, 3, 4, 5], Some(5)));
        assert_eq!(page(Some(5)), (vec![6, 7, 8, 9, 10], Some(10)));
        assert_eq!(page(Some(10)), (vec![11, 12], None));
    }

    #[test]
    fn a_search_goes_on_where_it_ended() {
        let host = host();
        for number in 1..=120 {
            add(&host, if number % 2 == 0 { "Even" } else { "odd" });
        }
        let first = numbers(&call(&host, "search", json!({ "text": "EVEN" })));
        assert_eq!((first.0.len(), first.1), (50, Some(100)));
        let rest = call(&host, "search", json!({ "text": "even", "after": 100 }));
        assert_eq!(numbers(&rest), ((102..=120).step_by(2).collect(), None));
    }

    #[test]
    fn two_notes_at_once_get_two_numbers() {
        let host = host();
        host.refuse_write(1, kv::Error::CasMismatch);
        add(&host, "milk");
        assert_eq!(numbers(&call(&host, "list", json!({}))), (vec![1], None));
    }

    #[test]
    fn what_does_not_work_is_told() {
        let host = host().kv_quota(100);
        let check = |name: &str, arguments: Value, said: &str| {
            let outcome = host.call_tool(&Notes, name, &arguments);
            assert!(outcome.is_error, "{}", outcome.content);
            assert!(outcome.content.contains(said), "{}", outcome.content);
        };
        check("add", json!({ "text": " " }), "1 to 16384 bytes, not 1");
        check(
            "add",
            json!({ "text": "x".repeat(100) }),
            "there is no room",
        );
        check("list", json!({ "limit": 51 }), "`limit` is 1 to 50");
        check("delete", json!({ "id": 7 }), "there is no note 7");
    }
}
