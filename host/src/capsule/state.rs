//! What a store holds: the call under way, what it waits in, one context for each domain, and the limiter. Nothing
//! else.

use wasmtime::component::ResourceTable;

use crate::call::{CallContext, Waiting};
use crate::domain::io::{IoStore, IoView};
use crate::domain::ipc::{IpcCtx, IpcStore, IpcView};
use crate::domain::sys::{SysCtx, SysStore, SysView};
use crate::engine::MemoryLimiter;

/// The state of one instance's store.
pub struct StoreState {
    pub(super) call: CallContext,
    pub(super) waiting: Waiting,
    pub(super) limiter: MemoryLimiter,
    pub(super) sys: SysCtx,
    pub(super) ipc: IpcCtx,
    /// The handles that the guest holds, of every domain.
    pub(super) handles: ResourceTable,
    /// Whether the guest called any host function.
    pub(super) asked: bool,
}

impl StoreState {
    /// The call that the instance is serving: on whose behalf, until when, how deep.
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    pub(super) fn asked(&self) -> bool {
        self.asked
    }
}

impl IoStore for StoreState {
    fn io(&mut self) -> IoView<'_> {
        self.asked = true;
        IoView::new(&mut self.handles, &self.call, &mut self.waiting)
    }
}

impl IpcStore for StoreState {
    fn ipc(&mut self) -> IpcView<'_> {
        self.asked = true;
        IpcView::new(
            &mut self.ipc,
            &mut self.handles,
            &mut self.call,
            &mut self.waiting,
        )
    }
}

impl SysStore for StoreState {
    fn sys(&mut self) -> SysView<'_> {
        self.asked = true;
        SysView::new(&mut self.sys, &self.call, &mut self.waiting)
    }
}
