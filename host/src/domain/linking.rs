//! How the functions of a domain come into the linker.

use std::pin::Pin;
use std::sync::Arc;

use wasmtime::component::{ComponentNamedList, Lift, Linker, Lower};

use super::{Domain, Lend, StoreState, View};
use crate::policy::gate::{Denied, Row};

/// What a function that waits answers with.
pub type Answering<'a, Return> =
    Pin<Box<dyn Future<Output = wasmtime::Result<Return>> + Send + 'a>>;

/// Where a [`Domain`] adds its functions: whole interfaces that `bindgen!` made ([`Self::add`]), or one by one.
pub struct DomainLinker<'a, D: Domain> {
    linker: &'a mut Linker<StoreState>,
    lend: Lend<D>,
}

impl<'a, D: Domain> DomainLinker<'a, D> {
    pub(super) fn new(linker: &'a mut Linker<StoreState>, lend: Lend<D>) -> Self {
        Self { linker, lend }
    }

    /// Adds an interface that `bindgen!` made and that is implemented on [`View<'_, D>`](View):
    /// `linker.add(host::add_to_linker::<_, Views<Self>>)`. The first thing that each function does is to pass
    /// [`View::gate`].
    ///
    /// # Errors
    /// wasmtime's: a function of that name is there already.
    pub fn add(
        &mut self,
        interface: impl FnOnce(&mut Linker<StoreState>, Lend<D>) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<()> {
        interface(self.linker, self.lend)
    }

    /// Adds a function to an instance, such as `acme:billing/host@1.0.0`. It passes the gate of its row before any code
    /// of the domain runs; where that is closed the guest gets what `denied` makes of the denial: an error of the
    /// function's own type or, as an `Err`, a trap.
    ///
    /// # Errors
    /// There is a function of that name, or [`Domain::INTERFACES`] has no row for it.
    pub fn func_wrap<Params, Return>(
        &mut self,
        instance: &str,
        function: &str,
        denied: impl Fn(Denied) -> wasmtime::Result<Return> + Send + Sync + 'static,
        func: impl Fn(View<'_, D>, Params) -> wasmtime::Result<Return> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        let (row, lend) = (row_of::<D>(instance, function)?, self.lend);
        let mut instance = self.linker.instance(instance)?;
        instance.func_wrap(function, move |mut store, params| {
            let view = lend(store.data_mut());
            match view.gate(&row) {
                Ok(()) => func(view, params),
                Err(closed) => denied(closed),
            }
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
        func: impl for<'v> Fn(View<'v, D>, Params) -> Answering<'v, Return> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + Send + 'static,
    {
        let (row, lend) = (row_of::<D>(instance, function)?, self.lend);
        let mut instance = self.linker.instance(instance)?;
        let (denied, func) = (Arc::new(denied), Arc::new(func));
        instance.func_wrap_async(function, move |mut store, params| {
            let (denied, func) = (Arc::clone(&denied), Arc::clone(&func));
            Box::new(async move {
                let view = lend(store.data_mut());
                match view.gate(&row) {
                    Ok(()) => func(view, params).await,
                    Err(closed) => denied(closed),
                }
            })
        })
    }

    /// The linker itself, for resources. Functions that are added to it are called whatever their rows say: the first
    /// thing that each does is to pass [`CallContext::gate`](super::CallContext::gate).
    pub fn ungated(&mut self) -> &mut Linker<StoreState> {
        self.linker
    }

    /// How a store lends the view, for functions that are added to [`Self::ungated`].
    pub fn lend(&self) -> Lend<D> {
        self.lend
    }
}

/// The row of a function of the domain.
fn row_of<D: Domain>(instance: &str, function: &str) -> wasmtime::Result<Row<'static>> {
    let name = instance.split_once('@').map_or(instance, |(name, _)| name);
    let interface = D::INTERFACES
        .iter()
        .find(|interface| interface.name == name);
    let found = interface.and_then(|interface| {
        let mut rows = interface.functions.iter();
        let (function, gate) = rows.find(|(known, _)| *known == function)?;
        Some(Row {
            interface: interface.name,
            function,
            gate: *gate,
        })
    });
    found.ok_or_else(|| {
        wasmtime::format_err!(
            "the domain has no row for `{function}` of `{instance}` in its INTERFACES"
        )
    })
}
