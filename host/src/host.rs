//! A host: builds the rooms, joins them, and is what an embedder holds.

mod builder;
mod configuring;
mod domains;
mod loading;
mod replacing;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

pub(crate) use self::builder::kv_file;
pub use self::builder::{BuildError, HostBuilder};
pub use self::replacing::Installed;
use crate::bus::{BusMetrics, Owner, SubscribeError, Subscription};
use crate::call::{Call, CallDraft, CallScope, Reply, TraceId};
use crate::capsule::{CallError, Capsule, CapsuleHandler, Environment, NameLocks};
use crate::config::OperatorLimits;
use crate::dispatch::{Answer, DispatchError, Dispatcher, Event, Figures, Outcome};
use crate::engine::{Allocation, GRACE};
use crate::events::{EventDraft, Events};
use crate::home::Home;
use crate::names::{CapsuleName, PrincipalId};
use crate::principal::watch::Watch;
use crate::principal::{PrincipalError, Principals};
use crate::storage::kv::{FileKv, Keys, KvStore};
use crate::storage::{FileLogs, LogRecord};
use crate::topic::TopicPattern;
use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

struct Inner {
    environment: Arc<Environment>,
    events: Arc<Events>,
    kv: Arc<dyn KvStore>,
    /// The same store, where it is the home's file.
    kv_file: Option<Arc<FileKv>>,
    logs: Arc<FileLogs>,
    /// Held while registry and bindings change with it.
    loaded: Mutex<Loaded>,
    /// One load, reload or removal of a capsule at a time.
    changes: NameLocks,
    /// Ends with the host.
    _profiles: Option<Watch>,
    /// What is bound without having been loaded, with the reason.
    failed: Mutex<BTreeMap<CapsuleName, String>>,
    /// Whether it stays for long: it starts run loops, and tells capsules what it loads.
    resident: bool,
    /// How long a load waits for its run loop to be ready.
    ready_within: Duration,
    /// Where it was built.
    runtime: tokio::runtime::Handle,
    /// Whose the embedder's subscriptions are.
    listener: Owner,
}

#[derive(Default)]
struct Loaded {
    /// In the order of loading.
    capsules: IndexMap<CapsuleName, Capsule>,
    /// Nothing is loaded any more.
    ended: bool,
}

impl Loaded {
    /// Whether this load is the one that answers for its capsule.
    fn has(&self, capsule: &Capsule) -> bool {
        let current = self.capsules.get(capsule.name());
        current.is_some_and(|current| current.session() == capsule.session())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let dispatcher = &self.events.dispatcher;
        for capsule in self.loaded.get_mut().capsules.values() {
            dispatcher.unbind(capsule.name());
            capsule.loaded.close();
        }
        // A capsule that could not be loaded has its bindings all the same.
        for name in self.failed.get_mut().keys() {
            dispatcher.unbind(name);
        }
        self.listener.close();
        self.logs.flush();
    }
}

/// Loads capsules and calls them. Cloning it is cheap; the last clone ends what is loaded.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

impl Host {
    /// Begins a host. It is built and called within a tokio runtime whose time driver is enabled (as
    /// `#[tokio::main]` does): a call that parks is timed by it.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Its home.
    pub fn home(&self) -> &Home {
        &self.inner.environment.home
    }

    /// The operator's limits, as they were read at the start.
    pub(crate) fn limits(&self) -> &OperatorLimits {
        &self.inner.environment.config.limits
    }

    /// Its principals.
    pub fn principals(&self) -> &Principals {
        &self.inner.environment.principals
    }

    /// How many events of a principal are in flight.
    pub fn events_in_flight(&self, principal: &PrincipalId) -> usize {
        self.inner.events.dispatcher.in_flight(principal)
    }

    /// Where instances of handlers come from: a pool, or on demand where there was no room for one.
    pub fn allocation(&self) -> Allocation {
        let environment = &self.inner.environment;
        match environment.engine.allocation() {
            Allocation::Pooled { .. } => Allocation::Pooled {
                instances: u32::try_from(environment.slots.count()).unwrap_or(u32::MAX),
            },
            Allocation::OnDemand => Allocation::OnDemand,
        }
    }

    /// Linear memory that all guests hold now, in bytes.
    pub fn memory_used(&self) -> usize {
        self.inner.environment.budget.used()
    }

    /// What is loaded, in the order of loading.
    pub fn capsules(&self) -> Vec<Capsule> {
        let loaded = self.inner.loaded.lock();
        loaded.capsules.values().cloned().collect()
    }

    /// The capsule of this id, if it is loaded.
    pub fn capsule(&self, name: &CapsuleName) -> Option<Capsule> {
        self.inner.loaded.lock().capsules.get(name).cloned()
    }

    /// What could not be loaded, and why, by name. Its handlers give no answer, as their `on_error` says.
    pub fn failed(&self) -> Vec<(CapsuleName, String)> {
        let failed = self.inner.failed.lock();
        let entries = failed.iter();
        entries
            .map(|(name, reason)| (name.clone(), reason.clone()))
            .collect()
    }

    /// Calls a handler of a capsule on behalf of the call's principal. Calls of one principal to one capsule run
    /// one at a time, first come first served. Where the capsule was [reloaded](Self::reload), its newest load is
    /// called.
    ///
    /// # Errors
    /// [`CallError`]. Dropping the future ends the guest.
    pub async fn invoke(&self, capsule: &Capsule, call: Call) -> Result<Reply, CallError> {
        let newer = capsule.loaded.newer();
        let loaded = newer.as_ref().unwrap_or(&capsule.loaded);
        loaded.invoke(&call).await
    }

    /// Dispatches an event: its topic's handlers are asked in turn, and what came of it is told. Subscriptions hear of it
    /// at once; for its handlers it waits for admission when too much is in flight. Dropping the future doesn't end
    /// what was admitted.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn dispatch(&self, event: Event) -> Result<Outcome, DispatchError> {
        self.taken(event, async |dispatcher, event| {
            dispatcher.dispatch(event).await
        })
        .await
    }

    /// Publishes an event: it is accepted, and its handlers are asked when their turn comes.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn publish(&self, event: Event) -> Result<TraceId, DispatchError> {
        self.taken(event, async |dispatcher, event| {
            dispatcher.publish(event).await
        })
        .await
    }

    /// Asks all handlers of an event's topic at once, and collects what they answer within `limit`.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn trigger(
        &self,
        event: Event,
        limit: Duration,
    ) -> Result<Vec<Answer>, DispatchError> {
        self.taken(event, async |dispatcher, event| {
            dispatcher.trigger(event, limit).await
        })
        .await
    }

    async fn taken<T>(
        &self,
        event: Event,
        then: impl AsyncFnOnce(&Dispatcher<CapsuleHandler>, Event) -> Result<T, DispatchError>,
    ) -> Result<T, DispatchError> {
        let events = &self.inner.events;
        then(&events.dispatcher, events.take(event)).await
    }

    /// Calls a handler from within a call, whose [`CallContext::nesting`](crate::CallContext::nesting) is `scope`:
    /// for the same principal, beside its lane, a level deeper, and within the time that the call has left.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn invoke_within(
        &self,
        scope: &CallScope,
        capsule: &Capsule,
        call: CallDraft,
    ) -> Result<Reply, CallError> {
        let newer = capsule.loaded.newer();
        let loaded = newer.as_ref().unwrap_or(&capsule.loaded);
        loaded.invoke_within(scope, &call).await
    }

    /// Dispatches an event from within a call: beside the lanes, a level deeper, within the time that the call has left.
    ///
    /// # Errors
    /// [`DispatchError::Depth`], [`DispatchError::ShuttingDown`].
    pub async fn dispatch_within(
        &self,
        scope: &CallScope,
        event: EventDraft,
    ) -> Result<Outcome, DispatchError> {
        let events = &self.inner.events;
        let (topic, payload) = events.take_within(scope, event);
        events
            .dispatcher
            .dispatch_within(scope, topic, payload)
            .await
    }

    /// Asks all handlers of an event's topic at once from within a call, and collects what they answer within `limit` and
    /// the time that the call has left: as [`Self::dispatch_within`].
    ///
    /// # Errors
    /// [`DispatchError::Depth`], [`DispatchError::ShuttingDown`].
    pub async fn trigger_within(
        &self,
        scope: &CallScope,
        event: EventDraft,
        limit: Duration,
    ) -> Result<Vec<Answer>, DispatchError> {
        let events = &self.inner.events;
        let (topic, payload) = events.take_within(scope, event);
        events
            .dispatcher
            .trigger_within(scope, topic, payload, limit)
            .await
    }

    /// Subscribes to what is published on topics that `pattern` admits. Never holds a publisher up: above 1,024
    /// messages the oldest go, and are counted.
    pub fn subscribe(&self, pattern: &TopicPattern) -> Result<Subscription, SubscribeError> {
        let bus = &self.inner.events.bus;
        bus.subscribe(pattern, &self.inner.listener)
    }

    /// What is going on among events, and what there was.
    pub fn figures(&self) -> Figures {
        self.inner.events.dispatcher.figures()
    }

    /// What the bus has done: messages published, and those that subscriptions lost.
    pub fn bus_metrics(&self) -> BusMetrics {
        self.inner.events.bus.metrics()
    }

    /// Waits until no event is in flight and no observer runs; false if that took longer than `limit`.
    pub async fn drain(&self, limit: Duration) -> bool {
        let dispatcher = &self.inner.events.dispatcher;
        dispatcher.drain(limit).await
    }

    /// Ends everything. No event or call is taken any more, and nothing is loaded; what is in flight has `limit` to be
    /// done, and is then ended, like what is queued. Then the run loops end. Returns whether everything was done within
    /// `limit`; that is known at most two seconds after it.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        let environment = &self.inner.environment;
        environment.closing.store(true, Relaxed);
        self.inner.loaded.lock().ended = true;
        let done = self.inner.events.dispatcher.shutdown(limit).await;
        // Whatever there is of guests: also of loads that were replaced a moment ago, or are being installed.
        environment.ending.cancel();
        let capsules = self.capsules();
        for capsule in &capsules {
            capsule.loaded.close();
        }
        environment.slots.close();
        environment.loop_slots.close();
        environment.guests.close();
        let ended = async {
            environment.guests.wait().await;
            for capsule in &capsules {
                capsule.loaded.loop_over().await;
            }
        };
        let ended = tokio::time::timeout(GRACE + GRACE / 2, ended).await.is_ok();
        if !ended {
            // Guests are ended within GRACE: what is left is blocked in a function of the embedder's.
            tracing::warn!("not every call of a capsule could be ended");
        }
        if let Some(kv) = &self.inner.kv_file {
            kv.close();
        }
        self.inner.listener.close();
        let logs = Arc::clone(&self.inner.logs);
        // An error means that the runtime ends, and with it the host.
        let _ = environment.blocking.for_host(move || logs.flush()).await;
        done && ended
    }

    /// A handle that doesn't keep the host. For a [`Domain`](crate::Domain) whose functions call the host that they are part of, which
    /// otherwise would keep itself.
    pub fn downgrade(&self) -> WeakHost {
        WeakHost(Arc::downgrade(&self.inner))
    }

    /// Tells when something that a guest logged was written to its file.
    pub(crate) fn logs_written(&self) -> watch::Receiver<u64> {
        self.inner.logs.written()
    }

    /// Hears what guests log from now on.
    pub(crate) fn hear_logs(&self) -> broadcast::Receiver<LogRecord> {
        self.inner.logs.hear()
    }

    /// Waits until what guests have logged is in its files.
    pub fn flush_logs(&self) {
        self.inner.logs.flush();
    }

    /// The keys and values that a capsule keeps for a principal, by the rules and within the quotas that bind the capsule.
    /// The capsule may be one that is not installed.
    ///
    /// # Errors
    /// [`PrincipalError`]: there is no such principal, it is disabled, or its profile cannot be used.
    pub fn kv(
        &self,
        principal: &PrincipalId,
        capsule: &CapsuleName,
    ) -> Result<Keys, PrincipalError> {
        let principal = self.principals().resolve(principal)?;
        Ok(principal.keys(&self.inner.kv, capsule))
    }

    /// The store of keys and values.
    pub(crate) fn kv_store(&self) -> &Arc<dyn KvStore> {
        &self.inner.kv
    }

    /// The home's file of keys and values; none where the builder was given another store.
    pub fn kv_file(&self) -> Option<&FileKv> {
        self.inner.kv_file.as_deref()
    }
}

/// A handle of a host that doesn't keep it.
#[derive(Clone)]
pub struct WeakHost(Weak<Inner>);

impl WeakHost {
    /// The host, unless its last clone is gone.
    pub fn upgrade(&self) -> Option<Host> {
        let inner = self.0.upgrade()?;
        Some(Host { inner })
    }
}
