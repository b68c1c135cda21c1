//! The bus: messages come in from publishers and go out to subscriptions, whose owners read them when they like.
//!
//! What enters is a [`Draft`] whose parts are valid by their types, and patterns; what leaves is shared [`Message`]s. A
//! subscription never holds a publisher up: a full one drops its oldest message, and says so. Who may publish or
//! subscribe to what is decided elsewhere, and handlers, which do hold publishers up, are the dispatcher's. Nothing in
//! here knows wasmtime.

mod index;
mod mailbox;
mod message;
mod owner;
mod rate;
mod subscription;
mod waiters;

use std::sync::Arc;
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

pub use index::{Edit, EntryId, PatternUse, Snapshot, TopicIndex};
pub use mailbox::{
    BATCH_BYTES, BATCH_MESSAGES, Batch, Closed, QUEUE_BYTES, QUEUE_MESSAGES, REPORT_EVERY,
};
pub use message::{Attribution, Draft, ENVELOPE, Message};

pub use crate::payload::{Payload, PayloadError};
pub use owner::{CAPSULE_BYTES, Owner, SubscribeError};
pub use rate::{PUBLISH_RATE, PublishRate, RateLimited};
pub use subscription::{RECV_MAX, Readiness, Subscription};

use self::mailbox::Pushed;
use self::owner::Subscriber;
pub use crate::limits::bus::FAN_OUT;
use crate::topic::Topic;

/// Where the bus says that a subscription lost messages.
pub const LAGGED: &str = "astrid.v1.event_bus.lagged";

/// More than [`FAN_OUT`] subscriptions would hear a guest's message; none did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{subscriptions} subscriptions would hear the message; {FAN_OUT} may hear a capsule's")]
pub struct Backpressure {
    /// How many would hear it.
    pub subscriptions: usize,
}

/// What the bus has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusMetrics {
    /// Messages that were published, reports of lag among them.
    pub published: u64,
    /// How often a message was put into a subscription.
    pub delivered: u64,
    /// How often a subscription dropped one.
    pub dropped: u64,
    /// Messages that too many would have heard.
    pub refused: u64,
    /// Reports of lag.
    pub reports: u64,
}

/// The bus of a host. Clones are the same bus.
#[derive(Clone)]
pub struct EventBus(Arc<Shared>);

/// Hears of a report.
type Hear = Box<dyn Fn(&Draft) + Send + Sync>;

struct Shared {
    index: TopicIndex<Arc<Subscriber>>,
    /// Held while a message is given its number and put into subscriptions, so that each of them gets messages in the
    /// order of their numbers, whoever publishes.
    sequence: Mutex<Sequence>,
    /// The host's own session.
    session: Uuid,
    lagged: Topic,
    /// Who hears of reports, besides the subscriptions.
    reporting_to: Option<Hear>,
}

#[derive(Default)]
struct Sequence {
    next: u64,
    /// How many readers the last message woke: room for as many is made at once for the next.
    woken: usize,
    metrics: BusMetrics,
}

/// The payload of a message on [`LAGGED`].
#[derive(Serialize)]
struct LagReport<'a> {
    /// The owner of the subscription.
    subscriber: &'a str,
    pattern: &'a str,
    /// Lost since the last report of this subscription.
    dropped: u64,
    /// Lost since the subscription began.
    lagged: u64,
}

impl EventBus {
    /// A bus; what it publishes itself carries the host's session uuid.
    pub fn new(session: Uuid) -> Self {
        Self(Arc::new(Shared {
            index: TopicIndex::default(),
            sequence: Mutex::default(),
            session,
            lagged: Topic::parse(LAGGED).expect("a valid topic"),
            reporting_to: None,
        }))
    }

    /// Hands each report of lag to `hear` as well, which must not block: for handlers, which are no subscriptions.
    /// Without effect once there are clones.
    #[must_use]
    pub fn reporting_to(mut self, hear: impl Fn(&Draft) + Send + Sync + 'static) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.reporting_to = Some(Box::new(hear));
        }
        self
    }

    /// Publishes for the host or its embedder, whatever the number of subscriptions. Never waits.
    pub fn publish(&self, draft: Draft) -> Arc<Message> {
        let sequence = self.0.sequence.lock();
        let (message, behind) = self.0.deliver(sequence, &self.0.index.load(), draft);
        self.0.report(&behind);
        message
    }

    /// Whether few enough subscriptions would hear a guest's message; a refusal is counted. A subscription to the topic
    /// that hears only another principal doesn't count.
    ///
    /// # Errors
    /// [`Backpressure`] above [`FAN_OUT`] subscriptions.
    pub fn may_fan_out(&self, draft: &Draft) -> Result<(), Backpressure> {
        let index = self.0.index.load();
        // Mostly the topic has fewer, whomever they hear; to count those costs less than to look at each.
        if index.count(&draft.topic) <= FAN_OUT {
            return Ok(());
        }
        let mut subscriptions = 0;
        index.each_match(&draft.topic, |subscriber| {
            subscriptions += usize::from(subscriber.hears(&draft.attribution));
        });
        if subscriptions <= FAN_OUT {
            return Ok(());
        }
        self.0.sequence.lock().metrics.refused += 1;
        Err(Backpressure { subscriptions })
    }

    /// How many subscriptions there are to a topic.
    pub fn subscriptions(&self, topic: &Topic) -> usize {
        self.0.index.load().count(topic)
    }

    /// What was done until now.
    pub fn metrics(&self) -> BusMetrics {
        self.0.sequence.lock().metrics
    }
}

impl Shared {
    /// Gives a message its number and puts it into the subscriptions. Also gives those that dropped one for it.
    fn deliver(
        &self,
        mut sequence: MutexGuard<'_, Sequence>,
        index: &Snapshot<Arc<Subscriber>>,
        draft: Draft,
    ) -> (Arc<Message>, Vec<Arc<Subscriber>>) {
        let message = Arc::new(Message {
            topic: draft.topic,
            payload: draft.payload,
            source: draft.source,
            timestamp: jiff::Timestamp::now(),
            seq: sequence.next,
            attribution: draft.attribution,
        });
        sequence.next += 1;
        let mut wake = Vec::with_capacity(sequence.woken);
        let mut behind = Vec::new();
        let mut delivered = 0;
        index.each_match(&message.topic, |subscriber| {
            if !subscriber.hears(&message.attribution) {
                return;
            }
            let owner = &subscriber.owner;
            owner.make_room(subscriber, message.size(), |other, dropped| {
                sequence.metrics.dropped += dropped;
                behind.push(Arc::clone(other));
            });
            match subscriber.mailbox.push(&message, &mut wake) {
                Pushed::Closed => {}
                Pushed::Queued { dropped: 0 } => delivered += 1,
                Pushed::Queued { dropped } => {
                    delivered += 1;
                    sequence.metrics.dropped += dropped;
                    behind.push(Arc::clone(subscriber));
                }
            }
        });
        sequence.woken = wake.len();
        sequence.metrics.published += 1;
        sequence.metrics.delivered += delivered;
        drop(sequence);
        wake.into_iter().for_each(Waker::wake);
        (message, behind)
    }

    /// Says on [`LAGGED`] which of these subscriptions lost messages, for those whose last report is long enough ago.
    /// What a report itself pushes out is counted, and reported when something else makes its subscription report.
    fn report(&self, behind: &[Arc<Subscriber>]) {
        if behind.is_empty() {
            return;
        }
        let now = Instant::now();
        for subscriber in behind {
            let Some(lag) = subscriber.mailbox.report(now) else {
                continue;
            };
            let report = LagReport {
                subscriber: subscriber.owner.name(),
                pattern: subscriber.pattern.as_str(),
                dropped: lag.dropped,
                lagged: lag.lagged,
            };
            match Payload::json(&report) {
                Ok(payload) => self.publish_report(payload),
                Err(error) => tracing::warn!(%error, "a report of lag can't be written"),
            }
        }
    }

    fn publish_report(&self, payload: Payload) {
        let draft = Draft {
            topic: self.lagged.clone(),
            payload,
            source: self.session,
            attribution: Attribution::System,
        };
        if let Some(hear) = &self.reporting_to {
            hear(&draft);
        }
        let mut sequence = self.sequence.lock();
        sequence.metrics.reports += 1;
        self.deliver(sequence, &self.index.load(), draft);
    }
}

#[cfg(test)]
mod tests;
