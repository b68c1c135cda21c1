//! The functions of `astrid:ipc/host`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::Resource;

use super::wit::{
    ErrorCode, Host, HostSubscription, InterceptorBinding, IpcEnvelope, IpcMessage,
    PrincipalAttribution,
};
use super::{Heard, IpcView, Refused, acl};
use crate::bus::{Attribution, Batch, Draft, Payload, RECV_MAX, Readiness};
use crate::call::{Entry, Received};
use crate::domain::io::{Pollable, Source, Wait};
use crate::policy::gate::{Denied, Row};
use crate::policy::gates;
use crate::policy::topic::Topic;
use crate::principal::PrincipalId;

const POLL_ROW: Row<'static> = gates::row(IPC, "[method]subscription.poll");
const RECV_ROW: Row<'static> = gates::row(IPC, "[method]subscription.recv");
const READINESS_ROW: Row<'static> = gates::row(IPC, "[method]subscription.subscribe-readiness");
const PUBLISH_ROW: Row<'static> = gates::row(IPC, "publish");
const PUBLISH_AS_ROW: Row<'static> = gates::row(IPC, "publish-as");
const SUBSCRIBE_ROW: Row<'static> = gates::row(IPC, "subscribe");
const BINDINGS_ROW: Row<'static> = gates::row(IPC, "get-interceptor-bindings");

const IPC: &str = "astrid:ipc/host";
const RECV: &str = "astrid:ipc/host.recv";

impl From<Denied> for ErrorCode {
    fn from(_: Denied) -> Self {
        Self::CapabilityDenied
    }
}

impl Source for Readiness {
    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }

    fn ready(&self) -> Wait<'_> {
        Box::pin(Self::ready(self))
    }
}

impl HostSubscription for IpcView<'_> {
    async fn poll(
        &mut self,
        subscription: Resource<Heard>,
    ) -> wasmtime::Result<Result<IpcEnvelope, ErrorCode>> {
        if let Err(denied) = self.call.gate(&POLL_ROW) {
            return Ok(Err(denied.into()));
        }
        let mut lost = 0;
        loop {
            let Ok(mut batch) = self.table.get(&subscription)?.0.poll() else {
                return Ok(Err(ErrorCode::Closed));
            };
            batch.dropped += std::mem::take(&mut lost);
            match self.received(batch).await {
                Ok(envelope) => return Ok(Ok(envelope)),
                Err(undelivered) => lost = undelivered.dropped,
            }
        }
    }

    async fn recv(
        &mut self,
        subscription: Resource<Heard>,
        timeout_ms: u64,
    ) -> wasmtime::Result<Result<IpcEnvelope, ErrorCode>> {
        if let Err(denied) = self.call.gate(&RECV_ROW) {
            return Ok(Err(denied.into()));
        }
        self.call.waits();
        let most = Duration::from_millis(timeout_ms).min(RECV_MAX);
        let began = Instant::now();
        let (mut left, mut lost) = (most, 0);
        loop {
            let heard = &self.table.get(&subscription)?.0;
            let batch = heard.recv(left);
            let Ok(mut batch) = self.waiting.within(RECV, batch).await else {
                return Ok(Err(ErrorCode::Closed));
            };
            batch.dropped += std::mem::take(&mut lost);
            match self.received(batch).await {
                Ok(envelope) => return Ok(Ok(envelope)),
                Err(undelivered) => {
                    lost = undelivered.dropped;
                    left = most.saturating_sub(began.elapsed());
                }
            }
        }
    }

    fn subscribe_readiness(
        &mut self,
        subscription: Resource<Heard>,
    ) -> wasmtime::Result<Resource<Pollable>> {
        self.call.gate(&READINESS_ROW)?;
        let readiness = self.table.get(&subscription)?.0.readiness();
        Ok(self.table.push(Pollable::new(readiness))?)
    }

    fn drop(&mut self, subscription: Resource<Heard>) -> wasmtime::Result<()> {
        self.table.delete(subscription)?;
        self.ctx.held -= 1;
        Ok(())
    }
}

impl Host for IpcView<'_> {
    fn publish(&mut self, topic: String, payload: String) -> Result<(), ErrorCode> {
        let topic = acl::to_publish(self.call, &PUBLISH_ROW, &topic)?;
        // What a claimed principal causes stays claimed, and what the host causes is the capsule's own doing.
        let principal = self.call.principal().clone();
        let attribution = match self.call.claimed_by {
            Some(by) => Attribution::Claimed { principal, by },
            None => Attribution::Verified(principal),
        };
        self.put(topic, payload, attribution)
    }

    fn publish_as(
        &mut self,
        topic: String,
        payload: String,
        principal: String,
    ) -> Result<(), ErrorCode> {
        let topic = acl::to_publish(self.call, &PUBLISH_AS_ROW, &topic)?;
        let principal: PrincipalId = principal.parse().map_err(|_| ErrorCode::InvalidInput)?;
        let by = self.ctx.capsule.session;
        self.put(topic, payload, Attribution::Claimed { principal, by })
    }

    fn subscribe(
        &mut self,
        topic_pattern: String,
    ) -> wasmtime::Result<Result<Resource<Heard>, ErrorCode>> {
        let capsule = &self.ctx.capsule;
        let pattern = acl::to_subscribe(self.call, &SUBSCRIBE_ROW, &topic_pattern);
        let subscribed = pattern.and_then(|pattern| {
            if !self.ctx.may_hold_more() {
                return Err(ErrorCode::Quota);
            }
            let only = self.ctx.listener.is_none().then(|| self.call.principal());
            self.ctx.outlet.subscribe(capsule, &pattern, only)
        });
        match subscribed {
            Ok(subscription) => {
                let heard = self.table.push(Heard(subscription))?;
                self.ctx.held += 1;
                Ok(Ok(heard))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn get_interceptor_bindings(&mut self) -> Result<Vec<InterceptorBinding>, ErrorCode> {
        self.call.gate(&BINDINGS_ROW)?;
        let bindings = (0..).zip(self.ctx.capsule.manifest.handlers());
        Ok(bindings
            .map(|(handle_id, handler)| InterceptorBinding {
                handle_id,
                action: handler.action.to_owned(),
                topic: handler.topic.to_string(),
            })
            .collect())
    }
}

impl IpcView<'_> {
    fn put(
        &mut self,
        topic: Topic,
        payload: String,
        attribution: Attribution,
    ) -> Result<(), ErrorCode> {
        let payload = Payload::parse(payload).map_err(|_| ErrorCode::InvalidInput)?;
        let draft = Draft {
            topic,
            payload,
            source: self.ctx.capsule.session,
            attribution,
        };
        self.ctx
            .outlet
            .publish(&self.ctx.capsule, self.call, draft)
            .map_err(|refused| match refused {
                Refused::RateLimited => ErrorCode::RateLimited,
                Refused::Backpressure | Refused::Depth => ErrorCode::Backpressure,
                Refused::OwnQuestion => ErrorCode::CapabilityDenied,
                Refused::NoQuestion => ErrorCode::InvalidInput,
                Refused::Questions => ErrorCode::Quota,
            })
    }

    /// What the guest gets. A run loop is from now on for whom the messages are, or itself if there are none; messages for
    /// a principal that cannot be acted for are not delivered, and given back.
    async fn received(&mut self, batch: Batch) -> Result<IpcEnvelope, Batch> {
        if let Some(listener) = &mut self.ctx.listener {
            let first = batch.messages.first();
            let attribution = first.map(|message| &message.attribution);
            let principal = attribution.and_then(Attribution::principal);
            let scope = match principal {
                Some(principal) => match listener.scopes.scope(principal).await {
                    Ok(scope) => scope,
                    Err(reason) => {
                        let count = batch.messages.len() as u64;
                        self.ctx.capsule.count_undelivered(count);
                        listener.tell_undelivered(principal, count, &reason);
                        return Err(batch);
                    }
                },
                // Nothing came, or the host itself says something.
                None => Arc::clone(&listener.own),
            };
            self.call.scope = scope;
            self.call.claimed_by = match attribution {
                Some(Attribution::Claimed { by, .. }) => Some(*by),
                _ => None,
            };
            self.call.source = first.map_or(self.ctx.capsule.session, |message| message.source);
            self.call.topic = first.map(|message| message.topic.as_str().into());
            self.call.entry = Entry::RunLoop(first.map(|message| Received {
                published: message.timestamp,
                by_host: message.attribution == Attribution::System,
            }));
        }
        let message = |message: Arc<crate::bus::Message>| IpcMessage {
            topic: message.topic.to_string(),
            payload: message.payload.as_str().to_owned(),
            source_id: message.source.to_string(),
            principal: attribution(&message.attribution),
        };
        Ok(IpcEnvelope {
            messages: batch.messages.into_iter().map(message).collect(),
            dropped: batch.dropped,
            lagged: batch.lagged,
        })
    }
}

fn attribution(of: &Attribution) -> PrincipalAttribution {
    match of {
        Attribution::Verified(principal) => PrincipalAttribution::Verified(principal.to_string()),
        Attribution::Claimed { principal, .. } => {
            PrincipalAttribution::Claimed(principal.to_string())
        }
        Attribution::System => PrincipalAttribution::System,
    }
}
