//! `[capabilities]`: what a capsule asks to be allowed.

use serde::Serialize;

use super::legacy::Legacy;
use super::patterns::{self, Wrong};
use super::reader::{Table, Value};

/// What a capsule asks for. Absent or empty is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// It may speak for a chat platform.
    pub uplink: bool,
    /// Hosts reached by HTTP, in lower case: `*`, a host (which also admits its sub-domains), or
    /// `*.host`.
    pub net: Vec<String>,
    /// Scopes of its key-value store; `true` in the file is `*`. The store needs no capability:
    /// older manifests ask for it all the same.
    pub kv: Vec<String>,
    /// Files it may read: `*` (the workspace), or a subtree `workspace://…`, `cwd://…`, `home://…`.
    pub fs_read: Vec<String>,
    /// Files it may write; entries as in `fs_read`.
    pub fs_write: Vec<String>,
    /// Programs of the host: a command, or how a command line begins.
    pub host_process: Vec<String>,
    /// Its programs may outlive a call.
    pub allow_persistent: bool,
    /// What it may bind: `unix:*`, `host:port`, `host:*`.
    pub net_bind: Vec<String>,
    /// Whom it may connect to: `host:port`, `host:*`.
    pub net_connect: Vec<String>,
    /// With whom it may exchange datagrams: `host:port`, `host:*`.
    pub net_udp: Vec<String>,
    /// What it may do with identities: `resolve`, `link`, `admin`, each implying the one before.
    pub identity: Vec<String>,
    /// It may put text into prompts.
    pub allow_prompt_injection: bool,
    /// It is linked with a WASI that has no files, sockets or environment.
    pub wasi: bool,
}

/// The levels of `identity`, the least first.
const IDENTITY: &[(&str, &str)] = &[("resolve", "resolve"), ("link", "link"), ("admin", "admin")];

impl Capabilities {
    /// The names of all capabilities, sorted.
    pub const NAMES: [&'static str; 13] = [
        "allow_persistent",
        "allow_prompt_injection",
        "fs_read",
        "fs_write",
        "host_process",
        "identity",
        "kv",
        "net",
        "net_bind",
        "net_connect",
        "net_udp",
        "uplink",
        "wasi",
    ];

    /// The names of the capabilities that are held, sorted: flags that are true and lists with an
    /// entry.
    pub fn held(&self) -> Vec<&'static str> {
        let held = Self::NAMES.iter().zip(self.flags());
        held.filter(|(_, held)| *held)
            .map(|(name, _)| *name)
            .collect()
    }

    /// Whether the capability of this name is held; false for a name that is none.
    pub fn has(&self, name: &str) -> bool {
        Self::NAMES
            .iter()
            .zip(self.flags())
            .any(|(known, held)| held && *known == name)
    }

    /// Whether each is held, in the order of [`Self::NAMES`].
    fn flags(&self) -> [bool; 13] {
        // Without `..`, so a new field can't be forgotten.
        let Self {
            uplink,
            net,
            kv,
            fs_read,
            fs_write,
            host_process,
            allow_persistent,
            net_bind,
            net_connect,
            net_udp,
            identity,
            allow_prompt_injection,
            wasi,
        } = self;
        [
            *allow_persistent,
            *allow_prompt_injection,
            !fs_read.is_empty(),
            !fs_write.is_empty(),
            !host_process.is_empty(),
            !identity.is_empty(),
            !kv.is_empty(),
            !net.is_empty(),
            !net_bind.is_empty(),
            !net_connect.is_empty(),
            !net_udp.is_empty(),
            *uplink,
            *wasi,
        ]
    }

    /// Adds what a table asks for: lists are appended, flags or-ed.
    pub(super) fn merge<'a>(&mut self, table: &'a Table<'a>, legacy: &mut Legacy) {
        table.only(&Self::NAMES, &["ipc_publish", "ipc_subscribe"]);
        let flag = |name| {
            table
                .get(name)
                .and_then(|value| value.flag())
                .unwrap_or(false)
        };
        self.uplink |= flag("uplink");
        self.allow_persistent |= flag("allow_persistent");
        self.allow_prompt_injection |= flag("allow_prompt_injection");
        self.wasi |= flag("wasi");

        let checked = [
            (
                "net",
                &mut self.net,
                patterns::http_host as fn(&str) -> Result<String, Wrong>,
            ),
            ("fs_read", &mut self.fs_read, patterns::files),
            ("fs_write", &mut self.fs_write, patterns::files),
            ("host_process", &mut self.host_process, patterns::command),
            ("net_bind", &mut self.net_bind, patterns::bind),
            ("net_connect", &mut self.net_connect, patterns::connect),
            ("net_udp", &mut self.net_udp, patterns::udp),
        ];
        for (name, list, check) in checked {
            let values = table
                .get(name)
                .map(|value| value.list())
                .unwrap_or_default();
            append(list, values.iter().filter_map(|value| value.check(check)));
        }
        let kv = table.get("kv").map(scopes).unwrap_or_default();
        append(&mut self.kv, kv.into_iter());
        let identity = table
            .get("identity")
            .map(|value| value.list())
            .unwrap_or_default();
        let levels = identity.iter().filter_map(|value| value.choice(IDENTITY));
        append(&mut self.identity, levels.map(str::to_owned));

        legacy.ipc(table.get("ipc_publish"), table.get("ipc_subscribe"));
    }
}

/// `kv`: a list, or a flag.
fn scopes(value: Value<'_>) -> Vec<String> {
    match value.raw().as_bool() {
        Some(true) => vec!["*".to_owned()],
        Some(false) => Vec::new(),
        None => value.lines(),
    }
}

/// Appends what the list doesn't hold yet.
fn append(list: &mut Vec<String>, more: impl Iterator<Item = String>) {
    for entry in more {
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_names() {
        assert!(Capabilities::default().held().is_empty());
        let some = Capabilities {
            uplink: true,
            net: vec!["*".into()],
            fs_read: vec!["*".into()],
            ..Capabilities::default()
        };
        assert_eq!(some.held(), ["fs_read", "net", "uplink"]);
        assert!(some.has("net") && !some.has("net_bind") && !some.has("ipc_publish"));
        assert!(Capabilities::NAMES.is_sorted());
    }
}
