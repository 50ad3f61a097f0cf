//! Whether clients are turned away, told in the log now and then.
//!
//! Key type: [`Pressure`], which compares what the server has counted with what it had when it was last asked.

use crate::http::counts::Counts;

type Read = fn(&Counts) -> u64;

/// Names as they are logged, and the counters behind them.
const KINDS: &[(&str, Read)] = &[
    ("evicted", |counts| counts.evicted.value()),
    ("tooSlow", |counts| counts.too_slow.value()),
    ("slowReaders", |counts| counts.slow_readers.value()),
    ("overloaded", |counts| counts.overloaded.value()),
    ("outOfMemory", |counts| counts.out_of_memory.value()),
    ("unanswered", |counts| counts.unanswered.value()),
    ("failed", |counts| counts.failed.value()),
    ("acceptFailures", |counts| counts.accept_failures.value()),
    ("pairFailures", |counts| counts.pair_failures.value()),
    ("streamsRefused", |counts| counts.streams_refused.value()),
];

/// What was told last.
#[derive(Debug, Default)]
pub struct Pressure {
    told: Vec<u64>,
}

impl Pressure {
    /// How many there were of each kind since this last gave any; empty while there are none.
    pub fn news(&mut self, counts: &Counts) -> Vec<(&'static str, u64)> {
        let now: Vec<u64> = KINDS.iter().map(|(_, count)| count(counts)).collect();
        self.told.resize(now.len(), 0);
        let since = now.iter().zip(&self.told).map(|(now, told)| now - told);
        let news: Vec<_> = KINDS.iter().map(|(name, _)| *name).zip(since).filter(|(_, more)| *more > 0).collect();
        self.told = now;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        let (mut pressure, counts) = (Pressure::default(), Counts::default());
        counts.accepted.add(5);
        assert_eq!(pressure.news(&counts), []);
        counts.evicted.add(2);
        counts.failed.bump();
        assert_eq!(pressure.news(&counts), [("evicted", 2), ("failed", 1)]);
        assert_eq!(pressure.news(&counts), []);
        counts.evicted.bump();
        assert_eq!(pressure.news(&counts), [("evicted", 1)]);
    }
}
