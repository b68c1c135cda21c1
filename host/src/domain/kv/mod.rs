//! `astrid:kv`: keys and values, apart for each principal and capsule.
//!
//! Which keys there may be, how large and how many, is decided here; where they are kept is behind
//! [`KvStore`](crate::storage::kv::KvStore).

mod gates;
mod host;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{Domain, DomainLinker, Own, Parts, PerLoad, PerScope, Views};
use crate::names::CapsuleName;
use crate::policy::contract::Interface;
use crate::principal::PrincipalScope;
use crate::registry::CapsuleInfo;
use crate::storage::kv::{KvScope, KvStore, MemoryKv};

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world kv { import astrid:kv/host@1.0.0; }",
        world: "astrid:bindings/kv",
        imports: { default: async },
        anyhow: false,
    });
}

pub use bindings::astrid::kv::host as wit;
pub use gates::INTERFACES;

/// Serves `astrid:kv` from one store.
pub struct Kv {
    store: Arc<dyn KvStore>,
    /// Whether it was said that the store forgets.
    told: AtomicBool,
}

impl Own for Kv {
    fn new(_parts: &Parts) -> Self {
        Self {
            store: Arc::new(MemoryKv::default()),
            told: AtomicBool::new(false),
        }
    }
}

/// Whose keys a load of a capsule reads and writes.
impl PerLoad<Kv> for CapsuleName {
    fn new(_kv: &Kv, capsule: &Arc<CapsuleInfo>) -> Self {
        capsule.name.clone()
    }
}

impl PerScope<Kv> for KvScope {
    fn new(kv: &Kv, capsule: &CapsuleName, scope: &PrincipalScope) -> Self {
        if !kv.told.swap(true, Relaxed) {
            tracing::warn!(
                %capsule,
                "it keeps keys and values, and this version of the host forgets them when it ends"
            );
        }
        Self {
            principal: scope.principal.id.clone(),
            capsule: capsule.clone(),
        }
    }
}

impl Domain for Kv {
    type Config = ();
    type Load = CapsuleName;
    type Scope = KvScope;
    type Instance = ();

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}
