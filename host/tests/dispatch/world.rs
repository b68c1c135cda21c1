//! A dispatcher with scripted handlers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use astrid_host::bus::Payload;
use astrid_host::call::Verdict;
use astrid_host::dispatch::{
    Amount, Budget, Dispatcher, Event, Handler, HandlerEvent, HandlerFailure, Limits, Outcome,
    Said, TokioRuntime, Turn,
};
use astrid_host::manifest::{self, CapsuleName, Mode, OnError};
use astrid_host::principal::PrincipalId;
use astrid_host::topic::{Topic, TopicPattern};
use tokio::sync::{Semaphore, watch};

pub type Answer = Result<Verdict, HandlerFailure>;
type Script =
    Box<dyn Fn(HandlerEvent) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A handler that does what its script says, and writes down that it was called.
pub struct Scripted {
    capsule: String,
    script: Script,
    calls: watch::Sender<Vec<String>>,
}

impl Handler for Scripted {
    async fn handle(&self, event: &HandlerEvent, _turn: &Turn) -> Answer {
        let call = format!("{} {}", self.capsule, event.payload);
        self.calls.send_modify(|calls| calls.push(call));
        (self.script)(event.clone()).await
    }
}

/// One binding of a manifest.
#[derive(Clone)]
pub struct On {
    topic: TopicPattern,
    action: &'static str,
    priority: u32,
    on_error: OnError,
    mode: Mode,
    timeout_ms: Option<u64>,
}

pub fn on(topic: &str) -> On {
    On {
        topic: TopicPattern::parse(topic).expect("a pattern"),
        action: "check",
        priority: 100,
        on_error: OnError::Continue,
        mode: Mode::Chain,
        timeout_ms: None,
    }
}

impl On {
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    pub fn action(mut self, action: &'static str) -> Self {
        self.action = action;
        self
    }

    pub fn deny(mut self) -> Self {
        self.on_error = OnError::Deny;
        self
    }

    pub fn observe(mut self) -> Self {
        self.mode = Mode::Observe;
        self
    }

    pub fn timeout(mut self, ms: u64) -> Self {
        self.timeout_ms = Some(ms);
        self
    }
}

pub struct World {
    pub dispatcher: Dispatcher<Scripted>,
    calls: watch::Sender<Vec<String>>,
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default(), &[])
    }

    pub fn with(limits: Limits, required: &[(&str, &[&str])]) -> Self {
        let required = required.iter().map(|(topic, names)| {
            let names = names.iter().map(|name| capsule(name)).collect();
            (TopicPattern::parse(topic).expect("a pattern"), names)
        });
        let runtime = TokioRuntime::new(tokio::runtime::Handle::current());
        Self {
            dispatcher: Dispatcher::new(runtime, limits, required.collect()),
            calls: watch::Sender::default(),
        }
    }

    /// Binds a capsule whose calls do what `script` says.
    pub fn bind<F: Future<Output = Answer> + Send + 'static>(
        &self,
        name: &str,
        bindings: &[On],
        script: impl Fn(HandlerEvent) -> F + Send + Sync + 'static,
    ) {
        self.bind_with(name, bindings, 1, script);
    }

    pub fn bind_with<F: Future<Output = Answer> + Send + 'static>(
        &self,
        name: &str,
        bindings: &[On],
        permits: usize,
        script: impl Fn(HandlerEvent) -> F + Send + Sync + 'static,
    ) {
        let loaded = Scripted {
            capsule: name.to_owned(),
            script: Box::new(move |event| Box::pin(script(event))),
            calls: self.calls.clone(),
        };
        self.load(name, bindings, permits, Ok(loaded));
    }

    /// Binds a capsule that always says the same.
    pub fn says(&self, name: &str, bindings: &[On], answer: Answer) {
        self.bind(name, bindings, move |_| std::future::ready(answer.clone()));
    }

    /// Binds a capsule that goes on when the door lets it; each permit lets one call through.
    pub fn waits(&self, name: &str, bindings: &[On]) -> Arc<Semaphore> {
        let door = Arc::new(Semaphore::new(0));
        let doors = Arc::clone(&door);
        self.bind(name, bindings, move |_| {
            let door = Arc::clone(&doors);
            async move {
                door.acquire().await.expect("open").forget();
                Ok(Verdict::Continue(None))
            }
        });
        door
    }

    pub fn fails_to_load(&self, name: &str, bindings: &[On]) {
        self.load(name, bindings, 1, Err("no such import".to_owned()));
    }

    fn load(&self, name: &str, on: &[On], permits: usize, loaded: Result<Scripted, String>) {
        let handlers: Vec<_> = on
            .iter()
            .map(|on| manifest::Handler {
                action: on.action,
                topic: &on.topic,
                priority: on.priority,
                on_error: on.on_error,
                mode: on.mode,
                timeout_ms: on.timeout_ms,
            })
            .collect();
        self.dispatcher
            .bind(&capsule(name), &handlers, permits, loaded);
    }

    pub async fn dispatch(&self, event: Event) -> Outcome {
        self.dispatcher.dispatch(event).await.expect("an outcome")
    }

    /// Dispatches in a task of its own, which is on its way when this returns.
    pub async fn dispatching(&self, event: Event) -> tokio::task::JoinHandle<Outcome> {
        let dispatcher = self.dispatcher.clone();
        let (polled, first) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut dispatch = Box::pin(dispatcher.dispatch(event));
            let early = std::future::poll_fn(|context| {
                std::task::Poll::Ready(dispatch.as_mut().poll(context))
            });
            let early = early.await;
            polled.send(()).expect("awaited");
            match early {
                std::task::Poll::Ready(outcome) => outcome,
                std::task::Poll::Pending => dispatch.await,
            }
            .expect("an outcome")
        });
        first.await.expect("polled");
        task
    }

    /// The calls so far, as "capsule payload".
    pub fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    /// Waits until there were so many calls.
    pub async fn called(&self, count: usize) -> Vec<String> {
        let mut calls = self.calls.subscribe();
        let calls = calls.wait_for(|calls| calls.len() >= count).await;
        calls.expect("its sender lives").clone()
    }

    /// Waits until nothing is in flight.
    pub async fn idle(&self) {
        assert!(self.dispatcher.drain(Duration::from_secs(3_600)).await);
        let figures = self.dispatcher.figures();
        assert_eq!((figures.in_flight, figures.waiting), (0, 0));
        assert_eq!((figures.bytes, figures.observers), (0, 0));
    }
}

/// So many events that wait in a lane, and that are in flight for a principal and for the host.
pub fn limits(lane: usize, principal: usize, host: usize) -> Limits {
    Limits {
        lane,
        events: budget((principal, usize::MAX), (host, usize::MAX)),
        ..Limits::default()
    }
}

/// Events and bytes for a principal and for the host.
pub fn budget(principal: (usize, usize), host: (usize, usize)) -> Budget {
    let amount = |(events, bytes)| Amount { events, bytes };
    Budget {
        principal: amount(principal),
        host: amount(host),
    }
}

pub fn capsule(name: &str) -> CapsuleName {
    CapsuleName::parse(name).expect("a name")
}

pub fn principal(name: &str) -> PrincipalId {
    name.parse().expect("a name")
}

pub fn topic(text: &str) -> Topic {
    Topic::parse(text).expect("a topic")
}

pub fn payload(text: impl Into<String>) -> Payload {
    Payload::parse(text).expect("JSON")
}

/// An event of alice's.
pub fn event(about: &str, what: impl ToString) -> Event {
    event_of("alice", about, what)
}

pub fn event_of(who: &str, about: &str, what: impl ToString) -> Event {
    let source = uuid::Uuid::nil();
    Event::verified(
        topic(about),
        payload(what.to_string()),
        principal(who),
        source,
    )
}

pub fn go_on() -> Answer {
    Ok(Verdict::Continue(None))
}

pub fn rewrite(text: impl Into<String>) -> Answer {
    Ok(Verdict::Continue(Some(text.into())))
}

pub fn trap() -> Answer {
    Err(HandlerFailure::new("trap", "unreachable"))
}

/// What was said, as "capsule: what".
pub fn said(outcome: &Outcome) -> Vec<String> {
    let steps = outcome.steps.iter().map(|step| {
        let said = match &step.said {
            Said::Failed(failure) => failure.kind.to_owned(),
            said => format!("{said:?}"),
        };
        format!("{}: {said}", step.capsule)
    });
    steps.collect()
}

/// Polls once.
pub fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
