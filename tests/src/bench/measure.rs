//! Takes turns: in each round every contestant runs once, so that what else the machine does meets all of them
//! alike. A ratio is taken within each round; the median over many rounds forgets what met only one contestant.

use std::time::Duration;

/// What one contestant took in each round: nanoseconds for one operation, unless something else is measured.
#[derive(Debug, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// Adds a round in which `operations` took `elapsed` together.
    pub(crate) fn add(&mut self, elapsed: Duration, operations: u32) {
        self.push(elapsed.as_secs_f64() * 1e9 / f64::from(operations));
    }

    /// Adds a round in which something else than time was measured.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle of what was measured; not a number if nothing was.
    pub(crate) fn median(&self) -> f64 {
        quantile(self.0.clone(), 0.5)
    }

    /// What `combine` makes of the two in each round. A machine's speed may change between rounds, which a
    /// comparison within each of them doesn't notice.
    pub(crate) fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(
            pairs
                .map(|(ours, theirs)| combine(*ours, *theirs))
                .collect(),
        )
    }

    /// How far the middle half of the rounds spreads, as a part of the median.
    pub(crate) fn spread(&self) -> f64 {
        (quantile(self.0.clone(), 0.75) - quantile(self.0.clone(), 0.25)) / self.median()
    }
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1)) as f64 * part;
    values.get(at.round() as usize).copied().unwrap_or(f64::NAN)
}

/// Runs `turn` for each of the `N` contestants in each of `rounds`; who is first changes from round to round. The
/// first tenth of the rounds, at least one, warms up and isn't kept.
pub(crate) fn round_robin<const N: usize, E>(
    rounds: usize,
    mut turn: impl FnMut(usize) -> Result<(Duration, u32), E>,
) -> Result<[Series; N], E> {
    let mut all: [Series; N] = std::array::from_fn(|_| Series::default());
    let warm_up = rounds.div_ceil(10);
    for round in 0..rounds + warm_up {
        for place in 0..N {
            let contestant = (round + place) % N;
            let (elapsed, operations) = turn(contestant)?;
            if round >= warm_up {
                all[contestant].add(elapsed, operations);
            }
        }
    }
    Ok(all)
}
