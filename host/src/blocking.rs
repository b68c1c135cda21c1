//! Where work is done that waits for files: in threads of their own, so that nobody else waits with it.

/// How such work is done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Blocking {
    /// In the calling thread: for a program that makes a call or two, whose threads would have to be started for it.
    pub(crate) inline: bool,
}

/// The thread that did the work ended early: it panicked, or the runtime is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Interrupted(String);

impl Blocking {
    /// Does `job`, and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        if self.inline {
            return Ok(job());
        }
        let done = tokio::task::spawn_blocking(job).await;
        done.map_err(|error| Interrupted(error.to_string()))
    }
}
