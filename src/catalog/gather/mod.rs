//! Brings the documents of all sources and makes the catalog of them.
//!
//! Sources are independent: each is fetched and read by itself, several at a time, and one that fails costs only itself. Its last
//! good part stays for a day (H25). Threads start here; everything that decides is in `build` and `openapi`. `load` makes the part of
//! one source, `bring` fetches its documents.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::build::{self, Part, Problem, Severity};
use super::{Catalog, FetchRecord};
use crate::base::host::Clock;
use crate::base::id::SourceId;
use crate::base::time::{parse_rfc3339, rfc3339};
use crate::config::{Config, Source};
use crate::fetch::run::Fetcher;

mod bring;
mod find;
mod load;

use load::{Failure, Load, Memory, load, record};

/// How long the last good part of a broken source is served.
pub const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Sources fetched and read at the same time.
const MAX_THREADS: usize = 8;

/// Deeply nested schemas are walked by recursion, in bounded depth; this is ample.
const STACK: usize = 8 << 20;

/// A catalog and how it came about.
#[derive(Debug)]
pub struct Gathered {
    /// What can be served.
    pub catalog: Catalog,
    /// One for each source of the config, by id.
    pub report: Vec<SourceReport>,
    /// What is wrong with the descriptions.
    pub problems: Vec<Problem>,
}

/// What became of one source.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// Key of `sources`.
    pub id: SourceId,
    /// As configured.
    pub uri: String,
    /// The outcome.
    pub state: SourceState,
    /// Why it is stale or failed.
    pub error: Option<String>,
    /// What was fetched, in order.
    pub fetches: Vec<FetchRecord>,
}

/// The outcome of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Its present description is in the catalog.
    Ok,
    /// An earlier version of it is.
    Stale,
    /// Nothing of it is.
    Failed,
    /// The config turns it off.
    Disabled,
}

/// Makes the catalog. `previous` is what was served so far; `force` asks every source again, whatever the cache thinks.
pub fn gather(config: &Config, fetcher: &Fetcher, previous: Option<&Catalog>, force: bool, clock: &Clock) -> Gathered {
    let enabled: Vec<_> = config.sources.iter().filter(|(_, source)| source.enabled).collect();
    let memory = || Memory { previous, now: clock.now() };
    let loads =
        in_parallel(&enabled, MAX_THREADS, "source", |(id, source)| load(config, id, source, fetcher, force, memory()));
    let broken =
        || Load { fetches: Vec::new(), part: Err(Failure::keeping(&"reading it broke off; please report this")) };
    let loads = loads.into_iter().map(|load| load.unwrap_or_else(broken));
    let mut gathering =
        Gathering { config, previous, now: clock.now(), outcomes: BTreeMap::new(), problems: Vec::new() };
    let (mut fresh, mut settled) = (Vec::new(), Vec::new());
    for (&(id, source), load) in enabled.iter().zip(loads) {
        gathering.settle(id, source, load, &mut fresh, &mut settled);
    }
    gathering.refuse_conflicts(&mut fresh, &mut settled);
    let parts = fresh.into_iter().chain(settled).collect();
    let catalog = build::catalog(parts, config, rfc3339(gathering.now));
    let report = config.sources.iter().map(|(id, source)| gathering.report(id, source)).collect();
    Gathered { catalog, report, problems: gathering.problems }
}

/// Does `work` for every item on at most `most` threads; results in the order of the items, `None` for what panicked.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    most: usize,
    name: &str,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for nth in 0..items.len().min(most) {
            let run = || loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { break };
                let result = catch_unwind(AssertUnwindSafe(|| work(item))).ok();
                *done[at].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = result;
            };
            let thread = thread::Builder::new().name(format!("{name}-{nth}")).stack_size(STACK);
            // With no thread at all the items stay without a result, and are reported so.
            thread.spawn_scoped(scope, run).ok();
        }
    });
    done.into_iter().map(|result| result.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)).collect()
}

/// Decides what of each source is served.
struct Gathering<'a> {
    config: &'a Config,
    previous: Option<&'a Catalog>,
    now: SystemTime,
    outcomes: BTreeMap<SourceId, (SourceState, Option<String>, Vec<FetchRecord>)>,
    problems: Vec<Problem>,
}

impl Gathering<'_> {
    fn settle(&mut self, id: &SourceId, source: &Source, load: Load, fresh: &mut Vec<Part>, settled: &mut Vec<Part>) {
        let stale = load.fetches.iter().any(|fetch| fetch.stale);
        let state = if stale { SourceState::Stale } else { SourceState::Ok };
        let error = stale.then(|| "it cannot be reached; the stored description is served".to_owned());
        self.outcomes.insert(id.clone(), (state, error, load.fetches));
        match load.part {
            Ok((part, problems)) => {
                fresh.push(part);
                self.problems.extend(problems);
            }
            Err(failure) => settled.extend(self.fail(id, source, &failure)),
        }
    }

    /// Reports a failure; gives the last good part when it may stand in.
    fn fail(&mut self, id: &SourceId, source: &Source, failure: &Failure) -> Option<Part> {
        let record = record(id, source, &[], self.now);
        let earlier = self.previous.filter(|_| failure.keep);
        let earlier = earlier.and_then(|previous| build::earlier_part(self.config, &record, previous));
        let earlier = earlier.filter(|part| source.refresh.manual_only || self.is_recent(part));
        let problem = Problem {
            source: id.clone(),
            severity: Severity::Error,
            place: String::new(),
            message: match earlier {
                Some(_) => format!("{}; its last good version is served", failure.message),
                None => failure.message.clone(),
            },
        };
        let state = if earlier.is_some() { SourceState::Stale } else { SourceState::Failed };
        let outcome = self.outcomes.entry(id.clone()).or_insert((state, None, Vec::new()));
        (outcome.0, outcome.1) = (state, Some(problem.message.clone()));
        self.problems.retain(|known| known.source != *id);
        self.problems.push(problem);
        earlier
    }

    fn is_recent(&self, part: &Part) -> bool {
        let at = parse_rfc3339(&part.source.provenance.at);
        at.and_then(|at| self.now.duration_since(at).ok()).is_none_or(|age| age <= MAX_STALE)
    }

    /// A source whose derived service id is not its own fails; its last good part stays when that takes nobody's id (H45).
    fn refuse_conflicts(&mut self, fresh: &mut Vec<Part>, settled: &mut Vec<Part>) {
        let untaken = build::id_conflicts(self.config, settled, &[]);
        self.drop_parts(settled, &untaken);
        let conflicts = build::id_conflicts(self.config, fresh, settled);
        if conflicts.is_empty() {
            return;
        }
        fresh.retain(|part| !conflicts.contains_key(&part.source.id));
        let mut earlier = Vec::new();
        for (id, message) in &conflicts {
            let Some(source) = self.config.sources.get(id) else { continue };
            earlier.extend(self.fail(id, source, &Failure::keeping(message)));
        }
        let others: Vec<Part> = fresh.iter().chain(settled.iter()).cloned().collect();
        let untaken = build::id_conflicts(self.config, &earlier, &others);
        self.drop_parts(&mut earlier, &untaken);
        settled.extend(earlier);
    }

    fn drop_parts(&mut self, parts: &mut Vec<Part>, conflicts: &BTreeMap<SourceId, String>) {
        parts.retain(|part| !conflicts.contains_key(&part.source.id));
        for (id, message) in conflicts {
            if let Some(source) = self.config.sources.get(id) {
                self.fail(id, source, &Failure::lasting(message));
            }
        }
    }

    fn report(&mut self, id: &SourceId, source: &Source) -> SourceReport {
        let disabled = (SourceState::Disabled, None, Vec::new());
        let (state, error, fetches) = self.outcomes.remove(id).unwrap_or(disabled);
        SourceReport { id: id.clone(), uri: source.uri.clone(), state, error, fetches }
    }
}

#[cfg(test)]
mod tests;
