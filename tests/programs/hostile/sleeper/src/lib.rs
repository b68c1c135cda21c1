//! Sleeps for ever, in naps that the host allows. It says so first, so that a test can wait for it to be asleep.

#![forbid(unsafe_code)]

use std::time::Duration;

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Sleeper;

#[capsule]
impl Sleeper {
    #[astrid::hook]
    fn misbehave(&self) -> Result<()> {
        log::info("asleep");
        loop {
            time::sleep(Duration::from_secs(60))?;
        }
    }

    /// Lets others have their turn, and answers.
    #[astrid::hook]
    fn nap(&self) -> Result<()> {
        Ok(time::sleep(Duration::from_millis(1))?)
    }

    #[astrid::hook]
    fn behave(&self) {}
}
