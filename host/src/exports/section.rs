//! The custom section `astrid:exports`, in which this project's SDK writes down what the author
//! implemented. It is JSON, in a core module of the component:
//!
//! ```json
//! { "v": 1, "sdk": "1.0.0", "crate": "guard", "exports": ["astrid-hook-trigger"],
//!   "handlers": [{ "action": "check", "topic": "user.v1.prompt", "priority": 20,
//!                  "on_error": "deny", "mode": null }] }
//! ```
//!
//! The SDK emits no stubs, so the list is the truth: what it doesn't list is not real, and what
//! it lists must be there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::limits::{HANDLERS, SECTION_BYTES, shown};
use super::{BinaryError, EntryPoint, Judgement};

/// The section's name.
pub const SECTION: &str = "astrid:exports";

/// The handler by which a capsule tells of its tools.
const DESCRIBE: &str = "tool_describe";

/// The version of the section's contents that this host reads.
const VERSION: u64 = 1;

/// A handler, as declared in the capsule's source. What is `None` there is left to the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerDecl {
    /// The action's name, by which the host asks for it.
    pub action: String,
    /// The topic pattern to which it is meant to be bound.
    pub topic: Option<String>,
    /// Its place in a chain: lower first.
    pub priority: Option<u32>,
    /// `deny` or `continue`: what counts when it gives no answer.
    pub on_error: Option<String>,
    /// `observe`: it runs beside the chain.
    pub mode: Option<String>,
}

/// The section's contents. Fields that this host doesn't know are left alone: what changes a
/// meaning changes `v`.
#[derive(Debug, Deserialize)]
pub(super) struct Section {
    pub(super) sdk: String,
    exports: BTreeSet<EntryPoint>,
    pub(super) handlers: Vec<HandlerDecl>,
}

/// Read before the rest, which may have any shape in another version.
#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// Parses the only section of the binary, if it has one.
pub(super) fn read(sections: &[&[u8]]) -> Result<Option<Section>, BinaryError> {
    let data = match sections {
        [] => return Ok(None),
        [data] => *data,
        _ => {
            return Err(BinaryError::SectionTwice {
                count: sections.len(),
            });
        }
    };
    if data.len() > SECTION_BYTES {
        return Err(BinaryError::SectionTooLarge {
            size: data.len(),
            limit: SECTION_BYTES,
        });
    }
    let Version { v } = serde_json::from_slice(data).map_err(|error| {
        let crates = crates_in(data);
        if crates.len() > 1 {
            BinaryError::SeveralCapsules { crates }
        } else {
            invalid(error)
        }
    })?;
    if v != VERSION {
        return Err(BinaryError::SectionVersion {
            found: v,
            known: VERSION,
        });
    }
    let section: Section = serde_json::from_slice(data).map_err(invalid)?;
    section.check()?;
    Ok(Some(section))
}

/// The crates of which a section's contents tell, an empty name for one that doesn't say it: of one, or of several
/// where the linker has joined the sections of crates that each have `#[capsule]`. Names are shortened and escaped.
/// Public for builds, which find it in a core module before there is a component to [`analyse`](super::analyse).
pub fn crates_in(data: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Of {
        #[serde(rename = "crate", default)]
        name: String,
    }
    let sections = serde_json::Deserializer::from_slice(data).into_iter::<Of>();
    let sections = sections.map_while(Result::ok).take(CRATES);
    sections.map(|of| shown(&of.name)).collect()
}

/// The most crates that are named as having entry points.
const CRATES: usize = 8;

fn invalid(error: impl std::fmt::Display) -> BinaryError {
    BinaryError::SectionInvalid {
        reason: shown(&error.to_string()),
    }
}

impl Section {
    fn check(&self) -> Result<(), BinaryError> {
        // What tells of the tools is there besides them: the SDK adds it.
        let describes = self.handlers.iter().any(|one| one.action == DESCRIBE);
        let count = self.handlers.len() - usize::from(describes);
        if count > HANDLERS {
            return Err(BinaryError::TooManyHandlers {
                count,
                limit: HANDLERS,
            });
        }
        for handler in &self.handlers {
            let one_of = |field: &str, value: &Option<String>, allowed: &[&str]| match value {
                Some(value) if !allowed.contains(&value.as_str()) => Err(invalid(format!(
                    "handler `{}` has {field} = `{value}`, which is not {}",
                    handler.action,
                    allowed.join(" or "),
                ))),
                _ => Ok(()),
            };
            one_of("on_error", &handler.on_error, &["deny", "continue"])?;
            one_of("mode", &handler.mode, &["observe"])?;
        }
        Ok(())
    }

    /// Judges the entry points that are `present` by the list.
    pub(super) fn judge(
        &self,
        present: &BTreeSet<EntryPoint>,
    ) -> Result<BTreeMap<EntryPoint, Judgement>, BinaryError> {
        if let Some(&export) = self.exports.difference(present).next() {
            return Err(BinaryError::ListedExportAbsent { export });
        }
        Ok(present
            .iter()
            .map(|&entry| {
                let judgement = if self.exports.contains(&entry) {
                    Judgement::real("listed in astrid:exports")
                } else {
                    Judgement::stub("exported, but not listed in astrid:exports")
                };
                (entry, judgement)
            })
            .collect())
    }
}
