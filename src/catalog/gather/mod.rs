//! Brings the documents of all sources and makes the catalog of them.
//!
//! Sources are independent: each is fetched and read by itself, several at a time, and one that fails costs only itself. Its last
//! good part stays for a day (H25). Threads start in `work`; everything that decides is in `build`, `openapi`, and here in `settle` (what
//! of each source is served) and `schedule` (when it is looked at again). `load` makes the part of one source, `bring` fetches its
//! documents, `reuse` sees that nothing changed without reading them again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::build::Problem;
use super::{Catalog, FetchRecord};
use crate::base::host::{Clock, Deadline};
use crate::base::id::{ServiceId, SourceId};
use crate::config::{Config, Source};
use crate::fetch::freshness::Check;
use crate::fetch::run::Fetcher;

mod bring;
mod find;
mod gate;
mod guides;
mod load;
mod reuse;
pub mod schedule;
mod settle;
mod work;

use gate::Gate;
use load::{Memory, load};
use reuse::{Recorder, Trail};
use settle::Visit;
pub use settle::{Previous, Settled, settle};

/// How long the last good part of a broken source is served.
pub const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// When all documents of one source must be here.
const SOURCE_DEADLINE: Duration = Duration::from_secs(60);

/// Sources fetched and read at the same time.
const MAX_THREADS: usize = 8;

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
#[derive(Clone, Debug, Default)]
pub struct SourceReport {
    /// Key of `sources`.
    pub id: SourceId,
    /// As configured.
    pub uri: String,
    /// The outcome.
    pub state: SourceState,
    /// Since when that is so.
    pub since: Option<SystemTime>,
    /// Why it is stale or failed.
    pub error: Option<String>,
    /// The same as one of few words.
    pub cause: Option<Cause>,
    /// When its publisher was asked last, or its files were read.
    pub checked: Option<SystemTime>,
    /// When what is served of it was last known to be present.
    pub good: Option<SystemTime>,
    /// When it is looked at again by itself.
    pub next_check: Option<SystemTime>,
    /// How often it has failed in a row.
    pub failures: u32,
    /// Whether an earlier part of it stands in, since its present description cannot be read.
    pub stands_in: bool,
    /// What was fetched, in order.
    pub fetches: Vec<FetchRecord>,
    /// What is wrong with its descriptions.
    pub problems: Vec<Problem>,
}

/// The outcome of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Its present description is in the catalog.
    Ok,
    /// An earlier version of it is.
    Stale,
    /// Nothing of it is.
    Failed,
    /// The config turns it off.
    #[default]
    Disabled,
}

/// Why a source is stale or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No answer came, or none could be asked for.
    Unreachable,
    /// It answered 401 or 403.
    Refused,
    /// It answered 404 or 410.
    Gone,
    /// It answered something else that is no document.
    BadAnswer,
    /// There is a document, or a file that is named, but no description can be read from it.
    Unreadable,
    /// An overlay that the configuration names cannot be had or applied.
    Overlay,
    /// The service id that is derived for it belongs to another.
    IdConflict,
    /// This version does not do what is configured for it.
    NotSupported,
}

impl Cause {
    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::BadAnswer => "bad_answer",
            Self::Unreadable => "unreadable",
            Self::Overlay => "overlay",
            Self::IdConflict => "id_conflict",
            Self::NotSupported => "not_supported",
        }
    }

    /// For whoever may not see everything: names no address, no other source and no operation (H09).
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Unreachable => "it cannot be reached",
            Self::Refused => "it refuses access",
            Self::Gone => "its description is gone",
            Self::BadAnswer => "it answered with an error",
            Self::Unreadable => "a description of it cannot be read",
            Self::Overlay => "an overlay of the configuration cannot be applied",
            Self::IdConflict => "its service id belongs to another",
            Self::NotSupported => "what is configured for it is not supported by this version",
        }
    }
}

impl SourceState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Stale, Self::Failed, Self::Disabled];

    /// As people and programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        }
    }
}

/// What each source asked for when the part that is served was read from it.
#[derive(Clone, Debug, Default)]
pub struct Trails(BTreeMap<SourceId, Arc<Trail>>);

/// What came of looking at some sources.
#[derive(Debug)]
pub struct Visits(BTreeMap<SourceId, Visit>);

/// A look at sources.
#[derive(Debug)]
pub struct Round<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The way to documents.
    pub fetcher: &'a Fetcher,
    /// What was read before with this very configuration; empty with another one.
    pub trails: Trails,
    /// When stored documents are checked.
    pub check: Check,
    /// What is served so far.
    pub previous: Option<&'a Catalog>,
    /// How its sources fared.
    pub report: &'a [SourceReport],
    /// Which sources; all without.
    pub only: Option<&'a BTreeSet<SourceId>>,
    /// How long the others wait for those that hang; `None`: all wait for all, as when nothing is served that could go on.
    pub patience: Option<Duration>,
    /// Wall clock.
    pub clock: &'a Clock,
}

impl Round<'_> {
    /// Looks at the sources, and hands over what came of it as it comes: at once, or what hangs by itself.
    pub fn go(&self, mut hand_over: impl FnMut(Visits)) {
        let wanted = |id: &SourceId| self.only.is_none_or(|only| only.contains(id));
        let sources = self.config.sources.iter().filter(|(id, source)| source.enabled && wanted(id));
        let sources: Vec<_> = sources.collect();
        let gate = Gate::beside(self.patience.is_some());
        let visit = |(id, source): &(&SourceId, &Source)| self.visit(id, source, &gate);
        work::in_batches(&sources, MAX_THREADS, "source", self.patience, visit, |batch| {
            let visits =
                batch.into_iter().map(|(at, visit)| (sources[at].0.clone(), visit.unwrap_or_else(Visit::broken)));
            hand_over(Visits(visits.collect()));
        });
    }

    fn visit(&self, id: &SourceId, source: &Source, gate: &Gate) -> Visit {
        let recorder = Recorder::new(self.fetcher, gate, Deadline::after(SOURCE_DEADLINE));
        let before = self.trails.0.get(id);
        if let Some(fetches) = before.and_then(|trail| recorder.unchanged(trail, source.refresh, self.check)) {
            return Visit::Same(fetches);
        }
        let good = self.report.iter().find(|report| report.id == *id).and_then(|report| report.good);
        let memory = Memory { previous: self.previous, good, now: self.clock.now() };
        let load = load(self.config, id, source, &recorder, self.check, memory);
        Visit::Read(Box::new(load), recorder.into_trail())
    }
}

/// Makes a catalog by itself. `previous` is what was served so far; `force` asks every source again, whatever the cache thinks.
pub fn gather(config: &Config, fetcher: &Fetcher, previous: Option<&Catalog>, force: bool, clock: &Clock) -> Gathered {
    let check = if force { Check::Now } else { Check::WhenOld };
    let trails = Trails::default();
    let round = Round { config, fetcher, trails, check, previous, report: &[], only: None, patience: None, clock };
    let mut visits = Visits(BTreeMap::new());
    round.go(|done| visits.0.extend(done.0));
    let trails = Trails::default();
    let previous = previous.map(|catalog| Previous { catalog, report: &[], trails: &trails, same_config: false });
    let settled = settle(config, previous.as_ref(), visits, 0, clock.now());
    let catalog = settled.catalog.expect("nothing is taken over whole without what was remembered of it");
    Gathered { catalog, report: settled.report, problems: settled.problems }
}

/// The services that a catalog has of a source.
pub fn services<'a>(catalog: &'a Catalog, source: &'a str) -> impl Iterator<Item = &'a ServiceId> {
    let own = catalog.services.iter().filter(move |service| service.source_id.as_str() == source);
    own.map(|service| &service.id)
}

#[cfg(test)]
mod guides_test;
#[cfg(test)]
mod several_test;
#[cfg(test)]
mod tests;
