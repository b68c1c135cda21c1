//! The compilation target of guests: there, added, or an answer to what would bring it.

use std::{env, io, path::Path, process::Stdio};

use crate::command::{self, Failure};

const TARGET: &str = "wasm32-unknown-unknown";

/// Makes sure that guests can be compiled. Adds the target with rustup where it is missing, and says so.
pub(crate) fn ensure() -> Result<(), Failure> {
    if installed()? {
        return Ok(());
    }
    eprintln!("The target {TARGET} is missing; adding it: rustup target add {TARGET}");
    match command::run(command::program("rustup").args(["target", "add", TARGET])) {
        Ok(()) if installed()? => Ok(()),
        Ok(()) => Err(no_target(
            "rustup added it to another toolchain than the one that `rustc` belongs to",
        )),
        Err(Failure::Start { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(no_target("there is no rustup here to add it with"))
        }
        Err(failure) => Err(no_target(&failure.to_string())),
    }
}

/// Whether the compiler has a standard library for the target.
fn installed() -> Result<bool, Failure> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = command::program(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Failure::Start {
            program: rustc,
            source,
        })?;
    // The folder is named whether or not it is there.
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn no_target(why: &str) -> Failure {
    Failure::NoTarget {
        advice: format!(
            "the target {TARGET} is missing, so no guest can be compiled: {why}.\n\
             Either install Rust by rustup (https://rustup.rs) and run this again,\n\
             or install your distribution's package of that target's standard library, such as\n    \
             Debian, Ubuntu: libstd-rust-dev-wasm32\n    \
             Fedora:         rust-std-static-{TARGET}\n    \
             Arch Linux:     rust-wasm"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_says_what_is_missing_and_what_to_install() {
        let advice = no_target("there is no rustup here to add it with").to_string();
        for part in [
            TARGET,
            "no rustup",
            "https://rustup.rs",
            "libstd-rust-dev-wasm32",
        ] {
            assert!(advice.contains(part), "{part} is not in: {advice}");
        }
    }
}
