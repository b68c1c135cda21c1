//! The guests: the program `noop`, once as capsules are shipped and once unoptimised, which makes it large.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use astrid_cli::authoring::{WASM_TARGET, componentize};
use astrid_e2e::folders;
use astrid_e2e::guests::{Guest, build_all};

use crate::Failure;

/// What "250 KB or more" has to be.
const LARGE: usize = 250_000;
/// What guests need of the target, and the workspace doesn't say.
const TARGET_FLAGS: &str = r#"target.wasm32-unknown-unknown.rustflags=["--cfg", 'getrandom_backend="custom"', "-C", "link-arg=-zstack-size=4194304"]"#;

/// The guests that are measured with.
pub(crate) struct Guests {
    /// The folder with their manifest.
    pub(crate) folder: PathBuf,
    /// As it is shipped.
    pub(crate) shipped: &'static [u8],
    /// Unoptimised: 250 KB or more.
    pub(crate) large: Vec<u8>,
}

/// Builds them.
pub(crate) fn build() -> Result<Guests, Failure> {
    eprintln!("building the guests");
    build_all()?;
    let folder = Guest::Noop.folder();
    let large = componentize(&std::fs::read(unoptimised(&folder)?)?)?;
    if large.len() < LARGE {
        let size = large.len();
        return Err(format!("the unoptimised guest has {size} bytes, not {LARGE} or more").into());
    }
    Ok(Guests {
        folder,
        shipped: Guest::Noop.component(),
        large,
    })
}

/// The core module that cargo makes of the crate in `folder` with its profile `dev`.
fn unoptimised(folder: &Path) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folder)
        .args(["build", "--quiet", "--lib", "--target", WASM_TARGET])
        .args(["--config", TARGET_FLAGS])
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_TARGET_DIR", folders::guests("unoptimised"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the unoptimised guest can't be built".into());
    }
    let module = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| Some(message["filenames"].as_array()?.clone()))
        .flatten()
        .filter_map(|file| Some(PathBuf::from(file.as_str()?)))
        .find(|file| file.file_name().is_some_and(|name| name == "noop.wasm"));
    Ok(module.ok_or("cargo made no noop.wasm")?)
}
