//! From a crate's folder to a component: what the commands `astrid new` and `astrid build` do.
//!
//! In here: the SDK that the library carries and the place where it is unpacked, the templates, the cargo
//! configuration that lets a plainly copied folder build, the run of cargo, and the wrapping of what cargo made
//! into a component and a `.capsule` archive.
//!
//! This room may use the file system and start cargo and rustc. It runs no guest code, needs no engine, and does
//! not decide whether a host will take the capsule: whether manifest and component agree is judged elsewhere.

mod archive;
mod cargo;
mod cargo_config;
mod carried;
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
mod prints;
mod rename;
mod settings;
mod toolchain;

pub use archive::write_archive;
pub use carried::{Sdk, Template, templates};
pub use compile::{BuildOptions, Built, OUTPUT_FOLDER, Verbosity, build, last_build};
pub use componentize::{ComponentizeError, componentize};
pub use config::{Configured, configure};
pub use error::AuthoringError;
pub use facts::CapsuleFacts;
pub use fix::{fix_manifest, fix_publications, fix_subscriptions};
pub use new::{Created, new_capsule};
pub use prints::check_prints;
pub use toolchain::WASM_TARGET;

/// What the functions of this room return.
pub type Result<T, E = AuthoringError> = std::result::Result<T, E>;
