//! Host functions of an embedder's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use astrid_e2e::guests::Guest;
use astrid_host::capsule::{CustomGate, StoreState};
use astrid_host::dispatch::CallScope;
use astrid_host::policy::gate::{Denied, Gate};
use astrid_host::wasmtime::{self, StoreContextMut};
use astrid_host::{Call, CallError, Domain, DomainLinker, HostBuilder};
use serde_json::{Value, json};

use crate::common::{ask, builder, call_by, id, said, with_people};

pub(crate) const INSTANCE: &str = "acme:billing/host@1.0.0";

/// The row of a domain whose one function, `charge`, anybody may call.
pub(crate) fn open_to_all() -> Vec<CustomGate> {
    vec![CustomGate {
        instance: INSTANCE.into(),
        function: "charge".into(),
        gate: Gate::OPEN,
    }]
}

/// What `charge` answers, as wasmtime has it.
type Charged = wasmtime::Result<(Result<u32, String>,)>;

/// What a guest gets of `charge` where its gate is closed.
pub(crate) fn denied(denied: Denied) -> Charged {
    Ok((Err(denied.to_string()),))
}

/// What everybody begins with, in cents.
const CREDIT: u32 = 100;

/// Keeps an account for each principal.
struct Billing {
    accounts: Arc<Mutex<BTreeMap<String, u32>>>,
    gate: Gate,
    /// What a guest gets where the gate is closed.
    denied: fn(Denied) -> Charged,
}

impl Default for Billing {
    fn default() -> Self {
        Self {
            accounts: Arc::default(),
            gate: Gate::capability(&["net"]),
            denied,
        }
    }
}

impl Domain for Billing {
    fn gates(&self) -> Vec<CustomGate> {
        vec![CustomGate {
            instance: INSTANCE.into(),
            function: "charge".into(),
            gate: self.gate,
        }]
    }

    fn add_to_linker(&self, linker: &mut DomainLinker<'_>) -> wasmtime::Result<()> {
        let accounts = Arc::clone(&self.accounts);
        linker.func_wrap(
            INSTANCE,
            "charge",
            self.denied,
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

/// A verdict's word and its data, or why there is none.
type Answered = Result<(&'static str, Value), CallError>;

/// What `charge` answers alice, and what a call that an uplink claims to be hers.
async fn charged(billing: Billing) -> [Answered; 2] {
    let host = with_people(builder().domain(billing)).await;
    let capsule = host.load(Guest::Billing.package()).await.unwrap();
    let verified = host.invoke(&capsule, call_by("alice", "charge", 1)).await;
    let scope = CallScope {
        principal: id("alice"),
        claimed_by: Some(capsule.session()),
        source: capsule.session(),
        depth: 0,
        deadline: None,
    };
    let call = Call::json("charge", &1).unwrap();
    let claimed = host.invoke_within(&scope, &capsule, call).await;
    [verified, claimed].map(|reply| reply.map(|reply| said(&reply)))
}

#[tokio::test]
async fn an_embedders_row_is_judged_at_each_call() {
    let closed = |reply: Answered| {
        let (verdict, reason) = reply.unwrap();
        assert_eq!(verdict, "deny");
        let reason = reason.as_str().unwrap().to_owned();
        assert!(
            reason.contains("`acme:billing/host@1.0.0.charge` is denied"),
            "{reason}"
        );
        reason
    };
    let [verified, claimed] = charged(Billing {
        gate: Gate::OPEN.verified(),
        ..Billing::default()
    })
    .await;
    assert_eq!(verified.unwrap(), ("final", json!(99)));
    assert!(closed(claimed).contains("is claimed by an uplink"));
    let both = charged(Billing {
        gate: Gate::OPEN.in_lifecycle(),
        ..Billing::default()
    })
    .await;
    for reply in both {
        assert!(closed(reply).contains("install and upgrade hooks"));
    }
}

#[tokio::test]
async fn a_function_with_no_error_to_answer_traps_with_the_denial() {
    let [verified, claimed] = charged(Billing {
        gate: Gate::OPEN.verified(),
        denied: |denied| Err(denied.into()),
        ..Billing::default()
    })
    .await;
    assert_eq!(verified.unwrap(), ("final", json!(99)));
    let trap = claimed.unwrap_err();
    assert_eq!(trap.kind(), "trap");
    assert!(trap.to_string().contains("charge` is denied"), "{trap}");
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
        fn add_to_linker(&self, linker: &mut DomainLinker<'_>) -> wasmtime::Result<()> {
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
        fn add_to_linker(&self, linker: &mut DomainLinker<'_>) -> wasmtime::Result<()> {
            linker
                .ungated()
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
