//! Where work is done that waits for files: in threads of their own, so that nobody else waits with it; in so few that
//! a thousand who want something at once don't start a thousand threads.

use std::sync::{Arc, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

/// Threads of a host for this, started by the first job. Jobs above that wait, first come first served. What a job
/// compiles is compiled in them, too.
const THREADS: usize = 4;

/// How such work is done. Clones share the threads.
#[derive(Clone, Default)]
pub(crate) struct Blocking {
    /// In the calling thread: for a program that makes a call or two, whose threads would have to be started for it.
    pub(crate) inline: bool,
    pool: Arc<OnceLock<ThreadPool>>,
}

/// The job wasn't done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interrupted {
    #[error("no thread can be started: {0}")]
    NoThread(#[from] ThreadPoolBuildError),
    #[error("it panicked")]
    Panicked,
}

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
        self.pool()?.spawn_fifo(move || {
            // Whoever doesn't wait any more doesn't want to know.
            let _ = done.send(job());
        });
        result.await.map_err(|_| Interrupted::Panicked)
    }

    fn pool(&self) -> Result<&ThreadPool, ThreadPoolBuildError> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(THREADS)
            .thread_name(|number| format!("astrid-files-{number}"))
            // Whoever waits for the job is told, and the thread goes on.
            .panic_handler(|_| {})
            .build()?;
        // Another one may have been made meanwhile: one of them goes.
        Ok(self.pool.get_or_init(|| pool))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn so_many_jobs_are_done_at_once_and_the_others_wait() {
        let blocking = Blocking::default();
        let [running, most] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..200)
            .map(|number| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                let blocking = blocking.clone();
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
}
