//! Host functions of an embedder's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use astrid_e2e::guests::Guest;
use astrid_host::capsule::{CustomGate, StoreState};
use astrid_host::policy::gate::Gate;
use astrid_host::wasmtime::component::Linker;
use astrid_host::wasmtime::{self, StoreContextMut};
use astrid_host::{Domain, HostBuilder};
use serde_json::json;

use crate::common::{ask, builder, call_by, said, with_people};

pub(crate) const INSTANCE: &str = "acme:billing/host@1.0.0";

/// The row of a domain whose one function, `charge`, anybody may call.
pub(crate) fn open_to_all() -> Vec<CustomGate> {
    vec![CustomGate {
        instance: INSTANCE.into(),
        function: "charge".into(),
        gate: Gate::OPEN,
    }]
}

/// What everybody begins with, in cents.
const CREDIT: u32 = 100;

/// Keeps an account for each principal.
#[derive(Default)]
struct Billing {
    accounts: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Domain for Billing {
    fn gates(&self) -> Vec<CustomGate> {
        vec![CustomGate {
            instance: INSTANCE.into(),
            function: "charge".into(),
            gate: Gate::capability(&["net"]),
        }]
    }

    fn add_to_linker(&self, linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
        let accounts = Arc::clone(&self.accounts);
        linker.instance(INSTANCE)?.func_wrap(
            "charge",
            move |store: StoreContextMut<'_, StoreState>, (cents,): (u32,)| {
                let principal = store.data().call().principal().to_string();
                let mut accounts = accounts.lock().unwrap();
                let left = accounts.entry(principal).or_insert(CREDIT);
                let answer = match left.checked_sub(cents) {
                    Some(rest) => {
                        *left = rest;
                        Ok(rest)
                    }
                    None => Err(format!("only {left} cents are left")),
                };
                Ok((answer,))
            },
        )
    }
}

pub(crate) fn with_billing() -> HostBuilder {
    builder().domain(Billing::default())
}

#[tokio::test]
pub(crate) async fn an_embedders_function_is_called_on_behalf_of_the_caller() {
    let host = with_people(with_billing()).await;
    let capsule = host.load(Guest::Billing.package()).await.unwrap();
    let charge = async |principal, cents: u32| {
        let call = call_by(principal, "charge", cents);
        said(&host.invoke(&capsule, call).await.unwrap())
    };
    assert_eq!(charge("alice", 30).await, ("final", json!(70)));
    assert_eq!(charge("bob", 1).await, ("final", json!(99)));
    assert_eq!(charge("alice", 70).await, ("final", json!(0)));
    assert_eq!(
        charge("alice", 1).await,
        ("deny", json!("only 0 cents are left"))
    );
    assert_eq!(charge("bob", 99).await, ("final", json!(0)));
}

#[tokio::test]
async fn without_the_capability_its_gate_is_closed() {
    let host = with_people(with_billing()).await;
    let manifest = Guest::Billing.manifest().replace("net =", "#");
    let error = host
        .load(Guest::Billing.package_with(&manifest))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "capability");
    for part in ["charge", INSTANCE, "`net`"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(
        error.hint().unwrap(),
        "add to [capabilities] in Capsule.toml: net = [\"example.com\"]"
    );
}

#[tokio::test]
async fn without_the_domain_its_functions_are_unknown() {
    let host = with_people(builder()).await;
    let error = host.load(Guest::Billing.package()).await.unwrap_err();
    assert_eq!(error.kind(), "import");
    assert!(error.to_string().contains(INSTANCE), "{error}");
    assert!(
        error.hint().unwrap().contains("HostBuilder::domain"),
        "{error}"
    );
}

#[tokio::test]
async fn a_function_without_a_row_can_not_be_called() {
    struct Ungated;
    impl Domain for Ungated {
        fn gates(&self) -> Vec<CustomGate> {
            vec![CustomGate {
                instance: INSTANCE.into(),
                function: "refund".into(),
                gate: Gate::OPEN,
            }]
        }
        fn add_to_linker(&self, linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
            Billing::default().add_to_linker(linker)
        }
    }
    let host = with_people(builder().domain(Ungated)).await;
    let error = host.load(Guest::Billing.package()).await.unwrap_err();
    assert_eq!(error.kind(), "import");
    assert!(
        error.to_string().contains("charge") && error.to_string().contains(INSTANCE),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_the_hosts_own_can_not_be_replaced() {
    struct Impostor;
    impl Domain for Impostor {
        fn gates(&self) -> Vec<CustomGate> {
            Vec::new()
        }
        fn add_to_linker(&self, linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
            linker
                .instance("astrid:sys/host@1.0.0")?
                .func_wrap("clock-ms", |_: StoreContextMut<'_, StoreState>, ()| {
                    Ok((0_u64,))
                })
        }
    }
    assert!(builder().domain(Impostor).build().await.is_err());
    let host = with_people(with_billing()).await;
    let noop = host.load(Guest::Noop.package()).await.unwrap();
    ask(&host, &noop, "noop", ()).await.unwrap();
}
