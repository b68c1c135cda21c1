//! A run loop that tells what is configured whenever a capsule is loaded.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Reader;

#[capsule]
impl Reader {
    #[astrid::run]
    fn run(&self) -> Result<()> {
        let loaded = ipc::subscribe("astrid.v1.lifecycle.capsule_loaded")?;
        runtime::ready();
        while loaded.wait()?.is_some() {
            ipc::publish("reader.v1.told", &env::var("WORD")?)?;
        }
        Ok(())
    }
}
