//! What a capsule remembers: from one process to the next, beside a running host, and after it was killed.

use std::path::PathBuf;

use astrid_e2e::command::Astrid;
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use serde_json::{Value, json};

use crate::hostile::install;
use crate::report::{Judged, Report, error, same, verdict};

const COUNT: &[&str] = &["invoke", "counter", "count"];
const BY_ADA: &[&str] = &["invoke", "counter", "count", "--principal", "ada"];

/// A counter goes on where it was, for each principal, however its host ends.
pub(crate) fn counter(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    install(&astrid, Guest::Counter)?;
    astrid.run(&["principal", "add", "ada"]);

    report.chapter("What capsules remember");
    let is = |count: u64| verdict("final", json!(count));
    report.ask(&astrid, COUNT, 0, is(1));
    report.ask(&astrid, COUNT, 0, is(2));
    report.ask(&astrid, BY_ADA, 0, is(1));
    let state = ["kv", "get", "counter", "__state"];
    report.ask(&astrid, &state, 0, text(r#"{"count":2}"#));

    let running = astrid.host(&[])?;
    report.given("astrid run");
    report.ask(&astrid, COUNT, 0, is(3));
    report.ask(&astrid, &state, 0, text(r#"{"count":3}"#));
    let changed = ["kv", "set", "counter", "__state", r#"{"count": 40}"#];
    report.ask(&astrid, &changed, 0, |_| Ok("set".into()));
    report.ask(&astrid, COUNT, 0, is(41));
    running.kill();
    report.given("that host, killed");
    report.ask(&astrid, COUNT, 0, is(42));
    report.ask(&astrid, BY_ADA, 0, is(2));

    let damaged = ["kv", "set", "counter", "__state", r#"{"count": "many"}"#];
    report.ask(&astrid, &damaged, 0, |_| Ok("set".into()));
    report.ask(&astrid, COUNT, 3, verdict_saying("count"));
    report.ask(&astrid, &state, 0, text(r#"{"count": "many"}"#));

    let limit = ["principal", "set", "ada", "--storage", "10B"];
    report.ask(&astrid, &limit, 0, |_| Ok("set".into()));
    let refused = ["kv", "set", "counter", "k", "v", "--principal", "ada"];
    report.ask(
        &astrid,
        &refused,
        1,
        error("too-large", "its profile allows 10"),
    );

    report.ask(&astrid, &["remove", "counter"], 0, |_| Ok("removed".into()));
    install(&astrid, Guest::Counter)?;
    report.given("the counter, removed and installed again");
    report.ask(&astrid, &["kv", "remove", "counter", "__state"], 0, |_| {
        Ok("removed".into())
    });
    report.ask(&astrid, COUNT, 0, is(1));
    let purge = ["remove", "counter", "--purge"];
    report.ask(&astrid, &purge, 0, |_| Ok("removed".into()));
    report.ask(&astrid, &["storage"], 0, |document| {
        same(&document["scopes"], &json!([]))?;
        Ok("nothing is kept any more".into())
    });
    Ok(())
}

/// What is set for a capsule is seen by its next call, beside a running host as without one, and no secret is shown.
pub(crate) fn configuration(report: &mut Report, binary: PathBuf) -> Result<(), String> {
    let astrid = Astrid::new(binary, &folders::guests("workspace"))?;
    install(&astrid, Guest::Leaky)?;
    astrid.run(&["principal", "add", "ada"]);

    report.chapter("What is set for capsules");
    let name = ["invoke", "leaky", "read", "--payload", "\"NAME\""];
    let token = ["invoke", "leaky", "read", "--payload", "\"TOKEN\""];
    let by_ada = [&token[..], &["--principal", "ada"]].concat();
    let is = |value: Value| verdict("final", value);
    let set = |_: &Value| Ok("set".to_owned());
    report.ask(&astrid, &name, 0, is(Value::Null));
    report.ask(
        &astrid,
        &["env", "set", "leaky", "NAME", "all", "--host"],
        0,
        set,
    );
    report.ask(&astrid, &name, 0, is(json!("all")));

    let running = astrid.host(&[])?;
    report.given("astrid run");
    report.ask(&astrid, &name, 0, is(json!("all")));
    report.ask(&astrid, &["env", "set", "leaky", "NAME", "Ada"], 0, set);
    report.ask(&astrid, &name, 0, is(json!("Ada")));
    let here = astrid.workspace();
    let secret = ["secret", "set", "leaky", "TOKEN", "--host"];
    report.ask_in(&astrid, &here, &secret, "everyone's\n", 0, set);
    let secret = ["secret", "set", "leaky", "TOKEN", "--principal", "ada"];
    report.ask_in(&astrid, &here, &secret, "hush-hush\n", 0, set);
    report.ask(&astrid, &token, 0, is(json!("everyone's")));
    report.ask(&astrid, &by_ada, 0, is(json!("hush-hush")));
    let denied = ["invoke", "leaky", "deny_last", "--principal", "ada"];
    report.ask(&astrid, &denied, 3, verdict_saying("[secret TOKEN]"));
    report.ask(
        &astrid,
        &["invoke", "leaky", "panic_last", "--principal", "ada"],
        1,
        |document| {
            let said = document.to_string();
            if said.contains("[secret TOKEN]") && !said.contains("hush") {
                Ok("the panic does not tell it".into())
            } else {
                Err(said)
            }
        },
    );
    report.ask(
        &astrid,
        &["secret", "unset", "leaky", "TOKEN", "--principal", "ada"],
        0,
        |_| Ok("unset".into()),
    );
    report.ask(&astrid, &by_ada, 0, is(json!("everyone's")));
    drop(running);
    let logs = astrid.run(&["logs", "leaky", "--principal", "ada"]);
    if logs.stdout.contains("hush") {
        return Err(format!("the log tells a secret: {}", logs.stdout));
    }
    Ok(())
}

/// A value that is this text.
fn text(wanted: &'static str) -> impl FnOnce(&Value) -> Judged {
    move |document| {
        same(&document["text"], &json!(wanted))?;
        Ok(wanted.to_owned())
    }
}

/// A Deny whose reason names this.
fn verdict_saying(word: &'static str) -> impl FnOnce(&Value) -> Judged {
    move |document| {
        same(&document["verdict"], &json!("deny"))?;
        let reason = document["reason"].as_str().unwrap_or_default();
        if reason.contains(word) {
            Ok(reason.to_owned())
        } else {
            Err(format!("{word} is not in: {reason}"))
        }
    }
}
