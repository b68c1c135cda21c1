//! The lines of the table: what was measured, against what, what has to be reached, and whether it was.

use std::path::Path;

use serde::Serialize;

use crate::Failure;
use crate::measure::Series;

/// By how much a bound may be missed before the bench fails: a fifth.
const TOLERANCE: f64 = 0.2;

/// What a ratio has to reach.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    // Of the measured itself, whatever its floor.
    Kib(f64),
    Threads(f64),
    /// Of a core.
    Percent(f64),
}

/// One line.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    measure: &'static str,
    /// What the measured is divided by.
    floor: &'static str,
    /// In `unit`.
    floor_value: f64,
    measured_value: f64,
    unit: &'static str,
    /// The median over the rounds of what is between the two in each; medians of either may differ more or less.
    ratio: f64,
    /// How far the ratios of the middle half of the rounds spread, as a part of their median.
    spread: f64,
    bound: Bound,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Missed by a fifth at most.
    Miss,
    /// Missed by more.
    Fail,
}

impl Bound {
    fn judge(self, ratio: f64) -> Verdict {
        let (within, nearly) = match self {
            Self::AtMost(bound)
            | Self::Kib(bound)
            | Self::Threads(bound)
            | Self::Percent(bound) => (ratio <= bound, ratio <= bound * (1.0 + TOLERANCE)),
            Self::AtLeast(bound) => (ratio >= bound, ratio >= bound * (1.0 - TOLERANCE)),
        };
        match (within, nearly) {
            (true, _) => Verdict::Ok,
            (false, true) => Verdict::Miss,
            // What isn't a number is here too.
            (false, false) => Verdict::Fail,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::Kib(bound) => format!("≤ {bound} KiB"),
            Self::Percent(bound) => format!("≤ {bound} %"),
            Self::Threads(bound) => format!("≤ {bound} threads"),
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
        }
    }
}

impl Line {
    /// `measured` may take so many times what `floor` takes.
    pub(crate) fn at_most(
        measure: &'static str,
        bound: f64,
        floor: (&'static str, &Series),
        measured: &Series,
    ) -> Self {
        let ratios = measured.with(floor.1, |m, f| m / f);
        Self::new(
            measure,
            Bound::AtMost(bound),
            floor.0,
            floor.1,
            measured,
            &ratios,
        )
    }

    /// `measured` has to be so many times faster than `floor`.
    pub(crate) fn faster(
        measure: &'static str,
        bound: f64,
        floor: (&'static str, &Series),
        measured: &Series,
    ) -> Self {
        let ratios = measured.with(floor.1, |m, f| f / m);
        Self::new(
            measure,
            Bound::AtLeast(bound),
            floor.0,
            floor.1,
            measured,
            &ratios,
        )
    }

    /// A gain (a plain number) has to be so much of that of the floor.
    pub(crate) fn gain(
        measure: &'static str,
        bound: f64,
        (floor, floor_series): (&'static str, &Series),
        measured: &Series,
    ) -> Self {
        let ratios = measured.with(floor_series, |m, f| m / f);
        Self {
            unit: "x",
            ..Self::new(
                measure,
                Bound::AtLeast(bound),
                floor,
                floor_series,
                measured,
                &ratios,
            )
        }
    }

    /// `measured` itself has to be within the bound, whatever the floor is.
    pub(crate) fn figure(
        measure: &'static str,
        bound: Bound,
        floor: (&'static str, &Series),
        measured: &Series,
    ) -> Self {
        let ratios = measured.with(floor.1, |m, f| m / f);
        let (figure, unit) = match bound {
            Bound::Kib(_) => (measured.median() / 1024.0, "bytes"),
            Bound::Threads(_) => (measured.median(), "threads"),
            Bound::Percent(_) => (measured.median(), "%"),
            Bound::AtMost(_) | Bound::AtLeast(_) => (ratios.median(), "x"),
        };
        Self {
            unit,
            verdict: bound.judge(figure),
            ..Self::new(measure, bound, floor.0, floor.1, measured, &ratios)
        }
    }

    fn new(
        measure: &'static str,
        bound: Bound,
        floor: &'static str,
        floor_series: &Series,
        measured: &Series,
        ratios: &Series,
    ) -> Self {
        let ratio = ratios.median();
        Self {
            measure,
            floor,
            floor_value: floor_series.median(),
            measured_value: measured.median(),
            unit: "ns",
            ratio,
            spread: ratios.spread(),
            bound,
            verdict: bound.judge(ratio),
        }
    }

    /// Whether it misses its bound by more than a fifth.
    pub(crate) fn fails(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    fn cells(&self) -> [String; 8] {
        let value = |value: f64| match self.unit {
            "ns" if value >= 1e6 => format!("{:.2} ms", value / 1e6),
            "ns" if value >= 1e4 => format!("{:.1} us", value / 1e3),
            "ns" => format!("{value:.0} ns"),
            "bytes" => format!("{:.1} KiB", value / 1024.0),
            "threads" => format!("{value:.0} threads"),
            unit => format!("{value:.2} {unit}"),
        };
        [
            self.measure.to_owned(),
            self.floor.to_owned(),
            value(self.floor_value),
            value(self.measured_value),
            format!("{:.2}", self.ratio),
            format!("{:.0} %", self.spread * 100.0),
            self.bound.shown(),
            match self.verdict {
                Verdict::Ok => "ok".to_owned(),
                Verdict::Miss => "miss".to_owned(),
                Verdict::Fail => "miss, by more than a fifth".to_owned(),
            },
        ]
    }
}

/// Prints the table.
pub(crate) fn print(lines: &[Line]) {
    const HEADER: [&str; 8] = [
        "measure", "floor", "floor", "host", "ratio", "spread", "bound", "",
    ];
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(lines.iter().map(Line::cells));
    let widths: [usize; 8] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Text to the left, numbers to the right.
            line += &match column {
                2..=6 => format!("{cell:>width$}  "),
                _ => format!("{cell:<width$}  "),
            };
        }
        println!("{}", line.trim_end());
    }
}

/// Writes the lines as JSON.
pub(crate) fn write(lines: &[Line], path: &Path) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_vec_pretty(lines)?;
    std::fs::write(path, text)
        .map_err(|error| format!("can't write {}: {error}", path.display()))?;
    Ok(())
}
