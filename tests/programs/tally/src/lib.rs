//! Counts the numbered events that it handles, and sees whether any is missing, comes twice or out of order. What it saw
//! is in the memory of its instance: a test asks for it at the end.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// An event: the `number`th that a publisher has published about a topic, for this principal.
#[derive(Deserialize)]
struct Numbered {
    topic: u16,
    publisher: u16,
    number: u32,
}

/// What was seen of a topic.
#[derive(Default, Clone, Serialize)]
struct Seen {
    /// By publisher, from which number to before which; of a watcher how many it missed, and before which it saw the
    /// others.
    numbers: BTreeMap<u16, (u32, u32)>,
    /// Of who published which number, in order: equal for all who saw the same.
    digest: u64,
}

/// By topic.
static SEEN: Mutex<BTreeMap<u16, Seen>> = Mutex::new(BTreeMap::new());

#[derive(Default)]
struct Tally;

#[capsule]
impl Tally {
    /// Denies what isn't the next one. Where it begins is for the test to judge.
    #[astrid::hook]
    fn count(&self, event: Numbered) -> Verdict {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(event.topic).or_default();
        let begun = (event.number, event.number);
        let (_, next) = seen.numbers.entry(event.publisher).or_insert(begun);
        if *next != event.number {
            return Verdict::Deny(format!("{} came, not {next}", event.number));
        }
        *next += 1;
        // FNV-1a, a word at a time.
        for word in [u64::from(event.publisher), u64::from(event.number)] {
            seen.digest = (seen.digest ^ word).wrapping_mul(0x0100_0000_01b3);
        }
        Verdict::Continue
    }

    /// Denies what comes twice or out of order. An observer isn't run for all.
    #[astrid::hook]
    fn watch(&self, event: Numbered) -> Verdict {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(event.topic).or_default();
        let (missed, next) = seen.numbers.entry(event.publisher).or_default();
        let Some(more) = event.number.checked_sub(*next) else {
            return Verdict::Deny(format!("{} came after {next}", event.number));
        };
        *missed += more;
        *next = event.number + 1;
        Verdict::Continue
    }

    #[astrid::hook]
    fn tell(&self) -> Verdict<(), BTreeMap<u16, Seen>> {
        Verdict::Final(SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
