//! How often failures are written down: all of a few, and some of a flood.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Failures written down at once; further ones one a second.
const BURST: NonZeroU32 = NonZeroU32::new(16).expect("more than zero");
const A_SECOND: NonZeroU32 = NonZeroU32::new(1).expect("more than zero");

/// What a line says of failures that were not written down before it.
pub(super) fn and_others(count: u64) -> String {
    match count {
        0 => String::new(),
        _ => format!("; {count} earlier failures were not written down"),
    }
}

/// How often failures are written down: 16 at once, and one a second.
pub(super) struct Reports {
    rate: DefaultDirectRateLimiter,
    withheld: AtomicU64,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            rate: RateLimiter::direct(Quota::per_second(A_SECOND).allow_burst(BURST)),
            withheld: AtomicU64::new(0),
        }
    }
}

impl Reports {
    /// Whether one more is written down, and how many were not since the last one that was.
    pub(super) fn admit(&self) -> Option<u64> {
        if self.rate.check().is_ok() {
            return Some(self.withheld.swap(0, Relaxed));
        }
        self.withheld.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_counted() {
        let reports = Reports::default();
        let admitted: Vec<_> = (0..100).filter_map(|_| reports.admit()).collect();
        // A second may pass meanwhile, even some.
        assert!(admitted.len() >= 16 && admitted.len() < 100, "{admitted:?}");
        let told: u64 = admitted.iter().sum();
        let untold = reports.withheld.load(Relaxed);
        assert_eq!(told + untold + admitted.len() as u64, 100);
    }
}
