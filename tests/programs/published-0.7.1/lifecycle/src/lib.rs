//! Install and upgrade do something, `run` is the SDK's stub.
//!
//! Two of the three entry points being real is what misleads a rule that takes an export for a stub only if it
//! shares its body with another: here the one stub has a body of its own.

use astrid_sdk::prelude::*;

#[derive(Default)]
pub struct Lifecycle;

#[capsule]
impl Lifecycle {
    #[astrid::install]
    fn install(&self) -> Result<(), SysError> {
        log::info("installed");
        Ok(())
    }

    #[astrid::upgrade]
    fn upgrade(&self, previous: &str) -> Result<(), SysError> {
        log::info(format!("upgraded from {previous}"));
        Ok(())
    }
}
