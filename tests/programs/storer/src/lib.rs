//! Reads and writes keys as often as it is told, and has a state of about 200 bytes: what the bench measures with.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The key that is read and written.
const KEY: &str = "key";
/// The key of a number.
const SUM: &str = "sum";
/// The key of what is read and written as the state is, by hand.
const BY_HAND: &str = "by-hand";

/// About 200 bytes, as JSON.
#[derive(Deserialize, Serialize)]
struct Storer {
    count: u64,
    text: String,
}

impl Default for Storer {
    fn default() -> Self {
        Self {
            count: 0,
            text: "x".repeat(170),
        }
    }
}

#[capsule]
impl Storer {
    /// Calls the host for something that costs next to nothing.
    #[astrid::hook]
    fn ask(times: u32) {
        for _ in 0..times {
            std::hint::black_box(time::Instant::now());
        }
    }

    #[astrid::hook]
    fn put(bytes: usize) -> Result<()> {
        kv::set(KEY, &vec![b'v'; bytes])?;
        Ok(())
    }

    #[astrid::hook]
    fn get(times: u32) -> Result<()> {
        for _ in 0..times {
            std::hint::black_box(kv::get(KEY)?);
        }
        Ok(())
    }

    /// Adds one to a number, however many do so at once.
    #[astrid::hook]
    fn add() -> Result<Verdict<(), u64>> {
        loop {
            let before = kv::get(SUM)?;
            let text = String::from_utf8_lossy(before.as_deref().unwrap_or(b"0")).into_owned();
            let now = text.parse::<u64>().unwrap_or_default() + 1;
            match kv::cas(SUM, before.as_deref(), now.to_string().as_bytes()) {
                Err(kv::Error::CasMismatch) => {}
                swapped => {
                    swapped?;
                    return Ok(Verdict::Final(now));
                }
            }
        }
    }

    /// Changes the state.
    #[astrid::hook]
    fn count(&mut self) {
        self.count += 1;
    }

    /// Reads it.
    #[astrid::hook]
    fn look(&self) -> Verdict<(), u64> {
        Verdict::Final(self.count)
    }

    /// What `count` asks of the host.
    #[astrid::hook]
    fn count_by_hand() -> Result<()> {
        let before = kv::get(BY_HAND)?;
        let mut now = before.clone().unwrap_or_else(|| vec![b'x'; 200]);
        if let Some(first) = now.first_mut() {
            *first = first.wrapping_add(1);
        }
        kv::cas(BY_HAND, before.as_deref(), &now)?;
        Ok(())
    }

    /// What `look` asks of the host.
    #[astrid::hook]
    fn look_by_hand() -> Result<Verdict<(), u64>> {
        let value = kv::get(BY_HAND)?;
        Ok(Verdict::Final(value.map_or(0, |value| value.len() as u64)))
    }
}
