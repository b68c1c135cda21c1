//! `astrid:kv`: keys and values, apart for each principal and capsule.
//!
//! Which keys there may be, how large and how many, is decided here; where they are kept is behind
//! [`KvStore`](crate::storage::kv::KvStore).

mod gates;
mod host;

use std::sync::Arc;

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

/// The domain.
pub struct Kv {
    store: Arc<dyn KvStore>,
}

impl Own for Kv {
    fn new(_parts: &Parts) -> Self {
        Self {
            store: Arc::new(MemoryKv::default()),
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
    fn new(_kv: &Kv, capsule: &CapsuleName, scope: &PrincipalScope) -> Self {
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
