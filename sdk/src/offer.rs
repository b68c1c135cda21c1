//! What handlers answer with: of tools and commands any value, or an error. The dispatch that `#[capsule]` generates calls this;
//! the words of its compile errors are here too.

use core::fmt::Display;

use serde::Serialize;

use crate::verdict::Answer;

/// What a tool or a command may return, by itself or in a `Result`.
#[diagnostic::on_unimplemented(
    message = "a tool or a command can't return `{Self}`",
    label = "the value is answered as JSON, so its type must implement `serde::Serialize`",
    note = "put `#[derive(serde::Serialize)]` on it"
)]
pub trait Value {
    /// As JSON, or why that can't be.
    fn to_json(&self) -> Result<String, String>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Value for T {
    fn to_json(&self) -> Result<String, String> {
        serde_json::to_string(self)
            .map_err(|error| format!("the answer can't be written as JSON: {error}"))
    }
}

/// Writes a value as JSON.
pub fn to_json<T: Value>(value: &T) -> Result<String, String> {
    value.to_json()
}

/// The error of a `Result` that a tool or a command returns.
#[diagnostic::on_unimplemented(
    message = "a tool or a command cannot return the error `{Self}`",
    label = "it returns a value, or a `Result` whose error can be printed",
    note = "the error must implement `std::fmt::Display`"
)]
pub trait Failure: Display {}

#[diagnostic::do_not_recommend]
impl<E: Display> Failure for E {}

/// What a tool or a command returned. A `Result`, by whatever name, is known by its type: the method of the type itself
/// comes before that of [`Plain`].
pub struct Returned<T>(pub T);

impl<T, E> Returned<Result<T, E>> {
    /// The value, or the error's text.
    pub fn split(self) -> Result<T, String>
    where
        E: Failure,
    {
        self.0.map_err(|error| error.to_string())
    }
}

/// What is returned and no `Result`.
pub trait Plain {
    /// Its type.
    type Value;

    /// The value.
    fn split(self) -> Result<Self::Value, String>;
}

impl<T> Plain for Returned<T> {
    type Value = T;

    fn split(self) -> Result<T, String> {
        Ok(self.0)
    }
}

/// What a hook answers: its answer, or its error.
pub fn hook(answered: Result<Answer, String>) -> Answer {
    answered.unwrap_or_else(Answer::Deny)
}

/// Runs the body of a function that takes no state.
pub fn plain<R>(body: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    body()
}

/// What a command answers: its JSON, or its error.
pub fn command(returned: Result<String, String>) -> Answer {
    match returned {
        Ok(json) => Answer::Final(json),
        Err(error) => Answer::Deny(error),
    }
}
