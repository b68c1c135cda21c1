//! Errors that many meet on this target because of what a crate expects of it, and what helps: the compiler's own
//! words speak of browsers and of other targets.

/// What cargo or the compiler says, and what the author can do.
struct Known {
    says: &'static [&'static str],
    help: &'static str,
}

const KNOWN: [Known; 5] = [
    Known {
        says: &["to use `uuid` on `wasm32-unknown-unknown`"],
        help: "uuid is to take its random bytes from the host: in Cargo.toml, \
               uuid = { version = \"1\", features = [\"v4\", \"rng-getrandom\"] }",
    },
    // Of 0.2; 0.3 and 0.4 differ in a few words.
    Known {
        says: &[
            "wasm*-unknown-unknown targets are not supported by default",
            "unknown-unknown targets are not supported by default",
            "unknown-unknown are not supported by default",
        ],
        help: "getrandom is to take its bytes from the host, through astrid-sdk: that the crate depends on astrid-sdk \
               is enough for version 0.2, versions 0.3 and 0.4 need the flags --cfg getrandom_backend=\"custom\", \
               which `astrid build` gives unless RUSTFLAGS or a cargo configuration chooses another backend",
    },
    // Of 0.1, which has no way to be given a source.
    Known {
        says: &["target is not supported, for more information see: https://docs.rs/getrandom"],
        help: "this getrandom is too old to be given a source of random bytes: have what depends on it use a newer \
               one; `cargo tree --target wasm32-unknown-unknown -i getrandom` shows what does",
    },
    Known {
        says: &[
            "This wasm target is unsupported by mio",
            "Only features sync,macros,io-util,rt,time are supported on wasm",
        ],
        help: "a capsule has no sockets and no threads of its own: give tokio only the features `sync`, `macros`, \
               `io-util` and `rt`, or do without it: the SDK's functions wait by themselves, and astrid_sdk::time \
               has the clock and the timers; `cargo tree --target wasm32-unknown-unknown -e features -i tokio` shows \
               what asks for more",
    },
    Known {
        says: &[
            "failed to find tool \"clang\"",
            "failed to find tool \"emcc\"",
            "error occurred in cc-rs",
        ],
        help: "a dependency compiles C, which this target has no library for: look for a feature that turns it off, \
               or for a crate in plain Rust",
    },
];

/// What helps with the first of these errors that was reported.
pub(super) fn help(said: &str) -> Option<&'static str> {
    let at = |known: &Known| known.says.iter().filter_map(|says| said.find(says)).min();
    let met = KNOWN
        .iter()
        .filter_map(|known| Some((at(known)?, known.help)));
    met.min().map(|(_, help)| help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_that_is_known_is_helped_with() {
        let uuid = "error: to use `uuid` on `wasm32-unknown-unknown`, specify a source of randomness using one of \
                    the `js`, `rng-getrandom`, or `rng-rand` features\n";
        let mio = "error: This wasm target is unsupported by mio (only the WASI and Emscripten wasm targets are \
                   supported). If using Tokio, disable the net feature.\n";
        assert!(help(uuid).unwrap().contains("rng-getrandom"));
        assert!(help(mio).unwrap().contains("tokio"));
        assert!(help(&format!("{mio}{uuid}")).unwrap().contains("tokio"));
        let getrandom = "error: The wasm32/64-unknown-unknown are not supported by default; you may need to enable \
                         the \"wasm_js\" crate feature.";
        assert!(help(getrandom).unwrap().contains("getrandom_backend"));
        assert_eq!(help("error[E0308]: mismatched types\n"), None);
    }
}
