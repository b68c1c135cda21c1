//! What the floors know of the contract: the hook's name, and what it answers.

use astrid_host::wasmtime::component::{ComponentType, Lift};

/// The entry point of handlers.
pub(crate) const HOOK: &str = "astrid-hook-trigger";

/// What a hook answers.
#[derive(ComponentType, Lift)]
#[component(record)]
#[component(wasmtime_crate = astrid_host::wasmtime)]
pub(crate) struct Answer {
    pub(crate) action: String,
    pub(crate) data: Option<String>,
}
