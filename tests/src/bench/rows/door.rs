//! Judging a payload where it enters, against a parser that only skips it.

use std::hint::black_box;
use std::time::Instant;

use astrid_host::payload;
use serde::de::IgnoredAny;

use crate::Failure;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 200;

pub(super) fn lines() -> Result<Vec<Line>, Failure> {
    let kibibyte = object(14);
    let kibibytes: Vec<_> = std::iter::repeat_n(kibibyte.as_str(), 1020).collect();
    let keys: Vec<_> = (0..100_000).map(|key| format!("\"{key}\":0")).collect();
    Ok(vec![
        line("judge a payload of 1 KiB", 2.5, &kibibyte, 1_000)?,
        line(
            "judge a payload of 1 MiB",
            2.5,
            &format!("[{}]", kibibytes.join(",")),
            1,
        )?,
        line(
            "judge an object of 100,000 keys",
            4.0,
            &format!("{{{}}}", keys.join(",")),
            1,
        )?,
    ])
}

fn line(what: &'static str, bound: f64, text: &str, turn: u32) -> Result<Line, Failure> {
    let [skipped, judged] = round_robin::<2, Failure>(ROUNDS, |contestant| {
        let began = Instant::now();
        for _ in 0..turn {
            match contestant {
                0 => drop(black_box(serde_json::from_str::<IgnoredAny>(black_box(
                    text,
                ))?)),
                _ => black_box(payload::check(black_box(text)))?,
            }
        }
        Ok((began.elapsed(), turn))
    })?;
    Ok(Line::at_most(what, bound, ("skip it", &skipped), &judged))
}

/// An object with so many objects in it, each with text, a number and a list.
fn object(inner: usize) -> String {
    let inner: Vec<_> = (0..inner)
        .map(|at| {
            format!(
                r#""field_{at}":{{"name":"value {at}, with some text","n":{at},"list":[1,2,3]}}"#
            )
        })
        .collect();
    format!("{{{}}}", inner.join(","))
}
