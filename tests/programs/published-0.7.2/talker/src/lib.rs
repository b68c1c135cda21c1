//! A hook that publishes: it passes on what the run loop of `run-only` has said.

use astrid_sdk::prelude::*;

#[derive(Default)]
pub struct Talker;

#[capsule]
impl Talker {
    #[astrid::interceptor("hear")]
    fn hear(&self, heard: serde_json::Value) -> Result<(), SysError> {
        ipc::publish_json("talker.v1.heard", &heard)
    }
}
