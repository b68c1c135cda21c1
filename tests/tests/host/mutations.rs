//! Real components, changed in ways that a build never would: what is refused stays refused, what is judged is
//! judged by the code alone, and no import is hidden from the gate.
//!
//! The engine is the second opinion: what it would link is compared with what the host read and let pass. Each
//! property counts what it has seen, so that none holds only because nothing got that far.

mod mutation;
mod parts;

use std::cell::RefCell;
use std::collections::BTreeMap;

use astrid_e2e::guests::Guest;
use astrid_e2e::published;
use astrid_host::domain;
use astrid_host::engine::{self, Allocation};
use astrid_host::exports;
use astrid_host::package::ComponentHash;
use astrid_host::policy::contract::Offered;
use astrid_host::wasmtime::component::Component;
use astrid_host::wasmtime::component::types::ComponentItem;
use astrid_host::wasmtime::{Engine, OptLevel};
use astrid_host::{ErrorKind, Host, LoadError, Package};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use tokio::runtime::Runtime;

use self::mutation::Mutation;
use self::parts::Parts;
use crate::common::with_people;
use crate::domains::{INSTANCE, with_billing};

const SYS: &str = "astrid:sys/host@1.0.0";
const IPC: &str = "astrid:ipc/host@1.0.0";
const POLL: &str = "astrid:io/poll@1.0.0";
/// Has types only, which need no function.
const LIFECYCLE: &str = "astrid:guest/lifecycle@1.0.0";

/// Functions by the instance that they are imported from.
type Imports = BTreeMap<String, Vec<String>>;

/// The same cases on every run, so that what fails here fails everywhere.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0a57_21d0),
        // Each attempt to make a failure smaller may compile.
        max_shrink_iters: 64,
        ..ProptestConfig::default()
    })
}

/// Runs a property, and says how it fails.
fn hold<S: Strategy>(
    cases: u32,
    strategy: &S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    match runner(cases).run(strategy, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}\nwith {case:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// A component with the capabilities that its manifest asks for.
struct Specimen {
    name: &'static str,
    manifest: String,
    parts: Parts,
    /// What it imports unchanged.
    imports: Vec<String>,
    /// Whether the gate of `charge` is open to it.
    charges: bool,
}

impl Specimen {
    fn new(name: &'static str, manifest: String, component: &[u8]) -> Self {
        Self {
            name,
            charges: manifest.contains("net ="),
            manifest,
            parts: Parts::of(component),
            imports: exports::analyse(component).unwrap().imports,
        }
    }

    /// Whether this host offers all of this to it: the rule, apart from the code that decides it.
    fn may_have(&self, imports: &Imports) -> bool {
        imports.iter().all(|(import, functions)| {
            let known = match import.as_str() {
                SYS => domain::contract().interface("astrid:sys/host"),
                IPC => domain::contract().interface("astrid:ipc/host"),
                POLL => domain::contract().interface("astrid:io/poll"),
                LIFECYCLE => return functions.is_empty(),
                INSTANCE => {
                    return functions
                        .iter()
                        .all(|function| self.charges && function == "charge");
                }
                _ => return false,
            };
            let Some(Offered::Contract(known)) = known else {
                panic!("{import} is of the contract");
            };
            let known = known.functions;
            functions
                .iter()
                .all(|function| known.iter().any(|(known, _)| known == function))
        })
    }
}

/// The same component with another package's name where it names `astrid:ipc`: one that nobody serves.
fn misnamed(component: &[u8]) -> Vec<u8> {
    const FROM: &[u8] = b"astrid:ipc/";
    let mut bytes = component.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(FROM.len())
        .position(|part| part == FROM)
    {
        at += found + FROM.len();
        bytes[at - FROM.len()..at].copy_from_slice(b"astrid:icp/");
    }
    bytes
}

/// Loaded as they are: the first and the last. Refused: one for an import that isn't served, one for a capability.
fn specimens() -> Vec<Specimen> {
    let run_only = published::all()
        .into_iter()
        .find(|guest| guest.program == "run-only" && guest.profile == "release")
        .unwrap();
    let billing = Guest::Billing.manifest();
    let closed = billing.replace("net =", "#");
    vec![
        Specimen::new(
            "installer",
            Guest::Installer.manifest(),
            Guest::Installer.component(),
        ),
        Specimen::new(
            "run-only, misnamed",
            run_only.manifest(),
            &misnamed(&run_only.component()),
        ),
        Specimen::new("billing, closed", closed, Guest::Billing.component()),
        Specimen::new("billing", billing, Guest::Billing.component()),
    ]
}

/// What is seen of all cases of a property.
#[derive(Debug, Default)]
struct Seen {
    /// The engine compiles it and the host can read it.
    compiled: usize,
    /// Of these, what imports something that the unchanged one doesn't.
    other_imports: usize,
    loaded: usize,
    /// Refused for what it imports.
    gated: usize,
}

/// A host, and an engine with the settings of its guests that compiles without optimising.
struct Bench {
    runtime: Runtime,
    host: Host,
    engine: Engine,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let host = runtime.block_on(with_people(with_billing()));
        let mut config = engine::config(Allocation::OnDemand);
        config.cranelift_opt_level(OptLevel::None);
        let engine = Engine::new(&config).unwrap();
        Self {
            runtime,
            host,
            engine,
        }
    }

    /// What the engine would link; none if it doesn't take it for a component.
    fn linked(&self, bytes: &[u8]) -> Option<Imports> {
        let component = Component::from_binary(&self.engine, bytes).ok()?;
        let mut imports = Imports::new();
        for (name, item) in component.component_type().imports(&self.engine) {
            let functions = match item.ty {
                ComponentItem::Type(_) => continue,
                ComponentItem::ComponentInstance(instance) => instance
                    .exports(&self.engine)
                    .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                    .map(|(function, _)| function.to_owned())
                    .collect(),
                _ => Vec::new(),
            };
            imports.insert(name.to_owned(), functions);
        }
        Some(imports)
    }

    /// Loads it, and unloads it again.
    fn load(&self, specimen: &Specimen, bytes: &[u8]) -> Result<(), LoadError> {
        let hash = ComponentHash::of(bytes);
        let package = Package::from_bytes(&specimen.manifest, bytes, hash).unwrap();
        let capsule = self.runtime.block_on(self.host.load(package))?;
        self.host.unload(&capsule);
        Ok(())
    }

    /// The property: what the host read is what the engine links, and what loads may have what it imports.
    fn check(
        &self,
        specimen: &Specimen,
        mutations: &[Mutation],
        seen: &RefCell<Seen>,
    ) -> Result<(), TestCaseError> {
        let bytes = mutation::applied(&specimen.parts, mutations);
        let mut seen = seen.borrow_mut();
        let Ok(read) = exports::analyse(&bytes) else {
            prop_assert!(self.load(specimen, &bytes).is_err());
            return Ok(());
        };
        let linked = self.linked(&bytes);
        if let Some(linked) = &linked {
            seen.compiled += 1;
            let names: Vec<_> = linked.keys().cloned().collect();
            prop_assert_eq!(&read.imports, &names, "{}", specimen.name);
            for (import, functions) in &read.import_functions {
                // It may declare more than it takes.
                let offered = &linked[import];
                prop_assert!(
                    functions.iter().all(|function| offered.contains(function)),
                    "{}: {functions:?} of {import}, which is linked with {offered:?}",
                    specimen.name
                );
            }
            seen.other_imports += usize::from(specimen.imports != read.imports);
        }
        match self.load(specimen, &bytes) {
            Ok(()) => {
                seen.loaded += 1;
                let linked = linked.expect("what was loaded compiles");
                prop_assert!(
                    specimen.may_have(&linked),
                    "{}: {linked:?} was let in",
                    specimen.name
                );
            }
            Err(error) => {
                let gated = matches!(error.kind(), ErrorKind::Import | ErrorKind::Capability);
                seen.gated += usize::from(gated);
            }
        }
        Ok(())
    }
}

#[test]
fn the_specimens_are_what_they_are_said_to_be() {
    let bench = Bench::new();
    let kinds: Vec<_> = specimens()
        .iter()
        .map(|specimen| {
            let bytes = specimen.parts.bytes();
            let linked = bench.linked(&bytes).unwrap();
            let loaded = bench.load(specimen, &bytes);
            assert_eq!(loaded.is_ok(), specimen.may_have(&linked));
            loaded.map_or_else(|error| error.kind().as_str(), |()| "loaded")
        })
        .collect();
    assert_eq!(kinds, ["loaded", "import", "capability", "loaded"]);
}

#[test]
fn no_import_is_hidden_from_the_gate() {
    let (bench, specimens) = (Bench::new(), specimens());
    let seen = RefCell::default();
    let cases = (0..specimens.len(), mutation::any_mutations());
    hold(192, &cases, |(which, mutations)| {
        bench.check(&specimens[which], &mutations, &seen)
    });
    let seen = seen.into_inner();
    assert!(
        seen.compiled >= 40 && seen.loaded >= 5 && seen.gated >= 40 && seen.other_imports >= 10,
        "{seen:?}"
    );
}

#[test]
fn what_the_code_does_not_say_changes_no_judgement() {
    let programs: Vec<_> = published::all()
        .iter()
        .map(|guest| Parts::of(&guest.component()))
        .collect();
    let judged: Vec<_> = programs
        .iter()
        .map(|parts| exports::analyse(&parts.bytes()).unwrap().entry_points)
        .collect();
    let cases = (0..programs.len(), mutation::beside_the_code());
    hold(256, &cases, |(which, mutations)| {
        let bytes = mutation::applied(&programs[which], &mutations);
        prop_assert!(bytes != programs[which].bytes());
        let binary = exports::analyse(&bytes)
            .map_err(|error| TestCaseError::fail(format!("refused: {error}")))?;
        prop_assert_eq!(&binary.entry_points, &judged[which]);
        Ok(())
    });
}
