//! The functions behind [`poll`](crate::poll), on a host in memory.

use core::cell::RefCell;
use core::fmt;
use std::rc::Rc;

use super::{Error, MAX_POLLABLES};
use crate::testing::state::{PackageState, Pause, State, wait};

pub struct Pollable {
    state: Rc<RefCell<State>>,
    is_ready: Box<dyn Fn(&State) -> bool>,
}

impl fmt::Debug for Pollable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pollable").finish_non_exhaustive()
    }
}

impl Pollable {
    /// Becomes ready when something holds of what a package keeps.
    pub fn new<P: PackageState>(
        state: Rc<RefCell<State>>,
        is_ready: impl Fn(&P) -> bool + 'static,
    ) -> Self {
        Self {
            state,
            is_ready: Box::new(move |state| state.is(&is_ready)),
        }
    }

    pub fn ready(&self) -> bool {
        let mut state = self.state.borrow_mut();
        state.settle();
        (self.is_ready)(&state)
    }

    pub fn block(&self) -> Result<(), Error> {
        wait_any(&[self]).map(drop)
    }
}

pub fn wait_any(pollables: &[&Pollable]) -> Result<Vec<u32>, Error> {
    let Some(first) = pollables.first() else {
        return Err(Error::InvalidInput);
    };
    if pollables.len() > MAX_POLLABLES {
        return Err(Error::TooLarge);
    }
    let any = |state: &State| pollables.iter().any(|pollable| (pollable.is_ready)(state));
    match wait(&first.state, None, any) {
        Pause::Ready => {
            let state = first.state.borrow();
            let places = (0..).zip(pollables);
            let ready = places.filter(|(_, pollable)| (pollable.is_ready)(&state));
            Ok(ready.map(|(place, _)| place).collect())
        }
        Pause::Unloaded | Pause::TimeIsUp => Err(Error::Cancelled),
    }
}
