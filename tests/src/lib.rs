//! What the end-to-end tests, the scenarios and the bench share: guests, built once, and the `astrid` command as a
//! process.
//!
//! A harness: what goes wrong in here is a panic (or an `Err(String)` where a scenario reports it) that says what
//! was tried and what came of it. No test lives here.

mod cargo;
pub mod command;
#[cfg(doctest)]
mod docs;
pub mod folders;
pub mod guests;
pub mod published;
