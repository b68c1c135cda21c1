//! Compiled components on disk: `cache/<hash>-<engine>.cwasm`.
//!
//! A compiled entry is native code, so it is only ever run from the very buffer whose keyed BLAKE3 was
//! checked. The key lies in `etc/cache.key`; the MAC covers the component's hash and the engine's name too,
//! so an entry can't stand in for another one. A stale, damaged or forged entry is a miss, never an error.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::files::{FileError, write_new, write_whole};
use crate::home::{Home, HomeError, compiled, private};

/// Changes when the layout of an entry, or of the facts kept in it, does.
const FORMAT: &[u8] = b"astrid cache entry 1";
const MAC: usize = blake3::OUT_LEN;

/// The secret that entries are authenticated with.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub struct CacheKey([u8; blake3::KEY_LEN]);

impl CacheKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; blake3::KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The key of a home's cache; made at its first use.
    ///
    /// # Errors
    /// [`HomeError::File`]; [`HomeError::Untrusted`] if others may read it.
    pub fn of(home: &Home) -> Result<Self, HomeError> {
        let path = home.cache_key();
        if let Some(key) = Self::read(&path)? {
            return Ok(key);
        }
        let mut key = [0; blake3::KEY_LEN];
        getrandom::fill(&mut key).map_err(|error| {
            FileError::at("make a key for", &path)(io::Error::other(error.to_string()))
        })?;
        if write_new(&path, &key)? {
            return Ok(Self(key));
        }
        // Another process made one meanwhile: theirs is the key.
        if let Some(key) = Self::read(&path)? {
            return Ok(key);
        }
        write_whole(&path, &key)?;
        Ok(Self(key))
    }

    /// The key in a file. None if there is no file, or none of the right length, which only comes from damage: a new
    /// key makes old entries misses.
    fn read(path: &Path) -> Result<Option<Self>, HomeError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::at("read", path)(error).into()),
        };
        let found = std::fs::metadata(path).map_err(FileError::at("look at", path))?;
        private(path, &found)?;
        Ok(bytes.try_into().ok().map(Self))
    }
}

/// A folder of compiled components for one engine.
pub struct CompileCache {
    folder: PathBuf,
    key: CacheKey,
    engine_name: String,
}

impl CompileCache {
    /// The cache in `folder`, for the engine of that [compatibility name](super::GuestEngine::compatibility).
    pub fn new(folder: PathBuf, key: CacheKey, engine_name: &str) -> Self {
        Self {
            folder,
            key,
            engine_name: engine_name.to_owned(),
        }
    }

    /// What is kept for the component of this hash: its facts, and its code ready to be instantiated.
    pub fn get(&self, engine: &Engine, component_hash: &str) -> Option<(Vec<u8>, Component)> {
        let entry = std::fs::read(self.path(component_hash)).ok()?;
        let (mac, body) = entry.split_at_checked(MAC)?;
        let mac: [u8; MAC] = mac.try_into().ok()?;
        // `blake3::Hash` compares in constant time.
        if self.mac(component_hash, body) != blake3::Hash::from_bytes(mac) {
            return None;
        }
        let (length, rest) = body.split_at_checked(8)?;
        let length = u64::from_le_bytes(length.try_into().ok()?);
        let (facts, code) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        // SAFETY: `code` was written by `put` of a process that holds the key, out of what wasmtime compiled
        // for this component and this engine, as the MAC over this very buffer shows.
        let component = unsafe { Component::deserialize(engine, code) }.ok()?;
        Some((facts.to_vec(), component))
    }

    /// Keeps compiled code with the facts that belong to it.
    ///
    /// # Errors
    /// What the file system said; the caller goes on without an entry.
    pub fn put(
        &self,
        component_hash: &str,
        facts: &[u8],
        component: &Component,
    ) -> wasmtime::Result<()> {
        let code = component.serialize()?;
        let mut body = Vec::with_capacity(8 + facts.len() + code.len());
        body.extend_from_slice(&(facts.len() as u64).to_le_bytes());
        body.extend_from_slice(facts);
        body.extend_from_slice(&code);
        // Renamed into place whole: two processes that write the same entry don't mix their bytes.
        let mut file = tempfile::Builder::new()
            .prefix(compiled::UNFINISHED)
            .tempfile_in(&self.folder)?;
        file.write_all(self.mac(component_hash, &body).as_bytes())?;
        file.write_all(&body)?;
        let path = self.path(component_hash);
        file.persist(&path)?;
        // What other engines made of it is stale: most likely they are older ones.
        for other in compiled::entries(&self.folder, component_hash) {
            if other != path {
                std::fs::remove_file(other)?;
            }
        }
        Ok(())
    }

    /// Where the entry of this component is, whether or not there is one.
    pub fn path(&self, component_hash: &str) -> PathBuf {
        compiled::entry(&self.folder, component_hash, &self.engine_name)
    }

    fn mac(&self, component_hash: &str, body: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key.0);
        for part in [
            FORMAT,
            component_hash.as_bytes(),
            self.engine_name.as_bytes(),
        ] {
            mac.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        mac.update(body).finalize()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::engine::{Allocation, config};

    struct Case {
        _dir: tempfile::TempDir,
        cache: CompileCache,
        engine: Engine,
    }

    fn case() -> Case {
        let dir = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(&config(Allocation::OnDemand)).expect("an engine");
        let cache = CompileCache::new(dir.path().to_owned(), CacheKey::new([7; 32]), "engine");
        let component = Component::new(&engine, EMPTY_COMPONENT).expect("an empty component");
        cache.put("aa", b"facts", &component).expect("kept");
        Case {
            _dir: dir,
            cache,
            engine,
        }
    }

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn what_was_kept_is_found() {
        let case = case();
        let (facts, _) = case.cache.get(&case.engine, "aa").expect("a hit");
        assert_eq!(facts, b"facts");
        assert!(case.cache.get(&case.engine, "bb").is_none());
    }

    #[test]
    fn code_of_an_engine_with_other_settings_is_a_miss_and_is_replaced() {
        let case = case();
        let mut other = config(Allocation::OnDemand);
        other.epoch_interruption(false);
        let other = Engine::new(&other).expect("an engine");
        let component =
            |engine| Component::new(engine, EMPTY_COMPONENT).expect("an empty component");
        // Under our engine's name, as if its compatibility hash had missed the difference.
        case.cache
            .put("aa", b"facts", &component(&other))
            .expect("kept");
        assert!(case.cache.get(&case.engine, "aa").is_none());
        case.cache
            .put("aa", b"facts", &component(&case.engine))
            .expect("kept");
        assert!(case.cache.get(&case.engine, "aa").is_some());
    }

    #[test]
    fn an_entry_drives_out_those_of_other_engines() {
        let case = case();
        let newer = CompileCache {
            engine_name: "newer".into(),
            ..CompileCache::new(case.cache.folder.clone(), CacheKey::new([7; 32]), "")
        };
        let component = Component::new(&case.engine, EMPTY_COMPONENT).expect("an empty component");
        case.cache.put("bb", b"", &component).expect("kept");
        newer.put("aa", b"", &component).expect("kept");
        assert!(!case.cache.path("aa").exists(), "of the same component");
        assert!(case.cache.path("bb").exists(), "of another one");
        assert_eq!(compiled::entries(&newer.folder, "aa"), [newer.path("aa")]);
        assert_eq!(
            compiled::entries(&newer.folder, "a"),
            [""; 0].map(PathBuf::from)
        );
    }

    #[test]
    fn who_reads_while_others_write_finds_a_whole_entry_or_none() {
        let case = case();
        let component = Component::new(&case.engine, EMPTY_COMPONENT).expect("an empty component");
        let facts = [vec![1; 10_000], vec![2; 20_000]];
        std::thread::scope(|scope| {
            for facts in &facts {
                let (cache, component) = (&case.cache, &component);
                scope.spawn(move || {
                    for _ in 0..50 {
                        cache.put("cc", facts, component).expect("kept");
                    }
                });
            }
            for _ in 0..100 {
                if let Some((found, _)) = case.cache.get(&case.engine, "cc") {
                    assert!(facts.contains(&found));
                }
            }
        });
        assert!(case.cache.get(&case.engine, "cc").is_some());
        let left = std::fs::read_dir(&case.cache.folder).expect("listed");
        assert_eq!(left.count(), 2, "no unfinished entry is left");
    }

    #[test]
    fn another_key_another_name_or_any_damage_is_a_miss() {
        let case = case();
        let path = case.cache.path("aa");
        let entry = std::fs::read(&path).expect("the entry");

        std::fs::copy(&path, case.cache.path("bb")).expect("copied");
        assert!(
            case.cache.get(&case.engine, "bb").is_none(),
            "an entry under another component's name"
        );

        let other = CompileCache {
            key: CacheKey::new([8; 32]),
            ..CompileCache::new(
                path.parent().expect("a folder").to_owned(),
                CacheKey::new([0; 32]),
                "engine",
            )
        };
        assert!(other.get(&case.engine, "aa").is_none(), "another key");

        for at in (0..entry.len()).step_by(entry.len() / 97) {
            let mut damaged = entry.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, damaged).expect("written");
            assert!(
                case.cache.get(&case.engine, "aa").is_none(),
                "flipped at {at}"
            );
            std::fs::write(&path, &entry[..at]).expect("written");
            assert!(case.cache.get(&case.engine, "aa").is_none(), "cut at {at}");
        }
    }

    #[test]
    fn the_cache_key_is_ours_and_stays() {
        let home = Home::ephemeral().expect("a home");
        let path = home.root().join("etc/cache.key");
        let key = || CacheKey::of(&home).map(|_| std::fs::read(&path).expect("there"));
        let first = key().expect("made");
        assert_eq!(first.len(), blake3::KEY_LEN);
        assert_eq!(key().expect("kept"), first);
        assert_eq!(
            std::fs::metadata(&path).expect("there").mode() & 0o777,
            0o600
        );
        std::fs::write(&path, b"short").expect("written");
        let second = key().expect("made anew");
        assert!(second.len() == blake3::KEY_LEN && second != first);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
        assert!(matches!(
            CacheKey::of(&home),
            Err(HomeError::Untrusted { .. })
        ));
    }

    #[test]
    fn all_who_make_a_cache_key_at_once_get_the_same() {
        let home = Home::ephemeral().expect("a home");
        let barrier = std::sync::Barrier::new(8);
        let keys: Vec<_> = std::thread::scope(|scope| {
            let made = || {
                barrier.wait();
                CacheKey::of(&home).expect("made")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(made)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("ended"))
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
