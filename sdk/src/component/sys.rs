//! The functions of [`sys`](crate::sys), as calls to the host. Only conversion belongs here.

use super::imports::astrid::sys::host;
use crate::sys::{Caller, Error, Level};

impl From<host::ErrorCode> for Error {
    fn from(code: host::ErrorCode) -> Self {
        match code {
            host::ErrorCode::CapabilityDenied => Self::CapabilityDenied,
            host::ErrorCode::ConfigKeyReserved => Self::ConfigKeyReserved,
            host::ErrorCode::TooLarge => Self::TooLarge,
            host::ErrorCode::RegistryUnavailable => Self::RegistryUnavailable,
            host::ErrorCode::Cancelled => Self::Cancelled,
            host::ErrorCode::Unknown(text) => Self::Unknown(text),
        }
    }
}

pub fn get_config(key: &str) -> Result<Option<String>, Error> {
    Ok(host::get_config(key)?)
}

pub fn get_caller() -> Result<Caller, Error> {
    let caller = host::get_caller()?;
    Ok(Caller {
        principal: caller.principal,
        source_id: caller.source_id,
        timestamp: caller.timestamp,
    })
}

pub fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => host::LogLevel::Trace,
        Level::Debug => host::LogLevel::Debug,
        Level::Info => host::LogLevel::Info,
        Level::Warn => host::LogLevel::Warn,
        Level::Error => host::LogLevel::Error,
    };
    host::log(level, message);
}

pub fn signal_ready() {
    host::signal_ready();
}

pub fn clock_ms() -> u64 {
    host::clock_ms()
}

pub fn clock_monotonic_ns() -> u64 {
    host::clock_monotonic_ns()
}

pub fn sleep_ns(duration_ns: u64) -> Result<(), Error> {
    Ok(host::sleep_ns(duration_ns)?)
}

pub fn random_bytes(length: u64) -> Result<Vec<u8>, Error> {
    Ok(host::random_bytes(length)?)
}

pub fn check_capsule_capability(source_uuid: &str, capability: &str) -> Result<bool, Error> {
    let request = host::CapabilityCheckRequest {
        source_uuid: source_uuid.into(),
        capability: capability.into(),
    };
    Ok(host::check_capsule_capability(&request)?.allowed)
}

pub fn enumerate_capabilities() -> Vec<String> {
    host::enumerate_capabilities()
}
