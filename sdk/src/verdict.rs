//! What a hook answers, and what else an entry point may return.
//!
//! Here Rust's return types become the contract's `capsule-result`. Nothing here calls the host or
//! knows how an answer travels.

use core::fmt::Display;

use serde::Serialize;

use crate::bounded;

/// The most bytes of a Deny's reason that leave the capsule: 16 KiB, as much as a line of log has. A longer one, also that
/// of an error, is cut and says so: a denial is an answer, however long it is.
pub const MAX_REASON: usize = 16 << 10;

/// A hook's answer to an event.
///
/// `P` is what [`Rewrite`](Verdict::Rewrite) puts in the payload's place, `A` what
/// [`Final`](Verdict::Final) answers: a hook that does neither returns `Verdict`, one that only
/// answers may return `Verdict<(), Answer>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<P = (), A = P> {
    /// The next handler goes on with the payload as it is.
    Continue,
    /// The next handler goes on with this payload instead.
    Rewrite(P),
    /// This is the answer; no further handler is asked.
    Final(A),
    /// The event is refused for this reason, of which at most [`MAX_REASON`] bytes are told; no further handler is asked.
    Deny(String),
}

/// A hook's answer as it crosses the boundary; data is JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `continue`: data, if any, takes the payload's place.
    Continue(Option<String>),
    /// `final`: data is the answer.
    Final(String),
    /// `deny`, with the reason.
    Deny(String),
}

impl Answer {
    /// The answer as it leaves the capsule: with a reason of at most [`MAX_REASON`] bytes.
    pub(crate) fn bounded(self) -> Self {
        match self {
            Self::Deny(reason) => Self::Deny(bounded::cut(reason, MAX_REASON)),
            other => other,
        }
    }
}

/// What a hook may return: `()`, a [`Verdict`], or a `Result` of one of these whose error can be
/// printed (it becomes a Deny with its text).
#[diagnostic::on_unimplemented(
    message = "a hook can't return `{Self}`",
    label = "a hook returns `()`, a `Verdict`, or a `Result` of these",
    note = "to answer with a value, return `Verdict::Final(value)`; the value, and a payload to rewrite, must implement `serde::Serialize`",
    note = "an error becomes a Deny with its text, so it must implement `std::fmt::Display`"
)]
pub trait Reply {
    /// The answer to be sent; or the text of the hook's error, which is told as a Deny and saves no state.
    fn into_answer(self) -> Result<Answer, String>;
}

impl Reply for () {
    fn into_answer(self) -> Result<Answer, String> {
        Ok(Answer::Continue(None))
    }
}

impl<P: Serialize, A: Serialize> Reply for Verdict<P, A> {
    fn into_answer(self) -> Result<Answer, String> {
        match self {
            Verdict::Continue => Ok(Answer::Continue(None)),
            Verdict::Rewrite(payload) => Ok(Answer::Continue(Some(json(&payload)?))),
            Verdict::Final(answer) => Ok(Answer::Final(json(&answer)?)),
            Verdict::Deny(reason) => Ok(Answer::Deny(reason)),
        }
    }
}

impl<T: Reply, E: Display> Reply for Result<T, E> {
    fn into_answer(self) -> Result<Answer, String> {
        match self {
            Ok(reply) => reply.into_answer(),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A value that JSON can't hold (a map whose keys are no strings) is an error of the hook's.
fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value)
        .map_err(|error| format!("the answer can't be written as JSON: {error}"))
}

/// What `#[astrid::run]`, `#[astrid::install]` and `#[astrid::upgrade]` may return: `()`, or a
/// `Result<()>` whose error can be printed. The error ends the instance and is reported like a
/// panic, so that an installation which failed is not taken for one that worked.
#[diagnostic::on_unimplemented(
    message = "a run loop, an install and an upgrade hook can't return `{Self}`",
    label = "it returns `()` or `Result<()>`",
    note = "there is nobody to take a value; an error must implement `std::fmt::Display`"
)]
pub trait Ending {
    /// How it ended, the error as text.
    fn into_ending(self) -> Result<(), String>;
}

impl Ending for () {
    fn into_ending(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Ending for Result<(), E> {
    fn into_ending(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
