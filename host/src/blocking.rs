//! Where work is done that waits for files: in the runtime's blocking pool, so that no task waits with it, and in a
//! bounded number of its threads.
//!
//! What a call or a command waits for has threads of its own, of which one principal takes a part: neither bulk work nor
//! a thousand calls of one principal hold up the next. The threads are the runtime's, so a runtime whose time stands
//! still in a test lets none pass while files are waited for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::names::PrincipalId;

/// Threads for what calls and commands wait for. Jobs above that wait, first come first served.
const SHORT: usize = 4;
/// Of these, what one principal may take at once, and what the host itself may take.
const SHARE: usize = 2;
/// Threads for bulk work: compiling, hashing whole packages, installing, removing. Compiling takes all cores by itself.
const BULK: usize = 2;

/// How such work is done. Clones share the threads.
#[derive(Clone, Default)]
pub(crate) struct Blocking {
    /// In the calling thread: for a program that makes a call or two, whose threads would have to be started for it.
    pub(crate) inline: bool,
    threads: Arc<Threads>,
}

struct Threads {
    short: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    /// The shares of those that have a job now. `None` is the host itself.
    shares: Mutex<HashMap<Option<PrincipalId>, Part>>,
}

/// A share of the threads.
struct Part {
    /// Jobs that run or wait in it.
    jobs: usize,
    places: Arc<Semaphore>,
}

impl Default for Threads {
    fn default() -> Self {
        Self {
            short: Arc::new(Semaphore::new(SHORT)),
            bulk: Arc::new(Semaphore::new(BULK)),
            shares: Mutex::default(),
        }
    }
}

/// The job wasn't done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interrupted {
    /// It panicked.
    #[error("it panicked")]
    Panicked,
    /// The runtime ends.
    #[error("the runtime is shutting down")]
    ShuttingDown,
}

impl From<JoinError> for Interrupted {
    fn from(error: JoinError) -> Self {
        if error.is_panic() {
            Self::Panicked
        } else {
            Self::ShuttingDown
        }
    }
}

impl Blocking {
    /// In the calling thread.
    pub(crate) fn inline() -> Self {
        Self {
            inline: true,
            ..Self::default()
        }
    }

    /// Does a job that a call for `principal` waits for.
    ///
    /// Here and below: dropping the future takes back a job that hasn't begun, and lets one go on that has. A job must
    /// not wait for another one.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) async fn for_call<T: Send + 'static>(
        &self,
        principal: &PrincipalId,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        self.short(Some(principal), job).await
    }

    /// Does a short job that the host, or a command, waits for.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) async fn for_host<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        self.short(None, job).await
    }

    /// Does a job that may take seconds, such as compiling.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) async fn bulk<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        if self.inline {
            return Ok(job());
        }
        let place = place(&self.threads.bulk).await?;
        on_a_thread(place, job).await
    }

    async fn short<T: Send + 'static>(
        &self,
        principal: Option<&PrincipalId>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        if self.inline {
            return Ok(job());
        }
        let share = Share::of(&self.threads, principal.cloned());
        let part = place(&share.places).await?;
        // Only those who are within their share wait here, so the next has few before it.
        let place = place(&self.threads.short).await?;
        on_a_thread((place, part, share), job).await
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn place(places: &Arc<Semaphore>) -> Result<Place, Interrupted> {
    // It is never closed.
    let place = Arc::clone(places).acquire_owned().await;
    place.map_err(|_| Interrupted::ShuttingDown)
}

/// Does `job`, and keeps `held` until it is done, whether or not the future still is.
async fn on_a_thread<T: Send + 'static>(
    held: impl Send + 'static,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Interrupted> {
    let done = tokio::task::spawn_blocking(move || {
        let _held = held;
        job()
    });
    Ok(done.await?)
}

/// What one principal may take of the threads; forgotten when its last job is done.
struct Share {
    threads: Arc<Threads>,
    principal: Option<PrincipalId>,
    places: Arc<Semaphore>,
}

impl Share {
    fn of(threads: &Arc<Threads>, principal: Option<PrincipalId>) -> Self {
        let mut shares = threads.shares.lock();
        let part = shares.entry(principal.clone()).or_insert_with(|| Part {
            jobs: 0,
            places: Arc::new(Semaphore::new(SHARE)),
        });
        part.jobs += 1;
        Self {
            threads: Arc::clone(threads),
            principal,
            places: Arc::clone(&part.places),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.threads.shares.lock();
        if let Some(part) = shares.get_mut(&self.principal) {
            part.jobs -= 1;
            if part.jobs == 0 {
                shares.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Condvar, mpsc};

    use super::*;

    fn id(name: &str) -> PrincipalId {
        name.parse().expect("a name")
    }

    /// Jobs that are blocked until this is dropped.
    #[derive(Default)]
    struct Gate(Arc<(std::sync::Mutex<bool>, Condvar)>);

    impl Gate {
        fn job(&self) -> impl FnOnce() + Send + 'static {
            let gate = Arc::clone(&self.0);
            move || {
                let open = gate.0.lock().expect("not poisoned");
                drop(gate.1.wait_while(open, |open| !*open));
            }
        }
    }

    impl Drop for Gate {
        fn drop(&mut self) {
            *self.0.0.lock().expect("not poisoned") = true;
            self.0.1.notify_all();
        }
    }

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
                    let principal = id(&format!("p{}", number % 50));
                    blocking.for_call(&principal, job).await.expect("done")
                })
            })
            .collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.expect("no panic"), number);
        }
        let most = most.load(SeqCst);
        assert!((1..=SHORT).contains(&most), "{most} at once");
        assert!(blocking.threads.shares.lock().is_empty(), "none is left");
    }

    #[tokio::test]
    async fn bulk_work_and_a_principal_with_many_jobs_leave_threads_to_others() {
        let (blocking, gate) = (Blocking::default(), Gate::default());
        let (alice, bob) = (id("alice"), id("bob"));
        let mut blocked = Vec::new();
        for _ in 0..3 * SHORT {
            let (many, more, of) = (blocking.clone(), blocking.clone(), alice.clone());
            let (job, bulk) = (gate.job(), gate.job());
            blocked.push(tokio::spawn(async move { many.for_call(&of, job).await }));
            blocked.push(tokio::spawn(async move { more.bulk(bulk).await }));
        }
        // Until all that may run are running.
        while blocking.threads.short.available_permits() > SHORT - SHARE
            || blocking.threads.bulk.available_permits() > 0
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(blocking.for_call(&bob, || 7).await.expect("done"), 7);
        assert_eq!(blocking.for_host(|| 8).await.expect("done"), 8);
        assert_eq!(blocking.threads.short.available_permits(), SHORT - SHARE);
        drop(gate);
        for job in blocked {
            job.await.expect("no panic").expect("done");
        }
    }

    #[tokio::test]
    async fn a_job_that_has_begun_keeps_its_place_when_nobody_waits_for_it() {
        let (blocking, gate) = (Blocking::default(), Gate::default());
        let (begun, has_begun) = mpsc::channel();
        let (job, of) = (gate.job(), blocking.clone());
        let waits = tokio::spawn(async move {
            of.bulk(move || {
                begun.send(()).expect("heard");
                job();
            })
            .await
        });
        while has_begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        waits.abort();
        assert!(waits.await.is_err());
        assert_eq!(blocking.threads.bulk.available_permits(), BULK - 1);
    }

    #[tokio::test]
    async fn a_job_that_panics_leaves_its_thread_to_others() {
        let blocking = Blocking::default();
        for _ in 0..=SHORT {
            let panics = blocking.for_host(|| panic!("on purpose"));
            assert!(matches!(panics.await, Err(Interrupted::Panicked)));
        }
        assert_eq!(blocking.for_host(|| 7).await.expect("done"), 7);
    }

    #[test]
    fn a_job_of_a_runtime_that_ends_is_told_so() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let other = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let told = other.block_on(async {
            let _ended = handle.enter();
            on_a_thread((), || ()).await
        });
        assert!(matches!(told, Err(Interrupted::ShuttingDown)), "{told:?}");
    }
}
