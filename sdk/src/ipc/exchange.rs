//! Asking a question and getting its answer, by two messages.
//!
//! The question is published on its topic as `{ "correlation_id", "body" }`; the answer, `{ "correlation_id", "body" }`
//! or `{ "correlation_id", "error" }`, on a topic that both sides derive from the two, see [`response_topic`]. The
//! capsule that asks lists the question's topic under `[publish]` and the answers' (with `*` for the correlation) under
//! `[subscribe]`; the one that answers does it the other way round.
//!
//! How topics become answers' topics, and what makes an answer count, is decided here and nowhere else.

use core::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Attribution, Error, Message, publish, subscribe};
use crate::{MAX_REASON, bounded, runtime, time::Instant};

/// A question, as the one that is asked gets it: the payload of a hook, or what a
/// [message](super::Message::read) is read as. Answer it with [`respond`] or [`refuse`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<T> {
    /// By which the answer is known. One segment of a topic.
    pub correlation_id: String,
    /// What is asked.
    pub body: T,
}

/// An answer on its way. One of the two is there; with neither, the body was `null`.
#[derive(Serialize, Deserialize)]
struct Response<T> {
    correlation_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    body: Option<T>,
}

/// `Option::default` by name: the derived bound would ask for `T: Default`.
fn none<T>() -> Option<T> {
    None
}

/// Asks, and waits for the answer.
///
/// ```
/// use astrid_sdk::prelude::*;
/// use std::time::Duration;
/// # use astrid_sdk::testing::Host;
/// # let host = Host::new().answer("hook.v1.event.double", |n| Ok((n.as_u64().unwrap() * 2).into()));
/// # host.run(|| {
/// let four: u32 = ipc::request("hook.v1.event.double", &2, Duration::from_secs(5))?;
/// assert_eq!(four, 4);
/// # Ok::<(), ipc::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// [`Error::Timeout`] if nobody answers in time, [`Error::Refused`] if the one that was asked won't,
/// [`Error::Misfit`] if its answer isn't an `Answer`, and those of subscribing and publishing.
///
/// # What is guaranteed
///
/// * No answer is missed: the answers' topic is subscribed to before the question is published.
/// * Nobody answers who didn't see the question: its correlation is 128 random bits from the host, and is part of the
///   answers' topic.
/// * An answer counts only if the host vouches for its principal, and that is the one on whose behalf was asked (or the
///   answer is the host's own). What another claims is passed over, and the wait goes on.
/// * The first answer that counts is the answer. So of those that may subscribe to the question's topic, any could
///   answer on behalf of this principal. Where the one to be asked is known, [`request_to`] accepts no other.
///
/// The question reaches whoever is bound or subscribed to its topic, and is worked on at most at the depth that the host
/// allows (8 calls).
///
/// In a run loop this is a receive like any other: after it, the loop goes on for the principal of the answer, which is the
/// one on whose behalf it asked. Before the loop's first message that is nobody, and then any verified principal's answer
/// counts. After an error, act for nobody until the next receive: a message that didn't count may have come last.
pub fn request<Body, Answer>(topic: &str, body: &Body, timeout: Duration) -> Result<Answer, Error>
where
    Body: Serialize + ?Sized,
    Answer: DeserializeOwned,
{
    exchange(None, topic, body, timeout)
}

/// As [`request`], and only the capsule of this session uuid (a [`Message::source_id`]) can answer: that of any other
/// is passed over, whoever saw the question.
pub fn request_to<Body, Answer>(
    source_id: &str,
    topic: &str,
    body: &Body,
    timeout: Duration,
) -> Result<Answer, Error>
where
    Body: Serialize + ?Sized,
    Answer: DeserializeOwned,
{
    exchange(Some(source_id), topic, body, timeout)
}

fn exchange<Body, Answer>(
    source_id: Option<&str>,
    topic: &str,
    body: &Body,
    timeout: Duration,
) -> Result<Answer, Error>
where
    Body: Serialize + ?Sized,
    Answer: DeserializeOwned,
{
    let unknown = |error: runtime::Error| Error::Unknown(error.to_string());
    let principal = runtime::caller().map_err(unknown)?.principal;
    let correlation_id = correlation().map_err(unknown)?;
    let answers = subscribe(&response_topic(topic, &correlation_id)?)?;
    publish(
        topic,
        &Request {
            correlation_id: correlation_id.clone(),
            body,
        },
    )?;
    let asked = Instant::now();
    loop {
        let left = timeout.saturating_sub(asked.elapsed());
        let Some(batch) = answers.recv(left)? else {
            return Err(Error::Timeout);
        };
        let answer = batch
            .into_iter()
            .find(|message| counts(message, source_id, principal.as_deref(), &correlation_id));
        if let Some(message) = answer {
            let response: Response<Answer> = message.read()?;
            return match (response.error, response.body) {
                (Some(error), _) => Err(Error::Refused(error)),
                (None, Some(body)) => Ok(body),
                // `null` reads as no body: an `Answer` may be made of it all the same.
                (None, None) => {
                    serde_json::from_str("null").map_err(|error| Error::Misfit(error.to_string()))
                }
            };
        }
    }
}

/// Whether a message is an answer that counts.
fn counts(
    message: &Message,
    source_id: Option<&str>,
    principal: Option<&str>,
    correlation_id: &str,
) -> bool {
    #[derive(Deserialize)]
    struct Head {
        correlation_id: String,
    }
    let by_whom = match (&message.principal, principal) {
        (Attribution::System, _) | (Attribution::Verified(_), None) => true,
        (Attribution::Verified(name), Some(principal)) => name == principal,
        (Attribution::Claimed(_), _) => false,
    };
    by_whom
        && source_id.is_none_or(|source_id| message.source_id == source_id)
        && message
            .read()
            .is_ok_and(|head: Head| head.correlation_id == correlation_id)
}

/// Answers a question. The topic is the one it was asked on: that of the message, or of the hook's binding.
///
/// ```
/// use astrid_sdk::prelude::*;
/// # use astrid_sdk::testing::{Host, Incoming};
/// # let host = Host::new();
/// # host.deliver(Incoming::new("hook.v1.event.double", &serde_json::json!({ "correlation_id": "c1", "body": 2 })));
/// # host.unload_after(std::time::Duration::ZERO);
/// # host.run(|| {
/// let questions = ipc::subscribe("hook.v1.event.double")?;
/// while let Some(batch) = questions.wait()? {
///     for message in batch {
///         let question: ipc::Request<u32> = message.read()?;
///         ipc::respond(&message.topic, &question, &(question.body * 2))?;
///     }
/// }
/// # Ok::<(), ipc::Error>(())
/// # }).unwrap();
/// # assert_eq!(host.published()[0].topic, "hook.v1.response.double.c1");
/// ```
///
/// # Errors
///
/// Those of [`publish`], and [`Error::InvalidInput`] for a correlation that isn't a segment of a topic: a question
/// can't choose what its answer is published on.
pub fn respond<T>(
    topic: &str,
    request: &Request<T>,
    answer: &(impl Serialize + ?Sized),
) -> Result<(), Error> {
    send(topic, &request.correlation_id, None, Some(answer))
}

/// Answers a question by saying why there is no answer: at most [`MAX_REASON`](crate::MAX_REASON) bytes of it, so that a
/// long reason is no silence. Errors are those of [`respond`].
pub fn refuse<T>(
    topic: &str,
    request: &Request<T>,
    reason: impl core::fmt::Display,
) -> Result<(), Error> {
    send::<()>(
        topic,
        &request.correlation_id,
        Some(bounded::cut(reason.to_string(), MAX_REASON)),
        None,
    )
}

fn send<T: Serialize + ?Sized>(
    topic: &str,
    correlation_id: &str,
    error: Option<String>,
    body: Option<&T>,
) -> Result<(), Error> {
    let response = Response {
        correlation_id: correlation_id.into(),
        error,
        body,
    };
    publish(&response_topic(topic, correlation_id)?, &response)
}

/// What the answer to a question is published on: for `hook.v1.event.<hook>` it is
/// `hook.v1.response.<hook>.<correlation>`, for any other topic `<topic>.response.<correlation>`, as the host's own
/// questions have it.
///
/// [`Error::InvalidInput`] for a correlation that isn't one segment of a topic (at most 64 bytes of `[a-z0-9_-]`).
pub fn response_topic(topic: &str, correlation_id: &str) -> Result<String, Error> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !(1..=64).contains(&correlation_id.len()) || !correlation_id.bytes().all(plain) {
        return Err(Error::InvalidInput);
    }
    Ok(match topic.strip_prefix("hook.v1.event.") {
        Some(hook) => format!("hook.v1.response.{hook}.{correlation_id}"),
        None => format!("{topic}.response.{correlation_id}"),
    })
}

/// 128 random bits, in hexadecimal.
fn correlation() -> Result<String, runtime::Error> {
    let bits: [u8; 16] = runtime::random_array()?;
    let mut text = String::with_capacity(32);
    for byte in bits {
        // Writing to a string doesn't fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
