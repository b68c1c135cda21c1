//! Typed keys: a key and the type of its value, said once.

use core::{fmt, marker::PhantomData};
use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};

use super::{Error, cas, delete, get, json, set};

/// How often [`Key::update`] runs its function again after another call was faster: 16 times.
pub const MAX_RETRIES: u32 = 16;

/// A key whose value is a `T`, as JSON.
///
/// ```
/// use astrid_sdk::{kv, testing::Host};
///
/// const CITIES: kv::Key<Vec<String>> = kv::Key::new("cities");
///
/// # Host::new().run(|| {
/// CITIES.set(&vec!["Oslo".into()])?;
/// let cities = CITIES.update(|cities| {
///     let mut cities = cities.unwrap_or_default();
///     cities.push("Lisbon".into());
///     cities
/// })?;
/// assert_eq!(cities, ["Oslo", "Lisbon"]);
/// assert_eq!(CITIES.get()?, Some(cities));
/// # Ok::<(), kv::Error>(())
/// # }).unwrap();
/// ```
pub struct Key<T> {
    name: Cow<'static, str>,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A key that is known beforehand. Whether it is a valid one the host says, when it is used.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            value: PhantomData,
        }
    }

    /// A key that is made when it is needed: `kv::Key::<Note>::named(format!("note/{id}"))`.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Cow::Owned(name.into()),
            value: PhantomData,
        }
    }

    /// The key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Removes the value, if there is one.
    pub fn delete(&self) -> Result<(), Error> {
        delete(&self.name)
    }
}

impl<T: Serialize> Key<T> {
    /// Writes the value, whatever is there.
    pub fn set(&self, value: &T) -> Result<(), Error> {
        set(&self.name, &json::write(&self.name, value)?)
    }
}

impl<T: DeserializeOwned> Key<T> {
    /// The value, none if there is none. What does not fit the type is [`Error::Unreadable`].
    pub fn get(&self) -> Result<Option<T>, Error> {
        Ok(self.read()?.value)
    }

    /// The value together with what is stored of it, to be replaced only if nothing else has been written meanwhile.
    pub fn read(&self) -> Result<Entry<T>, Error> {
        let stored = get(&self.name)?;
        let value = stored
            .as_deref()
            .map(|bytes| json::parse(&self.name, bytes));
        Ok(Entry {
            value: value.transpose()?,
            key: self.clone(),
            stored,
        })
    }
}

impl<T: Serialize + DeserializeOwned> Key<T> {
    /// Makes a value of the one that is there, writes it, and returns it. Where another call was faster the function is
    /// run again with what that one wrote, at most [`MAX_RETRIES`] times; then it is [`Error::CasMismatch`].
    pub fn update(&self, mut function: impl FnMut(Option<T>) -> T) -> Result<T, Error> {
        let mut left = MAX_RETRIES;
        loop {
            let mut entry = self.read()?;
            let value = function(entry.value.take());
            match entry.swap(&value) {
                Ok(()) => return Ok(value),
                Err(Error::CasMismatch) if left > 0 => left -= 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.name).finish()
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            value: PhantomData,
        }
    }
}

/// A value that was read, and that may be replaced by compare-and-swap.
///
/// ```
/// # use astrid_sdk::{kv, testing::Host};
/// const OWNER: kv::Key<String> = kv::Key::new("owner");
///
/// # Host::new().run(|| {
/// let entry = OWNER.read()?;
/// assert_eq!(entry.value, None);
/// OWNER.set(&"somebody faster".into())?;
/// assert_eq!(entry.swap(&"me".into()), Err(kv::Error::CasMismatch));
/// # Ok::<(), kv::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Entry<T> {
    /// The value, none if there was none.
    pub value: Option<T>,
    key: Key<T>,
    /// The value's bytes: those, and not the value written anew, are what must still be there.
    stored: Option<Vec<u8>>,
}

impl<T: Serialize> Entry<T> {
    /// Writes a value if what was read is still there; [`Error::CasMismatch`] if it is not.
    pub fn swap(self, new: &T) -> Result<(), Error> {
        let name = self.key.name();
        cas(name, self.stored.as_deref(), &json::write(name, new)?)
    }
}
