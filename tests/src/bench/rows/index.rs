//! Finding the handlers of a topic: what those that don't match cost.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use astrid_host::bus::{PatternUse, TopicIndex};
use astrid_host::topic::{Topic, TopicPattern};

use crate::Failure;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 2_000;
/// Look-ups in a turn.
const TURN: u32 = 1_000;
/// How many patterns there are.
const FEW: usize = 10;
const MANY: usize = 1_000;
const MOST: usize = 10_000;
/// What is asked about, and the patterns that match: four of each topic, of every kind that there is.
const ASKED: [&str; 2] = ["user.v1.prompt", "user.v1.answer"];
const MATCH: usize = 4;
const MATCHING: [&str; 6] = [
    "user.v1.prompt",
    "user.v1.answer",
    "user.*.prompt",
    "user.*.answer",
    "user.v1.*",
    "*.v1.*",
];

/// The same matches among more and more patterns; and an exact look-up of a hash table.
pub(super) fn lines() -> Result<Vec<Line>, Failure> {
    let few = index(FEW)?;
    let many = index(MANY)?;
    let most = index(MOST)?;
    let asked = topics(ASKED.iter().map(|topic| (*topic).to_owned()))?;
    let every = topics((0..MOST).map(topic))?;
    let table: HashMap<Topic, usize> = every.iter().cloned().zip(0..).collect();
    for topic in &asked {
        for index in [&few, &many, &most] {
            let matches = index.load().count(topic);
            if matches != MATCH {
                return Err(format!("{topic} has {matches} matches, not {MATCH}").into());
            }
        }
    }
    let asked: Vec<_> = asked.iter().cycle().take(TURN as usize).cloned().collect();
    // Each of them, in an order that no cache knows: by a step that has no divisor in common with their number.
    let mut at = 0;
    let mut any = || {
        let topics = (0..TURN).map(|_| {
            at = (at + 7_919) % every.len();
            &every[at]
        });
        topics.collect::<Vec<_>>()
    };

    let [ten, thousand, all] = round_robin::<3, Failure>(ROUNDS, |contestant| {
        Ok(match contestant {
            0 => found(&few, &asked),
            1 => found(&many, &asked),
            _ => found(&most, &asked),
        })
    })?;
    let [hashed, spread] = round_robin::<2, Failure>(ROUNDS, |contestant| {
        let topics = any();
        Ok(match contestant {
            0 => looked_up(&table, topics),
            _ => found(&most, topics),
        })
    })?;
    let among_few = ("the same among 10 patterns", &ten);
    Ok(vec![
        Line::at_most(
            "find the 4 handlers of a topic among 1,000 patterns",
            2.0,
            among_few,
            &thousand,
        ),
        Line::at_most("the same among 10,000", 2.0, among_few, &all),
        Line::at_most(
            "find those of any of 10,000 topics among 10,000 patterns",
            8.0,
            ("look it up in a HashMap of 10,000 topics", &hashed),
            &spread,
        ),
    ])
}

fn found<'a>(
    index: &TopicIndex<usize>,
    topics: impl IntoIterator<Item = &'a Topic>,
) -> (Duration, u32) {
    let mut sum = 0;
    let began = Instant::now();
    for topic in topics {
        index.load().each_match(topic, |value| sum += value);
    }
    let elapsed = began.elapsed();
    black_box(sum);
    (elapsed, TURN)
}

fn looked_up<'a>(
    table: &HashMap<Topic, usize>,
    topics: impl IntoIterator<Item = &'a Topic>,
) -> (Duration, u32) {
    let mut sum = 0;
    let began = Instant::now();
    for topic in topics {
        sum += table.get(topic).copied().unwrap_or_default();
    }
    let elapsed = began.elapsed();
    black_box(sum);
    (elapsed, TURN)
}

/// An index of so many patterns, those that match among them.
fn index(count: usize) -> Result<TopicIndex<usize>, Failure> {
    let others = (0..).map(pattern);
    let patterns = MATCHING.iter().map(|text| (*text).to_owned()).chain(others);
    let patterns = patterns
        .take(count)
        .map(|text| TopicPattern::parse(&text))
        .collect::<Result<Vec<_>, _>>()?;
    let index = TopicIndex::default();
    index.change(|edit| {
        for (value, pattern) in patterns.iter().enumerate() {
            edit.insert(pattern, PatternUse::Handler, value);
        }
    });
    Ok(index)
}

/// A topic of some capsule; every tenth is beside those that are asked about.
fn topic(number: usize) -> String {
    match number % 10 {
        0 => format!("user.v1.event{number}"),
        _ => format!("other{}.v1.event{number}", number % 500),
    }
}

/// The pattern that is bound to a topic: every fourth with a `*`, at any place.
fn pattern(number: usize) -> String {
    let topic = topic(number);
    match number % 12 {
        3 => topic.replace(".v1.", ".*."),
        7 => format!("*.v1.event{number}"),
        11 => format!("{topic}.*"),
        _ => topic,
    }
}

fn topics(all: impl Iterator<Item = String>) -> Result<Vec<Topic>, Failure> {
    Ok(all
        .map(|text| Topic::parse(&text))
        .collect::<Result<_, _>>()?)
}
