//! Waits for messages, and never says that it is ready.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Quiet;

#[capsule]
impl Quiet {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let questions = ipc::subscribe("quiet.v1.ask")?;
        while questions.wait()?.is_some() {}
        Ok(())
    }
}
