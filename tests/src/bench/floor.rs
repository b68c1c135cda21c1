//! The floors: what the same work costs with wasmtime alone, under the settings of the host's engine.
//!
//! Its epoch ticks and a running guest yields, as in a host; there is no lane, no limit, no verdict and no state.
//! What the guest imports is there but never called: the actions that are measured call nothing.

use std::path::{Path, PathBuf};

use astrid_host::engine::{Allocation, GuestEngine};
use astrid_host::wasmtime::component::{
    Component, ComponentType, InstancePre, Lift, Linker, TypedFunc,
};
use astrid_host::wasmtime::{self, Store, UpdateDeadline};

use crate::Failure;

/// The pool that a host has unless told otherwise.
const POOL: Allocation = Allocation::Pooled { instances: 1_000 };

/// What a hook answers, as the contract has it.
#[derive(ComponentType, Lift)]
#[component(record)]
#[component(wasmtime_crate = astrid_host::wasmtime)]
pub(crate) struct Answer {
    pub(crate) action: String,
    pub(crate) data: Option<String>,
}

type Hook = TypedFunc<(&'static str, &'static [u8]), (Answer,)>;

/// An engine with its ticker, and a component's imports linked.
pub(crate) struct Floor {
    engine: GuestEngine,
    linker: Linker<()>,
}

/// A live instance.
pub(crate) struct Instance {
    store: Store<()>,
    hook: Hook,
}

/// The files of an installed capsule, with its compiled code in a file of its own.
pub(crate) struct Files {
    others: Vec<PathBuf>,
    compiled: PathBuf,
}

impl Floor {
    /// An engine for `component`.
    pub(crate) fn start(component: &[u8]) -> Result<Self, Failure> {
        let engine = GuestEngine::start(POOL)?;
        let component = Component::new(engine.engine(), component)?;
        let mut linker = Linker::new(engine.engine());
        linker.define_unknown_imports_as_traps(&component)?;
        Ok(Self { engine, linker })
    }

    /// Compiles, and forgets.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<Component, Failure> {
        Ok(Component::new(self.engine.engine(), component)?)
    }

    /// A live instance of `component`.
    pub(crate) async fn instantiate(&self, component: &Component) -> Result<Instance, Failure> {
        let pre: InstancePre<()> = self.linker.instantiate_pre(component)?;
        let mut store = Store::new(self.engine.engine(), ());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = pre.instantiate_async(&mut store).await?;
        let hook = instance.get_typed_func(&mut store, "astrid-hook-trigger")?;
        Ok(Instance { store, hook })
    }

    /// Reads a capsule's files, takes its compiled code as it is, and makes an instance.
    pub(crate) async fn load(&self, files: &Files) -> Result<Instance, Failure> {
        for file in &files.others {
            std::hint::black_box(std::fs::read(file)?);
        }
        let code = std::fs::read(&files.compiled)?;
        // SAFETY: `Files::of` wrote what this engine compiled to a folder that nobody else knows.
        let component = unsafe { Component::deserialize(self.engine.engine(), &code) }?;
        self.instantiate(&component).await
    }
}

impl Instance {
    /// Calls the hook. Its type, looked up once, names one lifetime for the parameters of all calls.
    pub(crate) async fn call(
        &mut self,
        action: &'static str,
        payload: &'static [u8],
    ) -> wasmtime::Result<Answer> {
        let (answer,) = self
            .hook
            .call_async(&mut self.store, (action, payload))
            .await?;
        Ok(answer)
    }
}

impl Files {
    /// `others` of a home, beside the code that `floor` compiles of `component`, which is put into `scratch`.
    pub(crate) fn of(
        floor: &Floor,
        component: &[u8],
        others: Vec<PathBuf>,
        scratch: &Path,
    ) -> Result<Self, Failure> {
        let compiled = scratch.join("compiled.cwasm");
        std::fs::write(&compiled, floor.compile(component)?.serialize()?)?;
        Ok(Self { others, compiled })
    }
}
