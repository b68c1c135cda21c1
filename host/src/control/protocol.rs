//! The version of the protocol and the name of its socket, for the files that must not name each other.

/// The version of the protocol. Anything that one side says and the other may not know makes a new one, a new kind of
/// error too.
pub const VERSION: u32 = 4;

/// The name of the socket in `run/`.
pub(super) const SOCKET: &str = "control.sock";
