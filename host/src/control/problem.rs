//! What went wrong with a request, in a form that crosses a socket: the kind, text and hint of a typed error.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::call::InvalidCall;
use crate::capsule::{CallError, LoadError};
use crate::dispatch::DispatchError;
use crate::env::EnvError;
use crate::events::InvalidEvent;
use crate::exports::BinaryError;
use crate::files::FileError;
use crate::home::{Home, HomeError};
use crate::host::BuildError;
use crate::kind::ErrorKind;
use crate::names::CapsuleName;
use crate::names::{InvalidPrincipal, PrincipalId};
use crate::nearest;
use crate::package::{self, PackageError};
use crate::principal::{PrincipalError, Principals};
use crate::storage::kv::{KeysError, KvError};
use crate::tools::ToolError;

/// Why something that was asked for isn't done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One word for programs.
    pub kind: ErrorKind,
    /// What went wrong, and where. It may quote a guest: escape control characters before showing it.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The guest's functions that were on the stack, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            backtrace: Vec::new(),
        }
    }

    /// A request that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn of(kind: ErrorKind, error: impl fmt::Display, hint: Option<String>) -> Self {
        Self {
            hint,
            ..Self::new(kind, error.to_string())
        }
    }

    fn with_backtrace(mut self, error: &CallError) -> Self {
        self.backtrace = error.backtrace().to_vec();
        self
    }

    /// A package's error; for a name that isn't installed, with the one that may have been meant.
    pub fn of_package(home: &Home, error: PackageError) -> Self {
        let near = match &error {
            PackageError::NotInstalled { name } => {
                let installed = package::installed(home).unwrap_or_default();
                let names = installed.iter().map(CapsuleName::as_str);
                nearest(name.as_str(), names).map(str::to_owned)
            }
            _ => None,
        };
        Self::from(error).or_meant(near)
    }

    /// A principal's error; for one that isn't there, with the one that may have been meant.
    pub fn of_principal(home: &Home, id: &PrincipalId, error: PrincipalError) -> Self {
        let near = match &error {
            PrincipalError::NotFound(_) => {
                let all = Principals::new(home.clone()).names().unwrap_or_default();
                let names = all.iter().map(PrincipalId::as_str);
                nearest(id.as_str(), names).map(str::to_owned)
            }
            _ => None,
        };
        Self::from(error).or_meant(near)
    }

    fn or_meant(self, near: Option<String>) -> Self {
        let Some(near) = near else {
            return self;
        };
        let hint = self.hint.as_deref().unwrap_or_default();
        let hint = format!("did you mean {near}? If not, {hint}");
        self.hint(hint)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        HomeError::from(error).into()
    }
}

impl From<HomeError> for Problem {
    fn from(error: HomeError) -> Self {
        Self::of(error.kind(), &error, Some(error.hint()))
    }
}

impl From<InvalidPrincipal> for Problem {
    fn from(error: InvalidPrincipal) -> Self {
        // Its text says what a name is.
        Self::usage(error.to_string()).hint("see which there are: astrid principal list")
    }
}

impl From<PrincipalError> for Problem {
    fn from(error: PrincipalError) -> Self {
        Self::of(error.kind(), &error, Some(error.hint()))
    }
}

impl From<EnvError> for Problem {
    fn from(error: EnvError) -> Self {
        Self::of(error.kind(), &error, Some(error.hint()))
    }
}

impl From<KvError> for Problem {
    fn from(error: KvError) -> Self {
        Self::of(error.kind(), &error, Some(error.hint()))
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        let hint = error.hint();
        match error {
            KeysError::Kv(error) => error.into(),
            KeysError::InvalidKey | KeysError::TooLarge { .. } | KeysError::TooMany => {
                Self::usage(error.to_string()).hint(hint)
            }
            KeysError::NotAtomic | KeysError::NoText => Self::of(ErrorKind::Io, &error, Some(hint)),
        }
    }
}

impl From<PackageError> for Problem {
    fn from(error: PackageError) -> Self {
        Self::of(error.kind(), &error, error.hint())
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        let problem = Self::of(error.kind(), &error, error.hint());
        match &error {
            LoadError::Lifecycle { source, .. } => problem.with_backtrace(source),
            _ => problem,
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        Self::of(error.kind(), &error, error.hint()).with_backtrace(&error)
    }
}

impl From<BuildError> for Problem {
    fn from(error: BuildError) -> Self {
        Self::of(error.kind(), &error, Some(error.hint()))
    }
}

impl From<BinaryError> for Problem {
    fn from(error: BinaryError) -> Self {
        // Its text says what to do.
        Self::of(ErrorKind::Binary, &error, None)
    }
}

impl From<InvalidEvent> for Problem {
    fn from(error: InvalidEvent) -> Self {
        Self::usage(error.to_string()).hint(error.hint())
    }
}

impl From<ToolError> for Problem {
    fn from(error: ToolError) -> Self {
        let problem = Self::of(error.kind(), &error, error.hint());
        match &error {
            ToolError::Call(error) => problem.with_backtrace(error),
            _ => problem,
        }
    }
}

impl From<DispatchError> for Problem {
    fn from(error: DispatchError) -> Self {
        Self::of(error.kind(), &error, error.hint())
    }
}

impl From<InvalidCall> for Problem {
    fn from(error: InvalidCall) -> Self {
        Self::usage(error.to_string()).hint(error.hint())
    }
}
