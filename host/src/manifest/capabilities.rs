//! `[capabilities]`: what a capsule asks to be allowed.

mod capability;
mod custom;
mod table;

use std::borrow::Cow;

pub use self::capability::{Capability, Evidence, Kind, namespace_table};
pub use self::custom::{Custom, CustomValue};
pub use self::table::{CAPABILITIES, Capabilities};

use super::legacy::Legacy;
use super::patterns::Wrong;
use super::reader::{Table, Value};

/// Keys of older manifests.
const LEGACY: &[&str] = &["ipc_publish", "ipc_subscribe"];

/// A capability that is held, with what the manifest says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted<'a> {
    /// Its name: the key, behind namespace and dot where it is an embedder's.
    pub name: Cow<'static, str>,
    /// What it lets the capsule do.
    pub doc: Cow<'static, str>,
    /// The entries of its list; none where it is a flag.
    pub entries: &'a [String],
}

impl Capabilities {
    /// The capabilities that are held: flags that are true and lists with an entry. The contract's come first.
    pub fn granted(&self) -> impl Iterator<Item = Granted<'_>> {
        let rows = CAPABILITIES.iter().zip(self.asked());
        let held = rows.filter(|(_, asked)| asked.is_held());
        let own = held.map(|(row, asked)| Granted {
            name: row.key.into(),
            doc: row.doc.into(),
            entries: asked.entries(),
        });
        own.chain(custom::granted(&self.custom))
    }

    /// The names of the capabilities that are held, sorted.
    pub fn held(&self) -> Vec<String> {
        let names = self.granted().map(|granted| granted.name.into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names
    }

    /// Whether the capability of this name is held; false for a name that is none.
    pub fn has(&self, name: &str) -> bool {
        let asked = match name.split_once('.') {
            Some((namespace, key)) => self.asked_for(Some(namespace), key),
            None => self.asked_for(None, name),
        };
        asked.is_some_and(Asked::is_held)
    }

    /// Whether a capability is held. Allocates nothing.
    pub fn holds(&self, capability: &Capability) -> bool {
        self.asked_for(capability.namespace, capability.key)
            .is_some_and(Asked::is_held)
    }

    /// The entries of the list that is given for a capability; none where it is not held, or is a flag.
    pub fn entries(&self, capability: &Capability) -> &[String] {
        match self.asked_for(capability.namespace, capability.key) {
            Some(asked) => asked.entries(),
            None => &[],
        }
    }

    fn asked_for(&self, namespace: Option<&str>, key: &str) -> Option<&dyn Asked> {
        match namespace {
            Some(namespace) => Some(self.custom.get(namespace)?.get(key)?.asked()),
            None => {
                let mut rows = CAPABILITIES.iter().zip(self.asked());
                rows.find(|(row, _)| row.key == key).map(|(_, asked)| asked)
            }
        }
    }

    /// Adds what a table asks for: lists are appended, flags or-ed.
    pub(super) fn merge<'a>(&mut self, table: &'a Table<'a>, legacy: &mut Legacy) {
        let mut keys: Vec<_> = CAPABILITIES.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        table.only_beside(&keys, LEGACY, custom::is_namespace);
        self.read(table);
        custom::read(&mut self.custom, table);
        legacy.ipc(table.get("ipc_publish"), table.get("ipc_subscribe"));
    }
}

/// What a manifest asks for as one capability.
trait Asked {
    /// Whether that is anything.
    fn is_held(&self) -> bool;
    /// The entries of a list.
    fn entries(&self) -> &[String];
    /// Adds what another table asks for.
    fn add(&mut self, more: Self)
    where
        Self: Sized;
}

impl Asked for bool {
    fn is_held(&self) -> bool {
        *self
    }

    fn entries(&self) -> &[String] {
        &[]
    }

    fn add(&mut self, more: Self) {
        *self |= more;
    }
}

impl Asked for Vec<String> {
    fn is_held(&self) -> bool {
        !self.is_empty()
    }

    fn entries(&self) -> &[String] {
        self
    }

    fn add(&mut self, more: Self) {
        for entry in more {
            if !self.contains(&entry) {
                self.push(entry);
            }
        }
    }
}

/// A list of entries that `check` accepts.
fn checked(value: Value<'_>, check: fn(&str) -> Result<String, Wrong>) -> Vec<String> {
    let values = value.list();
    values
        .iter()
        .filter_map(|value| value.check(check))
        .collect()
}

/// A list of some of these words.
fn levels(value: Value<'_>, levels: &[&str]) -> Vec<String> {
    let choices: Vec<_> = levels.iter().map(|level| (*level, *level)).collect();
    let values = value.list();
    let chosen = values.iter().filter_map(|value| value.choice(&choices));
    chosen.map(str::to_owned).collect()
}

/// `kv`: a list, or a flag.
fn scopes(value: Value<'_>) -> Vec<String> {
    match value.raw().as_bool() {
        Some(true) => vec!["*".to_owned()],
        Some(false) => Vec::new(),
        None => value.lines(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::CapsuleManifest;

    fn parse(capabilities: &str) -> Capabilities {
        let text = format!("[package]\nname = \"a\"\nversion = \"1.0.0\"\n{capabilities}");
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml").expect("a manifest");
        parsed.manifest.capabilities
    }

    #[test]
    fn an_example_grants_its_capability_alone() {
        for row in CAPABILITIES {
            let held = parse(&format!("{}\n{}\n", row.table(), row.line()));
            assert_eq!(held.held(), [row.key]);
            assert!(held.has(row.key) && held.holds(row));
            assert!(row.doc.ends_with('.') && !row.doc.starts_with(' '), "{row}");
            assert_eq!(Capability::find(row.key), Some(row));
        }
    }

    #[test]
    fn what_is_false_or_empty_is_not_held() {
        let none = "[capabilities]\nuplink = false\nnet = []\nkv = false\n\
                    [capabilities.\"acme:billing\"]\ncharge = false\ncurrencies = []\n";
        let none = parse(none);
        assert!(none.held().is_empty());
        for name in ["uplink", "net", "kv", "acme:billing.charge", "acme:billing"] {
            assert!(!none.has(name), "{name}");
        }
        assert!(none.custom["acme:billing"].contains_key("charge"));
    }

    #[test]
    fn names_are_sorted_and_an_embedders_have_their_namespace() {
        let some = parse(
            "[capabilities]\nuplink = true\nnet = [\"*\"]\nfs_read = [\"*\"]\n\
             [capabilities.\"acme:billing\"]\ncharge = true\ncurrencies = [\"EUR\"]\n",
        );
        let billing = ["acme:billing.charge", "acme:billing.currencies"];
        assert_eq!(
            some.held(),
            [&billing[..], &["fs_read", "net", "uplink"]].concat()
        );
        assert!(billing.iter().all(|name| some.has(name)));
        for name in [
            "charge",
            "acme:billing.refund",
            "acme:other.charge",
            "net_bind",
            "ipc_publish",
            "",
        ] {
            assert!(!some.has(name), "{name}");
        }
        let list = Capability::list(
            "acme:billing",
            "currencies",
            "a code",
            "[\"EUR\"]",
            "Charges in them.",
        );
        assert!(some.holds(&list));
        assert_eq!(some.entries(&list), ["EUR"]);
        let flag = Capability::flag("acme:billing", "charge", "Charges customers.");
        assert!(some.holds(&flag) && some.entries(&flag).is_empty());
        let granted = some.granted().last().expect("held");
        assert_eq!(
            (&*granted.name, granted.entries),
            (billing[1], &["EUR".to_owned()][..])
        );
        assert_eq!(
            granted.doc,
            "What the embedder's domain acme:billing calls `currencies`."
        );
    }
}
