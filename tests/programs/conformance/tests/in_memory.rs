//! The host in memory answers as the real one must.

use astrid_sdk::{
    ipc::Error,
    testing::{Host, Kind},
};
use conformance::{
    BINDINGS, CAPABILITIES, CLOSED, Conformance, ENV, EXPECTED, LOGS, LOOP_EXPECTED, LOOP_REPORT,
    PRINCIPAL,
};

fn host() -> Host {
    let host = ENV
        .iter()
        .fold(Host::new(), |host, (key, value)| host.env(*key, *value));
    let host = CAPABILITIES
        .iter()
        .fold(host.principal(PRINCIPAL), |host, name| {
            host.capability(*name)
        });
    let host = BINDINGS
        .iter()
        .fold(host, |host, (action, topic)| host.binding(*action, *topic));
    host.refuse_publish(CLOSED, Error::CapabilityDenied)
        .refuse_subscribe(CLOSED, Error::CapabilityDenied)
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
fn every_hook_is_expected_to_report() {
    let exports: serde_json::Value =
        serde_json::from_str(<Conformance as astrid_sdk::Capsule>::EXPORTS).unwrap();
    let hooks: Vec<_> = exports["handlers"].as_array().unwrap().iter().collect();
    let actions: Vec<_> = hooks
        .iter()
        .map(|hook| hook["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, EXPECTED.map(|(action, _)| action));
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
