//! Components made by hand: what a test says in one line, written out in the binary format. Each
//! is valid, as far as an engine's validator can tell.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::Instruction::{self as I, Call, CallIndirect, I32Const};
use wasm_encoder::{
    Alias, CodeSection, ComponentBuilder, ComponentExportKind, ComponentOuterAliasKind,
    ComponentTypeRef, ComponentValType, ConstExpr, CustomSection, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, InstanceType,
    Module, ModuleArg, ModuleType, NameMap, NameSection, ProducersField, ProducersSection, RefType,
    TableSection, TableType, TypeSection, ValType,
};

pub const SYS: &str = "astrid:sys/host@1.0.0";
pub const IPC: &str = "astrid:ipc/host@1.0.0";
/// An import that is satisfied by a core module which the component itself imports.
pub const PLUGIN: &str = "plugin";

pub const LOG: (&str, &str) = (SYS, "log");
pub const PUBLISH: (&str, &str) = (IPC, "publish");

pub const INDIRECT: I<'static> = CallIndirect {
    type_index: 0,
    table_index: 0,
};

pub type Code = Vec<I<'static>>;

/// A core module all of whose functions take and return nothing.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// The functions 0, 1, … by module and field.
    pub imports: Vec<(&'static str, &'static str)>,
    /// The functions after the imported ones.
    pub bodies: Vec<Code>,
    pub exports: Vec<(&'static str, u32)>,
    /// Variables of each body.
    pub locals: u32,
    /// Imports the table of this module and field, else has one of its own.
    pub table: Option<(&'static str, &'static str)>,
    /// Slot and function.
    pub elements: Vec<(i32, u32)>,
    /// Offset and contents of segments that are written as expressions.
    pub segments: Vec<(ConstExpr, Vec<ConstExpr>)>,
    /// Contents of custom sections `astrid:exports`.
    pub sections: Vec<Vec<u8>>,
    /// Functions that code may put into tables.
    pub passive: Vec<u32>,
    /// Names of functions.
    pub names: Vec<(u32, &'static str)>,
    /// What it says it was written in.
    pub languages: Vec<&'static str>,
}

impl Guest {
    pub fn module(&self) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let table_type = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 4,
            maximum: None,
            shared: false,
        };
        let (mut imports, mut tables) = (ImportSection::new(), TableSection::new());
        for (module, field) in &self.imports {
            imports.import(module, field, EntityType::Function(0));
        }
        match self.table {
            Some((module, field)) => {
                imports.import(module, field, EntityType::Table(table_type));
            }
            None => {
                tables.table(table_type);
            }
        }
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for body in &self.bodies {
            functions.function(0);
            let locals = (self.locals > 0).then_some((self.locals, ValType::I32));
            let mut function = Function::new(locals);
            for instruction in body {
                function.instruction(instruction);
            }
            function.instruction(&I::End);
            code.function(&function);
        }
        let mut exports = ExportSection::new();
        for (name, index) in &self.exports {
            exports.export(name, ExportKind::Func, *index);
        }
        exports.export("$imports", ExportKind::Table, 0);
        let mut elements = ElementSection::new();
        for (slot, function) in &self.elements {
            elements.active(
                None,
                &ConstExpr::i32_const(*slot),
                Elements::Functions(vec![*function].into()),
            );
        }
        for (offset, contents) in &self.segments {
            let contents = Elements::Expressions(RefType::FUNCREF, contents.into());
            elements.active(None, offset, contents);
        }
        if !self.passive.is_empty() {
            elements.passive(Elements::Functions((&self.passive[..]).into()));
        }
        let all: Vec<u32> = (0..self.count()).collect();
        elements.declared(Elements::Functions(all.into()));
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions);
        module.section(&tables).section(&exports).section(&elements);
        module.section(&code);
        if !self.languages.is_empty() {
            let mut field = ProducersField::new();
            for language in &self.languages {
                field.value(language, "");
            }
            let mut producers = ProducersSection::new();
            producers.field("language", &field);
            module.section(&producers);
        }
        if !self.names.is_empty() {
            let mut functions = NameMap::new();
            for (index, name) in &self.names {
                functions.append(*index, name);
            }
            let mut names = NameSection::new();
            names.functions(&functions);
            module.section(&names);
        }
        for data in &self.sections {
            module.section(&CustomSection {
                name: "astrid:exports".into(),
                data: data.into(),
            });
        }
        module
    }

    fn count(&self) -> u32 {
        (self.imports.len() + self.bodies.len()) as u32
    }

    /// The component that has this guest alone, its imports lowered and its exports lifted.
    pub fn component(&self) -> Vec<u8> {
        let mut builder = ComponentBuilder::default();
        let args = wire(&mut builder, &self.imports);
        let module = builder.core_module(None, &self.module());
        let instance = instantiate(&mut builder, module, &args);
        lift(&mut builder, instance, &self.exports);
        valid(builder.finish())
    }
}

/// Imports what is asked for, and makes an instance of it for each module name.
pub fn wire(builder: &mut ComponentBuilder, imports: &[(&'static str, &str)]) -> Args {
    let mut by_instance: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    for (instance, function) in imports {
        by_instance.entry(instance).or_default().insert(function);
    }
    let mut args = Args::new();
    for (instance, names) in by_instance {
        if instance == PLUGIN {
            args.push((instance, plugin(builder, &names)));
            continue;
        }
        let imported = import_instance(builder, instance, &names);
        let lowered: Vec<_> = names
            .iter()
            .map(|name| {
                let function = builder.alias_export(imported, name, ComponentExportKind::Func);
                (
                    *name,
                    ExportKind::Func,
                    builder.lower_func(None, function, []),
                )
            })
            .collect();
        args.push((instance, builder.core_instantiate_exports(None, lowered)));
    }
    args
}

pub type Args = Vec<(&'static str, u32)>;

pub fn import_instance(builder: &mut ComponentBuilder, name: &str, names: &BTreeSet<&str>) -> u32 {
    let mut ty = InstanceType::new();
    ty.ty()
        .function()
        .params::<_, ComponentValType>([])
        .result(None);
    for name in names {
        ty.export(*name, ComponentTypeRef::Func(0));
    }
    let ty = builder.type_instance(None, &ty);
    builder.import(name, ComponentTypeRef::Instance(ty))
}

pub fn plugin(builder: &mut ComponentBuilder, names: &BTreeSet<&str>) -> u32 {
    let mut ty = ModuleType::new();
    ty.ty().function([], []);
    for name in names {
        ty.export(name, EntityType::Function(0));
    }
    let (index, encoder) = builder.core_type(None);
    encoder.module(&ty);
    let module = builder.import(PLUGIN, ComponentTypeRef::Module(index));
    builder.core_instantiate(None, module, [])
}

pub fn instantiate(builder: &mut ComponentBuilder, module: u32, args: &[(&str, u32)]) -> u32 {
    let args: Vec<_> = args
        .iter()
        .map(|&(name, instance)| (name, ModuleArg::Instance(instance)))
        .collect();
    builder.core_instantiate(None, module, args)
}

/// Lifts and exports functions of a core instance.
pub fn lift(builder: &mut ComponentBuilder, instance: u32, exports: &[(&str, u32)]) {
    let (ty, mut encoder) = builder.type_function(None);
    encoder.params::<_, ComponentValType>([]).result(None);
    for (name, _) in exports {
        let core = builder.core_alias_export(None, instance, name, ExportKind::Func);
        let lifted = builder.lift_func(None, core, ty, []);
        builder.export(*name, ComponentExportKind::Func, lifted, None);
    }
}

/// A component made by hand says nothing if no engine would take it.
pub fn valid(component: Vec<u8>) -> Vec<u8> {
    if let Err(error) = wasmparser::Validator::new().validate_all(&component) {
        panic!("the test's component is invalid: {error}");
    }
    component
}

/// A guest with `run` alone: function 0 of its own.
pub fn run_only(imports: &[(&'static str, &'static str)], bodies: &[&[I<'static>]]) -> Guest {
    Guest {
        imports: imports.to_vec(),
        bodies: bodies.iter().map(|body| body.to_vec()).collect(),
        exports: vec![("run", imports.len() as u32)],
        ..Guest::default()
    }
}

/// Function 0: `run` and the hook share it. Function 1 belongs to `run` alone.
pub fn sharing(common: &[I<'static>], own: &[I<'static>]) -> Guest {
    Guest {
        imports: vec![(PLUGIN, "f")],
        bodies: vec![common.to_vec(), [&[Call(1)], own].concat()],
        exports: vec![("run", 2), ("astrid-hook-trigger", 1)],
        ..Guest::default()
    }
}

/// As `wit-component` does it: the guest imports a shim's function, which calls slot 0 of the
/// shim's table, where a fixup module puts the host function `hosts[0]` (and then the others).
pub fn shimmed(body: &[I<'static>], hosts: &[(&'static str, &'static str)]) -> Vec<u8> {
    let shim = Guest {
        bodies: vec![vec![I32Const(0), INDIRECT]],
        exports: vec![("0", 0)],
        ..Guest::default()
    };
    let fixup = Guest {
        imports: hosts.to_vec(),
        table: Some(("shim", "$imports")),
        elements: (0..hosts.len() as u32)
            .map(|function| (0, function))
            .collect(),
        ..Guest::default()
    };
    let main = Guest {
        imports: vec![("env", "f")],
        bodies: vec![body.to_vec()],
        exports: vec![("run", 1)],
        ..Guest::default()
    };
    let mut builder = ComponentBuilder::default();
    let mut args = wire(&mut builder, hosts);
    let shim = builder.core_module(None, &shim.module());
    let main = builder.core_module(None, &main.module());
    let fixup = builder.core_module(None, &fixup.module());
    let shim = instantiate(&mut builder, shim, &[]);
    let forwarder = builder.core_alias_export(None, shim, "0", ExportKind::Func);
    let env = builder.core_instantiate_exports(None, [("f", ExportKind::Func, forwarder)]);
    let main = instantiate(&mut builder, main, &[("env", env)]);
    args.push(("shim", shim));
    instantiate(&mut builder, fixup, &args);
    lift(&mut builder, main, &[("run", 1)]);
    valid(builder.finish())
}

/// A component that imports `SYS` and exports `f`, which executes `body` (0 is `log`), within as
/// many components as `depth` says, the module defined outermost. Its `f` is the root's `run`.
pub fn nested(depth: usize, body: &[I<'static>]) -> Vec<u8> {
    let guest = Guest {
        imports: vec![LOG],
        bodies: vec![body.to_vec()],
        exports: vec![("f", 1)],
        ..Guest::default()
    };
    let mut inner = ComponentBuilder::default();
    let args = wire(&mut inner, &guest.imports);
    let module = inner.alias(
        None,
        Alias::Outer {
            kind: ComponentOuterAliasKind::CoreModule,
            count: depth as u32,
            index: 0,
        },
    );
    let instance = instantiate(&mut inner, module, &args);
    lift(&mut inner, instance, &[("f", 1)]);
    for level in (0..depth).rev() {
        let mut outer = ComponentBuilder::default();
        if level == 0 {
            outer.core_module(None, &guest.module());
        }
        let host = import_instance(&mut outer, SYS, &BTreeSet::from(["log"]));
        let component = outer.component(None, inner);
        let args = [(SYS, ComponentExportKind::Instance, host)];
        let instance = outer.instantiate(None, component, args);
        let function = outer.alias_export(instance, "f", ComponentExportKind::Func);
        let name = if level == 0 { "run" } else { "f" };
        outer.export(name, ComponentExportKind::Func, function, None);
        inner = outer;
    }
    valid(inner.finish())
}

/// A component whose `run` calls the host and whose install hook does nothing, with sections.
pub fn with_sections(sections: &[&str]) -> Vec<u8> {
    let mut guest = run_only(&[PUBLISH], &[&[Call(0)], &[]]);
    guest.exports.push(("astrid-install", 2));
    guest.sections = sections
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
    guest.component()
}
