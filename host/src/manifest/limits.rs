//! Limits of a manifest: the numbers, from the table of all limits, and the ranges of what a manifest may ask for.
//!
//! A manifest is written by whoever wrote the capsule, so its size and the size of everything in it
//! are bounded before anything else looks at it. The limits are far above what a real capsule
//! needs; where another limit of the host decides, the entry names it.

use std::ops::RangeInclusive;

pub use crate::limits::manifest::{
    ACTION_BYTES, DIAGNOSTICS, ENTRY_BYTES, ENV_KEYS, HANDLERS, INTERFACES, KEY_DOTS, LIST,
    NAME_BYTES, NAMESPACE_KEYS, NAMESPACES, NESTING, PROSE_BYTES, TABLES, TEXT_BYTES, TOOLS,
    TOPICS, UPLINKS,
};

/// `timeout_ms`, `wall_ms` and `cpu_ms`: a millisecond to a day.
pub const MILLIS: RangeInclusive<u64> = 1..=24 * 60 * 60 * 1000;

/// `runtime.memory` in bytes: one page of WebAssembly to all that 32-bit addresses reach.
pub const MEMORY: RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024 * 1024;

/// `runtime.instances`.
pub const INSTANCES: RangeInclusive<u32> = 1..=1024;

/// `fanout`: above 256 subscribers nothing is delivered at all.
pub const FANOUT: RangeInclusive<u32> = 1..=256;
