//! What a capsule may know about itself and its call: who is calling, what it may do, randomness.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! # astrid_sdk::testing::Host::new().principal("alice").capability("kv").run(|| {
//! let caller = runtime::caller()?;
//! assert_eq!(caller.principal.as_deref(), Some("alice"));
//! assert_eq!(runtime::capabilities(), ["kv"]);
//! let id: [u8; 16] = runtime::random_array()?;
//! # let _ = id;
//! # Ok::<(), runtime::Error>(())
//! # }).unwrap();
//! ```

use crate::sys;
pub use crate::sys::{Caller, Error};

/// On whose behalf this call runs.
pub fn caller() -> Result<Caller, Error> {
    sys::get_caller()
}

/// Says that the run loop is ready, so that those who wait for this capsule may go on.
pub fn signal_ready() {
    sys::signal_ready();
}

/// The names of the capabilities that this capsule holds, sorted.
pub fn capabilities() -> Vec<String> {
    sys::enumerate_capabilities()
}

/// Whether the capsule of this session uuid (a [`Caller::source_id`]) holds a capability; `false`
/// for an unknown uuid or capability.
pub fn capsule_has(source_uuid: &str, capability: &str) -> Result<bool, Error> {
    sys::check_capsule_capability(source_uuid, capability)
}

/// Fills a buffer of any length with random bytes of the host's generator.
///
/// Crates that use `getrandom` (`rand`, `uuid`, `ahash` ..) get theirs from the same place with
/// nothing to set up.
pub fn random_bytes(buffer: &mut [u8]) -> Result<(), Error> {
    // The chunk's length fits: it is at most `MAX_RANDOM_BYTES`.
    for piece in buffer.chunks_mut(sys::MAX_RANDOM_BYTES as usize) {
        let bytes = sys::random_bytes(piece.len() as u64)?;
        if bytes.len() != piece.len() {
            return Err(Error::Unknown(
                "the host gave another number of random bytes than asked for".into(),
            ));
        }
        piece.copy_from_slice(&bytes);
    }
    Ok(())
}

/// An array of random bytes, such as a key or an id.
pub fn random_array<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    random_bytes(&mut bytes)?;
    Ok(bytes)
}
