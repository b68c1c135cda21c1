//! The owner of subscriptions: they are counted, bounded in what they hold, and closed together with those of the
//! same owner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, RawMutex};

use super::mailbox::Mailbox;
use super::message::Attribution;
pub use crate::limits::bus::CAPSULE_BYTES;
use crate::names::PrincipalId;
use crate::topic::TopicPattern;

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
    /// Bytes that its subscriptions may hold together.
    most: usize,
    /// Bytes that they hold: the sum of what the mailboxes hold, each of which changes it with its own.
    held: Arc<AtomicUsize>,
    members: Arc<Mutex<Members>>,
}

/// One subscription as the bus sees it.
pub(super) struct Subscriber {
    pub(super) mailbox: Mailbox<RawMutex>,
    pub(super) pattern: TopicPattern,
    pub(super) owner: Owner,
    /// Hears only what is published for this principal, and what the host says.
    pub(super) only: Option<PrincipalId>,
}

impl Subscriber {
    /// Whether a message on a topic that the pattern admits is for it, by whom it was published for.
    pub(super) fn hears(&self, attribution: &Attribution) -> bool {
        match (&self.only, attribution.principal()) {
            (Some(only), Some(principal)) => only == principal,
            _ => true,
        }
    }
}

#[derive(Default)]
struct Members {
    closed: bool,
    next: u64,
    /// In the order in which they came, so that what follows from it can be repeated.
    subscribers: BTreeMap<u64, Arc<Subscriber>>,
}

impl Owner {
    /// An owner that may have `limit` subscriptions at once. Reports of lag show its name.
    pub fn new(name: impl Into<Arc<str>>, limit: usize) -> Self {
        Self {
            name: name.into(),
            limit,
            most: usize::MAX,
            held: Arc::default(),
            members: Arc::default(),
        }
    }

    /// Bounds the bytes that wait in all its subscriptions together; a message counts in each that it waits in.
    /// Without this, only each for itself is bounded.
    #[must_use]
    pub fn holding(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// About how many bytes wait in all its subscriptions.
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
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

    pub(super) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.held)
    }

    /// Makes room for a message of that many bytes in `receiver`, if the owner's subscriptions hold too much: their
    /// oldest messages go, those of `receiver` where it takes more than its share, else those of the fullest. So one
    /// that isn't read takes nothing from those that are. `lost` is told who lost messages, and how many.
    ///
    /// For whoever publishes, one at a time: what is held may shrink meanwhile, and doesn't grow.
    pub(super) fn make_room(
        &self,
        receiver: &Arc<Subscriber>,
        bytes: usize,
        mut lost: impl FnMut(&Arc<Subscriber>, u64),
    ) {
        let fits = || self.held().saturating_add(bytes) <= self.most;
        while !fits() {
            // It comes to nobody; or nothing waits in any of them, and it is larger than all may be.
            let Some(from) = self.to_shed(receiver, bytes) else {
                return;
            };
            match from.mailbox.shed(fits) {
                // It was read just now.
                0 => {}
                dropped => lost(&from, dropped),
            }
        }
    }

    fn to_shed(&self, receiver: &Arc<Subscriber>, bytes: usize) -> Option<Arc<Subscriber>> {
        if receiver.mailbox.is_closed() {
            return None;
        }
        let members = self.members.lock();
        let share = self.most / members.subscribers.len().max(1);
        let own = receiver.mailbox.bytes();
        if own > 0 && own.saturating_add(bytes) > share {
            return Some(Arc::clone(receiver));
        }
        let all = members.subscribers.values();
        let (held, fullest) = all
            .map(|subscriber| (subscriber.mailbox.bytes(), subscriber))
            .max_by_key(|(held, _)| *held)?;
        (held > 0).then(|| Arc::clone(fullest))
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
