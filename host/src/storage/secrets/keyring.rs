//! Secrets in the keyring of the operating system. Each call has a thread of its own, and a time: a keyring may wait for a
//! person to unlock it. What it does not say in time is an error, and never looked for elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{Names, SecretError, SecretStore};
use crate::files::{FileError, write_whole};
use crate::home::Home;
use crate::limits::storage::{KEYRING_CALLS, KEYRING_TIME, SECRET_BYTES};
use crate::names::{CapsuleName, PrincipalId};

/// Secrets in the keyring of the system; their names are in the home, in `secrets/_keyring/`.
pub struct KeyringSecrets {
    keyring: Arc<dyn Keyring>,
    /// What the entries of this home belong to in the keyring, which all homes of a user share.
    service: String,
    names: Names,
    home: Home,
    calls: Arc<AtomicUsize>,
    time: Duration,
}

/// A keyring. It may block for as long as it likes.
trait Keyring: Send + Sync + 'static {
    fn get(&self, service: &str, entry: &str) -> Result<Option<String>, String>;
    fn set(&self, service: &str, entry: &str, value: &str) -> Result<(), String>;
    fn remove(&self, service: &str, entry: &str) -> Result<bool, String>;
}

impl KeyringSecrets {
    /// Those of this home.
    pub fn new(home: &Home) -> Self {
        Self::with(home, Arc::new(system::System), KEYRING_TIME)
    }

    fn with(home: &Home, keyring: Arc<dyn Keyring>, time: Duration) -> Self {
        Self {
            keyring,
            service: format!("astrid {}", home.root().display()),
            names: Names::of_keyring(home),
            home: home.clone(),
            calls: Arc::default(),
            time,
        }
    }

    /// Asks the keyring.
    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Keyring, &str) -> Result<T, String> + Send + 'static,
    ) -> Result<T, SecretError> {
        let call = Call::begin(&self.calls)?;
        let (keyring, service) = (Arc::clone(&self.keyring), self.service.clone());
        let (told, answer) = mpsc::sync_channel(1);
        let asked = std::thread::Builder::new()
            .name("keyring".into())
            .spawn(move || {
                let said = ask(&*keyring, &service);
                // It counts until it is over, also if nobody waits for it any more.
                drop(call);
                let _ = told.send(said);
            });
        asked.map_err(|error| SecretError::Keyring(error.to_string()))?;
        match answer.recv_timeout(self.time) {
            Ok(said) => said.map_err(SecretError::Keyring),
            Err(RecvTimeoutError::Timeout) => Err(SecretError::KeyringSlow(self.time)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(SecretError::Keyring("its library failed".into()))
            }
        }
    }
}

/// A call that the keyring has not answered.
struct Call(Arc<AtomicUsize>);

impl Call {
    fn begin(calls: &Arc<AtomicUsize>) -> Result<Self, SecretError> {
        let room = |calls: usize| (calls < KEYRING_CALLS).then_some(calls + 1);
        match calls.try_update(Ordering::Relaxed, Ordering::Relaxed, room) {
            Ok(_) => Ok(Self(Arc::clone(calls))),
            Err(calls) => Err(SecretError::KeyringBusy(calls)),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The name of a secret within a home; no part of it can have a slash.
fn entry(principal: Option<&PrincipalId>, capsule: &CapsuleName, key: &str) -> String {
    match principal {
        Some(principal) => format!("{principal}/{capsule}/{key}"),
        None => format!("/{capsule}/{key}"),
    }
}

impl SecretStore for KeyringSecrets {
    fn get(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<Option<String>, SecretError> {
        self.names.file(principal, capsule, key)?;
        let entry = entry(principal, capsule, key);
        let value = self.ask(move |keyring, service| keyring.get(service, &entry))?;
        match value {
            Some(value) if value.len() as u64 > SECRET_BYTES => Err(SecretError::TooLarge),
            value => Ok(value),
        }
    }

    fn set(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
        value: &str,
    ) -> Result<(), SecretError> {
        if value.len() as u64 > SECRET_BYTES {
            return Err(SecretError::TooLarge);
        }
        let name = self.names.file_to_write(principal, capsule, key)?;
        // First: what is in the keyring can always be listed.
        write_whole(&name, b"")?;
        let (entry, value) = (entry(principal, capsule, key), value.to_owned());
        self.ask(move |keyring, service| keyring.set(service, &entry, &value))
    }

    fn remove(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
        key: &str,
    ) -> Result<bool, SecretError> {
        self.names.file(principal, capsule, key)?;
        let entry = entry(principal, capsule, key);
        let was_set = self.ask(move |keyring, service| keyring.remove(service, &entry))?;
        self.names.remove(principal, capsule, key)?;
        Ok(was_set)
    }

    fn keys(
        &self,
        principal: Option<&PrincipalId>,
        capsule: &CapsuleName,
    ) -> Result<Vec<String>, SecretError> {
        let keys = self.names.keys(principal, capsule);
        Ok(keys.map_err(FileError::at("list", &self.home.secrets_dir()))?)
    }
}

/// The keyring of the system, opened anew for each call: one that was absent may be there by now.
mod system {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Entry, Error};

    use super::Keyring;

    pub(super) struct System;

    #[cfg(target_os = "macos")]
    fn store() -> Result<Arc<CredentialStore>, Error> {
        Ok(apple_native_keyring_store::keychain::Store::new()?)
    }

    #[cfg(not(target_os = "macos"))]
    fn store() -> Result<Arc<CredentialStore>, Error> {
        Ok(dbus_secret_service_keyring_store::Store::new()?)
    }

    fn entry(service: &str, entry: &str) -> Result<Entry, String> {
        let entry = store().and_then(|store| Entry::new_in_store(&store, service, entry));
        entry.map_err(told)
    }

    /// What an error says. Those that hold bytes of a secret don't show them.
    fn told(error: Error) -> String {
        match error {
            Error::Ambiguous(_) => "it has more than one entry of this name".to_owned(),
            Error::BadDataFormat(..) => "what it has is malformed".to_owned(),
            error => error.to_string(),
        }
    }

    impl Keyring for System {
        fn get(&self, service: &str, name: &str) -> Result<Option<String>, String> {
            match entry(service, name)?.get_password() {
                Ok(value) => Ok(Some(value)),
                Err(Error::NoEntry) => Ok(None),
                Err(error) => Err(told(error)),
            }
        }

        fn set(&self, service: &str, name: &str, value: &str) -> Result<(), String> {
            entry(service, name)?.set_password(value).map_err(told)
        }

        fn remove(&self, service: &str, name: &str) -> Result<bool, String> {
            match entry(service, name)?.delete_credential() {
                Ok(()) => Ok(true),
                Err(Error::NoEntry) => Ok(false),
                Err(error) => Err(told(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use parking_lot::{Condvar, Mutex};

    use super::*;

    /// A keyring in memory, which answers when it is unlocked.
    #[derive(Default)]
    struct InMemory {
        entries: Mutex<HashMap<String, String>>,
        waits: Mutex<bool>,
        unlocked: Condvar,
        refuses: Mutex<Option<String>>,
    }

    impl InMemory {
        fn entries(&self) -> Result<parking_lot::MutexGuard<'_, HashMap<String, String>>, String> {
            let mut waits = self.waits.lock();
            while *waits {
                self.unlocked.wait(&mut waits);
            }
            match self.refuses.lock().clone() {
                Some(reason) => Err(reason),
                None => Ok(self.entries.lock()),
            }
        }

        fn unlock(&self) {
            *self.waits.lock() = false;
            self.unlocked.notify_all();
        }
    }

    impl Keyring for InMemory {
        fn get(&self, service: &str, entry: &str) -> Result<Option<String>, String> {
            Ok(self.entries()?.get(&format!("{service} {entry}")).cloned())
        }

        fn set(&self, service: &str, entry: &str, value: &str) -> Result<(), String> {
            let mut entries = self.entries()?;
            entries.insert(format!("{service} {entry}"), value.to_owned());
            Ok(())
        }

        fn remove(&self, service: &str, entry: &str) -> Result<bool, String> {
            let removed = self.entries()?.remove(&format!("{service} {entry}"));
            Ok(removed.is_some())
        }
    }

    fn keyring(home: &Home, time: Duration) -> (Arc<InMemory>, KeyringSecrets) {
        let memory = Arc::<InMemory>::default();
        let secrets = KeyringSecrets::with(home, Arc::clone(&memory) as _, time);
        (memory, secrets)
    }

    #[test]
    fn nothing_of_it_is_in_a_file_but_the_name() {
        let (home, other) = (Home::ephemeral().unwrap(), Home::ephemeral().unwrap());
        let (memory, store) = keyring(&home, KEYRING_TIME);
        let capsule = CapsuleName::parse("mail").unwrap();
        let alice: PrincipalId = "alice".parse().unwrap();
        store.set(Some(&alice), &capsule, "TOKEN", "hush").unwrap();
        store.set(None, &capsule, "TOKEN", "all").unwrap();
        let get = |principal| store.get(principal, &capsule, "TOKEN").unwrap();
        assert_eq!(get(Some(&alice)).as_deref(), Some("hush"));
        assert_eq!(get(None).as_deref(), Some("all"));
        assert_eq!(store.keys(Some(&alice), &capsule).unwrap(), ["TOKEN"]);
        let name = home.secrets_dir().join("_keyring/alice/mail/TOKEN");
        assert_eq!(std::fs::read(&name).unwrap(), b"");
        // Another home of the same user has its own.
        let beside = KeyringSecrets::with(&other, memory as _, KEYRING_TIME);
        assert_eq!(beside.get(None, &capsule, "TOKEN").unwrap(), None);
        assert!(store.remove(Some(&alice), &capsule, "TOKEN").unwrap());
        assert!(!store.remove(Some(&alice), &capsule, "TOKEN").unwrap());
        assert!(!name.exists());
    }

    #[test]
    fn one_that_does_not_answer_is_an_error_and_holds_up_only_a_few_threads() {
        let home = Home::ephemeral().unwrap();
        let (memory, store) = keyring(&home, Duration::from_millis(1));
        let capsule = CapsuleName::parse("mail").unwrap();
        *memory.waits.lock() = true;
        for _ in 0..KEYRING_CALLS {
            let error = store.get(None, &capsule, "TOKEN").unwrap_err();
            assert!(matches!(error, SecretError::KeyringSlow(_)), "{error}");
        }
        let error = store.get(None, &capsule, "TOKEN").unwrap_err();
        assert!(matches!(error, SecretError::KeyringBusy(_)), "{error}");
        memory.unlock();
        // Each ends by and by, and then there is room again.
        while store.calls.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        let (_, patient) = keyring(&home, KEYRING_TIME);
        assert_eq!(patient.get(None, &capsule, "TOKEN").unwrap(), None);
    }

    #[test]
    fn one_that_refuses_is_an_error_and_no_file_takes_its_place() {
        let home = Home::ephemeral().unwrap();
        let (memory, store) = keyring(&home, KEYRING_TIME);
        let capsule = CapsuleName::parse("mail").unwrap();
        *memory.refuses.lock() = Some("it is locked".into());
        let errors = [
            store.get(None, &capsule, "TOKEN").map(drop).unwrap_err(),
            store.set(None, &capsule, "TOKEN", "hush").unwrap_err(),
            store.remove(None, &capsule, "TOKEN").map(drop).unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains("it is locked"), "{error}");
        }
        let files = super::super::FileSecrets::new(&home);
        assert_eq!(files.get(None, &capsule, "TOKEN").unwrap(), None);
    }
}
