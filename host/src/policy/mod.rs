//! Pure decisions: who may reach which topic, host, address, path or command.
//!
//! What enters are parsed values and strings; what leaves is a yes, a no, or a reason. Nothing in
//! here does I/O, keeps state, or knows wasmtime.

pub mod contract;
pub mod custom;
pub mod gate;
pub mod imports;
pub mod paths;
pub mod speech;
