//! The functions of `astrid:io/poll`.

use std::future::poll_fn;
use std::task::Poll;

use wasmtime::component::Resource;

use super::wit::{ErrorCode, Host, HostPollable};
use super::{INTERFACES, Io, Pollable};
use crate::domain::View;
use crate::limits::io::MOST;
use crate::policy::contract;
use crate::policy::gate::{Denied, Row};

const BLOCK: &str = "astrid:io/poll.block";
const POLL: &str = "astrid:io/poll.poll";

/// The row of a function of the interface.
const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:io/poll", function)
}

impl From<Denied> for ErrorCode {
    fn from(denied: Denied) -> Self {
        Self::Unknown(denied.to_string())
    }
}

impl HostPollable for View<'_, Io> {
    fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        self.gate(const { &row("[method]pollable.ready") })?;
        Ok(self.handles.get(&pollable)?.0.is_ready())
    }

    async fn block(
        &mut self,
        pollable: Resource<Pollable>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]pollable.block") }) {
            return Ok(Err(denied.into()));
        }
        let source = &self.handles.get(&pollable)?.0;
        let ready = async {
            tokio::select! {
                biased;
                () = self.call.capsule.unloaded().cancelled() => Err(ErrorCode::Cancelled),
                () = source.ready() => Ok(()),
            }
        };
        self.call.waits();
        Ok(self.call.waiting.within(BLOCK, ready).await)
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.handles.delete(pollable)?;
        Ok(())
    }
}

impl Host for View<'_, Io> {
    async fn poll(
        &mut self,
        pollables: Vec<Resource<Pollable>>,
    ) -> wasmtime::Result<Result<Vec<u32>, ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("poll") }) {
            return Ok(Err(denied.into()));
        }
        if pollables.is_empty() {
            return Ok(Err(ErrorCode::InvalidInput));
        }
        if pollables.len() > MOST {
            return Ok(Err(ErrorCode::TooLarge));
        }
        let mut waits = Vec::with_capacity(pollables.len());
        for (index, pollable) in (0..).zip(&pollables) {
            waits.push((index, self.handles.get(pollable)?.0.ready()));
        }
        let any = poll_fn(|context| {
            let ready: Vec<u32> = waits
                .iter_mut()
                .filter_map(|(index, wait)| {
                    wait.as_mut().poll(context).is_ready().then_some(*index)
                })
                .collect();
            if ready.is_empty() {
                Poll::Pending
            } else {
                Poll::Ready(ready)
            }
        });
        let ready = async {
            tokio::select! {
                biased;
                () = self.call.capsule.unloaded().cancelled() => Err(ErrorCode::Cancelled),
                ready = any => Ok(ready),
            }
        };
        self.call.waits();
        Ok(self.call.waiting.within(POLL, ready).await)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::watch;
    use wasmtime::component::ResourceTable;

    use super::*;
    use crate::domain::context::gate::tests::a_call;
    use crate::domain::io::{Source, Wait};
    use crate::domain::store::handles;
    use crate::domain::{CallContext, view};

    struct Flag(watch::Receiver<bool>);

    impl Source for Flag {
        fn is_ready(&self) -> bool {
            *self.0.borrow()
        }

        fn ready(&self) -> Wait<'_> {
            let mut seen = self.0.clone();
            Box::pin(async move {
                // Whoever could set it is gone: nothing will come.
                if seen.wait_for(|ready| *ready).await.is_err() {
                    std::future::pending().await
                }
            })
        }
    }

    struct Case {
        table: ResourceTable,
        unit: (),
        call: CallContext,
        flags: Vec<Arc<watch::Sender<bool>>>,
        handles: Vec<u32>,
    }

    impl Case {
        fn new(count: usize) -> Self {
            let mut case = Self {
                table: handles(),
                unit: (),
                call: a_call(""),
                flags: Vec::new(),
                handles: Vec::new(),
            };
            for _ in 0..count {
                let flag = Arc::new(watch::Sender::new(false));
                let pollable = Pollable::new(Flag(flag.subscribe()));
                case.handles
                    .push(case.table.push(pollable).expect("room").rep());
                case.flags.push(flag);
            }
            case
        }

        fn pollables(&self) -> Vec<Resource<Pollable>> {
            let borrow = |rep: &u32| Resource::new_borrow(*rep);
            self.handles.iter().map(borrow).collect()
        }

        fn view(&mut self) -> View<'_, Io> {
            view::of_nothing(&Io, &mut self.unit, &mut self.call, &mut self.table)
        }

        async fn poll(&mut self) -> Result<Vec<u32>, ErrorCode> {
            let pollables = self.pollables();
            self.view()
                .poll(pollables)
                .await
                .expect("handles of this table")
        }
    }

    #[tokio::test]
    async fn a_wait_ends_with_all_that_is_ready_in_order() {
        let mut case = Case::new(4);
        case.flags[3].send_replace(true);
        case.flags[1].send_replace(true);
        assert_eq!(case.poll().await.ok(), Some(vec![1, 3]));
        // Nothing was taken.
        assert_eq!(case.poll().await.ok(), Some(vec![1, 3]));
    }

    #[tokio::test]
    async fn a_wait_parks_until_something_is_ready() {
        let mut case = Case::new(3);
        let late = Arc::clone(&case.flags[2]);
        let mut wait = Box::pin(case.poll());
        let first = poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending()));
        assert!(first.await);
        late.send_replace(true);
        assert_eq!(wait.await.ok(), Some(vec![2]));
    }

    #[tokio::test]
    async fn unloading_ends_a_wait() {
        let mut case = Case::new(1);
        let capsule = Arc::clone(&case.call.capsule);
        let (ended, ()) = tokio::join!(case.poll(), async { capsule.end() });
        assert!(matches!(ended, Err(ErrorCode::Cancelled)));
        let pollable = case.pollables().remove(0);
        let blocked = case.view().block(pollable).await;
        assert!(matches!(blocked, Ok(Err(ErrorCode::Cancelled))));
    }

    #[tokio::test]
    async fn waits_for_nothing_and_for_too_much_are_refused() {
        assert!(matches!(
            Case::new(0).poll().await,
            Err(ErrorCode::InvalidInput)
        ));
        assert!(matches!(
            Case::new(MOST + 1).poll().await,
            Err(ErrorCode::TooLarge)
        ));
    }
}
