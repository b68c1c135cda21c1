//! The tenants of a load: found, made at the first call, refused.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::load::LoadedCapsule;
use super::slots::IdlePlace;
use super::tenant::{Idle, Tenant};
use super::{CallError, Ceilings};
use crate::domain::Scope;
use crate::exports::EntryPoint;
use crate::manifest::Isolation;
use crate::mask::Masks;
use crate::names::PrincipalId;
use crate::principal::{PrincipalError, PrincipalScope};

impl LoadedCapsule {
    /// The principal, if it was called for before and has not changed since; refused if it is disabled.
    pub(super) fn known_tenant(
        &self,
        principal: &PrincipalId,
    ) -> Result<Option<Arc<Tenant>>, CallError> {
        let principals = &self.environment.principals;
        let changes = principals.changes();
        let tenant = self.tenants.get(principal);
        if let Some(tenant) = &tenant
            && tenant.checked_at.load(Relaxed) != changes
        {
            let found = principals.resolve(principal)?;
            if !Arc::ptr_eq(&found, &tenant.scope.principal) {
                return Ok(None);
            }
            tenant.checked_at.store(changes, Relaxed);
        }
        Ok(tenant)
    }

    /// The principal, made a tenant at its first call, and anew after a change; refused if it isn't there or is disabled.
    pub(super) async fn tenant(&self, principal: &PrincipalId) -> Result<Arc<Tenant>, CallError> {
        let changes = self.environment.principals.changes();
        if let Some(tenant) = self.known_tenant(principal)? {
            return Ok(tenant);
        }
        let (environment, id, name, masks) = (
            Arc::clone(&self.environment),
            principal.clone(),
            self.info.name.clone(),
            self.masks_for(principal),
        );
        // It reads the profile and what is set of the capsule.
        let resolve = move || {
            let found = environment.principals.resolve(&id)?;
            if !found.profile.may_call(&name) {
                return Err(PrincipalError::NotListed {
                    principal: id,
                    capsule: name,
                });
            }
            let sinks = Arc::clone(&environment.sinks);
            PrincipalScope::resolve(found, &name, &environment.env, masks, sinks)
        };
        let scope = match self.environment.blocking.for_call(principal, resolve).await {
            Ok(scope) => scope.map_err(CallError::Principal)?,
            // The runtime is shutting down.
            Err(_) => return Err(self.unloaded()),
        };
        let tenant = self.new_tenant(scope, changes);
        match self.tenants.get(principal) {
            Some(before) if Arc::ptr_eq(&before.scope.principal, &tenant.scope.principal) => {
                Ok(before)
            }
            Some(before) => {
                let tenant = Arc::new(tenant.in_place_of(&before));
                self.make_room(&tenant);
                self.tenants.insert(principal.clone(), Arc::clone(&tenant));
                Ok(tenant)
            }
            // Two first calls at once: both get the tenant that came first.
            None => self
                .tenants
                .get_or_insert_with(principal, || Ok(Arc::new(tenant))),
        }
    }

    /// Ends idle instances of a principal that may have less memory than before.
    fn make_room(&self, tenant: &Tenant) {
        let account = &tenant.scope.principal.account;
        while account.memory() > account.memory_limit()
            && self.environment.slots.evict_one_of(&account.id)
        {}
    }

    /// What its guests were given in secret: for the principal alone, unless their memory may hear of others.
    fn masks_for(&self, principal: &PrincipalId) -> Arc<Masks> {
        let hears_others = self.info.manifest.runtime.isolation == Isolation::Shared
            || self.binary.is_real(EntryPoint::Run);
        if hears_others {
            return Arc::clone(&self.masks);
        }
        // Its instances outlast a change of the principal.
        let before = self.tenants.get(principal);
        before.map_or_else(Arc::default, |before| Arc::clone(before.scope.masks()))
    }

    fn new_tenant(&self, scope: PrincipalScope, checked_at: u64) -> Tenant {
        let runtime = &self.info.manifest.runtime;
        let limits = &self.environment.config.limits;
        let ceilings = Ceilings::new(runtime, limits, &scope.principal.profile.limits);
        let idle: Arc<dyn IdlePlace> = match runtime.isolation {
            Isolation::Shared => Arc::clone(&self.shared_idle),
            Isolation::Principal | Isolation::Call => Arc::new(Idle::of(&scope.principal.id)),
        };
        let events = &self.environment.events;
        let lane = events.lane(&self.info.name, &scope.principal.id);
        let number = self.tenant_count.fetch_add(1, Relaxed);
        Tenant::new(Scope::new(scope), ceilings, lane, idle, checked_at, number)
    }
}
