//! Which entry points a binary really has.
//!
//! Toolchains give a component every entry point of its world, even those that the author never
//! wrote: an exported `run` proves no run loop. This room takes a component's bytes and says of
//! each entry point that is present whether it is real, and why, in this order of authority:
//!
//! 1. the manifest's `[runtime] run`, `install` and `upgrade` ([`Binary::with_overrides`]);
//! 2. what this project's SDK writes into the custom section `astrid:exports` (`section`);
//! 3. what the entry point can do to the host (`effect`, over the component as wired by `link`
//!    from the declarations that `layout` reads);
//! 4. unsure is real, which is harmless: running a stub does nothing.
//!
//! Only bytes enter. The room compiles, validates and runs nothing, needs no engine, no manifest
//! and no file, and imports no other room. The bytes are hostile: every count, depth and amount
//! of work is bounded ([`limits`]), and nothing recurses on input. An index that leads nowhere is
//! no error here, it only makes an answer unsure; the engine's validator refuses such a binary.

mod body;
mod effect;
mod error;
mod layout;
pub mod limits;
mod link;
mod linked;
mod section;
mod tables;
mod weight;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::BinaryError;
pub use section::{HandlerDecl, SECTION, crates_in};

use layout::Layout;
use limits::Budget;

/// A root export by which the host calls a capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntryPoint {
    /// `astrid-hook-trigger`: one call per event.
    #[serde(rename = "astrid-hook-trigger")]
    HookTrigger,
    /// `run`: the run loop.
    #[serde(rename = "run")]
    Run,
    /// `astrid-install`: once, when the capsule is installed.
    #[serde(rename = "astrid-install")]
    Install,
    /// `astrid-upgrade`: once, when another version was installed before.
    #[serde(rename = "astrid-upgrade")]
    Upgrade,
}

impl EntryPoint {
    /// All four, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::HookTrigger, Self::Run, Self::Install, Self::Upgrade];

    /// The name under which a component exports it.
    pub const fn export_name(self) -> &'static str {
        match self {
            Self::HookTrigger => "astrid-hook-trigger",
            Self::Run => "run",
            Self::Install => "astrid-install",
            Self::Upgrade => "astrid-upgrade",
        }
    }

    /// The key of `[runtime]` in a manifest that says whether it is real; none for the hook, which
    /// always is.
    pub const fn manifest_key(self) -> Option<&'static str> {
        match self {
            Self::HookTrigger => None,
            Self::Run => Some("run"),
            Self::Install => Some("install"),
            Self::Upgrade => Some("upgrade"),
        }
    }

    /// The entry point that a component exports under `name`, if it is one.
    pub fn from_export_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|entry| entry.export_name() == name)
    }
}

impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.export_name())
    }
}

/// Whether an entry point that is present does something, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// False for a toolchain's stub.
    pub real: bool,
    /// One readable sentence. Names that come from the binary are shortened and escaped.
    pub why: String,
}

impl Judgement {
    fn real(why: impl Into<String>) -> Self {
        Self {
            real: true,
            why: why.into(),
        }
    }

    fn stub(why: impl Into<String>) -> Self {
        Self {
            real: false,
            why: why.into(),
        }
    }
}

/// What a component's bytes say about themselves. It depends on nothing else, so it may be cached
/// by the hash of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    /// Bytes of the component.
    pub size: u64,
    /// The version of this project's SDK that made it; `None` for any other toolchain, the
    /// published SDKs included.
    pub sdk: Option<String>,
    /// What the component imports, sorted: instances such as `astrid:sys/host@1.0.0`. Names
    /// at its root for types that are known, which need nothing from a host, are left out.
    pub imports: Vec<String>,
    /// The functions that the component takes from each imported instance, sorted. One that is
    /// not used needn't be declared, so this can hold less than the interface offers.
    pub import_functions: BTreeMap<String, Vec<String>>,
    /// The entry points that are exported, stubs included.
    pub entry_points: BTreeMap<EntryPoint, Judgement>,
    /// The handlers that the SDK wrote down, and no others exist; `None` if another toolchain
    /// made the component and only asking the guest can tell.
    pub handlers: Option<Vec<HandlerDecl>>,
}

impl Binary {
    /// Whether the component takes `function` of `interface`, in whichever version.
    pub fn imports_function(&self, interface: &str, function: &str) -> bool {
        self.import_functions.iter().any(|(import, functions)| {
            import.split('@').next() == Some(interface)
                && functions.iter().any(|one| one == function)
        })
    }

    /// Applies what the manifest's `[runtime]` says of entry points, which outranks everything that
    /// the bytes say. An entry point that isn't exported stays absent.
    #[must_use]
    pub fn with_overrides(mut self, said: impl IntoIterator<Item = (EntryPoint, bool)>) -> Self {
        for (entry, real) in said {
            if let (Some(key), Some(judgement)) =
                (entry.manifest_key(), self.entry_points.get_mut(&entry))
            {
                *judgement = Judgement {
                    real,
                    why: format!("[runtime] {key} = {real}"),
                };
            }
        }
        self
    }

    /// True if `entry` is exported and not a stub.
    pub fn is_real(&self, entry: EntryPoint) -> bool {
        self.entry_points
            .get(&entry)
            .is_some_and(|judgement| judgement.real)
    }
}

/// Reads a component and judges its entry points by levels 2 to 4; the first level is
/// [`Binary::with_overrides`]. The time is linear in the size: below 3 ms for 250 KB in a release
/// build, half of it with the section `astrid:exports`, for then no call is followed.
///
/// # Errors
///
/// [`BinaryError`], if the bytes are no component, cannot be parsed, or contradict themselves.
pub fn analyse(bytes: &[u8]) -> Result<Binary, BinaryError> {
    analyse_counting(bytes).0
}

/// [`analyse`], and how much work it was: the means of testing that this is bounded.
#[doc(hidden)]
pub fn analyse_counting(bytes: &[u8]) -> (Result<Binary, BinaryError>, Work) {
    let mut work = Work::default();
    let result = analyse_with(bytes, &mut work);
    (result, work)
}

/// What [`analyse_counting`] counted. How the bounds come about is told in [`limits`].
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Instructions that were read: at most one for each byte of input.
    pub operators: u64,
    /// Instructions that were read to see how long compiling would take: at most one for each byte.
    pub weighed: u64,
    /// Declarations evaluated when wiring the component.
    pub link_steps: u64,
    /// Functions and calls followed.
    pub walk_steps: u64,
}

fn analyse_with(bytes: &[u8], work: &mut Work) -> Result<Binary, BinaryError> {
    let layout = Layout::read(bytes)?;
    weight::check(&layout, &mut work.weighed)?;
    let section = section::read(&layout.sections)?;

    let mut budget = Budget::new(limits::LINK_STEPS);
    let linked = link::link(&layout, &mut budget);
    work.link_steps = budget.spent();
    // The engine unrolls every instantiation, so what can't be wired cheaply can't be compiled cheaply.
    let linked = linked
        .filter(|linked| linked.instances.len() <= limits::INSTANCES)
        .ok_or(BinaryError::TooIntricate)?;

    let present = layout.entry_points()?;
    let entry_points = match &section {
        Some(section) => section.judge(&present)?,
        None => effect::judge(&layout, &linked, &present, bytes.len(), work)?,
    };

    let (sdk, handlers) = match section {
        Some(section) => (Some(section.sdk), Some(section.handlers)),
        None => (None, None),
    };
    let mut imports: Vec<String> = layout.imports().map(str::to_owned).collect();
    imports.sort_unstable();
    imports.dedup();
    Ok(Binary {
        // A slice's length fits: no platform has more than 64 address bits.
        size: bytes.len() as u64,
        sdk,
        imports,
        import_functions: linked.import_functions(),
        entry_points,
        handlers,
    })
}
