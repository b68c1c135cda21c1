//! A command that failed: what, where, what to do, and with which exit code.

use std::process::ExitCode;

use astrid_host::authoring::AuthoringError;
use astrid_host::call::InvalidCall;
use astrid_host::dispatch::DispatchError;
use astrid_host::events::InvalidEvent;
use astrid_host::exports::BinaryError;
use astrid_host::home::HomeError;
use astrid_host::package::PackageError;
use astrid_host::principal::{InvalidPrincipal, PrincipalError};
use astrid_host::tools::ToolError;
use astrid_host::{BuildError, CallError, ErrorKind, LoadError};
use serde_json::{Value, json};

/// Done.
pub(crate) const DONE: ExitCode = ExitCode::SUCCESS;
/// Failed.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// Refused: integrity, import, capability, policy, or a Deny verdict.
pub(crate) const REFUSED: u8 = 3;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    backtrace: Vec<String>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            backtrace: Vec::new(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn maybe(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            ErrorKind::Usage => USAGE,
            kind if kind.is_refusal() => REFUSED,
            _ => FAILED,
        })
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn backtrace(&self) -> &[String] {
        &self.backtrace
    }

    pub(crate) fn json(&self) -> Value {
        let mut error = json!({ "kind": self.kind, "message": self.message, "hint": self.hint });
        if !self.backtrace.is_empty() {
            error["backtrace"] = json!(self.backtrace);
        }
        json!({ "error": error })
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::new(error.kind(), error.to_string()).hint(error.hint())
    }
}

impl From<InvalidPrincipal> for Failure {
    fn from(error: InvalidPrincipal) -> Self {
        // Its text says what a name is.
        Self::usage(error.to_string()).hint("see which there are: astrid principal list")
    }
}

impl From<PrincipalError> for Failure {
    fn from(error: PrincipalError) -> Self {
        Self::new(error.kind(), error.to_string()).hint(error.hint())
    }
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        Self::new(error.kind(), error.to_string()).maybe(error.hint())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let mut failure = Self::new(error.kind(), error.to_string()).maybe(error.hint());
        if let LoadError::Lifecycle { source, .. } = &error {
            failure.backtrace = source.backtrace().to_vec();
        }
        failure
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let mut failure = Self::new(error.kind(), error.to_string()).maybe(error.hint());
        failure.backtrace = error.backtrace().to_vec();
        failure
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(error.kind(), error.to_string()).hint(error.hint())
    }
}

impl From<AuthoringError> for Failure {
    fn from(error: AuthoringError) -> Self {
        Self::new(error.kind(), error.to_string()).maybe(error.hint())
    }
}

impl From<BinaryError> for Failure {
    fn from(error: BinaryError) -> Self {
        // Its text says what to do.
        Self::new(ErrorKind::Binary, error.to_string())
    }
}

impl From<InvalidEvent> for Failure {
    fn from(error: InvalidEvent) -> Self {
        Self::usage(error.to_string()).hint(error.hint())
    }
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        let mut failure = Self::new(error.kind(), error.to_string()).maybe(error.hint());
        if let ToolError::Call(error) = &error {
            failure.backtrace = error.backtrace().to_vec();
        }
        failure
    }
}

impl From<DispatchError> for Failure {
    fn from(error: DispatchError) -> Self {
        Self::new(error.kind(), error.to_string()).maybe(error.hint())
    }
}

impl From<InvalidCall> for Failure {
    fn from(error: InvalidCall) -> Self {
        Self::usage(error.to_string()).hint(error.hint())
    }
}
