//! What a failed call of a guest was: wasmtime's errors in the terms of this host.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::OnceLock;

use wasmtime::{Trap, WasmBacktrace};

use crate::escape;

/// The kinds of trap that are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrapKind {
    /// The epoch callback interrupted the guest: its CPU budget was spent.
    Interrupted,
    /// The guest's stack was used up: the engine's, or the one that its compiler laid out in linear memory.
    StackOverflow,
    /// `unreachable` was executed: an abort, a panic's end, or a deliberate trap.
    Unreachable,
    /// More data than [`super::LIFT_LIMIT`] would have crossed to the host in one call.
    TooMuchData,
    /// An access outside of linear memory, where no recursion explains it.
    OutOfBounds(String),
    /// Any other trap, in wasmtime's words.
    Other(String),
}

/// Most frames of a backtrace.
pub(super) const FRAMES: NonZeroUsize = NonZeroUsize::new(20).expect("more than zero");
/// Most bytes of a function's name in a backtrace.
const FRAME_NAME: usize = 512;

/// Functions of the guest, innermost first. Their names are made readable when they are first read: a host that goes
/// on after a trap mostly doesn't. Each is one line, whatever its name in the binary.
#[derive(Default)]
pub struct Frames(Box<Names>);

/// Boxed, because every result of a call has room for them.
#[derive(Default)]
struct Names {
    found: Vec<String>,
    readable: OnceLock<Vec<String>>,
}

impl Deref for Frames {
    type Target = [String];

    fn deref(&self) -> &[String] {
        self.0.readable.get_or_init(|| {
            let names = self.0.found.iter();
            names
                .map(|name| escape::line(&format!("{:#}", rustc_demangle::demangle(name))))
                .collect()
        })
    }
}

impl Frames {
    /// The frames from the author's code on: what the language's runtime does to end a guest, and what of the standard
    /// library was called, say nothing of the author's fault. All of them if there are no others.
    pub fn of_the_author(&self) -> &[String] {
        let first = self.iter().position(|name| !is_runtime(name));
        self.get(first.unwrap_or_default()..).unwrap_or_default()
    }
}

/// Whether a function belongs to Rust's runtime or standard library, or is one that its compiler calls.
fn is_runtime(name: &str) -> bool {
    const CRATES: [&str; 7] = [
        "std",
        "core",
        "alloc",
        "__rustc",
        "dlmalloc",
        "compiler_builtins",
        "hashbrown",
    ];
    const FUNCTIONS: [&str; 3] = ["rust_", "__rust", "__rdl_"];
    // `<alloc::vec::Vec<T> as core::ops::Index<I>>::index`; a crate may have its hash behind it, `std[1f…]`.
    let path = name.trim_start_matches(['<', '&', '[']);
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    let (first, rest) = path.split_at(end.unwrap_or(path.len()));
    let in_crate = rest.starts_with("::") || rest.starts_with('[');
    match in_crate {
        true => CRATES.contains(&first),
        false => FUNCTIONS.iter().any(|begin| path.starts_with(begin)),
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Sorts an error that a call of a guest ended with.
pub fn trap_kind(error: &wasmtime::Error) -> TrapKind {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => TrapKind::Interrupted,
        Some(Trap::StackOverflow) => TrapKind::StackOverflow,
        Some(Trap::UnreachableCodeReached) => TrapKind::Unreachable,
        // A compiler's stack grows down to address 0, and past it.
        Some(Trap::MemoryOutOfBounds) if recursed(error) => TrapKind::StackOverflow,
        Some(trap @ Trap::MemoryOutOfBounds) => TrapKind::OutOfBounds(trap.to_string()),
        Some(trap) => TrapKind::Other(trap.to_string()),
        None => {
            let text = error.root_cause().to_string();
            // wasmtime has no type for this one.
            if text.contains("fuel allocated for hostcalls") {
                TrapKind::TooMuchData
            } else {
                TrapKind::Other(text)
            }
        }
    }
}

fn recursed(error: &wasmtime::Error) -> bool {
    let trace = error.downcast_ref::<WasmBacktrace>();
    trace.is_some_and(|trace| {
        let functions = trace.frames().iter().map(wasmtime::FrameInfo::func_index);
        repeats(&functions.collect::<Vec<_>>())
    })
}

/// Whether the innermost functions repeat: each of several in a row is on the stack three times. Up to three may be
/// called by those, such as one that copies memory. It takes no names, which a guest need not have.
fn repeats(functions: &[u32]) -> bool {
    const CALLED: usize = 3;
    const IN_A_ROW: usize = 4;
    const TIMES: usize = 3;
    let often = |function: &u32| functions.iter().filter(|other| *other == function).count();
    functions
        .windows(IN_A_ROW)
        .take(CALLED + 1)
        .any(|row| row.iter().all(|function| often(function) >= TIMES))
}

/// The guest's functions on the stack at the error, by their names in the binary.
pub fn backtrace(error: &wasmtime::Error) -> Frames {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return Frames::default();
    };
    let found = trace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => {
                // Guest-controlled, so cut before it is worked on.
                name[..name.floor_char_boundary(FRAME_NAME)].to_owned()
            }
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    Frames(Box::new(Names {
        found,
        ..Names::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_repeat_are_a_recursion() {
        assert!(repeats(&[7; 20]));
        assert!(repeats(&[7, 7, 7, 7, 2, 1]), "few levels of large frames");
        assert!(repeats(&[1, 2, 1, 2, 1, 2, 1, 2, 9]), "two call each other");
        assert!(repeats(&[5, 6, 8, 7, 7, 7, 7, 7]), "one is called by them");
        let tree = [3, 4, 3, 5, 3, 3, 4, 5, 3, 4, 4, 5, 3, 5];
        assert!(repeats(&tree), "in no fixed order");
    }

    #[test]
    fn functions_that_follow_each_other_are_none() {
        assert!(!repeats(&[]));
        assert!(!repeats(&[1]));
        let all: Vec<_> = (0..20).collect();
        assert!(!repeats(&all));
        assert!(!repeats(&[1, 2, 3, 4, 1, 2, 3, 4, 9, 10]), "twice");
        let deep = [1, 2, 3, 4, 5, 7, 7, 7, 7, 7, 7];
        assert!(!repeats(&deep), "what went wrong is above the recursion");
    }

    #[test]
    fn the_runtime_is_told_from_the_author() {
        for name in [
            "core::panicking::panic_fmt",
            "std::panicking::rust_panic_with_hook",
            "__rustc::rust_begin_unwind",
            "__rustc[4425a7e20b4c4619]::rust_panic",
            "std[1f2e]::time::SystemTime::now",
            "<alloc::vec::Vec<T> as core::ops::index::Index<I>>::index",
            "rust_panic",
            "__rust_abort",
        ] {
            assert!(is_runtime(name), "{name}");
        }
        for name in [
            "hello::Hello::greet",
            "<hello::Name as core::fmt::Display>::fmt",
            "standard::run",
            "rust_lint::Guard::check",
            "rust_decimal::Decimal::new",
            "core_of_it",
            "astrid-hook-trigger",
            "function 12",
            "",
        ] {
            assert!(!is_runtime(name), "{name}");
        }
    }

    #[test]
    fn frames_begin_with_the_author_if_there_is_one() {
        let frames = |names: &[&str]| {
            let found = names.iter().map(|name| (*name).to_owned()).collect();
            Frames(Box::new(Names {
                found,
                ..Names::default()
            }))
        };
        let of = frames(&["rust_panic", "std::time::now", "a::b", "core::c", "d::e"]);
        assert_eq!(of.of_the_author(), ["a::b", "core::c", "d::e"]);
        assert_eq!(of.len(), 5);
        let none = frames(&["rust_panic", "core::a"]);
        assert_eq!(none.of_the_author(), ["rust_panic", "core::a"]);
    }
}
