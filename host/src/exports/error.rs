//! Why a binary was refused. Every message says what to do about it.

use super::EntryPoint;
use crate::escape;

/// A binary that is no component, cannot be parsed, or contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// The magic number is missing.
    #[error(
        "not WebAssembly: the file does not begin with `\\0asm`; give the component that `astrid build` writes"
    )]
    NotWasm,
    /// A core module, which has no typed imports and exports.
    #[error("a core module, not a component; run `astrid build`, which makes a component of it")]
    CoreModule,
    /// Larger than any component that is accepted, in bytes.
    #[error(
        "the component has {size} bytes, {limit} are allowed; build it for release, with debug sections stripped"
    )]
    TooLarge {
        /// Bytes given.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The bytes break the binary format.
    #[error(
        "malformed at byte {offset}: {}; build it again, or fetch it again",
        escape::line(reason)
    )]
    Malformed {
        /// Where, from the start of the file.
        offset: u64,
        /// What the parser expected.
        reason: String,
    },
    /// A function larger than any that is compiled.
    #[error(
        "function {function} has {count} {what}, {limit} are allowed: compiling it would take too long; split it, or build \
         with less inlining"
    )]
    FunctionTooLarge {
        /// Its name between backticks, or its number.
        function: String,
        /// What it has too many of, such as `calls`.
        what: &'static str,
        /// How many it has.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// More declarations (functions, imports, exports, instances, …) than are accepted.
    #[error(
        "more than {limit} functions, imports, exports and other declarations; no component needs that many"
    )]
    TooManyItems {
        /// Declarations allowed, in all.
        limit: usize,
    },
    /// Components that instantiate each other over and over.
    #[error(
        "too intricate: it instantiates its parts too often to be wired; compose it of fewer instances"
    )]
    TooIntricate,
    /// Components within components, deeper than is accepted.
    #[error("components nested more than {limit} deep; compose it flatter")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// An entry point's name is exported twice.
    #[error("`{export}` is exported twice; a component exports a name once")]
    ExportTwice {
        /// The name.
        export: EntryPoint,
    },
    /// An entry point's name is exported, but as something that cannot be called.
    #[error(
        "`{export}` is exported as {kind}, not as a function; rename that export, the name belongs to an entry point"
    )]
    ExportNotFunction {
        /// The name.
        export: EntryPoint,
        /// What it is instead, such as `an instance`.
        kind: &'static str,
    },
    /// Two core modules have the custom section `astrid:exports`, or one has two.
    #[error(
        "{count} custom sections `astrid:exports`; link one crate that uses `#[capsule]`, not several"
    )]
    SectionTwice {
        /// How many there are.
        count: usize,
    },
    /// Several crates of one module have entry points: their sections `astrid:exports` were joined.
    #[error(
        "it holds several capsules{}; build it with `astrid build`, which leaves out the entry points of crates that \
         are used as libraries, or put what they share into a crate without `#[capsule]`",
        of_crates(crates)
    )]
    SeveralCapsules {
        /// The crates' names, shortened and escaped; empty where one doesn't say.
        crates: Vec<String>,
    },
    /// The custom section `astrid:exports` is too large, in bytes.
    #[error(
        "the custom section `astrid:exports` has {size} bytes, {limit} are allowed; split the capsule"
    )]
    SectionTooLarge {
        /// Bytes found.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The custom section `astrid:exports` isn't what the SDK writes.
    #[error(
        "the custom section `astrid:exports` cannot be read: {reason}; build again, with `#[capsule]` used once"
    )]
    SectionInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The custom section `astrid:exports` has a version that this host doesn't know.
    #[error(
        "the custom section `astrid:exports` has version {found}, this host knows version {known}; update the host"
    )]
    SectionVersion {
        /// The version in the section.
        found: u64,
        /// The version that this host reads.
        known: u64,
    },
    /// More handlers than a capsule may have.
    #[error("{count} handlers, {limit} are allowed; split the capsule")]
    TooManyHandlers {
        /// Handlers found.
        count: usize,
        /// Handlers allowed.
        limit: usize,
    },
    /// `astrid:exports` lists an entry point that the component doesn't export.
    #[error(
        "`astrid:exports` lists `{export}`, but the component does not export it; build again, from a clean target folder"
    )]
    ListedExportAbsent {
        /// The entry point.
        export: EntryPoint,
    },
}

/// ", of the crates a, b", where they say their names.
fn of_crates(crates: &[String]) -> String {
    let named: Vec<&str> = crates
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(", of the crates {}", named.join(", "))
    }
}

impl From<wasmparser::Error> for BinaryError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Malformed {
            offset: error.offset() as u64,
            reason: super::limits::shown(error.message()),
        }
    }
}
