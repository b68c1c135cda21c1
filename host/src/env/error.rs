//! Why a value cannot be read, set or removed.

use std::path::PathBuf;

use crate::files::FileError;
use crate::home::HomeError;
use crate::kind::ErrorKind;
use crate::names::CapsuleName;
use crate::storage::SecretError;

/// Why a value cannot be read, set or removed.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// The manifest does not declare the key.
    #[error("{capsule} declares no `{key}` under [env] in its Capsule.toml")]
    Undeclared {
        /// The capsule.
        capsule: CapsuleName,
        /// The key.
        key: String,
        /// The declared key that may have been meant.
        nearest: Option<String>,
    },
    /// A secret is never written where values are.
    #[error("`{key}` of {capsule} is a secret, and is not kept among the values that can be shown")]
    Secret {
        /// The capsule.
        capsule: CapsuleName,
        /// The key.
        key: String,
    },
    /// The key is no secret.
    #[error("`{key}` of {capsule} is no secret: its type is {kind}")]
    NotSecret {
        /// The capsule.
        capsule: CapsuleName,
        /// The key.
        key: String,
        /// Its type.
        kind: &'static str,
    },
    /// The value does not fit the key's type.
    #[error("{value:?} does not fit `{key}` of {capsule}: {wanted}")]
    Misfit {
        /// The capsule.
        capsule: CapsuleName,
        /// The key.
        key: String,
        /// What was given, cut.
        value: String,
        /// What would fit.
        wanted: String,
        /// The choice that may have been meant.
        nearest: Option<String>,
    },
    /// Another number of values was given than one.
    #[error("`{key}` of {capsule} takes one value, and {given} were given")]
    OneValue {
        /// The capsule.
        capsule: CapsuleName,
        /// The key.
        key: String,
        /// How many were given.
        given: usize,
    },
    /// A file of values cannot be used.
    #[error("the configuration {path} cannot be used: {reason}")]
    Overlay {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// All values together are larger than a file of them may be.
    #[error("the values of {capsule} would have more than {limit} bytes together")]
    TooLarge {
        /// The capsule.
        capsule: CapsuleName,
        /// Most bytes of them, as JSON.
        limit: u64,
    },
    /// The host ends.
    #[error("{0}")]
    Interrupted(String),
    /// The secret store refuses.
    #[error(transparent)]
    Store(#[from] SecretError),
    /// The home cannot be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl From<FileError> for EnvError {
    fn from(error: FileError) -> Self {
        Self::Home(error.into())
    }
}

impl EnvError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Undeclared { .. } => ErrorKind::NotFound,
            Self::Secret { .. }
            | Self::NotSecret { .. }
            | Self::Misfit { .. }
            | Self::OneValue { .. }
            | Self::TooLarge { .. } => ErrorKind::Usage,
            Self::Overlay { .. } => ErrorKind::Principal,
            Self::Interrupted(_) => ErrorKind::Interrupted,
            Self::Store(error) => error.kind(),
            Self::Home(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Undeclared {
                nearest: Some(nearest),
                ..
            } => format!("did you mean `{nearest}`?"),
            Self::Undeclared { capsule, .. } => {
                format!("see what can be set: astrid env list {capsule}")
            }
            Self::Secret { capsule, key } => format!("astrid secret set {capsule} {key}"),
            Self::NotSecret { capsule, key, .. } => {
                format!("astrid env set {capsule} {key} VALUE")
            }
            Self::Misfit {
                nearest: Some(nearest),
                ..
            } => format!("did you mean `{nearest}`?"),
            Self::Misfit { capsule, .. } => {
                format!("see what it is for: astrid env list {capsule}")
            }
            Self::OneValue { .. } => "put a value with spaces in quotes".into(),
            Self::Overlay { path, .. } => format!("mend or remove {}", path.display()),
            Self::Interrupted(_) => "see what is set, and try again".into(),
            Self::TooLarge { .. } => "set a shorter value, or unset another one".into(),
            Self::Store(error) => error.hint(),
            Self::Home(error) => error.hint(),
        }
    }
}
