//! What a host is made of, and how it is put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime::component::Linker;

use super::{Host, Inner, domains};
use crate::blocking::Blocking;
use crate::bus::Owner;
use crate::capsule::{Components, Environment, NameLocks, RESERVED, Slots, Surroundings};
use crate::config::{ConfigError, HostConfig, StorageConfig, StorageDurability};
use crate::dispatch::{self, Dispatcher, TokioRuntime};
use crate::domain::ipc::Outlet;
use crate::domain::{AnyDomain, Custom, Domain, Domains, Parts};
use crate::engine::{Allocation, CacheKey, CompileCache, GuestEngine, MemoryBudget};
use crate::env::Env;
use crate::events::{Events, Required};
use crate::home::{Home, HomeError};
use crate::kind::ErrorKind;
use crate::names::{CapsuleName, PrincipalId};
use crate::principal::watch::{self, Watch};
use crate::principal::{PrincipalProfile, Principals};
use crate::registry::Registry;
use crate::storage::kv::{Durability, FileKv, FileOptions, KvStore, compact_when_idle};
use crate::storage::{FileLogs, LogSink, SecretStore, secret_store};
use crate::topic::TopicPattern;

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
    /// A domain of the embedder cannot be added.
    #[error("the domain {domain} cannot be added: {reason}")]
    Domain {
        /// Its type.
        domain: &'static str,
        /// Why.
        reason: String,
    },
    /// The engine can't be started.
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
            Self::Domain { .. } => ErrorKind::Usage,
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
            Self::Domain { .. } => {
                "mend the program that adds it with HostBuilder::domain".into()
            }
            Self::Engine(_) => {
                "see that memory, address space and threads of this user are not used up (ulimit -a)".into()
            }
        }
    }
}

/// How long a load waits for its run loop to be ready, unless the builder says otherwise.
const READY: Duration = Duration::from_secs(10);

/// Collects what a host is made of.
#[derive(Default)]
pub struct HostBuilder {
    home: Option<Home>,
    workspace: Option<PathBuf>,
    domains: Vec<Box<dyn AnyDomain>>,
    sinks: Vec<Arc<dyn LogSink>>,
    secrets: Option<Arc<dyn SecretStore>>,
    kv: Option<Arc<dyn KvStore>>,
    profiles: BTreeMap<PrincipalId, PrincipalProfile>,
    allocation: Option<Allocation>,
    blocking: Blocking,
    ready_within: Option<Duration>,
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

    /// Adds a domain: host functions of one's own. Of each type there can be one.
    #[must_use]
    pub fn domain(mut self, domain: impl Domain) -> Self {
        self.domains.push(Box::new(Custom(domain)));
        self
    }

    /// Hands each log line of a guest to `sink`, besides the log files.
    #[must_use]
    pub fn log_sink(mut self, sink: Arc<dyn LogSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Where secrets are; unless set, what `[secrets] backend` in etc/config.toml says.
    #[must_use]
    pub fn secret_store(mut self, secrets: Arc<dyn SecretStore>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Where keys and values are kept; `var/kv.redb` of the home unless set. A store without
    /// [`atomic`](KvStore::atomic) batches cannot serve `kv-clear-prefix`, which is logged once.
    #[must_use]
    pub fn kv_store(mut self, store: Arc<dyn KvStore>) -> Self {
        self.kv = Some(store);
        self
    }

    /// Gives the profile of a principal, which is there then: it needs no folder in the home, no file is read for it, and
    /// no command changes it.
    #[must_use]
    pub fn profile(mut self, principal: PrincipalId, profile: PrincipalProfile) -> Self {
        self.profiles.insert(principal, profile);
        self
    }

    /// Where instances come from; unless set, a pool of as many as `[engine] instances` in etc/config.toml says. An
    /// operator who says `pool = false` there has the last word.
    #[must_use]
    pub fn allocation(mut self, allocation: Allocation) -> Self {
        self.allocation = Some(allocation);
        self
    }

    /// How long [`Host::load`], [`Host::load_installed`] and [`Host::reload`] wait until the run loop of what they load has
    /// said that it is ready; 10 s unless set. What came of it is in [`Capsule::readiness`](crate::Capsule::readiness).
    #[must_use]
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.ready_within = Some(limit);
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
        let mut custom = self.domains;
        domains::check(&custom)?;
        let sections = custom.iter().filter_map(|domain| domain.section());
        let (config, mut tables) = HostConfig::read_with(&home, &sections.collect::<Vec<_>>())?;
        for domain in &mut custom {
            domains::configure(domain.as_mut(), &home, &mut tables)?;
        }
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
        let logs = if self.blocking.inline {
            FileLogs::inline(home.clone(), config.logs.clone())
        } else {
            FileLogs::new(home.clone(), config.logs.clone())
        };
        let logs = Arc::new(logs);
        let mut sinks = self.sinks;
        sinks.push(Arc::clone(&logs) as Arc<dyn LogSink>);
        let total = config
            .limits
            .total_memory
            .and_then(|total| usize::try_from(total).ok());
        let guests = TaskTracker::new();
        let slots = Arc::new(Slots::new(slots, guests.clone()));
        let budget = MemoryBudget::new(total.unwrap_or_else(half_of_memory));
        let idle = Arc::clone(&slots);
        budget.reclaim_with(Box::new(move |principal| match principal {
            Some(principal) => idle.evict_one_of(principal),
            None => idle.evict_one(),
        }));
        let session = uuid::Uuid::new_v4();
        let required = required(&config)?;
        let principals = Principals::new(home.clone()).with_given(self.profiles);
        let runtime = TokioRuntime::new(tokio::runtime::Handle::current());
        let dispatcher = Dispatcher::new(runtime, dispatch::Limits::default(), required);
        let ledger = Arc::clone(principals.ledger());
        dispatcher.lower_by(Box::new(move |id, events| {
            ledger.events_in_flight(id, events)
        }));
        let events = Arc::new(Events::new(session, dispatcher));
        let cache = CompileCache::new(
            home.cache_dir(),
            CacheKey::of(&home)?,
            engine.compatibility(),
        );
        let registry = Arc::new(Registry::default());
        let (kv, kv_file) = match self.kv {
            Some(kv) => {
                if kv.atomic().is_none() {
                    tracing::warn!("the store of keys and values cannot serve kv-clear-prefix");
                }
                (kv, None)
            }
            None => {
                let file = Arc::new(kv_file(&home, &config.storage, &self.blocking));
                (Arc::clone(&file) as Arc<dyn KvStore>, Some(file))
            }
        };
        let secrets = self.secrets;
        let secrets = secrets.unwrap_or_else(|| secret_store(&home, config.secrets.backend));
        let env = Arc::new(Env::new(home.clone(), secrets));
        let parts = Parts {
            registry: Arc::clone(&registry),
            kv: Arc::clone(&kv),
            env: Arc::clone(&env),
            workspace: (workspace.clone(), config.workspace.mode),
            blocking: self.blocking.clone(),
            outlet: Arc::clone(&events) as Arc<dyn Outlet>,
        };
        let domains = Domains::new(&parts, custom);
        let mut linker = Linker::new(engine.engine());
        let linked = domains.link(&mut linker);
        linked.map_err(|(domain, error)| BuildError::Domain {
            domain,
            reason: format!("{error:#}"),
        })?;
        let environment = Environment {
            events: Arc::clone(&events) as Arc<dyn Surroundings>,
            components: Components::new(engine.engine(), cache),
            slots,
            loop_slots: Slots::new(loop_slots, guests.clone()),
            loops: NameLocks::default(),
            guests,
            closing: AtomicBool::new(false),
            ending: CancellationToken::new(),
            budget,
            principals,
            env,
            sinks: sinks.into(),
            registry,
            session,
            blocking: self.blocking,
            home,
            workspace,
            config,
            engine,
            linker,
            offer: domains.offer(),
            capabilities: domains.capabilities(),
            domains: Arc::new(domains),
        };
        let environment = Arc::new(environment);
        let resident = !environment.blocking.inline;
        let profiles = if resident {
            watch_profiles(&environment)
        } else {
            None
        };
        if let Some(file) = kv_file.as_ref().filter(|_| resident) {
            tokio::spawn(compact_when_idle(Arc::downgrade(file)));
        }
        Ok(Host {
            inner: Arc::new(Inner {
                resident,
                environment,
                _profiles: profiles,
                events,
                kv,
                kv_file,
                logs,
                loaded: Mutex::default(),
                changes: NameLocks::default(),
                failed: Mutex::default(),
                ready_within: self.ready_within.unwrap_or(READY),
                runtime: tokio::runtime::Handle::current(),
                listener: Owner::new("host", usize::MAX),
            }),
        })
    }
}

/// Sees to it that a profile that is edited by hand holds at the next call.
fn watch_profiles(environment: &Arc<Environment>) -> Option<Watch> {
    let dir = environment.home.profiles_dir();
    let weak = Arc::downgrade(environment);
    let watch = watch::start(&dir, move |changed| {
        if let Some(environment) = weak.upgrade() {
            changed.forget(&environment.principals);
        }
    });
    if let Err(error) = &watch {
        let dir = dir.display();
        tracing::warn!("what is edited in {dir} holds from the next start on: {error}");
    }
    watch.ok()
}

/// The file of keys and values of a home.
pub(crate) fn kv_file(home: &Home, config: &StorageConfig, blocking: &Blocking) -> FileKv {
    let durability = match config.durability {
        // Nothing is left of it after a power failure anyway.
        _ if home.is_ephemeral() => Durability::Process,
        StorageDurability::Disk => Durability::Disk,
        StorageDurability::Process => Durability::Process,
    };
    FileKv::new(FileOptions {
        durability,
        cache: usize::try_from(config.cache).unwrap_or(usize::MAX),
        blocking: blocking.clone(),
        ..FileOptions::new(home.kv_file())
    })
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

/// Half of the memory that this process may use, in bytes; 2 GiB where that can't be found out.
fn half_of_memory() -> usize {
    let memory = crate::engine::memory().unwrap_or(4 << 30);
    usize::try_from(memory / 2).unwrap_or(usize::MAX)
}
