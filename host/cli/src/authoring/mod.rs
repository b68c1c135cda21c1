//! From a crate's folder to a component: what `astrid new`, `build`, `check` and `fix` do.
//!
//! In here: the carried SDK and the place where it is unpacked, the templates, the cargo configuration that lets a
//! plainly copied folder build, the run of cargo, the wrapping of its product into a component and a `.capsule` archive,
//! and the linter that compares a manifest with its component.
//!
//! This room may use the file system and start cargo and rustc. It runs no guest code, needs no engine, and does not
//! decide whether a host takes the capsule: a finding of the linter is advice, and the host judges for itself.

mod archive;
mod cargo;
mod cargo_config;
mod carried;
mod check;
mod compile;
mod componentize;
mod config;
mod error;
mod facts;
mod files;
mod fix;
mod known;
mod layout;
mod members;
mod new;
mod options;
mod rename;
mod settings;
mod toolchain;

pub use archive::write_archive;
pub use carried::{Sdk, Template, templates};
pub use check::{
    Finding, LARGE, Severity, check, check_prints, publications_to_fix, subscribe_line,
    subscriptions_to_fix,
};
pub use compile::{Built, OUTPUT_FOLDER, build, last_build};
pub use componentize::{ComponentizeError, componentize};
pub use config::{Configured, configure};
pub use error::AuthoringError;
pub use facts::CapsuleFacts;
pub use fix::{fix_manifest, fix_publications, fix_subscriptions};
pub use new::{Created, new_capsule};
pub use options::{BuildOptions, Verbosity};
pub use toolchain::WASM_TARGET;

/// What the functions of this room return.
pub type Result<T, E = AuthoringError> = std::result::Result<T, E>;
