//! The function behind [`secret`](crate::secret), as a call to the host.

pub use crate::component::imports::astrid::elicit::host::has_secret;
