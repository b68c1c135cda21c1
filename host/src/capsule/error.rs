//! Why a capsule isn't loaded, and why a call of one wasn't answered.

use std::path::PathBuf;
use std::time::Duration;

use super::{Ceilings, ImportError, Source, absent};
use crate::call::MAX_DEPTH;
use crate::engine::{Frames, LIFT_LIMIT, Refusal};
use crate::escape;
use crate::exports::BinaryError;
use crate::kind::ErrorKind;
use crate::names::{CapsuleName, PrincipalId};
use crate::nearest;
use crate::package::PackageError;
use crate::policy::custom::UnknownCapability;
use crate::principal::PrincipalError;
use crate::registry::Taken;

/// Why a capsule isn't loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its package can't be had.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The principal it is to be installed for can't be acted for.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// Its bytes are no capsule.
    #[error("capsule {capsule} can't be loaded: {source}")]
    Binary {
        /// The capsule.
        capsule: CapsuleName,
        /// Why.
        source: BinaryError,
    },
    /// It imports what this host doesn't offer.
    #[error("capsule {capsule} can't be loaded: {source}")]
    Import {
        /// The capsule.
        capsule: CapsuleName,
        /// What.
        source: ImportError,
    },
    /// Its manifest asks for a capability that no domain of this host declares.
    #[error("capsule {capsule} cannot be loaded: {source}")]
    Capability {
        /// The capsule.
        capsule: CapsuleName,
        /// Which.
        source: UnknownCapability,
    },
    /// The engine refused it.
    #[error(
        "capsule {capsule} can't be compiled or linked: {}",
        escape::line(reason)
    )]
    Compile {
        /// The capsule.
        capsule: CapsuleName,
        /// In wasmtime's words.
        reason: String,
    },
    /// It imports, maybe by way of others, from one that imports from it.
    #[error(
        "capsule {capsule} can't be loaded: {} import from each other in a circle",
        circle(others)
    )]
    Circular {
        /// The capsule.
        capsule: CapsuleName,
        /// All of the circle, it included.
        others: Vec<CapsuleName>,
    },
    /// Its id, or an uplink of it, is taken.
    #[error(transparent)]
    Loaded(#[from] Taken),
    /// It may use the workspace, and the workspace and the home overlap.
    #[error(
        "capsule {capsule} may use the workspace {workspace}, and that overlaps the home {home}"
    )]
    Workspace {
        /// The capsule.
        capsule: CapsuleName,
        /// The workspace.
        workspace: PathBuf,
        /// The home.
        home: PathBuf,
    },
    /// Its install or upgrade hook failed.
    #[error("the {hook} hook of capsule {capsule} failed: {source}")]
    Lifecycle {
        /// The capsule.
        capsule: CapsuleName,
        /// `install` or `upgrade`.
        hook: &'static str,
        /// How.
        source: Box<CallError>,
    },
    /// The host is shutting down.
    #[error("capsule {capsule} is not loaded: the host is shutting down")]
    ShuttingDown {
        /// The capsule.
        capsule: CapsuleName,
    },
    /// It was unloaded meanwhile, or a thread of the host ended early.
    #[error("loading was interrupted: {0}")]
    Interrupted(String),
}

fn circle(others: &[CapsuleName]) -> String {
    let names: Vec<_> = others.iter().map(CapsuleName::as_str).collect();
    names.join(", ")
}

impl LoadError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Package(error) => error.kind(),
            Self::Principal(error) => error.kind(),
            Self::Binary { .. } | Self::Compile { .. } => ErrorKind::Binary,
            Self::Capability { .. }
            | Self::Import {
                source: ImportError::Denied { .. },
                ..
            } => ErrorKind::Capability,
            Self::Import { .. } => ErrorKind::Import,
            Self::Circular { .. } => ErrorKind::Manifest,
            Self::Loaded(_) => ErrorKind::Loaded,
            Self::Workspace { .. } => ErrorKind::Policy,
            Self::Lifecycle { source, .. } => source.kind(),
            Self::ShuttingDown { .. } => ErrorKind::ShuttingDown,
            Self::Interrupted(_) => ErrorKind::Interrupted,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Package(error) => error.hint(),
            Self::Principal(error) => Some(error.hint()),
            // Its text says what to do.
            Self::Binary { .. } => None,
            Self::Import { source, .. } => Some(source.hint()),
            Self::Capability { source, .. } => Some(source.hint()),
            Self::Compile { .. } => {
                Some("build it again with `astrid build`, whose SDK fits this host; the README lists what of WebAssembly is accepted".into())
            }
            Self::Circular { .. } => {
                Some("take one of the imports out of [imports] in its Capsule.toml, or say optional = true and export it elsewhere".into())
            }
            Self::Loaded(taken) => Some(taken.hint()),
            Self::Workspace { .. } => Some("choose another --workspace".into()),
            Self::Lifecycle { source, .. } => source.hint(),
            Self::ShuttingDown { .. } => Some("load it again when the host is back".into()),
            Self::Interrupted(_) => Some("try again".into()),
        }
    }
}

/// Why a call wasn't answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The capsule has no handler for the action.
    #[error("capsule {capsule} has no handler {action:?}")]
    NoHandler {
        /// The capsule.
        capsule: CapsuleName,
        /// What was asked for.
        action: String,
        /// The handlers it has.
        known: Vec<String>,
    },
    /// The principal can't be acted for.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// The guest panicked.
    #[error(
        "capsule {capsule} panicked{}: {}",
        place(file, *line, function.as_deref()),
        escape::line(message)
    )]
    Panic {
        /// The capsule.
        capsule: CapsuleName,
        /// What the panic said.
        message: String,
        /// The source file; empty when the guest didn't say, or it is the standard library's.
        file: String,
        /// Its line; 0 when the file is empty.
        line: u32,
        /// Where the panic is in the standard library, the author's function that called it.
        function: Option<String>,
        /// The guest's functions, innermost first.
        trace: Frames,
    },
    /// Its run loop, or its install or upgrade hook, returned an error.
    #[error("capsule {capsule} ended with an error: {}", escape::line(message))]
    GuestError {
        /// The capsule.
        capsule: CapsuleName,
        /// The error's text.
        message: String,
        /// The source file of what returned it; empty when the guest didn't say.
        file: String,
        /// Its line; 0 when the guest didn't say.
        line: u32,
    },
    /// The guest trapped.
    #[error("capsule {capsule} trapped: {}", escape::line(message))]
    Trap {
        /// The capsule.
        capsule: CapsuleName,
        /// Which trap, in wasmtime's words.
        message: String,
        /// The guest's functions, innermost first.
        trace: Frames,
    },
    /// The guest's stack was used up.
    #[error("capsule {capsule} used up its stack")]
    StackOverflow {
        /// The capsule.
        capsule: CapsuleName,
        /// The guest's functions, innermost first.
        trace: Frames,
    },
    /// The guest computed for longer than it may.
    #[error("capsule {capsule} computed for longer than its CPU time, {budget:?}")]
    CpuTimeout {
        /// The capsule.
        capsule: CapsuleName,
        /// For whom it was called.
        principal: PrincipalId,
        /// Who says how much it may use.
        set_by: Source,
        /// CPU time of a call.
        budget: Duration,
        /// What it was doing, innermost first.
        trace: Frames,
    },
    /// The call took longer than it may.
    #[error(
        "capsule {capsule} did not answer within its wall time, {budget:?}: it computed for {} ms of it{}",
        computed.as_millis(),
        place_of_waiting(*waiting)
    )]
    WallTimeout {
        /// The capsule.
        capsule: CapsuleName,
        /// For whom it was called.
        principal: PrincipalId,
        /// Who says how much it may use.
        set_by: Source,
        /// Wall time of a call.
        budget: Duration,
        /// How much of it the guest computed.
        computed: Duration,
        /// The host function that it was waiting in, if it was in one.
        waiting: Option<&'static str>,
    },
    /// The guest wanted more memory than it may have.
    #[error("capsule {capsule} ran out of memory: it wanted {wanted} bytes, and may have {limit}")]
    Memory {
        /// The capsule.
        capsule: CapsuleName,
        /// Who says how much it may hold.
        set_by: Source,
        /// Bytes it would have held.
        wanted: usize,
        /// Bytes it may hold.
        limit: usize,
    },
    /// All instances of the principal together would have held more memory than its profile allows.
    #[error(
        "capsule {capsule} wanted {wanted} bytes of memory more for {principal}, whose instances may hold {limit} together"
    )]
    PrincipalMemory {
        /// The capsule.
        capsule: CapsuleName,
        /// On whose behalf.
        principal: PrincipalId,
        /// Bytes that it wanted besides what it held.
        wanted: usize,
        /// Bytes that all instances of the principal may hold.
        limit: usize,
    },
    /// The guest wanted more memory than all guests of the host had left for it.
    #[error(
        "capsule {capsule} ran out of memory: it wanted {wanted} bytes more, and the guests that are at work have taken what the host gives to all of them, {limit} bytes"
    )]
    HostMemory {
        /// The capsule.
        capsule: CapsuleName,
        /// Bytes that it wanted besides what it held.
        wanted: usize,
        /// Bytes that all guests may hold.
        limit: usize,
    },
    /// The capsule kept failing for the principal, and isn't called for it for a while.
    #[error(
        "capsule {capsule} keeps failing for {principal} and is not called {}; the last time: {}",
        pause(*retry_in),
        escape::line(reason)
    )]
    CircuitOpen {
        /// The capsule.
        capsule: CapsuleName,
        /// For whom.
        principal: PrincipalId,
        /// How the last call failed, at most 512 bytes.
        reason: String,
        /// When one call is let through again; zero while one is under way.
        retry_in: Duration,
    },
    /// It would be nested in more calls than may be.
    #[error("capsule {capsule} is not called: the call would be nested in more than {MAX_DEPTH}")]
    Depth {
        /// The capsule.
        capsule: CapsuleName,
    },
    /// More data than may cross to the host in one piece.
    #[error("capsule {capsule} handed over more than {limit} bytes at once")]
    TooLarge {
        /// The capsule.
        capsule: CapsuleName,
        /// Most bytes.
        limit: usize,
    },
    /// The guest answered something that is no verdict.
    #[error("capsule {capsule} answered {answer:?}, which is no verdict")]
    NoVerdict {
        /// The capsule.
        capsule: CapsuleName,
        /// What it answered.
        answer: String,
    },
    /// The component doesn't export what was called.
    #[error(
        "capsule {capsule} doesn't export `{export}`, so it has no handlers that could be called"
    )]
    NoExport {
        /// The capsule.
        capsule: CapsuleName,
        /// The export.
        export: &'static str,
    },
    /// No instance could be made.
    #[error("capsule {capsule} can't be instantiated: {}", escape::line(reason))]
    Instantiate {
        /// The capsule.
        capsule: CapsuleName,
        /// In wasmtime's words.
        reason: String,
    },
    /// The host is shutting down.
    #[error("capsule {capsule} is not called: the host is shutting down")]
    ShuttingDown {
        /// The capsule.
        capsule: CapsuleName,
    },
    /// The capsule was unloaded.
    #[error("capsule {capsule} was unloaded{}", if *called { " while it was called" } else { "" })]
    Unloaded {
        /// The capsule.
        capsule: CapsuleName,
        /// Whether it was being called by then; if not, nothing of the call was done.
        called: bool,
    },
}

fn place(file: &str, line: u32, function: Option<&str>) -> String {
    match function {
        Some(function) => format!(" in `{function}`"),
        None if file.is_empty() => String::new(),
        None => format!(" at {}:{line}", escape::line(file)),
    }
}

fn pause(left: Duration) -> String {
    if left.is_zero() {
        "until the call that is being tried has answered".into()
    } else {
        format!("for another {:.1} s", left.as_secs_f64())
    }
}

impl Source {
    /// What to do for more: `key` is the limit's in a manifest and in etc/config.toml, `option` sets it for a principal.
    fn more(self, key: &str, principal: &PrincipalId, option: &str) -> String {
        match self {
            Self::Manifest => format!("ask for more: [runtime] {key} in Capsule.toml"),
            Self::Operator => format!("let the host give more: [limits] {key} in etc/config.toml"),
            Self::Profile => {
                format!("let {principal} use more: astrid principal set {principal} {option}")
            }
            Self::Call => "give the call more".into(),
        }
    }
}

fn place_of_waiting(function: Option<&str>) -> String {
    function.map_or_else(String::new, |function| {
        format!(" and was waiting in `{function}`")
    })
}

impl CallError {
    /// Memory that was refused.
    pub(super) fn memory(
        capsule: CapsuleName,
        principal: &PrincipalId,
        set_by: Source,
        refusal: Refusal,
    ) -> Self {
        match refusal {
            Refusal::Principal { wanted, limit } => Self::PrincipalMemory {
                capsule,
                principal: principal.clone(),
                wanted,
                limit,
            },
            Refusal::Instance { wanted, limit } => Self::Memory {
                capsule,
                set_by,
                wanted,
                limit,
            },
            Refusal::Host { wanted, limit } => Self::HostMemory {
                capsule,
                wanted,
                limit,
            },
        }
    }

    /// Whether the capsule itself brought it about, which may use `own` in each call. What a caller set, what others
    /// took and the end of the host do not count against it.
    pub(super) fn is_own_failure(&self, own: Ceilings) -> bool {
        match self {
            Self::Panic { .. }
            | Self::GuestError { .. }
            | Self::Trap { .. }
            | Self::StackOverflow { .. }
            | Self::Memory { .. }
            | Self::TooLarge { .. }
            | Self::NoVerdict { .. }
            | Self::NoExport { .. }
            | Self::Instantiate { .. } => true,
            Self::CpuTimeout { budget, .. } => *budget >= own.cpu,
            Self::WallTimeout { budget, .. } => *budget >= own.wall,
            Self::NoHandler { .. }
            | Self::Principal(_)
            | Self::HostMemory { .. }
            | Self::PrincipalMemory { .. }
            | Self::CircuitOpen { .. }
            | Self::Depth { .. }
            | Self::ShuttingDown { .. }
            | Self::Unloaded { .. } => false,
        }
    }

    /// More data than [`LIFT_LIMIT`].
    pub(super) fn too_much_data(capsule: CapsuleName) -> Self {
        Self::TooLarge {
            capsule,
            limit: LIFT_LIMIT,
        }
    }

    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoHandler { .. } | Self::NoExport { .. } => ErrorKind::NotFound,
            Self::Principal(error) => error.kind(),
            Self::Panic { .. } => ErrorKind::Panic,
            Self::GuestError { .. } => ErrorKind::GuestError,
            Self::Trap { .. } => ErrorKind::Trap,
            Self::StackOverflow { .. } => ErrorKind::StackOverflow,
            Self::CpuTimeout { .. } => ErrorKind::CpuTimeout,
            Self::WallTimeout { .. } => ErrorKind::WallTimeout,
            Self::Memory { .. } => ErrorKind::Memory,
            Self::HostMemory { .. } => ErrorKind::HostMemory,
            Self::PrincipalMemory { .. } => ErrorKind::Memory,
            Self::CircuitOpen { .. } => ErrorKind::CircuitOpen,
            Self::Depth { .. } => ErrorKind::Depth,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::NoVerdict { .. } => ErrorKind::NoVerdict,
            Self::Instantiate { .. } => ErrorKind::Instantiate,
            Self::ShuttingDown { .. } => ErrorKind::ShuttingDown,
            Self::Unloaded { .. } => ErrorKind::Unloaded,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHandler { action, known, .. } => match nearest(action, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {}?", escape::line(near)),
                None if known.is_empty() => "it has no handlers".into(),
                None => format!("it has: {}", escape::line(&known.join(", "))),
            },
            Self::Principal(error) => error.hint(),
            Self::CpuTimeout { principal, set_by, .. } => {
                format!("do less in one call, or {}", set_by.more("cpu_ms", principal, "--cpu TIME"))
            }
            Self::WallTimeout { principal, set_by, .. } => {
                let more = set_by.more("wall_ms", principal, "--wall TIME");
                let option = if *set_by == Source::Call { ": --timeout" } else { "" };
                format!("wait for less in one call, or {more}{option}")
            }
            Self::Memory { set_by: Source::Operator, .. } => {
                "hold less at once, or let the host give more: [limits] memory in etc/config.toml".into()
            }
            Self::Memory { wanted, .. } => format!(
                "hold less at once, or ask for more in Capsule.toml: [runtime] memory = \"{}MiB\"",
                wanted.div_ceil(1 << 20)
            ),
            Self::PrincipalMemory { principal, .. } => format!(
                "call fewer at once for it, or let it have more: astrid principal set {principal} --memory SIZE"
            ),
            Self::HostMemory { .. } => {
                "call fewer at once, or let the host give more: [limits] total_memory in etc/config.toml".into()
            }
            Self::CircuitOpen { .. } => {
                "mend what made it fail and load it again, or wait: one success is enough".into()
            }
            Self::Depth { .. } => "let calls that cause each other end sooner".into(),
            Self::StackOverflow { .. } => {
                "recurse less deeply, or keep less in variables; `astrid build` gives a capsule 4 MiB for them, and every \
                 component has 512 KiB for the calls themselves"
                    .into()
            }
            Self::NoVerdict { .. } => "a handler answers continue, final, deny or abort".into(),
            Self::TooLarge { limit, .. } => format!("hand it over in pieces of at most {limit} bytes"),
            Self::NoExport { capsule, .. } => format!("mark a method with #[astrid::hook], or see what it exports: astrid inspect {capsule}"),
            Self::ShuttingDown { .. } => "call it again when the host is back".into(),
            Self::Unloaded { capsule, .. } => format!("load {capsule} again"),
            Self::Instantiate { .. } => {
                "what it does before its first call went wrong: build it again with `astrid build`".into()
            }
            Self::Panic { capsule, message, file, line, .. }
            | Self::GuestError { capsule, message, file, line, .. } => match absent::hint(message) {
                Some(instead) if file.is_empty() => instead.into(),
                Some(instead) => format!("{instead}; look at {}:{line}", escape::line(file)),
                None if file.is_empty() => format!("its log may say more: astrid logs {capsule}"),
                None => format!("look at {}:{line}; its log may say more: astrid logs {capsule}", escape::line(file)),
            },
            Self::Trap { capsule, message, .. } if message.contains("out of bounds memory access") => format!(
                "in safe Rust that is most often a stack which large variables used up, of 4 MiB where `astrid build` made \
                 it; its log may say more: astrid logs {capsule}"
            ),
            Self::Trap { capsule, .. } => {
                format!("its log may say more: astrid logs {capsule}")
            }
        })
    }

    /// The guest's functions that were on the stack, innermost first; of a panic or a trap, from the author's code on.
    pub fn backtrace(&self) -> &[String] {
        match self {
            Self::Panic { trace, .. } | Self::Trap { trace, .. } => trace.of_the_author(),
            Self::StackOverflow { trace, .. } | Self::CpuTimeout { trace, .. } => trace,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_begins_no_line_of_its_own() {
        let capsule = || CapsuleName::parse("demo").expect("a name");
        let forged = || "no\nfinal {}".to_owned();
        for error in [
            CallError::Panic {
                capsule: capsule(),
                message: forged(),
                file: forged(),
                line: 1,
                function: None,
                trace: Frames::default(),
            },
            CallError::GuestError {
                capsule: capsule(),
                message: forged(),
                file: forged(),
                line: 1,
            },
            CallError::Trap {
                capsule: capsule(),
                message: forged(),
                trace: Frames::default(),
            },
            CallError::CircuitOpen {
                capsule: capsule(),
                principal: PrincipalId::default_principal(),
                reason: forged(),
                retry_in: Duration::ZERO,
            },
            CallError::NoHandler {
                capsule: capsule(),
                action: forged(),
                known: vec![forged()],
            },
        ] {
            let text = format!("{error} {}", error.hint().unwrap_or_default());
            assert!(
                text.contains("no\\nfinal {}") && !text.contains('\n'),
                "{text}"
            );
        }
    }
}
