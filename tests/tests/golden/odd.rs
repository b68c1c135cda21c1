//! Components that no toolchain makes: built by hand, a section at a time, of almost nothing.

use std::borrow::Cow;

use wasm_encoder::{
    CanonicalOption, CodeSection, ComponentBuilder, ComponentExportKind, ComponentTypeRef,
    ConstExpr, CustomSection, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, InstanceType, MemorySection, MemoryType, Module, ModuleArg,
    PrimitiveValType, TypeBounds, TypeSection, ValType,
};

/// What a component is made of.
#[derive(Default)]
pub struct Odd<'a> {
    /// Instances that it imports, each with the functions that it takes, of one number each.
    pub imports: &'a [(&'a str, &'a [&'a str])],
    /// What it exports, as functions of nothing. A real one calls the first import, a stub does nothing.
    pub exports: &'a [(&'a str, bool)],
    /// What its section `astrid:exports` says.
    pub section: Option<&'a str>,
    /// Bytes that are only there.
    pub ballast: usize,
}

impl Odd<'_> {
    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let mut component = ComponentBuilder::default();
        let mut lowered = Vec::new();
        for (instance, functions) in self.imports {
            let mut shape = InstanceType::new();
            for (at, function) in (0..).zip(*functions) {
                let parameters = [("x", PrimitiveValType::U32)];
                shape.ty().function().params(parameters).result(None);
                shape.export(*function, ComponentTypeRef::Func(at));
            }
            let shape = component.type_instance(None, &shape);
            let instance = component.import(*instance, ComponentTypeRef::Instance(shape));
            for function in *functions {
                let function =
                    component.alias_export(instance, function, ComponentExportKind::Func);
                lowered.push(component.lower_func(None, function, []));
            }
        }
        let module = component.core_module(None, &self.module(lowered.len()));
        let names: Vec<String> = (0..lowered.len()).map(|at| at.to_string()).collect();
        let functions: Vec<_> = names
            .iter()
            .zip(lowered)
            .map(|(name, function)| (name.as_str(), ExportKind::Func, function))
            .collect();
        let host = component.core_instantiate_exports(None, functions);
        let instance =
            component.core_instantiate(None, module, [("host", ModuleArg::Instance(host))]);
        let (plain, mut shape) = component.type_function(None);
        shape
            .params([] as [(&str, PrimitiveValType); 0])
            .result(None);
        for (name, _) in self.exports {
            let core = component.core_alias_export(None, instance, name, ExportKind::Func);
            let function = component.lift_func(None, core, plain, []);
            component.export(*name, ComponentExportKind::Func, function, None);
        }
        component.custom_section(&CustomSection {
            name: "ballast".into(),
            data: vec![0; self.ballast].into(),
        });
        component.finish()
    }

    fn module(&self, imported: usize) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32], []);
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        for at in 0..imported {
            imports.import("host", &at.to_string(), EntityType::Function(0));
        }
        let (mut functions, mut exports, mut code) = (
            FunctionSection::new(),
            ExportSection::new(),
            CodeSection::new(),
        );
        for (at, (name, real)) in self.exports.iter().enumerate() {
            functions.function(1);
            exports.export(name, ExportKind::Func, (imported + at) as u32);
            let mut body = Function::new([]);
            if *real {
                body.instructions().i32_const(0).call(0);
            }
            body.instructions().end();
            code.function(&body);
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions);
        module.section(&exports).section(&code);
        if let Some(section) = self.section {
            module.section(&CustomSection {
                name: "astrid:exports".into(),
                data: Cow::Borrowed(section.as_bytes()),
            });
        }
        module
    }
}

/// A component whose hook answers with a word of its own, found in its memory at an offset. A memory has 64 KiB: no
/// instance of a component with more can be made.
pub fn answering(word: &str, offset: i32) -> Vec<u8> {
    const HOOK: &str = "astrid-hook-trigger";
    /// Where the answer is: a string, and an option that is none.
    const ANSWER: i32 = 8;
    /// Where the arguments go.
    const ARGUMENTS: i32 = 1024;
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(0);
    let mut exports = ExportSection::new();
    exports
        .export("memory", ExportKind::Memory, 0)
        .export("realloc", ExportKind::Func, 0)
        .export("hook", ExportKind::Func, 1);
    let mut code = CodeSection::new();
    for result in [ARGUMENTS, ANSWER] {
        let mut body = Function::new([]);
        body.instructions().i32_const(result).end();
        code.function(&body);
    }
    let mut answer = Vec::new();
    for number in [offset, word.len() as i32, 0, 0, 0] {
        answer.extend(number.to_le_bytes());
    }
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(ANSWER), answer)
        .active(0, &ConstExpr::i32_const(offset), word.bytes());
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&one_page())
        .section(&exports)
        .section(&code)
        .section(&data);

    let mut component = ComponentBuilder::default();
    let mut lifecycle = InstanceType::new();
    lifecycle
        .ty()
        .defined_type()
        .option(PrimitiveValType::String);
    lifecycle.ty().defined_type().record([
        ("action", PrimitiveValType::String.into()),
        ("data", wasm_encoder::ComponentValType::Type(0)),
    ]);
    lifecycle.export("capsule-result", ComponentTypeRef::Type(TypeBounds::Eq(1)));
    let shape = component.type_instance(None, &lifecycle);
    let lifecycle = component.import(
        "astrid:guest/lifecycle@1.0.0",
        ComponentTypeRef::Instance(shape),
    );
    let result = component.alias_export(lifecycle, "capsule-result", ComponentExportKind::Type);
    let (bytes, shape) = component.type_defined(None);
    shape.list(PrimitiveValType::U8);
    let (hook, mut shape) = component.type_function(None);
    shape
        .params([
            ("action", PrimitiveValType::String.into()),
            ("payload", wasm_encoder::ComponentValType::Type(bytes)),
        ])
        .result(Some(wasm_encoder::ComponentValType::Type(result)));
    let module = component.core_module(None, &module);
    let instance = component.core_instantiate(None, module, []);
    let memory = component.core_alias_export(None, instance, "memory", ExportKind::Memory);
    let realloc = component.core_alias_export(None, instance, "realloc", ExportKind::Func);
    let core = component.core_alias_export(None, instance, "hook", ExportKind::Func);
    let options = [
        CanonicalOption::Memory(memory),
        CanonicalOption::Realloc(realloc),
        CanonicalOption::UTF8,
    ];
    let function = component.lift_func(None, core, hook, options);
    component.export(HOOK, ComponentExportKind::Func, function, None);
    component.finish()
}

fn one_page() -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories
}
