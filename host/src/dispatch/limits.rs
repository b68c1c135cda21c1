//! How many events may be in flight, wait in a lane and be observed, and how many bytes they may hold.
//!
//! These are the host's own numbers: no key of the configuration changes them.

use crate::bus::ENVELOPE;
use crate::limits::dispatch as limits;

use super::event::Event;

/// Events, and the bytes that they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many events.
    pub events: usize,
    /// Bytes of their payloads and topics, and 256 for the rest of each.
    pub bytes: usize,
}

/// What may be held at once. Nothing more is admitted while either number of [`Amount`] is reached; so the last event
/// that was admitted may exceed the bytes, by at most one payload (1 MiB), whatever the sizes of those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// For one principal.
    pub principal: Amount,
    /// For the host.
    pub host: Amount,
}

/// What a dispatcher holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events that wait in one lane: 64. An event is admitted while fewer wait in the lane of each handler of its chain;
    /// so only a lane that is a later one of events admitted before may hold more, at most the principal's in flight
    /// besides. An event that is being handled doesn't wait.
    pub lane: usize,
    /// Events in flight: 256 and 64 MiB for a principal, 4,096 and 512 MiB for the host.
    pub events: Budget,
    /// Observers that run or wait in their lanes, each with what it holds of its event: as many again. An observer
    /// outlives its event, so a slow one would else hold up what has nothing to do with it.
    pub observers: Budget,
}

impl Default for Limits {
    fn default() -> Self {
        let budget = Budget {
            principal: Amount {
                events: limits::PRINCIPAL_EVENTS,
                bytes: limits::PRINCIPAL_BYTES,
            },
            host: Amount {
                events: limits::HOST_EVENTS,
                bytes: limits::HOST_BYTES,
            },
        };
        Self {
            lane: limits::LANE,
            events: budget,
            observers: budget,
        }
    }
}

impl Amount {
    /// Whether one of the numbers is reached.
    pub(super) fn reaches(self, bound: Self) -> bool {
        self.events >= bound.events || self.bytes >= bound.bytes
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.events += 1;
        self.bytes += bytes;
    }

    pub(super) fn remove(&mut self, bytes: usize) {
        self.events -= 1;
        self.bytes -= bytes;
    }
}

impl Event {
    /// Bytes that the event holds as it was published.
    pub(super) fn bytes(&self) -> usize {
        self.payload.as_bytes().len() + self.topic.as_str().len() + ENVELOPE
    }
}
