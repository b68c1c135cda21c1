//! The functions of `astrid:ipc/host`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::Resource;

use super::wit::{
    ErrorCode, Host, HostSubscription, InterceptorBinding, IpcEnvelope, IpcMessage,
    PrincipalAttribution,
};
use super::{Heard, INTERFACES, Ipc, Refused, acl};
use crate::bus::{Attribution, Batch, Draft, Payload, RECV_MAX, Readiness, SubscribeError};
use crate::domain::io::{Pollable, Source, Wait};
use crate::domain::{Entry, Received, View};
use crate::names::PrincipalId;
use crate::policy::contract;
use crate::policy::gate::{Denied, Row};
use crate::topic::Topic;

const RECV: &str = "astrid:ipc/host.recv";

/// The row of a function of the interface.
pub(in crate::domain) const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:ipc/host", function)
}

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

impl HostSubscription for View<'_, Ipc> {
    async fn poll(
        &mut self,
        subscription: Resource<Heard>,
    ) -> wasmtime::Result<Result<IpcEnvelope, ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]subscription.poll") }) {
            return Ok(Err(denied.into()));
        }
        let mut lost = 0;
        loop {
            let Ok(mut batch) = self.handles.get(&subscription)?.0.poll() else {
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
        if let Err(denied) = self.gate(const { &row("[method]subscription.recv") }) {
            return Ok(Err(denied.into()));
        }
        self.call.waits();
        let most = Duration::from_millis(timeout_ms).min(RECV_MAX);
        let began = Instant::now();
        let (mut left, mut lost) = (most, 0);
        loop {
            let heard = &self.handles.get(&subscription)?.0;
            let batch = heard.recv(left);
            let Ok(mut batch) = self.call.waiting.within(RECV, batch).await else {
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
        self.gate(const { &row("[method]subscription.subscribe-readiness") })?;
        let readiness = self.handles.get(&subscription)?.0.readiness();
        Ok(self.handles.push(Pollable::new(readiness))?)
    }

    fn drop(&mut self, subscription: Resource<Heard>) -> wasmtime::Result<()> {
        self.handles.delete(subscription)?;
        self.instance.held -= 1;
        Ok(())
    }
}

impl Host for View<'_, Ipc> {
    fn publish(&mut self, topic: String, payload: String) -> Result<(), ErrorCode> {
        let topic = acl::to_publish(self.call, const { &row("publish") }, &topic)?;
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
        let topic = acl::to_publish(self.call, const { &row("publish-as") }, &topic)?;
        let principal: PrincipalId = principal.parse().map_err(|_| ErrorCode::InvalidInput)?;
        let by = self.call.capsule.session;
        self.put(topic, payload, Attribution::Claimed { principal, by })
    }

    fn subscribe(
        &mut self,
        topic_pattern: String,
    ) -> wasmtime::Result<Result<Resource<Heard>, ErrorCode>> {
        let pattern = acl::to_subscribe(self.call, const { &row("subscribe") }, &topic_pattern);
        let subscribed = pattern.and_then(|pattern| {
            if !self.instance.may_hold_more() {
                return Err(ErrorCode::Quota);
            }
            let only = self
                .instance
                .listener
                .is_none()
                .then(|| self.call.principal());
            let subscribed = self.domain.outlet.subscribe(self.load, &pattern, only);
            subscribed.map_err(|error| match error {
                SubscribeError::Quota { .. } => ErrorCode::Quota,
                SubscribeError::Closed { .. } => ErrorCode::Closed,
            })
        });
        match subscribed {
            Ok(subscription) => {
                let heard = self.handles.push(Heard(subscription))?;
                self.instance.held += 1;
                Ok(Ok(heard))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn get_interceptor_bindings(&mut self) -> Result<Vec<InterceptorBinding>, ErrorCode> {
        self.gate(const { &row("get-interceptor-bindings") })?;
        let bindings = (0..).zip(self.call.capsule.manifest.handlers());
        Ok(bindings
            .map(|(handle_id, handler)| InterceptorBinding {
                handle_id,
                action: handler.action.to_owned(),
                topic: handler.topic.to_string(),
            })
            .collect())
    }
}

impl View<'_, Ipc> {
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
            source: self.call.capsule.session,
            attribution,
        };
        self.domain
            .outlet
            .publish(self.call, draft)
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
        if let Some(listener) = &mut self.instance.listener
            && let Entry::RunLoop { received, scopes } = &mut self.call.entry
        {
            let first = batch.messages.first();
            let attribution = first.map(|message| &message.attribution);
            let principal = attribution.and_then(Attribution::principal);
            let scope = match principal {
                Some(principal) => match scopes.scope(principal).await {
                    Ok(scope) => scope,
                    Err(reason) => {
                        let count = batch.messages.len() as u64;
                        self.call.capsule.count_undelivered(count);
                        listener.tell_undelivered(principal, count, &reason);
                        return Err(batch);
                    }
                },
                // Nothing came, or the host itself says something.
                None => Arc::clone(&listener.own),
            };
            *received = first.map(|message| Received {
                published: message.timestamp,
                by_host: message.attribution == Attribution::System,
            });
            self.call.scope = scope;
            self.call.claimed_by = match attribution {
                Some(Attribution::Claimed { by, .. }) => Some(*by),
                _ => None,
            };
            self.call.source = first.map_or(self.call.capsule.session, |message| message.source);
            self.call.topic = first.map(|message| message.topic.as_str().into());
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
