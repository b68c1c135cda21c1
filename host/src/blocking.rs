//! Where work is done that waits for files: in threads of their own, so that nobody else waits with it; in so few that
//! a thousand who want something at once don't start a thousand threads.
//!
//! The threads are of the runtime's own blocking pool, for as long as there is work: so a runtime whose time stands still
//! in a test lets none pass while files are waited for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// Threads of a host for this. Jobs above that wait, first come first served.
const THREADS: usize = 3;
/// How long a thread that has nothing to do waits for the next job: one follows soon where there are many, and a runtime
/// may start a thread more for it while this one is on its way out.
const LINGER: Duration = Duration::from_millis(10);

/// How such work is done. Clones share the threads.
#[derive(Clone, Default)]
pub(crate) struct Blocking {
    /// In the calling thread: for a program that makes a call or two, whose threads would have to be started for it.
    pub(crate) inline: bool,
    pool: Arc<Pool>,
}

#[derive(Default)]
struct Pool {
    jobs: Mutex<Jobs>,
    more: Condvar,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job.
    idle: usize,
}

/// The job wasn't done: it panicked, or the runtime is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Interrupted(&'static str);

impl Blocking {
    /// Does `job`, and waits for it; dropping the future doesn't end it. A job must not wait for another one, which may
    /// be queued behind it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        if self.inline {
            return Ok(job());
        }
        let (done, result) = oneshot::channel();
        let job = move || {
            // Whoever doesn't wait any more doesn't want to know.
            let _ = done.send(catch_unwind(AssertUnwindSafe(job)));
        };
        if let Some(thread) = self.add(Box::new(job)) {
            tokio::task::spawn_blocking(move || thread.work());
        }
        match result.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(Interrupted("it panicked")),
            Err(_) => Err(Interrupted("the runtime is shutting down")),
        }
    }

    /// Queues a job; a thread that has to be started for it, if nobody is idle and there may be one more.
    fn add(&self, job: Job) -> Option<Thread> {
        let mut jobs = self.pool.jobs.lock();
        jobs.waiting.push_back(job);
        if jobs.waiting.len() <= jobs.idle {
            self.pool.more.notify_one();
            return None;
        }
        (jobs.threads < THREADS).then(|| {
            jobs.threads += 1;
            Thread(Some(Arc::clone(&self.pool)))
        })
    }
}

/// One of the threads: counted until there is nothing left to do.
struct Thread(Option<Arc<Pool>>);

impl Thread {
    fn work(mut self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&mut self) -> Option<Job> {
        let pool = self.0.as_ref()?;
        let mut jobs = pool.jobs.lock();
        if jobs.waiting.is_empty() {
            jobs.idle += 1;
            pool.more.wait_for(&mut jobs, LINGER);
            jobs.idle -= 1;
        }
        let next = jobs.waiting.pop_front();
        if next.is_none() {
            jobs.threads -= 1;
            drop(jobs);
            self.0 = None;
        }
        next
    }
}

impl Drop for Thread {
    /// A runtime that is shutting down starts no thread: who waits for one is told.
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            let mut jobs = pool.jobs.lock();
            jobs.threads -= 1;
            let waiting = std::mem::take(&mut jobs.waiting);
            drop(jobs);
            drop(waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn so_many_jobs_are_done_at_once_and_the_others_wait() {
        let blocking = Blocking::default();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..200)
            .map(|number| {
                let (blocking, running, most) =
                    (blocking.clone(), Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    let job = move || {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        running.fetch_sub(1, SeqCst);
                        number
                    };
                    blocking.run(job).await.expect("done")
                })
            })
            .collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.expect("no panic"), number);
        }
        let most = most.load(SeqCst);
        assert!((1..=THREADS).contains(&most), "{most} at once");
    }

    #[tokio::test]
    async fn a_job_that_panics_leaves_its_thread_to_others() {
        let blocking = Blocking::default();
        for _ in 0..=THREADS {
            let panics = blocking.run(|| panic!("on purpose"));
            assert!(panics.await.is_err());
        }
        assert_eq!(blocking.run(|| 7).await.expect("done"), 7);
    }

    #[test]
    fn who_waits_for_a_runtime_that_ends_is_told() {
        let blocking = Blocking::default();
        let thread = blocking.add(Box::new(|| ())).expect("the first");
        assert_eq!(blocking.pool.jobs.lock().waiting.len(), 1);
        drop(thread);
        let jobs = blocking.pool.jobs.lock();
        assert!(jobs.waiting.is_empty() && jobs.threads == 0);
    }
}
