//! The host's interface `astrid:sys/host@1.0.0`, function by function.
//!
//! [`log`](crate::log), [`time`](crate::time), [`env`](mod@crate::env) and
//! [`runtime`](crate::runtime) are made of these and are usually what you want; this room is for
//! what they leave out, such as asking for more than a limit allows. In a component the functions
//! call the host, elsewhere the [`testing::Host`](crate::testing::Host) that is entered. No
//! convenience belongs here.

use core::fmt;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

/// The most bytes that one [`random_bytes`] call gives: 4,096, by the contract.
pub const MAX_RANDOM_BYTES: u64 = 4_096;

/// The longest that one [`sleep_ns`] call sleeps: 60 seconds in nanoseconds, by the contract.
pub const MAX_SLEEP_NS: u64 = 60_000_000_000;

/// Why the host did not do what it was asked: the contract's `error-code`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The manifest does not ask for the capability that this needs.
    CapabilityDenied,
    /// The configuration key belongs to the host.
    ConfigKeyReserved,
    /// More was asked for than a limit allows ([`MAX_RANDOM_BYTES`], [`MAX_SLEEP_NS`]).
    TooLarge,
    /// The registry of capsules could not be asked.
    RegistryUnavailable,
    /// The wait was cut short, because the capsule is being unloaded.
    Cancelled,
    /// Something the contract has no code for, in the host's words.
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CapabilityDenied => "the manifest does not ask for the capability this needs",
            Self::ConfigKeyReserved => "the configuration key belongs to the host",
            Self::TooLarge => "more was asked for than the host allows in one call",
            Self::RegistryUnavailable => "the registry of capsules could not be asked",
            Self::Cancelled => "cut short, because the capsule is being unloaded",
            Self::Unknown(text) => text,
        })
    }
}

impl std::error::Error for Error {}

/// How much a line of log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator may want to know.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

/// On whose behalf a call runs: the contract's `caller-context`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The principal's name; none when nobody called, as in a run loop before its first message.
    pub principal: Option<String>,
    /// The session uuid of the capsule that published the event; empty when no capsule did.
    pub source_id: String,
    /// When the event was published, RFC 3339; empty when nobody called.
    pub timestamp: String,
}

/// The value of a configuration key, none when it has none. Strings come as they are, other values
/// as their JSON text.
///
/// Keys beginning with `ASTRID_`, and `prev_version`, are the host's own: a manifest cannot declare
/// them, and where the host does not provide one the answer is none.
pub fn get_config(key: &str) -> Result<Option<String>, Error> {
    backend::get_config(key)
}

/// On whose behalf this call runs.
pub fn get_caller() -> Result<Caller, Error> {
    backend::get_caller()
}

/// Writes one line of log. The host keeps the first 256 KiB a second of a capsule and principal.
pub fn log(level: Level, message: &str) {
    backend::log(level, message);
}

/// Says that the run loop is ready, so that those who wait for this capsule may go on.
pub fn signal_ready() {
    backend::signal_ready();
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn clock_ms() -> u64 {
    backend::clock_ms()
}

/// Nanoseconds since a moment that stays the same for the life of an instance; never goes back.
pub fn clock_monotonic_ns() -> u64 {
    backend::clock_monotonic_ns()
}

/// Sleeps. Above [`MAX_SLEEP_NS`] it is [`Error::TooLarge`]; cut short by unloading,
/// [`Error::Cancelled`].
pub fn sleep_ns(duration_ns: u64) -> Result<(), Error> {
    backend::sleep_ns(duration_ns)
}

/// Random bytes of the host's generator. Above [`MAX_RANDOM_BYTES`] it is [`Error::TooLarge`].
pub fn random_bytes(length: u64) -> Result<Vec<u8>, Error> {
    backend::random_bytes(length)
}

/// Whether the capsule of this session uuid holds a capability. An unknown uuid or capability is
/// `false`; [`Error::RegistryUnavailable`] when the registry cannot be asked.
pub fn check_capsule_capability(source_uuid: &str, capability: &str) -> Result<bool, Error> {
    backend::check_capsule_capability(source_uuid, capability)
}

/// The names of the capabilities that this capsule holds, sorted.
pub fn enumerate_capabilities() -> Vec<String> {
    backend::enumerate_capabilities()
}
