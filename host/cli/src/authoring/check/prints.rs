//! Whether a component prints: what `println!` writes goes nowhere, for a capsule has no standard streams, and the
//! standard library of its target says nothing of that.
//!
//! The names of functions, which a build keeps for backtraces, tell: the linker leaves out what is never called, and
//! nothing else uses these streams, the standard library's own panic messages included.

use wasmparser::{BinaryReaderError, KnownCustom, Name, Parser, Payload};

use super::Finding;

/// The module of the standard library that has the standard streams, as it is named in a path.
const STREAMS: &str = "std::io::stdio::";

/// A warning if the component writes to standard output or standard error, or reads standard input. Nothing is found
/// in a component without names, or in what is none.
#[must_use]
pub fn check_prints(component: &[u8]) -> Option<Finding> {
    uses_streams(component)
        .unwrap_or(false)
        .then(|| {
            Finding::warning(
                "it prints (`println!`, `eprintln!`, `dbg!` or std's own streams), or a crate in it does, and a \
                 capsule has no standard streams: what is printed is lost. Log it instead, with `log::info!` and its \
                 like of astrid_sdk",
            )
        })
}

fn uses_streams(component: &[u8]) -> Result<bool, BinaryReaderError> {
    for payload in Parser::new(0).parse_all(component) {
        let Payload::CustomSection(section) = payload? else {
            continue;
        };
        let KnownCustom::Name(names) = section.as_known() else {
            continue;
        };
        for name in names {
            let Name::Function(functions) = name? else {
                continue;
            };
            for function in functions {
                if is_of_streams(function?.name) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn is_of_streams(name: &str) -> bool {
    // Most names don't have to be demangled for it.
    // Without the crates' hashes.
    let path = |name| format!("{:#}", rustc_demangle::demangle(name));
    name.contains("stdio") && path(name).contains(STREAMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose functions have these names.
    fn named(names: &[&str]) -> Vec<u8> {
        let mut map = wasm_encoder::NameMap::new();
        for (at, name) in (0..).zip(names) {
            map.append(at, name);
        }
        let mut section = wasm_encoder::NameSection::new();
        section.functions(&map);
        let mut module = wasm_encoder::Module::new();
        module.section(&section);
        module.finish()
    }

    #[test]
    fn what_prints_is_told_by_its_names() {
        for name in [
            "_RNvNtNtCsebHcaeoSrxy_3std2io5stdio6__print",
            "_ZN3std2io5stdio7_eprint17h0123456789abcdefE",
            "std::io::stdio::_print",
            "_RNvXse_NtNtCsebHcaeoSrxy_3std2io5stdioRNtB5_6StdoutNtB7_5Write9write_fmt",
        ] {
            assert!(check_prints(&named(&["run", name])).is_some(), "{name}");
        }
        let harmless = [
            "run",
            "mine::stdio::print",
            "_ZN4mine5stdio17h0123456789abcdefE",
        ];
        assert_eq!(check_prints(&named(&harmless)), None);
        assert_eq!(check_prints(b"no wasm"), None);
    }
}
