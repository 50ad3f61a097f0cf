//! Group commit: records that come while others are being written wait together, and one of their writers writes them all.
//!
//! Key type: [`Commits`]. It knows nothing of files: who is the first to find nobody writing is given everything that waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::{self, Thread};
use std::time::SystemTime;

use super::error::AuditError;
use crate::base::host::{self, Clock};

/// Turns of waiting awake before going to sleep: a write to memory is done sooner than a thread is woken.
const AWAKE: usize = 200;

/// A record that has no place in the chain yet.
#[derive(Debug)]
pub(super) struct Record {
    /// When it came in.
    pub(super) at: SystemTime,
    /// An object without its time stamp.
    pub(super) json: String,
    /// Whether its room in the file was promised.
    pub(super) promised: bool,
}

/// What became of records that were written together: a full disk refuses only those whose room was not promised.
#[derive(Clone, Debug)]
pub(super) struct Outcomes {
    pub(super) promised: Result<(), AuditError>,
    pub(super) others: Result<(), AuditError>,
}

impl Outcomes {
    /// One for all.
    pub(super) fn all(outcome: Result<(), AuditError>) -> Self {
        Self { promised: outcome.clone(), others: outcome }
    }

    fn of(&self, promised: bool) -> Result<(), AuditError> {
        if promised { self.promised.clone() } else { self.others.clone() }
    }
}

type Outcome = Arc<OnceLock<Outcomes>>;

/// Records on their way.
#[derive(Debug, Default)]
pub(super) struct Commits {
    queue: Mutex<Queue>,
    /// Changed under the lock of the queue alone.
    writing: AtomicBool,
    /// Threads that wait without doing anything.
    asleep: AtomicUsize,
}

/// Those who are written together next.
#[derive(Debug, Default)]
struct Queue {
    records: Vec<Record>,
    /// Theirs.
    outcome: Outcome,
    /// Whose records these are, but for the one who writes them. The first of them writes when nobody else does.
    threads: Vec<Thread>,
}

impl Commits {
    /// How many threads wait without doing anything.
    pub(super) fn asleep(&self) -> usize {
        self.asleep.load(Ordering::Relaxed)
    }

    /// Returns once the records are written, by this caller's `write` or by another's. They stand together, in the order of their times.
    pub(super) fn commit(
        &self,
        records: impl IntoIterator<Item = String>,
        promised: bool,
        clock: &Clock,
        write: impl FnOnce(Vec<Record>) -> Outcomes,
    ) -> Result<(), AuditError> {
        let mut queue = host::lock(&self.queue);
        queue.records.extend(records.into_iter().map(|json| Record { at: clock.now(), json, promised }));
        if !self.writing.load(Ordering::SeqCst) {
            return self.lead(queue, write).of(promised);
        }
        let outcome = Arc::clone(&queue.outcome);
        queue.threads.push(thread::current());
        drop(queue);
        self.stay_awake(&outcome);
        loop {
            if let Some(outcomes) = outcome.get() {
                return outcomes.of(promised);
            }
            if !self.writing.load(Ordering::SeqCst) {
                let queue = host::lock(&self.queue);
                // Somebody may have taken these records to write them in between.
                if Arc::ptr_eq(&queue.outcome, &outcome) && !self.writing.load(Ordering::SeqCst) {
                    return self.lead(queue, write).of(promised);
                }
                continue;
            }
            self.asleep.fetch_add(1, Ordering::Relaxed);
            thread::park();
            self.asleep.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Writes everything that waits. Should `write` panic, nothing of it is promised, and the next one may lead.
    fn lead(&self, mut queue: MutexGuard<'_, Queue>, write: impl FnOnce(Vec<Record>) -> Outcomes) -> Outcomes {
        let Queue { records, outcome, threads } = std::mem::take(&mut *queue);
        let lead = Lead { commits: self, outcome, threads };
        self.writing.store(true, Ordering::SeqCst);
        drop(queue);
        lead.outcome.get_or_init(|| write(records)).clone()
    }

    fn stay_awake(&self, outcome: &Outcome) {
        for _ in 0..AWAKE {
            if outcome.get().is_some() || !self.writing.load(Ordering::Relaxed) {
                return;
            }
            std::hint::spin_loop();
        }
    }
}

/// Being the one who writes.
struct Lead<'a> {
    commits: &'a Commits,
    outcome: Outcome,
    threads: Vec<Thread>,
}

impl Drop for Lead<'_> {
    /// Wakes those whose records were written, and the one who writes next.
    fn drop(&mut self) {
        self.outcome.get_or_init(|| Outcomes::all(Err(AuditError::Uncertain)));
        let queue = host::lock(&self.commits.queue);
        self.commits.writing.store(false, Ordering::SeqCst);
        let next = queue.threads.first().cloned();
        drop(queue);
        next.iter().chain(&self.threads).for_each(Thread::unpark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;

    fn texts(records: &[Record]) -> Vec<&str> {
        records.iter().map(|record| record.json.as_str()).collect()
    }

    #[test]
    fn what_comes_while_somebody_writes_is_written_together() {
        let (commits, clock) = (Arc::new(Commits::default()), Clock::system());
        let (began, begins) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let first = {
            let (commits, clock) = (Arc::clone(&commits), clock.clone());
            host::spawn("first", move || {
                commits.commit(["a".to_owned()], false, &clock, |records| {
                    began.send(texts(&records).join(",")).unwrap();
                    may_go.recv().unwrap();
                    Outcomes::all(Ok(()))
                })
            })
        };
        assert_eq!(begins.recv().unwrap(), "a");
        let written = Arc::new(Mutex::new(Vec::new()));
        let others: Vec<_> = (0..5)
            .map(|n| {
                let (commits, clock, written) = (Arc::clone(&commits), clock.clone(), Arc::clone(&written));
                host::spawn("other", move || {
                    let promised = n > 1;
                    let outcome = commits.commit([n.to_string()], promised, &clock, |records| {
                        written.lock().unwrap().push(records.len());
                        Outcomes { promised: Ok(()), others: Err(AuditError::Uncertain) }
                    });
                    (promised, outcome)
                })
            })
            .collect();
        while host::lock(&commits.queue).records.len() < 5 {
            thread::yield_now();
        }
        go.send(()).unwrap();
        first.unwrap().join().unwrap().unwrap();
        for other in others {
            let (promised, outcome) = other.unwrap().join().unwrap();
            assert_eq!(outcome.is_ok(), promised, "each has the outcome of its kind");
        }
        assert_eq!(*written.lock().unwrap(), [5]);
    }

    #[test]
    fn a_panic_promises_nothing_and_lets_the_next_one_write() {
        let (commits, clock) = (Commits::default(), Clock::system());
        let panics = || commits.commit(["a".to_owned()], false, &clock, |_| panic!("as if out of memory"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        let mut seen = Vec::new();
        commits
            .commit(["b".to_owned()], false, &clock, |records| {
                seen = records;
                Outcomes::all(Ok(()))
            })
            .unwrap();
        assert_eq!(texts(&seen), ["b"]);
    }
}
