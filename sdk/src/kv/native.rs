//! The functions behind [`kv`](crate::kv) on a host in memory, each principal's keys apart.

use std::collections::BTreeMap;

use unicode_normalization::is_nfc;

use super::{Error, MAX_KEY, MAX_KEYS, MAX_VALUE, Page};
use crate::testing::state::{self, PackageState};

/// The most bytes of the keys and values of one principal.
const QUOTA: usize = 64 << 20;

/// What this package keeps: the keys and values of each principal.
#[derive(Debug, Default)]
struct Kv(BTreeMap<String, BTreeMap<String, Vec<u8>>>);

impl PackageState for Kv {}

/// With the keys and values of the caller.
fn with<T>(function: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
    state::with(|core, kv: &mut Kv| function(kv.0.entry(core.principal()).or_default()))
}

/// A key; a prefix or a cursor may be empty besides.
fn checked(key: &str, may_be_empty: bool) -> Result<(), Error> {
    let is_valid = key.len() <= MAX_KEY
        && (may_be_empty || !key.is_empty())
        && !key.chars().any(char::is_control)
        && is_nfc(key);
    if is_valid {
        Ok(())
    } else {
        Err(Error::InvalidKey)
    }
}

pub fn kv_get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    checked(key, false)?;
    Ok(with(|values| values.get(key).cloned()))
}

pub fn kv_set(key: &str, value: &[u8]) -> Result<(), Error> {
    write(key, value, |_| true)
}

pub fn kv_cas(key: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<(), Error> {
    write(key, new, |there| there == expected)
}

fn write(
    key: &str,
    value: &[u8],
    is_expected: impl FnOnce(Option<&[u8]>) -> bool,
) -> Result<(), Error> {
    checked(key, false)?;
    if value.len() > MAX_VALUE {
        return Err(Error::TooLarge);
    }
    with(|values| {
        if !is_expected(values.get(key).map(Vec::as_slice)) {
            return Err(Error::CasMismatch);
        }
        let others = values.iter().filter(|(other, _)| *other != key);
        let others: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        if others + key.len() + value.len() > QUOTA {
            return Err(Error::Quota);
        }
        values.insert(key.into(), value.into());
        Ok(())
    })
}

pub fn kv_delete(key: &str) -> Result<(), Error> {
    checked(key, false)?;
    with(|values| values.remove(key));
    Ok(())
}

pub fn kv_clear_prefix(prefix: &str) -> Result<u64, Error> {
    checked(prefix, true)?;
    Ok(with(|values| {
        let before = values.len();
        values.retain(|key, _| !key.starts_with(prefix));
        (before - values.len()) as u64
    }))
}

pub fn kv_list_keys(prefix: &str) -> Result<Vec<String>, Error> {
    let page = kv_list_keys_page(prefix, None, 0)?;
    match page.next_cursor {
        Some(_) => Err(Error::TooLarge),
        None => Ok(page.keys),
    }
}

pub fn kv_list_keys_page(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
    checked(prefix, true)?;
    checked(cursor.unwrap_or_default(), true)?;
    let limit = match limit as usize {
        0 => MAX_KEYS,
        limit => limit.min(MAX_KEYS),
    };
    Ok(with(|values| {
        let comes_after = |key: &&String| cursor.is_none_or(|cursor| key.as_str() > cursor);
        let mut keys = values
            .keys()
            .filter(|key| key.starts_with(prefix))
            .filter(comes_after);
        let page: Vec<String> = keys.by_ref().take(limit).cloned().collect();
        let more = keys.next().is_some();
        Page {
            next_cursor: page.last().filter(|_| more).cloned(),
            keys: page,
        }
    }))
}
