//! Waits, says that it has heard what it hears, and waits again: the least that a run loop can do.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Listener;

#[capsule]
impl Listener {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let questions = ipc::subscribe("listener.v1.ask")?;
        runtime::ready();
        while let Some(batch) = questions.wait()? {
            for _ in &batch {
                ipc::publish("listener.v1.heard", &())?;
            }
        }
        Ok(())
    }
}
