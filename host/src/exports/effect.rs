//! The judgement by effect: what can an entry point do to the host?
//!
//! A published SDK's stub only installs a panic hook. For an entry point let N be the host
//! functions that it reaches without a panic edge (see [`super::body`]), P those that it reaches
//! only through one, and C the functions that all entry points of the binary reach without panic
//! edges (there must be at least two, else C is empty). It is real if N is not empty, or P holds
//! anything but `astrid:sys/host.log`, or a call whose target can't be told, not behind a panic
//! edge, lies outside C. Otherwise it is a stub. Writes to memory and to globals don't count.
//! `astrid-hook-trigger` is always real.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::body::{Bodies, Slot};
use super::layout::Layout;
use super::limits::{Budget, Spent, shown, walk_steps};
use super::linked::{CoreFunction, CoreInstance, HostFunction, Linked, Place, exported_function};
use super::tables::Tables;
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
        common: None,
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

/// What an entry point reaches without panic edges, or only through them.
#[derive(Default)]
struct Reach<'a> {
    /// Functions, imported ones included.
    places: HashSet<Place>,
    /// Host functions, nearest first.
    hosts: Vec<HostFunction<'a>>,
    /// True if a function of the canonical ABI is among them.
    builtin: bool,
    /// True if the entry point itself leads nowhere.
    unknown: bool,
    /// Functions that contain a call that can't be told, and imports that nothing provides.
    opaque: Vec<(Place, Opaque)>,
    /// Where panic edges lead.
    panicking: Vec<CoreFunction<'a>>,
}

#[derive(Clone, Copy)]
enum Opaque {
    Indirect,
    Unresolved,
}

struct Judge<'l, 'a> {
    layout: &'l Layout<'a>,
    linked: &'l Linked<'a>,
    present: &'l BTreeSet<EntryPoint>,
    bodies: Bodies<'l, 'a>,
    tables: Option<Tables>,
    budget: Budget,
    /// C, once it was needed.
    common: Option<HashSet<Place>>,
}

impl<'a> Judge<'_, 'a> {
    fn entry_point(&mut self, entry: EntryPoint) -> Result<Judgement, Stop> {
        let root = self.linked.export(entry.export_name());
        let mut normal = self.walk(vec![root], None)?;
        if normal.unknown {
            return Ok(Judgement::real(
                "taken as real: the export leads to code outside the binary",
            ));
        }
        if let Some(why) = calls(&normal) {
            return Ok(Judgement::real(why));
        }

        let before_panic = std::mem::take(&mut normal.panicking);
        let panicking = self.walk(before_panic, Some(&normal.places))?;
        if let Some(other) = panicking.hosts.iter().find(|host| !is_log(host)) {
            let other = name(other);
            return Ok(Judgement::real(format!("calls {other}, before it panics")));
        }
        if panicking.builtin {
            return Ok(Judgement::real("calls the canonical ABI, before it panics"));
        }

        if !normal.opaque.is_empty() {
            let common = self.common()?;
            let outside = normal
                .opaque
                .iter()
                .find(|(place, _)| !common.contains(place));
            match outside {
                Some((_, Opaque::Indirect)) => {
                    return Ok(Judgement::real(
                        "taken as real: calls through a table, which can lead anywhere",
                    ));
                }
                Some((_, Opaque::Unresolved)) => {
                    return Ok(Judgement::real(
                        "taken as real: calls an import that nothing in the binary provides",
                    ));
                }
                None => {}
            }
        }
        Ok(Judgement::stub(if panicking.hosts.is_empty() {
            "reaches no host import"
        } else {
            "only installs a panic hook (reaches no host import except behind a panic)"
        }))
    }

    /// C: what all entry points reach without panic edges, if there are two or more.
    fn common(&mut self) -> Result<&HashSet<Place>, Stop> {
        if self.common.is_none() {
            let mut common: Option<HashSet<Place>> = None;
            if self.present.len() >= 2 {
                for entry in self.present {
                    let root = self.linked.export(entry.export_name());
                    let reached = self.walk(vec![root], None)?.places;
                    common = Some(match common {
                        None => reached,
                        Some(earlier) => earlier.intersection(&reached).copied().collect(),
                    });
                }
            }
            self.common = Some(common.unwrap_or_default());
        }
        Ok(self.common.get_or_insert_default())
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
        let edges = calls.direct.len() + calls.panicking.len() + slots;
        self.budget.spend(edges as u64)?;
        let instance = place.instance;
        let wasm = |&index: &u32| CoreFunction::Wasm(Place { instance, index });
        pending.extend(calls.direct.iter().map(wasm));
        let before_panic = if behind_panic {
            &mut *pending
        } else {
            &mut reach.panicking
        };
        before_panic.extend(calls.panicking.iter().map(wasm));
        let mut indirect = calls.indirect;
        for slot in &calls.panicking_slots {
            if let Some(function) = self.slot(instance, *slot)? {
                before_panic.push(CoreFunction::Wasm(function));
            }
        }
        for slot in &calls.slots {
            match self.slot(instance, *slot)? {
                Some(function) => pending.push(CoreFunction::Wasm(function)),
                None => indirect = true,
            }
        }
        if indirect {
            reach.opaque.push((place, Opaque::Indirect));
        }
        Ok(())
    }

    fn slot(&mut self, instance: usize, slot: Slot) -> Result<Option<Place>, Spent> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::fill(self.layout, self.linked, &mut self.budget)?,
        };
        let tables = self.tables.insert(tables);
        let place = Place {
            instance,
            index: slot.table,
        };
        tables.function(self.layout, self.linked, place, slot.slot, &mut self.budget)
    }
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
