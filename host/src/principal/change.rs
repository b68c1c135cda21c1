//! A change of some keys of a profile, by which comments and the order of the file stay.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use toml_edit::{Array, DocumentMut, Item, Table, value};

use crate::names::CapsuleName;

/// What changes in a profile; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileChange {
    /// Whether calls for it are taken.
    pub enabled: Option<bool>,
    /// Limits by their keys below `[limits]`; without a value, the key goes.
    pub limits: Vec<(ProfileLimit, Option<u64>)>,
    /// The capsules that may be called for it; `Some(None)` is all.
    pub capsules: Option<Option<BTreeSet<CapsuleName>>>,
}

/// A key of `[limits]` of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileLimit {
    /// Linear memory of all instances together, in bytes.
    Memory,
    /// CPU time of a call, in milliseconds.
    CpuMs,
    /// Wall time of a call, in milliseconds.
    WallMs,
    /// Bytes of files, keys and values with all capsules.
    Storage,
    /// Events in flight.
    Events,
    /// Bytes a second that are published.
    PublishBytes,
}

impl ProfileLimit {
    /// The key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::CpuMs => "cpu_ms",
            Self::WallMs => "wall_ms",
            Self::Storage => "storage",
            Self::Events => "events",
            Self::PublishBytes => "publish_bytes",
        }
    }
}

impl ProfileChange {
    /// A limit that TOML has no number for, if there is one.
    pub fn too_large(&self) -> Option<(ProfileLimit, u64)> {
        let mut amounts = self.limits.iter();
        amounts.find_map(|(limit, amount)| {
            let amount = (*amount)?;
            i64::try_from(amount).is_err().then_some((*limit, amount))
        })
    }

    /// The text of a profile with the change.
    ///
    /// # Errors
    /// The text is no profile, or a value is larger than TOML can say.
    pub(super) fn applied(&self, text: &str) -> Result<String, String> {
        let mut profile: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
        if let Some(enabled) = self.enabled {
            profile["enabled"] = value(enabled);
        }
        match &self.capsules {
            None => {}
            Some(None) => drop(profile.remove("capsules")),
            Some(Some(capsules)) => {
                let names: Array = capsules.iter().map(CapsuleName::as_str).collect();
                profile["capsules"] = value(names);
            }
        }
        for (limit, amount) in &self.limits {
            let key = limit.as_str();
            let limits = profile.entry("limits").or_insert(Item::Table(Table::new()));
            let limits = limits.as_table_like_mut().ok_or("`limits` is no table")?;
            match amount {
                None => drop(limits.remove(key)),
                Some(amount) => {
                    let amount = i64::try_from(*amount)
                        .map_err(|_| format!("{key} = {amount} is larger than TOML can say"))?;
                    // In place, so that a comment beside it stays.
                    match limits.get_mut(key).and_then(Item::as_value_mut) {
                        Some(there) => {
                            let decor = there.decor().clone();
                            *there = amount.into();
                            *there.decor_mut() = decor;
                        }
                        None => drop(limits.insert(key, value(amount))),
                    }
                }
            }
        }
        Ok(profile.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_stay() {
        let before = "# Ada's\n\n[limits] # hers\nwall_ms = 5 # short\nmemory = 1\n";
        let change = ProfileChange {
            limits: vec![
                (ProfileLimit::WallMs, Some(7)),
                (ProfileLimit::Storage, Some(9)),
                (ProfileLimit::Memory, None),
            ],
            ..ProfileChange::default()
        };
        let after = change.applied(before).expect("applied");
        assert_eq!(
            after,
            "# Ada's\n\n[limits] # hers\nwall_ms = 7 # short\nstorage = 9\n"
        );
    }

    #[test]
    fn only_what_is_named_changes() {
        let capsules = BTreeSet::from(["a", "b"].map(|name| name.parse().expect("a name")));
        let change = ProfileChange {
            enabled: Some(false),
            capsules: Some(Some(capsules)),
            ..ProfileChange::default()
        };
        let after = change.applied("[limits]\ncpu_ms = 3\n").expect("applied");
        assert_eq!(
            after,
            "enabled = false\ncapsules = [\"a\", \"b\"]\n[limits]\ncpu_ms = 3\n"
        );
        let all = ProfileChange {
            capsules: Some(None),
            ..ProfileChange::default()
        };
        let after = all.applied(&after).expect("applied");
        assert_eq!(after, "enabled = false\n[limits]\ncpu_ms = 3\n");
        assert!(all.applied("limits = ").is_err());
    }
}
