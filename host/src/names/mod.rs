//! Names that are checked where they enter, and safe in a path from then on: of capsules and of principals.
//!
//! Nothing else enters here; what a capsule or a principal is, others know.

mod capsule;
mod principal;

pub use capsule::{CapsuleName, NameError};
pub use principal::{InvalidPrincipal, PrincipalId};
