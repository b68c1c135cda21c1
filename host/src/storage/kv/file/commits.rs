//! Writes, and how they are committed: those that wait at the same time share one commit, and so one sync of the disk.
//!
//! There is one committer at most, on a thread of the runtime's pool for as long as anything waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redb::Database;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::apply::Tables;
use super::failure::Failure;
use super::handle::{Door, Handle, fenced};
use super::{Durability, FileOptions};
use crate::limits::storage::{COMMIT_BYTES, COMMIT_WRITES, WAITING_WRITES};
use crate::storage::kv::{Batch, KvError, KvScope, Quota, StoreError, Write, Written};

/// How long what was committed may wait to be synced, where commits are not.
const SYNC_AFTER: Duration = Duration::from_secs(1);

/// A write, and where its outcome is waited for.
struct Job {
    scope: KvScope,
    change: Change,
    done: oneshot::Sender<Result<Written, KvError>>,
    _place: OwnedSemaphorePermit,
}

/// What a write changes.
pub(super) enum Change {
    Batch(Batch, Quota),
    /// All keys of the scope go.
    Purge,
}

impl Change {
    /// Bytes that it writes, roughly.
    fn weight(&self) -> usize {
        let Self::Batch(batch, _) = self else {
            return 0;
        };
        let writes = batch.writes.iter().map(|write| match write {
            Write::Set { key, value } => key.len() + value.len(),
            Write::Remove { key } => key.len(),
        });
        writes.sum()
    }
}

/// Writes that wait, and whether one commits.
#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_committing: bool,
    /// Whether a sync is to come.
    is_syncing: bool,
}

/// The writes of a store.
pub(super) struct Commits {
    door: Arc<Door>,
    options: Arc<FileOptions>,
    places: Arc<Semaphore>,
    queue: Mutex<Queue>,
}

impl Drop for Commits {
    /// The committer may outlast the store, and have opened the file again.
    fn drop(&mut self) {
        self.door.close();
    }
}

/// The committer's place. Dropped before its work is done (the runtime ends, or something panicked), it is free again, and
/// all that wait get an error.
struct Committer(Option<Arc<Commits>>);

impl Drop for Committer {
    fn drop(&mut self) {
        if let Some(commits) = &self.0 {
            let mut queue = commits.queue.lock();
            queue.is_committing = false;
            let left = std::mem::take(&mut queue.jobs);
            drop(queue);
            drop(left);
        }
    }
}

impl Committer {
    /// Commits until nothing waits any more.
    fn work(mut self) {
        while let Some(commits) = &self.0 {
            let jobs = {
                let mut queue = commits.queue.lock();
                let jobs = next(&mut queue.jobs);
                // In one step, so that whatever comes later finds the place free.
                queue.is_committing = !jobs.is_empty();
                jobs
            };
            if jobs.is_empty() {
                self.0 = None;
            } else {
                commits.commit(jobs);
            }
        }
    }
}

impl Commits {
    pub(super) fn new(door: &Arc<Door>, options: &Arc<FileOptions>) -> Arc<Self> {
        Arc::new(Self {
            door: Arc::clone(door),
            options: Arc::clone(options),
            places: Arc::new(Semaphore::new(WAITING_WRITES)),
            queue: Mutex::default(),
        })
    }

    /// Writes, and waits until it is on the disk. Dropped meanwhile, it is done or not, as a whole.
    pub(super) async fn write(
        self: &Arc<Self>,
        scope: &KvScope,
        change: Change,
    ) -> Result<Written, KvError> {
        let ending = || KvError::Store(self.options.error("write", Failure::Closed));
        let place = Arc::clone(&self.places).acquire_owned();
        let place = place.await.map_err(|_| ending())?;
        let (done, outcome) = oneshot::channel();
        let job = Job {
            scope: scope.clone(),
            change,
            done,
            _place: place,
        };
        let is_first = {
            let mut queue = self.queue.lock();
            queue.jobs.push_back(job);
            !std::mem::replace(&mut queue.is_committing, true)
        };
        if is_first {
            let committer = Committer(Some(Arc::clone(self)));
            if self.options.blocking.inline {
                committer.work();
            } else {
                tokio::task::spawn_blocking(move || committer.work());
            }
        }
        outcome.await.map_err(|_| ending())?
    }

    fn commit(self: &Arc<Self>, jobs: Vec<Job>) {
        let handle = match self.door.enter_blocking(&self.options) {
            Ok(handle) => handle,
            Err(error) => return fail(jobs, &error),
        };
        let outcomes = fenced(|| apply(handle.database()?, &jobs));
        match outcomes {
            Ok(outcomes) => {
                self.sync_soon(&handle);
                // Before it is told: a store that ends after its last answer closes the file.
                drop(handle);
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    // It may have been given up meanwhile.
                    let _ = job.done.send(outcome.map_err(|failure| self.told(failure)));
                }
            }
            Err(failure) => {
                if failure.ends_the_handle() {
                    self.door.give_up(&handle);
                }
                drop(handle);
                fail(jobs, &self.options.error("write", failure));
            }
        }
    }

    /// A failure as it is told to the one whose write it is.
    fn told(&self, failure: Failure) -> KvError {
        match failure {
            Failure::Refused(error) => error,
            other => KvError::Store(self.options.error("write", other)),
        }
    }

    /// Where a commit is not synced: sees to it that it is.
    fn sync_soon(self: &Arc<Self>, handle: &Handle) {
        let Some(unsynced) = handle.unsynced.clone() else {
            return;
        };
        debug_assert_eq!(self.options.durability, Durability::Process);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.options.blocking.inline
            || std::mem::replace(&mut self.queue.lock().is_syncing, true)
        {
            return;
        }
        let this = Arc::clone(self);
        runtime.spawn(async move {
            tokio::time::sleep(SYNC_AFTER).await;
            this.queue.lock().is_syncing = false;
            let synced = tokio::task::spawn_blocking(move || unsynced.sync()).await;
            if let Ok(Err(error)) = synced {
                let path = this.options.path.display();
                tracing::error!(
                    "what was written to {path} in the last second is not on the disk: {error}"
                );
            }
        });
    }
}

/// The jobs of the next commit.
fn next(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut weight = 0;
    let mut jobs = Vec::new();
    while let Some(job) = waiting.front() {
        weight += job.change.weight();
        if !jobs.is_empty() && (weight > COMMIT_BYTES || jobs.len() == COMMIT_WRITES) {
            break;
        }
        jobs.extend(waiting.pop_front());
    }
    jobs
}

fn fail(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        let _ = job.done.send(Err(KvError::Store(error.clone())));
    }
}

/// Does all jobs in one commit. What one is refused for is no failure of the others.
fn apply(database: &Database, jobs: &[Job]) -> Result<Vec<Result<Written, Failure>>, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let mut outcomes = Vec::with_capacity(jobs.len());
    {
        let mut tables = Tables::open(&transaction)?;
        for job in jobs {
            let outcome = match &job.change {
                Change::Batch(batch, quota) => tables.batch(&job.scope, batch, *quota),
                Change::Purge => tables.purge(&job.scope),
            };
            match outcome {
                // It was found out before anything was changed.
                Ok(_) | Err(Failure::Refused(_) | Failure::Damaged(_)) => outcomes.push(outcome),
                Err(failure) => return Err(failure),
            }
        }
        tables.finish()?;
    }
    if outcomes.iter().any(Result::is_ok) {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(outcomes)
}
