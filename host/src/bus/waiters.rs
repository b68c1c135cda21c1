//! Who waits for a mailbox: usually nobody or one, kept without an allocation.

use std::task::Waker;

/// Wakers, each with a number by which its wait takes it back.
#[derive(Default)]
pub(super) struct Waiters {
    first: Option<(u64, Waker)>,
    others: Vec<(u64, Waker)>,
    next: u64,
}

impl Waiters {
    /// Adds one.
    pub(super) fn add(&mut self, waker: Waker) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.first.is_none() {
            self.first = Some((number, waker));
        } else {
            self.others.push((number, waker));
        }
        number
    }

    /// Takes one back; none if it was handed out. Dropping a waker is foreign code: not under a lock.
    pub(super) fn remove(&mut self, number: u64) -> Option<Waker> {
        let found = if self.first.as_ref().is_some_and(|first| first.0 == number) {
            self.first.take()
        } else {
            let at = self.others.iter().position(|other| other.0 == number)?;
            Some(self.others.swap_remove(at))
        };
        found.map(|(_, waker)| waker)
    }

    /// Hands all of them out.
    pub(super) fn take(&mut self, wake: &mut Vec<Waker>) {
        if let Some((_, waker)) = self.first.take() {
            wake.push(waker);
        }
        if !self.others.is_empty() {
            wake.extend(self.others.drain(..).map(|(_, waker)| waker));
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }
}
