//! Brings the documents of all sources and makes the catalog of them.
//!
//! Sources are independent: each is fetched and read by itself, several at a time, and one that fails costs only itself. Its last
//! good part stays for a day (H25). Threads start here; everything that decides is in `build` and `openapi`.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::build::{self, Part, Problem, Severity, configured};
use super::{Catalog, FetchRecord, Provenance, SourceRecord};
use crate::base::host::{Clock, Deadline};
use crate::base::id::SourceId;
use crate::base::time::{parse_rfc3339, rfc3339};
use crate::base::url::Url;
use crate::config::{Config, Location, Source, SourceKind};
use crate::fetch::run::{Ask, FetchError, Fetcher};
use crate::http::Reach;
use crate::openapi::refs::Want;
use crate::openapi::{self, Description, Document, Resolver};

/// How long the last good part of a broken source is served.
pub const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Sources fetched and read at the same time.
const MAX_THREADS: usize = 8;

/// Deeply nested schemas are walked by recursion, in bounded depth; this is ample.
const STACK: usize = 8 << 20;

/// When all documents of one source must be here.
const SOURCE_DEADLINE: Duration = Duration::from_secs(60);

/// Passes over one description; each brings at least one document that was not there.
const MAX_PASSES: usize = openapi::refs::MAX_DOCUMENTS;

/// Problems kept of one source.
const MAX_PROBLEMS: usize = 1000;

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
    let loads = in_parallel(&enabled, |(id, source)| load(config, id, source, fetcher, force, clock.now()));
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

/// What one source brought.
struct Load {
    fetches: Vec<FetchRecord>,
    part: Result<(Part, Vec<Problem>), Failure>,
}

/// Why a source has no present part.
struct Failure {
    message: String,
    /// Whether the last good part may stand in.
    keep: bool,
}

impl Failure {
    fn keeping(message: &dyn fmt::Display) -> Self {
        Self { message: message.to_string(), keep: true }
    }

    fn lasting(message: &dyn fmt::Display) -> Self {
        Self { message: message.to_string(), keep: false }
    }
}

/// Does `work` for every item on a few threads; results in the order of the items.
fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) -> Load + Sync) -> Vec<Load> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Load>>> = items.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for nth in 0..items.len().min(MAX_THREADS) {
            let run = || loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { break };
                let load = catch_unwind(AssertUnwindSafe(|| work(item))).ok();
                *done[at].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = load;
            };
            let thread = thread::Builder::new().name(format!("source-{nth}")).stack_size(STACK);
            // With no thread at all the sources stay without a result, and are reported so.
            thread.spawn_scoped(scope, run).ok();
        }
    });
    let broken =
        || Load { fetches: Vec::new(), part: Err(Failure::keeping(&"reading it broke off; please report this")) };
    let taken = done.into_iter().map(|load| load.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    taken.map(|load| load.unwrap_or_else(broken)).collect()
}

fn load(config: &Config, id: &SourceId, source: &Source, fetcher: &Fetcher, force: bool, now: SystemTime) -> Load {
    let mut bringer =
        Bringer { config, source, fetcher, force, deadline: Deadline::after(SOURCE_DEADLINE), fetches: Vec::new() };
    let part = supported(config, id, source).and_then(|location| {
        let description = bringer.description(config, id, location)?;
        let record = record(id, source, &bringer.fetches, now);
        let found = description.problems.iter().cloned().map(|problem| Problem::new(id, problem));
        let mut problems: Vec<Problem> = found.collect();
        let (part, more) = build::part(config, record, &description).map_err(|error| Failure::keeping(&error))?;
        problems.extend(more);
        problems.truncate(MAX_PROBLEMS);
        Ok((part, problems))
    });
    Load { fetches: bringer.fetches, part }
}

/// Where the description is; an error for what this version does not do, which never passes as if it were done.
fn supported<'a>(config: &Config, id: &SourceId, source: &'a Source) -> Result<&'a Location, Failure> {
    for (service, wanted) in configured(config, id) {
        let lists = [("overlays", &wanted.overlays), ("skills", &wanted.skills), ("workflows", &wanted.workflows)];
        if let Some((name, _)) = lists.iter().find(|(_, list)| !list.is_empty()) {
            let message = format!(
                "`services.{service}.{name}` is not supported by this version; remove it to load the source without"
            );
            return Err(Failure::lasting(&message));
        }
    }
    match &source.kind {
        SourceKind::OpenApi(location) => Ok(location),
        other => {
            let kind = other.as_str();
            Err(Failure::lasting(&format!("sources of type `{kind}` are not supported by this version; `openapi` is")))
        }
    }
}

fn record(id: &SourceId, source: &Source, fetches: &[FetchRecord], now: SystemTime) -> SourceRecord {
    // A document that could not be checked is as old as its last check, so that staleness does not add up.
    let unchecked = fetches.iter().find(|fetch| fetch.stale).map(|fetch| fetch.fetched_at.clone());
    SourceRecord {
        id: id.clone(),
        kind: source.kind.as_str().to_owned(),
        uri: source.uri.clone(),
        provenance: Provenance {
            method: "explicit".to_owned(),
            at: unchecked.unwrap_or_else(|| rfc3339(now)),
            fetches: fetches.to_vec(),
        },
    }
}

/// Fetches the documents of one source.
struct Bringer<'a> {
    config: &'a Config,
    source: &'a Source,
    fetcher: &'a Fetcher,
    force: bool,
    deadline: Deadline,
    fetches: Vec<FetchRecord>,
}

impl Bringer<'_> {
    /// Reads the description, and again as long as it leads to documents that are not there.
    fn description(&mut self, config: &Config, id: &SourceId, location: &Location) -> Result<Description, Failure> {
        let (url, document) = self
            .document(location, Reach::Named)
            .map_err(|error| Failure { keep: !is_gone(&error), message: error.message })?;
        let servers_matter = configured(config, id).iter().any(|(_, service)| service.server.is_none())
            || configured(config, id).is_empty();
        let mut resolver = Resolver::new(&url, document);
        let mut description = openapi::read(&resolver, servers_matter).map_err(|error| Failure::keeping(&error))?;
        for _ in 0..MAX_PASSES {
            if description.wants.is_empty() {
                break;
            }
            for want in &description.wants {
                let found = self.wanted(want, &url);
                resolver.supply(&want.url, found);
            }
            description = openapi::read(&resolver, servers_matter).map_err(|error| Failure::keeping(&error))?;
        }
        Ok(description)
    }

    fn wanted(&mut self, want: &Want, root: &Url) -> Result<(Url, Document), String> {
        let location = match want.url.to_file_path() {
            Some(path) => Location::File(path),
            None => Location::Remote(want.url.clone()),
        };
        let reach = if self.is_named(want, root) { Reach::Named } else { Reach::PublicOnly };
        self.document(&location, reach).map_err(|error| error.message)
    }

    /// Whether a document that another leads to may stand at any address: beside the source, named by the config, or referred to
    /// by a local file.
    fn is_named(&self, want: &Want, root: &Url) -> bool {
        let (host, port) = (want.url.host().to_ascii_lowercase(), want.url.port());
        let beside = want.url.origin().is_some() && want.url.origin() == root.origin();
        let allowed = self.config.policy.egress_allow.iter().flatten().any(|pattern| pattern.matches(&host, port));
        let mut servers = self.config.services.values().filter_map(|service| service.server.as_ref());
        let server = servers.any(|server| server.origin() == want.url.origin());
        !want.from.is_http() || beside || allowed || server
    }

    fn document(&mut self, location: &Location, reach: Reach) -> Result<(Url, Document), FetchError> {
        let ask = Ask {
            location,
            refresh: self.source.refresh,
            force: self.force,
            reach,
            method: "explicit",
            deadline: self.deadline,
        };
        let fetched = self.fetcher.fetch(&ask).inspect_err(|error| self.fetches.extend(error.record.clone()))?;
        self.fetches.push(fetched.record);
        let document =
            Document::parse(fetched.bytes).map_err(|error| FetchError { message: error.to_string(), record: None })?;
        Ok((fetched.url, document))
    }
}

/// The publisher took the description away, or keeps it from us: then it is not served from memory either (H31).
fn is_gone(error: &FetchError) -> bool {
    let status = error.record.as_ref().and_then(|record| record.status_code);
    matches!(status, Some(401 | 403 | 404 | 410))
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
