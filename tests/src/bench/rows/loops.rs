//! A thousand run loops, each of a capsule of its own, that wait for what they may hear.

use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_e2e::guests::Guest;
use astrid_host::bus::{QUEUE_MESSAGES, Subscription};
use astrid_host::capsule::Readiness;
use astrid_host::topic::TopicPattern;
use astrid_host::{Capsule, Host};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::crowd::{self, Crowd};
use super::own::{in_a_process, is_known, resident, threads};
use super::publish::events;
use super::raw_loop::RawLoop;
use crate::Failure;
use crate::measure::{Series, round_robin};
use crate::report::{Bound, Line};

/// The argument by which the bench tells a process of its own to measure.
pub(super) const VERB: &str = "parked-loops";

/// Processes that are weighed.
const WEIGHED: usize = 3;
/// Rounds in which all are woken.
const ROUNDS: usize = 300;
const LOOPS: usize = 1_000;
/// Loops that are there before counting begins.
const FIRST: usize = 50;
/// Of each loop, in KiB.
const MEMORY: f64 = 64.0;
/// Of the process, besides one for each core.
const THREADS: f64 = 8.0;
const ASK: &str = "listener.v1.ask";
const HEARD: &str = "listener.v1.heard";
const PAYLOAD: &str = "null";
const PATIENCE: Duration = Duration::from_secs(60);
const SIDES: [&str; 2] = ["tasks", "loops"];

/// What they hold while they wait, and how soon all of them have answered when they are woken.
pub(super) fn lines(runtime: &Runtime) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    if is_known() {
        lines.extend(weigh()?);
    }
    lines.push(wake(runtime)?);
    Ok(lines)
}

fn weigh() -> Result<[Line; 2], Failure> {
    let scratch = tempfile::tempdir()?;
    let component = scratch.path().join("component.wasm");
    std::fs::write(&component, Guest::Listener.component())?;
    let component = component.to_str().ok_or("a folder that is no text")?;
    let [mut bytes, mut threads]: [[Series; 2]; 2] = Default::default();
    for _ in 0..WEIGHED {
        for (at, side) in SIDES.iter().enumerate() {
            let numbers = in_a_process(&[VERB, side, component])?;
            let [held, started] = numbers[..] else {
                return Err(format!("{VERB}: {numbers:?}").into());
            };
            bytes[at].push(held);
            threads[at].push(started);
        }
    }
    let cores = std::thread::available_parallelism()?.get() as f64;
    Ok([
        Line::figure(
            "resident memory of a further parked run loop, of 1,000",
            Bound::Kib(MEMORY),
            ("a tokio task on a channel", &bytes[0]),
            &bytes[1],
        ),
        Line::figure(
            "threads of the process with 1,000 of them",
            Bound::Threads(cores + THREADS),
            ("with as many tokio tasks", &threads[0]),
            &threads[1],
        ),
    ])
}

/// Parks loops or tasks, and prints the bytes that a further one adds, and the threads that there are then. For a
/// process of its own.
pub(super) fn print(arguments: &[String]) -> Result<(), Failure> {
    let [side, component] = arguments else {
        return Err(format!("{VERB} SIDE COMPONENT").into());
    };
    // As many threads as a program has unless it says otherwise.
    let runtime = Builder::new_multi_thread().enable_time().build()?;
    let bytes = if side == SIDES[0] {
        runtime.block_on(async {
            let mut tasks = Tasks::default();
            tasks.add(FIRST);
            tasks.wake().await?;
            let before = resident()?;
            tasks.add(LOOPS - FIRST);
            tasks.wake().await?;
            Ok::<_, Failure>(resident()? - before)
        })?
    } else {
        let crowd = Crowd::of_component(std::fs::read(component)?);
        runtime.block_on(async {
            let mut loops = Loops::start().await?;
            loops.add(&crowd, FIRST).await?;
            loops.wake().await?;
            let before = resident()?;
            loops.add(&crowd, LOOPS - FIRST).await?;
            loops.wake().await?;
            Ok::<_, Failure>(resident()? - before)
        })?
    };
    println!("{} {}", bytes / (LOOPS - FIRST) as f64, threads()?);
    Ok(())
}

/// One event that all hear, until each has answered. What the guest does for that is part of the floor: it takes longer
/// than a task's waking does.
fn wake(runtime: &Runtime) -> Result<Line, Failure> {
    let floor = Arc::new(RawLoop::compile(Guest::Listener.component())?);
    let (raw, loops) = runtime.block_on(async {
        let mut raw = Tasks::default();
        for _ in 0..LOOPS {
            raw.add_loop(&floor);
        }
        let mut loops = Loops::start().await?;
        loops.add(&Crowd::of(Guest::Listener), LOOPS).await?;
        Ok::<_, Failure>((raw, loops))
    })?;
    let mut contestants = [Woken::Tasks(raw), Woken::Loops(loops)].map(Some);
    let [raw, loops] = round_robin::<2, Failure>(ROUNDS, |contestant| {
        let at = &mut contestants[contestant];
        let mut woken = at.take().ok_or("one that failed")?;
        // By a task, as a server does: else a thread more would be woken by each answer.
        let (woken, took) = runtime.block_on(runtime.spawn(async move {
            let took = woken.wake().await;
            (woken, took)
        }))?;
        *at = Some(woken);
        took
    })?;
    Ok(Line::at_most(
        "wake 1,000 run loops, until each has answered",
        2.0,
        ("the guest in 1,000 tokio tasks on channels", &raw),
        &loops,
    ))
}

enum Woken {
    Tasks(Tasks),
    Loops(Loops),
}

impl Woken {
    async fn wake(&mut self) -> Result<(Duration, u32), Failure> {
        let took = async {
            match self {
                Self::Tasks(tasks) => tasks.wake().await,
                Self::Loops(loops) => loops.wake().await,
            }
        };
        timeout(PATIENCE, took).await?
    }
}

/// Tokio tasks that wait on a channel each, and answer on another.
struct Tasks {
    inboxes: Vec<mpsc::Sender<Arc<str>>>,
    answer: mpsc::UnboundedSender<()>,
    answers: mpsc::UnboundedReceiver<()>,
}

impl Default for Tasks {
    fn default() -> Self {
        let (answer, answers) = mpsc::unbounded_channel();
        Self {
            inboxes: Vec::new(),
            answer,
            answers,
        }
    }
}

impl Tasks {
    fn inbox(&mut self) -> (mpsc::Receiver<Arc<str>>, mpsc::UnboundedSender<()>) {
        let (inbox, asked) = mpsc::channel(QUEUE_MESSAGES);
        self.inboxes.push(inbox);
        (asked, self.answer.clone())
    }

    /// Starts so many, within the runtime.
    fn add(&mut self, count: usize) {
        for _ in 0..count {
            let (mut asked, answer) = self.inbox();
            tokio::spawn(async move {
                while asked.recv().await.is_some() && answer.send(()).is_ok() {}
            });
        }
    }

    /// Starts one that has a guest do it.
    fn add_loop(&mut self, raw: &Arc<RawLoop>) {
        let (asked, answer) = self.inbox();
        let raw = Arc::clone(raw);
        tokio::spawn(async move {
            // Who doesn't answer is waited for in vain, which is told.
            if let Err(error) = raw.run(asked, answer).await {
                eprintln!("  a run loop of the floor failed: {error}");
            }
        });
    }

    async fn wake(&mut self) -> Result<(Duration, u32), Failure> {
        let message: Arc<str> = PAYLOAD.into();
        let began = Instant::now();
        for inbox in &self.inboxes {
            inbox.try_send(Arc::clone(&message))?;
        }
        for _ in &self.inboxes {
            self.answers.recv().await.ok_or("a task is gone")?;
        }
        Ok((began.elapsed(), 1))
    }
}

/// Run loops that answer what they hear.
struct Loops {
    host: Host,
    capsules: Vec<Capsule>,
    answers: Subscription,
}

impl Loops {
    async fn start() -> Result<Self, Failure> {
        let host = crowd::host().await?;
        Ok(Self {
            answers: host.subscribe(&TopicPattern::parse(HEARD)?)?,
            capsules: Vec::new(),
            host,
        })
    }

    /// Loads so many more, and waits until they hear.
    async fn add(&mut self, crowd: &Crowd, count: usize) -> Result<(), Failure> {
        let rest = format!("[publish]\n\"{HEARD}\" = {{}}\n[subscribe]\n\"{ASK}\" = {{}}\n");
        let first = self.capsules.len();
        for number in first..first + count {
            let name = format!("listener-{number}");
            self.capsules
                .push(crowd.load(&self.host, &name, &rest).await?);
        }
        for capsule in &self.capsules[first..] {
            match capsule.wait_ready(PATIENCE).await {
                Readiness::Ready => {}
                other => return Err(format!("{}: {other:?}", capsule.name()).into()),
            }
        }
        Ok(())
    }

    async fn wake(&self) -> Result<(Duration, u32), Failure> {
        let event = events(1, ASK, PAYLOAD.as_bytes())?.remove(0);
        let began = Instant::now();
        self.host.publish(event).await?;
        for _ in &self.capsules {
            let answer = self.answers.next().await;
            answer.ok_or("the subscription is closed")?;
        }
        Ok((began.elapsed(), 1))
    }
}
