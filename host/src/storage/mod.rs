//! What outlives a call: keys and values, logs and secrets, each behind a small trait, with defaults that need no server.

pub mod kv;
mod logs;
mod secrets;
mod tail;

pub use logs::{FileLogs, LogLevel, LogRecord, LogSink, log_files};
#[cfg(feature = "keyring")]
pub use secrets::KeyringSecrets;
pub use secrets::{FileSecrets, KeysOf, SecretError, SecretStore};
pub(crate) use secrets::{kept, kept_for, store as secret_store};
pub use tail::LogTail;
