//! The clock and waiting, as in `std::time` and `std::thread`.
//!
//! `std`'s own clocks panic in a component, so ask these. Sleeping parks the capsule: it costs no
//! CPU time, but it does count against the time that the call may take.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! use std::time::Duration;
//! # astrid_sdk::testing::Host::new().run(|| {
//! let start = time::Instant::now();
//! time::sleep(Duration::from_millis(250))?;
//! assert!(start.elapsed() >= Duration::from_millis(250));
//! # Ok::<(), time::Error>(())
//! # }).unwrap();
//! ```

use core::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use crate::sys;
pub use crate::sys::Error;

/// The longest that one [`sleep`] takes: 60 seconds, by the contract.
pub const MAX_SLEEP: Duration = Duration::from_nanos(sys::MAX_SLEEP_NS);

/// The time of day, to the millisecond, as the host's clock has it.
pub fn now() -> SystemTime {
    let since_epoch = Duration::from_millis(sys::clock_ms());
    // A clock past what the platform can express is as good as none.
    SystemTime::UNIX_EPOCH
        .checked_add(since_epoch)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Sleeps for a duration of at most [`MAX_SLEEP`], above which it is [`Error::TooLarge`]. A sleep
/// that ends early because the capsule is being unloaded is [`Error::Cancelled`].
pub fn sleep(duration: Duration) -> Result<(), Error> {
    let nanoseconds = u64::try_from(duration.as_nanos()).map_err(|_| Error::TooLarge)?;
    sys::sleep_ns(nanoseconds)
}

/// A moment on a clock that never goes back, for measuring how long something takes.
///
/// As `std::time::Instant`, but one that works in a component. Moments of two instances of a
/// capsule have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    nanoseconds: u64,
}

impl Instant {
    /// This moment.
    pub fn now() -> Self {
        Self {
            nanoseconds: sys::clock_monotonic_ns(),
        }
    }

    /// How long ago this moment was.
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// How long this moment is after an earlier one; zero if it isn't.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds))
    }

    /// The moment so much later, none past the clock's end (584 years).
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        let nanoseconds = u64::try_from(duration.as_nanos()).ok()?;
        let nanoseconds = self.nanoseconds.checked_add(nanoseconds)?;
        Some(Self { nanoseconds })
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// As [`Instant::duration_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The moment so much later, or the clock's end.
    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self {
            nanoseconds: u64::MAX,
        })
    }
}
