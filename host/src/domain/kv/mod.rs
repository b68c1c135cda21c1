//! `astrid:kv`: keys and values, apart for each principal and capsule.
//!
//! Which keys there may be, how large and how many, is [`Keys`]' to say; where they are kept is behind [`KvStore`].

mod gates;
mod host;

use std::sync::Arc;

use super::{Domain, DomainLinker, Own, Parts, PerLoad, PerScope, Views};
use crate::names::CapsuleName;
use crate::policy::contract::Interface;
use crate::principal::PrincipalScope;
use crate::registry::CapsuleInfo;
use crate::storage::kv::{Keys, KvStore};

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
}

impl Own for Kv {
    fn new(parts: &Parts) -> Self {
        Self {
            store: Arc::clone(&parts.kv),
        }
    }
}

/// The capsule whose keys a load of it reads and writes.
impl PerLoad<Kv> for CapsuleName {
    fn new(_kv: &Kv, capsule: &Arc<CapsuleInfo>) -> Self {
        capsule.name.clone()
    }
}

impl PerScope<Kv> for Keys {
    fn new(kv: &Kv, capsule: &CapsuleName, scope: &PrincipalScope) -> Self {
        scope.principal.keys(&kv.store, capsule)
    }
}

impl Domain for Kv {
    type Config = ();
    type Load = CapsuleName;
    type Scope = Keys;
    type Instance = ();

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}
