//! What is asked of `astrid:io/poll`. The topics are those of the manifest.

use astrid_sdk::{
    ipc,
    poll::{self, Error, MAX_POLLABLES, Pollable},
    prelude::*,
};

use crate::{Case, case};

pub const CASES: &[Case] = &[
    case(
        "a wait for nothing",
        || Ok(waited(poll::wait_any(&[]))),
        "invalid-input",
    ),
    case("a wait for as much as may be", || many(MAX_POLLABLES), "ok"),
    case("a wait for more", || many(MAX_POLLABLES + 1), "too-large"),
    case("readiness without a message", before, "false"),
    case("readiness with a message", with_message, "true"),
    case("readiness when the message is taken", after, "false"),
    case(
        "a wait for a message",
        || heard(|sound| Ok(waited(sound.block()))),
        "ok",
    ),
    case("which of two is ready", which, "[1]"),
];

/// What is asked of a subscription's readiness once a message is there.
fn heard(ask: impl FnOnce(&Pollable<'_>) -> Result<String>) -> Result<String> {
    let heard = ipc::subscribe("conformance.v1.a")?;
    ipc::publish("conformance.v1.a", &1)?;
    let sound = heard.readiness();
    sound.block()?;
    ask(&sound)
}

fn many(count: usize) -> Result<String> {
    heard(|sound| Ok(waited(poll::wait_any(&vec![sound; count]))))
}

fn before() -> Result<String> {
    let quiet = ipc::subscribe("conformance.v1.quiet")?;
    Ok(quiet.readiness().ready().to_string())
}

fn with_message() -> Result<String> {
    heard(|sound| Ok(sound.ready().to_string()))
}

fn after() -> Result<String> {
    let heard = ipc::subscribe("conformance.v1.a")?;
    ipc::publish("conformance.v1.a", &1)?;
    let sound = heard.readiness();
    sound.block()?;
    heard.poll()?;
    Ok(sound.ready().to_string())
}

fn which() -> Result<String> {
    let quiet = ipc::subscribe("conformance.v1.quiet")?;
    let silence = quiet.readiness();
    heard(|sound| {
        let ready = poll::wait_any(&[&silence, sound])?;
        Ok(format!("{:?}", ready.iter().collect::<Vec<_>>()))
    })
}

fn waited<T>(result: Result<T, Error>) -> String {
    let code = match result {
        Ok(_) => "ok",
        Err(Error::InvalidInput) => "invalid-input",
        Err(Error::Closed) => "closed",
        Err(Error::TooLarge) => "too-large",
        Err(Error::Cancelled) => "cancelled",
        Err(_) => "unknown",
    };
    code.into()
}
