//! Components cut at every byte and with every byte changed: refused with a reason or harmless, never more.
//!
//! With the hash on record such bytes don't get past the check of the hash. Here they mostly come with a hash of their
//! own, as a hostile author would send them, so that the parser, the judge of exports and the compiler see them.

use std::collections::BTreeMap;
use std::time::Duration;

use astrid_cli::authoring::componentize;
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::{ComponentHash, PackageError};
use astrid_host::{Host, LoadError, Package, Verdict};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::common::{ask, call, host, id, said};

const MANIFEST: &str = "[package]\nname = \"damaged\"\nversion = \"0.1.0\"\n";
/// What a call of a damaged capsule may use: an endless loop ends after it.
const CPU: Duration = Duration::from_millis(100);
const WALL: Duration = Duration::from_secs(1);

/// A capsule of a few hundred bytes that answers every call with `continue`.
fn tiny() -> Vec<u8> {
    const I32: ValType = ValType::I32;
    /// Where the answer is, and its text.
    const ANSWER: u32 = 16;
    const TEXT: u32 = 64;
    /// Where the host puts what it hands over.
    const FREE: i32 = 1024;
    let text = b"continue";
    let mut types = TypeSection::new();
    types.ty().function([I32; 4], [I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(0);
    let mut memory = MemorySection::new();
    memory.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let free = GlobalType {
        val_type: I32,
        mutable: true,
        shared: false,
    };
    globals.global(free, &ConstExpr::i32_const(FREE));
    let mut exports = ExportSection::new();
    exports
        .export("memory", ExportKind::Memory, 0)
        .export("astrid-hook-trigger", ExportKind::Func, 0)
        .export("cabi_realloc", ExportKind::Func, 1);
    let mut hook = Function::new([]);
    hook.instruction(&Instruction::I32Const(ANSWER as i32))
        .instruction(&Instruction::End);
    let mut allocate = Function::new([]);
    allocate
        .instruction(&Instruction::GlobalGet(0))
        .instruction(&Instruction::GlobalGet(0))
        .instruction(&Instruction::LocalGet(3))
        .instruction(&Instruction::I32Add)
        .instruction(&Instruction::GlobalSet(0))
        .instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&hook).function(&allocate);
    let mut data = DataSection::new();
    let answer = [TEXT.to_le_bytes(), (text.len() as u32).to_le_bytes()].concat();
    data.active(0, &ConstExpr::i32_const(ANSWER as i32), answer)
        .active(0, &ConstExpr::i32_const(TEXT as i32), *text);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memory)
        .section(&globals)
        .section(&exports)
        .section(&code)
        .section(&data);
    let mut module = module.finish();
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(folders::root().join("wit/deps/guest@1.0.0"))
        .unwrap();
    let world = resolve
        .select_world(&[package], Some("interceptor"))
        .unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    componentize(&module).unwrap()
}

/// What became of damaged components.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    /// Loads bytes as their author sent them, and calls what can be loaded.
    async fn load(&mut self, host: &Host, bytes: &[u8], action: &str, context: &str) {
        let hash = ComponentHash::of(bytes);
        let package = Package::from_bytes(MANIFEST, bytes, hash).unwrap();
        let outcome = match host.load(package).await {
            Ok(capsule) => {
                let call = call(action, ()).within(WALL).cpu_within(CPU);
                let reply = tokio::time::timeout(60 * WALL, host.invoke(&capsule, call)).await;
                let reply = reply.unwrap_or_else(|_| panic!("{context}: the call doesn't end"));
                host.unload(&capsule);
                reply.map_or_else(|error| error.kind().as_str(), |_| "answered")
            }
            // The word for a thread that panicked.
            Err(error @ LoadError::Interrupted(_)) => panic!("{context}: {error}"),
            Err(error) => {
                assert!(
                    ["binary", "import"].contains(&error.kind().as_str()),
                    "{context}: {error}"
                );
                assert!(!error.to_string().is_empty());
                "refused"
            }
        };
        assert!(host.capsules().is_empty(), "{context}");
        assert_eq!(host.memory_used(), 0, "{context}");
        *self.0.entry(outcome).or_default() += 1;
    }

    fn count(&self, outcome: &str) -> usize {
        self.0.get(outcome).copied().unwrap_or(0)
    }
}

/// Damaged with the hash of the whole.
fn assert_other_hash(whole: &[u8], damaged: &[u8], context: &str) {
    let refused = Package::from_bytes(MANIFEST, damaged, ComponentHash::of(whole));
    assert!(
        matches!(refused, Err(PackageError::OtherHash { .. })),
        "{context}"
    );
}

fn changed(whole: &[u8], at: usize, by: u8) -> Vec<u8> {
    let mut bytes = whole.to_owned();
    bytes[at] ^= by;
    bytes
}

#[tokio::test]
async fn a_tiny_component_cut_and_changed_at_every_byte() {
    let whole = tiny();
    assert!(whole.len() < 1_000, "{}", whole.len());
    let host = host().await;
    let mut tally = Tally::default();
    tally.load(&host, &whole, "anything", "whole").await;
    assert_eq!(tally.count("answered"), 1, "{:?}", tally.0);
    for end in 0..whole.len() {
        let context = format!("cut at {end}");
        assert_other_hash(&whole, &whole[..end], &context);
        tally.load(&host, &whole[..end], "anything", &context).await;
    }
    for at in 0..whole.len() {
        for by in [1 << (at % 8), 0xff] {
            let context = format!("{by:#x} at {at}");
            let bytes = changed(&whole, at, by);
            assert_other_hash(&whole, &bytes, &context);
            tally.load(&host, &bytes, "anything", &context).await;
        }
    }
    // Some damage is seen, some does no harm (names, what isn't used), and some breaks what is called.
    assert!(tally.count("refused") > whole.len(), "{:?}", tally.0);
    assert!(tally.count("answered") > 10, "{:?}", tally.0);
    assert!(tally.0.len() > 2, "{:?}", tally.0);
}

#[tokio::test]
async fn a_real_component_cut_and_changed_here_and_there() {
    let whole = Guest::Noop.component();
    let host = host().await;
    let mut tally = Tally::default();
    // Prime, so that every kind of section, and every bit, gets its turn.
    for at in (0..whole.len()).step_by(1_999) {
        let context = format!("cut at {at}");
        assert_other_hash(whole, &whole[..at], &context);
        tally.load(&host, &whole[..at], "noop", &context).await;
        let context = format!("changed at {at}");
        let bytes = changed(whole, at, 1 << (at % 8));
        assert_other_hash(whole, &bytes, &context);
        tally.load(&host, &bytes, "noop", &context).await;
    }
    assert!(tally.count("refused") > 20, "{:?}", tally.0);
    assert!(tally.count("answered") > 1, "{:?}", tally.0);
}

#[tokio::test]
async fn the_buffer_that_was_checked_is_what_runs() {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    let hello = Guest::Hello.package();
    let binary = host.home().binary(hello.hash().as_str());
    host.install(&alone, hello, "a test", &id("default"))
        .await
        .unwrap();
    let name = CapsuleName::parse("hello").unwrap();
    // With its compiled code at hand, and without.
    for known in [true, false] {
        let package = Package::installed(host.home(), &name).unwrap();
        std::fs::write(&binary, Guest::Guard.component()).unwrap();
        if !known {
            for entry in std::fs::read_dir(host.home().cache_dir()).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        let capsule = host.load(package).await.unwrap();
        let ada = serde_json::json!({ "name": "Ada" });
        let reply = ask(&host, &capsule, "greet", ada).await.unwrap();
        assert!(matches!(reply.verdict, Verdict::Final(_)), "{reply:?}");
        assert_eq!(said(&reply).1["greeting"], "Hello, Ada!");
        host.unload(&capsule);
        let error = host.load_installed(&name).await.unwrap_err();
        assert!(
            matches!(error, LoadError::Package(PackageError::OtherHash { .. })),
            "{error:?}"
        );
        std::fs::write(&binary, Guest::Hello.component()).unwrap();
    }
}
