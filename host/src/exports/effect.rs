//! The judgement by effect: what can an entry point do to the host?
//!
//! A published SDK's stub only installs a panic hook. For an entry point let N be the host
//! functions that it reaches without a panic edge (see [`super::body`]) and P those that it reaches
//! only through one. It is real if N is not empty, or P holds anything but `astrid:sys/host.log`,
//! or it reaches a call whose target can't be told and that isn't excused. Otherwise it is a stub.
//! Writes to memory and to globals don't count. `astrid-hook-trigger` is always real.
//!
//! Such a call is excused if all entry points of the binary share the function that makes it
//! (there must be at least two), as they share a toolchain's runtime: without a panic edge where
//! this entry point needs none, in any way where it lies behind one. But an interpreter is shared
//! too, and may do anything. So besides the binary says that it is Rust alone, whose entry points
//! share no interpreter; or the call's table holds no function that reaches the host.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::body::{Bodies, Slot};
use super::layout::Layout;
use super::limits::{Budget, Spent, shown, walk_steps};
use super::linked::{CoreFunction, CoreInstance, HostFunction, Linked, Place, exported_function};
use super::tables::{Tables, owner};
use super::{BinaryError, EntryPoint, Judgement, Work};

/// The judgement when the work was cut short.
fn too_intricate() -> Judgement {
    Judgement::real("taken as real: too intricate to be followed")
}

/// Judges each entry point that is `present`.
pub(super) fn judge<'a>(
    layout: &Layout<'a>,
    linked: &Linked<'a>,
    present: &BTreeSet<EntryPoint>,
    size: usize,
    work: &mut Work,
) -> Result<BTreeMap<EntryPoint, Judgement>, BinaryError> {
    let mut judge = Judge {
        layout,
        linked,
        present,
        bodies: Bodies::new(layout),
        tables: None,
        budget: Budget::new(walk_steps(size)),
        reached: BTreeMap::new(),
        common: None,
        harmless: HashMap::new(),
    };
    let mut judgements = BTreeMap::new();
    for &entry in present {
        let judgement = match entry {
            EntryPoint::HookTrigger => Judgement::real("exported; toolchains make no stub of it"),
            EntryPoint::Run | EntryPoint::Install | EntryPoint::Upgrade => {
                match judge.entry_point(entry) {
                    Ok(judgement) => judgement,
                    Err(Stop::Spent) => too_intricate(),
                    Err(Stop::Malformed(error)) => return Err(error),
                }
            }
        };
        judgements.insert(entry, judgement);
    }
    work.operators = judge.bodies.operators;
    work.walk_steps = judge.budget.spent();
    Ok(judgements)
}

/// Why following calls ended early.
enum Stop {
    Spent,
    Malformed(BinaryError),
}

impl From<Spent> for Stop {
    fn from(_: Spent) -> Self {
        Self::Spent
    }
}

impl From<BinaryError> for Stop {
    fn from(error: BinaryError) -> Self {
        Self::Malformed(error)
    }
}

/// What functions reach: without panic edges, or through any.
#[derive(Default)]
struct Reach<'a> {
    /// Functions, imported ones included.
    places: HashSet<Place>,
    /// Host functions, nearest first.
    hosts: Vec<HostFunction<'a>>,
    /// True if a function of the canonical ABI is among them.
    builtin: bool,
    /// True if what was started from leads nowhere.
    unknown: bool,
    /// Calls that can't be told, with the functions that make them.
    opaque: Vec<(Place, Opaque)>,
    /// Where panic edges lead.
    panicking: Vec<CoreFunction<'a>>,
    /// The same, where that can't be told.
    panicking_opaque: Vec<(Place, Opaque)>,
}

/// A call whose target can't be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opaque {
    /// Through this table, by the module's own index.
    Table(u32),
    /// By a reference.
    Reference,
    /// Of an import that nothing provides.
    Unresolved,
}

impl From<Option<u32>> for Opaque {
    fn from(table: Option<u32>) -> Self {
        table.map_or(Self::Reference, Self::Table)
    }
}

/// What one entry point reaches.
struct Reached<'a> {
    /// Without panic edges.
    normal: Reach<'a>,
    /// Only through them.
    panicking: Reach<'a>,
}

/// What all entry points reach, if there are two or more.
#[derive(Default)]
struct Common {
    /// Without panic edges.
    normal: HashSet<Place>,
    /// In any way.
    any: HashSet<Place>,
}

struct Judge<'l, 'a> {
    layout: &'l Layout<'a>,
    linked: &'l Linked<'a>,
    present: &'l BTreeSet<EntryPoint>,
    bodies: Bodies<'l, 'a>,
    tables: Option<Tables>,
    budget: Budget,
    /// Of the entry points that were followed.
    reached: BTreeMap<EntryPoint, Rc<Reached<'a>>>,
    /// Once it was needed.
    common: Option<Rc<Common>>,
    /// Tables that were asked about: whether they hold no function that reaches the host.
    harmless: HashMap<Place, bool>,
}

impl<'a> Judge<'_, 'a> {
    fn entry_point(&mut self, entry: EntryPoint) -> Result<Judgement, Stop> {
        let reached = self.reached(entry)?;
        let Reached { normal, panicking } = &*reached;
        if normal.unknown {
            return Ok(Judgement::real(
                "taken as real: the export leads to code outside the binary",
            ));
        }
        if let Some(why) = calls(normal) {
            return Ok(Judgement::real(why));
        }
        if let Some(other) = panicking.hosts.iter().find(|host| !is_log(host)) {
            let other = name(other);
            return Ok(Judgement::real(format!("calls {other}, before it panics")));
        }
        if panicking.builtin {
            return Ok(Judgement::real("calls the canonical ABI, before it panics"));
        }
        let behind = normal.panicking_opaque.iter().chain(&panicking.opaque);
        let calls = normal.opaque.iter().map(|call| (call, false));
        for (&(place, opaque), behind_panic) in calls.chain(behind.map(|call| (call, true))) {
            if !self.excused(place, opaque, behind_panic)? {
                return Ok(unsure(opaque, behind_panic));
            }
        }
        Ok(Judgement::stub(if panicking.hosts.is_empty() {
            "reaches no host import"
        } else {
            "only installs a panic hook (reaches no host import except behind a panic)"
        }))
    }

    fn reached(&mut self, entry: EntryPoint) -> Result<Rc<Reached<'a>>, Stop> {
        if let Some(reached) = self.reached.get(&entry) {
            return Ok(Rc::clone(reached));
        }
        let root = self.linked.export(entry.export_name());
        let mut normal = self.walk(vec![root], None)?;
        let before_panic = std::mem::take(&mut normal.panicking);
        let panicking = self.walk(before_panic, Some(&normal.places))?;
        let reached = Rc::new(Reached { normal, panicking });
        self.reached.insert(entry, Rc::clone(&reached));
        Ok(reached)
    }

    /// Whether a call that `place` makes says nothing of the entry point.
    fn excused(&mut self, place: Place, opaque: Opaque, behind_panic: bool) -> Result<bool, Stop> {
        let common = self.common()?;
        let shared = if behind_panic {
            &common.any
        } else {
            &common.normal
        };
        if !shared.contains(&place) {
            return Ok(false);
        }
        match opaque {
            Opaque::Unresolved => Ok(true),
            _ if self.layout.languages.iter().eq(&["Rust"]) => Ok(true),
            Opaque::Table(index) => self.harmless(Place { index, ..place }),
            Opaque::Reference => Ok(false),
        }
    }

    fn common(&mut self) -> Result<Rc<Common>, Stop> {
        if let Some(common) = &self.common {
            return Ok(Rc::clone(common));
        }
        let mut common: Option<Common> = None;
        if self.present.len() >= 2 {
            for &entry in self.present {
                let reached = self.reached(entry)?;
                let (normal, panicking) = (&reached.normal.places, &reached.panicking.places);
                common = Some(match common {
                    None => Common {
                        normal: normal.clone(),
                        any: normal | panicking,
                    },
                    Some(mut earlier) => {
                        earlier.normal.retain(|place| normal.contains(place));
                        let reaches =
                            |place: &Place| normal.contains(place) || panicking.contains(place);
                        earlier.any.retain(reaches);
                        earlier
                    }
                });
            }
        }
        let common = Rc::new(common.unwrap_or_default());
        self.common = Some(Rc::clone(&common));
        Ok(common)
    }

    /// Whether no function in a table reaches the host, nor anything that can't be told.
    fn harmless(&mut self, table: Place) -> Result<bool, Stop> {
        let Some(table) = owner(self.layout, self.linked, table, &mut self.budget)? else {
            return Ok(false);
        };
        if let Some(&known) = self.harmless.get(&table) {
            return Ok(known);
        }
        let held: Vec<_> = self.tables()?.held(table).map(CoreFunction::Wasm).collect();
        let reach = self.walk(held, Some(&HashSet::new()))?;
        let mut harmless = reach.hosts.is_empty() && !reach.builtin && !reach.unknown;
        for &(place, opaque) in &reach.opaque {
            let back = match opaque {
                Opaque::Table(index) => {
                    let through = Place { index, ..place };
                    owner(self.layout, self.linked, through, &mut self.budget)? == Some(table)
                }
                Opaque::Reference | Opaque::Unresolved => false,
            };
            harmless &= back;
        }
        self.harmless.insert(table, harmless);
        Ok(harmless)
    }

    /// Follows calls from `roots`, nearest first. Behind a panic edge, `unpanicked` are the
    /// functions reached without one, which are left out, and further panic edges are followed
    /// like other calls; otherwise panic edges are kept for later.
    fn walk(
        &mut self,
        roots: Vec<CoreFunction<'a>>,
        unpanicked: Option<&HashSet<Place>>,
    ) -> Result<Reach<'a>, Stop> {
        let mut reach = Reach::default();
        let mut hosts = HashSet::new();
        let mut queue = Vec::new();
        let mut pending = roots;
        let mut next = 0;
        loop {
            for target in pending.drain(..) {
                match target {
                    CoreFunction::Wasm(place) => {
                        let known = unpanicked.is_some_and(|known| known.contains(&place));
                        if !known && reach.places.insert(place) {
                            queue.push(place);
                        }
                    }
                    CoreFunction::Host(host) => {
                        if hosts.insert(host) {
                            reach.hosts.push(host);
                        }
                    }
                    CoreFunction::Builtin => reach.builtin = true,
                    CoreFunction::Unknown => reach.unknown = true,
                }
            }
            let Some(&place) = queue.get(next) else {
                return Ok(reach);
            };
            next += 1;
            self.step(place, unpanicked.is_some(), &mut reach, &mut pending)?;
        }
    }

    /// Adds what the function `place` calls to `pending`.
    fn step(
        &mut self,
        place: Place,
        behind_panic: bool,
        reach: &mut Reach<'a>,
        pending: &mut Vec<CoreFunction<'a>>,
    ) -> Result<(), Stop> {
        self.budget.spend(1)?;
        let Some(CoreInstance::Module { module, args }) = self.linked.instances.get(place.instance)
        else {
            reach.opaque.push((place, Opaque::Unresolved));
            return Ok(());
        };
        let imports = self.layout.modules.get(*module).map(|m| &m.func_imports);
        let imports = imports.map_or(&[][..], Vec::as_slice);
        if let Some(import) = imports.get(place.index as usize) {
            self.budget.spend_name(import.module)?;
            self.budget.spend_name(import.field)?;
            let exporter = args.get(import.module);
            let target = exporter.map_or(CoreFunction::Unknown, |&instance| {
                exported_function(self.layout, &self.linked.instances, instance, import.field)
            });
            match target {
                CoreFunction::Unknown => reach.opaque.push((place, Opaque::Unresolved)),
                target => pending.push(target),
            }
            return Ok(());
        }

        // An import's index is below the number of imports, so this doesn't underflow.
        let body = place.index as usize - imports.len();
        let Some(calls) = self.bodies.calls(*module, body)? else {
            reach.opaque.push((place, Opaque::Unresolved));
            return Ok(());
        };
        let slots = calls.slots.len() + calls.panicking_slots.len();
        let indirect = calls.indirect.len() + calls.panicking_indirect.len();
        let edges = calls.direct.len() + calls.panicking.len() + slots + indirect;
        self.budget.spend(edges as u64)?;
        let instance = place.instance;
        let wasm = |&index: &u32| CoreFunction::Wasm(Place { instance, index });
        let opaque = |&table: &Option<u32>| (place, Opaque::from(table));
        pending.extend(calls.direct.iter().map(wasm));
        reach.opaque.extend(calls.indirect.iter().map(opaque));
        let (before_panic, opaque_before_panic) = if behind_panic {
            (&mut *pending, &mut reach.opaque)
        } else {
            (&mut reach.panicking, &mut reach.panicking_opaque)
        };
        before_panic.extend(calls.panicking.iter().map(wasm));
        opaque_before_panic.extend(calls.panicking_indirect.iter().map(opaque));
        for &slot in &calls.panicking_slots {
            match self.slot(instance, slot)? {
                Some(function) => before_panic.push(CoreFunction::Wasm(function)),
                None => opaque_before_panic.push((place, Opaque::Table(slot.table))),
            }
        }
        for &slot in &calls.slots {
            match self.slot(instance, slot)? {
                Some(function) => pending.push(CoreFunction::Wasm(function)),
                None => reach.opaque.push((place, Opaque::Table(slot.table))),
            }
        }
        Ok(())
    }

    fn slot(&mut self, instance: usize, slot: Slot) -> Result<Option<Place>, Spent> {
        let place = Place {
            instance,
            index: slot.table,
        };
        self.tables()?;
        let Some(tables) = &self.tables else {
            return Ok(None);
        };
        tables.function(self.layout, self.linked, place, slot.slot, &mut self.budget)
    }

    fn tables(&mut self) -> Result<&Tables, Spent> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::fill(self.layout, self.linked, &mut self.budget)?,
        };
        Ok(self.tables.insert(tables))
    }
}

/// Real, because a call can't be told.
fn unsure(opaque: Opaque, behind_panic: bool) -> Judgement {
    let what = match opaque {
        Opaque::Table(_) | Opaque::Reference => "calls through a table, which can lead anywhere",
        Opaque::Unresolved => "calls an import that nothing in the binary provides",
    };
    let when = if behind_panic {
        ", before it panics"
    } else {
        ""
    };
    Judgement::real(format!("taken as real: {what}{when}"))
}

/// What `reach` calls of the host, if anything.
fn calls(reach: &Reach<'_>) -> Option<String> {
    let told = reach.hosts.iter().find(|host| !is_log(host));
    match told.or(reach.hosts.first()) {
        Some(host) => {
            let name = name(host);
            Some(match reach.hosts.len() - 1 {
                0 => format!("calls {name}"),
                1 => format!("calls {name} and one more host function"),
                more => format!("calls {name} and {more} more host functions"),
            })
        }
        None => reach
            .builtin
            .then(|| "calls the canonical ABI, which can reach the host".to_owned()),
    }
}

/// `astrid:sys/host.log`, without the version.
fn name(host: &HostFunction<'_>) -> String {
    let instance = unversioned(host.instance);
    if instance.is_empty() {
        shown(host.name)
    } else {
        shown(&format!("{instance}.{}", host.name))
    }
}

fn is_log(host: &HostFunction<'_>) -> bool {
    unversioned(host.instance) == "astrid:sys/host" && host.name == "log"
}

fn unversioned(instance: &str) -> &str {
    instance.split_once('@').map_or(instance, |(name, _)| name)
}
