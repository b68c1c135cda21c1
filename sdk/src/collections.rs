//! Hash maps for keys that a caller chooses.
//!
//! Rust's standard library has no entropy on a component's target: a `std::collections::HashMap`
//! hashes the same way in every instance, so whoever chooses the keys can choose ones that all
//! collide, and each look-up then walks over all of them. The maps in here are `std`'s with another
//! [`RandomState`], whose keys come from the host, once for each instance. For keys of the capsule's
//! own `std`'s map does as well; a `BTreeMap` needs no entropy.
//!
//! ```
//! use astrid_sdk::collections::HashMap;
//!
//! let mut votes = HashMap::default();
//! *votes.entry("Ada").or_insert(0) += 1;
//! assert_eq!(votes["Ada"], 1);
//! ```

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

/// `std`'s map, whose hasher is seeded with the host's entropy. It is made with `default()` or
/// `collect()`.
pub type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// `std`'s set, whose hasher is seeded with the host's entropy. It is made with `default()` or
/// `collect()`.
pub type HashSet<T> = std::collections::HashSet<T, RandomState>;

/// As `std`'s, with the host's entropy in a component. All of an instance are equal.
#[derive(Clone, Copy, Debug)]
pub struct RandomState {
    seed: [u64; 2],
}

impl RandomState {
    /// A state with the seed of this instance, for which the host is asked the first time.
    pub fn new() -> Self {
        static SEED: OnceLock<[u64; 2]> = OnceLock::new();
        let seed = *SEED.get_or_init(seed);
        Self { seed }
    }
}

impl Default for RandomState {
    fn default() -> Self {
        Self::new()
    }
}

impl BuildHasher for RandomState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        // SipHash's own keys are fixed here; two unknown blocks before the first byte of a key make its state as
        // unknown as two unknown keys would.
        let mut hasher = DefaultHasher::new();
        for part in self.seed {
            hasher.write_u64(part);
        }
        hasher
    }
}

#[cfg(target_family = "wasm")]
fn seed() -> [u64; 2] {
    let mut bytes = [[0; 8]; 2];
    // Without entropy the map is as good as `std`'s: it still is a map.
    let _ = crate::runtime::random_bytes(bytes.as_flattened_mut());
    bytes.map(u64::from_le_bytes)
}

#[cfg(not(target_family = "wasm"))]
fn seed() -> [u64; 2] {
    // `std` has entropy here, and no host need be entered.
    let state = std::collections::hash_map::RandomState::new();
    [state.hash_one(0), state.hash_one(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_seed_is_another_hash_and_the_same_one_is_not() {
        let of = |seed| RandomState { seed };
        assert_eq!(of([1, 2]).hash_one("key"), of([1, 2]).hash_one("key"));
        assert_ne!(of([1, 2]).hash_one("key"), of([1, 3]).hash_one("key"));
        assert_ne!(of([1, 2]).hash_one("key"), of([2, 2]).hash_one("key"));
        assert_eq!(
            RandomState::new().hash_one("key"),
            RandomState::default().hash_one("key")
        );
    }

    #[test]
    fn maps_and_sets_hold_what_was_put_in() {
        let map: HashMap<_, _> = (0..100).map(|number| (number, number + 1)).collect();
        assert!((0..100).all(|number| map.get(&number) == Some(&(number + 1))));
        let set: HashSet<_> = ["a", "b", "a"].into_iter().collect();
        assert_eq!(set.len(), 2);
    }
}
