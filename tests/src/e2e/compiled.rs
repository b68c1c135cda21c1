//! Compiled code: made by several processes at once, and not believed when it is not ours.

use std::path::PathBuf;
use std::thread;

use astrid_e2e::command::{Astrid, Output};
use astrid_e2e::folders;
use serde_json::json;

use crate::report::{Report, verdict};

/// How many processes compile the same capsule at the same time.
const PROCESSES: usize = 4;

/// Several processes over one home that holds neither compiled code nor a key for it.
pub(crate) fn at_once(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("Compiled code");
    let cache = astrid.home().join("cache");
    let failed = |error: std::io::Error| format!("{cache:?}: {error}");
    let kept = || -> Result<Vec<PathBuf>, String> {
        let entries = std::fs::read_dir(&cache).map_err(failed)?;
        entries
            .map(|entry| Ok(entry.map_err(failed)?.path()))
            .collect()
    };
    let greet = [
        "invoke",
        "hello",
        "greet",
        "--payload",
        r#"{"name": "Ada"}"#,
        "--json",
    ];
    let run = || astrid.run_in(&folders::root(), &greet, "");
    let greets = || verdict("final", json!({ "greeting": "Hello, Ada!" }));

    for path in kept()? {
        std::fs::remove_file(path).map_err(failed)?;
    }
    std::fs::remove_file(astrid.home().join("etc/cache.key")).map_err(failed)?;
    report.given("no compiled code and no key for it, and processes that start at once");
    let outputs: Vec<Output> = thread::scope(|scope| {
        let running: Vec<_> = (0..PROCESSES).map(|_| scope.spawn(run)).collect();
        running
            .into_iter()
            .filter_map(|one| one.join().ok())
            .collect()
    });
    for output in &outputs {
        report.answered(output, "", 0, greets());
    }
    let [entry] = &kept()?[..] else {
        return Err(format!("{:?} is kept, and not one entry", kept()?));
    };
    let read = || std::fs::read(entry).map_err(failed);
    let whole = read()?;
    let made = || {
        entry
            .metadata()
            .and_then(|found| found.modified())
            .map_err(failed)
    };
    let time = made()?;
    report.answered(&run(), "", 0, greets());
    if made()? != time {
        return Err("what they kept was not used".into());
    }

    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (given, bytes) in [
        ("a bit of it is flipped", &flipped[..]),
        ("half of it", &whole[..whole.len() / 2]),
    ] {
        std::fs::write(entry, bytes).map_err(failed)?;
        report.given(given);
        report.answered(&run(), "", 0, greets());
        if read()? == bytes {
            return Err("damaged code was kept".into());
        }
    }
    Ok(())
}
