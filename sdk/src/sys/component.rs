//! The functions of [`sys`](crate::sys), as calls to the host. Only conversion belongs here.

use super::Error;
use crate::component::imports::astrid::sys::host;

pub use host::{
    clock_monotonic_ns, clock_ms, enumerate_capabilities, get_caller, get_config, log,
    random_bytes, signal_ready, sleep_ns,
};

pub fn check_capsule_capability(source_uuid: &str, capability: &str) -> Result<bool, Error> {
    let request = host::CapabilityCheckRequest {
        source_uuid: source_uuid.into(),
        capability: capability.into(),
    };
    Ok(host::check_capsule_capability(&request)?.allowed)
}
