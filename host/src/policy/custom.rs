//! Whether a host knows what a manifest asks of the domains of embedders; said before any code of the capsule runs.

use crate::manifest::{Capabilities, Capability, CustomValue, Kind};
use crate::nearest;

/// A capability that no domain of a host declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCapability {
    /// No domain declares capabilities in the namespace.
    #[error("it asks for capabilities of `{namespace}`, and this host has no domain of that name")]
    Namespace {
        /// The namespace.
        namespace: String,
        /// The namespaces there are.
        known: Vec<&'static str>,
    },
    /// A domain declares others.
    #[error("it asks for the capability `{namespace}.{key}`, and the domain has none of that name")]
    Key {
        /// The namespace.
        namespace: String,
        /// The key.
        key: String,
        /// The keys there are.
        known: Vec<&'static str>,
    },
    /// A domain declares it, and the manifest gives it another kind of value.
    #[error("it asks for the capability `{capability}` with a value of another kind than {}", .capability.kind)]
    Kind {
        /// The capability.
        capability: &'static Capability,
    },
}

impl UnknownCapability {
    /// What would help.
    pub fn hint(&self) -> String {
        match self {
            Self::Namespace { namespace, known } => match nearest(namespace, known.iter().copied())
            {
                Some(near) => format!("did you mean [capabilities.\"{near}\"]?"),
                None => {
                    "a host whose embedder adds that domain with HostBuilder::domain would load it"
                        .into()
                }
            },
            Self::Key { key, known, .. } => match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has: {}", known.join(", ")),
            },
            Self::Kind { capability } => {
                format!(
                    "write in {} in Capsule.toml: {}",
                    capability.table(),
                    capability.line()
                )
            }
        }
    }
}

/// Checks what is asked of the domains of embedders, also where it is `false` or empty, against what they declare.
///
/// # Errors
/// The first namespace or key that none of them declares, or declares otherwise.
pub fn check_custom(
    asked: &Capabilities,
    known: &[&'static Capability],
) -> Result<(), UnknownCapability> {
    for (namespace, keys) in &asked.custom {
        let declared = || {
            known
                .iter()
                .filter(|row| row.namespace == Some(namespace.as_str()))
        };
        if declared().next().is_none() {
            let mut known: Vec<_> = known.iter().filter_map(|row| row.namespace).collect();
            known.dedup();
            return Err(UnknownCapability::Namespace {
                namespace: namespace.clone(),
                known,
            });
        }
        for (key, value) in keys {
            let Some(row) = declared().find(|row| row.key == key) else {
                return Err(UnknownCapability::Key {
                    namespace: namespace.clone(),
                    key: key.clone(),
                    known: declared().map(|row| row.key).collect(),
                });
            };
            if !fits(row.kind, value) {
                return Err(UnknownCapability::Kind { capability: row });
            }
        }
    }
    Ok(())
}

fn fits(kind: Kind, value: &CustomValue) -> bool {
    match (kind, value) {
        (Kind::Flag, CustomValue::Flag(_)) | (Kind::List(_), CustomValue::List(_)) => true,
        (Kind::Levels(levels), CustomValue::List(list)) => {
            list.iter().all(|level| levels.contains(&level.as_str()))
        }
        (Kind::Flag, CustomValue::List(_))
        | (Kind::List(_) | Kind::Levels(_), CustomValue::Flag(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::CapsuleManifest;

    const KNOWN: &[Capability] = &[
        Capability::flag("acme:billing", "charge", "Charges customers."),
        Capability::list(
            "acme:billing",
            "currencies",
            "a code",
            "[\"EUR\"]",
            "Charges in these currencies.",
        ),
        Capability::flag("acme:mail", "send", "Sends mail."),
    ];

    /// Why a manifest that ends so is refused, and what would help.
    fn refusal(rest: &str, known: &'static [Capability]) -> Option<String> {
        let text = format!("[package]\nname = \"a\"\nversion = \"1.0.0\"\n{rest}");
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml").expect("a manifest");
        let checked = check_custom(
            &parsed.manifest.capabilities,
            &known.iter().collect::<Vec<_>>(),
        );
        checked
            .err()
            .map(|error| format!("{error}: {}", error.hint()))
    }

    #[test]
    fn what_is_declared_is_known() {
        let all = "[capabilities]\nnet = [\"*\"]\n[capabilities.\"acme:billing\"]\ncharge = true\n\
                   currencies = [\"EUR\"]\n[capabilities.\"acme:mail\"]\n";
        assert_eq!(refusal(all, KNOWN), None);
        assert_eq!(refusal("", &[]), None);
    }

    #[test]
    fn the_first_that_is_not_declared_is_named() {
        let charge = "[capabilities.\"acme:billing\"]\ncharge = true";
        for (rest, known, reason) in [
            (
                charge,
                &[][..],
                "it asks for capabilities of `acme:billing`, and this host has no domain of that name: a host whose \
                 embedder adds that domain with HostBuilder::domain would load it",
            ),
            (
                "[capabilities.\"acme:biling\"]\ncharge = false",
                KNOWN,
                "it asks for capabilities of `acme:biling`, and this host has no domain of that name: did you mean \
                 [capabilities.\"acme:billing\"]?",
            ),
            (
                "[capabilities.\"acme:billing\"]\nchange = false",
                KNOWN,
                "it asks for the capability `acme:billing.change`, and the domain has none of that name: did you mean \
                 `charge`?",
            ),
            (
                "[capabilities.\"acme:billing\"]\nrefund = true",
                KNOWN,
                "it asks for the capability `acme:billing.refund`, and the domain has none of that name: it has: \
                 charge, currencies",
            ),
            (
                "[capabilities.\"acme:billing\"]\ncharge = [\"EUR\"]",
                KNOWN,
                "it asks for the capability `acme:billing.charge` with a value of another kind than `true` or `false`: \
                 write in [capabilities.\"acme:billing\"] in Capsule.toml: charge = true",
            ),
            (
                "[capabilities.\"acme:billing\"]\ncurrencies = true",
                KNOWN,
                "it asks for the capability `acme:billing.currencies` with a value of another kind than a list: a code: \
                 write in [capabilities.\"acme:billing\"] in Capsule.toml: currencies = [\"EUR\"]",
            ),
        ] {
            assert_eq!(refusal(rest, known).as_deref(), Some(reason));
        }
    }
}
