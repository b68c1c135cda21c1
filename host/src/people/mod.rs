//! Questions to persons and their answers.
//!
//! What enters is who asked what, and who wants to answer; what leaves is whether it may. How a question reaches a person
//! is not decided here, and nothing in here knows wasmtime.

mod questions;

pub(crate) use questions::{Questions, Unasked};
