//! The guests made with this workspace's SDK: the examples in `capsules/`, and one tiny program a case in
//! `tests/programs/`. What Rust has no words for is a component in the text format instead.
//!
//! All crates are built by one run of cargo, at the first call of this process that needs one; cargo's own lock
//! keeps other processes out meanwhile, and builds nothing that is up to date.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use astrid_cli::authoring::{WASM_TARGET, componentize};
use astrid_host::Package;
use astrid_host::package::ComponentHash;

use crate::{cargo, folders};

macro_rules! guests {
    ($($(#[$doc:meta])* $guest:ident => $folder:literal,)+) => {
        /// A guest. The tests match on it, so that one without a test does not compile.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Guest {
            $($(#[$doc])* $guest,)+
        }

        impl Guest {
            /// Every guest.
            pub const ALL: &[Self] = &[$(Self::$guest),+];

            /// Its folder in the repository.
            pub const fn folder_name(self) -> &'static str {
                match self {
                    $(Self::$guest => $folder,)+
                }
            }
        }
    };
}

guests! {
    /// Greets by name.
    Hello => "capsules/hello",
    /// Hides card numbers and e-mail addresses in a prompt.
    Redact => "capsules/redact",
    /// Refuses a prompt that holds a secret.
    Guard => "capsules/guard",
    /// Answers a prompt: the end of the chain.
    Responder => "capsules/responder",
    /// Counts prompts and answers, beside the chain.
    Observer => "capsules/observer",
    /// Ticks, and answers how often: a run loop.
    Ticker => "capsules/ticker",
    /// Counts for each principal: its fields are its state.
    Counter => "capsules/counter",
    /// Tools that keep notes under keys.
    Notes => "capsules/notes",
    /// Tools for the files of the workspace.
    Files => "capsules/files",
    /// Keeps a journal of prompts and answers, beside the chain.
    Journal => "capsules/journal",
    /// Tools with canned data.
    WeatherTool => "capsules/weather-tool",
    /// Asks the standard library for what a component doesn't have.
    Absent => "tests/programs/absent",
    /// Calls a host function of an embedder's own.
    Billing => "tests/programs/billing",
    /// Publishes on behalf of whomever it is told.
    Claimer => "tests/programs/claimer",
    /// Asks the host for everything that it has.
    Conformance => "tests/programs/conformance",
    /// Publishes what it is called for.
    Cycle => "tests/programs/cycle",
    /// Calls whichever host function it is told.
    Gates => "tests/programs/gates",
    /// Does something when it is installed and when it is upgraded.
    Installer => "tests/programs/installer",
    /// Keeps what the published SDK's keeper keeps.
    Keeper => "tests/programs/keeper",
    /// Says its secrets wherever it can.
    Leaky => "tests/programs/leaky",
    /// Writes pages, a resource of an embedder's own.
    Ledger => "tests/programs/ledger",
    /// Answers whatever it hears: a run loop.
    Listener => "tests/programs/listener",
    /// Exports a run that is no loop.
    NoLoop => "tests/programs/no-loop",
    /// Does nothing.
    Noop => "tests/programs/noop",
    /// Asks for what a tool of its own answers.
    OwnTool => "tests/programs/own-tool",
    /// Waits for messages, and never says that it is ready: a run loop.
    Quiet => "tests/programs/quiet",
    /// Tells what is configured whenever a capsule is loaded: a run loop.
    Reader => "tests/programs/reader",
    /// Reads and writes keys as often as it is told.
    Storer => "tests/programs/storer",
    /// Counts numbered events, and sees whether any is missing.
    Tally => "tests/programs/tally",
    /// Waits for several things at once: a run loop.
    Waiter => "tests/programs/waiter",

    /// Recurses past the end of its memory, without names.
    DeepMemory => "tests/programs/hostile/deep-memory",
    /// Recurses until its stack is used up.
    DeepRecursion => "tests/programs/hostile/deep-recursion",
    /// Asks the host something for ever.
    EndlessCalls => "tests/programs/hostile/endless-calls",
    /// Computes for ever.
    EndlessLoop => "tests/programs/hostile/endless-loop",
    /// Has a run loop that fails.
    FailingLoop => "tests/programs/hostile/failing-loop",
    /// Publishes as much as it is told to.
    Flooder => "tests/programs/hostile/flooder",
    /// Says what looks like lines of the host's.
    Forger => "tests/programs/hostile/forger",
    /// Takes memory and keeps it.
    Grower => "tests/programs/hostile/grower",
    /// Has a run loop that subscribes often, and reads only when it is asked to.
    Hoarder => "tests/programs/hostile/hoarder",
    /// Answers with as many bytes as it is told to.
    HugeAnswer => "tests/programs/hostile/huge-answer",
    /// Logs a line of 60 MiB.
    HugeLine => "tests/programs/hostile/huge-line",
    /// Logs 100,000 lines.
    LogFlood => "tests/programs/hostile/log-flood",
    /// Answers with a verdict whose word has 1 MiB.
    LongVerdict => "tests/programs/hostile/long-verdict",
    /// Takes all memory it can have, and more.
    MemoryHog => "tests/programs/hostile/memory-hog",
    /// Hands over a string that is no UTF-8.
    NotUtf8 => "tests/programs/hostile/not-utf8",
    /// Panics.
    Panic => "tests/programs/hostile/panic",
    /// Keeps in its memory what it was told.
    Rememberer => "tests/programs/hostile/rememberer",
    /// Has a run loop that publishes without end, and reads nothing.
    Rival => "tests/programs/hostile/rival",
    /// Sleeps for ever.
    Sleeper => "tests/programs/hostile/sleeper",
    /// Logs a string that lies outside of its memory.
    StrayString => "tests/programs/hostile/stray-string",
    /// Grows its tables until it may no more.
    TableHog => "tests/programs/hostile/table-hog",
    /// Has a run loop that computes for ever.
    SpinningLoop => "tests/programs/hostile/spinning-loop",
    /// Ends without a word.
    Unreachable => "tests/programs/hostile/unreachable",
}

/// The core modules, by the name of the guest.
static CORES: LazyLock<Result<BTreeMap<String, PathBuf>, String>> = LazyLock::new(|| {
    let mut arguments: Vec<_> = ["--profile", "capsule", "--target", WASM_TARGET]
        .map(Into::into)
        .into();
    for guest in Guest::ALL.iter().filter(|guest| guest.text().is_none()) {
        arguments.extend(["--package".into(), guest.name().into()]);
    }
    cargo::build(
        &folders::root(),
        &folders::guests("workspace"),
        &arguments,
        "wasm",
    )
});

/// The components made so far.
static COMPONENTS: Mutex<BTreeMap<Guest, &'static [u8]>> = Mutex::new(BTreeMap::new());

/// Builds all guests, if this process hasn't.
///
/// # Errors
/// What cargo failed with; it has said why on standard error.
pub fn build_all() -> Result<(), String> {
    CORES.as_ref().map(drop).map_err(Clone::clone)
}

impl Guest {
    /// Its name: that of the crate, the capsule and the folder.
    pub fn name(self) -> &'static str {
        let folder = self.folder_name();
        folder.rsplit_once('/').map_or(folder, |(_, name)| name)
    }

    /// Its folder.
    pub fn folder(self) -> PathBuf {
        folders::root().join(self.folder_name())
    }

    /// The component that its folder holds in the text format, if that is what it holds instead of a crate.
    fn text(self) -> Option<PathBuf> {
        Some(self.folder().join("component.wat")).filter(|path| path.is_file())
    }

    /// Its manifest.
    ///
    /// # Panics
    /// If there is none.
    pub fn manifest(self) -> String {
        let path = self.folder().join("Capsule.toml");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    /// Its component.
    ///
    /// # Panics
    /// If it can't be built.
    pub fn component(self) -> &'static [u8] {
        let mut made = COMPONENTS.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(self).or_insert_with(|| {
            let component = match self.text() {
                Some(text) => wat::parse_file(text).map_err(|error| error.to_string()),
                None => self.built(),
            };
            component
                .unwrap_or_else(|error| panic!("{self:?}: {error}"))
                .leak()
        })
    }

    /// The component of a crate.
    fn built(self) -> Result<Vec<u8>, String> {
        let path = &CORES.as_ref().map_err(Clone::clone)?[self.name()];
        let core = std::fs::read(path).map_err(|error| format!("{path:?}: {error}"))?;
        componentize(&core).map_err(|error| error.to_string())
    }

    /// Makes a folder that holds its manifest beside its component, and answers with where that is.
    ///
    /// # Errors
    /// When it can't be written.
    ///
    /// # Panics
    /// If the component can't be built.
    pub fn lay_out(self, parent: &Path) -> std::io::Result<PathBuf> {
        let folder = parent.join(self.name());
        let output = folder.join("target/astrid");
        std::fs::create_dir_all(&output)?;
        std::fs::write(folder.join("Capsule.toml"), self.manifest())?;
        std::fs::write(
            output.join(format!("{}.wasm", self.name())),
            self.component(),
        )?;
        Ok(folder)
    }

    /// Its manifest with its component.
    ///
    /// # Panics
    /// If it can't be built, or its manifest has mistakes.
    pub fn package(self) -> Package {
        self.package_with(&self.manifest())
    }

    /// Another manifest with its component.
    ///
    /// # Panics
    /// If it can't be built, or the manifest has mistakes.
    pub fn package_with(self, manifest: &str) -> Package {
        let component = self.component();
        Package::from_bytes(manifest, component, ComponentHash::of(component))
            .unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }
}
