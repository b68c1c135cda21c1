//! The kinds of error: one word each, for programs that read what the `astrid` command says, and its exit code.
//!
//! Every error that the command can end with has a kind, those of its own package `astrid-cli` too: programs learn one
//! vocabulary, wherever an error is from. Two errors are of one kind when a program would do the same about them; what
//! exactly failed, where, and what to do is in the error's text and hint.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $word:literal,)+) => {
        /// What sort of thing went wrong. Compares with its word, too.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)+
        }

        impl ErrorKind {
            /// Every kind, in the order of their names here.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its word, which stays the same from version to version.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// The command was used wrongly, or a question had nobody to answer it.
    Usage => "usage",
    /// Somebody was asked, and said no.
    Declined => "declined",
    /// A capsule, principal, handler, export or file that isn't there.
    NotFound => "not-found",
    /// A Capsule.toml that is missing or has mistakes.
    Manifest => "manifest",
    /// Bytes or records that are not what was installed, or an archive that can't be one.
    Integrity => "integrity",
    /// More bytes or files than are taken.
    TooLarge => "too-large",
    /// A file that can't be read or written.
    Io => "io",
    /// A home that is missing, busy, or can't be read or written.
    Home => "home",
    /// The operator's or this host's rules say no.
    Policy => "policy",
    /// A principal that can't be added, or whose profile can't be used.
    Principal => "principal",
    /// A principal that the operator disabled.
    Disabled => "disabled",
    /// The operator's configuration can't be used.
    Config => "config",
    /// The host itself can't be started.
    Engine => "engine",
    /// No component could be made of a crate.
    Build => "build",
    /// Bytes that are no component, or none that this host runs.
    Binary => "binary",
    /// A component imports what this host doesn't offer.
    Import => "import",
    /// A component imports what its manifest doesn't ask for.
    Capability => "capability",
    /// A capsule of this name is loaded already.
    Loaded => "loaded",
    /// A thread of the host ended early.
    Interrupted => "interrupted",
    /// A guest panicked.
    Panic => "panic",
    /// A run loop, or an install or upgrade hook, returned an error.
    GuestError => "guest-error",
    /// A guest trapped.
    Trap => "trap",
    /// A guest used up its stack.
    StackOverflow => "stack-overflow",
    /// A guest computed for longer than it may.
    CpuTimeout => "cpu-timeout",
    /// A call took longer than it may.
    WallTimeout => "wall-timeout",
    /// A guest wanted more memory than it may have.
    Memory => "memory",
    /// A guest wanted more memory than all guests at work had left for it.
    HostMemory => "host-memory",
    /// The capsule kept failing for the principal, and isn't called for a while.
    CircuitOpen => "circuit-open",
    /// An event, or a connection to a running host, finds no room: too many are there.
    Backpressure => "backpressure",
    /// An event is nested too deep in others.
    Depth => "depth",
    /// The host is shutting down.
    ShuttingDown => "shutting-down",
    /// A guest's answer is no verdict.
    NoVerdict => "no-verdict",
    /// No instance of a component could be made.
    Instantiate => "instantiate",
    /// The capsule was unloaded before or during the call.
    Unloaded => "unloaded",
    /// A running host can't be asked, or what is said over its socket makes no sense.
    Control => "control",
    /// The two ends of a control socket speak different versions.
    Version => "version",
}

impl ErrorKind {
    /// Whether it is a refusal: something was kept from happening that should not happen.
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Integrity
                | Self::Import
                | Self::Capability
                | Self::Policy
                | Self::Binary
                | Self::Disabled
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<&str> for ErrorKind {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let known = Self::ALL.iter().find(|kind| kind.as_str() == word);
        known
            .copied()
            .ok_or_else(|| de::Error::custom(format_args!("{word:?} is no kind of error")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), ErrorKind::ALL.len());
        for word in words {
            assert!(
                word.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{word}"
            );
        }
    }

    #[test]
    fn a_kind_is_read_from_its_word() {
        for kind in ErrorKind::ALL {
            let word = serde_json::to_string(kind).expect("a string");
            assert_eq!(
                serde_json::from_str::<ErrorKind>(&word).expect("a kind"),
                *kind
            );
        }
        assert!(serde_json::from_str::<ErrorKind>("\"nothing\"").is_err());
    }
}
