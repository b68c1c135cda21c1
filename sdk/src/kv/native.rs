//! The functions behind [`kv`](crate::kv) on a host in memory, each principal's keys apart; and how a test has them fail.

use std::collections::BTreeMap;

use unicode_normalization::is_nfc;

use super::{Error, MAX_KEY, MAX_KEYS, MAX_VALUE, Page};
use crate::testing::{
    Host,
    state::{self, PackageState},
};

/// The most bytes of the keys and values of one principal.
const QUOTA: usize = 64 << 20;

/// The keys and values of a principal.
type Values = BTreeMap<String, Vec<u8>>;

/// What this package keeps.
#[derive(Debug)]
struct Kv {
    principals: BTreeMap<String, Values>,
    quota: usize,
    is_unavailable: bool,
    /// Which writes to come are refused, counted from the next one, which is 1.
    refused: BTreeMap<usize, Error>,
}

impl Default for Kv {
    fn default() -> Self {
        Self {
            principals: BTreeMap::new(),
            quota: QUOTA,
            is_unavailable: false,
            refused: BTreeMap::new(),
        }
    }
}

impl PackageState for Kv {}

impl Host {
    /// Sets how many bytes the keys and values of one principal may have; 64 MiB unless given.
    pub fn kv_quota(self, bytes: usize) -> Self {
        self.set(|kv: &mut Kv| kv.quota = bytes)
    }

    /// Refuses a write to come with an error: 1 is the next one. A write is a [`set`](crate::kv::set), a
    /// [`cas`](crate::kv::cas), a [`delete`](crate::kv::delete) or a [`clear_prefix`](crate::kv::clear_prefix) of any
    /// principal, and a state that is saved.
    ///
    /// ```
    /// use astrid_sdk::{kv, testing::Host};
    ///
    /// let host = Host::new();
    /// host.refuse_write(2, kv::Error::Quota);
    /// let writes = host.run(|| [(); 3].map(|()| kv::set("key", b"value")));
    /// assert_eq!(writes, [Ok(()), Err(kv::Error::Quota), Ok(())]);
    /// ```
    pub fn refuse_write(&self, nth: usize, error: Error) {
        self.package(|_, kv: &mut Kv| kv.refused.insert(nth, error));
    }

    /// Lets the store of keys and values be out of reach, or in reach again: every function answers
    /// [`kv::Error::Unknown`](crate::kv::Error::Unknown) meanwhile.
    pub fn kv_unavailable(&self, is_unavailable: bool) {
        self.package(|_, kv: &mut Kv| kv.is_unavailable = is_unavailable);
    }
}

/// Reads the keys and values of the caller.
fn read<T>(function: impl FnOnce(&Values) -> T) -> Result<T, Error> {
    state::with(|core, kv: &mut Kv| {
        kv.reach()?;
        Ok(function(kv.principals.entry(core.principal()).or_default()))
    })
}

/// Changes the keys and values of the caller; the function is given the quota, too.
fn change<T>(function: impl FnOnce(&mut Values, usize) -> Result<T, Error>) -> Result<T, Error> {
    state::with(|core, kv: &mut Kv| {
        kv.reach()?;
        let refused = kv.refused.remove(&1);
        let later = std::mem::take(&mut kv.refused).into_iter();
        kv.refused = later
            .map(|(nth, error)| (nth.saturating_sub(1), error))
            .collect();
        match refused {
            Some(error) => Err(error),
            None => function(kv.principals.entry(core.principal()).or_default(), kv.quota),
        }
    })
}

impl Kv {
    fn reach(&self) -> Result<(), Error> {
        if self.is_unavailable {
            return Err(Error::Unknown(
                "cannot open the store: the test has it out of reach".into(),
            ));
        }
        Ok(())
    }
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
    read(|values| values.get(key).cloned())
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
    change(|values, quota| {
        if !is_expected(values.get(key).map(Vec::as_slice)) {
            return Err(Error::CasMismatch);
        }
        let others = values.iter().filter(|(other, _)| *other != key);
        let others: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        if others + key.len() + value.len() > quota {
            return Err(Error::Quota);
        }
        values.insert(key.into(), value.into());
        Ok(())
    })
}

pub fn kv_delete(key: &str) -> Result<(), Error> {
    checked(key, false)?;
    change(|values, _| {
        values.remove(key);
        Ok(())
    })
}

pub fn kv_clear_prefix(prefix: &str) -> Result<u64, Error> {
    checked(prefix, true)?;
    change(|values, _| {
        let before = values.len();
        values.retain(|key, _| !key.starts_with(prefix));
        Ok((before - values.len()) as u64)
    })
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
    read(|values| {
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
    })
}
