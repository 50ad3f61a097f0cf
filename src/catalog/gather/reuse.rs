//! What a source asked for when it was read, so that the next build sees by the same questions whether anything has changed.
//!
//! Key types: [`Recorder`], through which a source fetches; [`Trail`], its questions and what the answers were. Reading a source depends
//! on nothing but the config and these answers: when all are as they were, what was read from them is too, and no document is parsed
//! again, nor even brought from the disk.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gate::Gate;
use super::work::in_parallel;
use crate::base::host::{Deadline, lock};
use crate::base::url::Url;
use crate::catalog::FetchRecord;
use crate::config::{Location, Refresh};
use crate::fetch::freshness::Check;
use crate::fetch::run::{Ask, FetchError, Fetched, Fetcher, Look};
use crate::http::Reach;

/// Documents of one source looked at at the same time.
const MAX_LOOKS: usize = 8;

/// Bytes of all documents of one source. A thousand descriptions of the largest size would be more than a machine has, and packed they
/// come within seconds (H28).
const MAX_SOURCE: usize = 512 << 20;

/// Bytes of changed documents that wait for whoever reads them; those beyond are brought again.
const MAX_HELD: usize = 128 << 20;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    location: Location,
    named: bool,
    method: &'static str,
    head: bool,
}

impl Question {
    fn of(ask: &Ask) -> Self {
        Self { location: ask.location.clone(), named: ask.reach == Reach::Named, method: ask.method, head: ask.head }
    }
}

/// What came of it: where the document stands and its digest, or why there is none.
type Answer = Result<(Url, String), String>;

/// Questions in their order, with the answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(Vec<(Question, Answer)>);

/// Fetches for one source, and remembers what it asked.
pub(super) struct Recorder<'a> {
    fetcher: &'a Fetcher,
    gate: &'a Gate,
    /// For everything that the source asks.
    deadline: Deadline,
    trail: Mutex<Trail>,
    /// Answers of this build to what was looked at already, so that nothing is asked twice.
    seen: Mutex<BTreeMap<Question, Seen>>,
    /// Bytes brought so far.
    brought: AtomicUsize,
}

enum Seen {
    /// As it was; its bytes may be in the store.
    Same(FetchRecord, String),
    Got(Fetched),
    Failed(FetchError),
}

impl<'a> Recorder<'a> {
    /// Nothing is asked yet.
    pub(super) fn new(fetcher: &'a Fetcher, gate: &'a Gate, deadline: Deadline) -> Self {
        Self { fetcher, gate, deadline, trail: Mutex::default(), seen: Mutex::default(), brought: AtomicUsize::new(0) }
    }

    /// When everything that the source asks for must be here.
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Brings one document, or what was brought or missed already.
    pub(super) fn fetch(&self, ask: &Ask) -> Result<Fetched, FetchError> {
        let question = Question::of(ask);
        let is_known = lock(&self.seen).contains_key(&question);
        let fetched = self.bring(&question, ask);
        let (answer, seen) = match &fetched {
            Ok(Fetched { url, digest, record, .. }) => {
                (Ok((url.clone(), digest.clone())), Seen::Same(record.clone(), digest.clone()))
            }
            Err(error) => (Err(error.message.clone()), Seen::Failed(error.clone())),
        };
        lock(&self.seen).insert(question.clone(), seen);
        let asked = (question, answer);
        let trail = &mut lock(&self.trail).0;
        if !is_known || !trail.contains(&asked) {
            trail.push(asked);
        }
        fetched
    }

    fn bring(&self, question: &Question, ask: &Ask) -> Result<Fetched, FetchError> {
        let seen = lock(&self.seen).remove(question);
        if self.brought.load(Ordering::Relaxed) > MAX_SOURCE {
            return Err(too_much());
        }
        let fetched = match seen {
            Some(Seen::Got(fetched)) => Ok(fetched),
            Some(Seen::Failed(error)) => Err(error),
            Some(Seen::Same(record, digest)) => match self.fetcher.stored(ask, &digest, &record) {
                Some(fetched) => Ok(fetched),
                None => self.fetcher.fetch(ask),
            },
            None => self.fetcher.fetch(ask),
        }?;
        let before = self.brought.fetch_add(fetched.bytes.len(), Ordering::Relaxed);
        if before + fetched.bytes.len() > MAX_SOURCE { Err(too_much()) } else { Ok(fetched) }
    }

    /// Does what needs the processor, when it is this source's turn. Nothing is fetched meanwhile.
    pub(super) fn compute<T>(&self, work: impl FnOnce() -> T) -> T {
        self.gate.pass(work)
    }

    /// Asks everything that was asked before. When all answers are as they were, gives the records of the fetches; else what was found
    /// is kept for whoever reads the source anew.
    pub(super) fn unchanged(&self, before: &Trail, refresh: Refresh, check: Check) -> Option<Vec<FetchRecord>> {
        let held = AtomicUsize::new(0);
        let looks = in_parallel(&before.0, MAX_LOOKS, "look", |(question, answer)| {
            // What was too much before is no news, and nothing was asked.
            if is_too_much(answer) {
                return Some(Seen::Failed(too_much()));
            }
            let reach = if question.named { Reach::Named } else { Reach::PublicOnly };
            let Question { location, method, head, .. } = question;
            let ask = Ask { location, refresh, check, reach, method, head: *head, deadline: self.deadline };
            let seen = self.look(&ask, answer);
            let size = if let Seen::Got(fetched) = &seen { fetched.bytes.len() } else { 0 };
            (held.fetch_add(size, Ordering::Relaxed) + size <= MAX_HELD || size == 0).then_some(seen)
        });
        let mut records = Vec::with_capacity(before.0.len());
        let mut same = true;
        for ((question, answer), look) in before.0.iter().zip(looks) {
            // Whoever broke off will do so again when it is read, and be reported; what is too much to hold has changed.
            let Some(seen) = look.flatten() else {
                same = false;
                continue;
            };
            match (&seen, answer) {
                (Seen::Same(record, _), _) => records.push(record.clone()),
                (Seen::Failed(error), Err(message)) if error.message == *message => {
                    records.extend(error.record.clone());
                }
                _ => same = false,
            }
            // Whether it is still too much is known when the others are read.
            if !is_too_much(answer) {
                lock(&self.seen).insert(question.clone(), seen);
            }
        }
        same.then_some(records)
    }

    fn look(&self, ask: &Ask, before: &Answer) -> Seen {
        match before {
            Ok((url, digest)) => match self.fetcher.look(ask, url, digest) {
                Ok(Look::Same(record)) => Seen::Same(record, digest.clone()),
                Ok(Look::Other(fetched)) => Seen::Got(fetched),
                Err(error) => Seen::Failed(error),
            },
            Err(_) => match self.fetcher.fetch(ask) {
                Ok(fetched) => Seen::Got(fetched),
                Err(error) => Seen::Failed(error),
            },
        }
    }

    /// What was asked, for the next build.
    pub(super) fn into_trail(self) -> Trail {
        self.trail.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn is_too_much(answer: &Answer) -> bool {
    answer.as_ref().is_err_and(|message| *message == too_much().message)
}

fn too_much() -> FetchError {
    let message = format!("the documents of one source are larger than {} MiB together", MAX_SOURCE >> 20);
    FetchError { message, record: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host::Clock;
    use crate::http::{Limits, Request, Response, Transport, TransportError};
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    struct Site;

    impl Transport for Site {
        fn send(&self, _: &Request, _: Limits) -> Result<Response, TransportError> {
            let headers = crate::http::Headers::new();
            Ok(Response { status: 200, headers, body: vec![b' '; 100], truncated: false })
        }
    }

    #[test]
    fn h28_the_documents_of_one_source_have_a_bound_together() {
        let fetcher = Fetcher::new(Arc::new(Site), None, Clock::from_fn(|| UNIX_EPOCH));
        let gate = Gate::beside(false);
        let (deadline, refresh) = (Deadline::after(Duration::from_secs(60)), Refresh::default());
        let location = Location::Remote(Url::parse("https://h/d").unwrap());
        let ask = Ask {
            location: &location,
            refresh,
            check: Check::Now,
            reach: Reach::Named,
            method: "rfc9727",
            head: false,
            deadline,
        };
        let recorder = |brought: usize| Recorder {
            brought: AtomicUsize::new(brought),
            ..Recorder::new(&fetcher, &gate, deadline)
        };
        assert!(recorder(MAX_SOURCE - 100).fetch(&ask).is_ok());
        let full = recorder(MAX_SOURCE - 99);
        let message = full.fetch(&ask).unwrap_err().message;
        assert!(message.contains("larger than 512 MiB together"), "{message}");
        assert_eq!(full.fetch(&ask).unwrap_err().message, message, "nothing is asked any more");
        // Nothing changed since: what was too much is not brought to see that.
        assert!(recorder(0).unchanged(&full.into_trail(), refresh, Check::Now).is_some());
    }
}
