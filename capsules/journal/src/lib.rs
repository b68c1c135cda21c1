//! Keeps a journal of prompts and answers.
//!
//! `mode = "observe"` runs a handler beside the chain: whatever it answers, and even if it fails, the event goes its way.
//! `home://` is the home of the principal on whose behalf the event was published, so each has a journal of its own. A line
//! is appended by one call: lines of two events never mix.

#![forbid(unsafe_code)]

use astrid_sdk::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;

/// Where the journal is.
const FOLDER: &str = "home://journal";

/// A line of the journal.
#[derive(Serialize)]
struct Line<'a> {
    /// When the event was published.
    time: &'a str,
    topic: &'a str,
    /// The event as it came.
    event: &'a RawValue,
}

#[derive(Default)]
struct Journal;

#[capsule]
impl Journal {
    #[astrid::hook(topic = "user.v1.prompt", mode = "observe")]
    fn prompt(&self, event: Box<RawValue>) -> Result<()> {
        keep("user.v1.prompt", &event)
    }

    #[astrid::hook(topic = "agent.v1.response", mode = "observe")]
    fn response(&self, event: Box<RawValue>) -> Result<()> {
        keep("agent.v1.response", &event)
    }
}

/// Appends an event to the journal of the day on which it was published.
fn keep(topic: &str, event: &RawValue) -> Result<()> {
    let time = runtime::caller()?.timestamp;
    let date = date(&time).ok_or("the event does not say when it was published")?;
    let line = Line {
        time: &time,
        topic,
        event,
    };
    // Line breaks in JSON stand between its values: in texts they are escaped.
    let line = serde_json::to_string(&line)?.replace(['\n', '\r'], " ") + "\n";
    let path = format!("{FOLDER}/{date}.jsonl");
    match fs::append(&path, &line) {
        // The first line of a principal.
        Err(fs::Error::NotFound(_)) => {
            fs::create_dir_all(FOLDER)?;
            Ok(fs::append(path, line)?)
        }
        appended => Ok(appended?),
    }
}

/// The date of a time, which has it at its beginning: `2025-01-01T09:30:00Z`.
fn date(time: &str) -> Option<&str> {
    let (date, _) = time.split_once('T')?;
    let is_date = date.len() == 10
        && date
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_date.then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_sdk::testing::{Host, Kind, Outcome};
    use serde_json::{Value, json};

    const TODAY: &str = "home://journal/2025-01-01.jsonl";

    fn host() -> Host {
        Host::new().manifest(include_str!("../Capsule.toml"))
    }

    /// The lines of the journal.
    fn lines(host: &Host) -> Vec<Value> {
        let text = host.file_text(TODAY).unwrap_or_default();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }

    #[track_caller]
    fn kept(outcome: &Outcome) {
        assert_eq!((outcome.verdict, &outcome.reason), (Kind::Continue, &None));
    }

    #[test]
    fn each_event_is_a_line() {
        let host = host();
        kept(&host.invoke(&Journal, "prompt", &json!({ "text": "hi" })));
        kept(&host.invoke(&Journal, "response", &json!(["any", "shape"])));
        let line = |topic: &str, event: Value| json!({ "time": "2025-01-01T00:00:00Z", "topic": topic, "event": event });
        assert_eq!(
            lines(&host),
            [
                line("user.v1.prompt", json!({ "text": "hi" })),
                line("agent.v1.response", json!(["any", "shape"]))
            ]
        );
    }

    #[test]
    fn an_event_of_several_lines_is_one() {
        let host = host();
        let payload = b"{\r\n  \"text\": \"a\\nb\",\n  \"n\": 1.50\n}";
        kept(&host.invoke_bytes(&Journal, "prompt", payload));
        assert_eq!(
            lines(&host)[0]["event"],
            json!({ "text": "a\nb", "n": 1.5 })
        );
        // It is kept as it came.
        assert!(host.file_text(TODAY).unwrap().contains("1.50"));
    }

    #[test]
    fn each_principal_has_a_journal_and_each_day_a_file() {
        let host = host();
        kept(&host.by("alice").invoke(&Journal, "prompt", &"hi"));
        assert_eq!(
            (lines(&host.by("alice")).len(), lines(&host.by("bob")).len()),
            (1, 0)
        );
        let mut caller = host.run(runtime::caller).unwrap();
        caller.timestamp = "2025-01-02T00:00:01.5Z".into();
        let host = host.caller(caller);
        kept(&host.by("alice").invoke(&Journal, "prompt", &"again"));
        let files = host.by("alice").files_below("home://journal");
        assert_eq!(files, [TODAY, "home://journal/2025-01-02.jsonl"]);
    }

    #[test]
    fn what_cannot_be_kept_is_told() {
        let fails = |host: Host, said: &str| {
            let reason = host.invoke(&Journal, "prompt", &"hi").reason.unwrap();
            assert!(reason.contains(said), "{reason}");
        };
        fails(host().files_quota(20), "has no room for it");
        let refused = host();
        refused.refuse_file(TODAY, fs::Error::Access);
        fails(refused, "the system does not permit it");
        for timestamp in ["", "yesterday", "../../../../T"] {
            let caller = runtime::Caller {
                timestamp: timestamp.into(),
                ..runtime::Caller::default()
            };
            fails(host().caller(caller), "does not say when");
        }
    }
}
