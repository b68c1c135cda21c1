//! A run loop and nothing else: `astrid-hook-trigger` knows no action, `astrid-install` and `astrid-upgrade`
//! are the SDK's stubs.

use astrid_sdk::prelude::*;

#[derive(Default)]
pub struct RunOnly;

#[capsule]
impl RunOnly {
    #[astrid::run]
    fn run(&self) -> Result<(), SysError> {
        let questions = ipc::subscribe("run-only.v1.question")?;
        let _ = runtime::signal_ready();
        loop {
            let _ = questions.recv(60_000)?;
            ipc::publish_json("run-only.v1.answer", &"heard")?;
        }
    }
}
