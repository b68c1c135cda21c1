//! Pauses that grow: each twice as long as the one before, up to a longest.

use std::time::Duration;

/// How long to wait after each failure in a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The first pause.
    pub(crate) first: Duration,
    /// The longest.
    pub(crate) longest: Duration,
}

/// The pauses of a capsule that keeps failing, its run loop's and its handlers': 2 s to 2 min.
pub(crate) const CAPSULE: Backoff = Backoff {
    first: Duration::from_secs(2),
    longest: Duration::from_secs(120),
};

impl Backoff {
    /// The pause after `pauses` earlier ones.
    pub(crate) fn after(self, pauses: u32) -> Duration {
        let factor = 2_u32.saturating_pow(pauses);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds = [0, 1, 2, 5, 6, 40, u32::MAX].map(|pauses| CAPSULE.after(pauses).as_secs());
        assert_eq!(seconds, [2, 4, 8, 64, 120, 120, 120]);
    }
}
