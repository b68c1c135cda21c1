//! How an embedder's functions come into the linker: each behind the gate of its row.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Linker, Lower};

use crate::capsule::{CustomGate, StoreState};
use crate::policy::gate::Denied;

/// Where a [`Domain`](super::Domain) adds its functions. A function that is added here passes the gate of its row at each
/// call, before any code of the embedder runs.
pub struct DomainLinker<'a> {
    linker: &'a mut Linker<StoreState>,
    rows: &'a [CustomGate],
}

impl<'a> DomainLinker<'a> {
    pub(super) fn new(linker: &'a mut Linker<StoreState>, rows: &'a [CustomGate]) -> Self {
        Self { linker, rows }
    }

    /// Adds a function to an instance, such as `acme:billing/host@1.0.0`. Where its gate is closed the guest gets what
    /// `denied` makes of the denial: an error of the function's own type or, as an `Err`, a trap.
    ///
    /// # Errors
    /// wasmtime's: there is one of that name. Without a row it is added, but no capsule that imports it is loaded.
    pub fn func_wrap<Params, Return>(
        &mut self,
        instance: &str,
        function: &str,
        denied: impl Fn(Denied) -> wasmtime::Result<Return> + Send + Sync + 'static,
        func: impl Fn(StoreContextMut<'_, StoreState>, Params) -> wasmtime::Result<Return>
        + Send
        + Sync
        + 'static,
    ) -> wasmtime::Result<()>
    where
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        let row = self.row(instance, function);
        let mut instance = self.linker.instance(instance)?;
        instance.func_wrap(function, move |store, params| match pass(&row, &store) {
            Ok(()) => func(store, params),
            Err(closed) => denied(closed?),
        })
    }

    /// Adds a function that waits: as [`Self::func_wrap`].
    ///
    /// # Errors
    /// As [`Self::func_wrap`].
    pub fn func_wrap_async<Params, Return>(
        &mut self,
        instance: &str,
        function: &str,
        denied: impl Fn(Denied) -> wasmtime::Result<Return> + Send + Sync + 'static,
        func: impl Fn(
            StoreContextMut<'_, StoreState>,
            Params,
        ) -> Box<dyn Future<Output = wasmtime::Result<Return>> + Send + '_>
        + Send
        + Sync
        + 'static,
    ) -> wasmtime::Result<()>
    where
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + Send + 'static,
    {
        let row = self.row(instance, function);
        let mut instance = self.linker.instance(instance)?;
        instance.func_wrap_async(function, move |store, params| match pass(&row, &store) {
            Ok(()) => func(store, params),
            Err(closed) => {
                let answer = closed.and_then(&denied);
                Box::new(async move { answer })
            }
        })
    }

    /// The linker itself, for resources and for what `bindgen!` made. Functions that are added to it are called whatever
    /// their rows say: the first thing that each does is to pass
    /// [`CallContext::gate`](crate::call::CallContext::gate).
    pub fn ungated(&mut self) -> &mut Linker<StoreState> {
        self.linker
    }

    fn row(&self, instance: &str, function: &str) -> Option<CustomGate> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.instance == instance && row.function == function)
            .cloned()
    }
}

/// Passes the gate; the error is the denial or, for a function without a row, a trap.
fn pass(
    row: &Option<CustomGate>,
    store: &StoreContextMut<'_, StoreState>,
) -> Result<(), wasmtime::Result<Denied>> {
    match row {
        Some(row) => store.data().call().gate(&row.row()).map_err(Ok),
        None => Err(Err(wasmtime::format_err!(
            "a function of the embedder has no row in its gates"
        ))),
    }
}
