//! The room under simulated schedules: thousands of random interleavings of everything that its tasks do to what they
//! share. A schedule that fails is printed; `shuttle::replay` repeats it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use astrid_host::bus::Payload;
use astrid_host::call::Verdict;
use astrid_host::manifest::{self, CapsuleName, Mode, OnError};
use astrid_host::principal::PrincipalId;
use astrid_host::topic::{Topic, TopicPattern};
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

mod bounded;

use crate::simulated::{
    Amount, Budget, Conclusion, DispatchError, Dispatcher, Event, Handler, HandlerEvent,
    HandlerFailure, Limits, Runtime, Said, Turn,
};

/// Tasks of the simulation. Its time stands still but for whoever sleeps: a sleep takes a few steps, however long.
struct Simulation {
    now: Instant,
    /// Tasks that aren't done. A schedule ends only without any, or they would be torn down in the middle.
    tasks: Arc<AtomicUsize>,
}

impl Runtime for Simulation {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.fetch_add(1, SeqCst);
        let tasks = Arc::clone(&self.tasks);
        drop(spawn(async move {
            task.await;
            tasks.fetch_sub(1, SeqCst);
        }));
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn sleep_until(&self, _: Instant) -> impl Future<Output = ()> + Send + use<> {
        async {
            for _ in 0..20 {
                yield_now().await;
            }
        }
    }
}

/// (capsule, principal, payload) of each call, in the order of their beginnings.
type Calls = Arc<Mutex<Vec<(&'static str, String, String)>>>;

/// Writes down what it is asked and takes a few steps for it, and fails the test if its lane lets in two at once.
struct Recorder {
    capsule: &'static str,
    calls: Calls,
    running: Arc<Mutex<BTreeMap<String, usize>>>,
    /// The capsule whose calls go on when this says so no longer.
    held: Arc<Mutex<&'static str>>,
}

impl Recorder {
    fn enter(&self, principal: &str) {
        let mut running = self.running.lock().expect("no panic");
        let running = running.entry(principal.to_owned()).or_default();
        *running += 1;
        assert_eq!(*running, 1, "two calls of {} at once", self.capsule);
    }

    fn leave(&self, principal: &str) {
        let mut running = self.running.lock().expect("no panic");
        *running.get_mut(principal).expect("entered") -= 1;
    }
}

struct Running<'a>(&'a Recorder, &'a str);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

impl Handler for Recorder {
    async fn handle(&self, event: &HandlerEvent, _: &Turn) -> Result<Verdict, HandlerFailure> {
        let principal = event.principal.as_str();
        self.enter(principal);
        let _running = Running(self, principal);
        let call = (
            self.capsule,
            principal.to_owned(),
            event.payload.to_string(),
        );
        self.calls.lock().expect("no panic").push(call);
        for _ in 0..thread_rng().gen_range(0..3) {
            yield_now().await;
        }
        while *self.held.lock().expect("no panic") == self.capsule {
            yield_now().await;
        }
        Ok(Verdict::Continue(None))
    }
}

struct World {
    dispatcher: Dispatcher<Recorder, Simulation>,
    tasks: Arc<AtomicUsize>,
    calls: Calls,
    running: BTreeMap<&'static str, Arc<Mutex<BTreeMap<String, usize>>>>,
    held: Arc<Mutex<&'static str>>,
}

const T: &str = "user.v1.prompt";
/// What `a` alone handles.
const OTHER: &str = "user.v1.other";
const LONG: Duration = Duration::from_secs(60);

impl World {
    /// With a chain of `a` and `b` on [`T`], and `watch` beside them between the two.
    fn new(limits: Limits) -> Self {
        let tasks = Arc::default();
        let simulation = Simulation {
            now: Instant::now(),
            tasks: Arc::clone(&tasks),
        };
        let mut world = Self {
            dispatcher: Dispatcher::new(simulation, limits, Vec::new()),
            tasks,
            calls: Calls::default(),
            running: BTreeMap::new(),
            held: Arc::default(),
        };
        for capsule in ["a", "watch", "b"] {
            world.running.insert(capsule, Arc::default());
            world.bind(capsule);
        }
        world
    }

    fn bind(&self, capsule: &'static str) {
        let (priority, mode) = match capsule {
            "a" => (1, Mode::Chain),
            "watch" => (2, Mode::Observe),
            _ => (3, Mode::Chain),
        };
        let topics = if capsule == "a" {
            &[T, OTHER][..]
        } else {
            &[T]
        };
        let topics: Vec<_> = topics
            .iter()
            .map(|topic| TopicPattern::parse(topic).expect("a pattern"))
            .collect();
        let bindings: Vec<_> = topics
            .iter()
            .map(|topic| manifest::Handler {
                action: "check",
                topic,
                priority,
                on_error: OnError::Continue,
                mode,
                timeout_ms: None,
            })
            .collect();
        let loaded = Recorder {
            capsule,
            calls: Arc::clone(&self.calls),
            running: Arc::clone(&self.running[capsule]),
            held: Arc::clone(&self.held),
        };
        self.dispatcher
            .bind(&name(capsule), &bindings, 1, Ok(loaded));
    }

    /// What a capsule was asked for a principal, in order.
    fn asked(&self, capsule: &str, principal: &str) -> Vec<String> {
        let calls = self.calls.lock().expect("no panic");
        let these = calls
            .iter()
            .filter(|call| call.0 == capsule && call.1 == principal);
        these.map(|call| call.2.clone()).collect()
    }

    /// Waits until every task is done; then nothing is left.
    async fn finished(&self) {
        while self.tasks.load(SeqCst) > 0 {
            yield_now().await;
        }
        let figures = self.dispatcher.figures();
        assert_eq!((figures.in_flight, figures.waiting), (0, 0));
        assert_eq!((figures.bytes, figures.observers), (0, 0));
    }

    /// Checks that of these events, admitted for these principals, each handler of the chain was asked about all and
    /// the observer about all that it had room for, in order.
    fn all_asked(&self, principals: &[&str], admitted: &[Vec<String>]) {
        let mut unobserved = 0;
        for (principal, admitted) in principals.iter().zip(admitted) {
            for capsule in ["a", "b"] {
                assert_eq!(self.asked(capsule, principal), *admitted);
            }
            let observed = self.asked("watch", principal);
            let mut all = admitted.iter();
            assert!(observed.iter().all(|seen| all.any(|event| event == seen)));
            unobserved += (admitted.len() - observed.len()) as u64;
        }
        assert_eq!(self.dispatcher.figures().unobserved, unobserved);
    }
}

fn name(capsule: &str) -> CapsuleName {
    CapsuleName::parse(capsule).expect("a name")
}

fn event(principal: &str, payload: usize) -> Event {
    event_on(T, principal, payload)
}

fn event_on(topic: &str, principal: &str, payload: usize) -> Event {
    let principal: PrincipalId = principal.parse().expect("a name");
    let payload = Payload::parse(payload.to_string()).expect("JSON");
    let topic = Topic::parse(topic).expect("a topic");
    Event::verified(topic, payload, principal, uuid::Uuid::nil())
}

/// So many events that wait in a lane, and that are in flight for a principal and for the host; of observers more than
/// ever come.
fn limits(lane: usize, principal: usize, host: usize) -> Limits {
    Limits {
        lane,
        events: budget(principal, host),
        ..Limits::default()
    }
}

fn budget(principal: usize, host: usize) -> Budget {
    let amount = |events| Amount {
        events,
        bytes: usize::MAX,
    };
    Budget {
        principal: amount(principal),
        host: amount(host),
    }
}

/// Runs `test` under so many random schedules, and half as many that prefer one task until it blocks.
fn explore<F: Future<Output = ()>>(
    times: usize,
    test: impl Fn() -> F + Send + Sync + Copy + 'static,
) {
    let run = move || block_on(test());
    Runner::new(RandomScheduler::new_from_seed(SEED, times), config()).run(run);
    Runner::new(PctScheduler::new_from_seed(SEED, 3, times / 2), config()).run(run);
}

/// The same schedules on every run.
const SEED: u64 = 7;

/// Room for the dispatcher's futures as they are without optimisation: a simulated task has 60 KiB of stack unless told
/// otherwise, and one that uses up its stack ends the process.
fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config
}

/// Publishes so many events, sometimes as a capsule does; returns those that were admitted.
async fn publish(
    dispatcher: Dispatcher<Recorder, Simulation>,
    principal: &'static str,
    count: usize,
) -> Vec<String> {
    let mut admitted = Vec::new();
    for i in 0..count {
        let event = event(principal, i);
        let accepted = match thread_rng().gen_range(0..3) {
            0 => dispatcher.try_publish(event).is_ok(),
            1 => dispatcher.publish(event).await.is_ok(),
            _ => {
                let outcome = dispatcher.dispatch(event).await.expect("an outcome");
                assert_eq!(outcome.verdict, Conclusion::Continue);
                assert_eq!(outcome.steps.len(), 3);
                true
            }
        };
        if accepted {
            admitted.push(i.to_string());
        }
    }
    admitted
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_and_nothing_hangs() {
    explore(700, || async {
        let world = World::new(limits(1, 2, 3));
        let principals = ["alice", "bob"];
        let publishing: Vec<_> = principals
            .iter()
            .map(|principal| spawn(publish(world.dispatcher.clone(), principal, 4)))
            .collect();
        let mut admitted = Vec::new();
        for publishing in publishing {
            admitted.push(publishing.await.expect("no panic"));
        }
        world.finished().await;
        world.all_asked(&principals, &admitted);
    });
}

#[test]
fn a_publisher_that_goes_away_takes_only_its_own_event_with_it() {
    explore(600, || async {
        let world = World::new(limits(1, 2, 2));
        let leaving: Vec<_> = (0..4)
            .map(|i| {
                let dispatcher = world.dispatcher.clone();
                spawn(async move {
                    // Polled once or twice, and dropped.
                    let mut dispatch = pin!(dispatcher.dispatch(event("alice", i)));
                    for _ in 0..thread_rng().gen_range(1..3) {
                        let polled = std::future::poll_fn(|context| {
                            Poll::Ready(dispatch.as_mut().poll(context).is_ready())
                        });
                        if polled.await {
                            return;
                        }
                        yield_now().await;
                    }
                })
            })
            .collect();
        let stays = world.dispatcher.dispatch(event("alice", 9)).await;
        assert_eq!(stays.expect("an outcome").steps.len(), 3);
        for leaving in leaving {
            leaving.await.expect("no panic");
        }
        world.finished().await;
        let (a, b) = (world.asked("a", "alice"), world.asked("b", "alice"));
        assert_eq!(a, b);
        let mut once = a.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!((once.len(), a.contains(&"9".to_owned())), (a.len(), true));
    });
}

#[test]
fn reloads_lose_nothing_and_replace_only_what_is_drained() {
    explore(600, || async {
        let world = Arc::new(World::new(limits(2, 4, 4)));
        let publishing = spawn(publish(world.dispatcher.clone(), "alice", 4));
        let direct = Arc::clone(&world);
        let direct = spawn(async move {
            let lane = direct
                .dispatcher
                .lanes()
                .of(&name("a"))
                .lane(&"alice".parse().expect("a name"));
            for _ in 0..2 {
                let turn = lane.enter().await.expect("open");
                direct.enter_and_leave("a").await;
                drop(turn);
            }
        });
        for _ in 0..2 {
            let lanes = world.dispatcher.lanes().of(&name("a"));
            let pause = lanes.pause();
            if world.dispatcher.drained(&pause, LONG).await.is_ok() {
                let running = world.running["a"].lock().expect("no panic");
                assert!(running.values().all(|running| *running == 0));
                drop(running);
                world.bind("a");
            }
            drop(pause);
        }
        let admitted = publishing.await.expect("no panic");
        direct.await.expect("no panic");
        world.finished().await;
        world.all_asked(&["alice"], &[admitted]);
    });
}

impl World {
    /// A direct call, by somebody who has a turn.
    async fn enter_and_leave(&self, capsule: &'static str) {
        let recorder = Recorder {
            capsule,
            calls: Calls::default(),
            running: Arc::clone(&self.running[capsule]),
            held: Arc::default(),
        };
        recorder.enter("alice");
        yield_now().await;
        recorder.leave("alice");
    }
}

#[test]
fn a_lane_goes_on_whoever_gives_up_a_place_or_a_turn() {
    explore(600, || async {
        let world = Arc::new(World::new(limits(1, 1, 1)));
        let lanes = world.dispatcher.lanes().of(&name("a"));
        let lane = lanes.lane(&"alice".parse().expect("a name"));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (lane, world) = (Arc::clone(&lane), Arc::clone(&world));
                spawn(async move {
                    let mut place = pin!(lane.enter());
                    for _ in 0..thread_rng().gen_range(0..3) {
                        let mut turn = None;
                        let polled = std::future::poll_fn(|context| {
                            if let Poll::Ready(came) = place.as_mut().poll(context) {
                                turn = Some(came.expect("open"));
                            }
                            Poll::Ready(turn.is_some())
                        });
                        if polled.await {
                            world.enter_and_leave("a").await;
                            drop(turn);
                            return;
                        }
                        yield_now().await;
                    }
                })
            })
            .collect();
        let turn = lane.enter().await.expect("open");
        world.enter_and_leave("a").await;
        drop(turn);
        for caller in callers {
            caller.await.expect("no panic");
        }
    });
}

#[test]
fn a_removed_capsules_events_are_answered_all_the_same() {
    explore(500, || async {
        let world = World::new(limits(2, 3, 3));
        let events: Vec<_> = (0..4)
            .map(|i| {
                let dispatcher = world.dispatcher.clone();
                spawn(async move { dispatcher.dispatch(event("alice", i)).await })
            })
            .collect();
        assert!(world.dispatcher.unbind(&name("a")));
        for event in events {
            let outcome = event.await.expect("no panic").expect("an outcome");
            for step in outcome.steps {
                let unloaded =
                    matches!(&step.said, Said::Failed(failure) if failure.kind == "unloaded");
                assert!(unloaded <= (step.capsule.as_str() == "a"));
            }
        }
        world.finished().await;
        assert_eq!(world.asked("b", "alice").len(), 4);
    });
}

#[test]
fn a_shutdown_ends_everything_with_an_outcome_or_a_typed_error() {
    explore(600, || async {
        let world = World::new(limits(1, 2, 3));
        let events: Vec<_> = (0..4)
            .map(|i| {
                let dispatcher = world.dispatcher.clone();
                spawn(async move { dispatcher.dispatch(event("alice", i)).await })
            })
            .collect();
        yield_now().await;
        world.dispatcher.shutdown(LONG).await;
        world.finished().await;
        for event in events {
            match event.await.expect("no panic") {
                Ok(outcome) => assert_eq!(outcome.verdict, Conclusion::Continue),
                Err(error) => assert!(matches!(error, DispatchError::ShuttingDown { .. })),
            }
        }
    });
}

#[test]
fn admission_is_fair_to_each_principal() {
    explore(500, || async {
        // One event at a time, so that they are called in the order of their admission.
        let world = World::new(limits(1, 1, 1));
        let storm: Vec<_> = (0..5)
            .map(|i| {
                let dispatcher = world.dispatcher.clone();
                spawn(async move { dispatcher.publish(event("alice", i)).await })
            })
            .collect();
        let mut before = None;
        let mut bob = pin!(world.dispatcher.publish(event("bob", 0)));
        std::future::poll_fn(|context| {
            let polled = bob.as_mut().poll(context);
            before.get_or_insert_with(|| world.asked("a", "alice").len());
            polled.map(|admitted| assert!(admitted.is_ok()))
        })
        .await;
        for event in storm {
            event.await.expect("no panic").expect("admitted");
        }
        world.finished().await;
        let calls = world.calls.lock().expect("no panic");
        let mut at_a = calls.iter().filter(|call| call.0 == "a");
        let place = at_a
            .position(|call| call.1 == "bob")
            .expect("he was called");
        drop(calls);
        // Before him: the one that was in flight, and one of alice's, whose turn it may have been.
        assert!(place <= before.expect("polled") + 2, "{place} {before:?}");
        assert_eq!(world.asked("b", "alice").len(), 5);
    });
}
