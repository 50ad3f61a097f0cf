//! Decides what of each source is served: what was read now, what was read before, or nothing (pure).
//!
//! Key types: [`Previous`], what is served so far; [`Settled`], what is served from now on. A source that was not looked at stays as it
//! was, in its state and with its reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::load::{Failure, Load, record};
use super::reuse::Trail;
use super::{Cause, MAX_STALE, SourceReport, SourceState, Trails, Visits, schedule};
use crate::base::id::{ServiceId, SourceId};
use crate::base::time::{parse_rfc3339, rfc3339};
use crate::catalog::build::{self, About, Part, Problem, Severity};
use crate::catalog::{Catalog, FetchRecord, SourceRecord};
use crate::config::{Config, Source, SourceKind};

/// What came of looking at one source.
#[derive(Debug)]
pub(super) enum Visit {
    /// All its documents are as they were.
    Same(Vec<FetchRecord>),
    /// It was read, and this is what it asked for.
    Read(Box<Load>, Trail),
}

impl Visit {
    /// Reading it panicked, or no thread could be had.
    pub(super) fn broken() -> Self {
        let part = Err(Failure::keeping(&"reading it broke off; please report this"));
        Self::Read(Box::new(Load { fetches: Vec::new(), part }), Trail::default())
    }
}

/// What is served so far.
#[derive(Debug)]
pub struct Previous<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// How its sources fared.
    pub report: &'a [SourceReport],
    /// What they asked for.
    pub trails: &'a Trails,
    /// Whether it was made from this very configuration.
    pub same_config: bool,
}

/// What is served from now on.
#[derive(Debug)]
pub struct Settled {
    /// The catalog; `None`: the previous one, as it is.
    pub catalog: Option<Catalog>,
    /// One for each source of the config, by id.
    pub report: Vec<SourceReport>,
    /// What each source asked for.
    pub trails: Trails,
    /// Which sources were looked at.
    pub visited: BTreeSet<SourceId>,
    /// What is wrong with descriptions that were read now, and why sources failed.
    pub problems: Vec<Problem>,
}

/// Settles all sources of the config. `random` spreads the next looks at them.
pub fn settle(
    config: &Config,
    previous: Option<&Previous<'_>>,
    mut visits: Visits,
    random: u64,
    now: SystemTime,
) -> Settled {
    let visited: BTreeSet<SourceId> = visits.0.keys().cloned().collect();
    let mut settling = Settling {
        config,
        previous,
        now,
        changed: previous.is_none_or(|previous| !previous.same_config),
        news: Vec::new(),
        trails: Trails::default(),
        problems: Vec::new(),
    };
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for (id, source) in config.sources.iter() {
        match (source.enabled, visits.0.remove(id)) {
            (false, _) => settling.note(id, source, SourceReport::default()),
            (true, None) => settling.carry(id, source, &mut kept),
            (true, Some(Visit::Same(fetches))) => settling.same(id, source, fetches, &mut kept),
            (true, Some(Visit::Read(load, trail))) => settling.read(id, source, *load, trail, &mut fresh, &mut kept),
        }
    }
    let catalog = settling.changed.then(|| {
        settling.refuse_conflicts(&mut fresh, &mut kept);
        let parts = fresh.into_iter().chain(kept).collect();
        let (catalog, unbound) = build::catalog(parts, config, rfc3339(now));
        settling.note_unbound(unbound);
        catalog
    });
    let Settling { mut news, mut trails, problems, .. } = settling;
    news.sort_by(|a, b| a.id.cmp(&b.id));
    for report in news.iter_mut().filter(|report| visited.contains(&report.id) || report.next_check.is_none()) {
        let Some(source) = config.sources.get(&report.id) else { continue };
        report.next_check = schedule::next_check(report, source.refresh, random, now);
    }
    trails.0.retain(|id, _| news.iter().any(|report| report.id == *id && report.state != SourceState::Failed));
    Settled { catalog, report: news, trails, visited, problems }
}

/// What kind of failure it is, by what was fetched when it does not say so itself.
fn cause(kind: &SourceKind, failure: &Failure, fetches: &[FetchRecord]) -> Cause {
    if let Some(cause) = failure.cause {
        return cause;
    }
    let bad = |fetch: &&FetchRecord| {
        !fetch.request_method.is_empty()
            && (fetch.cache_outcome.is_empty() || fetch.cache_outcome == "miss")
            && !matches!(fetch.status_code, Some(200 | 203))
    };
    match (failure.keep, fetches.iter().rev().find(bad)) {
        (false, Some(fetch)) => unanswered(fetch),
        (false, None) if matches!(kind, SourceKind::Mcp(_)) => Cause::NotSupported,
        (false, None) => Cause::Unreadable,
        // What a description refers to may be missing without harm; its own document may not.
        (true, _) => fetches.first().filter(bad).map_or(Cause::Unreadable, unanswered),
    }
}

fn unanswered(fetch: &FetchRecord) -> Cause {
    match fetch.status_code {
        None => Cause::Unreachable,
        Some(401 | 403) => Cause::Refused,
        Some(404 | 410) => Cause::Gone,
        Some(_) => Cause::BadAnswer,
    }
}

struct Settling<'a> {
    config: &'a Config,
    previous: Option<&'a Previous<'a>>,
    now: SystemTime,
    /// Whether the catalog is another one than before.
    changed: bool,
    news: Vec<SourceReport>,
    trails: Trails,
    problems: Vec<Problem>,
}

impl Settling<'_> {
    fn before(&self, id: &SourceId) -> Option<&SourceReport> {
        self.previous?.report.iter().find(|report| report.id == *id)
    }

    /// Takes a report in, with what it has from before.
    fn note(&mut self, id: &SourceId, source: &Source, report: SourceReport) {
        let before = self.before(id);
        let since = before.filter(|before| before.state == report.state).and_then(|before| before.since);
        let failed = matches!(report.state, SourceState::Stale | SourceState::Failed);
        let failures = before.map_or(0, |before| before.failures);
        let report = SourceReport {
            id: id.clone(),
            uri: source.uri.clone(),
            since: since.or(Some(self.now)),
            failures: if failed { failures.saturating_add(1) } else { 0 },
            ..report
        };
        self.news.push(report);
    }

    /// A source that nobody looked at.
    fn carry(&mut self, id: &SourceId, source: &Source, kept: &mut Vec<Part>) {
        let Some(before) = self.before(id).cloned() else {
            let unseen = Failure::keeping(&"it was not looked at yet");
            kept.extend(self.stand_in(id, source, Vec::new(), &unseen, Cause::Unreachable));
            return;
        };
        if before.state != SourceState::Failed {
            let at = before.good.unwrap_or(self.now);
            kept.extend(self.earlier(&record(id, source, &before.fetches, at), at));
            self.keep_trail(id);
        }
        self.news.push(before);
    }

    /// A source whose documents are as they were.
    fn same(&mut self, id: &SourceId, source: &Source, fetches: Vec<FetchRecord>, kept: &mut Vec<Part>) {
        let record = record(id, source, &fetches, self.now);
        let at = parse_rfc3339(&record.provenance.at).unwrap_or(self.now);
        kept.extend(self.earlier(&record, at));
        self.keep_trail(id);
        let problems = self.before(id).map_or_else(Vec::new, |before| before.problems.clone());
        let report = self.present(fetches, problems);
        self.note(id, source, report);
    }

    fn read(
        &mut self,
        id: &SourceId,
        source: &Source,
        load: Load,
        trail: Trail,
        fresh: &mut Vec<Part>,
        kept: &mut Vec<Part>,
    ) {
        match load.part {
            Ok((part, problems)) => {
                self.changed = true;
                let stands_in = part.kept;
                let oldest =
                    part.source.provenance.descriptions.iter().map(|one| parse_rfc3339(&one.at)).min().flatten();
                fresh.push(part);
                self.problems.extend(problems.iter().cloned());
                let mut report = self.present(load.fetches, problems);
                if stands_in {
                    // Without a trail it is read anew at each look, so that what stands in grows too old in time.
                    report.state = SourceState::Stale;
                    report.good = oldest;
                    report.cause = report.cause.or(Some(Cause::Unreadable));
                    report.error =
                        Some("some of its descriptions cannot be read; their last good versions are served".to_owned());
                } else {
                    self.trails.0.insert(id.clone(), Arc::new(trail));
                }
                self.note(id, source, report);
            }
            Err(failure) => {
                let cause = cause(&source.kind, &failure, &load.fetches);
                kept.extend(self.stand_in(id, source, load.fetches, &failure, cause));
            }
        }
    }

    /// The report of a source that was read, or found to be the same.
    fn present(&self, fetches: Vec<FetchRecord>, problems: Vec<Problem>) -> SourceReport {
        let stale = fetches.iter().find(|fetch| fetch.stale);
        let times = || fetches.iter().filter_map(|fetch| parse_rfc3339(&fetch.fetched_at));
        let unasked = !fetches.is_empty() && fetches.iter().all(|fetch| fetch.cache_outcome == "fresh_hit");
        SourceReport {
            state: if stale.is_some() { SourceState::Stale } else { SourceState::Ok },
            error: stale.map(|fetch| match fetch.status_code {
                Some(status) => format!("it answered {status}; the stored description is served"),
                None => "it cannot be reached; the stored description is served".to_owned(),
            }),
            cause: stale.map(unanswered),
            checked: if unasked { times().max() } else { Some(self.now) },
            good: times().min().or(Some(self.now)),
            fetches,
            problems,
            ..SourceReport::default()
        }
    }

    /// Why workflows are left out: found anew with every catalog.
    fn note_unbound(&mut self, unbound: Vec<Problem>) {
        for report in &mut self.news {
            report.problems.retain(|known| !known.about.is_workflow());
            report.problems.extend(unbound.iter().filter(|problem| problem.source == report.id).cloned());
        }
        self.problems.extend(unbound);
    }

    fn keep_trail(&mut self, id: &SourceId) {
        let known = self.previous.filter(|previous| previous.same_config);
        if let Some(trail) = known.and_then(|previous| previous.trails.0.get(id)) {
            self.trails.0.insert(id.clone(), Arc::clone(trail));
        }
    }

    /// The part of the previous catalog, known to be good at a time.
    fn earlier(&self, record: &SourceRecord, at: SystemTime) -> Option<Part> {
        let mut part = build::earlier_part(self.config, record, self.previous?.catalog)?;
        part.source.provenance.at = rfc3339(at);
        if !record.provenance.fetches.is_empty() {
            part.source.provenance.fetches.clone_from(&record.provenance.fetches);
        }
        Some(part)
    }

    /// Takes back what was noted of a source, and reports a failure; gives the last good part when it may stand in.
    fn fail(&mut self, id: &SourceId, source: &Source, failure: &Failure) -> Option<Part> {
        let noted = self.news.iter().position(|report| report.id == *id).map(|at| self.news.remove(at));
        self.trails.0.remove(id);
        let fetches = noted.map_or_else(Vec::new, |report| report.fetches);
        self.stand_in(id, source, fetches, failure, Cause::IdConflict)
    }

    fn stand_in(
        &mut self,
        id: &SourceId,
        source: &Source,
        fetches: Vec<FetchRecord>,
        failure: &Failure,
        cause: Cause,
    ) -> Option<Part> {
        let record = record(id, source, &[], self.now);
        let before = self.before(id).cloned();
        let good = before.as_ref().and_then(|before| before.good).or_else(|| self.provenance(id));
        let earlier = good.filter(|_| failure.keep).and_then(|good| self.earlier(&record, good));
        let earlier = earlier.filter(|_| source.refresh.manual_only || self.is_recent(good));
        let message = match earlier {
            Some(_) => format!("{}; its last good version is served", failure.message),
            None => failure.message.clone(),
        };
        let state = if earlier.is_some() { SourceState::Stale } else { SourceState::Failed };
        // What stands in is what the previous catalog has.
        self.changed |= state == SourceState::Failed && before.as_ref().is_none_or(|before| before.state != state);
        let known = before.filter(|_| earlier.is_some()).map_or_else(Vec::new, |before| before.problems);
        let report = SourceReport {
            state,
            error: Some(message.clone()),
            cause: Some(cause),
            checked: Some(self.now),
            good: good.filter(|_| earlier.is_some()),
            stands_in: earlier.is_some(),
            fetches,
            problems: known,
            ..SourceReport::default()
        };
        if earlier.is_some() {
            self.keep_trail(id);
        }
        self.note(id, source, report);
        self.problems.retain(|known| known.source != *id);
        let (severity, place) = (Severity::Error, String::new());
        self.problems.push(Problem { source: id.clone(), severity, place, message, about: About::Description });
        earlier
    }

    /// When the previous catalog's part was good, by what it says itself.
    fn provenance(&self, id: &SourceId) -> Option<SystemTime> {
        let known = self.previous?.catalog.sources.iter().find(|known| known.id == *id)?;
        parse_rfc3339(&known.provenance.at)
    }

    fn is_recent(&self, good: Option<SystemTime>) -> bool {
        good.and_then(|good| self.now.duration_since(good).ok()).is_none_or(|age| age <= MAX_STALE)
    }

    /// A source whose derived service id is not its own fails; its last good part stays when that takes nobody's id. Who had an id keeps
    /// it (H45).
    fn refuse_conflicts(&mut self, fresh: &mut Vec<Part>, kept: &mut Vec<Part>) {
        let untaken = build::id_conflicts(self.config, kept, &[]);
        self.drop_parts(kept, &untaken);
        let conflicts = self.conflicts(fresh, kept);
        if conflicts.is_empty() {
            return;
        }
        fresh.retain(|part| !conflicts.contains_key(&part.source.id));
        let mut earlier = Vec::new();
        for (id, message) in &conflicts {
            let Some(source) = self.config.sources.get(id) else { continue };
            earlier.extend(self.fail(id, source, &Failure::keeping(message)));
        }
        let others: Vec<Part> = fresh.iter().chain(kept.iter()).cloned().collect();
        let untaken = build::id_conflicts(self.config, &earlier, &others);
        self.drop_parts(&mut earlier, &untaken);
        kept.extend(earlier);
    }

    /// What is fresh may not take an id of what is kept, nor one that another fresh part had before: a newcomer that asks for it fails
    /// alone, however many sources change at once.
    fn conflicts(&self, fresh: &[Part], kept: &[Part]) -> BTreeMap<SourceId, String> {
        let all = build::id_conflicts(self.config, fresh, kept);
        if all.is_empty() {
            return all;
        }
        let known = self.previous.map_or(&[][..], |previous| &previous.catalog.services);
        let had =
            |part: &Part, id: &ServiceId| known.iter().any(|one| one.id == *id && one.source_id == part.source.id);
        let (holders, newcomers): (Vec<Part>, Vec<Part>) =
            fresh.iter().cloned().partition(|part| part.services.iter().all(|service| had(part, &service.id)));
        let mut conflicts = build::id_conflicts(self.config, &holders, kept);
        let settled: Vec<Part> = holders.into_iter().chain(kept.iter().cloned()).collect();
        conflicts.extend(build::id_conflicts(self.config, &newcomers, &settled));
        conflicts
    }

    fn drop_parts(&mut self, parts: &mut Vec<Part>, conflicts: &BTreeMap<SourceId, String>) {
        parts.retain(|part| !conflicts.contains_key(&part.source.id));
        for (id, message) in conflicts {
            if let Some(source) = self.config.sources.get(id) {
                self.fail(id, source, &Failure::lasting(message));
            }
        }
    }
}
