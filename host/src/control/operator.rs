//! Lends a request what it works on: the home, its lock, a host, threads for work that waits. The same request is carried
//! out by a running host, or within the asking process where no host runs.

mod capsules;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::error::ControlError;
use super::problem::Problem;
use super::remark::{Remark, Remarks};
use crate::blocking::Blocking;
use crate::config::HostConfig;
use crate::env::Env;
use crate::home::{ExclusiveLock, Home, HomeError, HomeLock};
use crate::host::{BuildError, Host, HostBuilder, kv_file};
use crate::kind::ErrorKind;
use crate::manifest::{CapsuleManifest, Diagnostic};
use crate::names::{CapsuleName, PrincipalId};
use crate::package;
use crate::principal::Principals;
use crate::storage::kv::{FileKv, Keys, KvStore};
use crate::storage::secret_store;

pub(super) use capsules::{DRAIN, not_ready};

/// How a home is held for a request where no host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Not at all: whoever changes it meanwhile does no harm.
    Not,
    /// Together with others who read.
    Shared,
    /// Alone.
    Alone,
}

/// A home that is held so.
#[derive(Debug)]
pub enum Held {
    /// Not at all.
    Not,
    /// Together with others who read.
    Shared(HomeLock),
    /// Alone.
    Alone(ExclusiveLock),
}

impl Held {
    /// Takes the home without waiting; none if somebody else holds it.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn attempt(home: &Home, hold: Hold) -> Result<Option<Self>, HomeError> {
        Ok(match hold {
            Hold::Not => Some(Self::Not),
            Hold::Shared => home.try_lock_shared()?.map(Self::Shared),
            Hold::Alone => home.try_lock_exclusive()?.map(Self::Alone),
        })
    }
}

/// Remarks what is deprecated in a package's manifest.
pub(super) async fn warn(warnings: &[Diagnostic], remarks: &impl Remarks) {
    for warning in warnings {
        remarks.remark(Remark::Warning(warning.to_string())).await;
    }
}

/// Carries requests out, each by [`Ask::carry_out`](super::Ask::carry_out).
pub struct Operator {
    pub(super) home: Home,
    held: Held,
    /// Used where there is no host: they are costly to begin with.
    own: OnceLock<Principals>,
    /// Used where there is no host: a command that only looks at the store needs none.
    own_kv: OnceLock<Arc<FileKv>>,
    /// Used where there is no host.
    own_env: OnceLock<Arc<Env>>,
    mode: Mode,
}

enum Mode {
    /// No host runs: one is made when a request needs it, and ends with the operator.
    Alone {
        begin: Box<dyn Fn() -> HostBuilder + Send + Sync>,
        host: OnceCell<Host>,
    },
    Running(Running),
}

/// A host that runs, and how it is told to end.
pub(super) struct Running {
    pub(super) host: Host,
    pub(super) stop: CancellationToken,
    pub(super) drain: Duration,
}

impl Operator {
    /// For a home on which no host runs. `begin` makes a host for the requests that need one: its home is set here.
    pub fn alone(
        home: Home,
        held: Held,
        begin: impl Fn() -> HostBuilder + Send + Sync + 'static,
    ) -> Self {
        let (begin, host) = (Box::new(begin), OnceCell::new());
        Self::new(home, held, Mode::Alone { begin, host })
    }

    /// For a running host.
    pub(super) fn running(running: Running, lock: ExclusiveLock) -> Arc<Self> {
        let home = running.host.home().clone();
        Arc::new(Self::new(home, Held::Alone(lock), Mode::Running(running)))
    }

    fn new(home: Home, held: Held, mode: Mode) -> Self {
        Self {
            own: OnceLock::new(),
            own_kv: OnceLock::new(),
            own_env: OnceLock::new(),
            home,
            held,
            mode,
        }
    }

    /// The host, if there is one yet.
    pub fn host(&self) -> Option<&Host> {
        match &self.mode {
            Mode::Alone { host, .. } => host.get(),
            Mode::Running(running) => Some(&running.host),
        }
    }

    /// Whether the home that is held is still the one at its path.
    pub(super) fn holds_its_home(&self) -> bool {
        match &self.held {
            Held::Alone(lock) => lock.is_of(&self.home),
            Held::Not | Held::Shared(_) => true,
        }
    }

    /// The host that runs.
    pub(super) fn run(&self) -> Option<&Running> {
        match &self.mode {
            Mode::Alone { .. } => None,
            Mode::Running(running) => Some(running),
        }
    }

    pub(super) fn must_run(&self) -> Result<&Running, ControlError> {
        self.run().ok_or_else(|| ControlError::NotRunning {
            home: self.home.root().to_owned(),
        })
    }

    /// A host, made now if there is none yet.
    pub(super) async fn any_host(&self) -> Result<&Host, Problem> {
        match &self.mode {
            Mode::Alone { begin, host } => {
                let make = || begin().home(self.home.clone()).build();
                Ok(host.get_or_try_init(make).await?)
            }
            Mode::Running(running) => Ok(&running.host),
        }
    }

    /// A host that has loaded every installed capsule. One that doesn't run starts no run loops; which these are is
    /// remarked, and what can't be loaded.
    pub(super) async fn full_host(&self, remarks: &impl Remarks) -> Result<&Host, Problem> {
        let host = self.any_host().await?;
        if self.run().is_some() {
            for (_, reason) in host.failed() {
                remarks.remark(Remark::Warning(reason)).await;
            }
            return Ok(host);
        }
        let mut loops = Vec::new();
        for (name, loaded) in host.load_all_installed(Duration::ZERO).await? {
            match loaded {
                Ok(capsule) if capsule.has_run_loop() => loops.push(name.to_string()),
                Ok(_) => {}
                Err(error) => remarks.remark(Remark::Warning(error.to_string())).await,
            }
        }
        if !loops.is_empty() {
            let loops = loops.join(", ");
            let note = format!("run loops are not started for this: {loops}");
            remarks.remark(Remark::Note(note)).await;
        }
        Ok(host)
    }

    /// The lock of who changes the home.
    pub(super) fn lock(&self) -> Result<&ExclusiveLock, HomeError> {
        match &self.held {
            Held::Alone(lock) => Ok(lock),
            // Nothing that changes the home is asked with less.
            Held::Not | Held::Shared(_) => Err(self.home.busy()),
        }
    }

    /// The principals: those that a host knows already.
    pub(super) fn principals(&self) -> &Principals {
        match self.host() {
            Some(host) => host.principals(),
            None => self.own.get_or_init(|| Principals::new(self.home.clone())),
        }
    }

    /// The store of keys and values: that of the host, if there is one yet.
    pub(super) fn kv(&self) -> Result<Arc<dyn KvStore>, Problem> {
        Ok(match self.host() {
            Some(host) => Arc::clone(host.kv_store()),
            None => Arc::clone(self.own_kv()?) as Arc<dyn KvStore>,
        })
    }

    /// The file of keys and values; none where an embedder keeps them elsewhere.
    pub(super) fn kv_file(&self) -> Result<Option<&FileKv>, Problem> {
        Ok(match self.host() {
            Some(host) => host.kv_file(),
            None => Some(self.own_kv()?),
        })
    }

    fn own_kv(&self) -> Result<&Arc<FileKv>, Problem> {
        if let Some(own) = self.own_kv.get() {
            return Ok(own);
        }
        let config = HostConfig::read(&self.home).map_err(BuildError::from)?;
        let file = kv_file(&self.home, &config.storage, &Blocking::inline());
        Ok(self.own_kv.get_or_init(|| Arc::new(file)))
    }

    /// What is set for capsules: that of the host, if there is one yet.
    pub(super) fn env(&self) -> Result<Arc<Env>, Problem> {
        if let Some(host) = self.host() {
            return Ok(Arc::clone(host.env()));
        }
        if let Some(own) = self.own_env.get() {
            return Ok(Arc::clone(own));
        }
        let config = HostConfig::read(&self.home).map_err(BuildError::from)?;
        let secrets = secret_store(&self.home, config.secrets.backend);
        let env = Arc::new(Env::new(self.home.clone(), secrets));
        Ok(Arc::clone(self.own_env.get_or_init(|| env)))
    }

    /// The manifest of an installed capsule.
    pub(super) async fn manifest(&self, name: &CapsuleName) -> Result<CapsuleManifest, Problem> {
        let of = name.clone();
        let read = self.on_disk(move |home| package::manifest_of(home, &of));
        let read = read.await?;
        read.map_err(|error| Problem::of_package(&self.home, error))
    }

    /// The keys and values that a capsule keeps for a principal, which may be disabled.
    pub(super) fn keys(
        &self,
        principal: &PrincipalId,
        capsule: &CapsuleName,
    ) -> Result<Keys, Problem> {
        let of_principal = |error| Problem::of_principal(&self.home, principal, error);
        let found = self.principals().read(principal).map_err(of_principal)?;
        Ok(found.keys(&self.kv()?, capsule))
    }

    /// Refuses a principal that isn't there, with the one that may have been meant, or that is disabled.
    pub(super) fn known(&self, id: &PrincipalId) -> Result<(), Problem> {
        let found = self.principals().resolve(id);
        found
            .map(drop)
            .map_err(|error| Problem::of_principal(&self.home, id, error))
    }

    /// Refuses a principal that isn't there, with the one that may have been meant. It may be disabled or damaged.
    pub(super) fn exists(&self, id: &PrincipalId) -> Result<(), Problem> {
        match self.known(id) {
            Err(problem) if problem.kind == ErrorKind::NotFound => Err(problem),
            _ => Ok(()),
        }
    }

    /// Does a short job that waits for files: in a thread of its own where others would wait with it.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Home) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(running) = self.run() else {
            return Ok(job(&self.home));
        };
        let home = self.home.clone();
        Ok(running.host.on_disk(move || job(&home)).await?)
    }

    /// The same for what reads whole packages, or changes what is installed.
    pub(super) async fn in_bulk<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Home) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(running) = self.run() else {
            return Ok(job(&self.home));
        };
        let home = self.home.clone();
        Ok(running.host.in_bulk(move || job(&home)).await?)
    }
}
