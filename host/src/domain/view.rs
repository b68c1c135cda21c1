//! The view that a store lends for one call of a host function.

use std::marker::PhantomData;
use std::sync::OnceLock;

use wasmtime::component::{HasData, ResourceTable};

use super::place::Place;
use super::{CallContext, Domain, PerScope, Scopes, StoreState};
use crate::policy::gate::{Denied, Row};

/// How a store lends the view of a domain.
pub type Lend<D> = for<'a> fn(&'a mut StoreState) -> View<'a, D>;

/// Where the part of a domain is in a scope.
pub(super) enum InScope<D: Domain> {
    /// A domain of the list.
    Listed(fn(&Scopes) -> &OnceLock<D::Scope>),
    /// An embedder's, by its place among those.
    Custom(Place),
}

/// A domain as one call of one of its functions sees it. The functions of the contract are implemented on it.
pub struct View<'a, D: Domain> {
    /// The domain itself: what it keeps for the host.
    pub domain: &'a D,
    /// What it keeps for this load of the capsule.
    pub load: &'a D::Load,
    /// What it keeps for this instance.
    pub instance: &'a mut D::Instance,
    /// The call.
    pub call: &'a mut CallContext,
    /// The handles that the guest holds, of all domains.
    pub handles: &'a mut ResourceTable,
    pub(super) in_scope: InScope<D>,
}

impl<D: Domain> View<'_, D> {
    /// What the domain keeps for the principal of the call with this load of the capsule. In a run loop, the principal
    /// is that of the message received last.
    pub fn scope(&self) -> &D::Scope {
        let scope = &self.call.scope;
        let make = || D::Scope::new(self.domain, self.load, scope);
        match &self.in_scope {
            InScope::Listed(part) => part(&scope.parts).get_or_init(make),
            InScope::Custom(place) => place.scope(&scope.parts.custom, make),
        }
    }

    /// Passes the gate of a function: the first thing that it does.
    ///
    /// # Errors
    /// [`Denied`], with what would open it. A row that asks for a listed topic is always closed here.
    pub fn gate(&self, row: &Row<'_>) -> Result<(), Denied> {
        self.call.gate(row)
    }
}

/// Key of a domain in a linker: its functions are called with its view.
pub struct Views<D>(PhantomData<D>);

impl<D: Domain> HasData for Views<D> {
    type Data<'a> = View<'a, D>;
}

/// A view for a test of a domain that keeps nothing but the handles.
#[cfg(test)]
pub(super) fn of_nothing<'a, D>(
    domain: &'a D,
    unit: &'a mut (),
    call: &'a mut CallContext,
    handles: &'a mut ResourceTable,
) -> View<'a, D>
where
    D: Domain<Load = (), Scope = (), Instance = ()>,
{
    static UNIT: OnceLock<()> = OnceLock::new();
    View {
        domain,
        load: &(),
        instance: unit,
        call,
        handles,
        in_scope: InScope::Listed(|_| &UNIT),
    }
}
