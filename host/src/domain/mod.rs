//! What capsules may call: a folder for each `astrid:*` package, a [`Domain`] for each that is served, and the domains of
//! embedders.
//!
//! A domain says what it keeps on each tier: for the host (the domain itself), for each load of a capsule, for each
//! principal with it, for each instance. Its functions are methods of the [`View`] that a store lends for one call. What a
//! capsule does not use costs it nothing: an instance makes its part of a domain at the first call.
//!
//! One domain cannot reach the state of another. [`io`] alone is known to others: its pollables are in their signatures.

mod context;
mod custom;
mod last_words;
mod linking;
mod list;
mod place;
mod store;
mod tier;
mod view;

pub mod approval;
pub mod elicit;
pub mod fs;
pub mod guest;
pub mod http;
pub mod identity;
pub mod io;
pub mod ipc;
pub mod kv;
pub mod net;
pub mod process;
pub mod request_context;
pub mod sys;
pub mod uplink;

use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::blocking::Blocking;
use crate::config::WorkspaceMode;
use crate::env::Env;
use crate::manifest::Capability;
use crate::policy::contract::Interface;
use crate::registry::Registry;
use crate::storage::kv::KvStore;

pub use context::{CallContext, Entry, Received, Resolving, Scope, ScopeSource, Waiting};
pub(crate) use custom::{AnyDomain, Custom};
pub(crate) use last_words::{Ending, LastWords};
pub use linking::DomainLinker;
pub use list::{CONTRACT, Scopes, contract};
pub(crate) use list::{Domains, Loads};
pub use store::StoreState;
pub use tier::{PerInstance, PerLoad, PerScope};
pub use view::{Lend, View, Views};

/// Host functions: of a package of the contract, or of an embedder's own.
///
/// Each tier's type makes itself ([`PerLoad`], [`PerScope`], [`PerInstance`]); `()` is a tier on which nothing is kept.
/// How to write one, with an example that runs: `host/docs/domains.md`.
pub trait Domain: Send + Sync + Sized + 'static {
    /// Its part of etc/config.toml, the table [`Self::SECTION`].
    type Config: DeserializeOwned + Default;
    /// What it keeps for each load of a capsule.
    type Load: PerLoad<Self>;
    /// What it keeps for each principal with each load of a capsule.
    type Scope: PerScope<Self>;
    /// What it keeps for each instance of a capsule.
    type Instance: PerInstance<Self>;

    /// Its interfaces, each function with the gate that opens it. What has no row here cannot be called.
    const INTERFACES: &'static [Interface];
    /// The capabilities of its own that it knows: what its gates ask for beside the contract's, and what it looks up in
    /// the manifest itself. A gate that asks for another does not compile.
    const CAPABILITIES: &'static [Capability] = &[];
    /// The name of its table in etc/config.toml; none if it has none.
    const SECTION: Option<&'static str> = None;

    /// Takes over what the operator configured, before any capsule is loaded.
    ///
    /// # Errors
    /// What is wrong with it; the host is not built.
    fn configure(&mut self, config: Self::Config) -> Result<(), String> {
        drop(config);
        Ok(())
    }

    /// Adds its functions.
    ///
    /// # Errors
    /// wasmtime's, above all that a function of that name is there already.
    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()>;
}

/// A domain that the host makes itself.
pub(crate) trait Own: Domain {
    /// Makes it of what the host consists of.
    fn new(parts: &Parts) -> Self;
}

/// What the host's own domains are made of.
pub(crate) struct Parts {
    /// Who is loaded.
    pub(crate) registry: Arc<Registry>,
    /// Where configuration comes from that is a secret.
    pub(crate) env: Arc<Env>,
    /// Where keys and values are kept.
    pub(crate) kv: Arc<dyn KvStore>,
    /// The folder that capsules may be given, and what they may do with it.
    pub(crate) workspace: (PathBuf, WorkspaceMode),
    /// Where files are read.
    pub(crate) blocking: Blocking,
    /// Where the events of guests go.
    pub(crate) outlet: Arc<dyn ipc::Outlet>,
}
