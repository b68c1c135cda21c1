//! What a subscriber holds: messages come out of it in order, a batch at a time, with what was lost.
//!
//! Each wait may be dropped at any time without losing a message: messages are taken only in the step that hands them
//! over.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::index::{EntryId, PatternUse};
use super::mailbox::{Batch, Closed, Mailbox, Taken};
use super::message::Message;
use super::owner::{Owner, SubscribeError, Subscriber};
use super::{EventBus, Shared};
pub use crate::limits::bus::RECV_MAX;
use crate::names::PrincipalId;
use crate::topic::TopicPattern;

/// The messages whose topic matches a pattern, published from when it was made. Dropping it ends it.
pub struct Subscription {
    bus: Arc<Shared>,
    subscriber: Arc<Subscriber>,
    entry: EntryId,
    number: u64,
}

/// Tells when a subscription has something to say; outlives it, and is then always ready.
#[derive(Clone)]
pub struct Readiness(Arc<Subscriber>);

impl EventBus {
    /// Subscribes to the topics that `pattern` admits ([`TopicPattern::matches_acl`]). Every message whose publishing
    /// begins after this has returned will come, unless newer ones push it out.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub fn subscribe(
        &self,
        pattern: &TopicPattern,
        owner: &Owner,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_for(pattern, owner, None)
    }

    /// The same, to what is published for one principal and what the host itself says.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub fn subscribe_for(
        &self,
        pattern: &TopicPattern,
        owner: &Owner,
        only: Option<&PrincipalId>,
    ) -> Result<Subscription, SubscribeError> {
        let subscriber = Arc::new(Subscriber {
            mailbox: Mailbox::new(owner.counter()),
            pattern: pattern.clone(),
            owner: owner.clone(),
            only: only.cloned(),
        });
        let number = owner.join(&subscriber)?;
        let value = Arc::clone(&subscriber);
        let entry = self
            .0
            .index
            .change(|edit| edit.insert(pattern, PatternUse::Subscription, value));
        Ok(Subscription {
            bus: Arc::clone(&self.0),
            subscriber,
            entry,
            number,
        })
    }
}

impl Subscription {
    /// What it subscribes to.
    pub fn pattern(&self) -> &TopicPattern {
        &self.subscriber.pattern
    }

    /// The next batch, without waiting: empty if nothing is there.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn poll(&self) -> Result<Batch, Closed> {
        let taken = self.subscriber.mailbox.batch()?;
        Ok(self.reported(taken))
    }

    /// The next batch. Waits for one, but no longer than `most` and [`RECV_MAX`], and is then empty.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn recv(&self, most: Duration) -> Result<Batch, Closed> {
        match timeout(most.min(RECV_MAX), self.subscriber.mailbox.next_batch()).await {
            Ok(taken) => Ok(self.reported(taken?)),
            Err(_) => self.poll(),
        }
    }

    /// The next message, whoever it is for; none once the subscription is closed. For the host's own subscriptions;
    /// [`Subscription::lagged`] tells whether messages were lost.
    pub async fn next(&self) -> Option<Arc<Message>> {
        // A loop over messages that are there already must let other tasks run.
        tokio::task::consume_budget().await;
        let taken = self.subscriber.mailbox.next_message().await.ok()?;
        Some(self.reported(taken))
    }

    /// How many messages were lost since it began.
    pub fn lagged(&self) -> u64 {
        self.subscriber.mailbox.lagged()
    }

    /// A handle by which to wait without taking anything.
    pub fn readiness(&self) -> Readiness {
        Readiness(Arc::clone(&self.subscriber))
    }

    /// What was taken, once its losses are reported if that is due.
    fn reported<T>(&self, taken: Taken<T>) -> T {
        if taken.unreported {
            self.bus.report(&[Arc::clone(&self.subscriber)]);
        }
        taken.what
    }
}

impl Readiness {
    /// Whether [`Subscription::poll`] would give a message or an error now.
    pub fn is_ready(&self) -> bool {
        self.0.mailbox.is_ready()
    }

    /// Waits until it is.
    pub async fn ready(&self) {
        self.0.mailbox.ready().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.subscriber.mailbox.close();
        self.bus.index.change(|edit| edit.remove(&self.entry));
        self.subscriber.owner.leave(self.number);
    }
}
