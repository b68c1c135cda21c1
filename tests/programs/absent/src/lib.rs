//! Asks the standard library for what a component doesn't have.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::time::{Duration, Instant, SystemTime};

use astrid_sdk::prelude::*;

#[derive(Default)]
struct Absent;

#[capsule]
impl Absent {
    #[astrid::hook]
    fn time_of_day(&self) -> Verdict<(), u64> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Verdict::Final(since.unwrap_or_default().as_secs())
    }

    #[astrid::hook]
    fn stopwatch(&self) -> Verdict<(), u64> {
        Verdict::Final(Instant::now().elapsed().as_secs())
    }

    #[astrid::hook]
    fn nap(&self) {
        std::thread::sleep(Duration::from_millis(1));
    }

    #[astrid::hook]
    fn thread(&self) {
        drop(std::thread::spawn(|| {}));
    }

    #[astrid::hook]
    fn file(&self) -> Verdict<(), String> {
        Verdict::Final(std::fs::read_to_string("/etc/hostname").unwrap())
    }

    /// How `std`'s hash maps and how the SDK's hash a key.
    #[astrid::hook]
    fn hash(&self) -> Verdict<(), [String; 2]> {
        let hashes = [
            std::collections::hash_map::RandomState::new().hash_one("key"),
            astrid_sdk::collections::RandomState::new().hash_one("key"),
        ];
        Verdict::Final(hashes.map(|hash| hash.to_string()))
    }

    /// A panic in the library that is the author's own fault.
    #[astrid::hook]
    fn index(&self, index: usize) -> Verdict<(), u8> {
        Verdict::Final(VecDeque::from([1, 2, 3])[index])
    }
}
