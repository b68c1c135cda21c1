//! Which principals there are: a folder in `home/` makes one, a profile in `etc/profiles/` qualifies it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use quick_cache::sync::Cache;
use tokio::sync::watch;

use super::{
    Account, InvalidPrincipal, Ledger, PrincipalId, PrincipalProfile, ProfileChange, ProfileLimit,
};
use crate::env::EnvError;
use crate::files::{FileError, names, read_text, write_whole};
use crate::home::{Home, HomeError};
use crate::kind::ErrorKind;
use crate::limits::kv::QUOTA;
use crate::limits::principal::{KEPT, PROFILE_BYTES};
use crate::names::CapsuleName;
use crate::storage::kv::{Keys, KvScope, KvStore, Quota};

/// Why a principal can't be acted for, or changed.
#[derive(Debug, thiserror::Error)]
pub enum PrincipalError {
    /// Not a name that a principal can have.
    #[error(transparent)]
    Invalid(#[from] InvalidPrincipal),
    /// There is no such principal.
    #[error("there is no principal {0}")]
    NotFound(PrincipalId),
    /// There is one of this name already.
    #[error("there is a principal {0} already")]
    Exists(PrincipalId),
    /// The operator disabled it.
    #[error("principal {0} is disabled")]
    Disabled(PrincipalId),
    /// Its profile does not list the capsule.
    #[error(
        "principal {principal} may not call {capsule}: its profile lists the capsules that it may"
    )]
    NotListed {
        /// The principal.
        principal: PrincipalId,
        /// The capsule.
        capsule: CapsuleName,
    },
    /// The program gives its profile, and no file does.
    #[error("the profile of {0} is given by the program that runs the host")]
    Given(PrincipalId),
    /// A limit is larger than a file can say.
    #[error("{} = {amount} is too large: at most {}", limit.as_str(), i64::MAX)]
    TooLarge {
        /// Which.
        limit: ProfileLimit,
        /// How much.
        amount: u64,
    },
    /// Its profile can't be read.
    #[error("the profile {path} can't be used: {reason}")]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// What is set of a capsule cannot be read: the manifest's defaults are not what the principal wants.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The home can't be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl From<FileError> for PrincipalError {
    fn from(error: FileError) -> Self {
        Self::Home(error.into())
    }
}

impl PrincipalError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Disabled(_) => ErrorKind::Disabled,
            Self::NotListed { .. } => ErrorKind::Policy,
            Self::TooLarge { .. } => ErrorKind::Usage,
            Self::Invalid(_) | Self::Exists(_) | Self::Given(_) | Self::Profile { .. } => {
                ErrorKind::Principal
            }
            Self::Env(error) => error.kind(),
            Self::Home(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Invalid(_) => "choose another name".into(),
            Self::NotFound(id) => format!("add it with: astrid principal add {id}"),
            Self::Exists(_) => "see: astrid principal list".into(),
            Self::Disabled(id) => format!("enable it with: astrid principal enable {id}"),
            Self::NotListed { principal, capsule } => format!(
                "let it: astrid principal set {principal} --capsules {capsule} (with the others)"
            ),
            Self::Given(_) => "change it in that program".into(),
            Self::TooLarge { .. } => "leave it to the host: default".into(),
            Self::Profile { path, .. } => format!("mend or remove {}", path.display()),
            Self::Env(error) => error.hint(),
            Self::Home(error) => error.hint(),
        }
    }
}

/// One principal, resolved: its name, profile and folder.
#[derive(Debug)]
pub struct Principal {
    /// Its name.
    pub id: PrincipalId,
    /// What the operator says of it.
    pub profile: PrincipalProfile,
    /// `home/<principal>/`.
    pub dir: PathBuf,
    /// What it uses.
    pub account: Arc<Account>,
}

impl Principal {
    /// The keys and values that a capsule keeps for it, within its quotas.
    pub fn keys(&self, store: &Arc<dyn KvStore>, capsule: &CapsuleName) -> Keys {
        let scope = KvScope {
            principal: self.id.clone(),
            capsule: capsule.clone(),
        };
        let (most, account) = (self.profile.limits.storage(), Arc::clone(&self.account));
        let quota = move || Quota {
            scope: QUOTA,
            principal: most.saturating_sub(account.files().used_if_counted()),
        };
        Keys::new(Arc::clone(store), scope, quota)
    }
}

/// The principals of a home. Those that exist are read from disk once and kept.
pub struct Principals {
    home: Home,
    resolved: Cache<PrincipalId, Arc<Principal>>,
    ledger: Arc<Ledger>,
    /// Those whose profile a program gave.
    given: BTreeMap<PrincipalId, PrincipalProfile>,
    /// Shared by look-ups from reading a profile to keeping it, and held alone while a changed principal is forgotten: so
    /// what was read before a change isn't kept after it.
    keeping: RwLock<()>,
    /// Held from reading a profile to writing it back.
    changing: Mutex<()>,
    changes: AtomicU64,
    changed: watch::Sender<()>,
}

impl Principals {
    /// Those of this home.
    pub fn new(home: Home) -> Self {
        Self {
            home,
            resolved: Cache::new(KEPT),
            ledger: Arc::default(),
            given: BTreeMap::new(),
            keeping: RwLock::default(),
            changing: Mutex::default(),
            changes: AtomicU64::new(0),
            changed: watch::Sender::new(()),
        }
    }

    /// With principals whose profiles a program gives: they need no folder, and no file is read for them.
    #[must_use]
    pub fn with_given(mut self, given: BTreeMap<PrincipalId, PrincipalProfile>) -> Self {
        self.given = given;
        self
    }

    /// What principals use.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The principal of this name, if it exists and is enabled.
    ///
    /// # Errors
    /// [`PrincipalError::NotFound`], [`PrincipalError::Disabled`], or what is wrong with its profile.
    pub fn resolve(&self, id: &PrincipalId) -> Result<Arc<Principal>, PrincipalError> {
        let found = match self.resolved.get(id) {
            Some(found) => found,
            None => self.look_up(id, || ())?,
        };
        if found.profile.enabled {
            Ok(found)
        } else {
            Err(PrincipalError::Disabled(id.clone()))
        }
    }

    /// Reads a principal and keeps it; `meanwhile` happens in between.
    fn look_up(
        &self,
        id: &PrincipalId,
        meanwhile: impl FnOnce(),
    ) -> Result<Arc<Principal>, PrincipalError> {
        let _keeping = self.keeping.read();
        let found = Arc::new(self.read(id)?);
        found.account.limit(&found.profile.limits);
        meanwhile();
        self.resolved.insert(id.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// How often a principal was changed: who keeps one asks again when this differs.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Tells when a principal is changed after this.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Adds a principal with the default profile. Once it is added, a power failure leaves it there.
    ///
    /// # Errors
    /// [`PrincipalError::Exists`], [`PrincipalError::Home`].
    pub fn add(&self, id: &PrincipalId) -> Result<(), PrincipalError> {
        let dir = self.home.principal_dir(id);
        if dir.exists() {
            return Err(PrincipalError::Exists(id.clone()));
        }
        let disk = self.home.disk();
        for folder in ["files", "tmp", "log", "env"] {
            disk.make_dir(&dir.join(folder))?;
        }
        for folder in [dir, self.home.principals_dir()] {
            disk.sync_dir(&folder)?;
        }
        Ok(())
    }

    /// The name of every principal, sorted: of disabled ones, too, and of those whose profile can't be read.
    ///
    /// # Errors
    /// [`PrincipalError::Home`].
    pub fn names(&self) -> Result<Vec<PrincipalId>, PrincipalError> {
        let dir = self.home.principals_dir();
        let names = names(&dir).map_err(FileError::at("list", &dir))?;
        // What isn't a principal's name isn't a principal.
        let mut all: Vec<PrincipalId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        if all.is_empty() {
            // A home that was never made.
            all.push(PrincipalId::default_principal());
        }
        all.sort();
        Ok(all)
    }

    /// Disables a principal: calls for it are refused from now on.
    ///
    /// # Errors
    /// [`PrincipalError::NotFound`], [`PrincipalError::Profile`], [`PrincipalError::Home`].
    pub fn disable(&self, id: &PrincipalId) -> Result<(), PrincipalError> {
        self.set_enabled(id, false)
    }

    /// Enables a principal that was disabled.
    ///
    /// # Errors
    /// [`PrincipalError::NotFound`], [`PrincipalError::Profile`], [`PrincipalError::Home`].
    pub fn enable(&self, id: &PrincipalId) -> Result<(), PrincipalError> {
        self.set_enabled(id, true)
    }

    fn set_enabled(&self, id: &PrincipalId, enabled: bool) -> Result<(), PrincipalError> {
        let change = ProfileChange {
            enabled: Some(enabled),
            ..ProfileChange::default()
        };
        self.change(id, &change)
    }

    /// Changes what is named of a principal's profile; the rest of the file stays as it is, comments included. Holds at the
    /// next call.
    ///
    /// # Errors
    /// [`PrincipalError::NotFound`], [`PrincipalError::Profile`], [`PrincipalError::Home`].
    pub fn change(&self, id: &PrincipalId, change: &ProfileChange) -> Result<(), PrincipalError> {
        if self.given.contains_key(id) {
            return Err(PrincipalError::Given(id.clone()));
        }
        if let Some((limit, amount)) = change.too_large() {
            return Err(PrincipalError::TooLarge { limit, amount });
        }
        let _changing = self.changing.lock();
        // What is damaged is not overwritten.
        self.read(id)?;
        let path = self.profile_path(id);
        let before = read_text(&path, PROFILE_BYTES).map_err(FileError::at("read", &path))?;
        let before = before.unwrap_or_default();
        let text = change.applied(&before);
        let text = text.map_err(|reason| PrincipalError::Profile {
            path: path.clone(),
            reason,
        })?;
        write_whole(&path, text.as_bytes())?;
        self.forget(Some(id));
        Ok(())
    }

    /// Removes a principal with its folder and profile. What it keeps elsewhere is not looked at.
    ///
    /// # Errors
    /// [`PrincipalError::NotFound`], [`PrincipalError::Home`].
    pub fn remove(&self, id: &PrincipalId) -> Result<(), PrincipalError> {
        let _changing = self.changing.lock();
        let dir = self.home.principal_dir(id);
        if !dir.is_dir() {
            return Err(PrincipalError::NotFound(id.clone()));
        }
        let profile = self.profile_path(id);
        match std::fs::remove_file(&profile) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::at("remove", &profile)(error).into());
            }
            _ => {}
        }
        std::fs::remove_dir_all(&dir).map_err(FileError::at("remove", &dir))?;
        self.forget(Some(id));
        self.ledger.remove(id);
        Ok(())
    }

    /// Reads a principal again when it is next asked for, or each of them: a profile may have changed.
    pub(crate) fn forget(&self, id: Option<&PrincipalId>) {
        let keeping = self.keeping.write();
        match id {
            Some(id) => drop(self.resolved.remove(id)),
            None => self.resolved.clear(),
        }
        self.changes.fetch_add(1, Ordering::Release);
        drop(keeping);
        self.changed.send_replace(());
    }

    fn profile_path(&self, id: &PrincipalId) -> PathBuf {
        self.home.profiles_dir().join(format!("{id}.toml"))
    }

    /// The principal of this name as it is on disk now, if it exists, be it enabled or not.
    ///
    /// # Errors
    /// [`PrincipalError::NotFound`], or what is wrong with its profile.
    pub fn read(&self, id: &PrincipalId) -> Result<Principal, PrincipalError> {
        let dir = self.home.principal_dir(id);
        let principal = |profile| Principal {
            id: id.clone(),
            profile,
            dir: self.home.principal_dir(id),
            account: self.ledger.account(id, &self.home.principal_dir(id)),
        };
        if let Some(profile) = self.given.get(id) {
            return Ok(principal(profile.clone()));
        }
        // One is in every home, also in a home that was never made.
        if !dir.is_dir() && *id != PrincipalId::default_principal() {
            return Err(PrincipalError::NotFound(id.clone()));
        }
        let path = self.profile_path(id);
        let invalid = |reason: String| PrincipalError::Profile {
            path: path.clone(),
            reason: reason.trim_end().to_owned(),
        };
        let text = read_text(&path, PROFILE_BYTES).map_err(|error| invalid(error.to_string()))?;
        let profile = match text {
            None => PrincipalProfile::default(),
            Some(text) => toml::from_str(&text).map_err(|error| invalid(error.to_string()))?,
        };
        Ok(principal(profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Disk;

    fn id(name: &str) -> PrincipalId {
        name.parse().expect("a name")
    }

    #[test]
    fn default_is_there_and_others_are_added() {
        let principals = Principals::new(Home::ephemeral().expect("a home"));
        assert!(principals.resolve(&id("default")).is_ok());
        assert!(matches!(
            principals.resolve(&id("alice")),
            Err(PrincipalError::NotFound(_))
        ));
        principals.add(&id("alice")).expect("added");
        assert!(principals.resolve(&id("alice")).is_ok());
        assert!(matches!(
            principals.add(&id("alice")),
            Err(PrincipalError::Exists(_))
        ));
        let names = principals.names().expect("listed");
        assert_eq!(names, [id("alice"), id("default")]);
    }

    #[test]
    fn an_added_principal_is_synced_before_it_is_said_to_be_there() {
        let home = Home::ephemeral().expect("a home");
        let disk = Disk::default();
        Principals::new(home.with_disk(disk.clone()))
            .add(&id("alice"))
            .expect("added");
        let done = disk.faults.log();
        assert_eq!(done[done.len() - 2..], ["sync alice", "sync home"]);
    }

    #[test]
    fn a_disabled_principal_is_refused_at_once() {
        let principals = Principals::new(Home::ephemeral().expect("a home"));
        principals.add(&id("bob")).expect("added");
        principals.resolve(&id("bob")).expect("enabled");
        principals.disable(&id("bob")).expect("disabled");
        assert!(matches!(
            principals.resolve(&id("bob")),
            Err(PrincipalError::Disabled(_))
        ));
        principals.enable(&id("bob")).expect("enabled");
        assert!(principals.resolve(&id("bob")).is_ok());
    }

    #[test]
    fn a_look_up_that_is_overtaken_by_a_change_keeps_nothing_of_before() {
        let principals = Principals::new(Home::ephemeral().expect("a home"));
        principals.add(&id("bob")).expect("added");
        std::thread::scope(|scope| {
            let disabling = std::cell::OnceCell::new();
            let overtaken = || {
                let thread = scope.spawn(|| principals.disable(&id("bob")));
                let disabled = || {
                    principals
                        .read(&id("bob"))
                        .is_ok_and(|bob| !bob.profile.enabled)
                };
                while !disabled() {
                    std::thread::yield_now();
                }
                // It is done, or waits for this look-up.
                for _ in 0..10_000 {
                    if thread.is_finished() {
                        break;
                    }
                    std::thread::yield_now();
                }
                disabling.set(thread).expect("once");
            };
            let before = principals.look_up(&id("bob"), overtaken).expect("there");
            assert!(before.profile.enabled, "it was read before");
            let disabling = disabling.into_inner().expect("begun");
            disabling.join().expect("no panic").expect("disabled");
        });
        assert!(matches!(
            principals.resolve(&id("bob")),
            Err(PrincipalError::Disabled(_))
        ));
    }

    #[test]
    fn a_profile_that_is_a_link_to_nothing_refuses_its_principal() {
        let home = Home::ephemeral().expect("a home");
        let link = home.profiles_dir().join("default.toml");
        std::os::unix::fs::symlink("nowhere", link).expect("made");
        let error = Principals::new(home).resolve(&id("default"));
        let error = error.expect_err("refused").to_string();
        assert!(error.contains("a link to nothing"), "{error}");
    }

    #[test]
    fn every_key_of_a_profile_is_known() {
        let text = r#"
            enabled = true
            capsules = ["notes"]
            rights = ["audit:read_all"]
            [limits]
            memory = 1
            cpu_ms = 2
            wall_ms = 3
            storage = 4
            events = 5
            publish_bytes = 6
            processes = 7
            streams = 8
        "#;
        let profile: PrincipalProfile = toml::from_str(text).expect("a profile");
        assert_eq!(profile.limits.streams, Some(8));
        let written = toml::to_string(&profile).expect("a text");
        assert_eq!(toml::from_str::<PrincipalProfile>(&written), Ok(profile));
        let wrong = text.replace("read_all", "read");
        assert!(toml::from_str::<PrincipalProfile>(&wrong).is_err());
    }

    #[test]
    fn a_profile_with_an_unknown_key_is_an_error() {
        let home = Home::ephemeral().expect("a home");
        std::fs::write(home.profiles_dir().join("default.toml"), "enabeld = true\n")
            .expect("written");
        let error = Principals::new(home)
            .resolve(&id("default"))
            .expect_err("refused");
        assert!(error.to_string().contains("enabeld"), "{error}");
    }
}
