//! The bounds within which a binary is looked at, and the counter that enforces the ones on work.
//!
//! Exceeding a bound on size refuses the binary; exceeding a bound on work only makes the answer
//! unsure, which counts as real.

use crate::escape;
pub use crate::limits::exports::{
    COMPONENT_BYTES, DEPTH, FUNCTION_BYTES, FUNCTION_CALLS, FUNCTION_LOCALS, FUNCTION_LOOP_DEPTH,
    FUNCTION_LOOP_SETS, FUNCTION_LOOPS, HANDLERS, ITEMS, SECTION_BYTES,
};
pub(super) use crate::limits::exports::{INSTANCES, LINK_STEPS};

/// Steps in following calls, for a binary of `bytes` bytes. Each of the four entry points may
/// visit each function and each call once, and each of these is at least a byte. A component that
/// `wit-component` makes of Rust needs about a step for 100 bytes, so the cap, a second or
/// two, is met by none of those that are small enough to be accepted.
pub(super) const fn walk_steps(bytes: usize) -> u64 {
    const CAP: u64 = 1 << 22;
    let linear = 4 * (bytes as u64) + 4096;
    if linear < CAP { linear } else { CAP }
}

/// Characters of a name or a message that are shown.
const SHOWN_CHARS: usize = 160;

/// Work that may still be done.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    spent: u64,
}

/// The budget is used up: whatever was asked cannot be told.
#[derive(Debug)]
pub(super) struct Spent;

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, spent: 0 }
    }

    /// Takes `steps`, or nothing if fewer are left.
    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Spent> {
        let spent = self.spent.saturating_add(steps);
        if spent > self.limit {
            return Err(Spent);
        }
        self.spent = spent;
        Ok(())
    }

    /// Takes what looking a name up costs: hashing is linear in its length.
    pub(super) fn spend_name(&mut self, name: &str) -> Result<(), Spent> {
        self.spend(1 + name.len() as u64 / 64)
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent
    }
}

/// A text that comes from the binary, fit for a message: shortened and escaped.
pub(super) fn shown(text: &str) -> String {
    escape::cut_line(text, SHOWN_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_never_gives_more_than_its_limit() {
        let mut budget = Budget::new(3);
        assert!(budget.spend(2).is_ok());
        assert!(budget.spend(2).is_err());
        assert!(budget.spend(1).is_ok());
        assert!(budget.spend(u64::MAX).is_err());
        assert_eq!(budget.spent(), 3);
    }

    #[test]
    fn what_is_shown_is_short_and_has_no_control_characters() {
        assert_eq!(shown("a\u{1b}[31mé"), "a\\u{1b}[31mé");
        let long = shown(&"x".repeat(1_000));
        assert_eq!(long.chars().count(), SHOWN_CHARS + 1);
    }
}
