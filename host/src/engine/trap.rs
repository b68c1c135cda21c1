//! What a failed call of a guest was: wasmtime's errors in the terms of this host.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use wasmtime::{Trap, WasmBacktrace};

/// The kinds of trap that are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrapKind {
    /// The epoch callback interrupted the guest: its CPU budget was spent.
    Interrupted,
    /// The guest's stack was used up.
    StackOverflow,
    /// `unreachable` was executed: an abort, a panic's end, or a deliberate trap.
    Unreachable,
    /// More data than [`super::LIFT_LIMIT`] would have crossed to the host in one call.
    TooMuchData,
    /// Any other trap, in wasmtime's words.
    Other(String),
}

/// Most bytes of a function's name in a backtrace, which has at most 20 frames.
const FRAME_NAME: usize = 512;

/// Functions of the guest, innermost first. Their names are made readable when they are first read: a host that goes
/// on after a trap mostly doesn't.
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
                .map(|name| format!("{:#}", rustc_demangle::demangle(name)))
                .collect()
        })
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
        readable: OnceLock::new(),
    }))
}
