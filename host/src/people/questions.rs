//! The open questions of uplinks: an uplink answers for a person, and so never a question of its own.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use parking_lot::Mutex;
use serde::Deserialize;

pub(crate) use crate::limits::people::OPEN;
use crate::limits::people::TIME;
use crate::names::CapsuleName;
use crate::policy::speech;
use crate::topic::Topic;

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
    /// Its id cannot be read from the payload.
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

/// A question that was noted. It is forgotten when this is dropped, unless it was published: [`Self::published`].
#[must_use]
pub(crate) struct Noted<'q> {
    questions: &'q Questions,
    asker: &'q CapsuleName,
    topic: &'static str,
    /// The ids under which it is open now and was not before.
    ids: Vec<String>,
}

impl Noted<'_> {
    /// The question was published: it stays open for its time.
    pub(crate) fn published(mut self) {
        self.ids.clear();
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let mut all = self.questions.open.lock();
        if let Some(open) = all.get_mut(self.asker) {
            open.retain(|known| known.topic != self.topic || !self.ids.contains(&known.id));
        }
    }
}

impl Questions {
    /// Notes that `asker` publishes on `topic`, which is that of a question (`speech::question`). `forms` are the forms in
    /// which its payload is read.
    ///
    /// # Errors
    /// [`Unasked`]; then nothing was noted.
    pub(crate) fn ask<'q, 'a>(
        &'q self,
        asker: &'q CapsuleName,
        topic: &'static str,
        forms: impl IntoIterator<Item = &'a str>,
    ) -> Result<Noted<'q>, Unasked> {
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
        // One that is open already has its time again, and counts once.
        ids.retain(|id| {
            let known = open
                .iter_mut()
                .find(|known| known.topic == topic && known.id == *id);
            known.map(|known| known.asked = now).is_none()
        });
        if open.len() + ids.len() > OPEN {
            return Err(Unasked::TooMany);
        }
        open.extend(ids.iter().map(|id| Question {
            topic,
            id: id.clone(),
            asked: now,
        }));
        drop(all);
        Ok(Noted {
            questions: self,
            asker,
            topic,
            ids,
        })
    }

    /// Whether a capsule may publish on `topic` as far as questions go: anything but an answer to one of its own.
    pub(crate) fn may_answer(&self, capsule: &CapsuleName, topic: &Topic) -> bool {
        let Some((question, id)) = speech::answered(topic) else {
            return true;
        };
        let all = self.open.lock();
        // A topic that names no question may answer any.
        let own = |own: &Question| {
            own.topic == question && (id.is_empty() || own.id == id) && own.asked.elapsed() < TIME
        };
        !all.get(capsule).is_some_and(|open| open.iter().any(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPROVAL: &str = "astrid.v1.approval";
    const ELICIT: &str = "astrid.v1.elicit";

    fn name(name: &str) -> CapsuleName {
        CapsuleName::parse(name).expect("a name")
    }

    /// Whether a question is noted and published.
    fn ask(
        questions: &Questions,
        who: &str,
        topic: &'static str,
        text: &str,
    ) -> Result<(), Unasked> {
        let who = name(who);
        questions.ask(&who, topic, [text]).map(Noted::published)
    }

    fn may(questions: &Questions, who: &str, at: &str) -> bool {
        questions.may_answer(&name(who), &Topic::parse(at).expect("a topic"))
    }

    #[test]
    fn whoever_asked_may_not_answer_and_others_may() {
        let questions = Questions::default();
        let text = r#"{"request_id":"a7","correlation_id":"b7"}"#;
        assert_eq!(ask(&questions, "tty", APPROVAL, text), Ok(()));
        for own in [".a7", ".b7", ""] {
            let at = format!("astrid.v1.approval.response{own}");
            assert!(
                !may(&questions, "tty", &at) && may(&questions, "web", &at),
                "{own}"
            );
        }
        for other in [
            "astrid.v1.approval.response.c7",
            "astrid.v1.elicit.response.a7",
            "astrid.v1.elicit.response",
            "astrid.v1.approval",
            "a7",
        ] {
            assert!(may(&questions, "tty", other), "{other}");
        }
    }

    #[test]
    fn a_question_that_was_not_published_is_forgotten_and_one_that_was_is_not() {
        let questions = Questions::default();
        let (who, text) = (name("tty"), r#"{"request_id":"a"}"#);
        let answer = "astrid.v1.elicit.response.a";
        for _ in 0..2 * OPEN {
            drop(questions.ask(&who, ELICIT, [text]).expect("noted"));
        }
        assert!(may(&questions, "tty", answer));
        // Asked again while it is open it counts once, and a refusal then doesn't forget the first.
        for _ in 0..2 * OPEN {
            assert_eq!(ask(&questions, "tty", ELICIT, text), Ok(()));
        }
        drop(questions.ask(&who, ELICIT, [text]).expect("noted"));
        assert!(!may(&questions, "tty", answer));
    }

    #[test]
    fn a_question_whose_id_cannot_be_told_is_not_asked() {
        let questions = Questions::default();
        for text in [
            "5",
            r#"{"request_id":5}"#,
            r#"{"request_id":"a","request_id":"b"}"#,
        ] {
            assert_eq!(
                ask(&questions, "tty", ELICIT, text),
                Err(Unasked::NoId),
                "{text}"
            );
        }
        assert_eq!(
            ask(&questions, "tty", ELICIT, "{}"),
            Ok(()),
            "nobody can answer it"
        );
    }

    #[test]
    fn open_questions_are_bounded_for_each_capsule() {
        let questions = Questions::default();
        let ask = |who: &str, id: usize| {
            let text = format!(r#"{{"request_id":"q{id}"}}"#);
            ask(&questions, who, ELICIT, &text)
        };
        for id in 0..OPEN {
            assert_eq!(ask("tty", id), Ok(()));
        }
        assert_eq!(ask("tty", OPEN), Err(Unasked::TooMany));
        assert_eq!(ask("web", 0), Ok(()));
        let first = "astrid.v1.elicit.response.q0";
        assert!(!may(&questions, "tty", first), "none was forgotten");
    }
}
