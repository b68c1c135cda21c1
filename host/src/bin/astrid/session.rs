//! What every command shares: where the home is, and a host for the commands that call capsules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host::engine::Allocation;
use astrid_host::home::Home;
use astrid_host::manifest::CapsuleName;
use astrid_host::{Host, PrincipalId};

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
                Failure::new("engine", format!("no event loop can be started: {error}"))
            })?;
        runtime.block_on(async {
            let mut builder = Host::builder()
                .home(home)
                .allocation(Allocation::OnDemand)
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

/// A principal's name from the command line.
pub(crate) fn principal(name: &str) -> Result<PrincipalId, Failure> {
    Ok(name.parse()?)
}

/// A capsule's name from the command line.
pub(crate) fn capsule(name: &str) -> Result<CapsuleName, Failure> {
    CapsuleName::parse(name)
        .map_err(|error| Failure::usage(format!("{name:?} is no capsule: {error}")))
}

/// A path as it was given, for people.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
