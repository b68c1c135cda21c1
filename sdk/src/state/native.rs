//! What a test says and asks of states, on a host in memory.

use super::{Error, State};
use crate::testing::Host;

impl Host {
    /// The state that a principal has; none if none is stored.
    ///
    /// # Errors
    /// [`Error::Unreadable`]: what is stored does not fit the type.
    pub fn state<T: State>(&self, principal: &str) -> Result<Option<T>, Error> {
        self.by(principal).run(|| match super::raw::<T>()? {
            Some(_) => super::load().map(Some),
            None => Ok(None),
        })
    }

    /// Gives a principal a state.
    ///
    /// # Errors
    /// [`Error`]: JSON cannot hold the value, or the store refuses it.
    pub fn set_state<T: State>(&self, principal: &str, value: &T) -> Result<(), Error> {
        self.by(principal).run(|| super::replace(value))
    }
}
