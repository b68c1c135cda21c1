//! Why a secret cannot be had or kept.

use std::time::Duration;

use crate::files::FileError;
use crate::kind::ErrorKind;
use crate::limits::storage::SECRET_BYTES;

/// Why a secret cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key cannot be the name of a secret.
    #[error(
        "{0:?} is no key of a secret: up to 128 of letters, digits, _, - and ., not beginning with ."
    )]
    InvalidKey(String),
    /// The value is larger than a secret may be.
    #[error("a secret has at most {SECRET_BYTES} bytes")]
    TooLarge,
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The keyring refuses: it is locked or absent, or has something else in the secret's place.
    #[error("the keyring of the system cannot be used: {0}")]
    Keyring(String),
    /// The keyring did not answer in time. What was to be set or removed may be so later.
    #[error("the keyring of the system did not answer within {}", .0.as_secs_f64().to_string() + " s")]
    KeyringSlow(Duration),
    /// Too many calls wait for the keyring already.
    #[error("the keyring of the system does not answer: {0} calls wait for it already")]
    KeyringBusy(usize),
    /// The host was built without a keyring.
    #[error(
        "etc/config.toml has [secrets] backend = \"keyring\", and this host was built without it"
    )]
    NoKeyring,
    /// An embedder's own store cannot be used.
    #[error("the store of secrets cannot be used: {0}")]
    Other(String),
}

impl SecretError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidKey(_) => ErrorKind::Usage,
            Self::TooLarge => ErrorKind::TooLarge,
            Self::File(_) | Self::Keyring(_) | Self::Other(_) => ErrorKind::Io,
            Self::KeyringSlow(_) | Self::KeyringBusy(_) => ErrorKind::Io,
            Self::NoKeyring => ErrorKind::Config,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::InvalidKey(_) => "name a key that Capsule.toml declares under [env]".into(),
            Self::TooLarge => "set a shorter one".into(),
            Self::File(error) => error.hint(),
            Self::Keyring(_) | Self::KeyringSlow(_) | Self::KeyringBusy(_) => {
                "see that a keyring runs in this session and is unlocked, or choose [secrets] backend = \"files\" in \
                 etc/config.toml"
                    .into()
            }
            Self::NoKeyring => {
                "build it with the feature `keyring`, or choose [secrets] backend = \"files\"".into()
            }
            Self::Other(_) => "see what the program that embeds the host says of it".into(),
        }
    }
}
