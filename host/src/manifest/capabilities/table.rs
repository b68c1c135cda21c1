//! The table of the contract's capabilities: the one place that names them. A new one is a row more.

use serde::Serialize;

use super::super::patterns;
use super::super::reader::{Table, Value};
use super::capability::{Capability, Evidence, Kind};
use super::{Asked, Custom, checked, levels, scopes};
use crate::text::same;

const HTTP_HOST: &str = "`*`, a host, which also admits its sub-domains, or `*.host`";
const FILES: &str =
    "`*`, which is the workspace, or a subtree `workspace://sub`, `cwd://sub` or `home://sub`";
const COMMAND: &str = "a command, or the first words of a command line";
const BOUND: &str = "`unix:*`, `host:port` or `host:*`";
const ADDRESS: &str = "`host:port` or `host:*`";
const IDENTITY: &[&str] = &["resolve", "link", "admin"];

/// Makes the table, the fields and the parser from rows: what the capability lets a capsule do; its key and type; kind,
/// example, evidence; how its value is read.
macro_rules! capabilities {
    ($(
        #[doc = $doc:literal]
        $key:ident: $type:ty = $kind:expr, $example:literal, $evidence:expr, $read:expr;
    )*) => {
        /// What a capsule asks for, entries in the form that [`CAPABILITIES`] describes. Absent or empty is denied.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Capabilities {
            $(
                #[doc = $doc]
                pub $key: $type,
            )*
            /// What it asks of the domains of embedders, by namespace and key.
            #[serde(flatten)]
            pub custom: Custom,
        }

        /// Every capability of the contract.
        pub const CAPABILITIES: &[Capability] = &[$(
            Capability {
                namespace: None,
                key: stringify!($key),
                kind: $kind,
                example: $example,
                doc: $doc.trim_ascii(),
                evidence: $evidence,
            },
        )*];

        impl Capabilities {
            /// What is asked for, in the order of [`CAPABILITIES`].
            pub(super) fn asked(&self) -> [&dyn Asked; CAPABILITIES.len()] {
                [$(&self.$key),*]
            }

            /// Adds the values of a table: lists are appended, flags or-ed.
            pub(super) fn read<'a>(&mut self, table: &'a Table<'a>) {
                $(
                    if let Some(value) = table.get(stringify!($key)) {
                        let read: fn(Value<'_>) -> $type = $read;
                        self.$key.add(read(value));
                    }
                )*
            }
        }
    };
}

capabilities! {
    /// Speaks for a chat platform: registers its uplinks and publishes on behalf of the people there.
    uplink: bool = Kind::Flag, "true", Evidence::GateOrPublish, flag;
    /// Sends HTTP requests to these hosts.
    net: Vec<String> = Kind::List(HTTP_HOST), r#"["example.com"]"#, Evidence::Gate,
        |value| checked(value, patterns::http_host);
    /// Uses its key-value store, which needs no capability: older manifests ask for it all the same.
    kv: Vec<String> = Kind::List("a scope; `true` in the place of the list is `*`"), r#"["*"]"#,
        Evidence::Import("astrid:kv/"), scopes;
    /// Reads these files.
    fs_read: Vec<String> = Kind::List(FILES), r#"["workspace://"]"#, Evidence::Gate,
        |value| checked(value, patterns::files);
    /// Writes these files.
    fs_write: Vec<String> = Kind::List(FILES), r#"["workspace://"]"#, Evidence::Gate,
        |value| checked(value, patterns::files);
    /// Starts these programs of the host.
    host_process: Vec<String> = Kind::List(COMMAND), r#"["the-command"]"#, Evidence::Gate,
        |value| checked(value, patterns::command);
    /// Lets the programs that it starts outlive a call.
    allow_persistent: bool = Kind::Flag, "true", Evidence::Gate, flag;
    /// Listens on these sockets.
    net_bind: Vec<String> = Kind::List(BOUND), r#"["unix:*"]"#, Evidence::Gate,
        |value| checked(value, patterns::bind);
    /// Connects to these addresses by TCP.
    net_connect: Vec<String> = Kind::List(ADDRESS), r#"["example.com:443"]"#, Evidence::Gate,
        |value| checked(value, patterns::connect);
    /// Exchanges UDP datagrams with these addresses.
    net_udp: Vec<String> = Kind::List(ADDRESS), r#"["example.com:53"]"#, Evidence::Gate,
        |value| checked(value, patterns::udp);
    /// Looks up, links or administers the identities of people; each level implies the one before.
    identity: Vec<String> = Kind::Levels(IDENTITY), r#"["resolve"]"#, Evidence::Gate,
        |value| levels(value, IDENTITY);
    /// Puts text into prompts.
    allow_prompt_injection: bool = Kind::Flag, "true", Evidence::None, flag;
    /// Is linked with a WASI that has no files, sockets or environment.
    wasi: bool = Kind::Flag, "true", Evidence::Import("wasi:"), flag;
}

fn flag(value: Value<'_>) -> bool {
    value.flag().unwrap_or(false)
}

impl Capability {
    /// The contract's capability with this key.
    pub const fn find(key: &str) -> Option<&'static Self> {
        let mut at = 0;
        while at < CAPABILITIES.len() {
            if same(CAPABILITIES[at].key, key) {
                return Some(&CAPABILITIES[at]);
            }
            at += 1;
        }
        None
    }
}
