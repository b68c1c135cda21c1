//! Every limit of a manifest, in one table.
//!
//! A manifest is written by whoever wrote the capsule, so its size and the size of everything in it
//! are bounded before anything else looks at it. The limits are far above what a real capsule
//! needs; where another limit of the host decides, the entry names it.

use std::ops::RangeInclusive;

/// Text of a manifest, in bytes.
pub const TEXT_BYTES: usize = 256 * 1024;

/// How deep inline tables and arrays may nest. Real manifests need three.
pub const NESTING: usize = 16;

/// Dots in one TOML key. With [`NESTING`] this bounds how deep a parsed document is, and so how
/// much stack it takes to build and to drop it.
pub const KEY_DOTS: usize = 8;

/// Mistakes reported for one file; how many more there were is said in one further line.
pub const DIAGNOSTICS: usize = 100;

/// Handlers of one capsule.
pub const HANDLERS: usize = 64;

/// Entries of `[publish]`, and of `[subscribe]`.
pub const TOPICS: usize = 256;

/// Entries of `[imports]`, and of `[exports]`; as many again in their nested tables.
pub const INTERFACES: usize = 128;

/// Entries of `[env]`.
pub const ENV_KEYS: usize = 128;

/// `[[tool]]` entries.
pub const TOOLS: usize = 128;

/// `[[uplink]]` entries: a capsule may register no more.
pub const UPLINKS: usize = 32;

/// Entries of every other array of tables (`[[command]]`, `[[mcp_server]]`, `[[context_file]]`,
/// `[[skill]]`, `[[cron]]`, `[[topic]]`).
pub const TABLES: usize = 64;

/// Entries of one array of strings, and of one list of capabilities.
pub const LIST: usize = 256;

/// Namespaces of embedders in one table of capabilities.
pub const NAMESPACES: usize = 16;

/// Keys of one of these namespaces.
pub const NAMESPACE_KEYS: usize = 64;

/// A name, an identifier or an environment key, in bytes.
pub const NAME_BYTES: usize = 64;

/// A handler's name, in bytes: the longest action that a host passes to a guest.
pub const ACTION_BYTES: usize = 256;

/// One entry of a list, a path or a reference, in bytes.
pub const ENTRY_BYTES: usize = 1024;

/// Text for people or models (descriptions and the like), in bytes.
pub const PROSE_BYTES: usize = 16 * 1024;

/// `timeout_ms`, `wall_ms` and `cpu_ms`: a millisecond to a day.
pub const MILLIS: RangeInclusive<u64> = 1..=24 * 60 * 60 * 1000;

/// `runtime.memory` in bytes: one page of WebAssembly to all that 32-bit addresses reach.
pub const MEMORY: RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024 * 1024;

/// `runtime.instances`.
pub const INSTANCES: RangeInclusive<u32> = 1..=1024;

/// `fanout`: above 256 subscribers nothing is delivered at all.
pub const FANOUT: RangeInclusive<u32> = 1..=256;
