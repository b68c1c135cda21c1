//! Values whose type changes from one version of a capsule to the next.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Error, cas, delete, get, json, set};

/// A key whose value is stored with the version of its type, and migrated when it is read.
///
/// ```
/// use astrid_sdk::{kv, prelude::*, testing::Host};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Deserialize, PartialEq, Serialize)]
/// struct Profile {
///     names: Vec<String>,
/// }
///
/// const PROFILE: kv::Versioned<Profile> = kv::Versioned::new("profile", 2, |old| {
///     #[derive(Deserialize)]
///     struct Version1 {
///         name: String,
///     }
///     match old.version() {
///         1 => Ok(Profile { names: vec![old.read::<Version1>()?.name] }),
///         other => Err(Error::msg(format!("there was no version {other}"))),
///     }
/// });
///
/// # Host::new().run(|| {
/// kv::set("profile", br#"{"__sv":1,"data":{"name":"Ada"}}"#)?;
/// assert_eq!(PROFILE.get()?, Some(Profile { names: vec!["Ada".into()] }));
/// # assert_eq!(kv::get("profile")?.unwrap(), br#"{"__sv":2,"data":{"names":["Ada"]}}"#);
/// # Ok::<(), kv::Error>(())
/// # }).unwrap();
/// ```
///
/// The form is the published SDK's: `{"__sv": 2, "data": ..}`. A value that was written without a version is of version 0.
#[derive(Debug)]
pub struct Versioned<T> {
    name: &'static str,
    version: u32,
    migrate: Migrate<T>,
}

/// Makes a value of one of an earlier version.
type Migrate<T> = fn(Old<'_>) -> crate::Result<T>;

/// A value of an earlier version.
#[derive(Debug)]
pub struct Old<'a> {
    key: &'a str,
    /// None if it was written without one.
    version: Option<u32>,
    stored: &'a [u8],
}

/// A value with its version.
#[derive(Deserialize, Serialize)]
struct Envelope<T> {
    #[serde(rename = "__sv")]
    version: u32,
    data: T,
}

/// The version of a value, if it is one that has any.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "__sv")]
    version: u32,
}

impl Old<'_> {
    /// The version that it was written with, 0 if none.
    pub fn version(&self) -> u32 {
        self.version.unwrap_or(0)
    }

    /// Reads the value as the type that it had then.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read(self.key, self.version, self.stored)
    }
}

fn read<T: DeserializeOwned>(key: &str, version: Option<u32>, stored: &[u8]) -> Result<T, Error> {
    match version {
        None => json::parse(key, stored),
        Some(_) => Ok(json::parse::<Envelope<T>>(key, stored)?.data),
    }
}

impl<T> Versioned<T> {
    /// A key, the version that its values have now, and what makes such a value of an earlier one.
    pub const fn new(name: &'static str, version: u32, migrate: Migrate<T>) -> Self {
        Self {
            name,
            version,
            migrate,
        }
    }

    /// The key.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Removes the value, if there is one.
    pub fn delete(&self) -> Result<(), Error> {
        delete(self.name)
    }
}

impl<T: Serialize + DeserializeOwned> Versioned<T> {
    /// Reads the value, none if there is none. One of an earlier version is migrated and written in the place of the old
    /// one, unless another call was faster; one of a later version is [`Error::Newer`]. If it cannot be migrated, that is
    /// [`Error::Migration`], and what is there stays.
    pub fn get(&self) -> Result<Option<T>, Error> {
        let Some(stored) = get(self.name)? else {
            return Ok(None);
        };
        let probe: Option<Probe> = serde_json::from_slice(&stored).ok();
        let version = probe.map(|probe| probe.version);
        if version == Some(self.version) {
            return read(self.name, version, &stored).map(Some);
        }
        if let Some(newer) = version.filter(|version| *version > self.version) {
            return Err(Error::Newer {
                key: self.name.into(),
                stored: newer,
                known: self.version,
            });
        }
        let old_version = version.unwrap_or(0);
        let old = Old {
            key: self.name,
            version,
            stored: &stored,
        };
        let value = (self.migrate)(old).map_err(|error| Error::Migration {
            key: self.name.into(),
            stored: old_version,
            reason: error.to_string(),
        })?;
        match cas(self.name, Some(&stored), &self.write(&value)?) {
            // Another call has written since: what was read is migrated all the same.
            Ok(()) | Err(Error::CasMismatch) => Ok(Some(value)),
            Err(error) => Err(error),
        }
    }

    /// Writes a value, with the version that values have now, whatever is there.
    pub fn set(&self, value: &T) -> Result<(), Error> {
        set(self.name, &self.write(value)?)
    }

    fn write(&self, data: &T) -> Result<Vec<u8>, Error> {
        let version = self.version;
        json::write(self.name, &Envelope { version, data })
    }
}
