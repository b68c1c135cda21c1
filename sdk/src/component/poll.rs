//! The functions behind [`poll`](crate::poll), as calls to the host. Only conversion belongs here.

use super::imports::astrid::io::poll as host;
use crate::poll::Error;

impl From<host::ErrorCode> for Error {
    fn from(code: host::ErrorCode) -> Self {
        match code {
            host::ErrorCode::InvalidInput => Self::InvalidInput,
            host::ErrorCode::Closed => Self::Closed,
            host::ErrorCode::TooLarge => Self::TooLarge,
            host::ErrorCode::Cancelled => Self::Cancelled,
            host::ErrorCode::Unknown(text) => Self::Unknown(text),
        }
    }
}

#[derive(Debug)]
pub struct Pollable(pub host::Pollable);

impl Pollable {
    pub fn ready(&self) -> bool {
        self.0.ready()
    }

    pub fn block(&self) -> Result<(), Error> {
        Ok(self.0.block()?)
    }
}

pub fn wait_any(pollables: &[&Pollable]) -> Result<Vec<u32>, Error> {
    let handles: Vec<_> = pollables.iter().map(|pollable| &pollable.0).collect();
    Ok(host::poll(&handles)?)
}
