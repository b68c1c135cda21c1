//! The gate of a capsule's lanes: by it they are opened, paused and closed together.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::sync::{AtomicUsize, Mutex};

/// What the lanes of a capsule have in common: how many turns each may give out now.
pub(super) struct LaneGate {
    /// As `setting` says; apart from it so that reading it takes no lock.
    open: AtomicUsize,
    closed: AtomicBool,
    setting: Mutex<Setting>,
}

pub(super) struct Setting {
    pub(super) permits: usize,
    pub(super) pauses: usize,
    pub(super) closed: bool,
}

impl LaneGate {
    pub(super) fn new(closed: bool) -> Self {
        Self {
            open: AtomicUsize::new(usize::from(!closed)),
            closed: AtomicBool::new(closed),
            setting: Mutex::new(Setting {
                permits: 1,
                pauses: 0,
                closed,
            }),
        }
    }

    /// How many turns a lane may give out at once.
    pub(super) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Setting)) {
        let mut setting = self.setting.lock();
        change(&mut setting);
        let shut = setting.closed || setting.pauses > 0;
        self.open
            .store(if shut { 0 } else { setting.permits }, SeqCst);
        self.closed.store(setting.closed, SeqCst);
    }
}
