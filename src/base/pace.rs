//! How often something may happen, however often it is asked for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Lets one through in every span of time.
#[derive(Debug)]
pub struct Pace {
    every: Duration,
    last: Mutex<Option<SystemTime>>,
}

impl Pace {
    /// At most one in `every`.
    pub fn new(every: Duration) -> Self {
        Self { every, last: Mutex::new(None) }
    }

    /// Whether it may happen now; if so, the span begins anew.
    pub fn take(&self, now: SystemTime) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = last.is_some_and(|last| within(last, now, self.every));
        if !waits {
            *last = Some(now);
        }
        !waits
    }
}

/// Whether `now` is less than `span` after `then`; a clock that was set back counts as time that has passed.
pub fn within(then: SystemTime, now: SystemTime, span: Duration) -> bool {
    now.duration_since(then).is_ok_and(|since| since < span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn one_passes_in_each_span() {
        let pace = Pace::new(Duration::from_secs(10));
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let passed: Vec<bool> = [100, 100, 109, 110, 119, 120, 5, 6].map(|second| pace.take(at(second))).into();
        assert_eq!(passed, [true, false, false, true, false, true, true, false]);
    }
}
