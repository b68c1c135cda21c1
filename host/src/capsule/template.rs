//! What the instances of one load of a capsule are made of.

use std::sync::Arc;

use wasmtime::component::InstancePre;

use super::environment::Environment;
use super::guest::interceptor::InterceptorIndices;
use crate::domain::{Loads, StoreState};
use crate::registry::CapsuleInfo;

/// A component, linked, with what is looked up once for all of its instances.
pub(super) struct Template {
    pub(super) info: Arc<CapsuleInfo>,
    pub(super) environment: Arc<Environment>,
    /// What the domains keep for the load.
    pub(super) loads: Arc<Loads>,
    pub(super) pre: InstancePre<StoreState>,
    /// Where the hook is, if there is one.
    pub(super) hook: Option<InterceptorIndices>,
}

impl Template {
    /// Looks up what is called most.
    ///
    /// # Errors
    /// wasmtime's, when the hook has another type than the contract says.
    pub(super) fn new(
        info: &Arc<CapsuleInfo>,
        environment: &Arc<Environment>,
        loads: Arc<Loads>,
        pre: InstancePre<StoreState>,
        has_hook: bool,
    ) -> wasmtime::Result<Self> {
        let hook = has_hook.then(|| InterceptorIndices::new(&pre));
        Ok(Self {
            info: Arc::clone(info),
            environment: Arc::clone(environment),
            loads,
            hook: hook.transpose()?,
            pre,
        })
    }
}
