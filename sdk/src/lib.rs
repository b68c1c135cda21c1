//! Write Astrid capsules in ordinary Rust.
//!
//! A capsule is a WebAssembly component that a host calls when something happens: a hook is asked
//! about an event and answers with a [`Verdict`]. This crate turns an impl block into such a
//! component, and lets the same code run, without a host, in `cargo test`.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, Serialize)]
//! struct Prompt {
//!     text: String,
//! }
//!
//! #[derive(Default)]
//! struct Guard;
//!
//! #[capsule]
//! impl Guard {
//!     #[astrid::hook("check", topic = "user.v1.prompt", priority = 20, on_error = "deny")]
//!     fn check(&self, prompt: Prompt) -> Result<Verdict<Prompt>> {
//!         if prompt.text.contains("BEGIN PRIVATE KEY") {
//!             return Ok(Verdict::Deny("a private key".into()));
//!         }
//!         Ok(Verdict::Continue)
//!     }
//! }
//!
//! use astrid_sdk::testing::{Host, Kind};
//! let outcome = Host::new().invoke(&Guard, "check", &serde_json::json!({ "text": "hi" }));
//! assert_eq!(outcome.verdict, Kind::Continue);
//! ```
//!
//! # The rooms
//!
//! * [`capsule`], [`astrid`], [`Verdict`], [`Error`]: what a capsule is written with.
//! * [`log`], [`time`], [`env`](mod@env), [`runtime`]: what a capsule may ask its host for, shaped
//!   like `std` where `std` has the thing. They are made of [`sys`], which is the host's interface
//!   as it is. [`secret`] says whether a secret is set.
//! * [`state`], [`kv`]: what a capsule remembers of each principal, as the fields of its type or under keys.
//! * [`fs`]: files of the workspace, of the principal and of the capsule, shaped like `std::fs`.
//! * [`identity`]: which user a person of a platform is.
//! * [`collections`]: hash maps for keys that a caller chooses.
//! * [`ipc`], [`poll`]: messages between capsules, and waiting for several things at once.
//! * [`testing`] (not in a component): a host in memory, under which all of the above runs.
//!
//! # Adding a package
//!
//! [`sys`], [`fs`], [`identity`], [`ipc`], [`kv`], [`poll`] and [`secret`] (`astrid:elicit`) are packages of the contract, each a
//! folder of this crate's sources:
//!
//! * `mod.rs`, and files beside it: the public functions, and the types, written once;
//! * `component.rs`: the functions as calls to the host. A generated function that is good enough is re-exported by name,
//!   another one is converted;
//! * `native.rs`: the same functions on the host in memory. What they keep there is one private type, a
//!   `testing::state::PackageState`; what a test says and asks of it is an `impl testing::Host`.
//!
//! Beside the folder, a package is its `pub mod` in `lib.rs`; a row of `IMPORTS` in `xtask/tests/tidy/bindings.rs`, which
//! names the types that are written here (`UPDATE_GOLDEN=1 cargo xtask tidy` then writes `sdk/bindings/imports.rs`); and
//! `tests/programs/conformance/src/<package>.rs`, whose cases run on both hosts. A type that tests name is re-exported by
//! [`testing`].
//!
//! # Tools and commands
//!
//! `#[astrid::tool]` needs the feature `schemars`, which makes schemas of the arguments' types:
//! `astrid-sdk = { version = "1.0", features = ["schemars"] }`. A tool's arguments are the function's, each with its
//! own description and, if need be, attributes of `serde` and `schemars`:
//!
//! ```
//! # #[cfg(feature = "schemars")] {
//! # use astrid_sdk::prelude::*;
//! # #[derive(Default)]
//! # struct Weather;
//! #[capsule]
//! impl Weather {
//!     /// How warm it is in a city.
//!     #[astrid::tool]
//!     fn temperature(
//!         &self,
//!         /// The city's name in English.
//!         city: String,
//!         /// In degrees Fahrenheit instead of Celsius.
//!         #[serde(default)]
//!         fahrenheit: bool,
//!     ) -> Result<String> {
//!         match (city.as_str(), fahrenheit) {
//!             ("Oslo", false) => Ok("4 °C".into()),
//!             ("Oslo", true) => Ok("39 °F".into()),
//!             _ => Err(Error::msg(format!("nothing is known of {city}"))),
//!         }
//!     }
//! }
//!
//! use astrid_sdk::testing::Host;
//! use serde_json::json;
//! let outcome = Host::new().call_tool(&Weather, "temperature", &json!({ "city": "Oslo" }));
//! assert_eq!(outcome.content, "4 °C");
//! # }
//! ```
//!
//! The model gets a text as it is, any other value as JSON, and an error as a result that says so; arguments that
//! don't fit are such an error too, so that it can try again: also one of a name that the tool doesn't have, and arguments
//! in an array. A parameter that the function doesn't use, `_city`, is the argument `city`. The result is the handler's
//! answer, and is published on `tool.v1.execute.<name>.result`, which belongs under `[publish]` in Capsule.toml. A type of one's own among the
//! arguments derives `serde::Deserialize` and `schemars::JsonSchema` with `#[schemars(crate = "astrid_sdk::schemars")]`;
//! one struct may hold them all, as `#[serde(flatten)] arguments: Arguments`.
//!
//! A capsule has at most 64 hooks, tools and commands; a description has at most 16 KiB, all of them together 512 KiB.
//!
//! `#[astrid::command]` takes nothing or one payload, as a hook does, and answers with its text or value; an error is a
//! Deny with its text.
//!
//! # Denials
//!
//! What a hook can't do it denies: an error becomes a Deny with its text, and so does a payload that doesn't fit, naming
//! field and type. A reason has at most [`MAX_REASON`] bytes; a longer one is cut, and says so. Only a call that gives no
//! answer at all (a panic, too much time or memory) is for the manifest's `on_error` to decide: a hook that protects
//! something says `on_error = "deny"`.
//!
//! # What a payload costs
//!
//! A payload has at most 1 MiB, and a call 64 MiB of memory unless the manifest says otherwise. What a payload needs as a
//! value is for its sender to choose. Measured, for 1 MiB of JSON in a component, its own bytes included:
//!
//! | 1 MiB of | as `serde_json::Value` | below `#[serde(flatten)]` | as `RawValue`, or not named |
//! |---|---|---|---|
//! | one text | 3 MiB | 3 MiB | 3 MiB |
//! | records with two texts and a number | 8 MiB | 10 MiB | 3 MiB |
//! | numbers, or empty objects | 26 MiB | 31 MiB | 3 MiB |
//! | `{"":0},{"":0},..` | 68 MiB | 91 MiB | 3 MiB |
//!
//! So a hook that protects something names the fields that it looks into, and keeps what it passes on as
//! `serde_json::value::RawValue`, the text as it came (`capsules/redact` does): else a small prompt is all it takes to have
//! it fail. `RawValue` doesn't work below `#[serde(flatten)]`: read a `BTreeMap<String, Box<RawValue>>` instead.
//!
//! # What a capsule exports
//!
//! Only what it implements: a capsule with nothing but hooks has no `run` and no
//! `astrid-install`. The component says so itself, in the custom section `astrid:exports`.
//!
//! # Entropy
//!
//! `getrandom` (0.2, 0.3 and 0.4), and so `rand`, work without being configured: the host is asked. `uuid` wants
//! its feature `rng-getrandom` beside `v4`. `std`'s own maps hash the same way in every instance: for
//! keys that a caller chooses there is [`collections`].
//!
//! # Panics
//!
//! Nothing in this crate panics. A panic of the capsule's own ends the call: its message, file and
//! line reach the host as a last line of log, and the next call gets a fresh instance.

#![deny(missing_docs, unsafe_code)]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod bounded;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod entropy;
mod error;
mod json;
mod offer;
#[doc(hidden)]
pub mod private;
#[cfg(feature = "schemars")]
mod tool;
mod verdict;

pub mod collections;
pub mod env;
pub mod fs;
pub mod identity;
pub mod ipc;
pub mod kv;
pub mod log;
pub mod poll;
pub mod runtime;
pub mod secret;
pub mod state;
pub mod sys;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod time;

pub use astrid_sdk_macros::capsule;
pub use error::{Error, Result};
pub use private::Capsule;
/// The crate that makes schemas of types, for types of one's own among a tool's arguments:
/// `#[derive(astrid_sdk::schemars::JsonSchema)] #[schemars(crate = "astrid_sdk::schemars")]`.
#[cfg(feature = "schemars")]
pub use schemars;
pub use verdict::{Answer, Ending, MAX_REASON, Reply, Verdict};

/// The attributes that `#[capsule]` understands.
///
/// They mean something only to an enclosing `#[capsule]`, which takes them away; where one is left
/// standing it is a compile error that says so.
///
/// | attribute | the function | when it is called |
/// |---|---|---|
/// | `#[astrid::hook("name", ..)]` | takes nothing or one payload | an event its manifest binds it to, or `astrid invoke` |
/// | `#[astrid::tool("name", ..)]` | takes the tool's arguments | a model calls the tool |
/// | `#[astrid::command("name", ..)]` | takes nothing or one payload | a person gives the command |
/// | `#[astrid::run]` | takes nothing, of a capsule with [`state`] not even `self` | once, and goes on for as long as the capsule is loaded |
/// | `#[astrid::install]` | takes nothing | when the capsule is installed for the first time |
/// | `#[astrid::upgrade]` | takes nothing or the previous version, `&str` | when it replaces another version |
///
/// A name is the function's unless given. Of a hook `topic = ".."`, `priority = 20`,
/// `on_error = "deny"` and `mode = "observe"` are optional: the manifest decides, and
/// `astrid build` compares the two. `interceptor` is another word for `hook`. A tool's and a command's
/// `description = ".."` is their doc comment unless given; a tool may be `mutable = true` (it changes something), a
/// command has `kind = "slash"` or `"cli"`. One that changes [`state`] may have `retry = 3`.
pub mod astrid {
    pub use astrid_sdk_macros::{command, cron, hook, install, interceptor, run, tool, upgrade};
}

/// What almost every capsule wants in scope: `use astrid_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Error, Result, Verdict, astrid, capsule, env, fs, identity, ipc, kv, log, poll, runtime,
        secret, state, time,
    };
}

/// The version of this crate, as a component built with it states it.
pub const VERSION: &str = ::core::env!("CARGO_PKG_VERSION");
