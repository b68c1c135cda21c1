//! The bounds within which a binary is looked at, and the counter that enforces the ones on work.
//!
//! Exceeding a bound on size refuses the binary; exceeding a bound on work only makes the answer
//! unsure, which counts as real.

use crate::escape;

/// Bytes of a component: 64 MiB. Capsules have 14 KB to a few MB; beyond this, compiling would
/// take minutes.
pub const COMPONENT_BYTES: usize = 64 << 20;

/// Bytes of one function's code: 512 KiB. The largest of a JavaScript engine has 171,628.
pub const FUNCTION_BYTES: usize = 512 << 10;

/// Calls in one function's code. Compiling is quadratic in them where values live across them. The most in a JavaScript
/// engine are 2,064; in a large Rust program, 3,831.
pub const FUNCTION_CALLS: usize = 8_192;

/// Loops in one function's code. Compiling is quadratic in them, and each costs as much as several calls. The most in a
/// JavaScript engine are 392.
pub const FUNCTION_LOOPS: usize = 2_048;

/// Loops within each other. Compiling a function of little else is worse than quadratic in their depth. The most in a
/// JavaScript engine are 6; in a large Rust program, 16.
pub const FUNCTION_LOOP_DEPTH: usize = 64;

/// Variables of one function, its parameters aside. Optimised code has about a hundred, unoptimised code of Rust some
/// hundreds.
pub const FUNCTION_LOCALS: usize = 4_096;

/// Assignments to variables in one function's loops, each once for each loop around it. The most in a JavaScript engine
/// are 19,582; in a large Rust program, 27,536.
pub const FUNCTION_LOOP_SETS: usize = 65_536;

/// Functions, imports, exports, segments, instances, arguments and aliases of a whole binary. The
/// limit of WebAssembly engines on functions alone; it keeps the declarations below about 100 MB
/// of memory.
pub const ITEMS: usize = 1_000_000;

/// Components within components.
pub const DEPTH: usize = 64;

/// Bytes of the custom section `astrid:exports`: 64 KiB, a kilobyte for each handler.
pub const SECTION_BYTES: usize = 64 << 10;

/// Handlers of one capsule.
pub const HANDLERS: usize = 64;

/// Steps in wiring a component. A component that `wit-component` makes needs some hundreds; only
/// one that instantiates components over and over gets here.
pub(super) const LINK_STEPS: u64 = 1 << 17;

/// Core instances of a component, those that only rename exports included. `wit-component` makes about
/// ten; the engine unrolls each, at a cost of its own.
pub(super) const INSTANCES: usize = 1_024;

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
