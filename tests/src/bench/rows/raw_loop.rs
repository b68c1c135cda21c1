//! The floor of run loops: the same guest with wasmtime alone, on a channel of tokio's instead of a bus. It asks for what
//! it asks a host for, and gets it at once: there is no list of topics, no principal, no rate and no limit.

use std::sync::Arc;
use std::time::Duration;

use astrid_host::domain::ipc::wit::{ErrorCode, IpcEnvelope, IpcMessage, PrincipalAttribution};
use astrid_host::engine::GuestEngine;
use astrid_host::wasmtime::component::{Component, InstancePre, Linker, Resource, ResourceType};
use astrid_host::wasmtime::{Store, UpdateDeadline};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::Failure;
use crate::floor::POOL;

const IPC: &str = "astrid:ipc/host@1.0.0";
const SYS: &str = "astrid:sys/host@1.0.0";

/// A run loop that can be started.
pub(super) struct RawLoop {
    engine: GuestEngine,
    pre: InstancePre<Ends>,
}

/// What a loop hears, and where it says that it has.
struct Ends {
    asked: mpsc::Receiver<Arc<str>>,
    answer: mpsc::UnboundedSender<()>,
}

/// What stands for the one subscription.
struct Heard;

impl RawLoop {
    /// Of this component.
    pub(super) fn compile(component: &[u8]) -> Result<Self, Failure> {
        let engine = GuestEngine::start(POOL)?;
        let component = Component::new(engine.engine(), component)?;
        let mut linker: Linker<Ends> = Linker::new(engine.engine());
        let mut ipc = linker.instance(IPC)?;
        ipc.resource("subscription", ResourceType::host::<Heard>(), |_, _| Ok(()))?;
        ipc.func_wrap("subscribe", |_, (_topic,): (String,)| {
            Ok((Ok::<_, ErrorCode>(Resource::<Heard>::new_own(0)),))
        })?;
        ipc.func_wrap_async(
            "[method]subscription.recv",
            |mut store, (_heard, limit): (Resource<Heard>, u64)| {
                Box::new(async move {
                    let asked = store.data_mut().asked.recv();
                    let heard = timeout(Duration::from_millis(limit), asked).await;
                    Ok((match heard {
                        Ok(Some(payload)) => Ok(envelope(&payload)),
                        _ => Err(ErrorCode::Closed),
                    },))
                })
            },
        )?;
        ipc.func_wrap("publish", |store, (_topic, _payload): (String, String)| {
            let sent = store.data().answer.send(());
            Ok((sent.map_err(|_| ErrorCode::Closed),))
        })?;
        linker
            .instance(SYS)?
            .func_wrap("signal-ready", |_, (): ()| Ok(()))?;
        linker.define_unknown_imports_as_traps(&component)?;
        Ok(Self {
            pre: linker.instantiate_pre(&component)?,
            engine,
        })
    }

    /// Runs one until nobody is left to ask it.
    pub(super) async fn run(
        &self,
        asked: mpsc::Receiver<Arc<str>>,
        answer: mpsc::UnboundedSender<()>,
    ) -> Result<(), Failure> {
        let mut store = Store::new(self.engine.engine(), Ends { asked, answer });
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await?;
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        Ok(run.call_async(&mut store, ()).await?)
    }
}

/// One message, as a host hands it over.
fn envelope(payload: &str) -> IpcEnvelope {
    IpcEnvelope {
        messages: vec![IpcMessage {
            topic: "listener.v1.ask".to_owned(),
            payload: payload.to_owned(),
            source_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            principal: PrincipalAttribution::Verified("default".to_owned()),
        }],
        dropped: 0,
        lagged: 0,
    }
}
