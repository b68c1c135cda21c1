//! `astrid:sys`: configuration, log, clocks, entropy, and who is calling.
//!
//! None of it is gated; what a guest can't have is bounded instead.

mod config;
mod host;

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use wasmtime::component::{HasData, Linker};

use crate::blocking::Blocking;
use crate::call::{CallContext, Waiting};
use crate::registry::{CapsuleInfo, Registry};
use crate::storage::SecretStore;

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world sys { import astrid:sys/host@1.0.0; }",
        world: "astrid:bindings/sys",
        imports: {
            "astrid:sys/host@1.0.0.get-config": async,
            "astrid:sys/host@1.0.0.sleep-ns": async,
            // Those without a result trap when their gate is closed.
            "astrid:sys/host@1.0.0.log": trappable,
            "astrid:sys/host@1.0.0.signal-ready": trappable,
            "astrid:sys/host@1.0.0.clock-ms": trappable,
            "astrid:sys/host@1.0.0.clock-monotonic-ns": trappable,
            "astrid:sys/host@1.0.0.enumerate-capabilities": trappable,
        },
        anyhow: false,
    });
}

pub use bindings::astrid::sys::host as wit;

/// How the line begins that explains the trap that follows: a panic's, which our SDK and the published one agree on,
/// and that of an error which an entry point without a result returned.
const LAST_WORDS: [(&str, Ending); 2] = [
    ("capsule panic at ", Ending::Panic),
    ("capsule error at ", Ending::Error),
];

/// What the host lends to every instance.
pub struct SysShared {
    /// Who is loaded.
    pub registry: Arc<Registry>,
    /// Where secret-typed configuration comes from.
    pub secrets: Arc<dyn SecretStore>,
    /// How its files are read.
    pub(crate) blocking: Blocking,
}

/// What lives with one instance.
pub struct SysCtx {
    shared: Arc<SysShared>,
    capsule: Arc<CapsuleInfo>,
    born: Instant,
    /// The end that the guest announced in this call.
    last_words: Option<String>,
    /// Whether this instance has had its one line past the log's rate.
    announced: bool,
    /// The version that is being upgraded from, while the upgrade hook runs.
    previous_version: Option<String>,
}

impl SysCtx {
    /// The context of a new instance of `capsule`.
    pub fn new(
        shared: Arc<SysShared>,
        capsule: Arc<CapsuleInfo>,
        previous_version: Option<String>,
    ) -> Self {
        Self {
            shared,
            capsule,
            born: Instant::now(),
            last_words: None,
            announced: false,
            previous_version,
        }
    }

    /// Cancelled when the capsule is unloaded.
    pub fn unloaded(&self) -> &CancellationToken {
        self.capsule.unloaded()
    }

    /// Forgets what an earlier call announced and then survived.
    pub fn begin_call(&mut self) {
        self.last_words = None;
    }

    /// How the guest said that it ends, if it did.
    pub fn take_last_words(&mut self) -> Option<LastWords> {
        self.last_words.take().map(|line| LastWords::parse(&line))
    }
}

/// What makes a guest end itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It panicked.
    Panic,
    /// Its run loop, or its install or upgrade hook, returned an error.
    Error,
}

/// `capsule panic at FILE:LINE:COL: MESSAGE`, or `capsule error at …`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    /// Which of the two.
    pub ending: Ending,
    /// The source file, as the guest's compiler named it.
    pub file: String,
    /// The line, from 1; 0 when the guest didn't say.
    pub line: u32,
    /// What the panic or the error says.
    pub message: String,
}

impl LastWords {
    /// Whether a line is one.
    fn are(line: &str) -> bool {
        LAST_WORDS.iter().any(|(start, _)| line.starts_with(start))
    }

    fn parse(line: &str) -> Self {
        let mut known = LAST_WORDS.into_iter();
        let known = known.find_map(|(start, ending)| Some((line.strip_prefix(start)?, ending)));
        let (text, ending) = known.unwrap_or((line, Ending::Panic));
        let whole = || Self {
            ending,
            file: String::new(),
            line: 0,
            message: text.to_owned(),
        };
        let Some((place, message)) = text.split_once(": ") else {
            return whole();
        };
        let mut parts = place.rsplitn(3, ':');
        let (Some(_column), Some(line), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            return whole();
        };
        match line.parse() {
            Ok(line) => Self {
                ending,
                file: file.to_owned(),
                line,
                message: message.to_owned(),
            },
            Err(_) => whole(),
        }
    }
}

/// The context, lent for one call.
pub struct SysView<'a> {
    pub(super) ctx: &'a mut SysCtx,
    pub(super) call: &'a CallContext,
    pub(super) waiting: &'a mut Waiting,
}

impl<'a> SysView<'a> {
    /// Lends the context for this call.
    pub fn new(ctx: &'a mut SysCtx, call: &'a CallContext, waiting: &'a mut Waiting) -> Self {
        Self { ctx, call, waiting }
    }
}

/// A store that can lend the view.
pub trait SysStore: Send + 'static {
    /// Lends it.
    fn sys(&mut self) -> SysView<'_>;
}

/// The key of this domain in a linker.
struct Sys;

impl HasData for Sys {
    type Data<'a> = SysView<'a>;
}

/// Adds the package's functions, in every version served.
///
/// # Errors
/// wasmtime's, when they are there already.
pub fn add_to_linker<T: SysStore>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, Sys>(linker, T::sys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_line_is_taken_apart() {
        let parse = LastWords::parse;
        assert_eq!(
            parse("capsule panic at src/lib.rs:12:9: index: 3 > 2"),
            LastWords {
                ending: Ending::Panic,
                file: "src/lib.rs".into(),
                line: 12,
                message: "index: 3 > 2".into()
            }
        );
        let error = parse("capsule error at src/lib.rs:3:1: no topic");
        assert_eq!((error.ending, error.line), (Ending::Error, 3));
        assert_eq!(error.message, "no topic");
        assert_eq!(parse("capsule panic at nowhere").message, "nowhere");
        assert_eq!(parse("capsule panic at a:b:c: d").line, 0);
    }
}
