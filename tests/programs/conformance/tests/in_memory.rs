//! The host in memory answers as the real one must.

use astrid_sdk::testing::{Host, Kind};
use conformance::{
    Conformance, DENIED, EXPECTED, LOGS, LOOP_EXPECTED, LOOP_REPORT, PRINCIPAL, REASON, REFUSED,
};

fn host() -> Host {
    Host::new()
        .manifest(include_str!("../Capsule.toml"))
        .principal(PRINCIPAL)
}

#[test]
fn every_area_reports_what_is_expected() {
    for (action, expected) in EXPECTED {
        let outcome = host().invoke(&Conformance, action, &());
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(
            outcome.verdict,
            Kind::Final,
            "{action}: {:?}",
            outcome.reason
        );
        assert_eq!(outcome.data, Some(expected), "{action}");
    }
}

#[test]
fn a_run_loop_is_told_of_a_caller_only_after_a_message() {
    let host = host();
    assert_eq!(host.start(&Conformance), Some(Ok(())));
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
        let outcome = host().invoke(&Conformance, action, &payload);
        assert_eq!(outcome.verdict, Kind::Deny, "{action}");
        let reason = outcome.reason.unwrap();
        assert!(reason.len() <= REASON, "{action}: {} bytes", reason.len());
        assert!(reason.contains("bytes, cut)"), "{action}: {reason:.200}");
    }
}

#[test]
fn what_the_host_lets_nobody_ask_is_refused() {
    for (action, payload) in REFUSED {
        let outcome = host().invoke_bytes(&Conformance, action, payload.as_bytes());
        assert_eq!(outcome.verdict, Kind::Refused, "{action} {payload}");
    }
}

#[test]
fn every_hook_is_expected_to_report() {
    let exports: serde_json::Value =
        serde_json::from_str(<Conformance as astrid_sdk::Capsule>::EXPORTS).unwrap();
    let hooks: Vec<_> = exports["handlers"].as_array().unwrap().iter().collect();
    let actions: Vec<_> = hooks
        .iter()
        .map(|hook| hook["action"].as_str().unwrap())
        .collect();
    let expected = EXPECTED.iter().map(|(action, _)| *action);
    assert!(actions.into_iter().eq(expected.chain(DENIED)));
}

#[test]
fn log_lines_arrive_in_order_with_their_level() {
    let logs = host().invoke(&Conformance, "log", &()).logs;
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
