//! Questions to persons and their answers.
//!
//! A question enters with the capsule that asks it, an answer with the capsule that gives it; the verdict leaves. The way
//! of a question to a person is decided elsewhere, and wasmtime is not known here.

mod questions;

pub(crate) use questions::{Noted, Questions, Unasked};
