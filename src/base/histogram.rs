//! Durations counted in buckets: how long something took, how often.
//!
//! Key types: [`Histogram`], which many threads fill without a lock or an allocation, and [`Read`], what it holds at one moment. The
//! count is the sum of the buckets, so that the two never disagree, whoever is at work meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets that all histograms have: from a fast disk's sync to the longest of usual deadlines.
pub const BOUNDS: [Duration; 17] = [
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// Durations by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Up to each bound, and above the last.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// What a histogram holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// How many took at most this long, for each of [`BOUNDS`].
    pub up_to: [u64; BOUNDS.len()],
    /// How many there are.
    pub count: u64,
    /// How long they took in all.
    pub sum: Duration,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let at = BOUNDS.partition_point(|bound| *bound < took);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        // 584 years of it fit.
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What it holds now.
    pub fn read(&self) -> Read {
        let mut count = 0;
        let mut cumulative = self.buckets.iter().map(|bucket| {
            count += bucket.load(Ordering::Relaxed);
            count
        });
        let up_to = std::array::from_fn(|_| cumulative.next().unwrap_or_default());
        cumulative.for_each(drop);
        Read { up_to, count, sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bound that each of these counts under, `None` above all.
    #[track_caller]
    fn check(took: Duration, bound: Option<Duration>) {
        let histogram = Histogram::default();
        histogram.observe(took);
        let read = histogram.read();
        let first = read.up_to.iter().position(|count| *count == 1).map(|at| BOUNDS[at]);
        assert_eq!((first, read.count, read.sum), (bound, 1, took), "{took:?}");
        assert!(read.up_to.is_sorted(), "buckets are cumulative");
    }

    #[test]
    fn a_duration_counts_under_the_first_bound_that_it_does_not_exceed() {
        check(Duration::ZERO, Some(BOUNDS[0]));
        for bound in BOUNDS {
            check(bound, Some(bound));
        }
        check(BOUNDS[0] + Duration::from_nanos(1), Some(BOUNDS[1]));
        check(Duration::from_secs(61), None);
    }

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS.is_sorted());
    }

    #[test]
    fn many_threads_lose_nothing() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| histogram.observe(Duration::from_millis(3))));
            }
        });
        let read = histogram.read();
        assert_eq!((read.count, read.sum), (4_000, Duration::from_secs(12)));
    }
}
