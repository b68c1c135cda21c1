//! Messages on the host in memory: who is subscribed, what was published, what is still to come. It decides as the
//! real host's bus does, but for the rate, which it doesn't count; nothing here knows the guest's side.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    rc::Rc,
};

use serde_json::Value;

use crate::ipc::{Attribution, Batch, Binding, Error, MAX_SEGMENTS, MAX_TOPIC, Message};
use crate::testing::{access::covers, state::PackageState};

/// The most messages that a subscription keeps: 1,024, as on the real host.
pub const MAX_KEPT: usize = 1_024;

/// All that the host knows of messages.
#[derive(Default, Debug)]
pub struct Bus {
    subscriptions: BTreeMap<u64, Kept>,
    next_subscription: u64,
    /// What is to come, by the time when it does.
    coming: VecDeque<(u64, Message)>,
    pub published: Vec<Message>,
    pub refused: Vec<(String, Error)>,
    pub refused_subscriptions: Vec<(String, Error)>,
    pub answerers: Vec<Answerer>,
    pub bindings: Vec<Binding>,
}

/// One that answers a question's body.
#[derive(Clone)]
pub struct Answerer {
    pub topic: String,
    pub function: Rc<dyn Fn(Value) -> Result<Value, String>>,
}

impl fmt::Debug for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answerer")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// A subscription's messages.
#[derive(Debug)]
struct Kept {
    pattern: String,
    messages: VecDeque<Message>,
    dropped: u64,
}

impl Bus {
    /// Whether the test lets a guest publish on a topic; what it is refused for if not.
    pub fn admits(&self, topic: &str) -> Result<(), Error> {
        match self
            .refused
            .iter()
            .find(|(pattern, _)| covers(pattern, topic))
        {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The one that answers what is asked on this topic.
    pub fn answerer(&self, topic: &str) -> Option<Answerer> {
        let mut answerers = self.answerers.iter();
        answerers.find(|answerer| answerer.topic == topic).cloned()
    }

    /// Subscribes, unless there are `most` subscriptions already.
    pub fn subscribe(&mut self, pattern: &str, most: usize) -> Result<u64, Error> {
        let mut refused = self.refused_subscriptions.iter();
        if let Some((_, error)) = refused.find(|(refused, _)| refused == pattern) {
            return Err(error.clone());
        }
        if self.subscriptions.len() >= most {
            return Err(Error::Quota);
        }
        self.next_subscription += 1;
        let kept = Kept {
            pattern: pattern.into(),
            messages: VecDeque::new(),
            dropped: 0,
        };
        self.subscriptions.insert(self.next_subscription, kept);
        Ok(self.next_subscription)
    }

    pub fn unsubscribe(&mut self, subscription: u64) {
        self.subscriptions.remove(&subscription);
    }

    /// Gives a message to all that are subscribed.
    pub fn deliver(&mut self, message: &Message) {
        for kept in self.subscriptions.values_mut() {
            if !covers(&kept.pattern, &message.topic) {
                continue;
            }
            if kept.messages.len() == MAX_KEPT {
                kept.messages.pop_front();
                kept.dropped += 1;
            }
            kept.messages.push_back(message.clone());
        }
    }

    /// Lets a message come at this time; those of one time come in the order of being said.
    pub fn schedule(&mut self, at: u64, message: Message) {
        let place = self.coming.partition_point(|(other, _)| *other <= at);
        self.coming.insert(place, (at, message));
    }

    /// Whether a receive would bring something.
    pub fn has_something(&self, subscription: u64) -> bool {
        let kept = self.subscriptions.get(&subscription);
        kept.is_some_and(|kept| !kept.messages.is_empty() || kept.dropped > 0)
    }

    /// Takes the messages that are there, as far as they are of one principal.
    pub fn take(&mut self, subscription: u64) -> Batch {
        let Some(kept) = self.subscriptions.get_mut(&subscription) else {
            return Batch::default();
        };
        let first = kept.messages.front().map(|first| first.principal.clone());
        let same = |message: &&Message| Some(&message.principal) == first.as_ref();
        let count = kept.messages.iter().take_while(same).count();
        Batch {
            messages: kept.messages.drain(..count).collect(),
            dropped: std::mem::take(&mut kept.dropped),
            lagged: 0,
        }
    }
}

impl PackageState for Bus {
    /// When the next message comes.
    fn next_event(&self) -> Option<u64> {
        self.coming.front().map(|(at, _)| *at)
    }

    /// Delivers what has come by now.
    fn settle(&mut self, now: u64) {
        while self.next_event().is_some_and(|at| at <= now) {
            if let Some((_, message)) = self.coming.pop_front() {
                self.deliver(&message);
            }
        }
    }
}

/// The answer to a question, if it is one: what [`ipc::request`](crate::ipc::request) awaits.
pub fn answer(question: &Message, answerer: &Answerer, source_id: &str) -> Option<Message> {
    let asked: crate::ipc::Request<Value> = question.read().ok()?;
    let topic = crate::ipc::response_topic(&question.topic, &asked.correlation_id).ok()?;
    let payload = match (answerer.function)(asked.body) {
        Ok(body) => serde_json::json!({ "correlation_id": asked.correlation_id, "body": body }),
        Err(error) => serde_json::json!({ "correlation_id": asked.correlation_id, "error": error }),
    };
    Some(Message {
        topic,
        payload: payload.to_string(),
        source_id: source_id.into(),
        principal: match &question.principal {
            Attribution::Claimed(name) => Attribution::Verified(name.clone()),
            other => other.clone(),
        },
    })
}

fn segments(topic: &str) -> usize {
    topic.split('.').count()
}

/// Whether it is a topic, or one whose last segment is a `*`.
pub fn is_pattern(pattern: &str) -> bool {
    let is_pattern = match pattern.strip_suffix('*') {
        Some("") => true,
        Some(start) => start
            .strip_suffix('.')
            .is_some_and(|start| is_topic(start) && segments(start) < MAX_SEGMENTS),
        None => is_topic(pattern),
    };
    is_pattern && pattern.len() <= MAX_TOPIC
}

pub fn is_topic(topic: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let segment = |segment: &str| !segment.is_empty() && segment.bytes().all(plain);
    topic.len() <= MAX_TOPIC && segments(topic) <= MAX_SEGMENTS && topic.split('.').all(segment)
}
