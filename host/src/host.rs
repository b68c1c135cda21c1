//! A host: builds the rooms, joins them, and is what an embedder holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wasmtime::component::Linker;

use crate::blocking::Blocking;
use crate::bus::{EventBus, Owner, SubscribeError, Subscription};
use crate::call::{Call, CallDraft, Reply, TraceId};
use crate::capsule::{
    CallError, Capsule, CapsuleHandler, Components, CustomGate, Environment, Known, LoadError,
    LoadedCapsule, RESERVED, Readiness, Slots, StoreState, Surroundings, load_order,
};
use crate::config::{ConfigError, HostConfig};
use crate::dispatch::{
    self, Answer, CallScope, DispatchError, Dispatcher, Event, Outcome, TokioRuntime,
};
use crate::domain::{self, sys::SysShared};
use crate::engine::{Allocation, CompileCache, GuestEngine, MemoryBudget};
use crate::events::{EventDraft, Events, Required};
use crate::exports::EntryPoint;
use crate::home::{ExclusiveLock, Home, HomeError};
use crate::kind::ErrorKind;
use crate::manifest::{CapsuleManifest, CapsuleName};
use crate::package::{self, Meta, Package};
use crate::policy::topic::TopicPattern;
use crate::principal::{PrincipalId, Principals};
use crate::registry::Registry;
use crate::storage::{FileLogs, FileSecrets, LogSink, SecretStore};

/// Host functions of an embedder's own.
pub trait Domain: Send + Sync + 'static {
    /// A row for each function: what isn't here can't be linked.
    fn gates(&self) -> Vec<CustomGate>;

    /// Adds the functions. In them, [`StoreState::call`] tells on whose behalf they are called.
    ///
    /// # Errors
    /// wasmtime's.
    fn add_to_linker(&self, linker: &mut Linker<StoreState>) -> wasmtime::Result<()>;
}

/// Why a host can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Its home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its configuration can't.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `[dispatch.required]` names what is no topic or no capsule.
    #[error("etc/config.toml: [dispatch.required] {topic:?}: {reason}")]
    Required {
        /// The key.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The workspace isn't there.
    #[error("the workspace {path} can't be used: {source}")]
    Workspace {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The engine can't be started, or two domains define the same function.
    #[error("the engine can't be started: {0:#}")]
    Engine(wasmtime::Error),
}

impl BuildError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Home(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Required { .. } => ErrorKind::Config,
            Self::Workspace { .. } => ErrorKind::Usage,
            Self::Engine(_) => ErrorKind::Engine,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Home(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Required { .. } => "mend that line".into(),
            Self::Workspace { .. } => "name a folder that is there: --workspace DIR".into(),
            Self::Engine(_) => {
                "see that memory, address space and threads of this user are not used up (ulimit -a)".into()
            }
        }
    }
}

/// Collects what a host is made of.
#[derive(Default)]
pub struct HostBuilder {
    home: Option<Home>,
    workspace: Option<PathBuf>,
    domains: Vec<Box<dyn Domain>>,
    sinks: Vec<Arc<dyn LogSink>>,
    secrets: Option<Arc<dyn SecretStore>>,
    allocation: Option<Allocation>,
    blocking: Blocking,
}

impl HostBuilder {
    /// Its home; [`Home::default_dir`] unless set.
    #[must_use]
    pub fn home(mut self, home: Home) -> Self {
        self.home = Some(home);
        self
    }

    /// The workspace that capsules may be given; the current folder unless set.
    #[must_use]
    pub fn workspace(mut self, dir: impl AsRef<Path>) -> Self {
        self.workspace = Some(dir.as_ref().to_owned());
        self
    }

    /// Adds host functions.
    #[must_use]
    pub fn domain(mut self, domain: impl Domain) -> Self {
        self.domains.push(Box::new(domain));
        self
    }

    /// Hands each log line of a guest to `sink`, besides the log files.
    #[must_use]
    pub fn log_sink(mut self, sink: Arc<dyn LogSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Where secrets are; files in the home unless set.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<dyn SecretStore>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Where instances come from; unless set, a pool of as many as `[engine] instances` in etc/config.toml says. An
    /// operator who says `pool = false` there has the last word.
    #[must_use]
    pub fn allocation(mut self, allocation: Allocation) -> Self {
        self.allocation = Some(allocation);
        self
    }

    /// For a program that makes a call or two and ends: instances are made on demand, and files are read in the
    /// calling thread, since threads and a pool cost more to set up than they save. Run loops are not started.
    #[must_use]
    pub fn one_shot(mut self) -> Self {
        self.blocking.inline = true;
        self.allocation(Allocation::OnDemand)
    }

    /// Builds the host.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(self) -> Result<Host, BuildError> {
        let home = match self.home {
            Some(home) => home,
            None => Home::open(Home::default_dir()?)?,
        };
        let workspace = self.workspace.unwrap_or_else(|| PathBuf::from("."));
        let workspace = workspace
            .canonicalize()
            .map_err(|source| BuildError::Workspace {
                path: workspace,
                source,
            })?;
        let config = HostConfig::read(&home)?;
        let wanted = match self.allocation {
            _ if !config.engine.pool => Allocation::OnDemand,
            Some(allocation) => allocation,
            None => Allocation::Pooled {
                instances: config.engine.instances,
            },
        };
        // Run loops have room of their own, and nested calls.
        let run_loops = if self.blocking.inline {
            0
        } else {
            config.engine.run_loops
        };
        let reserved = match wanted {
            Allocation::Pooled { instances } => Allocation::Pooled {
                instances: instances
                    .saturating_add(run_loops)
                    .saturating_add(RESERVED as u32),
            },
            Allocation::OnDemand => wanted,
        };
        let engine = GuestEngine::start(reserved).map_err(BuildError::Engine)?;
        let loop_slots = (run_loops as usize).min(engine.capacity() / 2);
        let slots = (engine.capacity() - loop_slots).saturating_sub(RESERVED);
        let slots = match wanted {
            Allocation::Pooled { instances } => slots.min(instances as usize),
            Allocation::OnDemand => slots.min(config.engine.instances as usize),
        };
        let mut linker = Linker::new(engine.engine());
        domain::link(&mut linker).map_err(BuildError::Engine)?;
        let mut custom = Vec::new();
        for domain in &self.domains {
            custom.extend(domain.gates());
            domain
                .add_to_linker(&mut linker)
                .map_err(BuildError::Engine)?;
        }
        let logs = Arc::new(FileLogs::new(home.clone()));
        let mut sinks = self.sinks;
        sinks.push(Arc::clone(&logs) as Arc<dyn LogSink>);
        let total = config
            .limits
            .total_memory
            .and_then(|total| usize::try_from(total).ok());
        let slots = Arc::new(Slots::new(slots));
        let budget = MemoryBudget::new(total.unwrap_or_else(half_of_memory));
        let idle = Arc::clone(&slots);
        budget.reclaim_with(Box::new(move || idle.evict_one()));
        let session = uuid::Uuid::new_v4();
        let required = required(&config)?;
        let runtime = TokioRuntime::new(tokio::runtime::Handle::current());
        let dispatcher = Dispatcher::new(runtime, dispatch::Limits::default(), required);
        let events = Arc::new(Events::new(EventBus::new(session), dispatcher));
        let environment = Environment {
            events: Arc::clone(&events) as Arc<dyn Surroundings>,
            cache: CompileCache::new(home.cache_dir(), home.cache_key()?, engine.compatibility()),
            components: Components::default(),
            slots,
            loop_slots: Slots::new(loop_slots),
            budget,
            principals: Principals::new(home.clone()),
            sinks: sinks.into(),
            sys: Arc::new(SysShared {
                registry: Arc::new(Registry::default()),
                secrets: self
                    .secrets
                    .unwrap_or_else(|| Arc::new(FileSecrets::new(&home))),
                started: (Instant::now(), jiff::Timestamp::now()),
            }),
            session,
            blocking: self.blocking,
            home,
            workspace,
            config,
            engine,
            linker,
            custom,
        };
        Ok(Host {
            inner: Arc::new(Inner {
                run_loops: !environment.blocking.inline,
                environment: Arc::new(environment),
                events,
                logs,
                capsules: Mutex::default(),
                failed: Mutex::default(),
                listener: Owner::new("host", usize::MAX),
            }),
        })
    }
}

struct Inner {
    environment: Arc<Environment>,
    events: Arc<Events>,
    logs: Arc<FileLogs>,
    capsules: Mutex<Vec<Capsule>>,
    /// What is bound without having been loaded.
    failed: Mutex<BTreeSet<CapsuleName>>,
    /// Whether run loops are started.
    run_loops: bool,
    /// Whose the embedder's subscriptions are.
    listener: Owner,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let dispatcher = &self.events.dispatcher;
        for capsule in self.capsules.get_mut() {
            dispatcher.unbind(capsule.name());
            capsule.loaded.close();
        }
        // A capsule that could not be loaded has its bindings all the same.
        for name in &*self.failed.get_mut() {
            dispatcher.unbind(name);
        }
        self.logs.flush();
    }
}

/// What came of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What was recorded.
    pub meta: Meta,
    /// The version before, if there was one.
    pub previous: Option<String>,
}

/// Loads capsules and calls them. Cloning it is cheap; the last clone ends what is loaded.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

impl Host {
    /// Begins a host. It is built and called within a tokio runtime whose time driver is enabled (as
    /// `#[tokio::main]` does): a call that parks is timed by it.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Its home.
    pub fn home(&self) -> &Home {
        &self.inner.environment.home
    }

    /// Its principals.
    pub fn principals(&self) -> &Principals {
        &self.inner.environment.principals
    }

    /// Where instances of handlers come from: a pool, or on demand where there was no room for one.
    pub fn allocation(&self) -> Allocation {
        let environment = &self.inner.environment;
        match environment.engine.allocation() {
            Allocation::Pooled { .. } => Allocation::Pooled {
                instances: u32::try_from(environment.slots.count()).unwrap_or(u32::MAX),
            },
            Allocation::OnDemand => Allocation::OnDemand,
        }
    }

    /// Linear memory that all guests hold now, in bytes.
    pub fn memory_used(&self) -> usize {
        self.inner.environment.budget.used()
    }

    /// Loads a package: it can be called until it is [unloaded](Self::unload).
    ///
    /// # Errors
    /// [`LoadError`]; then no code of it ran and nothing is registered.
    pub async fn load(&self, package: Package) -> Result<Capsule, LoadError> {
        let environment = Arc::clone(&self.inner.environment);
        let prepare = move || LoadedCapsule::prepare(&environment, package, None);
        self.register(self.blocking(prepare).await??)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let done = self.inner.environment.blocking.run(job).await;
        done.map_err(|error| LoadError::Interrupted(error.to_string()))
    }

    fn register(&self, loaded: Arc<LoadedCapsule>) -> Result<Capsule, LoadError> {
        self.inner.environment.sys.registry.register(&loaded.info)?;
        let handlers: Vec<_> = loaded.info.manifest.handlers().collect();
        self.inner.events.dispatcher.bind(
            &loaded.info.name,
            &handlers,
            loaded.permits(),
            Ok(CapsuleHandler::new(&loaded)),
        );
        self.inner.failed.lock().remove(&loaded.info.name);
        let capsule = Capsule { loaded };
        self.inner.capsules.lock().push(capsule.clone());
        let loaded = &capsule.loaded;
        if self.inner.run_loops && loaded.binary.is_real(EntryPoint::Run) {
            loaded.start_run_loop();
        }
        Ok(capsule)
    }

    /// Loads an installed capsule.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load_installed(&self, name: &CapsuleName) -> Result<Capsule, LoadError> {
        if self.inner.environment.blocking.inline {
            let environment = &self.inner.environment;
            let package = Package::installed(&environment.home, name)?;
            return self.register(LoadedCapsule::prepare(environment, package, None)?);
        }
        // Its code is found while its bytes are checked; without them it isn't used.
        let (environment, of) = (Arc::clone(&self.inner.environment), name.clone());
        let known = tokio::task::spawn_blocking(move || {
            Known::find(
                &environment,
                &Package::recorded_hash(&environment.home, &of).ok()?,
            )
        });
        let (environment, of) = (Arc::clone(&self.inner.environment), name.clone());
        let runtime = tokio::runtime::Handle::current();
        let loaded = self.blocking(move || {
            let package = Package::installed(&environment.home, &of);
            // Waited for in any case: it may not outlive this call. It was queued before this job and waits for
            // nothing, so waiting here can't use up the pool.
            let known = runtime.block_on(known).ok().flatten();
            LoadedCapsule::prepare(&environment, package?, known)
        });
        let failed = match loaded.await? {
            Ok(loaded) => return self.register(loaded),
            Err(failed) => failed,
        };
        let (home, of) = (self.home().clone(), name.clone());
        if let Ok(manifest) = self
            .blocking(move || package::manifest_of(&home, &of))
            .await?
        {
            self.bind_failed(&manifest, &failed);
        }
        Err(failed)
    }

    /// A guard that is broken is a guard all the same: what its manifest binds is bound, and fails.
    fn bind_failed(&self, manifest: &CapsuleManifest, failed: &LoadError) {
        let name = manifest.name();
        let registry = &self.inner.environment.sys.registry;
        if registry.by_id(name.as_str()).is_none() {
            let handlers: Vec<_> = manifest.handlers().collect();
            self.inner.failed.lock().insert(name.clone());
            let dispatcher = &self.inner.events.dispatcher;
            dispatcher.bind(name, &handlers, 1, Err(failed.to_string()));
        }
    }

    /// Loads every installed capsule that isn't loaded yet, each after those that export what it imports, and after
    /// their run loops are ready or `patience` is over. What can't be loaded keeps the bindings of its manifest.
    ///
    /// # Errors
    /// When the installed ones can't be listed. What became of each is in the result.
    pub async fn load_all_installed(
        &self,
        patience: Duration,
    ) -> Result<Vec<(CapsuleName, Result<Capsule, LoadError>)>, LoadError> {
        let home = self.home().clone();
        let read = move || {
            let names = package::installed(&home)?;
            let manifests = names.into_iter().map(|name| {
                let manifest = package::manifest_of(&home, &name);
                (name, manifest.ok())
            });
            Ok::<_, LoadError>(manifests.collect::<Vec<_>>())
        };
        let mut installed = self.blocking(read).await??;
        let registry = &self.inner.environment.sys.registry;
        installed.retain(|(name, _)| registry.by_id(name.as_str()).is_none());
        let manifests = installed
            .iter()
            .filter_map(|(_, manifest)| manifest.as_ref());
        let order = load_order(manifests.clone());
        for (name, wanted) in &order.missing {
            tracing::warn!(capsule = %name, wanted, "nothing that is installed exports what it imports");
        }
        let mut done = Vec::new();
        for manifest in manifests.filter(|manifest| order.circular.contains(manifest.name())) {
            let failed = LoadError::Circular {
                capsule: manifest.name().clone(),
                others: order.circular.clone(),
            };
            self.bind_failed(manifest, &failed);
            done.push((manifest.name().clone(), Err(failed)));
        }
        let unreadable = installed.iter().filter(|(_, manifest)| manifest.is_none());
        let unreadable = unreadable.map(|(name, _)| name);
        for name in unreadable.chain(&order.names) {
            let loaded = self.load_installed(name).await;
            if let Ok(capsule) = &loaded
                && !capsule.manifest().exports.is_empty()
                && let Readiness::Crashed { reason } = capsule.wait_ready(patience).await
            {
                tracing::warn!(capsule = %name, reason, "its run loop isn't ready for those that import from it");
            }
            done.push((name.clone(), loaded));
        }
        Ok(done)
    }

    /// Unloads a capsule: what its guests are blocked in ends, waiting calls are refused.
    pub fn unload(&self, capsule: &Capsule) {
        let session = capsule.session();
        let dispatcher = &self.inner.events.dispatcher;
        let registered = self.inner.environment.sys.registry.by_session(session);
        if registered.is_some() {
            dispatcher.unbind(capsule.name());
        }
        capsule.loaded.close();
        self.inner.environment.sys.registry.unregister(session);
        self.inner
            .capsules
            .lock()
            .retain(|other| other.session() != session);
    }

    /// What is loaded, in the order of loading.
    pub fn capsules(&self) -> Vec<Capsule> {
        self.inner.capsules.lock().clone()
    }

    /// Calls a handler of a capsule on behalf of the call's principal. Calls of one principal to one capsule run
    /// one at a time, first come first served.
    ///
    /// # Errors
    /// [`CallError`]. Dropping the future ends the guest.
    pub async fn invoke(&self, capsule: &Capsule, call: Call) -> Result<Reply, CallError> {
        capsule.loaded.invoke(&call).await
    }

    /// Dispatches an event: its topic's handlers are asked in turn, and what came of it is told. It waits for its
    /// admission when too much is in flight. Dropping the future doesn't end what was admitted.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn dispatch(&self, event: Event) -> Result<Outcome, DispatchError> {
        self.taken(event, async |dispatcher, event| {
            dispatcher.dispatch(event).await
        })
        .await
    }

    /// Publishes an event: it is accepted, and its handlers are asked when their turn comes.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn publish(&self, event: Event) -> Result<TraceId, DispatchError> {
        self.taken(event, async |dispatcher, event| {
            dispatcher.publish(event).await
        })
        .await
    }

    /// Asks all handlers of an event's topic at once, and collects what they answer within `limit`.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn trigger(
        &self,
        event: Event,
        limit: Duration,
    ) -> Result<Vec<Answer>, DispatchError> {
        self.taken(event, async |dispatcher, event| {
            dispatcher.trigger(event, limit).await
        })
        .await
    }

    async fn taken<T>(
        &self,
        event: Event,
        then: impl AsyncFnOnce(&Dispatcher<CapsuleHandler>, Event) -> Result<T, DispatchError>,
    ) -> Result<T, DispatchError> {
        let environment = &self.inner.environment;
        let event = event.taken_by(environment.session);
        self.inner.events.announce(&event);
        then(&self.inner.events.dispatcher, event).await
    }

    /// Calls a handler from within a call, whose [`CallContext::nesting`](crate::call::CallContext::nesting) is `scope`:
    /// for the same principal, beside its lane, a level deeper, and within the time that the call has left.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn invoke_within(
        &self,
        scope: &CallScope,
        capsule: &Capsule,
        call: CallDraft,
    ) -> Result<Reply, CallError> {
        capsule.loaded.invoke_within(scope, &call).await
    }

    /// Dispatches an event from within a call: beside the lanes, a level deeper, within the time that the call has left.
    ///
    /// # Errors
    /// [`DispatchError::Depth`], [`DispatchError::ShuttingDown`].
    pub async fn dispatch_within(
        &self,
        scope: &CallScope,
        event: EventDraft,
    ) -> Result<Outcome, DispatchError> {
        let (topic, payload) = event.into_parts();
        let dispatcher = &self.inner.events.dispatcher;
        dispatcher.dispatch_within(scope, topic, payload).await
    }

    /// Subscribes to what is published on topics that `pattern` admits. Never holds a publisher up: above 1,024
    /// messages the oldest go, and are counted.
    pub fn subscribe(&self, pattern: &TopicPattern) -> Result<Subscription, SubscribeError> {
        let bus = &self.inner.events.bus;
        bus.subscribe(pattern, &self.inner.listener)
    }

    /// Waits until no event is in flight; false if that took longer than `limit`.
    pub async fn drain(&self, limit: Duration) -> bool {
        let dispatcher = &self.inner.events.dispatcher;
        dispatcher.drain(limit).await
    }

    /// Installs a package for `owner`, who must exist: checks that it can be loaded, runs its install or upgrade
    /// hook, and puts it in the place of the version before.
    ///
    /// # Errors
    /// [`LoadError`]; then the version before is still the installed one.
    pub async fn install(
        &self,
        alone: &ExclusiveLock,
        package: Package,
        source: &str,
        owner: &PrincipalId,
    ) -> Result<Installed, LoadError> {
        let environment = Arc::clone(&self.inner.environment);
        let (held, from, of, staging) = (
            alone.clone(),
            source.to_owned(),
            owner.clone(),
            package.clone(),
        );
        let staged = self
            .blocking(move || {
                environment.principals.resolve(&of)?;
                Ok::<_, LoadError>(package::stage(
                    &environment.home,
                    &held,
                    &staging,
                    &from,
                    &of,
                )?)
            })
            .await??;
        let previous = staged.previous().map(|meta| meta.version.clone());
        let environment = Arc::clone(&self.inner.environment);
        let loaded = self
            .blocking(move || LoadedCapsule::prepare(&environment, package, None))
            .await??;
        let hook = if previous.is_some() {
            "upgrade"
        } else {
            "install"
        };
        let ran = loaded.run_lifecycle(owner, previous.clone()).await;
        loaded.close();
        ran.map_err(|error| LoadError::Lifecycle {
            capsule: loaded.info.name.clone(),
            hook,
            source: Box::new(error),
        })?;
        let meta = self.blocking(move || staged.commit()).await??;
        Ok(Installed { meta, previous })
    }

    /// Waits until what guests have logged is in its files.
    pub fn flush_logs(&self) {
        self.inner.logs.flush();
    }
}

/// The operator's `[dispatch.required]`.
fn required(config: &HostConfig) -> Result<Required, BuildError> {
    let entry = |(topic, names): (&String, &Vec<String>)| {
        let invalid = |reason: String| BuildError::Required {
            topic: topic.clone(),
            reason,
        };
        let pattern = TopicPattern::parse(topic).map_err(|error| invalid(error.to_string()))?;
        let names = names.iter().map(|name| {
            CapsuleName::parse(name).map_err(|error| invalid(format!("{name:?}: {error}")))
        });
        Ok((pattern, names.collect::<Result<_, _>>()?))
    };
    config.dispatch.required.iter().map(entry).collect()
}

/// Half of the machine's memory, in bytes; 2 GiB where that can't be found out.
fn half_of_memory() -> usize {
    let kib = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            line.split_whitespace().nth(1)?.parse::<usize>().ok()
        });
    kib.map_or(2 << 30, |kib| kib / 2 * 1024)
}
