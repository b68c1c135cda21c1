//! What `#[capsule]`'s output needs to name. Not for people: it may change with any version.
//!
//! The dispatch itself is generated; here is what it has in common, in one copy.

use core::panic::Location;

use serde::de::DeserializeOwned;

pub use crate::offer::{Failure, Plain, Returned, Value, command, hook, plain, to_json};
pub use crate::verdict::{Answer, Ending, Reply};

/// What the host in memory copies from the real one; a test compares the two.
#[cfg(not(target_family = "wasm"))]
pub mod copies {
    pub use crate::testing::access::{ANSWERS, HOST};
}

#[cfg(target_family = "wasm")]
pub use crate::component::{background, end, enter, installable, interceptor, trigger, upgradable};

/// A capsule, as `#[capsule]` implements it. Write `#[capsule]`, not this.
///
/// The functions are the entry points of the component; `None` is one that the capsule doesn't
/// have. In a component and on the [test host](crate::testing) these same functions run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a capsule",
    label = "put `#[capsule]` on its impl block",
    note = "a module with `#[capsule]` is called by the type it gets: `module::Capsule`"
)]
pub trait Capsule {
    /// What the component says about itself in its section `astrid:exports`: JSON with `v`, `sdk`,
    /// `exports` and `handlers`.
    const EXPORTS: &'static str;

    /// Calls the hook of this name.
    fn dispatch(&self, action: &str, payload: &[u8]) -> Answer;

    /// Runs the run loop until it ends.
    fn start(&self) -> Option<Exit> {
        None
    }

    /// Runs the install hook.
    fn install(&self) -> Option<Exit> {
        None
    }

    /// Runs the upgrade hook.
    fn upgrade(&self) -> Option<Exit> {
        None
    }
}

/// How a run loop, an install or an upgrade hook ended, and where it is written.
pub struct Exit {
    /// The error's text, if it ended with one.
    pub ending: Result<(), String>,
    /// The function.
    pub location: &'static Location<'static>,
}

/// The answer to an action that the capsule has no hook for.
pub fn unknown_action(action: &str) -> Answer {
    Answer::Deny(format!("unknown hook action: {action}"))
}

/// The version that an upgrade replaces.
pub fn previous_version() -> Result<String, String> {
    match crate::sys::get_config("prev_version") {
        Ok(Some(version)) => Ok(version),
        Ok(None) => Err("the host gave no `prev_version` to the upgrade hook".into()),
        Err(error) => Err(format!("the previous version can't be known: {error}")),
    }
}

/// What an instance begins as.
#[diagnostic::on_unimplemented(
    message = "the capsule `{Self}` has no `Default`",
    label = "each instance of the capsule begins as `Default::default()`",
    note = "put `#[derive(Default)]` on it, or implement `Default`"
)]
pub trait Initial: Sized {
    /// The capsule of a fresh instance.
    fn initial() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Initial for T {
    fn initial() -> Self {
        T::default()
    }
}

/// What a hook takes.
#[diagnostic::on_unimplemented(
    message = "a hook can't take `{Self}` as its payload",
    label = "the payload is read from JSON, so its type must implement `serde::Deserialize`",
    note = "put `#[derive(serde::Deserialize)]` on it"
)]
pub trait Payload: Sized {
    /// Reads it; the error names what was expected where.
    fn read(type_name: &str, bytes: &[u8]) -> Result<Self, String>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Payload for T {
    fn read(type_name: &str, bytes: &[u8]) -> Result<Self, String> {
        let misfit = format_args!("the payload doesn't fit `{type_name}`");
        crate::json::read(misfit, bytes)
    }
}

/// What capsules with state are generated with.
pub mod state {
    pub use crate::state::slot::{Form, Slot, change, look};
}

/// What tools are generated with.
#[cfg(feature = "schemars")]
pub mod tools {
    pub use crate::tool::{Tool, arguments, call, content, describe, known};
    pub use {schemars, serde};
}

/// Lets a capsule with tools through.
#[cfg(feature = "schemars")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_tools {
    ($($capsule:tt)*) => { $($capsule)* };
}

/// Says what a capsule with tools needs.
#[cfg(not(feature = "schemars"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_tools {
    ($($capsule:tt)*) => {
        ::core::compile_error!("`#[astrid::tool]` needs the feature `schemars`: in Cargo.toml, `astrid-sdk = { version = \"1.0\", features = [\"schemars\"] }`");
    };
}

pub use __with_tools as with_tools;
