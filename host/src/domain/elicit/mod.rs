//! `astrid:elicit`: asking a person for a value while a capsule is installed or upgraded, and whether a secret is set.
//!
//! Nobody can be asked yet: a question is answered with an error that says so.

mod gates;
mod host;

use std::sync::Arc;

use super::{Domain, DomainLinker, Own, Parts, Views};
use crate::blocking::Blocking;
use crate::env::Env;
use crate::policy::contract::Interface;

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world elicit { import astrid:elicit/host@1.0.0; }",
        world: "astrid:bindings/elicit",
        imports: { default: async },
        anyhow: false,
    });
}

pub use bindings::astrid::elicit::host as wit;
pub use gates::INTERFACES;

/// Serves `astrid:elicit`.
pub struct Elicit {
    env: Arc<Env>,
    blocking: Blocking,
}

impl Own for Elicit {
    fn new(parts: &Parts) -> Self {
        Self {
            env: Arc::clone(&parts.env),
            blocking: parts.blocking.clone(),
        }
    }
}

impl Domain for Elicit {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}
