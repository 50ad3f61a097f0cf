//! One source, by itself: its documents are brought, read, and made a part of the catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use super::bring::{Bringer, method};
use super::find::{self, MAX_FETCHES};
use super::guides::{Guides, Guiding, Variant};
use super::reuse::Recorder;
use super::work::in_parallel;
use super::{Cause, MAX_STALE};
use crate::base::id::{ServiceId, SourceId};
use crate::base::time::{parse_rfc3339, rfc3339};
use crate::base::url::Url;
use crate::catalog::build::{self, About, Earlier, Part, Piece, Problem, Reading, Severity, configured};
use crate::catalog::derive::{self, Described, Words};
use crate::catalog::{Catalog, FetchRecord, Provenance, SourceRecord};
use crate::config::{Config, Location, Service, Source, SourceKind};
use crate::discovery::{Found, Lead, Walk};
use crate::fetch::freshness::Check;
use crate::openapi::{self, Document};

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
    /// What kind of failure it is, where what was fetched does not tell.
    pub(super) cause: Option<Cause>,
}

impl Failure {
    pub(super) fn keeping(message: &dyn fmt::Display) -> Self {
        Self { message: message.to_string(), keep: true, cause: None }
    }

    pub(super) fn lasting(message: &dyn fmt::Display) -> Self {
        Self { message: message.to_string(), keep: false, cause: None }
    }

    /// An overlay of the configuration failed.
    pub(super) fn overlay(message: &dyn fmt::Display) -> Self {
        Self { cause: Some(Cause::Overlay), ..Self::keeping(message) }
    }
}

/// What was known before, and whether it may stand in.
#[derive(Clone, Copy)]
pub(super) struct Memory<'a> {
    pub(super) previous: Option<&'a Catalog>,
    /// When all that it has of this source was last known to be present; the catalog itself only knows when it was read.
    pub(super) good: Option<SystemTime>,
    pub(super) now: SystemTime,
}

/// Loads a source.
pub(super) fn load(
    config: &Config,
    id: &SourceId,
    source: &Source,
    fetcher: &Recorder<'_>,
    check: Check,
    memory: Memory<'_>,
) -> Load {
    let bringer = Bringer::new(config, source, fetcher, check);
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
        self.check_names()?;
        let found = self.find()?;
        for note in &found.notes {
            let severity = if note.is_error { Severity::Error } else { Severity::Warning };
            self.problem(severity, &note.place, note.message.clone());
        }
        match found.nothing() {
            Some(message) if found.incomplete => Err(Failure::keeping(&message)),
            Some(message) => Err(Failure::lasting(&message)),
            None if found.leads.len() == 1 && !self.had_several(&found) => self.part_of_one(&found.leads[0]),
            None => self.part_of_several(&found),
        }
    }

    /// What the config names beside the description has an address, or it would be passed over.
    fn check_names(&self) -> Result<(), Failure> {
        for (_, service) in configured(self.config, self.id) {
            for location in service.overlays.iter().chain(&service.skills).chain(&service.workflows) {
                if let (Location::File(path), None) = (location, location.url()) {
                    let path = path.display();
                    return Err(Failure::lasting(&format!("{path} is no absolute path, or not written in UTF-8")));
                }
            }
        }
        Ok(())
    }

    /// Where the descriptions are.
    fn find(&mut self) -> Result<Found, Failure> {
        let location = self.source.kind.location().ok_or_else(|| {
            let message = "sources of type `mcp` are not supported by this version; \
                           `openapi`, `apiCatalog` and `serviceRoot` are";
            Failure::lasting(&message)
        })?;
        let no_path = || Failure::lasting(&format!("{} is no absolute path", self.source.uri));
        let start = location.url().ok_or_else(no_path)?;
        let walk = match &self.source.kind {
            SourceKind::ApiCatalog(_) => Walk::catalog(&start),
            SourceKind::ServiceRoot(_) => Walk::root(&start),
            _ => return Ok(Found { leads: vec![Lead::new(start, None)], ..Found::default() }),
        };
        Ok(find::find(&self.bringer, walk, &mut self.fetches))
    }

    /// Whether more than this one was found before and part of the way is out of reach now: then it keeps an id of its own.
    fn had_several(&self, found: &Found) -> bool {
        let known =
            self.memory.previous.and_then(|previous| previous.sources.iter().find(|known| known.id == *self.id));
        found.incomplete && known.is_some_and(|known| known.provenance.descriptions.len() > 1)
    }

    fn part_of_one(&mut self, lead: &Lead) -> Result<Part, Failure> {
        let mut root = Some(self.bringer.root(lead, &mut self.fetches)?);
        let services = configured(self.config, self.id);
        let servers_matter = services.is_empty() || services.iter().any(|(_, service)| service.server.is_none());
        let wanted: Vec<Option<(&ServiceId, &Service)>> =
            if services.is_empty() { vec![None] } else { services.into_iter().map(Some).collect() };
        let guides: Vec<Guides> =
            wanted.iter().map(|wanted| Guides::of(wanted.map(|(_, service)| service), lead)).collect();
        let alike = |nth: usize| guides.iter().position(|other| other.changes_as(&guides[nth])).unwrap_or(nth);
        let mut variants: BTreeMap<usize, Variant> = BTreeMap::new();
        let firsts: Vec<usize> = (0..wanted.len()).filter(|nth| alike(*nth) == *nth).collect();
        for nth in firsts.iter().copied() {
            let Some(root) = (if firsts.last() == Some(&nth) { root.take() } else { root.clone() }) else { break };
            let mut guiding = Guiding::new(self.id, &self.bringer);
            let variant = guiding.variant(root, &guides[nth], servers_matter);
            let told = guiding.told();
            self.take(told);
            variants.insert(nth, variant?);
        }
        for variant in variants.values() {
            self.notes(variant.description.problems.iter().cloned());
        }
        let readings: Vec<Reading<'_>> = wanted
            .iter()
            .enumerate()
            .map(|(nth, service)| {
                let Variant { description, granted } = &variants[&alike(nth)];
                Reading { service: *service, description, granted }
            })
            .collect();
        let record = record(self.id, self.source, &self.fetches, self.memory.now);
        let at = record.provenance.at.clone();
        let built = self.bringer.compute(|| build::part(record, &readings));
        let (mut part, more) = built.map_err(|error| Failure::keeping(&error))?;
        self.problems.extend(more);
        let ids: Vec<ServiceId> = part.services.iter().map(|service| service.id.clone()).collect();
        if let (Some(service), Some(variant)) = (ids.first(), variants.values().next()) {
            let (url, words) = (lead.url.clone(), derive::words(&variant.description, &lead.url));
            part.source.provenance.descriptions = vec![Described { service: service.clone(), url, words, at }];
        }
        let services: Vec<(ServiceId, Guides)> = ids.into_iter().zip(guides).collect();
        self.guide(&mut part, &services);
        Ok(part)
    }

    fn part_of_several(&mut self, found: &Found) -> Result<Part, Failure> {
        let leads: BTreeSet<Url> = found.leads.iter().map(|lead| lead.url.clone()).collect();
        let keep_roots = configured(self.config, self.id).iter().any(|(_, service)| !service.overlays.is_empty());
        let read = in_parallel(&found.leads, MAX_FETCHES, "read", |lead| self.look(lead, keep_roots));
        let (mut pieces, mut lost) = (Vec::new(), BTreeSet::new());
        for (lead, read) in found.leads.iter().zip(read) {
            let broken = || Looked::broken(Failure::keeping(&"reading it broke off; please report this"));
            let Looked { records, problems, seen } = read.unwrap_or_else(broken);
            let at = record(self.id, self.source, &records, self.memory.now).provenance.at;
            self.fetches.extend(records);
            self.problems.extend(problems);
            match seen {
                Ok((variant, root)) => {
                    let words = derive::words(&variant.description, &lead.url);
                    pieces.push(Seen { lead, at, words, variant, root });
                }
                Err(failure) => {
                    if failure.keep {
                        lost.insert(lead.url.clone());
                    }
                    self.problem(Severity::Error, lead.url.public(), failure.message);
                }
            }
        }
        let mut earlier = self.earlier(|url| lost.contains(url) || (found.incomplete && !leads.contains(url)));
        let withheld = self.overlay_several(&mut pieces, &mut earlier, &mut lost);
        for earlier in &earlier {
            let message = "it cannot be read now; its last good version is served".to_owned();
            self.problem(Severity::Warning, earlier.described.url.public(), message);
        }
        self.assemble(&pieces, earlier, &withheld, !lost.is_empty())
    }

    /// One of several descriptions, with what the publisher's metadata says of it.
    fn look(&self, lead: &Lead, keep_root: bool) -> Looked {
        let mut records = Vec::new();
        let root = match self.bringer.root(lead, &mut records) {
            Ok(root) => root,
            Err(failure) => return Looked { records, ..Looked::broken(failure) },
        };
        let mut guiding = Guiding::new(self.id, &self.bringer);
        let kept = keep_root.then(|| root.clone());
        let variant = guiding.variant(root, &Guides::of(None, lead), true);
        records.extend(guiding.records);
        Looked { records, problems: guiding.problems, seen: variant.map(|variant| (variant, kept)) }
    }

    /// Which description a service of the config is, is known once all are read; then its overlays are applied. Gives those that are
    /// not served for want of one: their ids stay theirs, or the others would be renamed past the policy that names them.
    fn overlay_several(
        &mut self,
        pieces: &mut Vec<Seen<'_>>,
        earlier: &mut Vec<Earlier>,
        lost: &mut BTreeSet<Url>,
    ) -> Vec<(Url, Words)> {
        let words: Vec<Words> = pieces
            .iter()
            .map(|piece| piece.words.clone())
            .chain(earlier.iter().map(|earlier| earlier.described.words.clone()))
            .collect();
        let ids = derive::assign(&words);
        let mut failed = BTreeMap::new();
        for (piece, id) in pieces.iter_mut().zip(&ids) {
            let Some(guides) = self.guides(id.as_deref().unwrap_or_default(), piece.lead) else { continue };
            let Some(root) = piece.root.take().filter(|_| guides.has_own_overlays()) else { continue };
            let mut guiding = Guiding::new(self.id, &self.bringer);
            let variant = guiding.variant(root, &guides, true);
            let told = guiding.told();
            self.take(told);
            match variant {
                Ok(variant) => piece.variant = variant,
                Err(failure) => {
                    self.problem(Severity::Error, piece.lead.url.public(), failure.message);
                    failed.insert(piece.lead.url.clone(), piece.words.clone());
                }
            }
        }
        pieces.retain(|piece| !failed.contains_key(&piece.lead.url));
        lost.extend(failed.keys().cloned());
        let standing_in = self.earlier(|url| failed.contains_key(url));
        failed.retain(|url, _| standing_in.iter().all(|earlier| earlier.described.url != *url));
        earlier.extend(standing_in);
        failed.into_iter().collect()
    }

    /// What goes with one of several descriptions, when the config has a service of this id.
    fn guides(&self, id: &str, lead: &Lead) -> Option<Guides> {
        let service = self.config.services.get(id).filter(|service| service.source == *self.id)?;
        Some(Guides::of(Some(service), lead))
    }

    fn assemble(
        &mut self,
        read: &[Seen<'_>],
        earlier: Vec<Earlier>,
        withheld: &[(Url, Words)],
        keep: bool,
    ) -> Result<Part, Failure> {
        for Seen { lead, variant, .. } in read {
            self.notes(variant.description.problems.iter().cloned().map(|mut problem| {
                problem.place = build::within(&lead.url, &problem.place);
                problem
            }));
        }
        if read.is_empty() && !self.problems.is_empty() {
            // Nothing is present: the source as a whole has failed, and its last good part stands in as a whole.
            let first = self.problems.iter().find(|problem| problem.severity == Severity::Error);
            let message = first.map_or_else(
                || "none of its descriptions can be read".to_owned(),
                |problem| format!("none of its descriptions can be read; {}: {}", problem.place, problem.message),
            );
            return Err(Failure { message, keep, cause: None });
        }
        let pieces: Vec<Piece<'_>> = read.iter().map(Seen::piece).collect();
        let record = record(self.id, self.source, &self.fetches, self.memory.now);
        let built = self.bringer.compute(|| build::part_of_several(self.config, record, &pieces, earlier, withheld));
        let (mut part, more) = built.map_err(|error| Failure::keeping(&error))?;
        self.problems.extend(more);
        let described = part.source.provenance.descriptions.iter();
        let services: Vec<(ServiceId, Guides)> = described
            .filter_map(|described| {
                let lead = read.iter().find(|seen| seen.lead.url == described.url)?.lead;
                let guides = self.guides(described.service.as_str(), lead).unwrap_or_else(|| Guides::of(None, lead));
                Some((described.service.clone(), guides))
            })
            .collect();
        self.guide(&mut part, &services);
        Ok(part)
    }

    /// Gives services what goes with them.
    fn guide(&mut self, part: &mut Part, services: &[(ServiceId, Guides)]) {
        let mut guiding = Guiding::new(self.id, &self.bringer);
        for (service, guides) in services {
            guiding.advise(guides, service, part);
            guiding.plan(guides, service, part);
        }
        let told = guiding.told();
        self.take(told);
        let Provenance { at, fetches, .. } = record(self.id, self.source, &self.fetches, self.memory.now).provenance;
        (part.source.provenance.at, part.source.provenance.fetches) = (at, fetches);
    }

    fn notes(&mut self, found: impl Iterator<Item = openapi::Problem>) {
        for problem in found {
            let problem = Problem::new(self.id, problem);
            // With other overlays a description mostly has the same problems.
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// What was read before at these addresses, while it is recent.
    fn earlier(&self, is_wanted: impl Fn(&Url) -> bool) -> Vec<Earlier> {
        let Some(previous) = self.memory.previous else { return Vec::new() };
        let Memory { good, now, .. } = self.memory;
        let last = |at: &str| parse_rfc3339(at).max(good);
        let is_recent = |at: &str| {
            let age = last(at).and_then(|at| now.duration_since(at).ok());
            self.source.refresh.manual_only || age.is_none_or(|age| age <= MAX_STALE)
        };
        let record = record(self.id, self.source, &[], now);
        let mut earlier = build::earlier_descriptions(self.config, &record, previous, |known| {
            is_wanted(&known.url) && is_recent(&known.at)
        });
        for Earlier { described, .. } in &mut earlier {
            described.at = last(&described.at).map_or_else(String::new, rfc3339);
        }
        earlier
    }

    fn take(&mut self, guided: (Vec<FetchRecord>, Vec<Problem>)) {
        self.fetches.extend(guided.0);
        self.problems.extend(guided.1);
    }

    fn problem(&mut self, severity: Severity, place: &str, message: String) {
        let (source, place) = (self.id.clone(), place.to_owned());
        self.problems.push(Problem { source, severity, place, message, about: About::Description });
    }
}

/// What became of one of several descriptions.
struct Looked {
    records: Vec<FetchRecord>,
    problems: Vec<Problem>,
    /// With its document, when that may be needed once more.
    seen: Result<(Variant, Option<(Url, Document)>), Failure>,
}

impl Looked {
    fn broken(failure: Failure) -> Self {
        Self { records: Vec::new(), problems: Vec::new(), seen: Err(failure) }
    }
}

/// One of several descriptions that was read.
struct Seen<'a> {
    lead: &'a Lead,
    at: String,
    words: Words,
    variant: Variant,
    root: Option<(Url, Document)>,
}

impl Seen<'_> {
    fn piece(&self) -> Piece<'_> {
        let Variant { description, granted } = &self.variant;
        let (url, at, words) = (self.lead.url.clone(), self.at.clone(), self.words.clone());
        Piece { url, at, words, description, granted }
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
