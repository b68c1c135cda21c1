//! A command that failed: with which exit code, and as a document.

use std::process::ExitCode;

use astrid_host::ErrorKind;
/// Why a command failed.
pub(crate) use astrid_host::control::Problem as Failure;
use serde_json::{Value, json};

/// Done.
pub(crate) const DONE: ExitCode = ExitCode::SUCCESS;
/// Failed.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// Refused: integrity, import, capability, policy, or a Deny verdict.
pub(crate) const REFUSED: u8 = 3;

/// Standard output was closed before everything was written: as of a process that SIGPIPE ended.
pub(crate) const PIPE_CLOSED: u8 = 141;

/// What a command ends with that failed so.
pub(crate) fn exit_code(failure: &Failure) -> ExitCode {
    ExitCode::from(match failure.kind {
        ErrorKind::Usage => USAGE,
        kind if kind.is_refusal() => REFUSED,
        _ => FAILED,
    })
}

/// The document of a command that failed so.
pub(crate) fn document(failure: &Failure) -> Value {
    json!({ "error": failure })
}
