//! Values as JSON: the one place where a value of a key is read and written.

use core::any::type_name;

use serde::{Serialize, de::DeserializeOwned};

use super::{Error, get, set};
use crate::json;

/// Reads a value from JSON, none if there is none. What does not fit is [`Error::Unreadable`], which names key, type and
/// field.
///
/// ```
/// # use astrid_sdk::{kv, testing::Host};
/// # Host::new().run(|| {
/// kv::set_json("cities", &["Oslo", "Lisbon"])?;
/// let cities: Vec<String> = kv::get_json("cities")?.unwrap_or_default();
/// assert_eq!(cities.len(), 2);
/// # Ok::<(), kv::Error>(())
/// # }).unwrap();
/// ```
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    get(key)?.map(|bytes| parse(key, &bytes)).transpose()
}

/// Writes a value as JSON.
pub fn set_json<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), Error> {
    set(key, &write(key, value)?)
}

pub(super) fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    let ty = type_name::<T>();
    let misfit = format_args!("the value of `{key}` does not fit `{ty}`");
    json::read(misfit, bytes).map_err(|reason| Error::Unreadable {
        key: key.into(),
        reason,
    })
}

pub(super) fn write<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Unwritable {
        key: key.into(),
        reason: error.to_string(),
    })
}
