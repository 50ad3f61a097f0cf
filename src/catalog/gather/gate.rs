//! How many threads of a build compute at the same time; any number may wait for the network meanwhile.
//!
//! A rebuild leaves one processor to those who serve: with as many busy threads as processors, every answer would wait for a turn of
//! the scheduler.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use crate::base::host::lock;

/// Lets a few through at a time.
pub(super) struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Gate {
    /// For so many at a time, at least one.
    fn new(most: usize) -> Self {
        Self { free: Mutex::new(most.max(1)), freed: Condvar::new() }
    }

    /// All processors while nothing is served yet, else all but one.
    pub(super) fn beside(serving: bool) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors - usize::from(serving))
    }

    /// Does `work` when it is its turn.
    pub(super) fn pass<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut free = lock(&self.free);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let _place = Place(self);
        work()
    }
}

/// Given back also when the work panics.
struct Place<'a>(&'a Gate);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::gather::work::in_parallel;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn never_more_than_allowed_compute_and_a_panic_gives_its_place_back() {
        let (gate, inside, most) = (Gate::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<usize> = (0..40).collect();
        let done = in_parallel(&items, 8, "test", |item| {
            gate.pass(|| {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
                assert!(item % 10 != 3, "one that breaks off");
            });
        });
        assert_eq!(done.iter().filter(|done| done.is_some()).count(), 36);
        assert!(most.into_inner() <= 2);
        assert_eq!(*lock(&gate.free), 2);
    }
}
