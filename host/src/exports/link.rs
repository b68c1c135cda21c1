//! Wires a component: which core function each export, import and table slot finally is.
//!
//! A component's declarations only refer to earlier ones, so one pass in order resolves each
//! index as it appears, and a nested component is evaluated when it is instantiated, on a stack
//! of frames. What cannot be followed becomes `Unknown`.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ExternalKind, Instance,
};

use super::layout::{Decl, Layout};
use super::limits::{Budget, Spent};
use super::linked::{
    CoreFunction, CoreInstance, HostFunction, Linked, Place, exported_function, exported_table,
};

/// What a component function index stands for.
#[derive(Clone, Copy)]
enum Function<'a> {
    Host(HostFunction<'a>),
    Lifted(CoreFunction<'a>),
    Unknown,
}

/// A component instance. Bags are kept in [`Linker::bags`].
#[derive(Clone, Copy)]
enum ComponentInst<'a> {
    Imported(&'a str),
    Bag(usize),
    Unknown,
}

/// A component, and the frame in which it was defined, to which its outer aliases refer.
#[derive(Clone, Copy)]
struct Closure {
    component: usize,
    scope: Option<usize>,
}

/// What is passed to, and exported by, component instances.
#[derive(Clone, Copy)]
enum Item<'a> {
    Function(Function<'a>),
    Instance(ComponentInst<'a>),
    Module(Option<usize>),
    Component(Option<Closure>),
    /// A type or a value.
    Other,
}

impl<'a> Function<'a> {
    fn lowered(self) -> CoreFunction<'a> {
        match self {
            Self::Host(host) => CoreFunction::Host(host),
            Self::Lifted(function) => function,
            Self::Unknown => CoreFunction::Unknown,
        }
    }
}

/// A component being evaluated, or evaluated already: its index spaces.
struct Frame<'a> {
    closure: Closure,
    /// The next declaration to evaluate.
    next: usize,
    args: HashMap<&'a str, Item<'a>>,
    exports: HashMap<&'a str, Item<'a>>,
    modules: Vec<Option<usize>>,
    components: Vec<Option<Closure>>,
    /// Indices in [`Linked::instances`].
    core_instances: Vec<usize>,
    core_functions: Vec<CoreFunction<'a>>,
    core_tables: Vec<Option<Place>>,
    functions: Vec<Function<'a>>,
    instances: Vec<ComponentInst<'a>>,
}

/// Steps that a frame costs: it takes about as much memory as so many declarations.
const FRAME_STEPS: u64 = 32;

impl<'a> Frame<'a> {
    fn new(closure: Closure, args: HashMap<&'a str, Item<'a>>) -> Self {
        Self {
            closure,
            next: 0,
            args,
            exports: HashMap::new(),
            modules: Vec::new(),
            components: Vec::new(),
            core_instances: Vec::new(),
            core_functions: Vec::new(),
            core_tables: Vec::new(),
            functions: Vec::new(),
            instances: Vec::new(),
        }
    }

    fn item(&self, kind: ComponentExternalKind, index: u32) -> Item<'a> {
        match kind {
            ComponentExternalKind::Func => {
                Item::Function(at(&self.functions, index).unwrap_or(Function::Unknown))
            }
            ComponentExternalKind::Instance => {
                Item::Instance(at(&self.instances, index).unwrap_or(ComponentInst::Unknown))
            }
            ComponentExternalKind::Module => Item::Module(at(&self.modules, index).flatten()),
            ComponentExternalKind::Component => {
                Item::Component(at(&self.components, index).flatten())
            }
            ComponentExternalKind::Type | ComponentExternalKind::Value => Item::Other,
        }
    }

    /// Adds `item` to the index space of `kind`; an item of another kind adds an unknown one, so
    /// that the indices after it stay right.
    fn add(&mut self, kind: ComponentExternalKind, item: Item<'a>) {
        match kind {
            ComponentExternalKind::Func => self.functions.push(match item {
                Item::Function(function) => function,
                _ => Function::Unknown,
            }),
            ComponentExternalKind::Instance => self.instances.push(match item {
                Item::Instance(instance) => instance,
                _ => ComponentInst::Unknown,
            }),
            ComponentExternalKind::Module => self.modules.push(match item {
                Item::Module(module) => module,
                _ => None,
            }),
            ComponentExternalKind::Component => self.components.push(match item {
                Item::Component(component) => component,
                _ => None,
            }),
            ComponentExternalKind::Type | ComponentExternalKind::Value => {}
        }
    }

    fn bag(&self, exports: &[wasmparser::ComponentExport<'a>]) -> HashMap<&'a str, Item<'a>> {
        exports
            .iter()
            .map(|export| (export.name.name, self.item(export.kind, export.index)))
            .collect()
    }

    fn core_bag(&self, exports: &[wasmparser::Export<'a>]) -> CoreInstance<'a> {
        let mut functions = HashMap::new();
        let mut tables = HashMap::new();
        for export in exports {
            match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    let function = at(&self.core_functions, export.index);
                    functions.insert(export.name, function.unwrap_or(CoreFunction::Unknown));
                }
                ExternalKind::Table => {
                    if let Some(table) = at(&self.core_tables, export.index).flatten() {
                        tables.insert(export.name, table);
                    }
                }
                ExternalKind::Memory | ExternalKind::Global | ExternalKind::Tag => {}
            }
        }
        CoreInstance::Bag { functions, tables }
    }
}

fn at<T: Copy>(space: &[T], index: u32) -> Option<T> {
    space.get(index as usize).copied()
}

struct Linker<'l, 'a> {
    layout: &'l Layout<'a>,
    budget: &'l mut Budget,
    /// Every frame that ever was. None is removed, so an index of one stays good, and indexing with
    /// it cannot fail.
    frames: Vec<Frame<'a>>,
    bags: Vec<HashMap<&'a str, Item<'a>>>,
    instances: Vec<CoreInstance<'a>>,
    imported: BTreeSet<HostFunction<'a>>,
}

/// Wires the root component; `None` if that takes more steps than the budget has.
pub(super) fn link<'a>(layout: &Layout<'a>, budget: &mut Budget) -> Option<Linked<'a>> {
    let mut linker = Linker {
        layout,
        budget,
        frames: Vec::new(),
        bags: Vec::new(),
        instances: Vec::new(),
        imported: BTreeSet::new(),
    };
    linker.run().ok()?;
    let root = linker.frames.into_iter().next()?;
    let functions = root.exports.into_iter();
    Some(Linked {
        instances: linker.instances,
        exports: functions
            .filter_map(|(name, item)| match item {
                Item::Function(function) => Some((name, function.lowered())),
                _ => None,
            })
            .collect(),
        imported: linker.imported,
    })
}

impl<'a> Linker<'_, 'a> {
    /// Evaluates the root (frame 0) and what it instantiates, innermost first.
    fn run(&mut self) -> Result<(), Spent> {
        let root = Closure {
            component: 0,
            scope: None,
        };
        self.frames.push(Frame::new(root, HashMap::new()));
        let mut running = vec![0];
        while let Some(&current) = running.last() {
            let frame = &mut self.frames[current];
            let decls = self.layout.components.get(frame.closure.component);
            let decl = decls.and_then(|decls| decls.get(frame.next));
            frame.next += 1;
            match decl {
                Some(decl) => {
                    self.budget.spend(1)?;
                    if let Some(callee) = self.declare(current, decl)? {
                        self.budget.spend(FRAME_STEPS)?;
                        running.push(self.frames.len());
                        self.frames.push(callee);
                    }
                }
                None => {
                    running.pop();
                    if let Some(&caller) = running.last() {
                        let exports = std::mem::take(&mut self.frames[current].exports);
                        let instance = self.keep(exports);
                        self.frames[caller].instances.push(instance);
                    }
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, bag: HashMap<&'a str, Item<'a>>) -> ComponentInst<'a> {
        self.bags.push(bag);
        ComponentInst::Bag(self.bags.len() - 1)
    }

    /// Evaluates one declaration. A component's instantiation is returned as a frame to run
    /// first; its instance is added when that is done.
    fn declare(&mut self, current: usize, decl: &Decl<'a>) -> Result<Option<Frame<'a>>, Spent> {
        let frame = &mut self.frames[current];
        match decl {
            Decl::Module(module) => frame.modules.push(Some(*module)),
            Decl::Component(component) => frame.components.push(Some(Closure {
                component: *component,
                scope: Some(current),
            })),
            Decl::Lift(index) => {
                let function = at(&frame.core_functions, *index);
                frame
                    .functions
                    .push(Function::Lifted(function.unwrap_or(CoreFunction::Unknown)));
            }
            Decl::Lower(index) => {
                let function = at(&frame.functions, *index).unwrap_or(Function::Unknown);
                frame.core_functions.push(function.lowered());
            }
            Decl::Builtin => frame.core_functions.push(CoreFunction::Builtin),
            Decl::Import { name, kind, .. } => {
                self.budget.spend_name(name)?;
                let item = if current == 0 {
                    root_import(name, *kind)
                } else {
                    frame.args.get(name).copied().unwrap_or(Item::Other)
                };
                frame.add(*kind, item);
            }
            Decl::Export { name, kind, index } => {
                self.budget.spend_name(name)?;
                let item = frame.item(*kind, *index);
                frame.exports.insert(name, item);
                frame.add(*kind, item);
            }
            Decl::Alias(alias) => self.alias(current, alias)?,
            Decl::CoreInstance(instance) => self.core_instance(current, instance)?,
            Decl::Instance(instance) => return self.instance(current, instance),
        }
        Ok(None)
    }

    fn alias(&mut self, current: usize, alias: &ComponentAlias<'a>) -> Result<(), Spent> {
        match *alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => {
                self.budget.spend_name(name)?;
                let instance = at(&self.frames[current].instances, instance_index);
                let item = match instance.unwrap_or(ComponentInst::Unknown) {
                    ComponentInst::Imported(instance) => self.imported_item(instance, name, kind),
                    ComponentInst::Bag(bag) => {
                        let bag = self.bags.get(bag);
                        bag.and_then(|bag| bag.get(name)).copied()
                    }
                    ComponentInst::Unknown => None,
                };
                self.frames[current].add(kind, item.unwrap_or(Item::Other));
            }
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                self.budget.spend_name(name)?;
                let frame = &mut self.frames[current];
                let instance = at(&frame.core_instances, instance_index).unwrap_or(usize::MAX);
                match kind {
                    ExternalKind::Func | ExternalKind::FuncExact => {
                        let function =
                            exported_function(self.layout, &self.instances, instance, name);
                        frame.core_functions.push(function);
                    }
                    ExternalKind::Table => {
                        let table = exported_table(self.layout, &self.instances, instance, name);
                        frame.core_tables.push(table);
                    }
                    ExternalKind::Memory | ExternalKind::Global | ExternalKind::Tag => {}
                }
            }
            ComponentAlias::Outer { kind, count, index } => {
                // Scopes are as deep as components are nested, so an absurd count ends early.
                let mut scope = Some(current);
                for _ in 0..count {
                    scope = scope.and_then(|scope| self.frames[scope].closure.scope);
                    if scope.is_none() {
                        break;
                    }
                }
                let outer = scope.map(|scope| &self.frames[scope]);
                match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        let module = outer.and_then(|outer| at(&outer.modules, index)).flatten();
                        self.frames[current].modules.push(module);
                    }
                    ComponentOuterAliasKind::Component => {
                        let component = outer
                            .and_then(|outer| at(&outer.components, index))
                            .flatten();
                        self.frames[current].components.push(component);
                    }
                    ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => {}
                }
            }
        }
        Ok(())
    }

    fn imported_item(
        &mut self,
        instance: &'a str,
        name: &'a str,
        kind: ComponentExternalKind,
    ) -> Option<Item<'a>> {
        match kind {
            ComponentExternalKind::Func => {
                let host = HostFunction { instance, name };
                self.imported.insert(host);
                Some(Item::Function(Function::Host(host)))
            }
            ComponentExternalKind::Instance => {
                Some(Item::Instance(ComponentInst::Imported(instance)))
            }
            _ => None,
        }
    }

    fn core_instance(&mut self, current: usize, instance: &Instance<'a>) -> Result<(), Spent> {
        let frame = &mut self.frames[current];
        let evaluated = match instance {
            Instance::Instantiate { module_index, args } => {
                for arg in args {
                    self.budget.spend_name(arg.name)?;
                }
                match at(&frame.modules, *module_index).flatten() {
                    Some(module) => CoreInstance::Module {
                        module,
                        args: args
                            .iter()
                            .filter_map(|arg| {
                                Some((arg.name, at(&frame.core_instances, arg.index)?))
                            })
                            .collect(),
                    },
                    None => CoreInstance::Unknown,
                }
            }
            Instance::FromExports(exports) => {
                for export in exports {
                    self.budget.spend_name(export.name)?;
                }
                frame.core_bag(exports)
            }
        };
        frame.core_instances.push(self.instances.len());
        self.instances.push(evaluated);
        Ok(())
    }

    fn instance(
        &mut self,
        current: usize,
        instance: &ComponentInstance<'a>,
    ) -> Result<Option<Frame<'a>>, Spent> {
        let frame = &mut self.frames[current];
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                for arg in args {
                    self.budget.spend_name(arg.name)?;
                }
                let Some(closure) = at(&frame.components, *component_index).flatten() else {
                    frame.instances.push(ComponentInst::Unknown);
                    return Ok(None);
                };
                let args = args
                    .iter()
                    .map(|arg| (arg.name, frame.item(arg.kind, arg.index)))
                    .collect();
                Ok(Some(Frame::new(closure, args)))
            }
            ComponentInstance::FromExports(exports) => {
                for export in exports {
                    self.budget.spend_name(export.name.name)?;
                }
                let bag = frame.bag(exports);
                let instance = self.keep(bag);
                self.frames[current].instances.push(instance);
                Ok(None)
            }
        }
    }
}

/// What the host gives the root component under `name`.
fn root_import(name: &str, kind: ComponentExternalKind) -> Item<'_> {
    match kind {
        ComponentExternalKind::Func => {
            Item::Function(Function::Host(HostFunction { instance: "", name }))
        }
        ComponentExternalKind::Instance => Item::Instance(ComponentInst::Imported(name)),
        _ => Item::Other,
    }
}
