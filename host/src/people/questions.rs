//! Who asked a question that a person is to answer: an uplink answers for a person, and so never a question of its own.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Deserialize;

use crate::manifest::CapsuleName;
use crate::policy::speech;
use crate::policy::topic::Topic;

/// Questions of one capsule that may be open at once.
pub(crate) const OPEN: usize = 64;
/// How long a question is open: the longest that a person has for an answer (abi.md, "elicit").
const TIME: Duration = Duration::from_secs(120);

/// The open questions of capsules that may answer others'.
#[derive(Default)]
pub(crate) struct Questions {
    open: Mutex<HashMap<CapsuleName, VecDeque<Question>>>,
}

struct Question {
    topic: &'static str,
    id: String,
    asked: Instant,
}

/// Why a question isn't asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// Too many of the capsule's are open.
    TooMany,
    /// It can't be told by which id it is answered.
    NoId,
}

/// The fields by which an answer names its question, one for each way of asking.
#[derive(Deserialize)]
struct Ids {
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    correlation_id: Option<String>,
}

impl Questions {
    /// Notes that `asker` publishes on `topic`, if that is a question. `forms` are the forms in which its payload is read.
    ///
    /// # Errors
    /// [`Unasked`]; then nothing was noted.
    pub(crate) fn ask<'a>(
        &self,
        asker: &CapsuleName,
        topic: &Topic,
        forms: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unasked> {
        let Some(topic) = speech::question(topic) else {
            return Ok(());
        };
        let mut ids = Vec::new();
        for form in forms {
            let read: Ids = serde_json::from_str(form).map_err(|_| Unasked::NoId)?;
            ids.extend(read.request_id);
            ids.extend(read.correlation_id);
        }
        // One of another form is the id of no answer's topic.
        ids.retain(|id| Topic::parse(id).is_ok());
        ids.sort_unstable();
        ids.dedup();
        let now = Instant::now();
        let mut all = self.open.lock();
        all.retain(|_, open| {
            open.retain(|question| now.duration_since(question.asked) < TIME);
            !open.is_empty()
        });
        let open = all.entry(asker.clone()).or_default();
        if open.len() + ids.len() > OPEN {
            return Err(Unasked::TooMany);
        }
        open.extend(ids.into_iter().map(|id| Question {
            topic,
            id,
            asked: now,
        }));
        Ok(())
    }

    /// Whether a capsule may publish on `topic` as far as questions go: anything but an answer to one of its own.
    pub(crate) fn may_answer(&self, capsule: &CapsuleName, topic: &Topic) -> bool {
        let Some((question, id)) = speech::answered(topic) else {
            return true;
        };
        let all = self.open.lock();
        let own =
            |own: &Question| own.topic == question && own.id == id && own.asked.elapsed() < TIME;
        !all.get(capsule).is_some_and(|open| open.iter().any(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> CapsuleName {
        CapsuleName::parse(name).expect("a name")
    }

    fn topic(topic: &str) -> Topic {
        Topic::parse(topic).expect("a topic")
    }

    #[test]
    fn whoever_asked_may_not_answer_and_others_may() {
        let questions = Questions::default();
        let ask = |text| questions.ask(&name("tty"), &topic("astrid.v1.approval"), [text]);
        assert_eq!(ask(r#"{"request_id":"a7","correlation_id":"b7"}"#), Ok(()));
        let may = |who: &str, at: &str| questions.may_answer(&name(who), &topic(at));
        for own in ["a7", "b7"] {
            let at = format!("astrid.v1.approval.response.{own}");
            assert!(!may("tty", &at) && may("web", &at), "{own}");
        }
        for other in [
            "astrid.v1.approval.response.c7",
            "astrid.v1.elicit.response.a7",
            "astrid.v1.approval",
            "a7",
        ] {
            assert!(may("tty", other), "{other}");
        }
    }

    #[test]
    fn a_question_whose_id_cannot_be_told_is_not_asked() {
        let questions = Questions::default();
        let ask = |text| questions.ask(&name("tty"), &topic("astrid.v1.elicit"), [text]);
        for text in [
            "5",
            r#"{"request_id":5}"#,
            r#"{"request_id":"a","request_id":"b"}"#,
        ] {
            assert_eq!(ask(text), Err(Unasked::NoId), "{text}");
        }
        assert_eq!(ask("{}"), Ok(()), "nobody can answer it");
        let other = questions.ask(&name("tty"), &topic("user.v1.prompt"), ["5"]);
        assert_eq!(other, Ok(()), "it is none");
    }

    #[test]
    fn open_questions_are_bounded_for_each_capsule() {
        let questions = Questions::default();
        let ask = |who: &str, id: usize| {
            let text = format!(r#"{{"request_id":"q{id}"}}"#);
            questions.ask(&name(who), &topic("astrid.v1.elicit"), [text.as_str()])
        };
        for id in 0..OPEN {
            assert_eq!(ask("tty", id), Ok(()));
        }
        assert_eq!(ask("tty", OPEN), Err(Unasked::TooMany));
        assert_eq!(ask("web", 0), Ok(()));
        let first = topic("astrid.v1.elicit.response.q0");
        assert!(
            !questions.may_answer(&name("tty"), &first),
            "none was forgotten"
        );
    }
}
