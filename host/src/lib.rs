//! Loads capsules (WebAssembly components with a manifest) only if their bytes are the installed ones, gives them
//! only what their manifest asks for, and calls them on behalf of a principal.
//!
//! [`Host`] joins the rooms; each module's page says what happens in it, what may enter, and what must not.

pub mod authoring;
pub mod call;
pub mod capsule;
pub mod config;
pub mod domain;
pub mod engine;
pub mod exports;
pub mod home;
mod host;
pub mod manifest;
pub mod package;
pub mod policy;
pub mod principal;
pub mod registry;
pub mod storage;

pub use call::{Call, CallContext, CallDraft, InstanceState, Reply, Verdict};
pub use capsule::{CallError, Capsule, LoadError};
pub use home::Home;
pub use host::{BuildError, Domain, Host, HostBuilder, Installed};
pub use package::Package;
pub use principal::PrincipalId;
/// The engine underneath, in the version that [`Domain`] is written against.
pub use wasmtime;
