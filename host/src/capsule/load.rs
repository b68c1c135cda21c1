//! From a checked package to a capsule that can be called.
//!
//! In this order, each step with its own refusal: what the binary is, what it imports, its code (what is known of its
//! hash already, else compiled from the very buffer that was checked), its links.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, UnitWeighter};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::LoadError;
use super::environment::Environment;
use super::known::Known;
use super::loop_state::RunLoop;
use super::reports::Reports;
use super::slots::IdlePlace;
use super::template::Template;
use super::tenant::{Idle, KeepInUse, TENANTS, TENANTS_AT_FIRST, Tenant};
use crate::domain::Loads;
use crate::env::Field;
use crate::exports::{self, Binary, EntryPoint};
use crate::manifest::{CapsuleName, Diagnostic};
use crate::mask::Masks;
use crate::names::PrincipalId;
use crate::package::{self, ComponentHash, Package};
use crate::policy::custom::check_custom;
use crate::policy::imports::{self, Imports};
use crate::policy::paths;
use crate::registry::CapsuleInfo;

/// Finds the load that answers for a capsule at present.
pub(crate) trait Current: Send + Sync + 'static {
    /// The load that answers for `capsule`; `None` if there is none.
    fn current(&self, capsule: &CapsuleName) -> Option<Arc<LoadedCapsule>>;
}

/// A capsule, ready to be called.
pub(crate) struct LoadedCapsule {
    pub(crate) info: Arc<CapsuleInfo>,
    pub(crate) hash: ComponentHash,
    /// What its manifest says in a way that is deprecated.
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) binary: Binary,
    /// Held, so that others of the same component share it.
    pub(super) known: Arc<Known>,
    pub(crate) environment: Arc<Environment>,
    /// What its instances are made of.
    pub(super) template: Template,
    /// Where the load is that answers in its place once it is closed.
    pub(super) current: Arc<dyn Current>,
    /// The actions there are, sorted, if the SDK wrote them down.
    pub(super) actions: Option<Vec<String>>,
    pub(super) tenants:
        Cache<PrincipalId, Arc<Tenant>, UnitWeighter, DefaultHashBuilder, KeepInUse>,
    pub(super) shared_idle: Arc<dyn IdlePlace>,
    /// For whom it was installed: whom its run loop is, and for whom the host's own events are.
    pub(crate) owner: PrincipalId,
    /// What it wants to be given and is not set for its owner, as it was when it was loaded.
    pub(crate) unset: Vec<Field>,
    /// What guests were given in secret whose memory may hear of more than one principal.
    pub(super) masks: Arc<Masks>,
    pub(super) run_loop: RunLoop,
    pub(super) tenant_count: AtomicU64,
    /// How often failures are written down in the host's own log.
    pub(super) reports: Reports,
    /// Set before idle instances are ended: who puts one back later sees it (both hold the idle ones' lock).
    pub(super) closed: AtomicBool,
}

impl LoadedCapsule {
    /// Prepares a package. Blocks: it reads files and may compile.
    ///
    /// # Errors
    /// [`LoadError`], before any code of the capsule ran.
    pub(crate) fn prepare(
        environment: &Arc<Environment>,
        current: Arc<dyn Current>,
        package: Package,
        known: Option<Arc<Known>>,
    ) -> Result<Arc<Self>, LoadError> {
        let manifest = package.manifest().clone();
        let mut info = CapsuleInfo::new(manifest, &environment.ending);
        check_workspace(environment, &info)?;
        check_custom(&info.manifest.capabilities, &environment.capabilities).map_err(|source| {
            LoadError::Capability {
                capsule: info.name.clone(),
                source,
            }
        })?;
        let known = compiled(environment, &info, &package, known)?;
        let said = package::overrides(&info.manifest.runtime);
        let binary = known.binary.clone().with_overrides(said);
        info.mute = !binary.imports_function("astrid:sys/host", "signal-ready");
        let info = Arc::new(info);
        let refused = |error: wasmtime::Error| LoadError::Compile {
            capsule: info.name.clone(),
            reason: format!("{error:#}"),
        };
        let pre = environment
            .linker
            .instantiate_pre(&known.component)
            .map_err(refused)?;
        let has_hook = binary.entry_points.contains_key(&EntryPoint::HookTrigger);
        let loads = Arc::new(Loads::new(&environment.domains, &info));
        let template = Template::new(&info, environment, loads, pre, has_hook).map_err(refused)?;
        let actions = binary.handlers.as_ref().map(|handlers| {
            let mut actions: Vec<_> = handlers
                .iter()
                .map(|handler| handler.action.clone())
                .collect();
            actions.sort_unstable();
            actions
        });
        let capsule = Arc::new(Self {
            hash: package.hash().clone(),
            warnings: package.warnings().to_vec(),
            binary,
            known,
            environment: Arc::clone(environment),
            template,
            current,
            actions,
            tenants: Cache::with(
                TENANTS_AT_FIRST,
                TENANTS as u64,
                UnitWeighter,
                DefaultHashBuilder::default(),
                KeepInUse,
            ),
            shared_idle: Arc::new(Idle::default()),
            unset: unset_fields(environment, &info, package.owner()),
            owner: package.owner().clone(),
            masks: Arc::default(),
            run_loop: RunLoop::default(),
            tenant_count: AtomicU64::new(0),
            reports: Reports::default(),
            closed: AtomicBool::new(false),
            info,
        });
        Ok(capsule)
    }

    /// How many calls and events wait for it.
    pub(super) fn queued(&self) -> usize {
        self.environment.events.queued(&self.info.name)
    }

    /// Waits until its run loop has ended; once it is [closed](Self::close), that takes a second at most.
    pub(crate) async fn loop_over(&self) {
        self.run_loop.over().await;
    }

    /// Ends its idle instances and refuses further calls.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.info.end();
        self.template.loads.end();
        for (_, tenant) in self.tenants.iter() {
            tenant.idle.clear();
        }
        self.shared_idle.clear();
    }
}

/// What a capsule wants to be given and is not set. A host that ends with its first call tells nobody.
fn unset_fields(environment: &Environment, info: &CapsuleInfo, owner: &PrincipalId) -> Vec<Field> {
    if environment.blocking.inline {
        return Vec::new();
    }
    let unset = environment.env.unset_fields(owner, &info.manifest);
    unset.unwrap_or_else(|error| {
        tracing::warn!(capsule = %info.name, %error, "it is unknown what is set of its configuration");
        Vec::new()
    })
}

fn check_workspace(environment: &Environment, info: &CapsuleInfo) -> Result<(), LoadError> {
    let may_use = !info.manifest.capabilities.fs_read.is_empty()
        || !info.manifest.capabilities.fs_write.is_empty();
    if may_use && paths::overlap(&environment.workspace, environment.home.root()) {
        return Err(LoadError::Workspace {
            capsule: info.name.clone(),
            workspace: environment.workspace.clone(),
            home: environment.home.root().to_owned(),
        });
    }
    Ok(())
}

/// What the binary is and its code: that of a loaded capsule, from the cache, or made now.
fn compiled(
    environment: &Environment,
    info: &CapsuleInfo,
    package: &Package,
    known: Option<Arc<Known>>,
) -> Result<Arc<Known>, LoadError> {
    let engine = environment.engine.engine();
    let import = |source| LoadError::Import {
        capsule: info.name.clone(),
        source,
    };
    let offered = |imports: &Imports| {
        imports::check(imports, &environment.offer, &info.manifest.capabilities).map_err(import)
    };
    let known = known.filter(|known| known.hash == *package.hash());
    let known = match known.or_else(|| environment.components.find(package.hash())) {
        Some(known) => known,
        None => {
            let bytes = package.component();
            let binary = exports::analyse(bytes).map_err(|source| LoadError::Binary {
                capsule: info.name.clone(),
                source,
            })?;
            // Said before the time is spent to compile it.
            offered(&declared(&binary))?;
            let component =
                Component::from_binary(engine, bytes).map_err(|error| LoadError::Compile {
                    capsule: info.name.clone(),
                    reason: format!("{error:#}"),
                })?;
            let known = Known {
                hash: package.hash().clone(),
                binary,
                component,
            };
            if let Err(error) = environment.components.keep(&known) {
                tracing::warn!(capsule = %info.name, %error, "the compiled component can't be kept");
            }
            Arc::new(known)
        }
    };
    // The engine's own word on what will be linked: a gate must not depend on how we read the binary.
    offered(&linked(engine, &known.component))?;
    Ok(environment.components.share(known))
}

/// What the binary imports, as this host read it.
fn declared(binary: &Binary) -> Imports {
    let functions = |import| {
        binary
            .import_functions
            .get(import)
            .cloned()
            .unwrap_or_default()
    };
    binary
        .imports
        .iter()
        .map(|import| (import.clone(), functions(import)))
        .collect()
}

/// What the component imports, as the engine will link it. Instances of types alone need nothing.
fn linked(engine: &wasmtime::Engine, component: &Component) -> Imports {
    let mut imports = Imports::new();
    for (name, item) in component.component_type().imports(engine) {
        match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let functions = instance.exports(engine).filter_map(|(function, item)| {
                    matches!(item.ty, ComponentItem::ComponentFunc(_)).then(|| function.to_owned())
                });
                imports.insert(name.to_owned(), functions.collect());
            }
            ComponentItem::Type(_) => {}
            // A bare function, module or component: nothing of the kind is offered.
            _ => drop(imports.insert(name.to_owned(), Vec::new())),
        }
    }
    imports
}
