//! The contract's own types of this package, as they cross the wire. Nothing here names a path.

/// The contract's `error-code`, its cases in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    NotFound,
    Access,
    CapabilityDenied,
    BoundaryEscape,
    InvalidPath,
    WouldBlock,
    IsDirectory,
    NotDirectory,
    NotEmpty,
    TooLarge,
    Quota,
    CrossVfs,
    AlreadyExists,
    Closed,
    Unknown(String),
}

/// The contract's `open-mode`, its cases in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What is there.
    Read,
    /// Made, or emptied.
    Write,
    /// Made where it is not there; written at its end.
    Append,
    /// Made where it is not there, and kept as it is.
    ReadWrite,
}

/// The contract's `datetime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datetime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds of the second.
    pub nanoseconds: u32,
}
