//! What every command shares: where the home is, and a host for the commands that call capsules.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use astrid_host::control::{self, Ask, Held, Hold, MissingHome, Operator, Reached, Remarks};
use astrid_host::home::Home;
use astrid_host::manifest::CapsuleName;
use astrid_host::principal::Principals;
use astrid_host::{ErrorKind, Host, HostBuilder, PrincipalId};
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::output::{Output, StderrLog};
use crate::{signals, stdout};

/// The global flags, as the commands want them.
pub(crate) struct Session {
    home: Option<PathBuf>,
    /// Looking whether it can be trusted is done once.
    opened: OnceCell<Home>,
    looked: OnceCell<Home>,
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
            opened: OnceCell::new(),
            looked: OnceCell::new(),
            workspace,
            verbose,
            out,
        }
    }

    /// The home, made at its first use.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        if let Some(home) = self.opened.get() {
            return Ok(home.clone());
        }
        let home = Home::open(self.home_dir()?)?;
        Ok(self.opened.get_or_init(|| home).clone())
    }

    /// The home for a command that only reads: nothing is made where there is none.
    pub(crate) fn look(&self) -> Result<Home, Failure> {
        if let Some(home) = self.opened.get().or_else(|| self.looked.get()) {
            return Ok(home.clone());
        }
        let home = Home::look(self.home_dir()?)?;
        Ok(self.looked.get_or_init(|| home).clone())
    }

    /// The home in which something is carried out: an empty one that is gone afterwards where none has to be made for it.
    fn home_for<A: Ask>(&self, ask: &A) -> Result<Home, Failure> {
        let missing = |dir: PathBuf| matches!(dir.try_exists(), Ok(false));
        match ask.missing_home() {
            MissingHome::Look => self.look(),
            MissingHome::ThrowAway if missing(self.home_dir()?) => {
                signals::remove_temporaries();
                Ok(Home::ephemeral()?)
            }
            MissingHome::ThrowAway | MissingHome::Make => self.home(),
        }
    }

    fn home_dir(&self) -> Result<PathBuf, Failure> {
        Ok(match &self.home {
            Some(dir) => dir.clone(),
            None => Home::default_dir()?,
        })
    }

    /// How a host is begun here that makes a call or two and ends.
    fn one_shot(&self) -> impl Fn() -> HostBuilder + Send + Sync + 'static {
        let workspace = self.workspace.clone();
        move || {
            let builder = Host::builder().one_shot().log_sink(Arc::new(StderrLog));
            match &workspace {
                Some(workspace) => builder.workspace(workspace),
                None => builder,
            }
        }
    }

    /// How a host is begun here that stays. Guests' lines go to their logs, and with `-v` to stderr, too.
    pub(crate) fn long_lived(&self, home: Home) -> HostBuilder {
        let mut builder = Host::builder().home(home);
        if self.verbose > 0 {
            builder = builder.log_sink(Arc::new(StderrLog));
        }
        match &self.workspace {
            Some(workspace) => builder.workspace(workspace),
            None => builder,
        }
    }

    /// Waits until no host holds the home; false if that takes longer than `limit`.
    pub(crate) fn wait_for_end(&self, limit: Duration) -> Result<bool, Failure> {
        let home = self.look()?;
        Ok(runtime(false)?.block_on(control::freed(&home, limit))?)
    }

    /// Runs `job` with a host on `home` that makes a call or two and ends.
    pub(crate) fn with_host<T>(
        &self,
        home: Home,
        job: impl AsyncFnOnce(&Host) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        runtime(false)?.block_on(async {
            let host = self.one_shot()().home(home).build().await?;
            let done = job(&host).await;
            host.flush_logs();
            done
        })
    }

    /// Asks for something: the host that runs on the home, or, if none does, carries it out here.
    pub(crate) fn ask<A: Ask>(&self, ask: A) -> Result<A::Reply, Failure> {
        self.reach(&ask)?.ask(ask, &self.out)
    }

    /// Finds out whether a host runs on the home, else takes it as a request needs it.
    pub(crate) fn reach<A: Ask>(&self, ask: &A) -> Result<Reach<'_>, Failure> {
        let (home, hold) = (self.home_for(ask)?, A::HOLD);
        // Most often nobody holds it, and nothing has to be set up to ask somebody.
        let held = match hold {
            Hold::Not => None,
            _ => Held::attempt(&home, hold)?,
        };
        let runtime = runtime(held.is_none())?;
        let reached = match held {
            Some(held) => Reached::Held(held),
            None => runtime.block_on(control::reach(&home, hold))?,
        };
        if let (Reached::Running(_), Some(_)) = (&reached, &self.workspace) {
            self.out
                .warning("the workspace is the running host's: --workspace is not heeded");
        }
        Ok(Reach {
            session: self,
            home,
            reached,
            runtime,
        })
    }
}

/// A home that is held, or the host that runs on it.
pub(crate) struct Reach<'a> {
    session: &'a Session,
    home: Home,
    reached: Reached,
    runtime: Runtime,
}

impl Reach<'_> {
    /// Asks for something.
    pub(crate) fn ask<A: Ask>(self, ask: A, remarks: &impl Remarks) -> Result<A::Reply, Failure> {
        let (asked, runtime) = self.asked(ask, remarks);
        runtime.block_on(asked)
    }

    /// The same, given up when what is remarked can't be written any more; none then.
    pub(crate) fn ask_and_print<A: Ask>(
        self,
        ask: A,
        remarks: &impl Remarks,
    ) -> Result<Option<A::Reply>, Failure> {
        let (asked, runtime) = self.asked(ask, remarks);
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = stdout::given_up() => Ok(None),
                done = asked => done.map(Some),
            }
        })
    }

    fn asked<A: Ask>(
        self,
        ask: A,
        remarks: &impl Remarks,
    ) -> (impl Future<Output = Result<A::Reply, Failure>>, Runtime) {
        let Self {
            session,
            home,
            reached,
            runtime,
        } = self;
        let begin = session.one_shot();
        let asked = async move {
            match reached {
                Reached::Running(client) => client.ask(ask, remarks).await,
                Reached::Held(held) => {
                    let operator = Operator::alone(home, held, begin);
                    let done = ask.carry_out(&operator, remarks).await;
                    if let Some(host) = operator.host() {
                        host.flush_logs();
                    }
                    done
                }
            }
        };
        (asked, runtime)
    }
}

/// What the calls of a command run in.
fn runtime(io: bool) -> Result<Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time();
    if io {
        builder.enable_io();
    }
    builder.build().map_err(no_event_loop)
}

/// For `map_err`: the system has no more threads or file descriptors.
pub(crate) fn no_event_loop(error: std::io::Error) -> Failure {
    let message = format!("no event loop can be started: {error}");
    Failure::new(ErrorKind::Engine, message)
        .hint("see that threads and open files of this user are not used up (ulimit -a)")
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

/// Refuses a principal that isn't there, with the one that may have been meant, or that is disabled.
pub(crate) fn known_principal(home: &Home, id: &PrincipalId) -> Result<(), Failure> {
    let found = Principals::new(home.clone()).resolve(id);
    found
        .map(drop)
        .map_err(|error| Failure::of_principal(home, id, error))
}

/// A path as it was given, for people.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
