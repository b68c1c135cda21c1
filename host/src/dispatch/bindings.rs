//! Which handlers are bound to which topics, and which load of a capsule answers for them.
//!
//! A chain is what was bound when its event was published. Who answers for a handler of it is looked up when its turn
//! comes: the capsule's load of that moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::handler::{Handler, HandlerFailure};
use super::lanes::{CapsuleLanes, Lanes};
use crate::bus::{EntryId, PatternUse, TopicIndex};
use crate::manifest::{self, CapsuleName, Mode, OnError};
use crate::sync::Mutex;
use crate::topic::{Topic, TopicPattern};

/// A handler that is bound to a topic.
pub(super) struct Bound<H> {
    slot: Arc<Slot<H>>,
    /// The load that it was bound for.
    load: u64,
    /// Where its manifest has it.
    place: usize,
    priority: u32,
    pub(super) action: Arc<str>,
    pub(super) on_error: OnError,
    pub(super) mode: Mode,
    pub(super) timeout: Option<Duration>,
}

/// A bound capsule, from the time it is bound until it is unbound, whatever it is replaced by between.
struct Slot<H> {
    name: Arc<CapsuleName>,
    lanes: Arc<CapsuleLanes>,
    load: Mutex<Load<H>>,
}

struct Load<H> {
    number: u64,
    answers: Answers<H>,
    handlers: Arc<[(Arc<str>, TopicPattern)]>,
}

enum Answers<H> {
    Loaded(Arc<H>),
    NotLoaded(Arc<str>),
    Unloaded,
}

impl<H> Clone for Answers<H> {
    fn clone(&self) -> Self {
        match self {
            Self::Loaded(handler) => Self::Loaded(Arc::clone(handler)),
            Self::NotLoaded(reason) => Self::NotLoaded(Arc::clone(reason)),
            Self::Unloaded => Self::Unloaded,
        }
    }
}

/// The handlers that are asked about an event, in order.
pub(super) struct Chain<H> {
    pub(super) steps: Vec<Arc<Bound<H>>>,
    /// Without whose answer the event is denied.
    pub(super) required: Vec<CapsuleName>,
}

/// The handlers of all capsules.
pub(super) struct Bindings<H> {
    index: TopicIndex<Arc<Bound<H>>>,
    slots: Mutex<HashMap<CapsuleName, Entry<H>>>,
    required: Vec<(TopicPattern, Vec<CapsuleName>)>,
}

struct Entry<H> {
    slot: Arc<Slot<H>>,
    loads: u64,
    ids: Vec<EntryId>,
}

impl<H: Handler> Bindings<H> {
    pub(super) fn new(required: Vec<(TopicPattern, Vec<CapsuleName>)>) -> Self {
        Self {
            index: TopicIndex::default(),
            slots: Mutex::default(),
            required,
        }
    }

    /// Binds a capsule, in the place of what was bound under its name.
    pub(super) fn bind(
        &self,
        lanes: &Lanes,
        name: &CapsuleName,
        handlers: &[manifest::Handler<'_>],
        loaded: Result<H, String>,
    ) {
        let handlers: Vec<_> = handlers.iter().map(|h| (Arc::from(h.action), h)).collect();
        let known = handlers
            .iter()
            .map(|(action, handler)| (Arc::clone(action), handler.topic.clone()))
            .collect();
        let answers = match loaded {
            Ok(handler) => Answers::Loaded(Arc::new(handler)),
            Err(reason) => Answers::NotLoaded(reason.into()),
        };
        let mut slots = self.slots.lock();
        let entry = slots.entry(name.clone()).or_insert_with(|| Entry {
            slot: Arc::new(Slot {
                name: Arc::new(name.clone()),
                lanes: lanes.of(name),
                load: Mutex::new(Load::unloaded()),
            }),
            loads: 0,
            ids: Vec::new(),
        });
        entry.loads += 1;
        let load = entry.loads;
        let before = entry.slot.set(Load {
            number: load,
            answers,
            handlers: known,
        });
        let (old, slot) = (std::mem::take(&mut entry.ids), &entry.slot);
        entry.ids = self.index.change(|edit| {
            for id in &old {
                edit.remove(id);
            }
            let bound = handlers
                .iter()
                .enumerate()
                .map(|(place, (action, handler))| {
                    let bound = Bound {
                        slot: Arc::clone(slot),
                        load,
                        place,
                        priority: handler.priority,
                        action: Arc::clone(action),
                        on_error: handler.on_error,
                        mode: handler.mode,
                        timeout: handler.timeout_ms.map(Duration::from_millis),
                    };
                    edit.insert(handler.topic, PatternUse::Handler, Arc::new(bound))
                });
            bound.collect()
        });
        drop(slots);
        drop(before);
    }

    /// Forgets a capsule. Chains that it is part of find it unloaded.
    pub(super) fn unbind(&self, name: &CapsuleName) -> bool {
        let mut slots = self.slots.lock();
        let Some(entry) = slots.remove(name) else {
            return false;
        };
        self.index.change(|edit| {
            for id in &entry.ids {
                edit.remove(id);
            }
        });
        drop(slots);
        drop(entry.slot.set(Load::unloaded()));
        true
    }

    /// The load that answers for a capsule now, if one does.
    pub(super) fn loaded(&self, name: &CapsuleName) -> Option<Arc<H>> {
        let slots = self.slots.lock();
        match &slots.get(name)?.slot.load.lock().answers {
            Answers::Loaded(handler) => Some(Arc::clone(handler)),
            Answers::NotLoaded(_) | Answers::Unloaded => None,
        }
    }

    /// Whether anybody is asked about a topic now.
    pub(super) fn any(&self, topic: &Topic) -> bool {
        self.index.load().count(topic) > 0
    }

    /// Who is asked about a topic now.
    pub(super) fn chain(&self, topic: &Topic) -> Chain<H> {
        let mut steps = Vec::new();
        let index = self.index.load();
        index.each_match(topic, |bound| steps.push(Arc::clone(bound)));
        if steps.len() > 1 {
            steps.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        }
        let required = self.required.iter();
        let required = required.filter(|(pattern, _)| pattern.matches_acl(topic));
        Chain {
            steps,
            required: required.flat_map(|(_, names)| names).cloned().collect(),
        }
    }
}

impl<H> Default for Chain<H> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            required: Vec::new(),
        }
    }
}

impl<H> Chain<H> {
    /// The handlers of `name` that take part in the chain, by where they stand.
    fn of<'a>(&'a self, name: &'a CapsuleName) -> impl Iterator<Item = usize> + 'a {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(move |(at, bound)| {
            (bound.mode == Mode::Chain && **bound.capsule() == *name).then_some(at)
        })
    }

    /// A capsule without whose answer the event is denied, and that isn't bound to its topic.
    pub(super) fn missing(&self) -> Option<&CapsuleName> {
        let mut required = self.required.iter();
        required.find(|name| self.of(name).next().is_none())
    }

    /// One that has a handler after `at`.
    pub(super) fn required_after(&self, at: usize) -> Option<&CapsuleName> {
        let mut required = self.required.iter();
        required.find(|name| self.of(name).any(|other| other > at))
    }

    /// Whether the event is denied if this handler gives no answer.
    pub(super) fn denies(&self, bound: &Bound<H>) -> bool {
        bound.on_error == OnError::Deny
            || self.required.iter().any(|name| *name == **bound.capsule())
    }
}

impl<H> Bound<H> {
    pub(super) fn capsule(&self) -> &Arc<CapsuleName> {
        &self.slot.name
    }

    pub(super) fn lanes(&self) -> &CapsuleLanes {
        &self.slot.lanes
    }

    fn order(&self) -> (u32, &CapsuleName, usize) {
        (self.priority, &self.slot.name, self.place)
    }

    /// Who answers for it now.
    pub(super) fn handler(&self, topic: &Topic) -> Result<Arc<H>, HandlerFailure> {
        let load = self.slot.load.lock();
        let (number, answers) = (load.number, load.answers.clone());
        let handlers = (number != self.load).then(|| Arc::clone(&load.handlers));
        drop(load);
        let capsule = &self.slot.name;
        // Another load answers if it binds the handler to the topic, too.
        let known = |(action, pattern): &(Arc<str>, TopicPattern)| {
            *action == self.action && pattern.matches_handler(topic)
        };
        match answers {
            Answers::Unloaded => Err(HandlerFailure::new(
                HandlerFailure::UNLOADED,
                format!("capsule {capsule} was removed while the event was queued"),
            )),
            _ if handlers.is_some_and(|handlers| !handlers.iter().any(known)) => {
                Err(HandlerFailure::new(
                    HandlerFailure::GONE,
                    format!(
                        "capsule {capsule} was replaced while the event was queued, by one that doesn't bind {:?} to {topic}",
                        self.action
                    ),
                ))
            }
            Answers::NotLoaded(reason) => Err(HandlerFailure::new(
                HandlerFailure::NOT_LOADED,
                format!("capsule {capsule} could not be loaded: {reason}"),
            )),
            Answers::Loaded(handler) => Ok(handler),
        }
    }
}

impl<H> Slot<H> {
    fn set(&self, load: Load<H>) -> Load<H> {
        std::mem::replace(&mut self.load.lock(), load)
    }
}

impl<H> Load<H> {
    fn unloaded() -> Self {
        Self {
            number: 0,
            answers: Answers::Unloaded,
            handlers: Arc::default(),
        }
    }
}
