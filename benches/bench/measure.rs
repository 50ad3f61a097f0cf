//! Samples, and the rows they become. Machines are noisy: medians and ratios count, single values do not.

use std::fmt;
use std::time::{Duration, Instant};

/// Values of one measurement, in one unit.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    sorted: Vec<f64>,
}

impl Samples {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        assert!(!sorted.is_empty(), "something was measured");
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The value that `part` of all values do not exceed.
    pub(crate) fn at(&self, part: f64) -> f64 {
        let last = self.sorted.len() - 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank between 0 and the last")]
        let rank = (part * last as f64).round() as usize;
        self.sorted[rank]
    }
}

/// One line of the result.
pub(crate) struct Row {
    name: String,
    unit: &'static str,
    samples: Samples,
    peer: Option<(String, Samples)>,
    verdicts: Vec<String>,
}

impl Row {
    pub(crate) fn new(name: &str, unit: &'static str, samples: Samples) -> Self {
        Self { name: name.to_owned(), unit, samples, peer: None, verdicts: Vec::new() }
    }

    /// What the same run measured of something comparable.
    pub(crate) fn peer(mut self, name: &str, samples: Samples) -> Self {
        self.peer = Some((name.to_owned(), samples));
        self
    }

    /// The promise, as a value that should not be exceeded.
    pub(crate) fn at_most(self, what: &str, value: f64, most: f64) -> Self {
        self.judged(&format!("{what} {value:.2}, budget <= {most}"), value <= most)
    }

    /// The promise, as a value that should be reached.
    pub(crate) fn at_least(self, what: &str, value: f64, least: f64) -> Self {
        let digits = digits(value);
        self.judged(&format!("{what} {value:.digits$}, budget >= {least}"), value >= least)
    }

    /// A promise of another kind.
    pub(crate) fn judged(mut self, what: &str, kept: bool) -> Self {
        self.verdicts.push(format!("{what}: {}", if kept { "kept" } else { "MISSED" }));
        self
    }

    pub(crate) fn median(&self) -> f64 {
        self.samples.median()
    }

    /// How many times the peer's median this one's is.
    pub(crate) fn ratio(&self) -> f64 {
        let peer = self.peer.as_ref().expect("a row with a ratio has a peer");
        self.median() / peer.1.median()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44} {}", self.name, Spread(&self.samples, self.unit))?;
        if let Some((name, samples)) = &self.peer {
            write!(f, "\n{:<44} {}", format!("  peer: {name}"), Spread(samples, self.unit))?;
        }
        self.verdicts.iter().try_for_each(|verdict| write!(f, "\n{:<44} {verdict}", ""))
    }
}

/// Median and the range that holds four of five values.
struct Spread<'a>(&'a Samples, &'static str);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(samples, unit) = self;
        let (median, low, high) = (samples.median(), samples.at(0.1), samples.at(0.9));
        let digits = digits(median);
        write!(f, "{median:>10.digits$} {unit:<5} p10 {low:.digits$}, p90 {high:.digits$}")
    }
}

/// Decimals worth printing.
fn digits(value: f64) -> usize {
    if value >= 1000.0 { 0 } else { 2 }
}

/// How long `work` takes, in milliseconds.
pub(crate) fn millis<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let result = std::hint::black_box(work());
    let taken = start.elapsed();
    drop(result);
    as_millis(taken)
}

pub(crate) fn as_millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Runs several works in turn, `rounds` times, so that what disturbs the machine disturbs all of them alike.
pub(crate) fn interleaved<const N: usize>(rounds: usize, mut works: [&mut dyn FnMut() -> f64; N]) -> [Samples; N] {
    let mut values = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for (work, values) in works.iter_mut().zip(&mut values) {
            let value = work();
            // The first round warms caches.
            if round > 0 {
                values.push(value);
            }
        }
    }
    values.map(Samples::new)
}
