//! State: what a capsule remembers of each principal, as the fields of its own type.
//!
//! A capsule one of whose entry points takes `&mut self` has state. Its type implements `Default`, `serde::Serialize` and
//! `serde::Deserialize`, and there is one value of it for each principal:
//!
//! ```
//! use astrid_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Deserialize, Serialize)]
//! struct Counter {
//!     count: u64,
//! }
//!
//! #[capsule]
//! impl Counter {
//!     #[astrid::command]
//!     fn add(&mut self, number: u64) -> u64 {
//!         self.count += number;
//!         self.count
//!     }
//! }
//!
//! use astrid_sdk::testing::Host;
//! use serde_json::json;
//! let host = Host::new();
//! let add = |number: u64| host.invoke(&Counter::default(), "add", &number).data;
//! assert_eq!((add(2), add(3)), (Some(json!(2)), Some(json!(5))));
//! assert_eq!(host.state::<Counter>("default").unwrap().unwrap().count, 5);
//! ```
//!
//! # When it is read and written
//!
//! The state of the calling principal is read when a handler begins, and saved when it ends: if it changed, and if the
//! handler answered. A Deny is an answer; an error is none and saves nothing, and neither does a panic. A handler with
//! `&self` reads the state and saves nothing. A function without `self` touches no state, and neither does a capsule that
//! has none: all its methods take `&self`, and nothing says `#[capsule(state)]`.
//!
//! It costs one [`kv::get`](crate::kv::get), and one [`kv::cas`](crate::kv::cas) where it changed: an instance keeps the
//! value of its last call, and parses again only what another instance wrote. Fields that serde skips are of no use as a
//! cache: nothing of an instance is promised to last.
//!
//! # Conflicts
//!
//! Two calls of one principal may meet: with `[runtime] ordered = false`, or when a handler triggers another one of its
//! own capsule. The second to save finds another value than it has read. That is [`Error::Conflict`], which the caller is
//! told as the handler's error, `StateConflict`, and nothing of the call is saved. A handler that can bear being run from
//! its beginning again, with the state as it is by then, says how often that may be:
//! `#[astrid::hook("seen", retry = 3)]`, at most 16. What it published meanwhile was published.
//!
//! # Run loops
//!
//! A run loop hears many principals, and each has a state of its own: so it takes no `self`. [`load`] and [`update`] are
//! for the principal whose messages the last receive brought:
//!
//! ```
//! use astrid_sdk::{prelude::*, state};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Deserialize, Serialize)]
//! struct Tally {
//!     heard: u64,
//! }
//!
//! #[capsule(state)]
//! impl Tally {
//!     #[astrid::run]
//!     fn run() -> Result<()> {
//!         let news = ipc::subscribe("news.v1.*")?;
//!         runtime::ready();
//!         while let Some(batch) = news.wait()? {
//!             state::update(|tally: &mut Tally| tally.heard += batch.messages.len() as u64)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # use astrid_sdk::testing::{Host, Incoming};
//! # let host = Host::new();
//! # host.deliver(Incoming::new("news.v1.rain", "wet").by("alice"));
//! # assert_eq!(host.start(&Tally::default()), Some(Ok(())));
//! # assert_eq!(host.state::<Tally>("alice").unwrap().unwrap().heard, 1);
//! ```
//!
//! # When the type changes
//!
//! What is stored is what the version before wrote. If that cannot be read, the call's error names the type and the field,
//! and what is stored is left as it is: a default never takes its place. There are two ways to go on.
//!
//! Let the type read the old form too. That is for every principal, each at their next call: `#[serde(default)]` for a
//! field that is new, `#[serde(from = "Stored")]` with an untagged enum of both forms for more.
//!
//! Or write an upgrade hook without `self`, which is given the bytes as they are. It runs for one principal, the one for
//! whom the capsule is upgraded:
//!
//! ```
//! use astrid_sdk::{prelude::*, state};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Deserialize, Serialize)]
//! struct Visits {
//!     names: Vec<String>,
//! }
//!
//! #[capsule]
//! impl Visits {
//!     #[astrid::hook]
//!     fn visit(&mut self, name: String) {
//!         self.names.push(name);
//!     }
//!
//!     /// Version 1 kept one text, with commas.
//!     #[astrid::upgrade]
//!     fn upgrade(previous: &str) -> Result<()> {
//!         #[derive(Deserialize)]
//!         struct Version1 {
//!             names: String,
//!         }
//!         if previous.starts_with("1.")
//!             && let Some(bytes) = state::raw::<Visits>()?
//!         {
//!             let old: Version1 = serde_json::from_slice(&bytes)?;
//!             let names = old.names.split(',').map(String::from).collect();
//!             state::replace(&Visits { names })?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # use astrid_sdk::testing::Host;
//! # let host = Host::new();
//! # host.run(|| astrid_sdk::kv::set("__state", br#"{"names":"Ada,Bob"}"#)).unwrap();
//! # assert_eq!(host.upgrade(&Visits::default(), "1.4.0"), Some(Ok(())));
//! # assert_eq!(host.state::<Visits>("default").unwrap().unwrap().names, ["Ada", "Bob"]);
//! ```
//!
//! # Where it is kept
//!
//! As JSON under the key `__state` of [`kv`](crate::kv), where capsules built with the published SDK have theirs: rebuilt
//! with this one, a capsule finds what it wrote. `#[capsule(state = "tally")]` is another key. A state has at most 1 MiB,
//! and counts as any value does. What is too large for that belongs under keys of its own.

use core::fmt;
use std::thread::LocalKey;

use crate::kv;

#[cfg(not(target_family = "wasm"))]
mod native;
pub(crate) mod slot;

use slot::{Form, Kept, Slot};

/// How often [`update`] runs its function again after a conflict: 16 times.
pub const MAX_RETRIES: u32 = 16;

/// A capsule with state, as `#[capsule]` implements it. Write `#[capsule]`, not this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a capsule with state",
    label = "it is no state",
    note = "a capsule has state if an entry point takes `&mut self`, or with `#[capsule(state)]`"
)]
pub trait State: Sized + 'static {
    /// The type's name, for errors.
    const NAME: &'static str;

    /// The key under which it is kept.
    const KEY: &'static str;

    /// What this instance keeps of it.
    #[doc(hidden)]
    fn slot() -> &'static LocalKey<Slot<Self>>;

    /// How it is made, read and written.
    #[doc(hidden)]
    fn form() -> Form<Self>;
}

/// What is done with a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It is read.
    Read,
    /// It is saved.
    Save,
}

/// Why a state was not read or not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Another call changed it meanwhile. Nothing was saved.
    Conflict {
        /// The state's type.
        state: &'static str,
    },
    /// What is stored does not fit the type. It is left as it is.
    Unreadable {
        /// The state's type.
        state: &'static str,
        /// What does not fit, and where.
        reason: String,
    },
    /// JSON cannot hold the value.
    Unwritable {
        /// The state's type.
        state: &'static str,
        /// Why not.
        reason: String,
    },
    /// It has more bytes than a value may have, [`kv::MAX_VALUE`].
    TooLarge {
        /// The state's type.
        state: &'static str,
        /// How many it has.
        bytes: usize,
    },
    /// The store refused.
    Store {
        /// The state's type.
        state: &'static str,
        /// What was refused.
        doing: Doing,
        /// Why.
        error: kv::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { state } => write!(
                f,
                "StateConflict: another call changed the state of `{state}` meanwhile, and nothing of this one is saved: call again, or give the handler `retry = 3` if it may be run again"
            ),
            Self::Unreadable { reason, .. } => write!(
                f,
                "{reason}: what is stored is left as it is; let the type read the old form too, or migrate it in an `#[astrid::upgrade]` hook"
            ),
            Self::Unwritable { state, reason } => write!(
                f,
                "the state of `{state}` cannot be written as JSON: {reason}"
            ),
            Self::TooLarge { state, bytes } => write!(
                f,
                "the state of `{state}` has {bytes} bytes, more than {}: keep less, or keep parts of it under keys of their own",
                kv::MAX_VALUE
            ),
            Self::Store {
                state,
                doing: Doing::Read,
                error,
            } => write!(f, "the state of `{state}` cannot be read: {error}"),
            Self::Store { state, error, .. } => {
                write!(f, "the state of `{state}` cannot be saved: {error}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Reads the state of the principal for whom the capsule runs; the default if none is stored.
pub fn load<T: State>() -> Result<T, Error> {
    Ok(Kept::read(slot::stored::<T>()?)?.value)
}

/// Changes the state of the principal for whom the capsule runs, and saves it if it changed. After a conflict the function
/// is run again, with the state as it is by then, at most [`MAX_RETRIES`] times.
///
/// Within a handler that takes `&mut self` this makes a conflict of the handler's own state.
pub fn update<T: State, R>(mut function: impl FnMut(&mut T) -> R) -> Result<R, Error> {
    let mut left = MAX_RETRIES;
    loop {
        let mut kept = Kept::<T>::read(slot::stored::<T>()?)?;
        kept.note()?;
        let done = function(&mut kept.value);
        match kept.save() {
            Ok(()) => return Ok(done),
            Err(Error::Conflict { .. }) if left > 0 => left -= 1,
            Err(error) => return Err(error),
        }
    }
}

/// The bytes that are stored as the state of a capsule's type, none if there are none. For an upgrade hook, whose
/// predecessor may have written what the type no longer reads.
pub fn raw<T: State>() -> Result<Option<Vec<u8>>, Error> {
    slot::stored::<T>()
}

/// Stores a state in the place of whatever is stored. For an upgrade hook; elsewhere [`update`] sees to it that nothing is
/// lost which another call wrote.
pub fn replace<T: State>(value: &T) -> Result<(), Error> {
    let bytes = slot::write(value)?;
    kv::set(T::KEY, &bytes).map_err(|error| slot::store::<T>(Doing::Save, error))
}

/// Removes the state, so that the next call begins with the default.
pub fn clear<T: State>() -> Result<(), Error> {
    kv::delete(T::KEY).map_err(|error| slot::store::<T>(Doing::Save, error))
}
