//! The places of a running host for connections: a bounded number for each kind of request, none shared between kinds.
//!
//! A connection without a request has a place, too: where there are more, the one that has been silent longest is let
//! go. So a request is heard, however many connections say nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::error::ControlError;
use super::remark::Place;
pub(super) use crate::limits::control::SILENT;
use crate::limits::control::{CALLS, FOLLOWERS, SHORT};

/// The places of a host.
pub(super) struct Places {
    short: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    silent: Mutex<Silences>,
}

#[derive(Default)]
struct Silences {
    /// The longest silent first.
    tokens: VecDeque<(u64, CancellationToken)>,
    /// How many there ever were.
    count: u64,
}

/// A request's place, until it is dropped.
pub(super) struct Seat {
    _permit: Option<OwnedSemaphorePermit>,
}

/// A connection that has asked for nothing yet, until it is dropped.
pub(super) struct Silent {
    places: Arc<Places>,
    number: u64,
    let_go: CancellationToken,
}

impl Places {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            short: Arc::new(Semaphore::new(SHORT)),
            calls: Arc::new(Semaphore::new(CALLS)),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            silent: Mutex::default(),
        })
    }

    /// Takes a place for a request.
    ///
    /// # Errors
    /// [`ControlError::Full`] if there is none of its kind.
    pub(super) fn take(&self, place: Place) -> Result<Seat, ControlError> {
        let (semaphore, most, what) = match place {
            Place::Stop => return Ok(Seat { _permit: None }),
            Place::Short => (&self.short, SHORT, "short requests under way"),
            Place::Call => (&self.calls, CALLS, "calls under way"),
            Place::Follow => (&self.followers, FOLLOWERS, "followers of logs"),
        };
        match Arc::clone(semaphore).try_acquire_owned() {
            Ok(permit) => Ok(Seat {
                _permit: Some(permit),
            }),
            Err(_) => Err(ControlError::Full { what, most }),
        }
    }

    /// A connection begins to be silent. The one that has been so longest is let go if there are too many.
    pub(super) fn silent(self: &Arc<Self>) -> Silent {
        let let_go = CancellationToken::new();
        let mut silent = self.silent.lock();
        silent.count += 1;
        let number = silent.count;
        silent.tokens.push_back((number, let_go.clone()));
        if silent.tokens.len() > SILENT
            && let Some((_, longest)) = silent.tokens.pop_front()
        {
            longest.cancel();
        }
        Silent {
            places: Arc::clone(self),
            number,
            let_go,
        }
    }
}

impl Silent {
    /// Waits until it has been silent for longer than all others, and there are too many.
    pub(super) async fn let_go(&self) -> ControlError {
        self.let_go.cancelled().await;
        ControlError::Full {
            what: "connections that ask for nothing",
            most: SILENT,
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let mut silent = self.places.silent.lock();
        silent.tokens.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_request_has_places_of_its_own_and_stop_always_has_one() {
        let places = Places::new();
        let mut taken = Vec::new();
        for (place, most) in [
            (Place::Follow, FOLLOWERS),
            (Place::Call, CALLS),
            (Place::Short, SHORT),
        ] {
            for _ in 0..most {
                taken.push(places.take(place).expect("a place"));
            }
            let full = places.take(place).err();
            assert!(matches!(full, Some(ControlError::Full { most: m, .. }) if m == most));
        }
        assert!(places.take(Place::Stop).is_ok());
        // One of the followers goes.
        drop(taken.remove(0));
        assert!(places.take(Place::Follow).is_ok());
        assert!(places.take(Place::Call).is_err());
    }

    #[test]
    fn whoever_is_silent_longest_is_let_go_for_a_new_one() {
        let places = Places::new();
        let mut silent: VecDeque<_> = (0..SILENT).map(|_| places.silent()).collect();
        let gone = |silent: &VecDeque<Silent>| {
            let gone = silent.iter().map(|silent| silent.let_go.is_cancelled());
            gone.filter(|gone| *gone).count()
        };
        assert_eq!(gone(&silent), 0);
        silent.push_back(places.silent());
        assert!(silent[0].let_go.is_cancelled());
        assert_eq!(gone(&silent), 1);
        // One that has asked for something makes room.
        silent.pop_back();
        silent.push_back(places.silent());
        assert_eq!(gone(&silent), 1);
    }
}
