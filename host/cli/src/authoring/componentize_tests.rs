//! Modules made by hand, each with one thing that matters.

use wasm_encoder::{
    CodeSection, CustomSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, Instruction, NameMap, NameSection, TypeSection,
};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::*;

/// A module with the imports given, one function exported as `run`, and the custom sections given; with the types
/// of the last world of `wit`, unless that is empty.
fn core(wit: &str, imports: &[(&str, &str)], custom: &[&str]) -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    module.section(&types);
    let mut import_section = ImportSection::new();
    for (from, name) in imports {
        import_section.import(from, name, EntityType::Function(0));
    }
    module.section(&import_section);
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    let mut exports = ExportSection::new();
    let own = u32::try_from(imports.len()).unwrap();
    exports.export("run", ExportKind::Func, own);
    module.section(&exports);
    let mut code = CodeSection::new();
    let mut body = Function::new([]);
    for import in 0..own {
        body.instruction(&Instruction::Call(import));
    }
    body.instruction(&Instruction::End);
    code.function(&body);
    module.section(&code);
    let mut functions = NameMap::new();
    functions.append(own, "guest::the_loop");
    let mut names = NameSection::new();
    names.functions(&functions);
    module.section(&names);
    for name in custom {
        module.section(&CustomSection {
            name: (*name).into(),
            data: b"contents"[..].into(),
        });
    }
    let mut bytes = module.finish();
    if !wit.is_empty() {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("test.wit", wit).unwrap();
        let world = resolve.select_world(&[package], Some("capsule")).unwrap();
        wit_component::embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8)
            .unwrap();
    }
    bytes
}

const RUNS: &str = "package test:guest; world capsule { export run: func(); }";

/// Names of the custom sections of a component and of the modules in it, and those of what it imports.
fn contents(component: &[u8]) -> (Vec<String>, Vec<String>) {
    wasmparser::validate(component).unwrap();
    let (mut custom, mut imports) = (Vec::new(), Vec::new());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::CustomSection(section) => custom.push(section.name().to_owned()),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    (custom, imports)
}

fn refusal(core: &[u8]) -> String {
    let error = componentize(core).unwrap_err();
    format!("{error}\n{}", error.hint().unwrap_or_default())
}

#[test]
fn names_and_the_sdks_section_stay_and_debug_information_goes() {
    let dropped = [
        ".debug_info",
        ".debug_line",
        "target_features",
        "linking",
        "reloc.CODE",
    ];
    let kept = ["astrid:exports", "of-the-author"];
    let core = core(RUNS, &[], &[&dropped[..], &kept[..]].concat());
    let (custom, _) = contents(&componentize(&core).unwrap());
    for name in dropped {
        assert!(
            !custom.iter().any(|found| found == name),
            "{name}: {custom:?}"
        );
    }
    for name in kept.iter().chain(&["name"]) {
        assert!(
            custom.iter().any(|found| found == name),
            "{name}: {custom:?}"
        );
    }
}

#[test]
fn two_versions_of_an_import_stay_two() {
    let wit = "package test:guest;
        world capsule {
            import test:dep/host@1.0.0;
            import test:dep/host@1.1.0;
            export run: func();
        }
        package test:dep@1.0.0 { interface host { old: func(); } }
        package test:dep@1.1.0 { interface host { new: func(); } }";
    let core = core(
        wit,
        &[
            ("test:dep/host@1.0.0", "old"),
            ("test:dep/host@1.1.0", "new"),
        ],
        &[],
    );
    let (_, imports) = contents(&componentize(&core).unwrap());
    assert_eq!(imports, ["test:dep/host@1.0.0", "test:dep/host@1.1.0"]);
}

#[test]
fn the_same_module_gives_the_same_component() {
    let core = core(RUNS, &[], &["astrid:exports"]);
    assert_eq!(componentize(&core).unwrap(), componentize(&core).unwrap());
}

#[test]
fn a_crate_without_entry_points_is_told_of_the_attribute() {
    assert!(refusal(&core("", &[], &[])).contains("#[capsule]"));
    let imports_only = "package test:guest; world capsule { import log: func(); }";
    assert!(refusal(&core(imports_only, &[("$root", "log")], &[])).contains("#[capsule]"));
}

#[test]
fn imports_that_no_host_offers_are_named() {
    let wasi = refusal(&core("", &[("wasi_snapshot_preview1", "fd_write")], &[]));
    assert!(
        wasi.contains("wasi_snapshot_preview1.fd_write") && wasi.contains(WASM),
        "{wasi}"
    );
    let browser = refusal(&core(
        RUNS,
        &[("__wbindgen_placeholder__", "__wbindgen_throw")],
        &[],
    ));
    assert!(
        browser.contains("__wbindgen_throw") && browser.contains("wasm-bindgen"),
        "{browser}"
    );
    let many: Vec<String> = (0..10).map(|n| format!("f{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| ("env", name.as_str())).collect();
    let undefined = refusal(&core(RUNS, &many, &[]));
    assert!(undefined.contains("env.f7 and 2 more"), "{undefined}");
    let other = refusal(&core(RUNS, &[("elsewhere", "f")], &[]));
    assert!(other.contains("elsewhere"), "{other}");
}

/// The target, as hints spell it.
const WASM: &str = super::super::toolchain::WASM_TARGET;

#[test]
fn what_is_no_module_is_refused_and_nothing_panics() {
    let component = componentize(&core(RUNS, &[], &[])).unwrap();
    assert!(refusal(&component).contains("already"));
    assert!(refusal(b"#!/bin/sh\n").contains("not a WebAssembly module"));
    let core = core(RUNS, &[], &["astrid:exports"]);
    for end in 0..core.len() {
        // Cut between two sections it may still be a module; a component it is only with the types, which are last.
        assert!(componentize(&core[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn several_capsules_in_one_module_are_named() {
    let mut bytes = core("", &[], &[]);
    for name in ["first", "second"] {
        let section = CustomSection {
            name: "astrid:exports".into(),
            data: format!(r#"{{"v":1,"sdk":"1.0.0","crate":"{name}","exports":[]}}"#)
                .into_bytes()
                .into(),
        };
        wasm_encoder::Section::append_to(&section, &mut bytes);
    }
    let error = componentize(&bytes).unwrap_err().to_string();
    assert!(error.contains("of the crates first, second"), "{error}");
}
