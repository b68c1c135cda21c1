//! Waiting for several things at once.
//!
//! What can become ready gives a [`Pollable`], such as
//! [`Subscription::readiness`](crate::ipc::Subscription::readiness); [`wait_any`] parks the capsule until one of them
//! is. Nothing spins: a parked capsule costs no CPU time.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! # let host = astrid_sdk::testing::Host::new();
//! # host.run(|| -> Result<()> {
//! let orders = ipc::subscribe("shop.v1.order")?;
//! let returns = ipc::subscribe("shop.v1.return")?;
//! let (order, goods) = (orders.readiness(), returns.readiness());
//! # ipc::publish("shop.v1.return", &1)?;
//!
//! let ready = poll::wait_any(&[&order, &goods])?;
//! assert!(!ready.contains(0) && ready.contains(1));
//! let batch = returns.poll()?;
//! # assert_eq!(batch.unwrap().messages.len(), 1);
//! # Ok(())
//! # }).unwrap();
//! ```
//!
//! There is no pollable for time: where something is to be done every so often, wait on one subscription with
//! [`recv`](crate::ipc::Subscription::recv) and its timeout.

use core::fmt;
use core::marker::PhantomData;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod native;

#[cfg(target_family = "wasm")]
use component as backend;
#[cfg(not(target_family = "wasm"))]
use native as backend;

/// The most that [`wait_any`] takes: 256, by the contract.
pub const MAX_POLLABLES: usize = 256;

/// Why a wait ended with nothing ready: the contract's `error-code`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to wait for.
    InvalidInput,
    /// What was waited for is gone.
    Closed,
    /// There are more than [`MAX_POLLABLES`].
    TooLarge,
    /// The wait was cut short, because the capsule is being unloaded.
    Cancelled,
    /// Something the contract has no code for, in the host's words.
    Unknown(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidInput => "there is nothing to wait for",
            Self::Closed => "what was waited for is gone",
            Self::TooLarge => "more than the host waits for at once",
            Self::Cancelled => "cut short, because the capsule is being unloaded",
            Self::Unknown(text) => text,
        })
    }
}

impl std::error::Error for Error {}

/// Becomes ready when its source does, and stays so until what made it ready is taken.
#[derive(Debug)]
pub struct Pollable<'a> {
    handle: backend::Pollable,
    // The host may end a pollable with its source.
    source: PhantomData<&'a ()>,
}

impl Pollable<'_> {
    pub(crate) fn new(handle: backend::Pollable) -> Self {
        Self {
            handle,
            source: PhantomData,
        }
    }

    /// Whether it is ready now.
    pub fn ready(&self) -> bool {
        self.handle.ready()
    }

    /// Waits until it is ready.
    pub fn block(&self) -> Result<(), Error> {
        self.handle.block()
    }
}

/// Which ones are ready, by their place in what was waited for; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready(Vec<u32>);

impl Ready {
    /// Whether the one at this place is ready.
    pub fn contains(&self, index: usize) -> bool {
        self.iter().any(|ready| ready == index)
    }

    /// The places of those that are ready, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|index| *index as usize)
    }
}

/// Waits until at least one of them is ready, and says which are.
///
/// None at all is [`Error::InvalidInput`], more than [`MAX_POLLABLES`] are [`Error::TooLarge`].
pub fn wait_any(pollables: &[&Pollable<'_>]) -> Result<Ready, Error> {
    let handles: Vec<_> = pollables.iter().map(|pollable| &pollable.handle).collect();
    backend::wait_any(&handles).map(Ready)
}
