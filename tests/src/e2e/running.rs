//! A running host: every command beside it and strangers at its socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use astrid_e2e::command::{Astrid, Output};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::control::VERSION;
use serde_json::{Value, json};

use crate::ending::{LONG, cancelled, drained, killed, said, wait};
use crate::hostile::install;
use crate::report::{Judged, Report, error, same, verdict};

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
