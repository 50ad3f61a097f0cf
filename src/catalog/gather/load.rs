//! One source, by itself: its documents are brought, read, and made a part of the catalog.

use std::fmt;
use std::time::SystemTime;

use super::bring::Bringer;
use super::reuse::Recorder;
use crate::base::id::SourceId;
use crate::base::time::rfc3339;
use crate::catalog::build::{self, Part, Problem, configured};
use crate::catalog::{FetchRecord, Provenance, SourceRecord};
use crate::config::{Config, Location, Source, SourceKind};
use crate::fetch::freshness::Check;

/// Problems kept of one source.
const MAX_PROBLEMS: usize = 1000;

/// What one source brought.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) fetches: Vec<FetchRecord>,
    pub(super) part: Result<(Part, Vec<Problem>), Failure>,
}

/// Why a source has no present part.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    /// Whether the last good part may stand in.
    pub(super) keep: bool,
}

impl Failure {
    pub(super) fn keeping(message: &dyn fmt::Display) -> Self {
        Self { message: message.to_string(), keep: true }
    }

    pub(super) fn lasting(message: &dyn fmt::Display) -> Self {
        Self { message: message.to_string(), keep: false }
    }
}

/// Loads a source.
pub(super) fn load(
    config: &Config,
    id: &SourceId,
    source: &Source,
    fetcher: &Recorder<'_>,
    check: Check,
    now: SystemTime,
) -> Load {
    let mut bringer = Bringer::new(config, source, fetcher, check);
    let part = supported(config, id, source).and_then(|location| {
        let description = bringer.description(id, location)?;
        let record = record(id, source, &bringer.fetches, now);
        let found = description.problems.iter().cloned().map(|problem| Problem::new(id, problem));
        let mut problems: Vec<Problem> = found.collect();
        let built = fetcher.compute(|| build::part(config, record, &description));
        let (part, more) = built.map_err(|error| Failure::keeping(&error))?;
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

/// The catalog's record of a source.
pub(super) fn record(id: &SourceId, source: &Source, fetches: &[FetchRecord], now: SystemTime) -> SourceRecord {
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
