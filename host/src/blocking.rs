//! Where work is done that waits for files: in threads of their own, so that nobody else waits with it; in so few that
//! a thousand who want something at once don't start a thousand threads.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Jobs of a host at once, each in a thread of the runtime's blocking pool. Further ones wait, first come first served.
const JOBS: usize = 3;

/// How such work is done. Clones share the room for it.
#[derive(Clone)]
pub(crate) struct Blocking {
    /// In the calling thread: for a program that makes a call or two, whose threads would have to be started for it.
    pub(crate) inline: bool,
    room: Arc<Semaphore>,
}

impl Default for Blocking {
    fn default() -> Self {
        Self {
            inline: false,
            room: Arc::new(Semaphore::new(JOBS)),
        }
    }
}

/// The job wasn't done: it panicked, or the runtime is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Interrupted(String);

impl Blocking {
    /// Does `job`, and waits for it; dropping the future doesn't end a job that has begun. A job must not wait for
    /// another one, which may be queued behind it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        if self.inline {
            return Ok(job());
        }
        let interrupted = |error: &dyn std::error::Error| Interrupted(error.to_string());
        let permit = Arc::clone(&self.room).acquire_owned().await;
        let permit = permit.map_err(|error| interrupted(&error))?;
        // The permit comes back with the result: by then the thread is, or is about to be, there for the next job.
        let done = tokio::task::spawn_blocking(move || (job(), permit)).await;
        let (result, _permit) = done.map_err(|error| interrupted(&error))?;
        Ok(result)
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
        assert!((1..=JOBS).contains(&most), "{most} at once");
    }

    #[tokio::test]
    async fn a_job_that_panics_leaves_its_room_to_others() {
        let blocking = Blocking::default();
        for _ in 0..=JOBS {
            let panics = blocking.run(|| panic!("on purpose"));
            assert!(panics.await.is_err());
        }
        assert_eq!(blocking.run(|| 7).await.expect("done"), 7);
    }
}
