//! How a capsule is built.

use std::path::PathBuf;

/// How a capsule is built.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The unpacked SDK: what [`Sdk::unpack_into`](super::Sdk::unpack_into) returned.
    pub sdk: PathBuf,
    /// How much cargo says, always on standard error.
    pub verbosity: Verbosity,
    /// `cargo --offline`: what is not on this machine is an error.
    pub offline: bool,
    /// `cargo --locked`: a lock file that would change is an error.
    pub locked: bool,
}

impl BuildOptions {
    /// With the usual answers to all questions but where the SDK is.
    #[must_use]
    pub fn new(sdk: PathBuf) -> Self {
        Self {
            sdk,
            verbosity: Verbosity::default(),
            offline: false,
            locked: false,
        }
    }
}

/// How much cargo says. The compiler's warnings and errors are never left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Progress too.
    #[default]
    Normal,
    /// The commands that cargo runs too.
    Verbose,
}
