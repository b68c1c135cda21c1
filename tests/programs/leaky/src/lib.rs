//! Says its configuration wherever it can, secrets too: in answers, reasons, lines of log and panics.

#![forbid(unsafe_code)]

use std::sync::Mutex;

use astrid_sdk::prelude::*;

/// The value that was asked for last. It shows what instances have in common.
static LAST: Mutex<String> = Mutex::new(String::new());

fn last() -> String {
    LAST.lock().map(|last| last.clone()).unwrap_or_default()
}

#[derive(Default)]
struct Leaky;

#[capsule]
impl Leaky {
    /// Answers with the value of a key.
    #[astrid::hook]
    fn read(&self, key: String) -> Verdict<(), Option<String>> {
        let value = env::var(&key).ok();
        if let (Ok(mut last), Some(value)) = (LAST.lock(), &value) {
            last.clone_from(value);
        }
        Verdict::Final(value)
    }

    #[astrid::hook]
    fn is_set(&self, key: String) -> Result<Verdict<(), bool>> {
        Ok(Verdict::Final(secret::is_set(&key)?))
    }

    /// Logs the value that was read last, as it is and as JSON.
    #[astrid::hook]
    fn log_last(&self) {
        log::info!("raw {}", last());
        log::info!("json {:?}", last());
    }

    #[astrid::hook]
    fn deny_last(&self) -> Verdict {
        Verdict::Deny(format!("no: {}", last()))
    }

    #[astrid::hook]
    fn fail_last(&self) -> Result<()> {
        Err(Error::msg(format!("failed: {}", last())))
    }

    #[astrid::hook]
    #[expect(clippy::panic, reason = "it is what this does")]
    fn panic_last(&self) {
        panic!("at {}", last());
    }
}
