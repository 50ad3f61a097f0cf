//! Work on many items by a few threads.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Deeply nested schemas are walked by recursion, in bounded depth; this is ample.
const STACK: usize = 8 << 20;

/// Does `work` for every item on at most `most` threads; results in the order of the items, `None` for what panicked.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    most: usize,
    name: &str,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    in_batches(items, most, name, None, work, |batch| {
        for (at, result) in batch {
            results[at] = result;
        }
    });
    results
}

/// As [`in_parallel`], but hands over what is done as soon as the rest takes longer than `patience` (`None`: never before all is
/// done): each result once, with the place of its item.
pub(super) fn in_batches<T: Sync, R: Send>(
    items: &[T],
    most: usize,
    name: &str,
    patience: Option<Duration>,
    work: impl Fn(&T) -> R + Sync,
    mut hand_over: impl FnMut(Vec<(usize, Option<R>)>),
) {
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for nth in 0..items.len().min(most) {
            let (done, next, work) = (done.clone(), &next, &work);
            let run = move || loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { break };
                let result = catch_unwind(AssertUnwindSafe(|| work(item))).ok();
                // Whoever takes them waits for all.
                done.send((at, result)).ok();
            };
            let thread = thread::Builder::new().name(format!("{name}-{nth}")).stack_size(STACK);
            // With no thread at all the items are handed over without a result.
            thread.spawn_scoped(scope, run).ok();
        }
        drop(done);
        let mut batch = Vec::new();
        let mut left: BTreeSet<usize> = (0..items.len()).collect();
        while !left.is_empty() {
            let wait = patience.filter(|_| !batch.is_empty());
            let result = match wait {
                Some(wait) => results.recv_timeout(wait),
                None => results.recv().map_err(RecvTimeoutError::from),
            };
            match result {
                Ok((at, result)) => {
                    left.remove(&at);
                    batch.push((at, result));
                }
                Err(RecvTimeoutError::Timeout) => hand_over(std::mem::take(&mut batch)),
                // No thread is left, or there never was one.
                Err(RecvTimeoutError::Disconnected) => {
                    batch.extend(std::mem::take(&mut left).into_iter().map(|at| (at, None)))
                }
            }
        }
        hand_over(batch);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn what_hangs_is_handed_over_by_itself_and_what_breaks_off_is_told() {
        let (go_on, gate) = mpsc::channel();
        let gate = Mutex::new(gate);
        let mut batches = Vec::new();
        let work = |item: &u32| match item {
            0 => gate.lock().unwrap().recv().map(|()| 0).unwrap(),
            3 => panic!("this one breaks off"),
            other => *other,
        };
        in_batches(&[0, 1, 2, 3], 2, "test", Some(Duration::from_millis(1)), work, |mut batch| {
            batch.sort_unstable();
            batches.push(batch);
            let told = batches.iter().flatten().count();
            if told == 3 {
                go_on.send(()).unwrap();
            }
        });
        assert_eq!(batches.pop(), Some(vec![(0, Some(0))]));
        let mut others: Vec<_> = batches.into_iter().flatten().collect();
        others.sort_unstable();
        assert_eq!(others, [(1, Some(1)), (2, Some(2)), (3, None)]);
        assert_eq!(in_parallel(&[1, 2, 3], 2, "test", |item| item * 2), [Some(2), Some(4), Some(6)]);
        assert_eq!(in_parallel::<u32, u32>(&[], 2, "test", |item| *item), []);
    }
}
