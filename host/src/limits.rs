//! Limits of everything that a guest, a caller or a file controls, in one table: value, unit, source, and the operator's
//! key where there is one.
//!
//! Whoever enforces a limit takes it from here. `astrid limits` prints the table, `host/docs/limits.md` is made from it.

use std::time::Duration;

use serde::Serialize;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// What it is about, for a heading.
    pub area: &'static str,
    /// Its name in this crate, below `limits::`.
    pub name: &'static str,
    /// What is limited.
    pub what: &'static str,
    /// The value, unless the operator's key says otherwise.
    pub amount: Amount,
    /// Where the number comes from: the contract that all hosts keep, a library, or this host.
    pub source: &'static str,
    /// The key of etc/config.toml, such as `limits.memory`.
    pub key: Option<&'static str>,
}

/// A value with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "unit", content = "value", rename_all = "kebab-case")]
pub enum Amount {
    /// How many.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// Bytes a second.
    BytesPerSecond(u64),
    /// Milliseconds.
    Milliseconds(u64),
}

impl Limit {
    /// The first sentence of what is limited, without its full stop.
    pub fn what(&self) -> &'static str {
        let text = self.what.trim();
        let end = text.find(". ").unwrap_or(text.len());
        text[..end].trim_end_matches('.')
    }
}

impl Amount {
    /// Another value of the same unit.
    #[must_use]
    pub fn with(self, value: u64) -> Self {
        match self {
            Self::Count(_) => Self::Count(value),
            Self::Bytes(_) => Self::Bytes(value),
            Self::BytesPerSecond(_) => Self::BytesPerSecond(value),
            Self::Milliseconds(_) => Self::Milliseconds(value),
        }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scaled = |f: &mut std::fmt::Formatter<'_>, value: u64, units: &[(u64, &str)]| {
            let fits = units
                .iter()
                .find(|(size, _)| value >= *size && value.is_multiple_of(*size));
            let (size, unit) = fits.copied().unwrap_or((1, units[units.len() - 1].1));
            write!(f, "{} {unit}", value / size)
        };
        const BYTES: &[(u64, &str)] = &[
            (1 << 30, "GiB"),
            (1 << 20, "MiB"),
            (1 << 10, "KiB"),
            (1, "B"),
        ];
        const TIME: &[(u64, &str)] = &[(60_000, "min"), (1_000, "s"), (1, "ms")];
        match *self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) => scaled(f, bytes, BYTES),
            Self::BytesPerSecond(bytes) => {
                scaled(f, bytes, BYTES)?;
                f.write_str("/s")
            }
            Self::Milliseconds(time) => scaled(f, time, TIME),
        }
    }
}

macro_rules! amount {
    (count $value:expr) => {
        Amount::Count($value as u64)
    };
    (bytes $value:expr) => {
        Amount::Bytes($value as u64)
    };
    (rate $value:expr) => {
        Amount::BytesPerSecond($value as u64)
    };
    (millis $value:expr) => {
        Amount::Milliseconds($value)
    };
    (nanos $value:expr) => {
        Amount::Milliseconds($value / 1_000_000)
    };
    (time $value:expr) => {
        Amount::Milliseconds($value.as_millis() as u64)
    };
}

/// A module of constants for each area, and the table of all of them.
macro_rules! limits {
    ($($title:literal $area:ident {
        $($(#[doc = $what:literal])+ $name:ident: $type:ty = $value:expr, $unit:ident, $source:literal
            $(, key $key:literal)?;)+
    })+) => {
        $(
            #[doc = $title]
            pub mod $area {
                #[allow(unused_imports, reason = "an area may have no times")]
                use super::Duration;

                $(
                    $(#[doc = $what])+
                    ///
                    #[doc = concat!("The number comes from ", $source, $("; the operator's key is `", $key, "`",)? ".")]
                    pub const $name: $type = $value;
                )+
            }
        )+

        /// Every limit.
        #[allow(clippy::unnecessary_cast, reason = "the types of the constants differ")]
        pub const TABLE: &[Limit] = &[$($(
            Limit {
                area: $title,
                name: concat!(stringify!($area), "::", stringify!($name)),
                what: concat!($($what),+),
                amount: amount!($unit $area::$name),
                source: $source,
                key: limits!(@key $($key)?),
            },
        )+)+];
    };
    (@key) => { None };
    (@key $key:literal) => { Some($key) };
}

limits! {
    "What the operator says" operator {
        /// Bytes of etc/config.toml.
        CONFIG_BYTES: u64 = 1 << 20, bytes, "this host";
        /// Linear memory of an instance, whatever its manifest asks for.
        MEMORY: u64 = 1 << 30, bytes, "this host", key "limits.memory";
        /// CPU time of a call, whatever its manifest asks for.
        CPU_MS: u64 = 60_000, millis, "this host", key "limits.cpu_ms";
        /// Wall time of a call, whatever its manifest asks for.
        WALL_MS: u64 = 600_000, millis, "this host", key "limits.wall_ms";
        /// Instances that live at once, idle ones included.
        INSTANCES: u32 = 1_000, count, "this host", key "engine.instances";
        /// Run loops at once, beside these.
        RUN_LOOPS: u32 = 1_000, count, "this host", key "engine.run_loops";
        /// Calls that an instance serves before a fresh one takes its place.
        INSTANCE_CALLS: u64 = 10_000, count, "this host", key "engine.instance_calls";
        /// Bytes of a log file, after which the next one is begun.
        LOG_FILE: u64 = 8 << 20, bytes, "this host", key "logs.file";
        /// Bytes of all log files of one capsule and principal.
        LOG_CAPSULE: u64 = 64 << 20, bytes, "this host", key "logs.capsule";
        /// Bytes of all logs of the home.
        LOG_HOME: u64 = 1 << 30, bytes, "this host", key "logs.home";
        /// Days of log that are kept, of those on which there are lines.
        LOG_DAYS: u32 = 7, count, "this host", key "logs.days";
    }
    "Payloads" payload {
        /// Most bytes of a payload, in either direction.
        MAX_PAYLOAD: usize = 1024 * 1024, bytes, "the contract";
        /// Most arrays and objects of a payload that lie in each other. `serde_json` reads one level less, and says so in the
        /// guest.
        MAX_NESTING: usize = 128, count, "serde_json";
    }
    "Calls" call {
        /// Most bytes that are kept of the reason of a Deny, as many as of a line of log; a longer one is cut, and says so.
        MAX_REASON: usize = 16 * 1024, bytes, "a line of log";
        /// Most bytes of an action's name.
        MAX_ACTION: usize = 256, bytes, "the contract";
        /// How deep a call may be nested in others.
        MAX_DEPTH: u8 = 8, count, "the contract";
    }
    "Capsules" capsule {
        /// Linear memory unless the manifest asks otherwise: 64 MiB.
        MEMORY: u64 = 64 << 20, bytes, "the contract";
        /// CPU time of a call unless the manifest asks otherwise: 5 s.
        CPU_MS: u64 = 5_000, millis, "the contract";
        /// Wall time of a call unless the manifest asks otherwise: 300 s.
        WALL_MS: u64 = 300_000, millis, "the contract";
        /// Wall time of an install or upgrade hook: ten minutes.
        LIFECYCLE_WALL: Duration = Duration::from_secs(600), time, "the contract";
        /// CPU time that a loop may use without waiting on anything, unless its manifest's `cpu_ms` is
        /// less.
        SPIN: Duration = Duration::from_secs(15), time, "the contract";
        /// How often a loop is started again.
        RESTARTS: u32 = 5, count, "the contract";
        /// Calls of one principal that run at once where the manifest lifts the order and names no number.
        UNORDERED: usize = 4, count, "this host";
        /// Tenants that a load of a capsule keeps; further ones replace those not in use.
        TENANTS: usize = 4_096, count, "this host";
        /// Failures within a minute that open the circuit.
        FAILURES: usize = 5, count, "this host";
        /// The time within which so many failures open the circuit.
        WINDOW: Duration = Duration::from_secs(60), time, "this host";
        /// Most bytes of a reason; what a guest says in its panic may be long.
        REASON: usize = 512, bytes, "this host";
    }
    "Dispatch" dispatch {
        /// Lanes that a capsule keeps before those not in use go. For many principals.
        LANES: usize = 4_096, count, "this host";
        /// Capsules with lanes before those not in use go.
        CAPSULES: usize = 1_024, count, "this host";
        /// Events that wait in one lane; one is admitted while fewer wait in the lane of each handler of its chain.
        LANE: usize = 64, count, "the contract";
        /// Events in flight for one principal, and observers of events as many again.
        PRINCIPAL_EVENTS: usize = 256, count, "the contract";
        /// Bytes of one principal's events in flight: a lane's worth of the largest payloads.
        PRINCIPAL_BYTES: usize = 64 << 20, bytes, "this host";
        /// Events in flight for the host, and observers of events as many again.
        HOST_EVENTS: usize = 4_096, count, "the contract";
        /// Bytes of the host's events in flight: eight principals with as much as each may have. Beside it stands the guests'
        /// own memory.
        HOST_BYTES: usize = 512 << 20, bytes, "this host";
    }
    "Messages" bus {
        /// Most messages that wait in one subscription.
        QUEUE_MESSAGES: usize = 1_024, count, "the contract";
        /// Most bytes that wait in one subscription: 64 of the largest messages, or a gibibyte could be held by a reader that
        /// doesn't read.
        QUEUE_BYTES: usize = 64 * 1024 * 1024, bytes, "this host";
        /// Most messages of one batch.
        BATCH_MESSAGES: usize = 256, count, "this host";
        /// Most bytes of one batch, about: a quarter of a guest's default memory at most, as it may hold them twice while it
        /// parses.
        BATCH_BYTES: usize = 8 * 1024 * 1024, bytes, "this host";
        /// Bytes that all subscriptions of a capsule may hold together: as much as one may alone, so that subscribing often
        /// holds no more than subscribing once; 128 of them could hold 8 GiB. It is also what an instance's own memory is
        /// bounded by, unless its manifest asks for more.
        CAPSULE_BYTES: usize = 64 * 1024 * 1024, bytes, "this host";
        /// Most subscriptions that may hear a guest's message.
        FAN_OUT: usize = 256, count, "the contract";
        /// The longest that `recv` of a subscription waits.
        RECV_MAX: Duration = Duration::from_secs(60), time, "the contract";
        /// Pairs that are kept; of more, those that are heard of least begin anew with a full second's worth.
        BUCKETS: usize = 16_384, count, "this host";
        /// Bytes a second that a capsule publishes for one principal; a second's worth may come at once. A message counts
        /// as its payload and 256 bytes.
        PUBLISH_RATE: u32 = 10 << 20, rate, "the contract";
    }
    "Topics" topic {
        /// The longest topic or pattern, in bytes.
        MAX_BYTES: usize = 256, bytes, "the contract";
        /// The most segments that a topic or pattern may have.
        MAX_SEGMENTS: usize = 8, count, "the contract";
    }
    "Questions to persons" people {
        /// Questions of one capsule that may be open at once.
        OPEN: usize = 64, count, "this host";
        /// How long a question is open: the longest that a person has for an answer.
        TIME: Duration = Duration::from_secs(120), time, "this host";
    }
    "Host functions" domain {
        /// Handles that an instance may hold at once, of all domains together.
        HANDLES: usize = 1_024, count, "this host";
    }
    "astrid:io" io {
        /// Handles that one wait may be for.
        MOST: usize = 256, count, "the contract";
    }
    "astrid:ipc" ipc {
        /// Subscriptions that a capsule may have at once, and its run loop alone.
        SUBSCRIPTIONS: usize = 128, count, "the contract";
        /// Subscriptions of these that an instance for handlers may hold. There is one for each principal and
        /// more where calls are nested: without this, one of them could take all.
        HANDLER_SUBSCRIPTIONS: usize = 16, count, "the contract";
    }
    "astrid:fs" fs {
        /// Bytes of a path.
        PATH_BYTES: usize = 4_096, bytes, "Linux";
        /// Bytes of one part of a path.
        NAME_BYTES: usize = 255, bytes, "Linux";
        /// Bytes that are read, written or appended by a call for a whole file.
        FILE_BYTES: usize = 10 << 20, bytes, "the contract";
        /// Bytes that are read or written by a call for an open file.
        AT_BYTES: usize = 1 << 20, bytes, "the contract";
        /// Names of a folder that are listed.
        ENTRIES: usize = 4_096, count, "the contract";
        /// Files that an instance may hold open.
        OPEN: usize = 16, count, "the contract";
    }
    "astrid:kv" kv {
        /// Bytes of a key.
        MAX_KEY: usize = 256, bytes, "the contract";
        /// Bytes of a value.
        MAX_VALUE: usize = 1 << 20, bytes, "the contract";
        /// Keys of a page or a list.
        MAX_KEYS: usize = 1_024, count, "the contract";
        /// Bytes of the keys and values of one principal with one capsule.
        QUOTA: u64 = 64 << 20, bytes, "the contract";
    }
    "astrid:sys" sys {
        /// Most bytes of entropy for one call.
        MAX_RANDOM: u64 = 4_096, bytes, "the contract";
        /// The longest sleep, in nanoseconds: 60 s.
        MAX_SLEEP: u64 = 60_000_000_000, nanos, "the contract";
    }
    "Principals" principal {
        /// Principals that are kept resolved; further ones are resolved again when they come back.
        KEPT: usize = 4_096, count, "this host";
        /// Bytes that a principal may store with all capsules, unless its profile says otherwise.
        STORAGE: u64 = 1 << 30, bytes, "the contract";
        /// Most bytes of a profile.
        PROFILE_BYTES: u64 = 64 * 1024, bytes, "this host";
        /// Most bytes of one line; a longer one is cut, and says so.
        LOG_LINE: usize = 16 * 1024, bytes, "this host";
        /// Most bytes of an env overlay.
        OVERLAY_BYTES: u64 = 1024 * 1024, bytes, "this host";
        /// Bytes of log a second for one capsule and principal, as they are in the file; a second's worth may come at once.
        LOG_RATE: u32 = 256 << 10, rate, "the contract";
    }
    "Stores" storage {
        /// Most bytes of a secret.
        SECRET_BYTES: u64 = 64 * 1024, bytes, "this host";
        /// Calls that may wait for the keyring of the system, each in a thread of its own.
        KEYRING_CALLS: usize = 8, count, "this host";
        /// How long the keyring of the system has for an answer: a person may have to unlock it first.
        KEYRING_TIME: Duration = Duration::from_secs(10), time, "this host";
        /// Writes of keys and values that may wait for a commit.
        WAITING_WRITES: usize = 256, count, "this host";
        /// Writes that share a commit.
        COMMIT_WRITES: usize = 256, count, "this host";
        /// Bytes of keys and values that share a commit, the last write's left out.
        COMMIT_BYTES: usize = 8 << 20, bytes, "this host";
        /// Bytes that compacting the file of keys and values has to free, if an idle host is to do it.
        WORTH_COMPACTING: u64 = 8 << 20, bytes, "this host";
        /// Bytes of the file that stay, about, above which that is left to the operator: it takes longer than two seconds.
        COMPACTED: u64 = 48 << 20, bytes, "this host";
        /// Bytes of memory for pages of the file of keys and values.
        CACHE: usize = 64 << 20, bytes, "this host", key "storage.cache";
        /// Records that may wait for the writer.
        QUEUE: usize = 4_096, count, "this host";
        /// Records that whoever hears them may be behind.
        HEARD: usize = 1_024, count, "this host";
    }
    "Packages" package {
        /// Most bytes of a manifest.
        TEXT_BYTES: u64 = 1024 * 1024, bytes, "this host";
        /// Most bytes of a meta.json: a kilobyte for each file that an archive may have.
        META_BYTES: u64 = 4 * 1024 * 1024, bytes, "this host";
        /// Most entries of an archive.
        ARCHIVE_ENTRIES: usize = 4_096, count, "the contract";
        /// Most bytes of an archive when unpacked, headers and padding included: 256 MiB.
        ARCHIVE_BYTES: u64 = 256 << 20, bytes, "the contract";
    }
    "Manifests" manifest {
        /// Text of a manifest, in bytes.
        TEXT_BYTES: usize = 256 * 1024, bytes, "this host";
        /// How deep inline tables and arrays may nest. Real manifests need three.
        NESTING: usize = 16, count, "this host";
        /// Dots in one TOML key. With the bound on nesting this bounds how deep a parsed document is, and so how
        /// much stack it takes to build and to drop it.
        KEY_DOTS: usize = 8, count, "this host";
        /// Mistakes reported for one file; how many more there were is said in one further line.
        DIAGNOSTICS: usize = 100, count, "this host";
        /// Handlers of one capsule.
        HANDLERS: usize = 64, count, "this host";
        /// Entries of `[publish]`, and of `[subscribe]`.
        TOPICS: usize = 256, count, "this host";
        /// Entries of `[imports]`, and of `[exports]`; as many again in their nested tables.
        INTERFACES: usize = 128, count, "this host";
        /// Entries of `[env]`.
        ENV_KEYS: usize = 128, count, "this host";
        /// `[[tool]]` entries.
        TOOLS: usize = 128, count, "this host";
        /// `[[uplink]]` entries: a capsule may register no more.
        UPLINKS: usize = 32, count, "this host";
        /// Entries of every other array of tables (`[[command]]`, `[[mcp_server]]`, `[[context_file]]`,
        /// `[[skill]]`, `[[cron]]`, `[[topic]]`).
        TABLES: usize = 64, count, "this host";
        /// Entries of one array of strings, and of one list of capabilities.
        LIST: usize = 256, count, "this host";
        /// Namespaces of embedders in one table of capabilities.
        NAMESPACES: usize = 16, count, "this host";
        /// Keys of one of these namespaces.
        NAMESPACE_KEYS: usize = 64, count, "this host";
        /// A name, an identifier or an environment key, in bytes.
        NAME_BYTES: usize = 64, bytes, "this host";
        /// A handler's name, in bytes: the longest action that a host passes to a guest.
        ACTION_BYTES: usize = 256, bytes, "this host";
        /// One entry of a list, a path or a reference, in bytes.
        ENTRY_BYTES: usize = 1024, bytes, "this host";
        /// Text for people or models (descriptions and the like), in bytes.
        PROSE_BYTES: usize = 16 * 1024, bytes, "this host";
    }
    "Binaries" exports {
        /// Bytes of a component: 64 MiB. Capsules have 14 KB to a few MB; beyond this, compiling would
        /// take minutes.
        COMPONENT_BYTES: usize = 64 << 20, bytes, "this host";
        /// Bytes of one function's code: 512 KiB. The largest of a JavaScript engine has 171,628.
        FUNCTION_BYTES: usize = 512 << 10, bytes, "this host";
        /// Calls in one function's code. Compiling is quadratic in them where values live across them. The most in a JavaScript
        /// engine are 2,064; in a large Rust program, 3,831.
        FUNCTION_CALLS: usize = 8_192, count, "this host";
        /// Loops in one function's code. Compiling is quadratic in them, and each costs as much as several calls. The most in a
        /// JavaScript engine are 392.
        FUNCTION_LOOPS: usize = 2_048, count, "this host";
        /// Loops within each other. Compiling a function of little else is worse than quadratic in their depth. The most in a
        /// JavaScript engine are 6; in a large Rust program, 16.
        FUNCTION_LOOP_DEPTH: usize = 64, count, "this host";
        /// Variables of one function, its parameters aside. Optimised code has about a hundred, unoptimised code of Rust some
        /// hundreds.
        FUNCTION_LOCALS: usize = 4_096, count, "this host";
        /// Assignments to variables in one function's loops, each once for each loop around it. The most in a JavaScript engine
        /// are 19,582; in a large Rust program, 27,536.
        FUNCTION_LOOP_SETS: usize = 65_536, count, "this host";
        /// Functions, imports, exports, segments, instances, arguments and aliases of a whole binary. The
        /// limit of WebAssembly engines on functions alone; it keeps the declarations below about 100 MB
        /// of memory.
        ITEMS: usize = 1_000_000, count, "this host";
        /// Components within components.
        DEPTH: usize = 64, count, "this host";
        /// Bytes of the custom section `astrid:exports`: 64 KiB, a kilobyte for each handler.
        SECTION_BYTES: usize = 64 << 10, bytes, "this host";
        /// Handlers of one capsule.
        HANDLERS: usize = 64, count, "this host";
        /// Steps in wiring a component. A component that `wit-component` makes needs some hundreds; only
        /// one that instantiates components over and over gets here.
        LINK_STEPS: u64 = 1 << 17, count, "this host";
        /// Core instances of a component, those that only rename exports included. `wit-component` makes about
        /// ten; the engine unrolls each, at a cost of its own.
        INSTANCES: usize = 1_024, count, "this host";
    }
    "Instances" engine {
        /// Bytes that one host call, or one result of an export, may lift out of a guest: a 10 MiB write and
        /// 16 MiB of process injections have to pass.
        LIFT_LIMIT: usize = 24 * 1024 * 1024, bytes, "the contract";
        /// Core instances of a component; the same for every allocation.
        CORE_INSTANCES: u32 = 8, count, "this host";
        /// Memories of a component.
        MEMORIES: u32 = 1, count, "this host";
        /// Tables of a component.
        TABLES: u32 = 4, count, "this host";
        /// Elements that all tables of an instance may hold together; the pool's own bound.
        TABLE_ELEMENTS: usize = 20_000, count, "wasmtime";
    }
    "The control socket" control {
        /// Most bytes of a frame, 16 MiB: an event's payload and the answer to it have 1 MiB each, and JSON within JSON may
        /// take six bytes for one.
        MAX_FRAME: usize = 16 << 20, bytes, "this host";
        /// How long a frame waits for its reader to take any of it.
        UNREAD: Duration = Duration::from_secs(60), time, "this host";
        /// How long a connection may take to ask for something.
        PATIENCE: Duration = Duration::from_secs(10), time, "this host";
        /// Most connections at once that have asked for nothing yet.
        SILENT: usize = 64, count, "this host";
        /// Most requests at once that are over in a moment.
        SHORT: usize = 64, count, "this host";
        /// Most requests at once that wait for a guest.
        CALLS: usize = 64, count, "this host";
        /// Most requests at once that go on until their client has had enough.
        FOLLOWERS: usize = 32, count, "this host";
    }
    "Names" names {
        /// Bytes of the name of a capsule or a principal.
        NAME_BYTES: usize = 64, bytes, "the contract";
    }
}
