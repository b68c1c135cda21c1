//! `astrid:io`: waiting for several things at once.
//!
//! Other domains make [`Pollable`]s of what a guest can wait for; this one only waits. A guest that waits is parked: it
//! takes no CPU time until something is ready. Streams come with the first domain that has one.

mod gates;
mod host;

use std::future::Future;
use std::pin::Pin;

use super::{Domain, DomainLinker, Own, Parts, Views};
use crate::policy::contract::Interface;

pub use gates::INTERFACES;

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world io { import astrid:io/poll@1.0.0; }",
        world: "astrid:bindings/io",
        imports: {
            "astrid:io/poll@1.0.0.[method]pollable.ready": trappable,
            "astrid:io/poll@1.0.0.[method]pollable.block": async | trappable,
            "astrid:io/poll@1.0.0.poll": async | trappable,
        },
        with: { "astrid:io/poll@1.0.0.pollable": super::Pollable },
        anyhow: false,
    });
}

pub use bindings::astrid::io::poll as wit;

/// The end of a wait.
pub type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Something that becomes ready, and stays so until somebody takes what is there.
pub trait Source: Send + Sync + 'static {
    /// Whether it is.
    fn is_ready(&self) -> bool;

    /// Waits until it is. May be dropped at any time; taking is another function's business.
    fn ready(&self) -> Wait<'_>;
}

/// What a guest holds to wait for one thing.
pub struct Pollable(Box<dyn Source>);

impl Pollable {
    /// Waits for this.
    pub fn new(source: impl Source) -> Self {
        Self(Box::new(source))
    }
}

/// Serves `astrid:io`. Keeps nothing: what a guest can wait for is among the handles of its instance.
pub struct Io;

impl Own for Io {
    fn new(_parts: &Parts) -> Self {
        Self
    }
}

impl Domain for Io {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}
