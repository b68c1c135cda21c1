//! Principals: on whose behalf a capsule is called, and what is kept for each of them.
//!
//! Nothing here, and nothing that uses it, falls back from one principal to another.

mod change;
mod directory;
mod ledger;
mod profile;
mod scope;
pub(crate) mod watch;

pub use crate::names::{InvalidPrincipal, PrincipalId};
pub use change::{ProfileChange, ProfileLimit};
pub use directory::{Principal, PrincipalError, Principals};
pub use ledger::{Account, Ledger};
pub use profile::{PrincipalLimits, PrincipalProfile, Right};
pub use scope::{LOG_LINE, LOG_RATE, PrincipalScope};
