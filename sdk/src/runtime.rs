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

/// Says that the run loop is ready, so that those who wait for this capsule may go on. Say it once all that others
/// count on is there, such as the loop's subscriptions:
///
/// ```
/// # use astrid_sdk::prelude::*;
/// # #[derive(Default)]
/// # struct Answerer;
/// #[capsule]
/// impl Answerer {
///     #[astrid::run]
///     fn run(&self) -> Result<()> {
///         let questions = ipc::subscribe("answerer.v1.ask")?;
///         runtime::ready();
///         // Parked until a message comes; ends when the capsule is unloaded.
///         while let Some(batch) = questions.wait()? {
///             for message in batch {
///                 log::debug!("asked by {:?}", message.principal);
///             }
///         }
///         Ok(())
///     }
/// }
/// # let host = astrid_sdk::testing::Host::new();
/// # assert_eq!(host.start(&Answerer), Some(Ok(())));
/// # assert!(host.is_ready());
/// ```
///
/// A loop may go on for as long as it likes, but not compute for more than 15 seconds without waiting on something. One that
/// returns has nothing left to do; one that returns an error, or panics, is started again after a pause, at most five
/// times.
pub fn ready() {
    sys::signal_ready();
}

/// [`ready`], by the name that it has in the contract.
pub use ready as signal_ready;

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
