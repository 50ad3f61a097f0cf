//! Lines between the thread that reads them and those that carry them out, and how many there may be.
//!
//! Key type: [`Queue`]. A line counts from the moment it is handed in until what came of it is let out, so that neither a fast reader nor an
//! answer that is held back for the sake of order fills the memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::base::host::lock;

/// One line of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// The line's number, from 1.
    pub(super) number: u64,
    /// Its place among those that are carried out, from 1.
    pub(super) place: u64,
    /// Its bytes, or why there are none.
    pub(super) line: Result<Vec<u8>, String>,
}

impl Job {
    fn size(&self) -> usize {
        self.line.as_ref().map_or(0, Vec::len)
    }
}

/// The lines under way.
pub(super) struct Queue {
    state: Mutex<State>,
    /// For those who wait for a line.
    work: Condvar,
    /// For who waits for room.
    room: Condvar,
    /// Most lines at once.
    most: usize,
    /// Most bytes of lines that wait and of answers that are held back.
    most_bytes: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    open: usize,
    bytes: usize,
    ended: bool,
    stopped: bool,
}

impl Queue {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), room: Condvar::new(), most, most_bytes }
    }

    /// Hands a line in when there is room for it; `false` when nobody carries it out any more.
    pub(super) fn push(&self, job: Job) -> bool {
        let is_full = |state: &State| state.open >= self.most || (state.open > 0 && state.bytes >= self.most_bytes);
        let mut state = lock(&self.state);
        while is_full(&state) && !state.stopped {
            state = wait(&self.room, state);
        }
        if state.stopped {
            return false;
        }
        state.open += 1;
        state.bytes += job.size();
        state.waiting.push_back(job);
        self.work.notify_one();
        true
    }

    /// The next line; `None` when there is none to come.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                state.bytes -= job.size();
                return Some(job);
            }
            if state.ended {
                return None;
            }
            state = wait(&self.work, state);
        }
    }

    /// So many bytes of an answer are held back.
    pub(super) fn hold(&self, bytes: usize) {
        lock(&self.state).bytes += bytes;
    }

    /// What came of a line is let out, after so many bytes of it were held back.
    pub(super) fn let_out(&self, held: usize) {
        let mut state = lock(&self.state);
        state.open -= 1;
        state.bytes -= held;
        // Who waits for room is woken for several lines at once; enough is left to do until then.
        if state.open <= self.most / 2 {
            self.room.notify_one();
        }
    }

    /// No line comes after those that were handed in.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.work.notify_all();
    }

    /// Lines that wait are dropped, and no other is taken.
    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.work.notify_all();
        self.room.notify_all();
    }
}

fn wait<'a>(news: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    news.wait(state).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn job(number: u64, size: usize) -> Job {
        Job { number, place: number, line: Ok(vec![b'x'; size]) }
    }

    #[test]
    fn no_more_lines_are_under_way_than_there_is_room_for() {
        let (queue, pushed) = (Queue::new(3, 100), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..50 {
                    assert!(queue.push(job(number, 1)));
                    pushed.fetch_add(1, Ordering::SeqCst);
                }
                queue.end();
            });
            for out in 0..50 {
                let job = queue.take().unwrap();
                assert_eq!(job.number, out);
                // What was let out before, and three lines of room.
                assert!(pushed.load(Ordering::SeqCst) as u64 <= out + 3);
                queue.let_out(0);
            }
            assert_eq!(queue.take(), None);
        });
    }

    #[test]
    fn bytes_count_but_never_hold_up_the_only_line() {
        let queue = Queue::new(10, 100);
        assert!(queue.push(job(1, 1000)), "a line alone has room, however long it is");
        let waits = std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.push(job(2, 1)));
            assert_eq!(queue.take().unwrap().number, 1);
            queue.hold(500);
            queue.let_out(500);
            second.join().unwrap()
        });
        assert!(waits);
        assert_eq!(queue.take().unwrap().number, 2);
    }

    #[test]
    fn whoever_waits_is_woken_by_the_end() {
        let queue = Queue::new(1, 100);
        std::thread::scope(|scope| {
            let takers: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.take())).collect();
            queue.end();
            assert!(takers.into_iter().all(|taker| taker.join().unwrap().is_none()));
        });
        let queue = Queue::new(1, 100);
        assert!(queue.push(job(1, 1)));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.push(job(2, 1)));
            queue.stop();
            assert!(!second.join().unwrap());
        });
        assert_eq!(queue.take(), None, "what waited is dropped");
    }
}
