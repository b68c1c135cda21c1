//! The tiers on which a domain keeps something, below the host's own: a load, a principal, an instance.

use std::sync::Arc;

use super::{CallContext, Domain};
use crate::principal::PrincipalScope;
use crate::registry::CapsuleInfo;

/// What a domain keeps for one load of a capsule.
pub trait PerLoad<D: Domain>: Send + Sync + 'static {
    /// Makes it, when the capsule is loaded.
    fn new(domain: &D, capsule: &Arc<CapsuleInfo>) -> Self;

    /// The capsule is unloaded: what its guests are blocked in ends.
    fn end(&self) {}
}

/// What a domain keeps for one principal with one load of a capsule.
pub trait PerScope<D: Domain>: Send + Sync + 'static {
    /// Makes it, when a function of the domain first asks for it. It neither blocks nor fails: what has to be opened is
    /// opened by the function that needs it, which can answer with an error.
    fn new(domain: &D, load: &D::Load, scope: &PrincipalScope) -> Self;
}

/// What a domain keeps for one instance of a capsule.
pub trait PerInstance<D: Domain>: Send + 'static {
    /// Makes it, when the instance first calls a function of the domain.
    fn new(domain: &D, load: &D::Load, call: &CallContext) -> Self;
}

impl<D: Domain> PerLoad<D> for () {
    fn new(_domain: &D, _capsule: &Arc<CapsuleInfo>) -> Self {}
}

impl<D: Domain> PerScope<D> for () {
    fn new(_domain: &D, _load: &D::Load, _scope: &PrincipalScope) -> Self {}
}

impl<D: Domain> PerInstance<D> for () {
    fn new(_domain: &D, _load: &D::Load, _call: &CallContext) -> Self {}
}
