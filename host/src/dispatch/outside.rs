//! What waits outside for one principal, in the order in which it came.

use std::collections::VecDeque;

/// Groups of what waits, each of the same lanes: in a group only the first can be the next.
pub(super) struct Outside<E> {
    groups: Vec<Group<E>>,
    /// The ticket of the one that waits longest.
    oldest: Option<u64>,
    /// The later ones of its lanes that had room while it was that.
    had_room: Vec<u64>,
}

/// Never empty.
struct Group<E> {
    lanes: Vec<u64>,
    waiting: VecDeque<(u64, E)>,
}

impl<E> Default for Outside<E> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            oldest: None,
            had_room: Vec::new(),
        }
    }
}

impl<E> Outside<E> {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Lets it wait for these lanes, the first one of which it needs a place in. Tickets ascend.
    pub(super) fn add(&mut self, lanes: Vec<u64>, ticket: u64, entrant: E) {
        let at = self.groups.iter().position(|group| group.lanes == lanes);
        let at = at.unwrap_or_else(|| {
            self.groups.push(Group {
                lanes,
                waiting: VecDeque::new(),
            });
            self.groups.len() - 1
        });
        self.groups[at].waiting.push_back((ticket, entrant));
    }

    /// Takes out the one of this ticket.
    pub(super) fn remove(&mut self, ticket: u64) -> Option<E> {
        let (group, at) = self.groups.iter().enumerate().find_map(|(at, group)| {
            let key = |(ticket, _): &(u64, E)| *ticket;
            let found = group.waiting.binary_search_by_key(&ticket, key).ok()?;
            Some((at, found))
        })?;
        let (_, entrant) = self.groups[group].waiting.remove(at)?;
        self.tidy(group);
        Some(entrant)
    }

    /// Takes out the next one: of those whose lanes all have room, the one that came first.
    ///
    /// The one that waits longest of all needs each of its later lanes to have had room once while it did. Two lanes
    /// that are full most of the time, and have room in turns, would else keep it out for ever. Nothing comes out while
    /// `is_full`, but what had room is seen.
    pub(super) fn next(&mut self, is_full: bool, crowded: impl Fn(u64) -> bool) -> Option<E> {
        let oldest = self.first_come(|_| true)?;
        let (ticket, lanes) = (self.groups[oldest].ticket(), &self.groups[oldest].lanes);
        if self.oldest != ticket {
            self.oldest = ticket;
            self.had_room.clear();
        }
        let later = lanes.get(1..).unwrap_or_default();
        for lane in later {
            if !crowded(*lane) && !self.had_room.contains(lane) {
                self.had_room.push(*lane);
            }
        }
        if is_full {
            return None;
        }
        let first_has_room = lanes.first().is_none_or(|first| !crowded(*first));
        let at = if first_has_room && later.iter().all(|lane| self.had_room.contains(lane)) {
            oldest
        } else {
            self.first_come(|group| !group.lanes.iter().any(|lane| crowded(*lane)))?
        };
        let (_, entrant) = self.groups[at].waiting.pop_front()?;
        self.tidy(at);
        Some(entrant)
    }

    /// Everything that waits, a group after another.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = (u64, E)> {
        self.groups.into_iter().flat_map(|group| group.waiting)
    }

    /// The group whose first came first, of those that are wanted.
    fn first_come(&self, wanted: impl Fn(&Group<E>) -> bool) -> Option<usize> {
        let groups = self.groups.iter().enumerate();
        let wanted = groups.filter(|(_, group)| wanted(group));
        let (at, _) = wanted.min_by_key(|(_, group)| group.ticket())?;
        Some(at)
    }

    fn tidy(&mut self, group: usize) {
        if self.groups[group].waiting.is_empty() {
            self.groups.swap_remove(group);
        }
    }
}

impl<E> Group<E> {
    /// Of the one that came first.
    fn ticket(&self) -> Option<u64> {
        self.waiting.front().map(|(ticket, _)| *ticket)
    }
}
