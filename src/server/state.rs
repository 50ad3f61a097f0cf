//! The present snapshot, and how it is replaced: at start, on refresh, on reload, when files change or sources grow old.
//!
//! One build runs at a time; requests are served from the old snapshot meanwhile, and never wait for a build unless they asked
//! for one. What fails leaves everything as it was.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use super::metrics::Builds;
use super::news::{Build, News};
use super::snapshot::{Served, Shelf, Snapshot};
use super::watch::{Watched, config_files, source_files};
use crate::access::validator::{Tools, Validator};
use crate::base::host::{self, Clock, Env, Stopwatch};
use crate::base::id::SourceId;
use crate::base::log::Log;
use crate::base::places::Places;
use crate::base::time::rfc3339;
use crate::base::url::{Url, is_loopback_host};
use crate::catalog::build::{self, Problem, Severity};
use crate::catalog::gather::{Previous, Round, SourceReport, Trails, Visits, schedule, settle};
use crate::catalog::view::ReadyCatalog;
use crate::config::load::{Consumer, Surroundings, load};
use crate::config::{Config, ServerAuth, ValidationProfile};
use crate::fetch::run::Fetcher;
use crate::http::Transport;

/// A forced refresh within this time of the last one gets the last one's result.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);
/// How many callers may wait for a refresh; each holds a worker, and a source that hangs holds all of them.
const MAX_REFRESHING: usize = 4;
/// How long what other sources brought waits for a source that hangs. While nothing is served, or another configuration, all wait for all.
const PATIENCE: Duration = Duration::from_secs(3);

/// What builds are made with.
pub struct Workshop {
    /// Where configuration is looked for.
    pub surroundings: Surroundings,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// Where fetched documents are kept.
    pub documents: PathBuf,
    /// The environment, where secrets may be.
    pub env: Env,
    /// Wall clock.
    pub clock: Clock,
    /// The log.
    pub log: Log,
}

impl Workshop {
    /// What tokens are checked with.
    pub fn tools(&self) -> Tools {
        let Self { transport, env, clock, log, .. } = self;
        Tools { transport: Arc::clone(transport), env: env.clone(), clock: clock.clone(), log: log.clone() }
    }
}

impl fmt::Debug for Workshop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").field("surroundings", &self.surroundings).finish_non_exhaustive()
    }
}

/// The present snapshot and its maker.
#[derive(Debug)]
pub struct State {
    workshop: Workshop,
    served: RwLock<Arc<Served>>,
    current: RwLock<Option<Arc<Snapshot>>>,
    /// Held for the whole of a build.
    building: Mutex<Building>,
    refreshing: Places,
    builds: Builds,
    patience: Duration,
}

#[derive(Debug)]
struct Building {
    /// Since the last forced refresh ended.
    refreshed: Option<Stopwatch>,
    config_files: Watched,
    source_files: Watched,
    /// What sources asked for, for the catalog that is served.
    trails: Trails,
}

/// What there is to do, found by looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The configuration changed.
    Reload,
    /// Files of these sources changed, or they are to be checked before they grow old.
    Renew(BTreeSet<SourceId>),
}

/// Reads the configuration; the error is everything that is wrong with it, a line each. What checks tokens is taken over from
/// `before` when its settings are the same, with all that it remembers.
pub fn load_served(
    surroundings: &Surroundings,
    tools: &Tools,
    before: Option<&Arc<Validator>>,
) -> Result<Served, Vec<String>> {
    let loaded = load(surroundings, Consumer::Toolbox)
        .map_err(|diagnostics| diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for warning in &loaded.warnings {
        tools.log.warn("configuration", &[("problem", warning)]);
    }
    let allow_exec = loaded.config.policy.allow_exec_secrets;
    let validator = match (&loaded.config.server.auth, before) {
        (None, _) => None,
        (Some(auth), Some(before)) if before.fits(auth, allow_exec) => Some(Arc::clone(before)),
        (Some(auth), _) => {
            for problem in auth_warnings(auth) {
                tools.log.warn("runtime auth", &[("problem", &problem)]);
            }
            let validator = Validator::with_programs(auth.clone(), tools.clone(), allow_exec);
            Some(Arc::new(validator.map_err(|message| vec![message])?))
        }
    };
    Ok(Served::new(loaded, validator))
}

/// What is unwise in the settings, but may be meant so.
fn auth_warnings(auth: &ServerAuth) -> Vec<String> {
    let mut problems = Vec::new();
    let (urls, unknown) = match &auth.profile {
        ValidationProfile::OidcJwks { issuer, jwks_url } => {
            (vec![("issuer", Url::parse(issuer).ok()), ("jwksURL", jwks_url.clone())], false)
        }
        ValidationProfile::OAuth2Introspection { introspection_url, client_id, .. } => {
            (vec![("introspectionURL", Some(introspection_url.clone()))], client_id.is_none())
        }
    };
    for (name, url) in urls {
        if url.is_some_and(|url| url.scheme() == "http" && !is_loopback_host(url.host())) {
            problems
                .push(format!("`{name}` is http and not on this machine: whoever is in between decides who gets in"));
        }
    }
    if unknown {
        problems.push("introspection without `clientId` asks as nobody; endpoints should refuse that".to_owned());
    }
    problems
}

/// Whether a reload would let in whom the present configuration keeps out.
fn weakens(old: &Config, new: &Config) -> bool {
    old.server.auth.is_some() && new.server.auth.is_none()
}

impl State {
    /// Serves this configuration; nothing is built yet.
    pub fn new(workshop: Workshop, served: Served) -> Self {
        let config_files = Watched::look(config_files(&workshop.surroundings));
        let building =
            Building { refreshed: None, config_files, source_files: Watched::default(), trails: Trails::default() };
        Self {
            workshop,
            served: RwLock::new(Arc::new(served)),
            current: RwLock::new(None),
            building: Mutex::new(building),
            refreshing: Places::default(),
            builds: Builds::default(),
            patience: PATIENCE,
        }
    }

    /// Serves a catalog that was not gathered.
    #[cfg(test)]
    pub(super) fn put(&self, catalog: crate::catalog::Catalog) {
        let served = self.served();
        let shelf = Arc::new(Shelf::new(ReadyCatalog::new(catalog), &served.config));
        let snapshot = Snapshot { served, shelf, report: Vec::new(), built_at: rfc3339(self.workshop.clock.now()) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
    }

    /// As while a build goes on.
    #[cfg(test)]
    pub(super) fn hold_builds(&self) -> impl Sized {
        self.build_lock()
    }

    /// What is served now; `None` before the first build.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What builds did so far.
    pub fn builds(&self) -> &Builds {
        &self.builds
    }

    /// The configuration in force.
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Builds again, using stored documents as long as they are fresh.
    pub fn rebuild(&self) -> Arc<Snapshot> {
        let mut building = self.build_lock();
        self.build(&mut building, &self.served(), Build::Whole)
    }

    /// Looks at some sources again, ahead of their time; the others stay as they are.
    pub fn renew(&self, sources: &BTreeSet<SourceId>) -> Arc<Snapshot> {
        let mut building = self.build_lock();
        self.build(&mut building, &self.served(), Build::Due(sources))
    }

    /// Fetches everything again; within ten seconds of the last time, the last result. `None`: enough callers wait for one already.
    pub fn refresh(&self) -> Option<Arc<Snapshot>> {
        let _place = self.refreshing.take(MAX_REFRESHING)?;
        let mut building = self.build_lock();
        let recent = building.refreshed.as_ref().is_some_and(|since| since.elapsed() < REFRESH_PAUSE);
        if let (true, Some(snapshot)) = (recent, self.snapshot()) {
            return Some(snapshot);
        }
        let snapshot = self.build(&mut building, &self.served(), Build::Forced);
        building.refreshed = Some(Stopwatch::start());
        Some(snapshot)
    }

    /// Reads the configuration again and builds from it; on an error the old one stays in force.
    pub fn reload(&self) -> Result<Arc<Snapshot>, Vec<String>> {
        let mut building = self.build_lock();
        // Before reading: a change while reading is then seen at the next look.
        building.config_files = Watched::look(config_files(&self.workshop.surroundings));
        let before = self.served().validator.clone();
        let served = load_served(&self.workshop.surroundings, &self.workshop.tools(), before.as_ref())?;
        if weakens(&self.served().config, &served.config) {
            return Err(vec![
                "the new configuration has no `runtime.server.auth`; removing it takes a restart".to_owned(),
            ]);
        }
        Ok(self.build(&mut building, &Arc::new(served), Build::Whole))
    }

    /// Looks at files and ages.
    pub fn due(&self) -> Due {
        // A build under way will look by itself.
        let building = match self.building.try_lock() {
            Ok(building) => building,
            // A build that panicked left everything as it was, and must not be the last one.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Due::Nothing,
        };
        if !building.config_files.changed().is_empty() {
            return Due::Reload;
        }
        let Some(snapshot) = self.snapshot() else { return Due::Nothing };
        let (now, changed) = (self.workshop.clock.now(), building.source_files.changed());
        let config = &snapshot.served.config;
        let due = |report: &&SourceReport| {
            schedule::is_due(report, now)
                || (!changed.is_empty()
                    && source_files(config, std::slice::from_ref(*report), |id| *id == report.id)
                        .iter()
                        .any(|path| changed.contains(&path.as_path())))
        };
        let due: BTreeSet<SourceId> = snapshot.report.iter().filter(due).map(|report| report.id.clone()).collect();
        if due.is_empty() { Due::Nothing } else { Due::Renew(due) }
    }

    fn build_lock(&self) -> MutexGuard<'_, Building> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds once, and says what is wrong: sources that failed are errors, the rest warnings.
    pub fn check(&self) -> (Arc<Snapshot>, Vec<String>) {
        let snapshot = self.rebuild();
        let failed = |report: &SourceReport| Some(format!("source `{}`: {}", report.id, report.error.as_ref()?));
        let is_fault = |problem: &&Problem| problem.about.is_named() && problem.severity == Severity::Error;
        let told = |report: &SourceReport| -> Vec<String> {
            let faults = report.problems.iter().filter(is_fault).map(ToString::to_string);
            failed(report).into_iter().chain(faults).collect()
        };
        let errors = snapshot.report.iter().flat_map(told).collect();
        (snapshot, errors)
    }

    /// On a thread of its own: every worker that once built a catalog would keep its scraps for good.
    fn build(&self, building: &mut Building, served: &Arc<Served>, build: Build<'_>) -> Arc<Snapshot> {
        host::aside("build", || self.build_here(building, served, build))
    }

    fn build_here(&self, building: &mut Building, served: &Arc<Served>, build: Build<'_>) -> Arc<Snapshot> {
        let Workshop { transport, documents, clock, .. } = &self.workshop;
        let before = self.snapshot();
        let same_config = before.as_ref().is_some_and(|before| before.served.fingerprint == served.fingerprint);
        let fetcher = Fetcher::new(Arc::clone(transport), Some(documents.clone()), clock.clone())
            .naming(served.config.policy.egress_allow.clone().unwrap_or_default());
        let report = before.as_ref().map_or(&[][..], |before| &before.report);
        let watched = Watched::look(source_files(&served.config, report, |id| build.visits(id)));
        let round = Round {
            config: &served.config,
            fetcher: &fetcher,
            trails: if same_config { building.trails.clone() } else { Trails::default() },
            check: build.check(),
            previous: before.as_ref().map(|before| before.shelf.catalog.catalog()),
            report,
            only: build.only(),
            patience: same_config.then_some(self.patience),
            clock,
        };
        let took = Stopwatch::start();
        let mut present = before.clone();
        round.go(|visits| present = Some(self.publish(building, served, build, visits, &took)));
        let present = present.expect("a round hands over at least once, if nothing");
        // Files that only this build found are watched from now on, as they were before it read the others.
        let all = Watched::look(source_files(&served.config, &present.report, |_| true));
        building.source_files = all.known_since(&watched, &building.source_files);
        self.builds.ended(took.elapsed());
        present
    }

    /// Serves what some sources brought, beside what there was of the others.
    fn publish(
        &self,
        building: &mut Building,
        served: &Arc<Served>,
        build: Build<'_>,
        visits: Visits,
        took: &Stopwatch,
    ) -> Arc<Snapshot> {
        let clock = &self.workshop.clock;
        let before = self.snapshot();
        let previous = before.as_ref().map(|before| Previous {
            catalog: before.shelf.catalog.catalog(),
            report: &before.report,
            trails: &building.trails,
            same_config: before.served.fingerprint == served.fingerprint,
        });
        // Without randomness toolboxes only ask in step.
        let random = host::random().map_or(0, u64::from_ne_bytes);
        let settled = settle(&served.config, previous.as_ref(), visits, random, clock.now());
        let news = News { build, settled: &settled, before: before.as_deref() };
        news.tell(&self.workshop.log);
        self.builds.visited(settled.report.iter().filter(|report| settled.visited.contains(&report.id)));
        // What did not change keeps its bytes, and with them the validators that clients remember.
        let same = before.filter(|before| {
            let known = before.shelf.catalog.catalog();
            before.served.fingerprint == served.fingerprint
                && settled.catalog.as_ref().is_none_or(|catalog| build::is_same(catalog, known))
        });
        let changed = same.is_none();
        let shelf = match same {
            Some(same) => Arc::clone(&same.shelf),
            None => {
                let catalog = settled.catalog.expect("only a catalog that there was can stay as it is");
                Arc::new(Shelf::new(ReadyCatalog::new(catalog), &served.config))
            }
        };
        building.trails = settled.trails;
        let built_at = rfc3339(clock.now());
        let snapshot = Arc::new(Snapshot { served: Arc::clone(served), shelf, report: settled.report, built_at });
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(served);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        // Whoever reads it finds the catalog served.
        if changed || build.only().is_none() {
            let ms = took.elapsed().as_millis();
            let fields: [(&str, &dyn fmt::Display); 3] =
                [("tools", &snapshot.shelf.catalog.len()), ("changed", &changed), ("ms", &ms)];
            self.workshop.log.info("catalog built", &fields);
        }
        snapshot
    }
}

#[cfg(test)]
mod schedule_test;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientAuthentication;

    #[track_caller]
    fn check(profile: ValidationProfile, expected: &[&str]) {
        let auth = ServerAuth {
            profile,
            audience: "a".to_owned(),
            authorization_url: None,
            token_url: None,
            browser_client_id: None,
            algorithms: vec![],
            clock_skew: Duration::ZERO,
        };
        let found = auth_warnings(&auth);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(warning, part)| warning.contains(part)), "{found:?}");
    }

    #[test]
    fn settings_that_anybody_on_the_way_can_bend_are_told() {
        let url = |text: &str| Some(Url::parse(text).unwrap());
        let keys = |issuer: &str, jwks_url| ValidationProfile::OidcJwks { issuer: issuer.to_owned(), jwks_url };
        check(keys("https://i.example", url("https://i.example/k")), &[]);
        check(keys("http://127.0.0.1:9100", None), &[]);
        check(keys("http://i.example", url("http://k.example/")), &["`issuer`", "`jwksURL`"]);
        let asking = |at: &str, client_id| ValidationProfile::OAuth2Introspection {
            introspection_url: Url::parse(at).unwrap(),
            issuer: None,
            client_id,
            client_secret: None,
            client_authentication: ClientAuthentication::Basic,
            cache: Duration::ZERO,
        };
        let id = || Some(crate::config::SecretRef::Env("ID".to_owned()));
        check(asking("https://i.example/", id()), &[]);
        check(asking("http://10.0.0.1/", id()), &["`introspectionURL`"]);
        check(asking("https://i.example/", None), &["without `clientId`"]);
    }
}
