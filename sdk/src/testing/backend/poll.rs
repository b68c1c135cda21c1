//! The functions behind [`poll`](crate::poll), on a host in memory.

use core::fmt;
use std::{cell::RefCell, rc::Rc};

use super::{Pause, State, wait};
use crate::poll::{Error, MAX_POLLABLES};

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
    pub fn new(state: Rc<RefCell<State>>, is_ready: impl Fn(&State) -> bool + 'static) -> Self {
        Self {
            state,
            is_ready: Box::new(is_ready),
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
