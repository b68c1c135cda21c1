//! The gate table and the contract say the same, and the host does what the table says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::domain::{self, CONTRACT};
use astrid_host::manifest::Capabilities;
use astrid_host::policy::contract::Interface;
use astrid_host::policy::gate::{Closed, Gate, Standing};
use astrid_host::{Call, CallScope, Capsule, Host};
use wit_parser::{Resolve, TypeDefKind};

use crate::common::{DIRECT, Lines, Sink, builder, configured, host, id, said, with_people};

/// What is known of an interface: versions, and the functions of all of them by their name in a binary.
type Known = (BTreeSet<String>, BTreeSet<String>);

/// The gate table: the interfaces of every package, served or not.
fn interfaces() -> impl Iterator<Item = &'static Interface> {
    CONTRACT.iter().copied().flatten()
}

/// The interfaces of `wit/`.
fn contract() -> BTreeMap<String, Known> {
    let mut resolve = Resolve::new();
    resolve.push_dir(folders::root().join("wit")).unwrap();
    let mut interfaces = BTreeMap::<String, Known>::new();
    for (_, interface) in &resolve.interfaces {
        let package = &resolve.packages[interface.package.unwrap()].name;
        let name = interface.name.as_deref().unwrap();
        let (versions, functions) = interfaces
            .entry(format!("{}:{}/{name}", package.namespace, package.name))
            .or_default();
        versions.insert(package.version.as_ref().unwrap().to_string());
        functions.extend(interface.functions.keys().cloned());
    }
    interfaces
}

#[test]
fn each_function_has_a_row_and_each_row_a_function() {
    let contract = contract();
    assert!(contract.len() > 15, "wit/ was read");
    let table: BTreeMap<_, Known> = interfaces()
        .map(|interface| {
            let versions = interface
                .versions
                .iter()
                .map(|version| (*version).to_owned());
            let functions = interface
                .functions
                .iter()
                .map(|(name, _)| (*name).to_owned());
            (
                interface.name.to_owned(),
                (versions.collect(), functions.collect()),
            )
        })
        .collect();
    assert_eq!(table, contract);
}

#[test]
fn no_interface_and_no_function_has_two_rows() {
    let names: BTreeSet<_> = interfaces().map(|interface| interface.name).collect();
    assert_eq!(names.len(), interfaces().count());
    for interface in interfaces() {
        let functions: BTreeSet<_> = interface.functions.iter().map(|(name, _)| name).collect();
        assert_eq!(
            functions.len(),
            interface.functions.len(),
            "{}",
            interface.name
        );
        assert!(domain::contract().interface(interface.name).is_some());
    }
}

/// The cases of the variants and enumerations that an interface of `wit/` names.
fn cases(resolve: &Resolve, interface: &str) -> BTreeSet<String> {
    let mut cases = BTreeSet::new();
    for (_, known) in &resolve.interfaces {
        let package = &resolve.packages[known.package.unwrap()].name;
        let name = known.name.as_deref().unwrap();
        if format!("{}:{}/{name}", package.namespace, package.name) != interface {
            continue;
        }
        for id in known.types.values() {
            match &resolve.types[*id].kind {
                TypeDefKind::Variant(variant) => {
                    cases.extend(variant.cases.iter().map(|case| case.name.clone()));
                }
                TypeDefKind::Enum(all) => {
                    cases.extend(all.cases.iter().map(|case| case.name.clone()));
                }
                _ => {}
            }
        }
    }
    cases
}

#[test]
fn a_denial_is_a_case_that_the_contract_has() {
    let mut resolve = Resolve::new();
    resolve.push_dir(folders::root().join("wit")).unwrap();
    for interface in interfaces() {
        let open = interface
            .functions
            .iter()
            .all(|(_, gate)| *gate == Gate::OPEN);
        match interface.denial {
            Some(denial) => {
                let cases = cases(&resolve, interface.name);
                assert!(cases.contains(denial), "{}: {denial}", interface.name);
            }
            None => assert!(open, "{} says nothing of its denials", interface.name),
        }
    }
}

/// A call shows nothing of a row that is open to all. So the source is read: each row is looked up where its function is
/// served. One that is looked up and not used is a warning of the compiler.
#[test]
fn each_function_that_is_served_looks_its_row_up() {
    for interface in interfaces().filter(|interface| interface.served) {
        for (function, _) in interface.functions {
            let package = interface.name.strip_prefix("astrid:").unwrap();
            let package = package.split('/').next().unwrap();
            let file = format!("host/src/domain/{package}/host.rs");
            let source = std::fs::read_to_string(folders::root().join(&file)).unwrap();
            let row = format!("const {{ &row({function:?}) }}");
            assert!(source.contains(&row), "{file}: {function}");
        }
    }
}

/// The name of a case in the guest's language.
fn in_rust(case: &str) -> String {
    let words = case.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// A call of the guest, as far as gates ask.
#[derive(Clone, Copy)]
struct As<'a> {
    standing: Standing<'a>,
    /// Whether the manifest lists the topic.
    listed: bool,
    /// Whether the guest has kept handles.
    handles: bool,
}

impl As<'_> {
    /// Sees that what a function came to is what its row says; tells whether that is a denial.
    fn judge(self, interface: &Interface, function: &str, gate: Gate, came: &str) -> bool {
        let name = format!("{}.{function}", interface.name);
        let listed = |_| match self.listed {
            true => Ok(()),
            false => Err(Closed::NoSubject),
        };
        if function.starts_with("[method]") && !self.handles {
            assert_eq!(came, "no handle", "{name}");
            return false;
        }
        let denied = gate.admit(self.standing, listed).is_err();
        if denied {
            let code = in_rust(interface.denial.expect("it has one"));
            assert!(came.contains(&code), "{name} is denied: {came}");
        } else if function == "poll" && !self.handles {
            assert!(came.contains("InvalidInput"), "{name}: {came}");
        } else if function == "elicit" {
            assert!(came.contains("nobody can be asked"), "{name}: {came}");
        } else {
            assert_eq!(came, "ok", "{name}");
        }
        denied
    }

    /// Calls each function of each served interface, and judges what came of it. Each denial is counted.
    async fn calls_each(self, host: &Host, capsule: &Capsule) {
        let mut denied = capsule.denied();
        for interface in interfaces().filter(|interface| interface.served) {
            for (function, gate) in interface.functions {
                let name = format!("{}.{function}", interface.name);
                let came = self.ask(host, capsule, "call", &name).await;
                denied += u64::from(self.judge(interface, function, *gate, &came));
            }
        }
        assert_eq!(capsule.denied(), denied);
    }

    /// What a hook answers.
    async fn ask(self, host: &Host, capsule: &Capsule, hook: &str, payload: &str) -> String {
        let call = Call::json(hook, payload).unwrap();
        let reply = if self.standing.verified {
            host.invoke(capsule, call.by(&id("alice"))).await
        } else {
            let scope = CallScope {
                principal: id("alice"),
                claimed_by: Some(capsule.session()),
                source: capsule.session(),
                depth: 0,
                deadline: None,
            };
            host.invoke_within(&scope, capsule, call).await
        };
        // A function without an error to answer traps instead.
        let reply = match reply {
            Ok(reply) => said(&reply),
            Err(error) => return error.to_string(),
        };
        let ("final", answer) = reply else {
            panic!("{hook} {payload}: {reply:?}")
        };
        answer.as_str().unwrap().to_owned()
    }
}

impl<'a> As<'a> {
    /// A handler's call by a capsule that may do this.
    fn holding(held: &'a Capabilities) -> Self {
        let standing = Standing {
            held,
            verified: true,
            lifecycle: false,
        };
        Self {
            standing,
            listed: false,
            handles: false,
        }
    }

    /// The same for a principal that an uplink claims.
    fn claimed(mut self) -> Self {
        self.standing.verified = false;
        self
    }
}

#[tokio::test]
pub(crate) async fn each_call_is_judged_by_the_row_of_its_function() {
    let host = host().await;
    let gates = host.load(Guest::Gates.package()).await.unwrap();
    let held = Capabilities::default();
    let nothing = As::holding(&held);
    nothing.calls_each(&host, &gates).await;
    nothing.claimed().calls_each(&host, &gates).await;
}

#[tokio::test]
async fn a_method_is_judged_by_its_row_whoever_made_the_handle() {
    let workspace = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("gates.txt", workspace.path().join("gates-link")).unwrap();
    let direct = configured(DIRECT);
    let host = with_people(direct.workspace(workspace.path())).await;
    let manifest = Guest::Gates.manifest()
        + "[capabilities]\nuplink = true\nfs_read = [\"*\"]\nfs_write = [\"*\"]\n\n[publish]\n\"gates.v1.*\" = {}\n\n[subscribe]\n\"gates.v1.*\" = {}\n";
    let gates = host
        .load(Guest::Gates.package_with(&manifest))
        .await
        .unwrap();
    let held = &gates.manifest().capabilities;
    assert_eq!(held.held(), ["fs_read", "fs_write", "uplink"]);
    let all = As {
        listed: true,
        handles: true,
        ..As::holding(held)
    };
    assert_eq!(all.ask(&host, &gates, "keep", "").await, "ok");
    all.calls_each(&host, &gates).await;
    all.claimed().calls_each(&host, &gates).await;
}

#[tokio::test]
async fn an_install_hook_passes_the_same_gates() {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    let alone = host.home().lock_exclusive().unwrap();
    let package = Guest::Gates.package();
    host.install(&alone, package, "a test", &id("alice"))
        .await
        .unwrap();
    let held = Capabilities::default();
    let mut hook = As::holding(&held);
    hook.standing.lifecycle = true;
    let lines = lines.messages();
    let came: BTreeMap<&str, &str> = lines
        .iter()
        .filter_map(|line| line.split_once(' '))
        .collect();
    for interface in interfaces().filter(|interface| interface.served) {
        for (function, gate) in interface.functions {
            let came = came[format!("{}.{function}", interface.name).as_str()];
            hook.judge(interface, function, *gate, came);
        }
    }
}

#[tokio::test]
async fn a_secret_is_refused_to_a_claimed_caller() {
    let host = host().await;
    let manifest = Guest::Gates.manifest()
        + "[env]\nTOKEN = { type = \"secret\" }\nNAME = { type = \"text\", default = \"x\" }\n";
    let secrets = host.home().root().join("secrets/alice/gates");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("TOKEN"), "hush").unwrap();
    let gates = host
        .load(Guest::Gates.package_with(&manifest))
        .await
        .unwrap();
    let held = Capabilities::default();
    let nothing = As::holding(&held);
    let config = async |caller: As<'_>, key| caller.ask(&host, &gates, "config", key).await;
    assert_eq!(config(nothing, "TOKEN").await, "Some(\"hush\")");
    let refused = config(nothing.claimed(), "TOKEN").await;
    assert!(refused.contains("CapabilityDenied"), "{refused}");
    assert_eq!(config(nothing.claimed(), "NAME").await, "Some(\"x\")");
}
