//! A component as wired by [`super::link`]: its core instances, and what they are made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::layout::{CoreExport, Layout};

/// A function of an instantiated core module, by the module's own index: an imported function is
/// a place, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index in [`Linked::instances`].
    pub(super) instance: usize,
    /// Index in the function or table index space of the instance's module.
    pub(super) index: u32,
}

/// A function that the component imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct HostFunction<'a> {
    /// The imported instance, with its version; empty for a function imported at the root.
    pub(super) instance: &'a str,
    pub(super) name: &'a str,
}

/// What a core function index stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum CoreFunction<'a> {
    Wasm(Place),
    Host(HostFunction<'a>),
    /// Provided by the canonical ABI, such as `resource.drop`.
    Builtin,
    Unknown,
}

/// A core instance.
pub(super) enum CoreInstance<'a> {
    Module {
        /// Index in [`Layout::modules`].
        module: usize,
        /// What it was instantiated with: indices in [`Linked::instances`].
        args: HashMap<&'a str, usize>,
    },
    Bag {
        functions: HashMap<&'a str, CoreFunction<'a>>,
        tables: HashMap<&'a str, Place>,
    },
    Unknown,
}

/// A component, wired.
pub(super) struct Linked<'a> {
    pub(super) instances: Vec<CoreInstance<'a>>,
    /// The functions that the root component exports.
    pub(super) exports: HashMap<&'a str, CoreFunction<'a>>,
    /// The functions that were taken from imported instances.
    pub(super) imported: BTreeSet<HostFunction<'a>>,
}

impl<'a> Linked<'a> {
    /// The core function behind the root export `name`.
    pub(super) fn export(&self, name: &str) -> CoreFunction<'a> {
        let function = self.exports.get(name).copied();
        function.unwrap_or(CoreFunction::Unknown)
    }

    /// The functions that were taken from imported instances, by instance.
    pub(super) fn import_functions(&self) -> BTreeMap<String, Vec<String>> {
        let mut functions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for host in &self.imported {
            let of_instance = functions.entry(host.instance).or_default();
            of_instance.push(host.name.to_owned());
        }
        functions
            .into_iter()
            .map(|(instance, names)| (instance.to_owned(), names))
            .collect()
    }
}

/// What `instances[instance]` exports as the function `name`.
pub(super) fn exported_function<'a>(
    layout: &Layout<'a>,
    instances: &[CoreInstance<'a>],
    instance: usize,
    name: &str,
) -> CoreFunction<'a> {
    let function = match instances.get(instance) {
        Some(CoreInstance::Module { module, .. }) => {
            let module = layout.modules.get(*module);
            match module.and_then(|module| module.exports.get(name)) {
                Some(&CoreExport::Func(index)) => {
                    Some(CoreFunction::Wasm(Place { instance, index }))
                }
                _ => None,
            }
        }
        Some(CoreInstance::Bag { functions, .. }) => functions.get(name).copied(),
        _ => None,
    };
    function.unwrap_or(CoreFunction::Unknown)
}

/// What `instances[instance]` exports as the table `name`.
pub(super) fn exported_table<'a>(
    layout: &Layout<'a>,
    instances: &[CoreInstance<'a>],
    instance: usize,
    name: &str,
) -> Option<Place> {
    match instances.get(instance)? {
        CoreInstance::Module { module, .. } => {
            match layout.modules.get(*module)?.exports.get(name)? {
                &CoreExport::Table(index) => Some(Place { instance, index }),
                CoreExport::Func(_) => None,
            }
        }
        CoreInstance::Bag { tables, .. } => tables.get(name).copied(),
        CoreInstance::Unknown => None,
    }
}
