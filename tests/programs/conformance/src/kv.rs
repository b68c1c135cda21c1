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
