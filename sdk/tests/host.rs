//! The modules on the host in memory: limits, error codes, and that nothing waits or varies.

use std::time::{Duration, SystemTime};

use astrid_sdk::{
    prelude::*,
    sys::{self, Caller, Level},
    testing::{CLOCK_START_MS, Host, LogLine},
};

#[test]
fn sleeping_moves_both_clocks_and_nothing_else_does() {
    Host::new().run(|| {
        let (wall, start) = (time::now(), time::Instant::now());
        assert_eq!(start.elapsed(), Duration::ZERO);
        time::sleep(time::MAX_SLEEP).unwrap();
        assert_eq!(start.elapsed(), time::MAX_SLEEP);
        assert_eq!(time::now(), wall + time::MAX_SLEEP);
    });
}

#[test]
fn a_sleep_above_the_limit_is_too_large() {
    Host::new().run(|| {
        let above = time::MAX_SLEEP + Duration::from_nanos(1);
        assert_eq!(time::sleep(above), Err(time::Error::TooLarge));
        assert_eq!(time::sleep(Duration::MAX), Err(time::Error::TooLarge));
    });
}

#[test]
fn unloading_cuts_a_sleep_short() {
    let host = Host::new();
    host.unload();
    let slept = host.run(|| time::sleep(Duration::from_secs(1)));
    assert_eq!(slept, Err(time::Error::Cancelled));
}

#[test]
fn the_clock_can_be_set_and_advanced() {
    let noon = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000);
    let host = Host::new().clock(noon);
    host.advance(Duration::from_millis(5));
    host.run(|| assert_eq!(sys::clock_ms(), 1_005));
    Host::new().run(|| assert_eq!(sys::clock_ms(), CLOCK_START_MS));
}

#[test]
fn instants_never_leave_their_range() {
    Host::new().run(|| {
        let start = time::Instant::now();
        assert_eq!(start.checked_add(Duration::MAX), None);
        let end = start + Duration::MAX;
        assert_eq!(start - end, Duration::ZERO);
        assert_eq!(end - start, Duration::from_nanos(u64::MAX));
    });
}

#[test]
fn random_bytes_are_limited_a_call_but_not_in_all() {
    Host::new().run(|| {
        assert_eq!(sys::random_bytes(4_096).map(|bytes| bytes.len()), Ok(4_096));
        assert_eq!(sys::random_bytes(4_097), Err(sys::Error::TooLarge));
        let mut long = vec![0; 10_001];
        runtime::random_bytes(&mut long).unwrap();
        assert!(long[9_900..].iter().any(|byte| *byte != 0));
        runtime::random_bytes(&mut []).unwrap();
    });
}

#[test]
fn randomness_follows_from_the_seed() {
    let draw = |seed| {
        Host::new()
            .seed(seed)
            .run(runtime::random_array::<16>)
            .unwrap()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn configuration_and_the_keys_that_are_the_hosts() {
    let host = Host::new()
        .env("KEY", "v")
        .env("ASTRID_KEY", "v")
        .env("prev_version", "v");
    host.run(|| {
        assert_eq!(env::var("KEY").as_deref(), Ok("v"));
        assert_eq!(env::var_or("NONE", "d").as_deref(), Ok("d"));
        assert_eq!(env::var_opt("ASTRID_KEY"), Ok(None));
        assert_eq!(
            env::var("prev_version"),
            Err(env::Error::NotSet("prev_version".into()))
        );
    });
}

#[test]
fn callers() {
    let caller = |host: Host| host.run(runtime::caller).unwrap();
    assert_eq!(caller(Host::new()).principal.as_deref(), Some("default"));
    assert_eq!(
        caller(Host::new().principal("alice")).principal.as_deref(),
        Some("alice")
    );
    assert_eq!(
        caller(Host::new().caller(Caller::default())),
        Caller::default()
    );
}

#[test]
fn capabilities_are_sorted_and_those_of_others_looked_up() {
    let host = Host::new()
        .capability("net")
        .capability("kv")
        .capsule("u1", ["kv"]);
    host.run(|| {
        assert_eq!(runtime::capabilities(), ["kv", "net"]);
        assert_eq!(runtime::capsule_has("u1", "kv"), Ok(true));
        assert_eq!(runtime::capsule_has("u1", "net"), Ok(false));
        assert_eq!(runtime::capsule_has("u2", "kv"), Ok(false));
    });
    let host = Host::new().registry_unavailable();
    let asked = host.run(|| runtime::capsule_has("u1", "kv"));
    assert_eq!(asked, Err(runtime::Error::RegistryUnavailable));
}

#[test]
fn log_lines_keep_level_and_order() {
    let host = Host::new();
    host.run(|| {
        log::warn!("{} of {}", 1, 2);
        log::error(3);
    });
    let line = |level, message: &str| LogLine {
        level,
        message: message.into(),
    };
    assert_eq!(
        host.logs(),
        [line(Level::Warn, "1 of 2"), line(Level::Error, "3")]
    );
}

#[test]
fn the_innermost_host_is_asked_until_it_is_left() {
    let (outer, inner) = (
        Host::new().principal("outer"),
        Host::new().principal("inner"),
    );
    let name = || runtime::caller().unwrap().principal.unwrap();
    let _outer = outer.enter();
    assert_eq!(inner.run(name), "inner");
    assert_eq!(name(), "outer");
}

#[test]
fn a_thread_with_no_host_entered_has_one_of_its_own() {
    log::info!("to nobody");
    assert_eq!(
        runtime::caller().unwrap().principal.as_deref(),
        Some("default")
    );
}

#[test]
fn errors_come_from_anything() {
    let from_text: Error = "text".into();
    let from_string: Error = String::from("text").into();
    let from_std: Error = env::Error::NotSet("KEY".into()).into();
    assert_eq!(from_text.to_string(), from_string.to_string());
    assert!(from_std.inner().downcast_ref::<env::Error>().is_some());
    assert_eq!(Error::msg(5).to_string(), "5");
}
