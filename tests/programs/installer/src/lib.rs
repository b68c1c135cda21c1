//! Says in its log that it was installed or upgraded, and refuses to be either when configured with `REFUSE`.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Installer;

#[capsule]
impl Installer {
    #[astrid::install]
    fn install(&self) -> Result<()> {
        log::info("installed");
        refuse()
    }

    #[astrid::upgrade]
    fn upgrade(&self, previous: &str) -> Result<()> {
        log::info!("upgraded from {previous}");
        refuse()
    }
}

fn refuse() -> Result<()> {
    match env::var("REFUSE")?.as_str() {
        "" => Ok(()),
        reason => Err(Error::msg(reason)),
    }
}
