//! Files as a capsule sees them: the workspace, the files of the calling principal, and a temporary folder.
//!
//! A guest's path is parsed ([`GuestPath`]), covered by a grant of the manifest ([`Grants`]), and then resolved beneath the
//! folder of that grant by cap-std: no link, race or spelling leads out of it. What is done with it is [`Files`]' to
//! do, which blocks. It knows no wasmtime, and no error of it holds a path of this machine.

mod error;
mod grants;
mod handle;
mod mounts;
mod ops;
mod path;
mod remove;
mod space;
mod whole;

pub(crate) use error::FsError;
pub(crate) use grants::Grants;
pub(crate) use handle::{OpenFile, OpenMode, Stat};
pub(crate) use mounts::{Emptied, Folders};
pub(crate) use ops::Files;
pub(crate) use path::{GuestPath, Mount};
pub(crate) use space::Space;

#[cfg(test)]
mod tests;
