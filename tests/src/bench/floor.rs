//! The floors: what the same work costs with wasmtime alone, under the settings of the host's engine.
//!
//! Its epoch ticks and a running guest yields, as in a host; there is no lane, no limit, no verdict and no state.
//! What the guest imports is there but never called: the actions that are measured call nothing.

use std::path::{Path, PathBuf};

use astrid_host::engine::{Allocation, GuestEngine};
use astrid_host::wasmtime::component::{
    Component, ComponentExportIndex, InstancePre, Linker, TypedFunc,
};
use astrid_host::wasmtime::{self, Engine, Store, UpdateDeadline};

use crate::Failure;
use crate::answer::{Answer, HOOK};

/// The pool that a host has unless told otherwise.
pub(crate) const POOL: Allocation = Allocation::Pooled { instances: 1_000 };

type Hook = TypedFunc<(&'static str, &'static [u8]), (Answer,)>;

/// An engine with its ticker, and a component's imports linked.
pub(crate) struct Floor {
    engine: GuestEngine,
    linker: Linker<()>,
}

/// A component whose imports are linked and whose hook is found: all that can be done before there is an instance.
pub(crate) struct Template {
    engine: Engine,
    pre: InstancePre<()>,
    hook: ComponentExportIndex,
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
    /// An engine for `component`, with the pool that a host has.
    pub(crate) fn start(component: &[u8]) -> Result<Self, Failure> {
        Self::with(component, POOL)
    }

    /// An engine for `component` whose instances come from there.
    pub(crate) fn with(component: &[u8], allocation: Allocation) -> Result<Self, Failure> {
        let engine = GuestEngine::start(allocation)?;
        let component = Component::new(engine.engine(), component)?;
        let mut linker = Linker::new(engine.engine());
        linker.define_unknown_imports_as_traps(&component)?;
        Ok(Self { engine, linker })
    }

    /// Compiles, and forgets.
    pub(crate) fn compile(&self, component: &[u8]) -> Result<Component, Failure> {
        Ok(Component::new(self.engine.engine(), component)?)
    }

    /// What instances of `component` are made of.
    pub(crate) fn template(&self, component: &Component) -> Result<Template, Failure> {
        let hook = component.get_export_index(None, HOOK);
        Ok(Template {
            engine: self.engine.engine().clone(),
            pre: self.linker.instantiate_pre(component)?,
            hook: hook.ok_or("the component has no hook")?,
        })
    }

    /// A live instance of `component`.
    pub(crate) async fn instantiate(&self, component: &Component) -> Result<Instance, Failure> {
        self.template(component)?.instantiate().await
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

impl Template {
    /// A live instance in a store of its own.
    pub(crate) async fn instantiate(&self) -> Result<Instance, Failure> {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await?;
        let hook = instance.get_typed_func(&mut store, self.hook)?;
        Ok(Instance { store, hook })
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
    /// All of them; the compiled code is the last.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let compiled = std::iter::once(&self.compiled);
        self.others.iter().chain(compiled).map(PathBuf::as_path)
    }

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
