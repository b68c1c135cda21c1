//! A host: builds the rooms, joins them, and is what an embedder holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use wasmtime::component::Linker;

use crate::call::{Call, Reply};
use crate::capsule::{
    CallError, Capsule, CustomGate, Environment, Known, LoadError, LoadedCapsule, Slots, StoreState,
};
use crate::config::{ConfigError, HostConfig};
use crate::domain::{self, sys::SysShared};
use crate::engine::{Allocation, CompileCache, GuestEngine, MemoryBudget};
use crate::home::{ExclusiveLock, Home, HomeError};
use crate::kind::ErrorKind;
use crate::manifest::CapsuleName;
use crate::package::{self, Meta, Package};
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
    /// No thread could be started.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
}

impl BuildError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Home(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Workspace { .. } => ErrorKind::Usage,
            Self::Engine(_) | Self::Thread(_) => ErrorKind::Engine,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Home(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Workspace { .. } => "name a folder that is there: --workspace DIR".into(),
            Self::Engine(_) | Self::Thread(_) => {
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
        let engine = GuestEngine::start(wanted).map_err(BuildError::Engine)?;
        let mut linker = Linker::new(engine.engine());
        domain::link(&mut linker).map_err(BuildError::Engine)?;
        let mut custom = Vec::new();
        for domain in &self.domains {
            custom.extend(domain.gates());
            domain
                .add_to_linker(&mut linker)
                .map_err(BuildError::Engine)?;
        }
        let logs = Arc::new(FileLogs::start(home.clone()).map_err(BuildError::Thread)?);
        let mut sinks = self.sinks;
        sinks.push(Arc::clone(&logs) as Arc<dyn LogSink>);
        let total = config
            .limits
            .total_memory
            .and_then(|total| usize::try_from(total).ok());
        let slots = match engine.allocation() {
            Allocation::Pooled { .. } => engine.capacity(),
            Allocation::OnDemand => engine.capacity().min(config.engine.instances as usize),
        };
        let slots = Arc::new(Slots::new(slots));
        let budget = MemoryBudget::new(total.unwrap_or_else(half_of_memory));
        let idle = Arc::clone(&slots);
        budget.reclaim_with(Box::new(move || idle.evict_one()));
        let environment = Environment {
            cache: CompileCache::new(home.cache_dir(), home.cache_key()?, engine.compatibility()),
            slots,
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
            session: uuid::Uuid::new_v4(),
            home,
            workspace,
            config,
            engine,
            linker,
            custom,
        };
        Ok(Host {
            inner: Arc::new(Inner {
                environment: Arc::new(environment),
                logs,
                capsules: Mutex::default(),
            }),
        })
    }
}

struct Inner {
    environment: Arc<Environment>,
    logs: Arc<FileLogs>,
    capsules: Mutex<Vec<Capsule>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for capsule in self.capsules.get_mut() {
            capsule.loaded.close();
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

    /// Where instances come from: a pool, or on demand where there was no room for one.
    pub fn allocation(&self) -> Allocation {
        self.inner.environment.engine.allocation()
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
        self.register(blocking(move || LoadedCapsule::prepare(&environment, package, None)).await??)
    }

    fn register(&self, loaded: Arc<LoadedCapsule>) -> Result<Capsule, LoadError> {
        self.inner.environment.sys.registry.register(&loaded.info)?;
        let capsule = Capsule { loaded };
        self.inner.capsules.lock().push(capsule.clone());
        Ok(capsule)
    }

    /// Loads an installed capsule.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load_installed(&self, name: &CapsuleName) -> Result<Capsule, LoadError> {
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
        let loaded = blocking(move || {
            let package = Package::installed(&environment.home, &of);
            // Waited for in any case: it may not outlive this call. It was queued before this job and waits for
            // nothing, so waiting here can't use up the pool.
            let known = runtime.block_on(known).ok().flatten();
            LoadedCapsule::prepare(&environment, package?, known)
        });
        self.register(loaded.await??)
    }

    /// Unloads a capsule: what its guests are blocked in ends, waiting calls are refused.
    pub fn unload(&self, capsule: &Capsule) {
        let session = capsule.session();
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
        let staged = blocking(move || {
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
        let loaded =
            blocking(move || LoadedCapsule::prepare(&environment, package, None)).await??;
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
        let meta = blocking(move || staged.commit()).await??;
        Ok(Installed { meta, previous })
    }

    /// Waits until what guests have logged is in its files.
    pub fn flush_logs(&self) {
        self.inner.logs.flush();
    }
}

/// Runs what reads or writes files in the blocking pool.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LoadError> {
    let ran = tokio::task::spawn_blocking(job).await;
    ran.map_err(|error| LoadError::Interrupted(error.to_string()))
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
