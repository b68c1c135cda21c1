//! Publishers outside the guests, and the evidence of what the guests saw.
//!
//! Every event has a number: the publisher counts for each (topic, principal). A `tally` guest denies a number that isn't
//! the next one, and tells at the end what it saw.

use std::collections::BTreeMap;
use std::sync::Arc;

use astrid_host::dispatch::{Conclusion, Event, HandlerFailure, Outcome, Said, Step};
use astrid_host::manifest::Mode;
use astrid_host::{Capsule, Host, PrincipalId};
use serde::Deserialize;
use serde_json::json;

use super::is_idle;
use crate::common::{LONG, call_by, id, said};

/// What is published.
#[derive(Clone)]
pub(crate) struct Storm {
    /// Tasks that publish at once.
    pub(crate) publishers: u16,
    /// Of all publishers together.
    pub(crate) events: usize,
    /// `load.v1.t0` and so on.
    pub(crate) topics: u16,
    /// Whom they are for, of those that the host has.
    pub(crate) principals: Vec<&'static str>,
}

/// How many were published, by topic, principal and publisher.
pub(crate) type Published = BTreeMap<(u16, &'static str, u16), u32>;

/// What one capsule saw of a topic, for one principal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Seen {
    /// By publisher, from which number to before which.
    pub(crate) numbers: BTreeMap<u16, (u32, u32)>,
    /// Equal for all who saw the same in the same order.
    pub(crate) digest: u64,
}

pub(crate) fn topic(number: u16) -> String {
    format!("load.v1.t{number}")
}

/// An event as a tally takes it.
pub(crate) fn numbered(
    who: &str,
    topic_name: &str,
    topic: u16,
    publisher: u16,
    number: u32,
) -> Event {
    let payload = json!({ "topic": topic, "publisher": publisher, "number": number });
    Event::json(topic_name, &payload).unwrap().by(&id(who))
}

impl Storm {
    /// Publishes all of it, and waits until it is done. Every sixteenth event is waited for, and goes through its whole
    /// chain.
    pub(crate) async fn rage(&self, host: &Host) -> Published {
        let publishers = (0..self.publishers).map(|publisher| {
            let (storm, host) = (Arc::new(self.clone()), host.clone());
            tokio::spawn(async move { storm.publish(&host, publisher).await })
        });
        let mut published = Published::new();
        for publisher in publishers.collect::<Vec<_>>() {
            published.append(&mut publisher.await.unwrap());
        }
        assert!(host.drain(LONG).await);
        assert!(is_idle(host.figures()), "{:?}", host.figures());
        published
    }

    async fn publish(&self, host: &Host, publisher: u16) -> Published {
        let mut published = Published::new();
        // Any order will do that isn't the same for all.
        let mut random = u64::from(publisher) + 1;
        let mut pick = |count: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) as usize % count
        };
        for event in 0..self.events / usize::from(self.publishers) {
            let about = pick(self.topics.into()) as u16;
            let who = self.principals[pick(self.principals.len())];
            let number = published.entry((about, who, publisher)).or_default();
            let numbered = numbered(who, &topic(about), about, publisher, *number);
            *number += 1;
            if event % 16 == 0 {
                went_through(&host.dispatch(numbered).await.unwrap());
            } else {
                host.publish(numbered).await.unwrap();
            }
        }
        published
    }
}

fn went_through(outcome: &Outcome) {
    assert_eq!(outcome.verdict, Conclusion::Continue, "{outcome:?}");
    let went = |step: &Step| match &step.said {
        Said::Continue | Said::Running => true,
        Said::Failed(failure) => {
            step.mode == Mode::Observe && failure.kind == HandlerFailure::BACKPRESSURE
        }
        _ => false,
    };
    assert!(outcome.steps.iter().all(went), "{outcome:?}");
}

/// What a tally saw for a principal, by topic.
pub(crate) async fn seen(host: &Host, tally: &Capsule, who: &str) -> BTreeMap<u16, Seen> {
    let reply = host.invoke(tally, call_by(who, "tell", ())).await.unwrap();
    serde_json::from_value(said(&reply).1).unwrap()
}

/// What a tally that was there from the beginning to the end must have seen for a principal, but for the digest.
pub(crate) fn expected(
    published: &Published,
    topics: &[u16],
    who: &str,
) -> BTreeMap<u16, BTreeMap<u16, (u32, u32)>> {
    let mut expected = BTreeMap::<u16, BTreeMap<_, _>>::new();
    for ((about, of, publisher), count) in published {
        if topics.contains(about) && *of == who {
            expected
                .entry(*about)
                .or_default()
                .insert(*publisher, (0, *count));
        }
    }
    expected
}

/// A host's principals beside `default`.
pub(crate) fn add(host: &Host, principals: &[&str]) {
    for name in principals {
        let name: PrincipalId = id(name);
        host.principals().add(&name).unwrap();
    }
}
