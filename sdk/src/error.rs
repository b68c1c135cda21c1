//! The error that any other becomes with `?`, and the `Result` of the prelude.
//!
//! A hook's error is its answer (a Deny with the error's text), so all that is kept is something
//! to print. No error of this crate's own functions lives here: those are typed, by room.

use core::fmt;

/// Any error, for functions whose caller only reports it.
///
/// Every `std::error::Error`, `String` and `&str` turns into it with `?` or `.into()`.
///
/// ```
/// use astrid_sdk::prelude::*;
///
/// fn port(text: &str) -> Result<u16> {
///     let port: u16 = text.parse()?;
///     if port < 1024 {
///         return Err("a port below 1024".into());
///     }
///     Ok(port)
/// }
/// assert_eq!(port("80").unwrap_err().to_string(), "a port below 1024");
/// assert_eq!(port("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
// It doesn't implement `std::error::Error` itself: then it could not be converted from all of them.
pub struct Error(Box<dyn std::error::Error>);

/// A result whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// An error with this text.
    pub fn msg(text: impl fmt::Display) -> Self {
        Self(text.to_string().into())
    }

    /// What it was made from, to look for a certain error: `error.inner().downcast_ref::<E>()`.
    pub fn inner(&self) -> &(dyn std::error::Error + 'static) {
        &*self.0
    }
}

impl<E> From<E> for Error
where
    Box<dyn std::error::Error>: From<E>,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
