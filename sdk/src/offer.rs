//! What tools and commands answer with: any value, or an error. The dispatch that `#[capsule]` generates calls this;
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

/// A `Result` that a tool or a command returns.
#[diagnostic::on_unimplemented(
    message = "a tool or a command can't return `{Self}`",
    label = "it returns a value, or a `Result` whose error can be printed",
    note = "the error must implement `std::fmt::Display`"
)]
pub trait Fallible {
    /// What it holds if all went well.
    type Value;

    /// The error as text.
    fn split(self) -> Result<Self::Value, String>;
}

#[diagnostic::do_not_recommend]
impl<T, E: Display> Fallible for Result<T, E> {
    type Value = T;

    fn split(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Whether a type is a `Result`, also one by another name: the associated constant of the type itself comes before that
/// of [`Plain`].
pub struct Probe<T>(core::marker::PhantomData<T>);

impl<T, E> Probe<Result<T, E>> {
    /// It is.
    pub const IS_RESULT: bool = true;
}

/// What [`Probe`] says of everything else.
pub trait Plain {
    /// It isn't.
    const IS_RESULT: bool = false;
}

impl<T> Plain for Probe<T> {}

/// What a command answers: its JSON, or its error.
pub fn command(returned: Result<String, String>) -> Answer {
    match returned {
        Ok(json) => Answer::Final(json),
        Err(error) => Answer::Deny(error),
    }
}
