//! What a component's bytes declare, in the order of declaration, before anything is resolved.
//! Function bodies, element segments and types stay unread.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{
    BinaryReader, CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentTypeRef, Element, ElementKind, Encoding, ExternalKind, FunctionBody, Instance,
    KnownCustom, Parser, Payload, ProducersSectionReader, TypeBounds, TypeRef,
};

use super::limits::{COMPONENT_BYTES, DEPTH, ITEMS};
use super::section::SECTION;
use super::{BinaryError, EntryPoint};

/// A whole binary.
#[derive(Default)]
pub(super) struct Layout<'a> {
    /// Every core module, however deeply nested.
    pub(super) modules: Vec<Module<'a>>,
    /// Every component; the first is the root.
    pub(super) components: Vec<Vec<Decl<'a>>>,
    /// The contents of each custom section `astrid:exports` of a core module.
    pub(super) sections: Vec<&'a [u8]>,
    /// The languages that the core modules say they were written in (`producers`).
    pub(super) languages: BTreeSet<&'a str>,
}

/// A core module.
#[derive(Default)]
pub(super) struct Module<'a> {
    /// Imported functions: the first ones of the function index space.
    pub(super) func_imports: Vec<Name<'a>>,
    /// Imported tables: the first ones of the table index space.
    pub(super) table_imports: Vec<Name<'a>>,
    /// Exported functions and tables.
    pub(super) exports: HashMap<&'a str, CoreExport>,
    /// The module's own functions, which follow the imported ones.
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// The custom section `name`.
    pub(super) names: Option<BinaryReader<'a>>,
    /// Element segments that fill a table, at instantiation or later.
    pub(super) segments: Vec<Element<'a>>,
}

/// What a core module asks for.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) module: &'a str,
    pub(super) field: &'a str,
}

/// An export of a core module, with its index there.
#[derive(Clone, Copy)]
pub(super) enum CoreExport {
    Func(u32),
    Table(u32),
}

/// A declaration in a component that adds to an index space or exports something.
pub(super) enum Decl<'a> {
    /// A core module, by its place in [`Layout::modules`].
    Module(usize),
    /// A component, by its place in [`Layout::components`].
    Component(usize),
    CoreInstance(Instance<'a>),
    Instance(ComponentInstance<'a>),
    Alias(ComponentAlias<'a>),
    /// A core function lifted to a component function.
    Lift(u32),
    /// A component function lowered to a core function.
    Lower(u32),
    /// A core function that the canonical ABI provides.
    Builtin,
    Import {
        name: &'a str,
        kind: ComponentExternalKind,
        /// Whether a host must provide something: all but a name for a type that is known.
        provided: bool,
    },
    Export {
        name: &'a str,
        kind: ComponentExternalKind,
        index: u32,
    },
}

/// What the parser is inside of.
enum Open {
    Module(usize),
    Component(usize),
}

impl<'a> Layout<'a> {
    /// Reads the declarations of the component `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BinaryError> {
        if !bytes.starts_with(b"\0asm") {
            return Err(BinaryError::NotWasm);
        }
        if bytes.len() > COMPONENT_BYTES {
            return Err(BinaryError::TooLarge {
                size: bytes.len() as u64,
                limit: COMPONENT_BYTES as u64,
            });
        }
        let mut reader = Reader::default();
        for payload in Parser::new(0).parse_all(bytes) {
            reader.payload(payload?)?;
        }
        Ok(reader.layout)
    }

    /// The declarations of the outermost component.
    fn root(&self) -> &[Decl<'a>] {
        self.components.first().map_or(&[], Vec::as_slice)
    }

    /// The names of what a host must provide.
    pub(super) fn imports(&self) -> impl Iterator<Item = &'a str> {
        self.root().iter().filter_map(|decl| match *decl {
            Decl::Import {
                name,
                provided: true,
                ..
            } => Some(name),
            _ => None,
        })
    }

    /// The entry points that the component exports.
    pub(super) fn entry_points(&self) -> Result<BTreeSet<EntryPoint>, BinaryError> {
        let mut present = BTreeSet::new();
        for decl in self.root() {
            let Decl::Export { name, kind, .. } = *decl else {
                continue;
            };
            let Some(export) = EntryPoint::from_export_name(name) else {
                continue;
            };
            let kind = match kind {
                ComponentExternalKind::Func => None,
                ComponentExternalKind::Module => Some("a core module"),
                ComponentExternalKind::Value => Some("a value"),
                ComponentExternalKind::Type => Some("a type"),
                ComponentExternalKind::Instance => Some("an instance"),
                ComponentExternalKind::Component => Some("a component"),
            };
            if let Some(kind) = kind {
                return Err(BinaryError::ExportNotFunction { export, kind });
            }
            if !present.insert(export) {
                return Err(BinaryError::ExportTwice { export });
            }
        }
        Ok(present)
    }
}

/// Follows the parser through nested modules and components.
#[derive(Default)]
struct Reader<'a> {
    layout: Layout<'a>,
    open: Vec<Open>,
    items: usize,
}

impl<'a> Reader<'a> {
    fn count(&mut self, items: usize) -> Result<(), BinaryError> {
        self.items = self.items.saturating_add(items);
        if self.items > ITEMS {
            return Err(BinaryError::TooManyItems { limit: ITEMS });
        }
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), BinaryError> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => {
                self.open.pop();
                Ok(())
            }
            payload => match self.open.last() {
                Some(&Open::Module(index)) => self.in_module(index, payload),
                Some(&Open::Component(index)) => self.in_component(index, payload),
                None => Ok(()),
            },
        }
    }

    /// Enters the root, or the module or component whose section was just announced.
    fn begin(&mut self, encoding: Encoding) -> Result<(), BinaryError> {
        self.count(1)?;
        if self.open.len() >= DEPTH {
            return Err(BinaryError::TooDeep { limit: DEPTH });
        }
        let parent = match self.open.last() {
            Some(&Open::Component(parent)) => Some(parent),
            _ => None,
        };
        let (opened, decl) = match encoding {
            Encoding::Module if parent.is_none() => return Err(BinaryError::CoreModule),
            Encoding::Module => {
                let index = self.layout.modules.len();
                self.layout.modules.push(Module::default());
                (Open::Module(index), Decl::Module(index))
            }
            Encoding::Component => {
                let index = self.layout.components.len();
                self.layout.components.push(Vec::new());
                (Open::Component(index), Decl::Component(index))
            }
        };
        if let Some(parent) = parent {
            self.declare(parent, decl);
        }
        self.open.push(opened);
        Ok(())
    }

    /// Adds the languages of a section `producers`. One that can't be read says nothing: it has no say in what runs.
    fn languages(&mut self, fields: ProducersSectionReader<'a>) -> Result<(), BinaryError> {
        let fields = fields.into_iter().map_while(Result::ok);
        for field in fields.filter(|field| field.name == "language") {
            for value in field.values.into_iter().map_while(Result::ok) {
                self.count(1)?;
                self.layout.languages.insert(value.name);
            }
        }
        Ok(())
    }

    fn declare(&mut self, component: usize, decl: Decl<'a>) {
        if let Some(decls) = self.layout.components.get_mut(component) {
            decls.push(decl);
        }
    }

    fn in_module(&mut self, index: usize, payload: Payload<'a>) -> Result<(), BinaryError> {
        if let Payload::CustomSection(section) = &payload {
            if section.name() == SECTION {
                self.layout.sections.push(section.data());
            }
            match section.name() {
                "producers" => {
                    if let KnownCustom::Producers(fields) = section.as_known() {
                        self.languages(fields)?;
                    }
                }
                "name" => {
                    if let Some(module) = self.layout.modules.get_mut(index) {
                        let names = BinaryReader::new(section.data(), section.data_offset());
                        module.names = Some(names);
                    }
                }
                _ => {}
            }
            return Ok(());
        }
        match &payload {
            Payload::ImportSection(section) => self.count(section.count() as usize)?,
            Payload::ExportSection(section) => self.count(section.count() as usize)?,
            Payload::ElementSection(section) => self.count(section.count() as usize)?,
            Payload::CodeSectionEntry(_) => self.count(1)?,
            _ => return Ok(()),
        }
        let items = &mut self.items;
        let Some(module) = self.layout.modules.get_mut(index) else {
            return Ok(());
        };
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    // A compact group holds many imports and was counted as one.
                    *items += 1;
                    if *items > ITEMS {
                        return Err(BinaryError::TooManyItems { limit: ITEMS });
                    }
                    let name = Name {
                        module: import.module,
                        field: import.name,
                    };
                    match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => module.func_imports.push(name),
                        TypeRef::Table(_) => module.table_imports.push(name),
                        TypeRef::Memory(_) | TypeRef::Global(_) | TypeRef::Tag(_) => {}
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let item = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            CoreExport::Func(export.index)
                        }
                        ExternalKind::Table => CoreExport::Table(export.index),
                        ExternalKind::Memory | ExternalKind::Global | ExternalKind::Tag => continue,
                    };
                    module.exports.insert(export.name, item);
                }
            }
            Payload::ElementSection(section) => {
                for segment in section {
                    let segment = segment?;
                    // A declared one fills none.
                    if !matches!(segment.kind, ElementKind::Declared) {
                        module.segments.push(segment);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => module.bodies.push(body),
            _ => {}
        }
        Ok(())
    }

    fn in_component(&mut self, index: usize, payload: Payload<'a>) -> Result<(), BinaryError> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section {
                    let instance = instance?;
                    self.count(match &instance {
                        Instance::Instantiate { args, .. } => 1 + args.len(),
                        Instance::FromExports(exports) => 1 + exports.len(),
                    })?;
                    self.declare(index, Decl::CoreInstance(instance));
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let instance = instance?;
                    self.count(match &instance {
                        ComponentInstance::Instantiate { args, .. } => 1 + args.len(),
                        ComponentInstance::FromExports(exports) => 1 + exports.len(),
                    })?;
                    self.declare(index, Decl::Instance(instance));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.count(1)?;
                    self.declare(index, Decl::Alias(alias?));
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.count(1)?;
                    let decl = match function? {
                        CanonicalFunction::Lift {
                            core_func_index, ..
                        } => Decl::Lift(core_func_index),
                        CanonicalFunction::Lower { func_index, .. } => Decl::Lower(func_index),
                        _ => Decl::Builtin,
                    };
                    self.declare(index, decl);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.count(1)?;
                    let import = import?;
                    self.declare(
                        index,
                        Decl::Import {
                            name: import.name.name,
                            kind: import.ty.kind(),
                            provided: !matches!(
                                import.ty,
                                ComponentTypeRef::Type(TypeBounds::Eq(_))
                            ),
                        },
                    );
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.count(1)?;
                    let export = export?;
                    self.declare(
                        index,
                        Decl::Export {
                            name: export.name.name,
                            kind: export.kind,
                            index: export.index,
                        },
                    );
                }
            }
            // Types bind nothing; a component's start function is not an entry point.
            _ => {}
        }
        Ok(())
    }
}
