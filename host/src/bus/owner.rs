//! Whose a subscription is: subscriptions are counted, and closed, together with those of the same owner.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::subscription::Subscriber;

/// Why there is no subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The owner has as many as it may have.
    #[error("{owner} has {limit} subscriptions, and may not have more: drop one first")]
    Quota {
        /// The owner's name.
        owner: Arc<str>,
        /// How many it may have.
        limit: usize,
    },
    /// The owner was closed.
    #[error("{owner} was unloaded")]
    Closed {
        /// The owner's name.
        owner: Arc<str>,
    },
}

/// Who subscribes: a load of a capsule, or a part of the host. Clones are the same owner.
#[derive(Clone)]
pub struct Owner {
    name: Arc<str>,
    limit: usize,
    members: Arc<Mutex<Members>>,
}

#[derive(Default)]
struct Members {
    closed: bool,
    next: u64,
    subscribers: HashMap<u64, Arc<Subscriber>>,
}

impl Owner {
    /// An owner that may have `limit` subscriptions at once. Reports of lag show its name.
    pub fn new(name: impl Into<Arc<str>>, limit: usize) -> Self {
        Self {
            name: name.into(),
            limit,
            members: Arc::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many subscriptions it has.
    pub fn subscriptions(&self) -> usize {
        self.members.lock().subscribers.len()
    }

    /// Closes all its subscriptions, and makes sure that it gets no more.
    pub fn close(&self) {
        let subscribers = {
            let mut members = self.members.lock();
            members.closed = true;
            members.subscribers.clone()
        };
        for subscriber in subscribers.values() {
            subscriber.mailbox.close();
        }
    }

    /// Counts one more; gives the number by which it leaves.
    pub(super) fn join(&self, subscriber: &Arc<Subscriber>) -> Result<u64, SubscribeError> {
        let mut members = self.members.lock();
        let owner = Arc::clone(&self.name);
        if members.closed {
            return Err(SubscribeError::Closed { owner });
        }
        let limit = self.limit;
        if members.subscribers.len() >= limit {
            return Err(SubscribeError::Quota { owner, limit });
        }
        let number = members.next;
        members.next += 1;
        members.subscribers.insert(number, Arc::clone(subscriber));
        Ok(number)
    }

    pub(super) fn leave(&self, number: u64) {
        self.members.lock().subscribers.remove(&number);
    }
}
