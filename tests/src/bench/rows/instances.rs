//! Fresh instances: what they cost a host, and when it makes one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use astrid_host::{Call, Capsule, Host, PrincipalId};
use tokio::runtime::Runtime;

use super::subject::{Subject, calls, payload};
use crate::Failure;
use crate::floor::{Floor, Instance, POOL, Template};
use crate::guests::Guests;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 1_000;
/// Calls in a turn: enough that reading the clock doesn't count, few enough that a turn fits between two ticks.
const TURN: u32 = 64;
/// Instances that live at once where they are too few for all principals.
const SLOTS: u32 = 8;
/// Principals who have a lane and no instance any more when their turn comes.
const FEW: usize = 64;
const MANY: usize = 1_024;
const ACTION: &str = "noop";
const ADDED: &str = "what it adds to call_async";
const CALLED: &str = "instantiate_async, call_async, drop";
const RING: &str = "drop the oldest of 8, instantiate_async and call_async";

/// Against instances of an `InstancePre`, with and without a call.
pub(super) fn lines(runtime: &Runtime, guests: &Guests) -> Result<Vec<Line>, Failure> {
    let payload = payload(65);
    let floor = Floor::start(guests.shipped)?;
    let template = floor.template(&floor.compile(guests.shipped)?)?;
    let mut live = runtime.block_on(template.instantiate())?;
    let small = Allocation::Pooled { instances: SLOTS };
    let small_floor = Floor::with(guests.shipped, small)?;
    let mut ring = runtime.block_on(Ring::fill(&small_floor, guests.shipped))?;

    let kept = runtime.block_on(Rotation::start(&manifest(""), POOL, 1))?;
    let each = "[runtime]\nisolation = \"call\"\n";
    let each = runtime.block_on(Rotation::start(&manifest(each), POOL, 1))?;
    let two = runtime.block_on(Rotation::start(&manifest(""), POOL, 2))?;
    let few = runtime.block_on(Rotation::start(&manifest(""), small, FEW))?;
    let many = runtime.block_on(Rotation::start(&manifest(""), small, MANY))?;
    let mut rotations = [kept, each, two, few, many];

    let all = round_robin::<8, Failure>(ROUNDS, |contestant| match contestant {
        0 => runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..TURN {
                live.call(ACTION, payload).await?;
            }
            Ok((began.elapsed(), TURN))
        }),
        1 => runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..TURN {
                template.instantiate().await?.call(ACTION, payload).await?;
            }
            Ok((began.elapsed(), TURN))
        }),
        2 => runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..TURN {
                ring.next().await?.call(ACTION, payload).await?;
            }
            Ok((began.elapsed(), TURN))
        }),
        host => rotations[host - 3].turn(runtime, payload),
    })?;
    // Its first call is part of it: that is when its memory is first touched.
    let added = |fresh: f64, reused: f64| fresh - reused;
    let [live, called, ring, kept, each, two, few, many] = &all;
    Ok(vec![
        Line::at_most(
            "a fresh instance, without what a call costs anyway",
            1.3,
            (ADDED, &called.with(live, added)),
            &each.with(kept, added),
        ),
        Line::at_most(
            "invoke with isolation = \"call\"",
            1.3,
            (CALLED, called),
            each,
        ),
        Line::at_most(
            "invoke for the other of two principals",
            1.3,
            (CALLED, called),
            two,
        ),
        Line::at_most(
            "the same for 64 principals and 8 instances",
            1.3,
            (RING, ring),
            few,
        ),
        Line::at_most("the same for 1,024 principals", 1.3, (RING, ring), many),
    ])
}

fn manifest(more: &str) -> String {
    format!("{}\n{more}", Guest::Noop.manifest())
}

/// A host with one capsule, and principals who take turns in calling it.
struct Rotation {
    host: Host,
    capsule: Capsule,
    principals: Vec<PrincipalId>,
    next: usize,
}

impl Rotation {
    /// Each principal calls once, so that it is known.
    async fn start(
        manifest: &str,
        allocation: Allocation,
        principals: usize,
    ) -> Result<Self, Failure> {
        let subject = Subject::start(Guest::Noop.package_with(manifest), allocation).await?;
        let capsule = subject.load().await?;
        let principals = subject.principals(principals)?;
        for principal in &principals {
            let call = calls(1, ACTION, b"null", principal)?.remove(0);
            subject.host.invoke(&capsule, call).await?;
        }
        Ok(Self {
            host: subject.host,
            capsule,
            principals,
            next: 0,
        })
    }

    fn turn(&mut self, runtime: &Runtime, payload: &[u8]) -> Result<(Duration, u32), Failure> {
        let draft = Call::raw(ACTION, payload)?;
        let order = self.principals.iter().cycle().skip(self.next);
        let calls: Vec<_> = order
            .take(TURN as usize)
            .map(|principal| draft.clone().by(principal))
            .collect();
        self.next = (self.next + TURN as usize) % self.principals.len();
        runtime.block_on(async {
            let began = Instant::now();
            for call in calls {
                self.host.invoke(&self.capsule, call).await?;
            }
            Ok((began.elapsed(), TURN))
        })
    }
}

/// As many live instances as there may be, of which the oldest makes room for the next.
struct Ring {
    template: Template,
    live: VecDeque<Instance>,
}

impl Ring {
    async fn fill(floor: &Floor, component: &[u8]) -> Result<Self, Failure> {
        let template = floor.template(&floor.compile(component)?)?;
        let mut live = VecDeque::new();
        for _ in 0..SLOTS {
            live.push_back(template.instantiate().await?);
        }
        Ok(Self { template, live })
    }

    async fn next(&mut self) -> Result<&mut Instance, Failure> {
        drop(self.live.pop_front());
        let fresh = self.template.instantiate().await?;
        self.live.push_back(fresh);
        self.live.back_mut().ok_or_else(|| "no instance".into())
    }
}
