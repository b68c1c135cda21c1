//! `astrid:sys`: configuration, log, clocks, entropy, and who is calling.
//!
//! None of it is gated; what a guest can't have is bounded instead.

mod config;
mod gates;
mod host;

use std::sync::Arc;
use std::time::Instant;

use super::{CallContext, Domain, DomainLinker, Own, Parts, PerInstance, Views};
use crate::blocking::Blocking;
use crate::env::Env;
use crate::policy::contract::Interface;
use crate::registry::Registry;

pub use gates::INTERFACES;

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world sys { import astrid:sys/host@1.0.0; }",
        world: "astrid:bindings/sys",
        imports: {
            "astrid:sys/host@1.0.0.get-config": async,
            "astrid:sys/host@1.0.0.sleep-ns": async,
            // Those without a result trap when their gate is closed.
            "astrid:sys/host@1.0.0.log": trappable,
            "astrid:sys/host@1.0.0.signal-ready": trappable,
            "astrid:sys/host@1.0.0.clock-ms": trappable,
            "astrid:sys/host@1.0.0.clock-monotonic-ns": trappable,
            "astrid:sys/host@1.0.0.enumerate-capabilities": trappable,
        },
        anyhow: false,
    });
}

pub use bindings::astrid::sys::host as wit;

/// Serves `astrid:sys`.
pub struct Sys {
    registry: Arc<Registry>,
    env: Arc<Env>,
    blocking: Blocking,
}

/// State of one instance.
pub struct Instance {
    /// When it first called the domain: its monotonic clock begins there.
    born: Instant,
    /// Whether it has had its one line past the log's rate.
    announced: bool,
}

impl PerInstance<Sys> for Instance {
    fn new(_sys: &Sys, _load: &(), _call: &CallContext) -> Self {
        Self {
            born: Instant::now(),
            announced: false,
        }
    }
}

impl Own for Sys {
    fn new(parts: &Parts) -> Self {
        Self {
            registry: Arc::clone(&parts.registry),
            env: Arc::clone(&parts.env),
            blocking: parts.blocking.clone(),
        }
    }
}

impl Domain for Sys {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = Instance;

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}
