//! Group commit: records that come while others are being written wait together, and one of their writers writes them all.
//!
//! Key type: [`Commits`]. It knows nothing of files: who is the first to find nobody writing is given everything that waits. Whoever
//! needs not wait leaves word what is to be done afterwards ([`Then`]); what only such records wait for is written by a thread of its own,
//! which waits a little for company when more is about to come: a write costs the same for one record as for ten.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use super::error::AuditError;
use crate::base::host::{self, Clock, Stopwatch};

/// Turns of waiting awake before going to sleep: a write to memory is done sooner than a thread is woken.
const AWAKE: usize = 200;

/// A write that takes no longer is done by whoever comes first: another thread would cost as much.
const QUICK: Duration = Duration::from_micros(50);

/// Records that nobody waits for are put off while so many more are about to come at least.
const COMPANY: usize = 3;

/// But they are written no later than this after the write before began: sooner it would cost more than it is worth.
const APART: Duration = Duration::from_micros(250);

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

/// What is done once a record is written, or was refused. It does not block.
pub(super) type Then = Box<dyn FnOnce(Result<(), AuditError>) + Send>;

/// What is done for one record.
struct Next {
    promised: bool,
    then: Then,
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// Records on their way.
#[derive(Debug)]
pub(super) struct Commits {
    queue: Mutex<Queue>,
    /// Changed under the lock of the queue alone.
    writing: AtomicBool,
    /// Threads that wait without doing anything.
    asleep: AtomicUsize,
    /// Writes what nobody waits for.
    writer: Mutex<Option<Thread>>,
    /// Whether that thread is to end.
    over: AtomicBool,
    /// Whether the last write took no longer than waking that thread would.
    quick: AtomicBool,
    /// Records that are not written yet, come in or not.
    expected: AtomicUsize,
    /// Whether that thread waits for company; becomes true under the lock of the queue alone.
    putting_off: AtomicBool,
    /// See [`APART`].
    apart: Duration,
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            queue: Mutex::default(),
            writing: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            writer: Mutex::default(),
            over: AtomicBool::new(false),
            quick: AtomicBool::new(false),
            expected: AtomicUsize::new(0),
            putting_off: AtomicBool::new(false),
            apart: APART,
        }
    }
}

/// Those who are written together next.
#[derive(Debug, Default)]
struct Queue {
    records: Vec<Record>,
    /// Theirs.
    outcome: Outcome,
    /// Whose records these are, but for the one who writes them. The first of them writes when nobody else does.
    threads: Vec<Thread>,
    /// What is done for the others.
    nexts: Vec<Next>,
    /// Since the write before began.
    since: Option<Stopwatch>,
}

impl Commits {
    /// A record will come, until [`Commits::is_settled`].
    pub(super) fn expect(&self) {
        self.expected.fetch_add(1, Ordering::SeqCst);
    }

    /// A record that was expected is written, or will not come.
    pub(super) fn is_settled(&self) {
        self.expected.fetch_sub(1, Ordering::SeqCst);
    }

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
        write: impl Fn(Vec<Record>) -> Outcomes,
    ) -> Result<(), AuditError> {
        let mut queue = host::lock(&self.queue);
        queue.records.extend(records.into_iter().map(|json| Record { at: clock.now(), json, promised }));
        if !self.writing.load(Ordering::SeqCst) {
            return self.lead(queue, &write).of(promised);
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
                    return self.lead(queue, &write).of(promised);
                }
                continue;
            }
            self.asleep.fetch_add(1, Ordering::Relaxed);
            thread::park();
            self.asleep.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// As [`Commits::commit`], for one record that nobody waits for: the thread that writes for others writes it, and does `then`.
    /// Without such a thread, or where a write is quick, this one does both, unless somebody else is writing.
    pub(super) fn commit_then(
        &self,
        json: String,
        promised: bool,
        clock: &Clock,
        write: impl Fn(Vec<Record>) -> Outcomes,
        then: Then,
    ) {
        let mut queue = host::lock(&self.queue);
        queue.records.push(Record { at: clock.now(), json, promised });
        queue.nexts.push(Next { promised, then });
        // Whoever writes sees to it that somebody writes the next, and whoever came first has told. Who completes the company tells too.
        let here = queue.nexts.len();
        let is_awaited = self.putting_off.load(Ordering::SeqCst) && !self.expects_company(here);
        if self.writing.load(Ordering::SeqCst) || (here > 1 && !is_awaited) {
            return;
        }
        let writer = host::lock(&self.writer).clone();
        match writer.filter(|_| !self.quick.load(Ordering::Relaxed)) {
            Some(writer) => {
                drop(queue);
                writer.unpark();
            }
            None => drop(self.lead(queue, &write)),
        }
    }

    /// Writes what nobody waits for, until [`Commits::end`].
    pub(super) fn write_for_others(&self, write: impl Fn(Vec<Record>) -> Outcomes) {
        *host::lock(&self.writer) = Some(thread::current());
        loop {
            while let Some(queue) = self.unled() {
                match self.put_off(&queue) {
                    Some(left) => {
                        self.putting_off.store(true, Ordering::SeqCst);
                        drop(queue);
                        thread::park_timeout(left);
                        self.putting_off.store(false, Ordering::SeqCst);
                    }
                    None => self.lead_safely(queue, &write),
                }
            }
            if self.over.load(Ordering::SeqCst) {
                break;
            }
            thread::park();
        }
        *host::lock(&self.writer) = None;
        self.write_left(&write);
    }

    fn write_left(&self, write: &impl Fn(Vec<Record>) -> Outcomes) {
        while let Some(queue) = self.unled() {
            self.lead_safely(queue, write);
        }
    }

    /// What panics promises nothing, and the next is written all the same.
    fn lead_safely(&self, queue: MutexGuard<'_, Queue>, write: &impl Fn(Vec<Record>) -> Outcomes) {
        catch_unwind(AssertUnwindSafe(|| self.lead_once(queue, write))).ok();
    }

    /// How long what waits is put off, unless company comes sooner.
    fn put_off(&self, queue: &Queue) -> Option<Duration> {
        let may = !self.over.load(Ordering::SeqCst) && self.expects_company(queue.nexts.len());
        let left = self.apart.checked_sub(queue.since.filter(|_| may)?.elapsed())?;
        Some(left).filter(|left| !left.is_zero())
    }

    /// Whether enough is about to come beside what is here.
    fn expects_company(&self, here: usize) -> bool {
        self.expected.load(Ordering::SeqCst) >= here + COMPANY
    }

    /// Lets the thread that writes for others end, once nothing waits for it.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        host::lock(&self.writer).iter().for_each(Thread::unpark);
    }

    /// What waits while nobody writes and nobody is about to.
    fn unled(&self) -> Option<MutexGuard<'_, Queue>> {
        let queue = host::lock(&self.queue);
        let free = !self.writing.load(Ordering::SeqCst) && queue.threads.is_empty() && !queue.nexts.is_empty();
        free.then_some(queue)
    }

    /// Writes everything that waits, and what comes meanwhile if there is nobody else who would.
    fn lead(&self, queue: MutexGuard<'_, Queue>, write: &impl Fn(Vec<Record>) -> Outcomes) -> Outcomes {
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.lead_once(queue, write)));
        if host::lock(&self.writer).is_none() {
            self.write_left(write);
        }
        outcomes.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Writes everything that waits. Should `write` panic, nothing of it is promised, and the next one may lead.
    fn lead_once(&self, mut queue: MutexGuard<'_, Queue>, write: &impl Fn(Vec<Record>) -> Outcomes) -> Outcomes {
        let next = Queue { since: Some(Stopwatch::start()), ..Queue::default() };
        let Queue { records, outcome, threads, nexts, .. } = std::mem::replace(&mut *queue, next);
        let lead = Lead { commits: self, outcome, threads, nexts };
        self.writing.store(true, Ordering::SeqCst);
        drop(queue);
        let watch = Stopwatch::start();
        let outcomes = lead.outcome.get_or_init(|| write(records)).clone();
        self.quick.store(watch.elapsed() < QUICK, Ordering::Relaxed);
        outcomes
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
    nexts: Vec<Next>,
}

impl Drop for Lead<'_> {
    /// Wakes those whose records were written, and the one who writes next; then does what was left to be done.
    fn drop(&mut self) {
        let outcomes = self.outcome.get_or_init(|| Outcomes::all(Err(AuditError::Uncertain))).clone();
        let queue = host::lock(&self.commits.queue);
        self.commits.writing.store(false, Ordering::SeqCst);
        let heir = queue.threads.first().cloned();
        let orphaned = heir.is_none() && !queue.nexts.is_empty();
        drop(queue);
        let heir = if orphaned { host::lock(&self.commits.writer).clone() } else { heir };
        heir.iter().chain(&self.threads).for_each(Thread::unpark);
        for Next { promised, then } in self.nexts.drain(..) {
            // One that panics must not cost the others.
            catch_unwind(AssertUnwindSafe(|| then(outcomes.of(promised)))).ok();
        }
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

    /// Leaves word for a record, which says into `told` how it went.
    fn leave_word(
        commits: &Commits,
        json: &str,
        told: &mpsc::Sender<(String, bool)>,
        write: impl Fn(Vec<Record>) -> Outcomes,
    ) {
        let (told, name) = (told.clone(), json.to_owned());
        let then = Box::new(move |kept: Result<(), AuditError>| drop(told.send((name, kept.is_ok()))));
        commits.commit_then(json.to_owned(), false, &Clock::system(), write, then);
    }

    #[test]
    fn whoever_leaves_word_does_not_wait_for_what_is_written_meanwhile() {
        let commits = Arc::new(Commits::default());
        let (told, tells) = mpsc::channel();
        let (began, begins) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let others = Arc::clone(&commits);
        let writer = host::spawn("writer", move || {
            others.write_for_others(|records| {
                began.send(texts(&records).join(",")).unwrap();
                may_go.recv().unwrap();
                Outcomes::all(Ok(()))
            });
        });
        while host::lock(&commits.writer).is_none() {
            thread::yield_now();
        }
        let never = |_| -> Outcomes { panic!("it has a thread of its own") };
        leave_word(&commits, "a", &told, never);
        assert_eq!(begins.recv().unwrap(), "a");
        leave_word(&commits, "b", &told, never);
        leave_word(&commits, "c", &told, never);
        assert!(tells.try_recv().is_err(), "nothing is told before it is written");
        go.send(()).unwrap();
        assert_eq!(tells.recv().unwrap(), ("a".to_owned(), true));
        assert_eq!(begins.recv().unwrap(), "b,c");
        commits.end();
        go.send(()).unwrap();
        writer.unwrap().join().unwrap();
        assert_eq!(tells.try_iter().map(|(name, _)| name).collect::<String>(), "bc");
        leave_word(&commits, "d", &told, |_| Outcomes::all(Ok(())));
        assert_eq!(tells.try_recv(), Ok(("d".to_owned(), true)), "without that thread it is done here");
    }

    #[test]
    fn what_nobody_waits_for_waits_for_company_that_is_about_to_come() {
        let commits = Arc::new(Commits { apart: Duration::from_secs(3600), ..Commits::default() });
        let (told, tells) = mpsc::channel();
        let (began, begins) = mpsc::channel();
        let others = Arc::clone(&commits);
        let writer = host::spawn("writer", move || {
            others.write_for_others(|records| {
                began.send(texts(&records).join(",")).unwrap();
                Outcomes::all(Ok(()))
            });
        });
        while host::lock(&commits.writer).is_none() {
            thread::yield_now();
        }
        (0..5).for_each(|_| commits.expect());
        let leave = |json| {
            // However quick the write was, it is the writer's.
            commits.quick.store(false, Ordering::Relaxed);
            leave_word(&commits, json, &told, |_| panic!("it has a thread of its own"));
        };
        leave("a");
        assert_eq!(begins.recv().unwrap(), "a", "there was no write before");
        assert_eq!(tells.recv().unwrap(), ("a".to_owned(), true));
        ["b", "c", "d"].into_iter().for_each(leave);
        assert_eq!(begins.recv().unwrap(), "b,c,d", "two more are no company");
        (0..3).for_each(|_| tells.recv().map(drop).unwrap());
        (0..3).for_each(|_| commits.is_settled());
        leave("e");
        assert_eq!(begins.recv().unwrap(), "e", "nobody is about to come");
        (0..5).for_each(|_| commits.expect());
        leave("f");
        commits.end();
        assert_eq!(begins.recv().unwrap(), "f", "nothing is put off at the end");
        writer.unwrap().join().unwrap();
    }

    #[test]
    fn nothing_is_put_off_for_longer_than_it_is_worth() {
        let commits = Commits { apart: Duration::from_secs(3600), ..Commits::default() };
        (0..COMPANY).for_each(|_| commits.expect());
        let since = Some(Stopwatch::start());
        assert!(commits.put_off(&Queue { since, ..Queue::default() }).is_some_and(|left| left <= commits.apart));
        assert_eq!(commits.put_off(&Queue::default()), None, "there was no write before");
        let commits = Commits { apart: Duration::ZERO, ..commits };
        assert_eq!(commits.put_off(&Queue { since, ..Queue::default() }), None);
    }

    #[test]
    fn where_writing_is_quick_whoever_leaves_word_writes() {
        let commits = Commits::default();
        *host::lock(&commits.writer) = Some(thread::current());
        let (told, tells) = mpsc::channel();
        let write = |_| Outcomes::all(Ok(()));
        leave_word(&commits, "a", &told, write);
        assert!(tells.try_recv().is_err(), "it is the writer's");
        commits.quick.store(true, Ordering::Relaxed);
        commits.commit(["b".to_owned()], false, &Clock::system(), write).unwrap();
        assert_eq!(tells.try_recv(), Ok(("a".to_owned(), true)), "what waits is written with it");
        commits.quick.store(true, Ordering::Relaxed);
        leave_word(&commits, "c", &told, write);
        assert_eq!(tells.try_recv(), Ok(("c".to_owned(), true)));
    }

    #[test]
    fn word_that_was_left_is_kept_when_writing_or_another_word_panics() {
        let commits = Commits::default();
        let (told, tells) = mpsc::channel();
        let panics = || leave_word(&commits, "a", &told, |_| panic!("as if out of memory"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(tells.try_recv(), Ok(("a".to_owned(), false)));
        let later = || {
            commits
                .commit(["b".to_owned()], false, &Clock::system(), |records| {
                    if texts(&records) == ["b"] {
                        leave_word(&commits, "late", &told, |_| Outcomes::all(Ok(())));
                        panic!("after somebody left word");
                    }
                    Outcomes::all(Ok(()))
                })
                .ok()
        };
        assert!(catch_unwind(AssertUnwindSafe(later)).is_err());
        assert_eq!(tells.try_recv(), Ok(("late".to_owned(), true)), "nobody else would write it");
        let write = |_| Outcomes::all(Ok(()));
        commits.commit_then("b".to_owned(), false, &Clock::system(), write, Box::new(|_| panic!("a word too many")));
        leave_word(&commits, "c", &told, write);
        assert_eq!(tells.try_recv(), Ok(("c".to_owned(), true)));
    }

    #[test]
    fn a_panic_promises_nothing_and_lets_the_next_one_write() {
        let (commits, clock) = (Commits::default(), Clock::system());
        let panics = || commits.commit(["a".to_owned()], false, &clock, |_| panic!("as if out of memory"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        let write = |records: Vec<Record>| {
            assert_eq!(texts(&records), ["b"]);
            Outcomes::all(Ok(()))
        };
        commits.commit(["b".to_owned()], false, &clock, write).unwrap();
    }
}
