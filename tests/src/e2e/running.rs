//! A running host: every command beside it, strangers at its socket, and each way that it ends.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use astrid_e2e::command::{Astrid, Output, Running};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::control::VERSION;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::hostile::install;
use crate::report::{GREET, Judged, Report, error, same, verdict};

/// How long something may take that takes milliseconds, on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(60);
/// More connections than a host lets be silent at once.
const SILENT: usize = 100;
/// Followers of logs that a host takes at once.
const FOLLOWERS: usize = 32;

/// What is asked without a host and beside one, to the same effect.
const EITHER_WAY: &[&[&str]] = &[
    &[
        "invoke",
        "hello",
        "greet",
        "--payload",
        r#"{"name": "Ada"}"#,
    ],
    &["invoke", "hello", "greet"],
    &["invoke", "hello", "gret"],
    &["invoke", "helo", "greet"],
    &["invoke", "hello", "greet", "--principal", "eve"],
    &["invoke", "hello", "greet", "--payload", "{"],
    &[
        "invoke",
        "guard",
        "check",
        "--payload",
        r#"{"text": "use ghp_0123456789abcdefghij"}"#,
    ],
    &["invoke", "panic", "misbehave"],
    &["invoke", "sleeper", "misbehave", "--timeout", "100ms"],
    &[
        "publish",
        "user.v1.prompt",
        "--payload",
        r#"{"text": "hello"}"#,
    ],
    &[
        "publish",
        "user.v1.prompt",
        "--payload",
        r#"{"text": "use ghp_0123456789abcdefghij"}"#,
    ],
    &["publish", "nobody.v1.cares"],
    &["publish", "user..prompt"],
    &["tools"],
    &["call", "forecast", "--arguments", r#"{"city": "Oslo"}"#],
    &["call", "forecast", "--arguments", r#"{"city": "Atlantis"}"#],
    &["call", "forcast"],
    &["inspect", "guard"],
    &["check", "guard"],
    &["verify"],
    &["verify", "nobody"],
    &["principal", "list"],
    &["principal", "add", "default"],
    &["principal", "disable", "nobody"],
    &["remove", "nobody"],
    &["logs", "guard", "--principal", "dave"],
    &["logs", "nobody"],
    &["install", "nowhere", "--yes"],
    &["install", "hello"],
    &["install", "hello", "--yes"],
];

/// All of it, in a home of its own.
pub(crate) fn host(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    let here = astrid.workspace();
    for guest in [
        Guest::Hello,
        Guest::Guard,
        Guest::WeatherTool,
        Guest::Panic,
        Guest::Sleeper,
    ] {
        install(&astrid, guest)?;
    }
    Guest::Responder
        .lay_out(&here)
        .map_err(|error| error.to_string())?;

    astrid.run(&["principal", "add", "dave"]);

    report.chapter("A running host");
    report.ask_in(
        &astrid,
        &here,
        &["stop"],
        "",
        1,
        error("control", "astrid run"),
    );
    let alone: Vec<_> = EITHER_WAY
        .iter()
        .map(|asked| said(&astrid, asked))
        .collect();
    let running = astrid.host(&["--json", "--drain", "30s"])?;
    report.given("astrid run");
    report.ask_in(&astrid, &here, &["run"], "", 1, error("home", "already"));
    for (asked, alone) in EITHER_WAY.iter().zip(&alone) {
        either_way(report, &astrid, asked, alone);
    }
    changes(report, &astrid);
    paused(report, &astrid);
    logs(report, &astrid);
    followers(report, &astrid);
    strangers(report, &astrid)?;
    drained(report, &astrid, running);
    cancelled(report, &astrid)?;
    killed(report, &astrid)
}

fn said(astrid: &Astrid, asked: &[&str]) -> Output {
    astrid.run(&[asked, &["--json"]].concat())
}

/// A document without what differs from call to call, or says that a host runs.
fn settled(output: &Output) -> Result<Value, String> {
    fn settle(value: &mut Value) {
        const VOLATILE: [&str; 4] = ["elapsed_us", "memory_peak", "instance", "previous"];
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !VOLATILE.contains(&name.as_str()));
                fields.values_mut().for_each(settle);
            }
            Value::Array(items) => items.iter_mut().for_each(settle),
            // How long a guest computed, in a message.
            Value::String(text) if text.contains("it computed for") => *text = "late".into(),
            _ => {}
        }
    }
    let mut document = output.document()?;
    settle(&mut document);
    Ok(document)
}

/// The same exit code and document as without a host.
fn either_way(report: &mut Report, astrid: &Astrid, asked: &[&str], alone: &Output) {
    let beside = said(astrid, asked);
    let judged = || {
        same(&json!(beside.code), &json!(alone.code))?;
        same(&settled(&beside)?, &settled(alone)?)?;
        Ok(format!(
            "as without a host: exit code {}, {} ms instead of {}",
            beside.code,
            beside.elapsed.as_millis(),
            alone.elapsed.as_millis()
        ))
    };
    let line = beside.line.trim_end_matches(" --json").to_owned();
    report.line(&line, judged(), || {
        format!("{beside}\nwithout a host:\n{alone}")
    });
}

/// What changes the home changes the host.
fn changes(report: &mut Report, astrid: &Astrid) {
    let here = astrid.workspace();
    let state = |name: &'static str, expected: Value| {
        move |listed: &Value| {
            let one = listed.as_array().into_iter().flatten();
            let one = one.filter(|one| one["name"] == name);
            let found: Vec<_> = one.map(|one| one["state"].clone()).collect();
            same(&json!(found), &expected)?;
            Ok(format!("{name}: {expected}"))
        }
    };
    let mut ask = |asked: &[&str], code, judge: Box<dyn FnOnce(&Value) -> Judged>| {
        report.ask_in(astrid, &here, asked, "", code, judge);
    };
    ask(&["list"], 0, Box::new(state("responder", json!([]))));
    ask(
        &["install", "responder", "--yes"],
        0,
        Box::new(|_| Ok("installed, and loaded".into())),
    );
    ask(
        &["list"],
        0,
        Box::new(state("responder", json!(["loaded"]))),
    );
    let prompt = [
        "publish",
        "user.v1.prompt",
        "--payload",
        r#"{"text": "hello"}"#,
    ];
    ask(
        &prompt,
        0,
        Box::new(|document| {
            same(&document["verdict"], &json!("final"))?;
            Ok("answered by the one that was just installed".into())
        }),
    );
    ask(
        &["reload", "responder"],
        0,
        Box::new(|_| Ok("loaded anew".into())),
    );
    ask(
        &["reload", "respnder"],
        1,
        Box::new(error("not-found", "did you mean responder")),
    );
    ask(
        &["remove", "responder"],
        0,
        Box::new(|_| Ok("removed, and unloaded".into())),
    );
    ask(
        &prompt,
        0,
        Box::new(|document| {
            same(&document["verdict"], &json!("continue"))?;
            Ok("nobody answers any more".into())
        }),
    );
    ask(
        &["principal", "add", "carol"],
        0,
        Box::new(|_| Ok("added".into())),
    );
    let carol = [
        "invoke",
        "hello",
        "greet",
        "--payload",
        r#"{"name": "Carol"}"#,
        "--principal",
        "carol",
    ];
    ask(
        &carol,
        0,
        Box::new(verdict("final", json!({ "greeting": "Hello, Carol!" }))),
    );
    ask(
        &["principal", "disable", "carol"],
        0,
        Box::new(|_| Ok("disabled".into())),
    );
    ask(&carol, 3, Box::new(error("disabled", "carol")));
}

/// A run loop acts for its owner, and so for nobody while that one is disabled.
fn paused(report: &mut Report, astrid: &Astrid) {
    let ticker = Guest::Ticker.lay_out(&astrid.workspace());
    ticker.expect("a folder in the workspace");
    report.ask_in(
        astrid,
        &astrid.workspace(),
        &["install", "ticker", "--yes"],
        "",
        0,
        |_| Ok("installed, with a run loop".into()),
    );
    let is = |expected: &str| {
        let listed = said(astrid, &["list"]);
        let document: Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
        let mut all = document.as_array().into_iter().flatten();
        all.any(|one| one["name"] == "ticker" && one["state"] == expected)
    };
    for (verb, expected) in [("disable", "paused"), ("enable", "ready")] {
        let told = astrid.run(&["principal", verb, "default"]);
        let judged = if wait(|| is(expected)) {
            Ok(format!("ticker, which is its own, is {expected}"))
        } else {
            Err(format!("ticker is never {expected}"))
        };
        let line = format!("astrid principal {verb} default");
        report.line(&line, judged, || told.to_string());
    }
    astrid.run(&["remove", "ticker"]);
}

/// A log is followed as it is written.
fn logs(report: &mut Report, astrid: &Astrid) {
    let follower = astrid.start(&["logs", "--follow", "hello"]);
    let mut judged = Ok(String::new());
    for name in ["Grace", "Barbara"] {
        let payload = format!(r#"{{"name": "{name}"}}"#);
        astrid.run(&["invoke", "hello", "greet", "--payload", &payload]);
        if !wait(|| follower.said().contains(&format!("greeting {name}"))) {
            judged = Err(format!("nothing was said of {name}"));
        }
    }
    let said = follower.kill();
    let judged = judged.map(|_: String| {
        format!(
            "{} lines, the last ones as they came",
            said.stdout.lines().count()
        )
    });
    report.line("astrid logs --follow hello", judged, || said.to_string());
}

/// As many as may follow a log, one more, and those whose output nobody reads any more.
fn followers(report: &mut Report, astrid: &Astrid) {
    let follow = ["logs", "--follow", "hello"];
    let mut followers: Vec<_> = (0..FOLLOWERS).map(|_| astrid.start(&follow)).collect();
    if !wait(|| followers.iter().all(|follower| !follower.said().is_empty())) {
        return report.broken("a log is not followed");
    }
    report.given(&format!("{FOLLOWERS} processes that follow a log"));
    let refused = astrid.run(&follow);
    let judged = if refused.code == 1 && refused.stderr.contains("32 followers of logs") {
        Ok("refused, with the number".into())
    } else {
        Err("it is not refused".to_owned())
    };
    report.line(&refused.line, judged, || refused.to_string());
    report.ask(
        astrid,
        &["list"],
        0,
        |_| Ok("has a place of its own".into()),
    );
    drop(followers.pop());
    // The host sees that the one is gone a moment after it is.
    let mut head = astrid.run_to_head(&follow);
    wait(|| {
        let full = head.stderr.contains("takes no more");
        if full {
            head = astrid.run_to_head(&follow);
        }
        !full
    });
    silent(report, &head, " | head -1");
    if let Ok((reader, writer)) = std::io::pipe() {
        drop(reader);
        silent(report, &astrid.run_to(writer, &["list"]), " | true");
    }
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let output = astrid.run_to(full, &["list"]);
        let judged = if output.code == 1 && output.stderr.contains("cannot be written to stdout") {
            Ok("exit code 1, and the reason".into())
        } else {
            Err(format!("exit code {}, expected was 1", output.code))
        };
        let line = format!("{} > /dev/full", output.line);
        report.line(&line, judged, || output.to_string());
    }
}

/// A command whose output was closed has ended without a word.
fn silent(report: &mut Report, output: &Output, to: &str) {
    let judged = if output.code == 141 && output.stderr.is_empty() {
        Ok("exit code 141, silently".into())
    } else {
        Err(format!("exit code {}, expected was 141", output.code))
    };
    report.line(&format!("{}{to}", output.line), judged, || {
        output.to_string()
    });
}

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

/// Whoever speaks no sense is told so or left, and takes nothing from others.
fn strangers(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    let connect = || {
        let stream = UnixStream::connect(astrid.home().join("run/control.sock"));
        let stream = stream.map_err(|error| format!("the socket: {error}"))?;
        stream
            .set_read_timeout(Some(LONG))
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(stream)
    };
    let sealed = |body: &str| {
        let json = format!(r#"{{"v": {VERSION}, "astrid": "?", "body": {body}}}"#);
        framed(json.as_bytes())
    };
    for (what, bytes, saying) in [
        (
            "a web browser",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            "makes no sense",
        ),
        (
            "a frame of four gigabytes",
            u32::MAX.to_be_bytes().to_vec(),
            "makes no sense",
        ),
        (
            "random bytes",
            framed(&[0x9e, 0x37, 0x79, 0xb9, 0x7f]),
            "makes no sense",
        ),
        (
            "a request that there isn't",
            sealed(r#"{"dance": {}}"#),
            "unknown variant",
        ),
        (
            "a request without its fields",
            sealed(r#"{"invoke": {}}"#),
            "missing field",
        ),
        (
            "a name that is a path",
            sealed(r#"{"remove": {"capsule": "../../etc"}}"#),
            "a capsule's name is",
        ),
        (
            "a later version",
            framed(br#"{"v": 99, "astrid": "9.0.0", "body": null}"#),
            "speaks version 99",
        ),
        (
            "half a frame, and then nothing",
            vec![0, 0, 1, 0, b'{'],
            "said nothing for 10s",
        ),
    ] {
        let mut stream = connect()?;
        let answer = stream.write_all(&bytes).and_then(|()| {
            let mut said = Vec::new();
            stream.read_to_end(&mut said)?;
            Ok(String::from_utf8_lossy(&said).into_owned())
        });
        let judged = match answer {
            Ok(said) if said.contains(saying) => {
                Ok(format!("{saying:?}, and the connection is closed"))
            }
            Ok(said) => Err(format!("{saying:?} is not in {said:?}")),
            Err(error) => Err(error.to_string()),
        };
        report.line(&format!("{what} at the socket"), judged, String::new);
    }
    let many: Vec<_> = (0..SILENT).map(|_| connect()).collect::<Result<_, _>>()?;
    let listed = astrid.run(&["list", "--json"]);
    let place = format!("   (beside {SILENT} connections that say nothing)");
    report.answered(&listed, &place, 0, |_| Ok("answered all the same".into()));
    drop(many);
    report.ask(
        astrid,
        &[
            "invoke",
            "hello",
            "greet",
            "--payload",
            r#"{"name": "Ada"}"#,
        ],
        0,
        verdict("final", json!({ "greeting": "Hello, Ada!" })),
    );
    Ok(())
}

fn framed(json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], json].concat()
}

/// Starts a call that hangs, and waits until it does.
fn hanging(astrid: &Astrid, more: &[&str]) -> Result<Running, String> {
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
fn ended(report: &mut Report, output: &Output, drained: bool, took: Duration, limit: Duration) {
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
fn drained(report: &mut Report, astrid: &Astrid, running: Running) {
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
fn cancelled(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
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
fn begins(report: &mut Report, astrid: &Astrid) {
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
fn killed(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
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
