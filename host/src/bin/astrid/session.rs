//! What every command shares: where the home is, and a host for the commands that call capsules.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use astrid_host::home::Home;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::{self, PackageError};
use astrid_host::principal::{PrincipalError, Principals};
use astrid_host::{ErrorKind, Host, PrincipalId, nearest};

use crate::failure::Failure;
use crate::output::{Output, StderrLog};

/// The global flags, as the commands want them.
pub(crate) struct Session {
    home: Option<PathBuf>,
    workspace: Option<PathBuf>,
    pub(crate) verbose: u8,
    pub(crate) out: Output,
}

impl Session {
    pub(crate) fn new(
        home: Option<PathBuf>,
        workspace: Option<PathBuf>,
        verbose: u8,
        out: Output,
    ) -> Self {
        Self {
            home,
            workspace,
            verbose,
            out,
        }
    }

    /// The home, made at its first use.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        let dir = match &self.home {
            Some(dir) => dir.clone(),
            None => Home::default_dir()?,
        };
        Ok(Home::open(dir)?)
    }

    /// Runs `job` with a host on `home` that makes a call or two and ends.
    pub(crate) fn with_host<T>(
        &self,
        home: Home,
        job: impl AsyncFnOnce(&Host) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| {
                Failure::new(
                    ErrorKind::Engine,
                    format!("no event loop can be started: {error}"),
                )
            })?;
        runtime.block_on(async {
            let mut builder = Host::builder()
                .home(home)
                .one_shot()
                .log_sink(Arc::new(StderrLog));
            if let Some(workspace) = &self.workspace {
                builder = builder.workspace(workspace);
            }
            let host = builder.build().await?;
            let done = job(&host).await;
            host.flush_logs();
            done
        })
    }
}

impl Session {
    /// Runs `job` for a principal with a host that has loaded every installed capsule, but not started their run loops.
    /// Says which can't be loaded, whose handlers then count as failed, and which run loops are left out.
    pub(crate) fn with_all_capsules<T>(
        &self,
        principal: &PrincipalId,
        job: impl AsyncFnOnce(&Host) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let home = self.home()?;
        let _lock = home.lock_shared()?;
        Principals::new(home.clone()).resolve(principal)?;
        self.with_host(home, async |host| {
            let mut loops = Vec::new();
            for (name, loaded) in host.load_all_installed(Duration::ZERO).await? {
                match loaded {
                    Ok(capsule) if capsule.has_run_loop() => loops.push(name.to_string()),
                    Ok(_) => {}
                    Err(error) => self.out.warning(error),
                }
            }
            if !loops.is_empty() {
                let loops = loops.join(", ");
                self.out
                    .note(format!("run loops are not started for this: {loops}"));
            }
            job(host).await
        })
    }
}

/// A principal's name from the command line.
pub(crate) fn principal(name: &str) -> Result<PrincipalId, Failure> {
    Ok(name.parse()?)
}

/// A capsule's name from the command line.
pub(crate) fn capsule(name: &str) -> Result<CapsuleName, Failure> {
    CapsuleName::parse(name)
        .map_err(|error| Failure::usage(format!("{name:?} is no capsule: {error}")).hint(LIST))
}

/// What to do about a name that no capsule can have.
const LIST: &str = "see which are installed: astrid list";

/// A package's error; for a name that isn't installed, with the one that may have been meant.
pub(crate) fn explained(home: &Home, error: PackageError) -> Failure {
    let near = match &error {
        PackageError::NotInstalled { name } => {
            let installed = package::installed(home).unwrap_or_default();
            let names = installed.iter().map(CapsuleName::as_str);
            nearest(name.as_str(), names).map(|near| {
                let hint = error.hint().unwrap_or_default();
                format!("did you mean {near}? If not, {hint}")
            })
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match near {
        Some(near) => failure.hint(near),
        None => failure,
    }
}

/// Refuses a principal that isn't there, with the one that may have been meant, or that is disabled.
pub(crate) fn known_principal(home: &Home, id: &PrincipalId) -> Result<(), Failure> {
    let principals = Principals::new(home.clone());
    principals.resolve(id).map(drop).map_err(|error| {
        let all = match &error {
            PrincipalError::NotFound(_) => principals.list().unwrap_or_default(),
            _ => Vec::new(),
        };
        let hint = error.hint();
        let near = nearest(
            id.as_str(),
            all.iter().map(|principal| principal.id.as_str()),
        );
        let failure = Failure::from(error);
        match near {
            Some(near) => failure.hint(format!("did you mean {near}? If not, {hint}")),
            None => failure,
        }
    })
}

/// For `map_err`: a file or folder that can't be read.
pub(crate) fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| {
        let path = path.clone();
        PackageError::Io {
            doing: "read",
            path,
            source,
        }
        .into()
    }
}

/// A path as it was given, for people.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
