//! What is asked of `astrid:kv`. Each case has keys of its own.

use astrid_sdk::{
    kv::{self, MAX_KEY, MAX_KEYS, MAX_VALUE},
    prelude::*,
};

use crate::{Case, case};

pub const CASES: &[Case] = &[
    case("a key that was never written", || got("never"), "none"),
    case("a value that is read back", write_and_read, "= hello"),
    case("an empty value", empty, "= "),
    case("a value that is removed", remove, "none"),
    case(
        "a key that is removed without being there",
        remove_none,
        "ok",
    ),
    case("an empty key", || got(""), "invalid-key"),
    case("a key with a line break", || got("a\nb"), "invalid-key"),
    case(
        "a key not in normal form C",
        || got("e\u{301}"),
        "invalid-key",
    ),
    case("a key in normal form C", || got("\u{e9}"), "none"),
    case(
        "a key up to the limit",
        || got(&"k".repeat(MAX_KEY)),
        "none",
    ),
    case(
        "a key above the limit",
        || got(&"k".repeat(MAX_KEY + 1)),
        "invalid-key",
    ),
    case("a value up to the limit", || large(MAX_VALUE), "ok"),
    case(
        "a value above the limit",
        || large(MAX_VALUE + 1),
        "too-large",
    ),
    case("keys below a prefix", list, "list/1 list/10 list/2"),
    case("keys by pages", pages, "2 1"),
    case("a page from a cursor on", cursor, "page/b page/c"),
    case("more keys than a list may have", crowd, "too-large 1024"),
    case("keys that are cleared", clear, "2 none"),
    case("a value that only appears once", once, "ok cas-mismatch"),
    case("a value that is swapped", swap, "cas-mismatch ok"),
    case("a swap of what is not there", swap_none, "cas-mismatch"),
    case("a prefix above the limit", long_prefix, "invalid-key"),
    case("more bytes than a principal may have", hoard, "quota ok"),
    case("a typed key that is swapped", typed, "[1,2] cas-mismatch"),
    case("a typed key that is updated", update, "[1,2,3]"),
    case(
        "a value that does not fit its type",
        misfit,
        "the value of `misfit` does not fit `alloc::vec::Vec<u8>` at `[1]`: invalid value: integer `999`, expected u8 at line 1 column 6",
    ),
    case("more keys than a page has", all, "2100 2 many/2099"),
    case(
        "a value of an earlier version",
        migrate,
        "[7] {\"__sv\":2,\"data\":[7]}",
    ),
    case(
        "a value of a later version",
        later,
        "the value of `versioned` is of version 3, and this capsule knows 2 at most: it is left as it is",
    ),
];

fn got(key: &str) -> Result<String> {
    Ok(match kv::get(key) {
        Ok(None) => "none".into(),
        Ok(Some(value)) => format!("= {}", String::from_utf8_lossy(&value)),
        Err(error) => code(&error).into(),
    })
}

fn told(result: Result<(), kv::Error>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(error) => code(&error),
    }
}

fn write_and_read() -> Result<String> {
    kv::set("read-back", b"before")?;
    kv::set("read-back", b"hello")?;
    got("read-back")
}

fn empty() -> Result<String> {
    kv::set("empty", b"")?;
    got("empty")
}

fn remove() -> Result<String> {
    kv::set("removed", b"x")?;
    kv::delete("removed")?;
    got("removed")
}

fn remove_none() -> Result<String> {
    Ok(told(kv::delete("never-there")).into())
}

fn large(bytes: usize) -> Result<String> {
    Ok(told(kv::set("large", &vec![0; bytes])).into())
}

fn fill(keys: &[&str]) -> Result<()> {
    for key in keys {
        kv::set(key, b"x")?;
    }
    Ok(())
}

fn list() -> Result<String> {
    fill(&["list/2", "list/1", "list/10", "lists"])?;
    Ok(kv::list_keys("list/")?.join(" "))
}

fn pages() -> Result<String> {
    fill(&["paged/a", "paged/b", "paged/c"])?;
    let first = kv::list_keys_page("paged/", None, 2)?;
    let next = kv::list_keys_page("paged/", first.next_cursor.as_deref(), 2)?;
    let is_last = next.next_cursor.is_none();
    Ok(format!(
        "{} {}",
        first.keys.len(),
        if is_last { next.keys.len() } else { 0 }
    ))
}

fn cursor() -> Result<String> {
    fill(&["page/a", "page/b", "page/c"])?;
    Ok(kv::list_keys_page("page/", Some("page/a"), 0)?
        .keys
        .join(" "))
}

fn crowd() -> Result<String> {
    for number in 0..=MAX_KEYS {
        kv::set(&format!("crowd/{number:04}"), b"")?;
    }
    let list = kv::list_keys("crowd/").map(drop);
    let page = kv::list_keys_page("crowd/", None, u32::MAX)?;
    Ok(format!("{} {}", told(list), page.keys.len()))
}

fn clear() -> Result<String> {
    fill(&["cleared/a", "cleared/b", "clear"])?;
    let cleared = kv::clear_prefix("cleared/")?;
    Ok(format!("{cleared} {}", got("cleared/a")?))
}

fn once() -> Result<String> {
    kv::delete("once")?;
    let first = told(kv::cas("once", None, b"1"));
    Ok(format!("{first} {}", told(kv::cas("once", None, b"2"))))
}

fn swap() -> Result<String> {
    kv::set("swapped", b"1")?;
    let wrong = told(kv::cas("swapped", Some(b"2"), b"3"));
    Ok(format!(
        "{wrong} {}",
        told(kv::cas("swapped", Some(b"1"), b"3"))
    ))
}

fn swap_none() -> Result<String> {
    Ok(told(kv::cas("never-swapped", Some(b""), b"1")).into())
}

fn hoard() -> Result<String> {
    let value = vec![0; MAX_VALUE];
    let mut full = Ok(());
    for number in 0..=64 {
        full = full.and_then(|()| kv::set(&format!("hoard/{number}"), &value));
    }
    kv::clear_prefix("hoard/")?;
    Ok(format!(
        "{} {}",
        told(full),
        told(kv::set("hoard/0", &value))
    ))
}

fn numbers(key: &'static str) -> kv::Key<Vec<u8>> {
    kv::Key::new(key)
}

fn typed() -> Result<String> {
    let key = numbers("typed");
    key.set(&vec![1])?;
    let (first, second) = (key.read()?, key.read()?);
    first.swap(&vec![1, 2])?;
    let second = told(second.swap(&vec![3]));
    Ok(format!("{} {second}", text("typed")?))
}

fn update() -> Result<String> {
    let key = numbers("updated");
    key.delete()?;
    for number in 1..=3 {
        key.update(|numbers| {
            let mut numbers = numbers.unwrap_or_default();
            numbers.push(number);
            numbers
        })?;
    }
    text("updated")
}

fn misfit() -> Result<String> {
    kv::set("misfit", b"[1,999]")?;
    Ok(match numbers("misfit").get() {
        Ok(_) => "it fits".into(),
        Err(error) => error.to_string(),
    })
}

fn all() -> Result<String> {
    for number in 0..2_100 {
        kv::set(&format!("many/{number:04}"), b"")?;
    }
    let all: Vec<String> = kv::keys("many/").collect::<Result<_, _>>()?;
    let mut rest = kv::keys("many/").after("many/2097");
    let (next, last) = (rest.next().transpose()?, rest.next().transpose()?);
    kv::clear_prefix("many/")?;
    let count = usize::from(next.is_some()) + usize::from(last.is_some());
    Ok(format!(
        "{} {count} {}",
        all.len(),
        last.unwrap_or_default()
    ))
}

const VERSIONED: kv::Versioned<Vec<u8>> =
    kv::Versioned::new("versioned", 2, |old| Ok(vec![old.read::<u8>()?]));

fn migrate() -> Result<String> {
    kv::set("versioned", br#"{"__sv":1,"data":7}"#)?;
    let value = VERSIONED.get()?.unwrap_or_default();
    Ok(format!("{value:?} {}", text("versioned")?))
}

fn later() -> Result<String> {
    kv::set("versioned", br#"{"__sv":3,"data":7}"#)?;
    Ok(match VERSIONED.get() {
        Ok(_) => "it is read".into(),
        Err(error) => error.to_string(),
    })
}

/// The value of a key, as it is stored.
fn text(key: &str) -> Result<String> {
    Ok(String::from_utf8(kv::get(key)?.unwrap_or_default())?)
}

fn long_prefix() -> Result<String> {
    Ok(told(kv::clear_prefix(&"p".repeat(MAX_KEY + 1)).map(drop)).into())
}

/// An error by the contract's name.
fn code(error: &kv::Error) -> &'static str {
    match error {
        kv::Error::InvalidKey => "invalid-key",
        kv::Error::TooLarge => "too-large",
        kv::Error::Quota => "quota",
        kv::Error::CasMismatch => "cas-mismatch",
        _ => "unknown",
    }
}
