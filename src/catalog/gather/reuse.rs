//! What a source asked for when it was read, so that the next build sees by the same questions whether anything has changed.
//!
//! Key types: [`Recorder`], through which a source fetches; [`Trail`], its questions and what the answers were. Reading a source depends
//! on nothing but the config and these answers: when all are as they were, what was read from them is too, and no document is parsed
//! again, nor even brought from the disk.

use std::collections::BTreeMap;
use std::sync::Mutex;

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
        Self { fetcher, gate, deadline, trail: Mutex::default(), seen: Mutex::default() }
    }

    /// When everything that the source asks for must be here.
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Brings one document, or what was brought or missed already.
    pub(super) fn fetch(&self, ask: &Ask) -> Result<Fetched, FetchError> {
        let question = Question::of(ask);
        let seen = lock(&self.seen).remove(&question);
        let is_known = seen.is_some();
        let fetched = match seen {
            Some(Seen::Got(fetched)) => Ok(fetched),
            Some(Seen::Failed(error)) => Err(error),
            Some(Seen::Same(record, digest)) => match self.fetcher.stored(ask, &digest, &record) {
                Some(fetched) => Ok(fetched),
                None => self.fetcher.fetch(ask),
            },
            None => self.fetcher.fetch(ask),
        };
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

    /// Does what needs the processor, when it is this source's turn. Nothing is fetched meanwhile.
    pub(super) fn compute<T>(&self, work: impl FnOnce() -> T) -> T {
        self.gate.pass(work)
    }

    /// Asks everything that was asked before. When all answers are as they were, gives the records of the fetches; else what was found
    /// is kept for whoever reads the source anew.
    pub(super) fn unchanged(&self, before: &Trail, refresh: Refresh, check: Check) -> Option<Vec<FetchRecord>> {
        let looks = in_parallel(&before.0, MAX_LOOKS, "look", |(question, answer)| {
            let reach = if question.named { Reach::Named } else { Reach::PublicOnly };
            let Question { location, method, head, .. } = question;
            self.look(&Ask { location, refresh, check, reach, method, head: *head, deadline: self.deadline }, answer)
        });
        let mut records = Vec::with_capacity(before.0.len());
        let mut same = true;
        for ((question, answer), look) in before.0.iter().zip(looks) {
            // Whoever broke off will do so again when it is read, and be reported.
            let Some(seen) = look else {
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
            lock(&self.seen).insert(question.clone(), seen);
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
