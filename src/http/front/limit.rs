//! How many requests are handed to workers at once: few while workers come back quickly, more while they wait for upstreams.
//!
//! Key type: [`Limit`]. More workers than processors can feed only take turns, so the limit grows only when those at work have been
//! at it for long, which a busy processor alone does not bring about, and falls back when they are quick again.

use std::time::{Duration, Instant};

/// Workers that have been at work longer than this on average are waiting for somebody.
const WAITING: Duration = Duration::from_millis(10);
/// Time between two steps up.
const UP: Duration = Duration::from_millis(2);
/// Time between two steps down.
const DOWN: Duration = Duration::from_millis(250);

/// What there is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Requests that workers have in hand.
    pub(super) in_hand: usize,
    /// Requests that wait for a worker.
    pub(super) queued: usize,
    /// For how long those at work have been at it, on average.
    pub(super) age: Duration,
}

/// The present limit, between a floor and a cap.
#[derive(Debug)]
pub(super) struct Limit {
    floor: usize,
    cap: usize,
    now: usize,
    changed: Instant,
}

impl Limit {
    pub(super) fn new(floor: usize, cap: usize, now: Instant) -> Self {
        let floor = floor.clamp(1, cap.max(1));
        Self { floor, cap: cap.max(1), now: floor, changed: now }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Whether those at work, who have been at it for `age` on average, come back soon.
    pub(super) fn is_quick(&self, age: Duration) -> bool {
        age < WAITING
    }

    /// Whether as many as allowed are at work and somebody waits.
    pub(super) fn is_short(&self, load: &Load) -> bool {
        load.in_hand >= self.now && load.in_hand + load.queued > self.now
    }

    /// Goes a step up or down when it is time for one.
    pub(super) fn adapt(&mut self, load: &Load, now: Instant) {
        let since = now.saturating_duration_since(self.changed);
        if self.is_short(load) {
            if self.now < self.cap && !self.is_quick(load.age) && since >= UP {
                (self.now, self.changed) = (self.now + 1, now);
            }
        } else if self.now > self.floor && load.in_hand < self.now && since >= DOWN {
            (self.now, self.changed) = (self.now - 1, now);
        }
    }

    /// Whether it could still grow.
    pub(super) fn can_grow(&self) -> bool {
        self.now < self.cap
    }

    /// Whether it could fall.
    pub(super) fn can_fall(&self) -> bool {
        self.now > self.floor
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests count from now")]
mod tests {
    use super::*;

    #[test]
    fn slow_work_raises_it_to_the_cap_and_quick_work_does_not() {
        let start = Instant::now();
        let mut limit = Limit::new(4, 8, start);
        let load = |in_hand, queued, age| Load { in_hand, queued, age: Duration::from_millis(age) };
        for millisecond in 0..1_000 {
            limit.adapt(&load(8, 8, 3), start + Duration::from_millis(millisecond));
        }
        assert_eq!(limit.now(), 4);
        for millisecond in 1_000..1_100 {
            limit.adapt(&load(8, 8, 30), start + Duration::from_millis(millisecond));
        }
        assert_eq!((limit.now(), limit.can_grow()), (8, false));
        limit.adapt(&load(8, 0, 30), start + Duration::from_secs(3));
        assert_eq!(limit.now(), 8, "all of them are at work");
        for second in 3..30 {
            limit.adapt(&load(2, 0, 3), start + Duration::from_secs(second));
        }
        assert_eq!((limit.now(), limit.can_fall()), (4, false));
        for millisecond in 0..1_000 {
            limit.adapt(&load(2, 8, 30), start + Duration::from_millis(40_000 + millisecond));
        }
        assert_eq!(limit.now(), 4, "those who wait are about to be handed over");
    }

    #[test]
    fn the_cap_wins_over_the_floor() {
        assert_eq!(Limit::new(16, 2, Instant::now()).now(), 2);
        assert_eq!(Limit::new(0, 0, Instant::now()).now(), 1);
    }
}
