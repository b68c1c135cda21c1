//! The functions behind [`poll`](crate::poll), as calls to the host. Only conversion belongs here.

pub use crate::component::imports::astrid::io::poll::{Pollable, poll as wait_any};
