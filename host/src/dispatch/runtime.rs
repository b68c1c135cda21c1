//! How a task is started and how time passes: tokio's in the product, simulated ones in the tests.

use std::future::Future;
use std::pin::pin;
use std::time::Instant;

/// What the dispatcher needs of the world.
pub trait Runtime: Send + Sync + 'static {
    /// Starts a task that runs until it is done, whoever started it. Must not panic, nor poll it right here.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// The time.
    fn now(&self) -> Instant;

    /// Waits until then.
    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send + use<Self>;
}

/// A tokio runtime whose time driver is enabled.
#[derive(Debug, Clone)]
pub struct TokioRuntime(tokio::runtime::Handle);

impl TokioRuntime {
    /// This one.
    pub fn new(handle: tokio::runtime::Handle) -> Self {
        Self(handle)
    }
}

impl Runtime for TokioRuntime {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send + use<> {
        // Made when it is first polled: by then somebody waits, in the runtime.
        async move { tokio::time::sleep_until(deadline.into()).await }
    }
}

/// What comes of `future`, unless the deadline passes first.
pub(super) async fn within<R: Runtime, T>(
    runtime: &R,
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let Some(deadline) = deadline else {
        return Some(future.await);
    };
    let mut future = pin!(future);
    tokio::select! {
        biased;
        done = &mut future => Some(done),
        () = runtime.sleep_until(deadline) => None,
    }
}
