//! One source, by itself: its documents are brought, read, and made a part of the catalog.

use std::collections::BTreeSet;
use std::fmt;
use std::time::SystemTime;

use super::bring::{Bringer, Brought, method};
use super::find::{self, MAX_FETCHES};
use super::{MAX_STALE, in_parallel};
use crate::base::id::SourceId;
use crate::base::time::{parse_rfc3339, rfc3339};
use crate::base::url::Url;
use crate::catalog::build::{self, Earlier, Part, Piece, Problem, Severity, configured};
use crate::catalog::derive::{self, Described};
use crate::catalog::{Catalog, FetchRecord, Provenance, SourceRecord};
use crate::config::{Config, Source, SourceKind};
use crate::discovery::{Found, Lead, Walk};
use crate::fetch::run::Fetcher;
use crate::openapi::Description;

/// Problems kept of one source.
const MAX_PROBLEMS: usize = 1000;

/// What one source brought.
pub(super) struct Load {
    pub(super) fetches: Vec<FetchRecord>,
    pub(super) part: Result<(Part, Vec<Problem>), Failure>,
}

/// Why a source has no present part.
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

/// What was known before, and whether it may stand in.
#[derive(Clone, Copy)]
pub(super) struct Memory<'a> {
    pub(super) previous: Option<&'a Catalog>,
    pub(super) now: SystemTime,
}

/// Loads a source.
pub(super) fn load(
    config: &Config,
    id: &SourceId,
    source: &Source,
    fetcher: &Fetcher,
    force: bool,
    memory: Memory<'_>,
) -> Load {
    let bringer = Bringer::new(config, source, fetcher, force);
    let mut loading = Loading { config, id, source, bringer, memory, fetches: Vec::new(), problems: Vec::new() };
    let part = loading.part();
    let part = part.map(|part| {
        loading.problems.truncate(MAX_PROBLEMS);
        (part, loading.problems)
    });
    Load { fetches: loading.fetches, part }
}

struct Loading<'a> {
    config: &'a Config,
    id: &'a SourceId,
    source: &'a Source,
    bringer: Bringer<'a>,
    memory: Memory<'a>,
    fetches: Vec<FetchRecord>,
    problems: Vec<Problem>,
}

impl Loading<'_> {
    fn part(&mut self) -> Result<Part, Failure> {
        self.refuse_unsupported()?;
        let found = self.find()?;
        for note in &found.notes {
            let severity = if note.is_error { Severity::Error } else { Severity::Warning };
            self.problem(severity, &note.place, note.message.clone());
        }
        match found.nothing() {
            Some(message) if found.incomplete => Err(Failure::keeping(&message)),
            Some(message) => Err(Failure::lasting(&message)),
            None if found.leads.len() == 1 && !self.had_several(&found) => self.part_of_one(found),
            None => self.part_of_several(&found),
        }
    }

    /// Where the descriptions are.
    fn find(&mut self) -> Result<Found, Failure> {
        let location = match &self.source.kind {
            SourceKind::OpenApi(location) | SourceKind::ApiCatalog(location) | SourceKind::ServiceRoot(location) => {
                location
            }
            SourceKind::Mcp(_) => {
                let message = "sources of type `mcp` are not supported by this version; \
                               `openapi`, `apiCatalog` and `serviceRoot` are";
                return Err(Failure::lasting(&message));
            }
        };
        let no_path = || Failure::lasting(&format!("{} is no absolute path", self.source.uri));
        let start = location.url().ok_or_else(no_path)?;
        let walk = match &self.source.kind {
            SourceKind::ApiCatalog(_) => Walk::catalog(&start),
            SourceKind::ServiceRoot(_) => Walk::root(&start),
            _ => return Ok(Found { leads: vec![find::itself(start)], ..Found::default() }),
        };
        Ok(find::find(&self.bringer, walk, &mut self.fetches))
    }

    /// An error for what this version does not do, which never passes as if it were done.
    fn refuse_unsupported(&self) -> Result<(), Failure> {
        for (service, wanted) in configured(self.config, self.id) {
            let lists = [("overlays", &wanted.overlays), ("skills", &wanted.skills), ("workflows", &wanted.workflows)];
            if let Some((name, _)) = lists.iter().find(|(_, list)| !list.is_empty()) {
                let message = format!(
                    "`services.{service}.{name}` is not supported by this version; remove it to load the source without"
                );
                return Err(Failure::lasting(&message));
            }
        }
        Ok(())
    }

    /// Whether more than this one was found before and part of the way is out of reach now: then it keeps an id of its own.
    fn had_several(&self, found: &Found) -> bool {
        let known =
            self.memory.previous.and_then(|previous| previous.sources.iter().find(|known| known.id == *self.id));
        found.incomplete && known.is_some_and(|known| known.provenance.descriptions.len() > 1)
    }

    fn part_of_one(&mut self, found: Found) -> Result<Part, Failure> {
        let Some(lead) = found.leads.into_iter().next() else { return Err(Failure::lasting(&"it has no description")) };
        self.tell_unapplied(&lead);
        let url = lead.url.clone();
        let services = configured(self.config, self.id);
        let servers_matter = services.is_empty() || services.iter().any(|(_, service)| service.server.is_none());
        let Brought { description, records } = self.bringer.description(lead, servers_matter);
        self.fetches.extend(records);
        let description = description?;
        let notes = description.problems.iter().cloned().map(|problem| Problem::new(self.id, problem));
        self.problems.extend(notes);
        let record = record(self.id, self.source, &self.fetches, self.memory.now);
        let at = record.provenance.at.clone();
        let (mut part, more) =
            build::part(self.config, record, &description).map_err(|error| Failure::keeping(&error))?;
        self.problems.extend(more);
        if let Some(service) = part.services.first() {
            let (service, words) = (service.id.clone(), derive::words(&description, &url));
            part.source.provenance.descriptions = vec![Described { service, url, words, at }];
        }
        Ok(part)
    }

    fn part_of_several(&mut self, found: &Found) -> Result<Part, Failure> {
        let leads: BTreeSet<Url> = found.leads.iter().map(|lead| lead.url.clone()).collect();
        found.leads.iter().for_each(|lead| self.tell_unapplied(lead));
        let brought =
            in_parallel(&found.leads, MAX_FETCHES, "read", |lead| self.bringer.description(lead.clone(), true));
        let (mut read, mut lost) = (Vec::new(), BTreeSet::new());
        for (lead, brought) in found.leads.iter().zip(brought) {
            let broken = || Brought {
                description: Err(Failure::keeping(&"reading it broke off; please report this")),
                records: Vec::new(),
            };
            let Brought { description, records } = brought.unwrap_or_else(broken);
            let at = record(self.id, self.source, &records, self.memory.now).provenance.at;
            self.fetches.extend(records);
            match description {
                Ok(description) => read.push((lead.url.clone(), at, description)),
                Err(failure) => {
                    if failure.keep {
                        lost.insert(lead.url.clone());
                    }
                    self.problem(Severity::Error, lead.url.public(), failure.message);
                }
            }
        }
        let earlier = self.earlier(|url| lost.contains(url) || (found.incomplete && !leads.contains(url)));
        for earlier in &earlier {
            let message = "it cannot be read now; its last good version is served".to_owned();
            self.problem(Severity::Warning, earlier.described.url.public(), message);
        }
        self.assemble(&read, earlier, !lost.is_empty())
    }

    fn assemble(
        &mut self,
        read: &[(Url, String, Description)],
        earlier: Vec<Earlier>,
        keep: bool,
    ) -> Result<Part, Failure> {
        for (url, _, description) in read {
            let notes = description.problems.iter().cloned().map(|mut problem| {
                problem.place = build::within(url, &problem.place);
                Problem::new(self.id, problem)
            });
            self.problems.extend(notes);
        }
        let pieces: Vec<Piece<'_>> =
            read.iter().map(|(url, at, description)| Piece { url: url.clone(), at: at.clone(), description }).collect();
        if read.is_empty() && !self.problems.is_empty() {
            // Nothing is present: the source as a whole has failed, and its last good part stands in as a whole.
            let first = self.problems.iter().find(|problem| problem.severity == Severity::Error);
            let message = first.map_or_else(
                || "none of its descriptions can be read".to_owned(),
                |problem| format!("none of its descriptions can be read; {}: {}", problem.place, problem.message),
            );
            return Err(Failure { message, keep });
        }
        let record = record(self.id, self.source, &self.fetches, self.memory.now);
        let (part, more) =
            build::part_of_several(self.config, record, &pieces, earlier).map_err(|error| Failure::keeping(&error))?;
        self.problems.extend(more);
        Ok(part)
    }

    /// What was read before at these addresses, while it is recent.
    fn earlier(&self, is_wanted: impl Fn(&Url) -> bool) -> Vec<Earlier> {
        let Some(previous) = self.memory.previous else { return Vec::new() };
        let is_recent = |at: &str| {
            let age = parse_rfc3339(at).and_then(|at| self.memory.now.duration_since(at).ok());
            self.source.refresh.manual_only || age.is_none_or(|age| age <= MAX_STALE)
        };
        let record = record(self.id, self.source, &[], self.memory.now);
        build::earlier_descriptions(&record, previous, |known| is_wanted(&known.url) && is_recent(&known.at))
    }

    /// What the publisher's metadata names is not taken for applied.
    fn tell_unapplied(&mut self, lead: &Lead) {
        let lists = [("overlays", &lead.overlays), ("skill manifests", &lead.skills), ("workflows", &lead.workflows)];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            let message = format!("the publisher's metadata names {} {name}, which are not applied", list.len());
            self.problem(Severity::Warning, lead.url.public(), message);
        }
    }

    fn problem(&mut self, severity: Severity, place: &str, message: String) {
        self.problems.push(Problem { source: self.id.clone(), severity, place: place.to_owned(), message });
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
            method: method(&source.kind).to_owned(),
            at: unchecked.unwrap_or_else(|| rfc3339(now)),
            fetches: fetches.to_vec(),
            descriptions: Vec::new(),
        },
    }
}
