//! How a running host ends: told to, killed, or left without its folder.

use std::time::{Duration, Instant};

use astrid_e2e::command::{Astrid, Output, Running};
use rustix::process::Signal;
use serde_json::json;

use crate::report::{GREET, Report, error, same, verdict};

/// How long something may take that takes milliseconds, on a machine that has much else to do.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Waits for something that happens soon.
pub(crate) fn wait(mut until: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < LONG {
        if until() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Starts a call that hangs, and waits until it does.
pub(crate) fn hanging(astrid: &Astrid, more: &[&str]) -> Result<Running, String> {
    let logged = || astrid.run(&["logs", "sleeper"]).stdout.lines().count();
    let before = logged();
    let call = astrid.start(&[&["invoke", "sleeper", "misbehave", "--json"], more].concat());
    if wait(|| logged() > before) {
        Ok(call)
    } else {
        Err(format!("it doesn't hang: {}", call.kill()))
    }
}

/// How a host that was told to stop has ended.
pub(crate) fn ended(
    report: &mut Report,
    output: &Output,
    drained: bool,
    took: Duration,
    limit: Duration,
) {
    report.answered(output, "", 0, |document| {
        same(&document["drained"], &json!(drained))?;
        if took > limit {
            return Err(format!("it took {} ms to end", took.as_millis()));
        }
        Ok(format!(
            "drained: {drained}, {} ms after it was told",
            took.as_millis()
        ))
    });
}

/// What is in flight is done before the host ends.
pub(crate) fn drained(report: &mut Report, astrid: &Astrid, running: Running) {
    let call = match hanging(astrid, &["--timeout", "1s"]) {
        Ok(call) => call,
        Err(error) => return report.broken(&error),
    };
    report.given("SIGTERM while that call is under way");
    let told = Instant::now();
    running.terminate();
    // Its own time is over, not the host's.
    report.answered(&call.wait(), "", 1, error("wall-timeout", "1s"));
    let output = running.wait();
    ended(report, &output, true, told.elapsed(), LONG);
}

/// What takes too long is cancelled.
pub(crate) fn cancelled(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    for (how, drain) in [("SIGTERM", "500ms"), ("SIGTERM, twice", "10m")] {
        let running = astrid.host(&["--json", "--drain", drain])?;
        let call = hanging(astrid, &[])?;
        report.given(&format!("{how} while a call hangs"));
        let told = Instant::now();
        running.terminate();
        if how != "SIGTERM" {
            // The first one was heard when nobody is let in any more.
            wait(|| !astrid.home().join("run/control.sock").exists());
            running.terminate();
        }
        let last_word = json!("cut short, because the capsule is being unloaded");
        report.answered(&call.wait(), "", 3, verdict("deny", last_word));
        let output = running.wait();
        // Two seconds after the deadline, and as much again for a slow machine.
        ended(
            report,
            &output,
            false,
            told.elapsed(),
            Duration::from_secs(10),
        );
    }
    if is_ignored(Signal::HUP) {
        // As below nohup: a host that is started so goes on.
        report.note("  SIGHUP is ignored here");
    } else {
        let running = astrid.host(&["--json"])?;
        report.given("SIGHUP: the terminal is closed");
        let told = Instant::now();
        running.signal(Signal::HUP);
        ended(report, &running.wait(), true, told.elapsed(), LONG);
    }
    left_alone(report, astrid)?;
    let running = astrid.host(&["--json"])?;
    report.ask(astrid, &["stop"], 0, |document| {
        same(&document["stopped"], &json!(running.pid()))?;
        Ok("stopped".into())
    });
    let output = running.wait();
    ended(report, &output, true, output.elapsed, LONG);
    Ok(())
}

/// Whether this process, and so its children, ignores a signal.
pub(crate) fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// A host whose socket and lock file are removed keeps its home, and is found again.
fn left_alone(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    let running = astrid.host(&["--json"])?;
    // A host that answers has written all that it writes there.
    report.ask(astrid, &["list"], 0, |_| Ok("it answers".into()));
    report.given("a host whose run/ was removed");
    let run = astrid.home().join("run");
    std::fs::remove_dir_all(&run).map_err(|error| error.to_string())?;
    report.ask(astrid, &["run"], 1, error("home", "already"));
    report.ask(astrid, &["list"], 0, |document| {
        same(&document[0]["state"], &json!("loaded"))?;
        Ok("it is found".into())
    });
    report.ask(astrid, &["stop"], 0, |document| {
        same(&document["stopped"], &json!(running.pid()))?;
        Ok("stopped".into())
    });
    let output = running.wait();
    ended(report, &output, true, output.elapsed, LONG);

    let running = astrid.host(&["--json"])?;
    report.ask(astrid, &["list"], 0, |_| Ok("it answers".into()));
    report.given("a host whose home is moved away");
    let (home, moved) = (astrid.home(), astrid.home().with_extension("moved"));
    std::fs::rename(&home, &moved).map_err(|error| error.to_string())?;
    let told = Instant::now();
    ended(report, &running.wait(), true, told.elapsed(), LONG);
    let remade = home.join("run").exists();
    report.line(
        "the home's old place",
        if remade {
            Err("a host made its run/ again".into())
        } else {
            Ok("nothing runs there".into())
        },
        String::new,
    );
    // What is written until the host notices.
    let _ = std::fs::remove_dir_all(&home);
    std::fs::rename(&moved, &home).map_err(|error| error.to_string())
}

/// A host that is just beginning is waited for.
pub(crate) fn begins(report: &mut Report, astrid: &Astrid) {
    let mut last = said(astrid, &["list"]);
    let asked = wait(|| {
        let is_up = |output: &Output| {
            let document = output.document().unwrap_or_default();
            document[0]["state"] == "loaded"
        };
        let over = last.code != 0 || is_up(&last);
        if !over {
            last = said(astrid, &["list"]);
        }
        over
    });
    let line = last.line.trim_end_matches(" --json").to_owned();
    let judged = if asked && last.code == 0 {
        Ok("never turned away, and answered by the host as soon as it is there".into())
    } else {
        Err("the host is not reached".to_owned())
    };
    report.line(&line, judged, || last.to_string());
}

/// A host that was killed leaves nothing that is in the way.
pub(crate) fn killed(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    let running = astrid.host(&[])?;
    running.kill();
    report.given("a host that was killed, and its socket");
    if !astrid.home().join("run/control.sock").exists() {
        return Err("a killed host has no socket".into());
    }
    let greeted = || verdict("final", json!({ "greeting": "Hello, Ada!" }));
    report.ask(astrid, &GREET, 0, greeted());
    let running = astrid.start(&["run"]);
    report.given("another one on the same home");
    begins(report, astrid);
    report.ask(astrid, &GREET, 0, greeted());
    report.ask(astrid, &["stop"], 0, |_| Ok("stopped".into()));
    running.wait();
    Ok(())
}

pub(crate) fn said(astrid: &Astrid, asked: &[&str]) -> Output {
    astrid.run(&[asked, &["--json"]].concat())
}
