//! A disk that fails when a test says so.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

/// What is done to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Read,
    Write,
    Resize,
    Sync,
}

/// What fails, shared by all handles of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    /// What fails, after so many of it, and whether all that follow fail as well.
    fails: Option<(Doing, usize, bool)>,
    errno: i32,
    done: usize,
}

/// `EIO`.
pub(crate) const EIO: i32 = 5;
/// `ENOSPC`.
pub(crate) const ENOSPC: i32 = 28;

impl Faults {
    /// Lets the one after the next `count` fail; with `for_good`, all that follow as well.
    pub(crate) fn after(&self, doing: Doing, count: usize, for_good: bool, errno: i32) {
        *self.0.lock() = Plan {
            fails: Some((doing, count, for_good)),
            errno,
            done: 0,
        };
    }

    /// Lets everything work again. Answers whether anything failed.
    pub(crate) fn end(&self) -> bool {
        let plan = std::mem::take(&mut *self.0.lock());
        plan.fails.is_some_and(|(_, count, _)| plan.done > count)
    }

    pub(super) fn before(&self, doing: Doing) -> io::Result<()> {
        let mut plan = self.0.lock();
        let Some((failing, count, for_good)) = plan.fails else {
            return Ok(());
        };
        if failing != doing {
            return Ok(());
        }
        plan.done += 1;
        if plan.done == count + 1 || (for_good && plan.done > count) {
            return Err(io::Error::from_raw_os_error(plan.errno));
        }
        Ok(())
    }
}
