//! From the core module that cargo made to a component.
//!
//! The types of a capsule's imports and exports are in custom sections that the SDK's bindings left in the module;
//! from them the encoder makes the component around it. What cannot work on a host is refused here, in the words
//! of someone who writes a capsule.

use astrid_host::exports::{BinaryError, SECTION, crates_in};
use thiserror::Error;
use wasm_encoder::RawSection;
use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// The custom section in which `#[capsule]` writes what a crate was built as and its folder, a line each: for the build
/// to see whose module it has. It stays out of the component.
const SOURCE: &str = "astrid:source";

/// The most names that an error lists.
const LISTED: usize = 8;

/// Why no component can be made of a module.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentizeError {
    /// The bytes are no WebAssembly, or damaged.
    #[error("not a WebAssembly module: {0}")]
    NotWasm(wasmparser::BinaryReaderError),
    /// It is a component already.
    #[error("it is a component already")]
    AlreadyComponent,
    /// No entry point of a capsule is in it.
    #[error("the crate exports nothing that a host could call")]
    NothingExported,
    /// Several crates in it have entry points.
    #[error(transparent)]
    SeveralCapsules(BinaryError),
    /// It was built against a system interface that capsules do not have.
    #[error("it imports WASI, which capsules do not have: {}", listed(.0))]
    Wasi(Vec<String>),
    /// A crate in it expects a browser around it.
    #[error("it imports functions of JavaScript: {}", listed(.0))]
    JavaScript(Vec<String>),
    /// It calls functions that are nowhere.
    #[error("it calls functions that nothing defines: {}", listed(.0))]
    Undefined(Vec<String>),
    /// The encoder refused for another reason.
    #[error("no component can be made of it: {0}")]
    Encode(String),
}

impl ComponentizeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NothingExported => {
                "put `#[capsule]` on an impl block, and `#[astrid::hook(\"name\")]` on a method in it"
            }
            // Its text ends with it.
            Self::SeveralCapsules(_) => return None,
            Self::Wasi(_) => {
                "build for wasm32-unknown-unknown, and use the SDK's modules in place of std's files, sockets and \
                 environment; `cargo tree --target wasm32-unknown-unknown` shows what the crate depends on"
            }
            Self::JavaScript(_) => {
                "a dependency is built for browsers: look for a feature called `js`, `wasm-bindgen` or `wasmbind` \
                 and turn it off; `cargo tree --target wasm32-unknown-unknown -i wasm-bindgen` shows who asks for it. The \
                 time is in astrid_sdk::time, and getrandom has its bytes from the host"
            }
            Self::Undefined(_) => {
                "a dependency counts on a library of the system or on C code that was not built for wasm"
            }
            Self::NotWasm(_) | Self::Encode(_) => "remove the target folder and build again",
            Self::AlreadyComponent => "build for wasm32-unknown-unknown, as `astrid build` does",
        };
        Some(hint.to_owned())
    }
}

/// Makes a component of a core module: debug information and the linker's own sections go, the names of functions
/// (for backtraces) and what the SDK says of the exports stay. The result is validated.
///
/// # Errors
/// Every [`ComponentizeError`].
pub fn componentize(core: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let module = Module::read(core)?;
    // What it imports wrongly says more than that it exports nothing: it was not meant to be a capsule.
    module.refuse_foreign_imports()?;
    let crates = crates_in(&module.exports);
    if crates.len() > 1 {
        let several = BinaryError::SeveralCapsules { crates };
        return Err(ComponentizeError::SeveralCapsules(several));
    }
    if !module.exports_something()? {
        return Err(ComponentizeError::NothingExported);
    }
    let encoded = ComponentEncoder::default()
        .module(&module.stripped)
        .map(|encoder| encoder.merge_imports_based_on_semver(false).validate(true));
    encoded
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| ComponentizeError::Encode(format!("{error:#}")))
}

/// What is to be known of a module, and its bytes without what nobody needs.
struct Module {
    stripped: Vec<u8>,
    /// Module and name of each import.
    imports: Vec<(String, String)>,
    /// The contents of all sections `astrid:exports`.
    exports: Vec<u8>,
    /// Whether any bindings left their types in it.
    typed: bool,
}

impl Module {
    fn read(core: &[u8]) -> Result<Self, ComponentizeError> {
        let mut stripped = wasm_encoder::Module::new();
        let mut imports = Vec::new();
        let mut exports = Vec::new();
        let mut typed = false;
        for payload in Parser::new(0).parse_all(core) {
            let payload = payload.map_err(ComponentizeError::NotWasm)?;
            match &payload {
                Payload::Version {
                    encoding: Encoding::Component,
                    ..
                } => {
                    return Err(ComponentizeError::AlreadyComponent);
                }
                Payload::ImportSection(section) => {
                    for import in section.clone().into_imports() {
                        let import = import.map_err(ComponentizeError::NotWasm)?;
                        imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::CustomSection(section) if is_dropped(section.name()) => continue,
                Payload::CustomSection(section) => {
                    typed |= section.name().starts_with("component-type");
                    if section.name() == SECTION {
                        exports.extend_from_slice(section.data());
                    }
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                // The range is one that the parser has just read from these bytes.
                stripped.section(&RawSection {
                    id,
                    data: core.get(range).unwrap_or_default(),
                });
            }
        }
        Ok(Self {
            stripped: stripped.finish(),
            imports,
            exports,
            typed,
        })
    }

    /// Whether it has bindings, and not of imports only.
    fn exports_something(&self) -> Result<bool, ComponentizeError> {
        if !self.typed {
            return Ok(false);
        }
        let (_, bindings) = wit_component::metadata::decode(&self.stripped)
            .map_err(|error| ComponentizeError::Encode(format!("{error:#}")))?;
        Ok(!bindings.resolve.worlds[bindings.world].exports.is_empty())
    }

    fn refuse_foreign_imports(&self) -> Result<(), ComponentizeError> {
        let named = |matches: fn(&str) -> bool| -> Vec<String> {
            let imports = self.imports.iter().filter(|(module, _)| matches(module));
            imports
                .map(|(module, name)| format!("{module}.{name}"))
                .collect()
        };
        let wasi = named(|module| matches!(module, "wasi_snapshot_preview1" | "wasi_unstable"));
        if !wasi.is_empty() {
            return Err(ComponentizeError::Wasi(wasi));
        }
        let javascript =
            named(|module| module.starts_with("__wbindgen_") || module.starts_with("wbg"));
        if !javascript.is_empty() {
            return Err(ComponentizeError::JavaScript(javascript));
        }
        let undefined = named(|module| module == "env");
        if !undefined.is_empty() {
            return Err(ComponentizeError::Undefined(undefined));
        }
        Ok(())
    }
}

/// Sections of the compiler's and the linker's that say nothing to a host. `producers` stays: 100 bytes that tell
/// which compiler it was.
fn is_dropped(section: &str) -> bool {
    section.starts_with(".debug_")
        || section.starts_with("reloc.")
        || matches!(
            section,
            "linking" | "target_features" | "sourceMappingURL" | "external_debug_info" | SOURCE
        )
}

/// What a core module says of the crates with `#[capsule]` that are in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// The folders of those that were built for their entry points.
    pub(super) finals: Vec<String>,
    /// The folders of those that were built as libraries of others.
    pub(super) libraries: Vec<String>,
    /// The names of those that have entry points in it; empty for one that doesn't say its own.
    pub(super) with_entry_points: Vec<String>,
}

impl Sources {
    /// Reads them; a module that is damaged says nothing.
    pub(super) fn of(core: &[u8]) -> Self {
        let mut sources = Self::default();
        for payload in Parser::new(0).parse_all(core).map_while(Result::ok) {
            let Payload::CustomSection(section) = payload else {
                continue;
            };
            if section.name() == SECTION {
                sources.with_entry_points.extend(crates_in(section.data()));
            } else if section.name() == SOURCE {
                for line in String::from_utf8_lossy(section.data()).lines() {
                    match line.split_once(' ') {
                        Some(("final", folder)) => sources.finals.push(folder.to_owned()),
                        Some(("library", folder)) => sources.libraries.push(folder.to_owned()),
                        _ => {}
                    }
                }
            }
        }
        sources
    }
}

fn listed(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(LISTED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
#[path = "componentize_tests.rs"]
mod tests;
