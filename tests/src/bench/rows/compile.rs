//! How long the slowest component that is accepted takes to compile, a megabyte of it.
//!
//! It is made of functions that assign, in loops within each other, to as many variables as they may: compiling is
//! quadratic in these. Nothing else that was tried takes longer for its size: calls, direct and through tables, with and
//! without values that live across them, loops, branches, blocks within each other, jump tables.

use std::fmt::Write as _;
use std::time::Instant;

use astrid_host::exports::{self, limits};

use crate::Failure;
use crate::floor::Floor;
use crate::guests::Guests;
use crate::measure::Series;
use crate::report::Line;

const ROUNDS: usize = 2;
/// Functions of the component: their code is 64 KiB.
const FUNCTIONS: usize = 2;
/// How many times as long it may take as a guest that is shipped.
const BOUND: f64 = 200.0;

/// Against a guest as it is shipped.
pub(super) fn line(guests: &Guests) -> Result<Line, Failure> {
    let slowest = slowest()?;
    exports::analyse(&slowest)?;
    let floor = Floor::start(guests.shipped)?;
    let [mut shipped, mut slow] = [Series::default(), Series::default()];
    for _ in 0..ROUNDS {
        for (series, component) in [(&mut shipped, guests.shipped), (&mut slow, &slowest)] {
            let began = Instant::now();
            floor.compile(component)?;
            let megabytes = component.len() as f64 / 1e6;
            series.push(began.elapsed().as_secs_f64() * 1e9 / megabytes);
        }
    }
    Ok(Line::at_most(
        "compile the slowest accepted component, a MB of it",
        BOUND,
        ("compile a MB of a guest", &shipped),
        &slow,
    ))
}

/// The component.
fn slowest() -> Result<Vec<u8>, Failure> {
    let depth = limits::FUNCTION_LOOP_SETS / limits::FUNCTION_LOCALS;
    let mut code = format!("(local {})", "i32 ".repeat(limits::FUNCTION_LOCALS));
    code.push_str(&"loop ".repeat(depth));
    for local in 0..limits::FUNCTION_LOCALS {
        write!(
            code,
            "local.get {local} i32.const 1 i32.add local.set {local} "
        )?;
    }
    code.push_str(&"local.get 0 br_if 0 end ".repeat(depth));
    let mut text = String::from("(component (core module ");
    for _ in 0..FUNCTIONS {
        write!(text, "(func {code})")?;
    }
    text.push_str("))");
    Ok(wat::parse_str(text)?)
}
