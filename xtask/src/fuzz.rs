//! `cargo xtask fuzz`: each fuzz target of `host/fuzz` for a while, outside the gate. What a target asserts belongs to
//! the target; in here: what must be installed, seeds, and a line for each at the end. What is found becomes a test.
//!
//! With them goes [`STORE`], a test of the gate at length.

use std::{
    env, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process::Stdio,
    time::SystemTime,
};

use crate::{
    command::{self, Failure, cargo, root},
    target,
};

/// The store of keys and values against a model, for a million steps: minutes, whatever the seconds of a target.
const STORE: &str = "store";

/// Seconds for each target.
const SECONDS: u32 = 60;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// All if none are named.
    targets: Vec<String>,
    seconds: u32,
}

/// Builds and runs the targets that `args` name.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut known = targets().map_err(|source| Failure::File {
        path: folder().join("fuzz_targets"),
        source,
    })?;
    known.push(STORE.to_owned());
    let wanted = wanted(args, &known).map_err(|advice| Failure::NotRun { advice })?;
    if wanted.targets == [STORE] {
        return store();
    }
    cargo_fuzz()?;
    target::ensure()?;
    let lock = folder().join("Cargo.lock");
    take_lock(&root().join("Cargo.lock"), &lock)
        .map_err(|source| Failure::File { path: lock, source })?;
    let corpus = folder().join("corpus");
    command::run(
        cargo(&[
            "run",
            "--quiet",
            "--package",
            "astrid-e2e",
            "--bin",
            "seeds",
        ])
        .arg("--")
        .arg(&corpus),
    )?;
    let failed: Vec<_> = wanted
        .targets
        .iter()
        .filter(|target| match target.as_str() {
            STORE => store().is_err(),
            target => fuzz(target, wanted.seconds, &corpus).is_err(),
        })
        .collect();
    println!();
    for target in &wanted.targets {
        let outcome = if failed.contains(&target) {
            "FAILED"
        } else {
            "passed"
        };
        println!("  {outcome}  {target}");
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// Runs the test of the store, in 10,000 sequences of about 100 steps.
fn store() -> Result<(), Failure> {
    println!("\n=== {STORE}");
    command::run(
        cargo(&[
            "test",
            "--package",
            "astrid-host",
            "--lib",
            "storage::kv::file::tests::model",
        ])
        .env("ASTRID_TEST_KV_CASES", "10000"),
    )
}

/// Runs one target, in a folder for temporary files that is removed with whatever it left there.
fn fuzz(target: &str, seconds: u32, corpus: &Path) -> Result<(), Failure> {
    println!("\n=== {target}, {seconds} s");
    let build = built().join("fuzz");
    let temporary = build.join("tmp");
    fs::create_dir_all(&temporary).map_err(|source| Failure::File {
        path: temporary.clone(),
        source,
    })?;
    let outcome = command::run(
        // Sanitizers watch over `unsafe` code, which nothing here has: without them stable Rust will do, and more is
        // tried in the same time.
        cargo(&[
            "fuzz",
            "run",
            "--sanitizer",
            "none",
            "--codegen-units",
            "16",
        ])
        .args(["--fuzz-dir", "host/fuzz", "--target-dir"])
        .arg(&build)
        .args([target, "--"])
        .arg(format!("-max_total_time={seconds}"))
        .args([
            "-timeout=10",
            "-rss_limit_mb=4096",
            "-verbosity=0",
            "-print_final_stats=1",
        ])
        .env("TMPDIR", &temporary)
        .env("ASTRID_FUZZ_GUEST", corpus.join("exports/seed-noop")),
    );
    if let Err(failure) = &outcome {
        println!("{target}: {failure}");
    }
    // Left where it can't be removed; the next run will try again.
    let _ = fs::remove_dir_all(&temporary);
    outcome
}

/// Reads the arguments; the error says what is wrong with them.
fn wanted(args: &[String], known: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        targets: Vec::new(),
        seconds: SECONDS,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            wanted.seconds = args
                .next()
                .and_then(|seconds| seconds.parse().ok())
                .filter(|seconds| *seconds > 0)
                .ok_or("--seconds takes a number above 0")?;
        } else if known.contains(arg) {
            wanted.targets.push(arg.clone());
        } else {
            return Err(format!("no target `{arg}`; there are {}", known.join(", ")));
        }
    }
    if wanted.targets.is_empty() {
        wanted.targets = known.to_vec();
    }
    Ok(wanted)
}

/// The targets: a file each.
fn targets() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    root().join("host/fuzz")
}

/// Cargo's target folder.
fn built() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Says what to install where `cargo fuzz` is missing.
fn cargo_fuzz() -> Result<(), Failure> {
    let mut command = cargo(&["fuzz", "--version"]);
    let found = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(Failure::NotRun {
            advice: "`cargo fuzz` is missing: run `cargo install cargo-fuzz --locked`. \
                     It also needs a C++ compiler, such as g++ or clang++"
                .to_owned(),
        })
    }
}

/// Gives the targets the versions of the workspace, unless they have them: cargo adds the few that only they use.
fn take_lock(ours: &Path, theirs: &Path) -> io::Result<()> {
    let changed = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    match changed(theirs) {
        Ok(taken) if taken >= changed(ours)? => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => fs::copy(ours, theirs).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Wanted, String> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        wanted(&args, &["archive".to_owned(), "topic".to_owned()])
    }

    #[test]
    fn all_targets_run_for_a_minute_unless_said() {
        let all = read(&[]).unwrap();
        assert_eq!((all.targets.len(), all.seconds), (2, SECONDS));
        let one = read(&["topic", "--seconds", "5"]).unwrap();
        assert_eq!((one.targets, one.seconds), (vec!["topic".to_owned()], 5));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (args, why) in [
            (&["topics"][..], "there are archive, topic"),
            (&["--seconds"], "a number"),
            (&["--seconds", "0"], "above 0"),
            (&["--seconds", "a"], "a number"),
        ] {
            let error = read(args).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn each_target_is_a_program_of_its_crate() {
        let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
        let programs: Vec<_> = manifest
            .lines()
            .filter_map(|line| {
                line.strip_prefix("path = \"fuzz_targets/")?
                    .strip_suffix(".rs\"")
            })
            .collect();
        assert_eq!(targets().unwrap(), programs);
    }
}
