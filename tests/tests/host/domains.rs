//! Host functions of an embedder's own.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use astrid_e2e::guests::Guest;
use astrid_host::domain::{PerInstance, PerLoad, PerScope};
use astrid_host::manifest::Capability;
use astrid_host::policy::contract::Interface;
use astrid_host::policy::gate::{Denied, Gate};
use astrid_host::principal::PrincipalScope;
use astrid_host::registry::CapsuleInfo;
use astrid_host::{
    Call, CallContext, CallError, CallScope, Capsule, Domain, DomainLinker, Home, Host,
    HostBuilder, View, wasmtime,
};
use serde_json::{Value, json};

use crate::common::{ask, builder, call_by, id, said, with_people};

pub(crate) const INSTANCE: &str = "acme:billing/host@1.0.0";

/// The interface of [`INSTANCE`], with its one function behind a gate.
const fn charge_behind(gate: &'static [(&'static str, Gate)]) -> Interface {
    Interface {
        name: "acme:billing/host",
        versions: &["1.0.0"],
        served: true,
        denial: None,
        functions: gate,
    }
}

/// The interface of a domain whose one function, `charge`, anybody may call.
pub(crate) const OPEN_TO_ALL: &[Interface] = &[charge_behind(&[("charge", Gate::OPEN)])];

/// What `charge` answers, as wasmtime has it.
type Charged = wasmtime::Result<(Result<u32, String>,)>;

/// What a guest gets of `charge` where its gate is closed.
pub(crate) fn denied(denied: Denied) -> Charged {
    Ok((Err(denied.to_string()),))
}

/// What a manifest asks for to charge.
const CHARGE: Capability = Capability::flag("acme:billing", "charge", "Charges customers.");

/// What everybody begins with, in cents.
const CREDIT: u32 = 100;

/// Keeps an account for each principal with each capsule. Its gate, and what a guest gets where that is closed, are
/// of the tests' choosing.
struct Billing<G: Behind>(PhantomData<G>);

/// What opens `charge`.
trait Behind: Send + Sync + 'static {
    const ROWS: &'static [Interface];
    fn denied(denied: Denied) -> Charged {
        self::denied(denied)
    }
}

/// What a principal has left, in cents.
struct Account(Mutex<u32>);

impl<G: Behind> PerScope<Billing<G>> for Account {
    fn new(_billing: &Billing<G>, _load: &(), _scope: &PrincipalScope) -> Self {
        Self(Mutex::new(CREDIT))
    }
}

impl<G: Behind> Domain for Billing<G> {
    type Config = ();
    type Load = ();
    type Scope = Account;
    type Instance = ();

    const INTERFACES: &'static [Interface] = G::ROWS;
    const CAPABILITIES: &'static [Capability] = &[
        CHARGE,
        Capability::list(
            "acme:billing",
            "currencies",
            "a currency's code",
            "[\"EUR\"]",
            "Charges in these currencies.",
        ),
    ];

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.func_wrap(
            INSTANCE,
            "charge",
            G::denied,
            |view: View<'_, Self>, (cents,): (u32,)| {
                let mut left = view.scope().0.lock().unwrap();
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

/// A kind of `Behind`: its name, its gate, and what it does with a denial.
macro_rules! behind {
    ($name:ident, $gate:expr $(, $denied:item)?) => {
        struct $name;
        impl Behind for $name {
            const ROWS: &'static [Interface] = &[charge_behind(&[("charge", $gate)])];
            $($denied)?
        }
    };
}

behind!(Net, Gate::capability(&["net"]));
behind!(Charging, Gate::OPEN.custom(&[CHARGE]));
behind!(Verified, Gate::OPEN.verified());
behind!(Lifecycle, Gate::OPEN.in_lifecycle());
behind!(
    VerifiedOrTrap,
    Gate::OPEN.verified(),
    fn denied(denied: Denied) -> Charged {
        Err(denied.into())
    }
);

fn billing<G: Behind>() -> Billing<G> {
    Billing(PhantomData)
}

pub(crate) fn with_billing() -> HostBuilder {
    builder().domain(billing::<Net>())
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
async fn charged<G: Behind>() -> [Answered; 2] {
    let host = with_people(builder().domain(billing::<G>())).await;
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
            reason.contains("`acme:billing/host.charge` is denied"),
            "{reason}"
        );
        reason
    };
    let [verified, claimed] = charged::<Verified>().await;
    assert_eq!(verified.unwrap(), ("final", json!(99)));
    assert!(closed(claimed).contains("is claimed by an uplink"));
    let both = charged::<Lifecycle>().await;
    for reply in both {
        assert!(closed(reply).contains("install and upgrade hooks"));
    }
}

#[tokio::test]
async fn a_function_with_no_error_to_answer_traps_with_the_denial() {
    let [verified, claimed] = charged::<VerifiedOrTrap>().await;
    assert_eq!(verified.unwrap(), ("final", json!(99)));
    let trap = claimed.unwrap_err();
    assert_eq!(trap.kind(), "trap");
    assert!(trap.to_string().contains("charge` is denied"), "{trap}");
}

#[tokio::test]
pub(crate) async fn without_the_domain_its_functions_are_unknown() {
    let host = with_people(builder()).await;
    for (guest, kind, name) in [
        (Guest::Billing, "import", INSTANCE),
        (Guest::Ledger, "capability", "`acme:ledger`"),
    ] {
        let error = host.load(guest.package()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(name), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("HostBuilder::domain"), "{hint}");
    }
}

/// The manifest of the billing guest, which asks for this of the domain.
fn asking(capabilities: &str) -> String {
    format!(
        "{}\n[capabilities.\"acme:billing\"]\n{capabilities}\n",
        Guest::Billing.manifest()
    )
}

#[tokio::test]
pub(crate) async fn a_capability_of_the_domain_opens_its_gate() {
    let host = with_people(builder().domain(billing::<Charging>())).await;
    let package = |asked: &str| Guest::Billing.package_with(&asking(asked));
    for (asked, named, hint) in [
        (
            "charge = false",
            "the capability `acme:billing.charge` is missing",
            "add to [capabilities.\"acme:billing\"] in Capsule.toml: charge = true",
        ),
        (
            "chrage = true",
            "`acme:billing.chrage`",
            "did you mean `charge`?",
        ),
        (
            "charge = [\"all\"]",
            "`acme:billing.charge`",
            "charge = true",
        ),
    ] {
        let error = host.load(package(asked)).await.unwrap_err();
        assert_eq!(error.kind(), "capability");
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.hint().unwrap().ends_with(hint), "{error}");
    }
    let capsule = host
        .load(package("charge = true\ncurrencies = [\"EUR\"]"))
        .await
        .unwrap();
    let held = ["acme:billing.charge", "acme:billing.currencies", "net"];
    assert_eq!(capsule.manifest().capabilities.held(), held);
    let reply = host.invoke(&capsule, call_by("alice", "charge", 30)).await;
    assert_eq!(said(&reply.unwrap()), ("final", json!(70)));
}

/// A domain that is refused when the host is built.
macro_rules! refused {
    ($name:ident, $interfaces:expr, $link:expr) => {
        struct $name;
        impl Domain for $name {
            type Config = ();
            type Load = ();
            type Scope = ();
            type Instance = ();
            const INTERFACES: &'static [Interface] = $interfaces;
            fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
                let link: fn(&mut DomainLinker<'_, Self>) -> wasmtime::Result<()> = $link;
                link(linker)
            }
        }
    };
}

/// Why a host is not built.
async fn not_built(builder: HostBuilder) -> String {
    builder
        .build()
        .await
        .err()
        .expect("it is built")
        .to_string()
}

#[tokio::test]
async fn a_function_without_a_row_can_not_be_added() {
    refused!(
        Ungated,
        &[charge_behind(&[("refund", Gate::OPEN)])],
        |linker| {
            let charge = |_: View<'_, Ungated>, (): ()| Ok((1_u32,));
            linker.func_wrap(INSTANCE, "charge", |denied| Err(denied.into()), charge)
        }
    );
    let error = not_built(builder().domain(Ungated)).await;
    for part in ["no row", "`charge`", INSTANCE] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn what_is_the_hosts_own_can_not_be_replaced() {
    refused!(Impostor, &[], |linker| {
        let mut instance = linker.ungated().instance("astrid:sys/host@1.0.0")?;
        instance.func_wrap("clock-ms", |_, ()| Ok((0_u64,)))
    });
    not_built(builder().domain(Impostor)).await;
    const CONTRACTS: &[Interface] = &[Interface {
        name: "astrid:sys/host",
        ..charge_behind(&[])
    }];
    refused!(Claimed, CONTRACTS, |_| Ok(()));
    let error = not_built(builder().domain(Claimed)).await;
    assert!(
        error.contains("`astrid:sys/host` is of the contract"),
        "{error}"
    );
    let host = with_people(with_billing()).await;
    let noop = host.load(Guest::Noop.package()).await.unwrap();
    ask(&host, &noop, "noop", ()).await.unwrap();
}

#[tokio::test]
async fn a_domain_twice_and_an_interface_twice_are_refused() {
    let twice = with_billing().domain(billing::<Net>());
    let error = not_built(twice).await;
    assert!(error.contains("of its type was added before"), "{error}");
    let other = with_billing().domain(billing::<Verified>());
    let error = not_built(other).await;
    assert!(
        error.contains("`acme:billing/host` is served by a domain"),
        "{error}"
    );
    struct Idle;
    impl Domain for Idle {
        type Config = ();
        type Load = ();
        type Scope = ();
        type Instance = ();
        const INTERFACES: &'static [Interface] = &[];
        const CAPABILITIES: &'static [Capability] = &[CHARGE];
        fn link(&self, _linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
            Ok(())
        }
    }
    let error = not_built(with_billing().domain(Idle)).await;
    assert!(
        error.contains("`acme:billing.charge` is a capability of a domain that was added"),
        "{error}"
    );
}

#[tokio::test]
async fn names_and_tables_that_a_host_cannot_tell_apart_are_refused() {
    macro_rules! idle {
        ($domain:ident, $section:expr, $interfaces:expr) => {
            struct $domain;
            impl Domain for $domain {
                type Config = ();
                type Load = ();
                type Scope = ();
                type Instance = ();
                const INTERFACES: &'static [Interface] = $interfaces;
                const SECTION: Option<&'static str> = $section;
                fn link(&self, _linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
                    Ok(())
                }
            }
        };
    }
    const fn named(name: &'static str, rows: &'static [(&'static str, Gate)]) -> Interface {
        Interface {
            name,
            versions: &["1.0.0"],
            served: true,
            denial: None,
            functions: rows,
        }
    }
    const ONCE: &[(&str, Gate)] = &[("f", Gate::OPEN)];
    idle!(Mine, Some("mine"), &[]);
    idle!(Second, Some("mine"), &[]);
    idle!(Hosts, Some("storage"), &[]);
    idle!(Nameless, None, &[named("host", ONCE)]);
    idle!(Versioned, None, &[named("acme:h/host@1.0.0", ONCE)]);
    idle!(
        Doubled,
        None,
        &[named("acme:h/host", ONCE), named("acme:h/host", ONCE)]
    );
    idle!(
        Rows,
        None,
        &[named(
            "acme:h/host",
            &[("f", Gate::OPEN), ("f", Gate::OPEN)]
        )]
    );
    let cases = [
        (builder().domain(Mine).domain(Second), "that of a domain"),
        (builder().domain(Hosts), "[storage] of etc/config.toml"),
        (builder().domain(Nameless), "`host` is no interface"),
        (builder().domain(Versioned), "its versions apart"),
        (builder().domain(Doubled), "there twice"),
        (builder().domain(Rows), "has two rows"),
    ];
    for (builder, said) in cases {
        let error = not_built(builder).await;
        assert!(error.contains(said), "{said}: {error}");
    }
    let home = Home::ephemeral().unwrap();
    std::fs::write(home.root().join("etc/config.toml"), "mine = 5\n").unwrap();
    let error = not_built(Host::builder().home(home).domain(Mine)).await;
    assert!(error.contains("[mine] a table is expected"), "{error}");
}

/// What each tier keeps: counts what is made on it.
#[derive(Default)]
struct Tiers {
    step: u32,
    made: Arc<Mutex<Vec<&'static str>>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TiersConfig {
    step: u32,
}

struct OnTier(Arc<Mutex<Vec<&'static str>>>, u32);

impl OnTier {
    fn new(tiers: &Tiers, tier: &'static str) -> Self {
        tiers.made.lock().unwrap().push(tier);
        Self(Arc::clone(&tiers.made), 0)
    }
}

impl PerLoad<Tiers> for OnTier {
    fn new(tiers: &Tiers, _capsule: &Arc<CapsuleInfo>) -> Self {
        Self::new(tiers, "load")
    }

    fn end(&self) {
        self.0.lock().unwrap().push("end");
    }
}

impl PerScope<Tiers> for OnTier {
    fn new(tiers: &Tiers, _load: &OnTier, scope: &PrincipalScope) -> Self {
        assert_eq!(scope.principal.id, id("alice"));
        Self::new(tiers, "scope")
    }
}

impl PerInstance<Tiers> for OnTier {
    fn new(tiers: &Tiers, _load: &OnTier, _call: &CallContext) -> Self {
        Self::new(tiers, "instance")
    }
}

impl Domain for Tiers {
    type Config = TiersConfig;
    type Load = OnTier;
    type Scope = OnTier;
    type Instance = OnTier;

    const INTERFACES: &'static [Interface] = OPEN_TO_ALL;
    const SECTION: Option<&'static str> = Some("tiers");

    fn configure(&mut self, config: TiersConfig) -> Result<(), String> {
        if config.step > 10 {
            return Err(format!("step = {} is too much: at most 10", config.step));
        }
        self.step = config.step;
        Ok(())
    }

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.func_wrap(
            INSTANCE,
            "charge",
            denied,
            |view: View<'_, Self>, (_,): (u32,)| {
                let _scope: &OnTier = view.scope();
                view.instance.1 += view.domain.step;
                Ok((Ok(view.instance.1),))
            },
        )
    }
}

#[tokio::test]
async fn each_tier_is_made_when_it_is_needed_and_configured_by_its_table() {
    let tiers = Tiers::default();
    let made = Arc::clone(&tiers.made);
    let home = Home::ephemeral().unwrap();
    let config = home.root().join("etc/config.toml");
    std::fs::write(&config, "[tiers]\nstep = 3\n").unwrap();
    let host = with_people(builder().home(home.clone()).domain(tiers)).await;
    let said_by = async |capsule: &Capsule| {
        let reply = host.invoke(capsule, call_by("alice", "charge", 1)).await;
        said(&reply.unwrap())
    };
    let capsule = host.load(Guest::Billing.package()).await.unwrap();
    assert_eq!(*made.lock().unwrap(), ["load"]);
    assert_eq!(said_by(&capsule).await, ("final", json!(3)));
    assert_eq!(said_by(&capsule).await, ("final", json!(6)));
    let mut used: Vec<_> = made.lock().unwrap().clone();
    used.sort_unstable();
    assert_eq!(used, ["instance", "load", "scope"]);
    host.unload(&capsule);
    assert_eq!(made.lock().unwrap().last(), Some(&"end"));
    for (table, said) in [
        ("[tiers]\nstep = 11\n", "step = 11 is too much"),
        ("[tiers]\nsteps = 1\n", "steps"),
        (
            "\n[tires]\nstep = 1\n",
            "line 2: unknown table `tires`; did you mean `tiers`?",
        ),
    ] {
        std::fs::write(&config, table).unwrap();
        let builder = builder().home(home.clone()).domain(Tiers::default());
        let error = not_built(builder).await;
        assert!(
            error.contains("config.toml") && error.contains(said),
            "{error}"
        );
    }
}
