//! An install hook alone: `run` and `astrid-upgrade` are the SDK's stubs.

use astrid_sdk::prelude::*;

#[derive(Default)]
pub struct InstallOnly;

#[capsule]
impl InstallOnly {
    #[astrid::install]
    fn install(&self) -> Result<(), SysError> {
        log::info("installed");
        Ok(())
    }
}
