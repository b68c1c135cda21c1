//! What is asked of `astrid:sys`.

use std::time::{Duration, SystemTime};

use astrid_sdk::{
    prelude::*,
    sys::{self, MAX_RANDOM_BYTES, MAX_SLEEP_NS},
};

use crate::{Case, GREETING, LOG, NOT_SET, case};

/// The session uuid of no capsule.
const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

pub const CASES: &[Case] = &[
    case(LOG, log, "written"),
    case("the time of day is after 2024", is_after_2024, "true"),
    case("the monotonic clock", clock, "does not go back"),
    case("a sleep's time on the monotonic clock", nap, "counts"),
    case("a sleep of no time", || sleep(0), "ok"),
    case("a sleep of 1 ms", || sleep(1_000_000), "ok"),
    case(
        "a sleep above the limit",
        || sleep(MAX_SLEEP_NS + 1),
        "too-large",
    ),
    case("a sleep without end", || sleep(u64::MAX), "too-large"),
    case("no random bytes", || random(0), "0"),
    case(
        "random bytes up to the limit",
        || random(MAX_RANDOM_BYTES),
        "4096",
    ),
    case(
        "random bytes above the limit",
        || random(MAX_RANDOM_BYTES + 1),
        "too-large",
    ),
    case("all random bytes", || random(u64::MAX), "too-large"),
    case("random bytes twice", differ, "differ"),
    case("a long buffer of random bytes", long, "filled"),
    case(GREETING, || config("GREETING"), "= Hello"),
    case("a key whose default is empty", || config("EMPTY"), "= "),
    case(NOT_SET, || config("NOT_SET"), "none"),
    case(
        "the previous version, of no upgrade",
        || config("prev_version"),
        "none",
    ),
    case(
        "a key of the host's that is not set",
        || config("ASTRID_NO_SUCH_THING"),
        "none",
    ),
    case("a variable that is not set", variable, "not-set"),
    case("a variable as a type that it fits", typed, "Hello 7"),
    case(
        "a variable as a type that it does not fit",
        misfit,
        "the value of `GREETING` does not fit `u16`: give it another value",
    ),
    case("the caller's principal", caller, "alice"),
    case("the call's time", timestamp, "told"),
    case(
        "the capabilities that are held",
        held,
        "fs_read fs_write identity kv net",
    ),
    case(
        "a capability of an unknown capsule",
        || holds(NOBODY),
        "false",
    ),
    case("a capability of what is no uuid", || holds(""), "false"),
];

fn log() -> Result<String> {
    log::trace("a trace");
    log::debug("a debug line");
    log::info!("an {} line", "info");
    log::warn("a warning");
    log::error("an error");
    Ok("written".into())
}

fn is_after_2024() -> Result<String> {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
    Ok((time::now() > start).to_string())
}

fn clock() -> Result<String> {
    let first = time::Instant::now();
    let goes_back = time::Instant::now() < first;
    Ok(if goes_back {
        "goes back"
    } else {
        "does not go back"
    }
    .into())
}

fn nap() -> Result<String> {
    let (first, nap) = (time::Instant::now(), Duration::from_millis(5));
    time::sleep(nap)?;
    let counts = first.elapsed() >= nap;
    Ok(if counts { "counts" } else { "does not count" }.into())
}

fn sleep(nanoseconds: u64) -> Result<String> {
    Ok(told(sys::sleep_ns(nanoseconds).map(|()| "ok")))
}

fn random(length: u64) -> Result<String> {
    Ok(told(sys::random_bytes(length).map(|bytes| bytes.len())))
}

fn differ() -> Result<String> {
    let one: [u8; 32] = runtime::random_array()?;
    let other: [u8; 32] = runtime::random_array()?;
    Ok(if one == other {
        "are the same"
    } else {
        "differ"
    }
    .into())
}

fn long() -> Result<String> {
    let mut long = vec![0; 10_000];
    runtime::random_bytes(&mut long)?;
    // The tail of a buffer longer than one call gives is as random as its head.
    let is_filled = long[9_900..].iter().any(|byte| *byte != 0);
    Ok(if is_filled { "filled" } else { "not filled" }.into())
}

fn config(key: &str) -> Result<String> {
    let value = env::var_opt(key)?;
    Ok(value.map_or("none".into(), |value| format!("= {value}")))
}

fn typed() -> Result<String> {
    let greeting: String = env::get("GREETING")?;
    let number: u8 = env::get_or("NOT_SET", 7)?;
    Ok(format!("{greeting} {number}"))
}

fn misfit() -> Result<String> {
    Ok(match env::get::<u16>("GREETING") {
        Ok(number) => number.to_string(),
        Err(error) => error.to_string(),
    })
}

fn variable() -> Result<String> {
    let error = match env::var("NOT_SET") {
        Ok(_) => "set",
        Err(env::Error::NotSet(_)) => "not-set",
        Err(env::Error::Host(error)) => code(&error),
        Err(_) => "another",
    };
    Ok(error.into())
}

fn caller() -> Result<String> {
    Ok(runtime::caller()?.principal.unwrap_or_default())
}

fn timestamp() -> Result<String> {
    let is_told = !runtime::caller()?.timestamp.is_empty();
    Ok(if is_told { "told" } else { "not told" }.into())
}

fn held() -> Result<String> {
    Ok(runtime::capabilities().join(" "))
}

fn holds(uuid: &str) -> Result<String> {
    Ok(told(runtime::capsule_has(uuid, "kv")))
}

fn told(result: Result<impl ToString, sys::Error>) -> String {
    result.map_or_else(|error| code(&error).into(), |value| value.to_string())
}

/// An error by the contract's name.
fn code(error: &sys::Error) -> &'static str {
    match error {
        sys::Error::CapabilityDenied => "capability-denied",
        sys::Error::ConfigKeyReserved => "config-key-reserved",
        sys::Error::TooLarge => "too-large",
        sys::Error::RegistryUnavailable => "registry-unavailable",
        sys::Error::Cancelled => "cancelled",
        _ => "unknown",
    }
}
