//! `astrid:io`: waiting for several things at once.
//!
//! Other domains make [`Pollable`]s of what a guest can wait for; this one only waits. A guest that waits is parked: it
//! takes no CPU time until something is ready. Streams come with the first domain that has one.

mod host;

use std::future::Future;
use std::pin::Pin;

use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::call::{CallContext, Waiting};

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

/// Handles that an instance may hold at once, of all domains together.
pub const HANDLES: usize = 1_024;

/// A table of handles within that bound.
pub fn handles() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    table
}

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

/// The instance's handles, lent for one call.
pub struct IoView<'a> {
    pub(super) table: &'a mut ResourceTable,
    pub(super) call: &'a CallContext,
    pub(super) waiting: &'a mut Waiting,
}

impl<'a> IoView<'a> {
    /// Lends the handles; unloading the call's capsule ends every wait.
    pub fn new(
        table: &'a mut ResourceTable,
        call: &'a CallContext,
        waiting: &'a mut Waiting,
    ) -> Self {
        Self {
            table,
            call,
            waiting,
        }
    }
}

/// A store that can lend the view.
pub trait IoStore: Send + 'static {
    /// Lends it.
    fn io(&mut self) -> IoView<'_>;
}

/// The key of this domain in a linker.
struct Io;

impl HasData for Io {
    type Data<'a> = IoView<'a>;
}

/// Adds the package's functions.
///
/// # Errors
/// wasmtime's, when they are there already.
pub fn add_to_linker<T: IoStore>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, Io>(linker, T::io)
}
