//! A host function that a test holds up for as long as it likes: what is slow, without a clock.

use std::sync::Arc;

use astrid_host::policy::contract::Interface;
use astrid_host::wasmtime;
use astrid_host::{Domain, DomainLinker, View};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::common::LONG;
use crate::domains::{INSTANCE, OPEN_TO_ALL, denied};

/// `charge(0)` answers at once; `charge(n)` says that it is there, and answers when the doors are open.
#[derive(Clone)]
pub(crate) struct Doors {
    open: Arc<watch::Sender<bool>>,
    there: Arc<watch::Sender<usize>>,
}

impl Doors {
    pub(crate) fn closed() -> Self {
        Self {
            open: Arc::new(watch::Sender::new(false)),
            there: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until so many have come to the doors, ever.
    pub(crate) async fn came(&self, count: usize) {
        let mut there = self.there.subscribe();
        let came = there.wait_for(|there| *there >= count);
        timeout(LONG, came).await.expect("they don't come").unwrap();
    }

    /// How many have come.
    pub(crate) fn there(&self) -> usize {
        *self.there.borrow()
    }

    /// Waits until nobody can come to the doors any more: the hosts that they were given to are gone, with their calls.
    pub(crate) async fn out_of_reach(&self) {
        self.open.closed().await;
    }
}

impl Domain for Doors {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = OPEN_TO_ALL;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        let (open, there) = (self.open.subscribe(), Arc::clone(&self.there));
        linker.func_wrap_async(
            INSTANCE,
            "charge",
            denied,
            move |_: View<'_, Self>, (cents,): (u32,)| {
                let (mut open, there) = (open.clone(), Arc::clone(&there));
                Box::pin(async move {
                    if cents > 0 {
                        there.send_modify(|there| *there += 1);
                        open.wait_for(|open| *open).await.unwrap();
                    }
                    Ok((Ok::<u32, String>(cents),))
                })
            },
        )
    }
}
