//! The host in memory answers as the real one must.

use std::collections::BTreeSet;

use astrid_sdk::testing::{Host, Kind};
use conformance::{
    AHEAD, ASK, CASES, Conformance, DENIED, FILES, LINKS, LOG, LOGS, LOOP_EXPECTED, LOOP_REPORT,
    PRINCIPAL, REASON, REFUSED, SECRET, STATE,
};

fn host() -> Host {
    let host = Host::new()
        .manifest(include_str!("../Capsule.toml"))
        .principal(PRINCIPAL)
        .secret(SECRET.0, SECRET.1);
    let files = FILES.iter();
    let host = files.fold(host, |host, (path, contents)| host.file(path, contents));
    let links = LINKS.iter();
    links.fold(host, |host, (path, target)| host.symlink(path, *target))
}

#[test]
fn each_case_is_answered_as_expected() {
    for case in CASES.iter().copied().flatten() {
        let outcome = host().invoke(&Conformance::default(), ASK, &case.name);
        let answer = outcome.data.as_ref().and_then(|data| data.as_str());
        let reason = outcome.reason;
        assert_eq!(answer, Some(case.expected), "{}: {reason:?}", case.name);
    }
}

#[test]
fn each_case_ahead_of_the_real_host_is_answered_as_expected() {
    for case in AHEAD.iter().copied().flatten() {
        let answer = host().run(case.ask);
        let answer = answer.unwrap_or_else(|error| error.to_string());
        assert_eq!(answer, case.expected, "{}", case.name);
    }
}

#[test]
fn all_cases_are_answered_by_one_host_in_any_order() {
    let host = host();
    let cases = AHEAD.iter().copied().flatten();
    for case in cases.rev() {
        let answer = host.run(case.ask);
        let answer = answer.unwrap_or_else(|error| error.to_string());
        assert_eq!(answer, case.expected, "{}", case.name);
    }
    assert_eq!(host.open_files(), 0);
}

#[test]
fn no_case_has_the_name_of_another() {
    let mut names = BTreeSet::new();
    for case in CASES.iter().chain(AHEAD).copied().flatten() {
        assert!(names.insert(case.name), "{}", case.name);
    }
}

#[test]
fn a_run_loop_is_told_of_a_caller_only_after_a_message() {
    let host = host();
    assert_eq!(host.start(&Conformance::default()), Some(Ok(())));
    let published = host.published();
    let report = published.last().unwrap();
    assert_eq!(report.topic, LOOP_REPORT);
    let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&report.payload), value(LOOP_EXPECTED));
}

#[test]
fn a_denial_is_an_answer_however_long_it_is() {
    for action in DENIED {
        let payload = "\u{200b}".repeat(340_000);
        let outcome = host().invoke(&Conformance::default(), action, &payload);
        assert_eq!(outcome.verdict, Kind::Deny, "{action}");
        let reason = outcome.reason.unwrap();
        assert!(reason.len() <= REASON, "{action}: {} bytes", reason.len());
        assert!(reason.contains("bytes, cut)"), "{action}: {reason:.200}");
    }
}

#[test]
fn what_the_host_lets_nobody_ask_is_refused() {
    for (action, payload) in REFUSED {
        let outcome = host().invoke_bytes(&Conformance::default(), action, payload.as_bytes());
        assert_eq!(outcome.verdict, Kind::Refused, "{action} {payload}");
    }
}

#[test]
fn log_lines_arrive_in_order_with_their_level() {
    let logs = host().invoke(&Conformance::default(), ASK, &LOG).logs;
    let logs: Vec<_> = logs
        .iter()
        .map(|line| {
            (
                format!("{:?}", line.level).to_lowercase(),
                line.message.clone(),
            )
        })
        .collect();
    assert_eq!(
        logs,
        LOGS.map(|(level, message)| (level.into(), message.into()))
    );
}

#[test]
fn the_state_is_what_it_must_be_after_each_call() {
    let host = host();
    for (number, (action, verdict, data)) in STATE.into_iter().enumerate() {
        let outcome = host.invoke(&Conformance::default(), action, &());
        let said = format!("{:?}", outcome.verdict).to_lowercase();
        let answered = outcome.data.or(outcome.reason.map(Into::into));
        let expected = serde_json::from_str(data).unwrap();
        assert_eq!(
            (said.as_str(), answered),
            (verdict, Some(expected)),
            "{number}"
        );
    }
}
