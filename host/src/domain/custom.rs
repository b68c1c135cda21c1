//! Domains of embedders, of which this crate knows neither the types nor how many there are: found by their type.

use std::any::{Any, TypeId, type_name};
use std::sync::Arc;

use wasmtime::component::Linker;

use super::linking::DomainLinker;
use super::place::{BY_ITS_TYPE, Place};
use super::view::InScope;
use super::{Domain, PerInstance, PerLoad, StoreState, View};
use crate::manifest::Capability;
use crate::policy::contract::{self, Interface};
use crate::registry::CapsuleInfo;

/// A domain of an embedder, whatever its types.
pub(crate) trait AnyDomain: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// The type of the domain. A host has at most one domain of each type.
    fn id(&self) -> TypeId;
    /// The name of its type, for errors.
    fn name(&self) -> &'static str;
    fn interfaces(&self) -> &'static [Interface];
    fn capabilities(&self) -> &'static [Capability];
    fn section(&self) -> Option<&'static str>;
    fn configure(&mut self, section: toml::Table) -> Result<(), String>;
    fn link(&self, linker: &mut Linker<StoreState>) -> wasmtime::Result<()>;
    fn load(&self, capsule: &Arc<CapsuleInfo>) -> Box<dyn AnyLoad>;
}

/// What a domain of an embedder keeps for a load of a capsule.
pub(crate) trait AnyLoad: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn end(&self);
}

/// Holds a domain of an embedder.
pub(crate) struct Custom<D>(pub(crate) D);

struct CustomLoad<D: Domain>(D::Load);

impl<D: Domain> AnyDomain for Custom<D> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }

    fn id(&self) -> TypeId {
        TypeId::of::<D>()
    }

    fn name(&self) -> &'static str {
        type_name::<D>()
    }

    fn interfaces(&self) -> &'static [Interface] {
        D::INTERFACES
    }

    fn capabilities(&self) -> &'static [Capability] {
        const { contract::assert_declared(D::INTERFACES, D::CAPABILITIES) }
        D::CAPABILITIES
    }

    fn section(&self) -> Option<&'static str> {
        D::SECTION
    }

    fn configure(&mut self, section: toml::Table) -> Result<(), String> {
        let config = section.try_into::<D::Config>();
        let config = config.map_err(|error| error.to_string().trim_end().to_owned())?;
        self.0.configure(config)
    }

    fn link(&self, linker: &mut Linker<StoreState>) -> wasmtime::Result<()> {
        self.0.link(&mut DomainLinker::new(linker, lend::<D>))
    }

    fn load(&self, capsule: &Arc<CapsuleInfo>) -> Box<dyn AnyLoad> {
        Box::new(CustomLoad::<D>(PerLoad::new(&self.0, capsule)))
    }
}

impl<D: Domain> AnyLoad for CustomLoad<D> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }

    fn end(&self) {
        self.0.end();
    }
}

/// Lends the view of an embedder's domain. Makes the instance's part of it at the first call.
fn lend<D: Domain>(state: &mut StoreState) -> View<'_, D> {
    let StoreState {
        call,
        handles,
        instances,
        ..
    } = state;
    call.asked = true;
    let loads = &instances.loads;
    let (place, domain) =
        Place::find::<D>(loads.domains.custom.iter().map(|domain| domain.as_any()));
    let load = loads.custom[place.at].as_any();
    let load: &D::Load = load.downcast_ref().expect(BY_ITS_TYPE);
    let made = &mut instances.made.custom;
    made.resize_with(place.of, || None);
    let instance = made[place.at]
        .get_or_insert_with(|| Box::new(D::Instance::new(domain, load, call)))
        .downcast_mut();
    View {
        domain,
        load,
        instance: instance.expect(BY_ITS_TYPE),
        call,
        handles,
        in_scope: InScope::Custom(place),
    }
}
