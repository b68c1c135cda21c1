//! etc/config.toml: what the operator says of the whole host.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::files::{FileError, read_text};
use crate::home::{Home, HomeError};
use crate::kind::ErrorKind;
use crate::limits::operator::CONFIG_BYTES;
use crate::limits::{Amount, Limit};
use crate::limits::{operator, storage};
use crate::nearest::nearest;

/// What the operator set; everything has a default. Tables that are not here belong to a domain, or are an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct HostConfig {
    /// `[engine]`.
    pub engine: EngineConfig,
    /// `[limits]`: ceilings for every capsule and principal.
    pub limits: OperatorLimits,
    /// `[dispatch]`.
    pub dispatch: DispatchConfig,
    /// `[security]`.
    pub security: SecurityConfig,
    /// `[secrets]`.
    pub secrets: SecretsConfig,
    /// `[workspace]`.
    pub workspace: WorkspaceConfig,
    /// `[storage]`.
    pub storage: StorageConfig,
    /// `[logs]`.
    pub logs: LogsConfig,
}

/// `[engine]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Whether room for instances is reserved at the start, where the machine allows it; true. A host that
    /// is told false makes each instance on demand, as one does whose address space has no room for a pool.
    pub pool: bool,
    /// Instances that may live at once, idle ones included; 1,000. Fewer where the kernel's limit on mappings allows
    /// no more.
    pub instances: u32,
    /// Run loops that may be there at once, besides; 1,000.
    pub run_loops: u32,
    /// Calls that an instance serves before a fresh one takes its place, so that what a guest leaks doesn't stay;
    /// 10,000. A fresh instance costs microseconds.
    pub instance_calls: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            pool: true,
            instances: operator::INSTANCES,
            run_loops: operator::RUN_LOOPS,
            instance_calls: operator::INSTANCE_CALLS,
        }
    }
}

/// `[limits]`: ceilings, not defaults. A capsule gets what its manifest's `[runtime]` asks for, else 64 MiB, 5 s and
/// 300 s, and never more than these.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorLimits {
    /// Linear memory of an instance, in bytes; 1 GiB.
    pub memory: u64,
    /// CPU time of a call, in milliseconds; 60 s.
    pub cpu_ms: u64,
    /// Wall time of a call, in milliseconds; 10 min.
    pub wall_ms: u64,
    /// Linear memory of all instances together, in bytes; half of what the machine, or its control group,
    /// gives this process unless set.
    pub total_memory: Option<u64>,
}

impl Default for OperatorLimits {
    fn default() -> Self {
        Self {
            memory: operator::MEMORY,
            cpu_ms: operator::CPU_MS,
            wall_ms: operator::WALL_MS,
            total_memory: None,
        }
    }
}

/// `[dispatch]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchConfig {
    /// Topics with the capsules without whose answer they are denied.
    pub required: BTreeMap<String, Vec<String>>,
}

/// `[security]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityConfig {
    /// For a capsule, `host:port` pairs that it may reach though the airlock would refuse them.
    pub local_egress: BTreeMap<String, Vec<String>>,
}

/// `[workspace]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkspaceConfig {
    /// What capsules may do with the workspace, within the grants of their manifests; `read-only`.
    pub mode: WorkspaceMode,
}

/// What capsules may do with the workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkspaceMode {
    /// Read it.
    #[default]
    ReadOnly,
    /// Write it, at once and for good.
    Direct,
}

/// `[secrets]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// Where secrets are kept; `files`. What was set before it changed stays where it is, and is not found any more.
    pub backend: SecretsBackend,
}

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretsBackend {
    /// Files in the home that only its owner may read.
    #[default]
    #[serde(alias = "file")]
    Files,
    /// The keyring of the operating system. One that is locked, absent or slow is an error, and files never take its
    /// place.
    Keyring,
}

/// `[storage]`: how keys and values are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// What an acknowledged write survives; `disk`.
    pub durability: StorageDurability,
    /// Bytes of memory for pages of the file; 64 MiB, and at least 1 MiB. They count in the host's memory.
    pub cache: u64,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            durability: StorageDurability::default(),
            cache: storage::CACHE as u64,
        }
    }
}

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageDurability {
    /// A power failure: it is synced to the disk before it is acknowledged.
    #[default]
    Disk,
    /// The end of the host, however it ends. After a power failure the last second may be missing, or the file may be
    /// unreadable.
    Process,
}

/// `[logs]`: how much is kept of what guests log. Beyond it the oldest lines go, a file at a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogsConfig {
    /// Bytes of a file, after which the next one is begun; 8 MiB, and at least 128 KiB: a line may have 100.
    pub file: u64,
    /// Bytes of all files of one capsule for one principal; 64 MiB, and at least twice `file`.
    pub capsule: u64,
    /// Bytes of all logs of the home; 1 GiB, and at least `capsule`. The oldest file of the largest log goes first.
    pub home: u64,
    /// Days that are kept, of those on which there are lines; 7, and at least 1. No clock says how long ago they were,
    /// so one that is wrong for a while removes nothing before its time.
    pub days: u32,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            file: operator::LOG_FILE,
            capsule: operator::LOG_CAPSULE,
            home: operator::LOG_HOME,
            days: operator::LOG_DAYS,
        }
    }
}

impl LogsConfig {
    /// Fewest bytes of a file: more than the longest line.
    const LEAST: u64 = 128 << 10;

    /// What is wrong with it.
    fn mistake(&self) -> Option<String> {
        let Self {
            file,
            capsule,
            home,
            days,
        } = *self;
        let least = Self::LEAST;
        if file < least {
            Some(format!("file = {file} is too little: at least {least}"))
        } else if capsule / 2 < file {
            Some(format!(
                "capsule = {capsule} is too little: at least two files, each of {file} bytes"
            ))
        } else if home < capsule {
            Some(format!(
                "home = {home} is too little: at least capsule = {capsule}"
            ))
        } else if days == 0 {
            Some("days = 0 is too little: at least 1".into())
        } else {
            None
        }
    }
}

/// Why the operator's configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It isn't what it should be.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// It can't be read.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl ConfigError {
    /// One word for programs.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Config,
            Self::Home(error) => error.kind(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Invalid { path, .. } => format!("mend or remove {}", path.display()),
            Self::Home(error) => error.hint(),
        }
    }
}

impl HostConfig {
    /// Reads etc/config.toml of a home; without one, the defaults.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(home: &Home) -> Result<Self, ConfigError> {
        Ok(Self::read_with(home, &[])?.0)
    }

    /// The same, with the tables that belong to the domains of an embedder, by their names.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub(crate) fn read_with(
        home: &Home,
        domains: &[&str],
    ) -> Result<(Self, toml::Table), ConfigError> {
        let path = home.root().join("etc/config.toml");
        let text = read_text(&path, CONFIG_BYTES).map_err(FileError::at("read", &path));
        match text.map_err(HomeError::from)? {
            Some(text) => {
                let parsed = Self::parse(&text, domains);
                parsed.map_err(|reason| ConfigError::Invalid { path, reason })
            }
            None => Ok((Self::default(), toml::Table::new())),
        }
    }
}

/// The least linear memory that a limit may leave: one page of WebAssembly.
const PAGE: u64 = 64 << 10;
/// The least of `[storage] cache`.
const LEAST_CACHE: u64 = 1 << 20;

impl HostConfig {
    /// What is wrong with a number, if any is too little to work with.
    fn mistake(&self) -> Option<String> {
        let Self {
            engine,
            limits,
            storage,
            logs,
            ..
        } = self;
        let least = [
            ("engine", "instances", u64::from(engine.instances), 1),
            ("engine", "instance_calls", engine.instance_calls, 1),
            ("limits", "memory", limits.memory, PAGE),
            ("limits", "cpu_ms", limits.cpu_ms, 1),
            ("limits", "wall_ms", limits.wall_ms, 1),
            (
                "limits",
                "total_memory",
                limits.total_memory.unwrap_or(PAGE),
                PAGE,
            ),
            ("storage", "cache", storage.cache, LEAST_CACHE),
        ];
        let too_little = least.into_iter().find(|(.., found, least)| found < least);
        let too_little = too_little.map(|(table, key, found, least)| {
            format!("[{table}] {key} = {found} is too little: at least {least}")
        });
        too_little.or_else(|| Some(format!("[logs] {}", logs.mistake()?)))
    }

    /// The value of a limit on this host: what the operator set, else the limit's own.
    pub fn amount(&self, limit: &Limit) -> Amount {
        let set = || {
            let (table, key) = limit.key?.split_once('.')?;
            let tables = toml::Table::try_from(self).ok()?;
            let value = tables.get(table)?.get(key)?.as_integer()?;
            u64::try_from(value).ok()
        };
        set().map_or(limit.amount, |value| limit.amount.with(value))
    }

    /// The tables of the host itself.
    pub(crate) const TABLES: [&str; 8] = [
        "engine",
        "limits",
        "dispatch",
        "security",
        "secrets",
        "workspace",
        "storage",
        "logs",
    ];

    fn parse(text: &str, domains: &[&str]) -> Result<(Self, toml::Table), String> {
        let told = |error: toml::de::Error| error.to_string().trim_end().to_owned();
        let tables = DeTable::parse(text).map_err(told)?;
        let known = || Self::TABLES.iter().chain(domains).copied();
        for name in tables.get_ref().keys() {
            let key = name.get_ref();
            if !known().any(|known| known == key) {
                let line = text[..name.span().start].lines().count().max(1);
                let meant = nearest(key, known());
                let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
                return Err(format!(
                    "line {line}: unknown table `{key}`{}",
                    meant.unwrap_or_default()
                ));
            }
        }
        let config: Self = toml::from_str(text).map_err(told)?;
        if let Some(mistake) = config.mistake() {
            return Err(mistake);
        }
        if domains.is_empty() {
            return Ok((config, toml::Table::new()));
        }
        let mut tables: toml::Table = toml::from_str(text).map_err(told)?;
        tables.retain(|name, _| domains.contains(&name));
        Ok((config, tables))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_means_defaults_and_unknown_is_an_error() {
        let home = Home::ephemeral().expect("a home");
        assert_eq!(
            HostConfig::read(&home).expect("defaults"),
            HostConfig::default()
        );
        let path = home.root().join("etc/config.toml");
        std::fs::write(&path, "[limits]\nmemory = 1048576\n").expect("written");
        assert_eq!(
            HostConfig::read(&home).expect("read").limits.memory,
            1 << 20
        );
        std::fs::write(&path, "[limits]\nmemroy = 1\n").expect("written");
        let error = HostConfig::read(&home).expect_err("refused").to_string();
        assert!(error.contains("memroy") && error.contains('2'), "{error}");
    }

    #[test]
    fn every_table_is_known() {
        let tables = toml::Table::try_from(HostConfig::default()).expect("tables");
        let mut known = HostConfig::TABLES.to_vec();
        known.sort_unstable();
        assert!(tables.keys().eq(known.iter()), "{tables:?}");
    }

    #[test]
    fn a_limit_is_what_the_operator_set() {
        let mut config = HostConfig::default();
        config.limits.memory = 5;
        config.logs.days = 2;
        for limit in crate::limits::TABLE {
            let amount = match limit.key {
                Some("limits.memory") => Amount::Bytes(5),
                Some("logs.days") => Amount::Count(2),
                _ => limit.amount,
            };
            assert_eq!(config.amount(limit), amount, "{}", limit.name);
            assert_eq!(HostConfig::default().amount(limit), limit.amount);
            // A key that is none would be shown as if it could be set.
            if let Some((table, key)) = limit.key.and_then(|key| key.split_once('.')) {
                let tables = toml::Table::try_from(&config).expect("tables");
                assert!(tables[table].get(key).is_some(), "{table}.{key}");
            }
        }
    }

    #[test]
    fn numbers_that_nothing_works_with_are_an_error() {
        let parse = |text: &str| HostConfig::parse(text, &[]).map(drop);
        for (text, said) in [
            (
                "[engine]\ninstances = 0",
                "[engine] instances = 0 is too little: at least 1",
            ),
            ("[engine]\ninstance_calls = 0", "at least 1"),
            (
                "[limits]\nmemory = 65535",
                "[limits] memory = 65535 is too little: at least 65536",
            ),
            ("[limits]\ncpu_ms = 0", "at least 1"),
            ("[limits]\nwall_ms = 0", "at least 1"),
            ("[limits]\ntotal_memory = 0", "at least 65536"),
            ("[storage]\ncache = 0", "at least 1048576"),
        ] {
            let error = parse(text).expect_err("refused");
            assert!(error.contains(said), "{error}");
        }
        parse("[engine]\nrun_loops = 0\n[limits]\nmemory = 65536").expect("taken");
    }

    #[test]
    fn bounds_of_logs_that_cannot_be_kept_are_an_error() {
        let home = Home::ephemeral().expect("a home");
        let path = home.root().join("etc/config.toml");
        for (logs, said) in [
            ("file = 1000", "file = 1000 is too little"),
            ("capsule = 10_000_000", "capsule = 10000000 is too little"),
            ("home = 10_000_000", "home = 10000000 is too little"),
            ("days = 0", "days = 0 is too little"),
            ("sizes = 1", "sizes"),
        ] {
            std::fs::write(&path, format!("[logs]\n{logs}\n")).expect("written");
            let error = HostConfig::read(&home).expect_err("refused").to_string();
            assert!(error.contains(said), "{error}");
        }
        std::fs::write(&path, "[logs]\nfile = 131072\ncapsule = 262144\n").expect("written");
        assert_eq!(HostConfig::read(&home).expect("read").logs.file, 128 << 10);
    }
}
