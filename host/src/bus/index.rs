//! Which of many patterns match a topic: a table of exact topics, and a trie of segments for patterns with a `*`.
//!
//! Patterns enter with a value each; a topic enters and the values of the patterns that match it leave, exactly those
//! that the matchers of [`TopicPattern`] would say. What a look-up costs grows with what lies on the topic's own path,
//! not with how many other patterns there are.
//!
//! Both are persistent: a change copies the few nodes on its pattern's path and puts the new root in place of the old
//! one in one step. So a look-up waits for nobody, and sees all of a change or nothing of it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;
use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, OrdMap};
use parking_lot::Mutex;

use crate::topic::{Topic, TopicPattern};

/// The segment of a pattern that stands for any.
const WILDCARD: &str = "*";

/// What a trailing `*` of a pattern stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternUse {
    /// Exactly one segment: [`TopicPattern::matches_handler`].
    Handler,
    /// One or more segments: [`TopicPattern::matches_acl`].
    Subscription,
}

/// Names one entry of the index that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryId {
    pattern: TopicPattern,
    usage: PatternUse,
    serial: u64,
}

impl EntryId {
    /// The pattern of the entry.
    pub fn pattern(&self) -> &TopicPattern {
        &self.pattern
    }
}

/// Patterns with a value each. Cloning a value should be cheap: changes do it.
pub struct TopicIndex<T> {
    root: ArcSwap<Root<T>>,
    /// Held by who changes, never by who looks up. Counts the entries that were ever made.
    writer: Mutex<u64>,
}

/// The index at one moment.
pub struct Snapshot<T>(Guard<Arc<Root<T>>>);

/// A change that is being made.
pub struct Edit<'a, T> {
    root: Root<T>,
    serial: &'a mut u64,
}

type Map<V> = GenericHashMap<Arc<str>, V, RandomState, DefaultSharedPtr>;
/// The values of one pattern, by serial number.
type Values<T> = OrdMap<u64, T>;

#[derive(Clone)]
struct Root<T> {
    /// Patterns without a `*`.
    exact: Map<Values<T>>,
    /// The others.
    wild: Node<T>,
}

#[derive(Clone)]
struct Node<T> {
    /// By the next segment.
    children: Map<Arc<Node<T>>>,
    /// Where the next segment may be any.
    star: Option<Arc<Node<T>>>,
    /// Patterns that end here.
    ends: Values<T>,
    /// Patterns that end in a `*` after this node, which takes one or more segments.
    rest: Values<T>,
}

impl<T: Clone> Default for TopicIndex<T> {
    fn default() -> Self {
        Self {
            root: ArcSwap::from_pointee(Root {
                exact: Map::new(),
                wild: Node::new(),
            }),
            writer: Mutex::new(0),
        }
    }
}

impl<T: Clone> TopicIndex<T> {
    /// Makes a change as one step: look-ups see all that `make` did, or none of it. Changes wait for one another;
    /// look-ups don't wait for them. `make` must not change this index again by other means.
    pub fn change<R>(&self, make: impl FnOnce(&mut Edit<'_, T>) -> R) -> R {
        let mut serial = self.writer.lock();
        let mut edit = Edit {
            root: Root::clone(&self.root.load()),
            serial: &mut serial,
        };
        let made = make(&mut edit);
        let before = self.root.swap(Arc::new(edit.root));
        drop(serial);
        // After the lock: a value that ends here may change the index as it does.
        drop(before);
        made
    }

    /// The index as it is now. It costs little; don't keep it longer than a look-up takes.
    pub fn load(&self) -> Snapshot<T> {
        Snapshot(self.root.load())
    }
}

impl<T: Clone> Edit<'_, T> {
    /// Adds an entry. A pattern may have many.
    pub fn insert(&mut self, pattern: &TopicPattern, usage: PatternUse, value: T) -> EntryId {
        let id = EntryId {
            pattern: pattern.clone(),
            usage,
            serial: *self.serial,
        };
        *self.serial += 1;
        let values = if pattern.is_exact() {
            child(&mut self.root.exact, pattern.as_str(), Values::new)
        } else {
            id.values(&mut self.root.wild)
        };
        values.insert(id.serial, value);
        id
    }

    /// Takes an entry out; none if it isn't there.
    pub fn remove(&mut self, id: &EntryId) -> Option<T> {
        let pattern = id.pattern.as_str();
        if !id.pattern.is_exact() {
            return remove(&mut self.root.wild, id, Some(pattern));
        }
        let values = self.root.exact.get_mut(pattern)?;
        let removed = values.remove(&id.serial);
        if values.is_empty() {
            self.root.exact.remove(pattern);
        }
        removed
    }
}

impl<T: Clone> Snapshot<T> {
    /// Calls `found` for each entry whose pattern matches `topic`, in no particular order.
    pub fn each_match<'a>(&'a self, topic: &Topic, mut found: impl FnMut(&'a T)) {
        self.visit(topic, &mut |values| match values.get_min() {
            // Most patterns have one, for which an iterator would cost as much as finding the pattern.
            Some((_, only)) if values.len() == 1 => found(only),
            _ => values.values().for_each(&mut found),
        });
    }

    /// How many entries match `topic`. Cheaper than to visit them.
    pub fn count(&self, topic: &Topic) -> usize {
        let mut count = 0;
        self.visit(topic, &mut |values| count += values.len());
        count
    }

    fn visit<'a>(&'a self, topic: &Topic, visit: &mut impl FnMut(&'a Values<T>)) {
        if let Some(values) = self.0.exact.get(topic.as_str()) {
            visit(values);
        }
        walk(&self.0.wild, Some(topic.as_str()), visit);
    }
}

impl EntryId {
    /// Where the entry's value belongs; makes the nodes on the way.
    fn values<'n, T: Clone>(&self, root: &'n mut Node<T>) -> &'n mut Values<T> {
        let mut node = root;
        let mut path = Some(self.pattern.as_str());
        while let Some((segment, rest)) = path.map(split) {
            if self.is_rest(segment, rest) {
                return &mut node.rest;
            }
            let empty = || Arc::new(Node::new());
            let next = if segment == WILDCARD {
                node.star.get_or_insert_with(empty)
            } else {
                child(&mut node.children, segment, empty)
            };
            node = Arc::make_mut(next);
            path = rest;
        }
        &mut node.ends
    }

    /// Whether this segment of the pattern, before `rest`, takes one or more segments of a topic.
    fn is_rest(&self, segment: &str, rest: Option<&str>) -> bool {
        rest.is_none() && segment == WILDCARD && self.usage == PatternUse::Subscription
    }
}

/// What `map` has under `key`; put there if there is nothing.
fn child<'m, V: Clone>(map: &'m mut Map<V>, key: &str, empty: impl FnOnce() -> V) -> &'m mut V {
    map.entry(key.into()).or_insert_with(empty)
}

/// Removes an entry whose pattern continues with `path` after `node`, and the nodes that it leaves empty. Recurses once
/// for each segment, of which a pattern has few.
fn remove<T: Clone>(node: &mut Node<T>, id: &EntryId, path: Option<&str>) -> Option<T> {
    let Some((segment, path)) = path.map(split) else {
        return node.ends.remove(&id.serial);
    };
    if id.is_rest(segment, path) {
        return node.rest.remove(&id.serial);
    }
    let next = if segment == WILDCARD {
        node.star.as_mut()?
    } else {
        node.children.get_mut(segment)?
    };
    let next = Arc::make_mut(next);
    let removed = remove(next, id, path);
    if next.is_empty() {
        if segment == WILDCARD {
            node.star = None;
        } else {
            node.children.remove(segment);
        }
    }
    removed
}

/// Visits the values of the patterns that match `path`, as seen from `node`. Recurses once for each segment, of which
/// a topic has few.
fn walk<'a, T>(node: &'a Node<T>, path: Option<&str>, visit: &mut impl FnMut(&'a Values<T>)) {
    let Some((segment, path)) = path.map(split) else {
        if !node.ends.is_empty() {
            visit(&node.ends);
        }
        return;
    };
    if !node.rest.is_empty() {
        visit(&node.rest);
    }
    // Most nodes have no children: nothing is hashed for those.
    if !node.children.is_empty()
        && let Some(child) = node.children.get(segment)
    {
        walk(child, path, visit);
    }
    if let Some(star) = &node.star {
        walk(star, path, visit);
    }
}

/// The first segment of a path, and the segments after it.
fn split(path: &str) -> (&str, Option<&str>) {
    // Segments are short: looking at each byte is faster than setting up a search.
    match path.bytes().position(|byte| byte == b'.') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}

impl<T> Node<T> {
    fn new() -> Self {
        Self {
            children: Map::new(),
            star: None,
            ends: Values::new(),
            rest: Values::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.star.is_none()
            && self.ends.is_empty()
            && self.rest.is_empty()
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
