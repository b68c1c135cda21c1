//! The list of packages, and what is made of it: the structs of the tiers, the linking, and the contract.

use std::any::{Any, type_name};
use std::sync::{Arc, OnceLock};

use wasmtime::component::Linker;

use super::custom::{AnyDomain, AnyLoad};
use super::linking::DomainLinker;
use super::place::CustomScopes;
use super::view::InScope;
use super::{
    Domain, Own, Parts, PerInstance, PerLoad, StoreState, View, approval, elicit, fs, guest, http,
    identity, io, ipc, kv, net, process, request_context, sys, uplink,
};
use crate::manifest::Capability;
use crate::policy::contract::{Interface, Offer};
use crate::registry::CapsuleInfo;

/// The places of a listed domain's parts on each tier.
trait Listed: Own {
    fn domain(all: &Domains) -> &Self;
    fn load(all: &Loads) -> &Self::Load;
    fn scope(all: &Scopes) -> &OnceLock<Self::Scope>;
    fn instance(all: &mut Made) -> &mut Option<Self::Instance>;
}

/// The packages by their folders: those that are known and not served, and those that are served, with their domains.
macro_rules! packages {
    (known: [$($known:ident),*], served: [$($package:ident: $domain:ty),*]) => {
        /// The interfaces of the contract, package by package.
        pub const CONTRACT: &[&[Interface]] = &[$($known::INTERFACES,)* $($package::INTERFACES,)*];

        /// The domains of a host: what each keeps for all of it.
        pub(crate) struct Domains {
            $($package: $domain,)*
            pub(super) custom: Vec<Box<dyn AnyDomain>>,
        }

        /// What each domain keeps for one load of a capsule.
        pub(crate) struct Loads {
            pub(super) domains: Arc<Domains>,
            $($package: <$domain as Domain>::Load,)*
            pub(super) custom: Vec<Box<dyn AnyLoad>>,
        }

        /// What each domain keeps for one principal with one load of a capsule, once it is asked for.
        #[derive(Default)]
        pub struct Scopes {
            $($package: OnceLock<<$domain as Domain>::Scope>,)*
            pub(super) custom: CustomScopes,
        }

        /// What each domain keeps for one instance, once it is used.
        #[derive(Default)]
        pub(super) struct Made {
            $($package: Option<<$domain as Domain>::Instance>,)*
            pub(super) custom: Vec<Option<Box<dyn Any + Send>>>,
        }

        impl Domains {
            /// Makes the host's own, beside those of an embedder.
            pub(crate) fn new(parts: &Parts, custom: Vec<Box<dyn AnyDomain>>) -> Self {
                Self {
                    $($package: <$domain>::new(parts),)*
                    custom,
                }
            }

            /// Adds the functions of every domain.
            ///
            /// # Errors
            /// The type of the domain whose functions cannot be added, and why: another one defines the same function,
            /// or one has no row.
            pub(crate) fn link(
                &self,
                linker: &mut Linker<StoreState>,
            ) -> Result<(), (&'static str, wasmtime::Error)> {
                $(self.$package
                    .link(&mut DomainLinker::new(linker, lend::<$domain>))
                    .map_err(|error| (type_name::<$domain>(), error))?;)*
                self.custom
                    .iter()
                    .try_for_each(|domain| domain.link(linker).map_err(|error| (domain.name(), error)))
            }
        }

        impl Loads {
            /// What each domain keeps for a new load of a capsule.
            pub(crate) fn new(domains: &Arc<Domains>, capsule: &Arc<CapsuleInfo>) -> Self {
                Self {
                    $($package: PerLoad::new(&domains.$package, capsule),)*
                    custom: domains.custom.iter().map(|domain| domain.load(capsule)).collect(),
                    domains: Arc::clone(domains),
                }
            }

            /// The capsule is unloaded.
            pub(crate) fn end(&self) {
                $(PerLoad::<$domain>::end(&self.$package);)*
                for load in &self.custom {
                    load.end();
                }
            }
        }

        $(
            impl Listed for $domain {
                fn domain(all: &Domains) -> &Self {
                    &all.$package
                }

                fn load(all: &Loads) -> &Self::Load {
                    &all.$package
                }

                fn scope(all: &Scopes) -> &OnceLock<Self::Scope> {
                    &all.$package
                }

                fn instance(all: &mut Made) -> &mut Option<Self::Instance> {
                    &mut all.$package
                }
            }
        )*
    };
}

packages! {
    known: [approval, guest, http, identity, net, process, request_context, uplink],
    served: [elicit: elicit::Elicit, fs: fs::Fs, io: io::Io, ipc: ipc::Ipc, kv: kv::Kv, sys: sys::Sys]
}

/// What a host without domains of an embedder offers.
pub fn contract() -> Offer {
    Offer::new(CONTRACT, [])
}

impl Domains {
    /// What this host offers to capsules.
    pub(crate) fn offer(&self) -> Offer {
        let custom = self.custom.iter();
        Offer::new(CONTRACT, custom.flat_map(|domain| domain.interfaces()))
    }

    /// What domains of an embedder let manifests ask for.
    pub(crate) fn capabilities(&self) -> Vec<&'static Capability> {
        let custom = self.custom.iter();
        custom.flat_map(|domain| domain.capabilities()).collect()
    }
}

/// Lends the view of a listed domain. Makes the instance's part of it at the first call.
fn lend<D: Listed>(state: &mut StoreState) -> View<'_, D> {
    let StoreState {
        call,
        handles,
        instances,
        ..
    } = state;
    call.asked = true;
    let domain = D::domain(&instances.loads.domains);
    let load = D::load(&instances.loads);
    let instance = D::instance(&mut instances.made);
    View {
        domain,
        load,
        instance: instance.get_or_insert_with(|| PerInstance::new(domain, load, call)),
        call,
        handles,
        in_scope: InScope::Listed(D::scope),
    }
}
