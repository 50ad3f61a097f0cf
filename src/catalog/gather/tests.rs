//! One build after another: what is asked, what is read again, and in which state sources are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use super::*;
use crate::base::digest::of_bytes;
use crate::base::disk;
use crate::base::url::Url;
use crate::catalog::build;
use crate::config::{Location, Mode, Refresh, Service, SourceKind};
use crate::http::{Headers, Limits, Request, Response, Transport, TransportError, TransportErrorKind};

/// Publishers: a status and a body for each address, an `ETag` made of the body, and an hour of life.
#[derive(Default)]
struct Web {
    pages: Mutex<BTreeMap<String, (u16, String)>>,
    asked: Mutex<Vec<String>>,
}

impl Transport for Web {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        let url = request.url.as_str().to_owned();
        self.asked.lock().unwrap().push(url.clone());
        let Some((status, body)) = self.pages.lock().unwrap().get(&url).cloned() else {
            let message = "nothing listens there".to_owned();
            return Err(TransportError { kind: TransportErrorKind::Connect, may_have_been_sent: false, message });
        };
        let tag = format!("\"{}\"", of_bytes(body.as_bytes()));
        let known = request.headers.get("if-none-match") == Some(&tag);
        let headers = Headers::new().with("ETag", &tag).with("Cache-Control", "max-age=3600");
        let (status, body) = if status == 200 && known { (304, String::new()) } else { (status, body) };
        Ok(Response { status, headers, body: body.into_bytes(), truncated: false })
    }
}

/// A toolbox over time.
struct World {
    web: Arc<Web>,
    config: Config,
    now: SystemTime,
    cache: PathBuf,
    catalog: Catalog,
    report: Vec<SourceReport>,
    trails: Trails,
    /// Whether the last build made another catalog.
    changed: bool,
    visited: BTreeSet<SourceId>,
}

impl World {
    fn new(name: &str, sources: &[&str]) -> Self {
        let cache = std::env::temp_dir().join(format!("open-cli-gather-{}-{name}", std::process::id()));
        for file in disk::files(&cache).unwrap_or_default() {
            disk::remove(&file.path).unwrap();
        }
        let source = |id: &&str| {
            let kind = SourceKind::OpenApi(Location::Remote(Url::parse(&address(id)).unwrap()));
            (SourceId::new(*id), Source { enabled: true, refresh: Refresh::default(), uri: address(id), kind })
        };
        let sources_by_id = sources.iter().map(source).collect();
        let world = Self {
            web: Arc::default(),
            config: Config { mode: Some(Mode::Discover), sources: sources_by_id, ..Config::default() },
            now: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
            cache,
            catalog: Catalog::default(),
            report: Vec::new(),
            trails: Trails::default(),
            changed: false,
            visited: BTreeSet::new(),
        };
        sources.iter().for_each(|id| world.publish(id, &described(id)));
        world
    }

    fn publish(&self, id: &str, body: &str) {
        self.web.pages.lock().unwrap().insert(address(id), (200, body.to_owned()));
    }

    fn answer(&self, id: &str, status: u16) {
        self.web.pages.lock().unwrap().insert(address(id), (status, String::new()));
    }

    fn vanish(&self, id: &str) {
        self.web.pages.lock().unwrap().remove(&address(id));
    }

    fn pass(&mut self, hours: u64) {
        self.now += Duration::from_secs(hours * 3600);
    }

    /// Builds as the runtime does: with what is remembered, and of some sources.
    fn build(&mut self, check: Check, only: Option<&[&str]>) {
        self.build_with(check, only, true);
    }

    fn build_with(&mut self, check: Check, only: Option<&[&str]>, same_config: bool) {
        let now = self.now;
        let clock = Clock::from_fn(move || now);
        let fetcher = Fetcher::new(self.web.clone(), Some(self.cache.clone()), clock.clone());
        let only: Option<BTreeSet<SourceId>> = only.map(|ids| ids.iter().map(|id| SourceId::new(*id)).collect());
        let first = self.report.is_empty();
        let trails = if same_config { self.trails.clone() } else { Trails::default() };
        let config = &self.config;
        let (fetcher, previous) = (&fetcher, Some(&self.catalog).filter(|_| !first));
        let round = Round {
            config,
            fetcher,
            trails,
            check,
            previous,
            report: &self.report,
            only: only.as_ref(),
            patience: None,
            clock: &clock,
        };
        let mut settled = None;
        round.go(|visits| {
            let previous = Previous { catalog: &self.catalog, report: &self.report, trails: &self.trails, same_config };
            settled = Some(settle(config, Some(previous).filter(|_| !first).as_ref(), visits, 7, now));
        });
        let settled = settled.expect("all is handed over at once");
        self.changed = settled.catalog.is_some();
        if let Some(catalog) = settled.catalog.filter(|catalog| first || !build::is_same(catalog, &self.catalog)) {
            self.catalog = catalog;
        }
        (self.report, self.trails, self.visited) = (settled.report, settled.trails, settled.visited);
    }

    /// Which addresses were asked since the last time.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.web.asked.lock().unwrap());
        asked.sort();
        asked
    }

    fn tools(&self) -> Vec<&str> {
        self.catalog.tools.iter().map(|tool| tool.id.as_str()).collect()
    }

    fn report(&self, id: &str) -> &SourceReport {
        self.report.iter().find(|report| report.id.as_str() == id).unwrap()
    }

    #[track_caller]
    fn check(&self, id: &str, state: SourceState, cause: Option<Cause>, hours_since: u64) {
        let report = self.report(id);
        assert_eq!((report.state, report.cause), (state, cause), "{:?}", report.error);
        let since = self.now.duration_since(report.since.unwrap()).unwrap();
        assert_eq!(since, Duration::from_secs(hours_since * 3600));
        assert_eq!(report.failures > 0, state != SourceState::Ok);
    }

    fn outcomes(&self, id: &str) -> Vec<&str> {
        self.report(id).fetches.iter().map(|fetch| fetch.cache_outcome.as_str()).collect()
    }
}

fn address(id: &str) -> String {
    format!("https://{id}.example.com/api.json")
}

fn described(path: &str) -> String {
    format!(
        r#"{{"openapi": "3.1.0", "info": {{"title": "{path}"}}, "servers": [{{"url": "https://up.example.com"}}],
            "paths": {{"/{path}": {{"get": {{"parameters": [{{"name": "x", "in": "path"}}]}}}}}}}}"#
    )
}

#[test]
fn what_did_not_change_is_not_read_again_not_even_from_the_disk() {
    let mut world = World::new("same", &["a", "b", "c"]);
    world.build(Check::WhenOld, None);
    assert_eq!(world.tools(), ["a:get:/a", "b:get:/b", "c:get:/c"]);
    assert_eq!((world.asked().len(), world.changed, world.outcomes("a")), (3, true, vec!["miss"]));
    let problems = world.report("a").problems.clone();
    assert!(!problems.is_empty(), "the parameter is in no path");
    for file in disk::files(&world.cache).unwrap() {
        if file.path.extension().is_some_and(|extension| extension == "body") {
            disk::remove(&file.path).unwrap();
        }
    }
    world.build(Check::Now, None);
    assert_eq!((world.asked().len(), world.changed, world.outcomes("a")), (3, false, vec!["revalidated_hit"]));
    assert_eq!(world.report("a").problems, problems, "what is wrong with it still is");
    world.build(Check::WhenOld, None);
    assert_eq!((world.asked().len(), world.changed, world.outcomes("a")), (0, false, vec!["fresh_hit"]));
    world.build_with(Check::WhenOld, None, false);
    assert_eq!((world.asked().len(), world.changed), (3, true), "another config: read again, and the bodies are gone");
    assert_eq!(world.tools(), ["a:get:/a", "b:get:/b", "c:get:/c"]);
}

#[test]
fn one_that_changed_is_read_and_the_others_are_taken_over() {
    let mut world = World::new("one", &["a", "b", "c"]);
    world.build(Check::WhenOld, None);
    let (before, at) = (world.catalog.clone(), world.now);
    world.asked();
    world.pass(1);
    world.publish("b", &described("better"));
    world.build(Check::Ahead, None);
    assert!(world.changed);
    assert_eq!(world.tools(), ["a:get:/a", "better:get:/better", "c:get:/c"]);
    assert_eq!(world.asked().len(), 3, "nothing is asked twice");
    assert_eq!([world.outcomes("a"), world.outcomes("b")], [["revalidated_hit"], ["refreshed"]]);
    assert_eq!(world.catalog.tools[0], before.tools[0]);
    assert_ne!(world.catalog.source_fingerprint, before.source_fingerprint);
    world.publish("b", &described("b"));
    world.build(Check::Now, None);
    assert_eq!(world.catalog.source_fingerprint, before.source_fingerprint, "the same parts in the same order");
    assert_eq!(world.report("a").since, Some(at));
}

#[test]
fn sources_that_are_not_due_are_left_alone() {
    let mut world = World::new("due", &["a", "b", "c"]);
    world.vanish("c");
    world.build(Check::WhenOld, None);
    let checked = world.report("b").checked;
    world.asked();
    world.pass(1);
    world.publish("a", &described("new"));
    world.publish("b", &described("unseen"));
    world.build(Check::Ahead, Some(&["a"]));
    assert_eq!(world.asked(), [address("a")]);
    assert_eq!(world.tools(), ["b:get:/b", "new:get:/new"]);
    assert_eq!(world.report("b").checked, checked);
    assert_eq!(world.visited.len(), 1);
    world.check("c", SourceState::Failed, Some(Cause::Unreachable), 1);
    assert_eq!(world.report("c").failures, 1, "nobody asked again");
    let ids: Vec<&str> = world.report.iter().map(|report| report.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn h25_a_source_that_breaks_and_comes_back_keeps_its_state_and_its_tools() {
    let mut world = World::new("back", &["a", "b"]);
    world.build(Check::WhenOld, None);
    world.check("a", SourceState::Ok, None, 0);
    world.pass(2);
    world.answer("a", 503);
    world.build(Check::Now, None);
    world.check("a", SourceState::Stale, Some(Cause::BadAnswer), 0);
    assert_eq!((world.outcomes("a"), world.changed), (vec!["stale_hit"], false));
    world.pass(1);
    world.publish("a", "{broken");
    world.build(Check::Now, None);
    world.check("a", SourceState::Stale, Some(Cause::Unreadable), 1);
    assert!(world.report("a").stands_in && !world.changed, "its tools are the same");
    assert!(world.report("a").error.as_ref().unwrap().ends_with("its last good version is served"));
    world.pass(1);
    world.build(Check::Now, Some(&["b"]));
    world.check("a", SourceState::Stale, Some(Cause::Unreadable), 2);
    assert_eq!(world.tools(), ["a:get:/a", "b:get:/b"]);
    world.publish("a", &described("a"));
    world.build(Check::Now, None);
    world.check("a", SourceState::Ok, None, 0);
    assert!(!world.changed, "it is what it was");
    assert!(!world.report("a").problems.is_empty());
}

#[test]
fn h25_h31_the_last_good_part_is_as_old_as_the_last_time_it_was_known_to_be_good() {
    let mut world = World::new("age", &["a", "b"]);
    world.build(Check::WhenOld, None);
    world.pass(30);
    world.build(Check::Now, None);
    assert!(!world.changed);
    world.pass(20);
    world.publish("a", "{broken");
    world.build(Check::Now, None);
    world.check("a", SourceState::Stale, Some(Cause::Unreadable), 0);
    assert_eq!(world.report("a").good, Some(world.now - Duration::from_secs(20 * 3600)));
    world.pass(5);
    world.build(Check::Now, None);
    world.check("a", SourceState::Failed, Some(Cause::Unreadable), 0);
    assert_eq!(world.tools(), ["b:get:/b"]);
    world.pass(1);
    world.build(Check::Now, None);
    world.check("a", SourceState::Failed, Some(Cause::Unreadable), 1);
    assert_eq!((world.report("a").failures, world.changed), (3, false), "a failure that lasts changes nothing");
    world.publish("a", &described("a"));
    world.build(Check::Now, None);
    world.check("a", SourceState::Ok, None, 0);
    assert_eq!(world.tools(), ["a:get:/a", "b:get:/b"]);
}

#[test]
fn h25_one_of_several_descriptions_is_as_old_as_the_last_time_it_was_known_to_be_good() {
    let mut world = World::new("several", &["a", "b"]);
    let at = "https://all.example.com/catalog";
    let kind = SourceKind::ApiCatalog(Location::Remote(Url::parse(at).unwrap()));
    let source = Source { enabled: true, refresh: Refresh::default(), uri: at.to_owned(), kind };
    world.config.sources = [("all".into(), source)].into();
    let link = |id| {
        format!(r#"{{"anchor": "https://all.example.com/{id}", "service-desc": [{{"href": "{}"}}]}}"#, address(id))
    };
    let links = format!(r#"{{"linkset": [{}, {}]}}"#, link("a"), link("b"));
    world.web.pages.lock().unwrap().insert(at.to_owned(), (200, links));
    let both = ["a:get:/a", "b:get:/b"];
    world.build(Check::WhenOld, None);
    assert_eq!(world.tools(), both, "{:?}", world.report);
    world.pass(30);
    world.build(Check::Now, None);
    assert!(!world.changed);
    world.pass(1);
    world.publish("b", "{broken");
    for hours in [0, 20, 3] {
        world.pass(hours);
        world.build(Check::Now, None);
        assert_eq!((world.tools(), world.report("all").state), (both.to_vec(), SourceState::Stale), "{hours}");
    }
    assert_eq!(world.report("all").good, Some(world.now - Duration::from_secs(24 * 3600)));
    world.pass(1);
    world.build(Check::Now, None);
    assert_eq!(world.tools(), ["a:get:/a"]);
}

#[test]
fn what_stays_the_same_to_clients_is_still_bound_by_the_latest_document() {
    let mut world = World::new("plans", &["a", "b"]);
    let at = Url::parse("https://w.example.com/w").unwrap();
    let (overlays, skills, workflows) = (Vec::new(), Vec::new(), vec![Location::Remote(at.clone())]);
    let service = Service { source: "a".into(), alias: None, overlays, skills, workflows, server: None, timeout: None };
    world.config.services = [("one".into(), service)].into();
    for path in ["b", "later"] {
        let body = format!(
            r#"{{"arazzo": "1.0.1", "info": {{"title": "W", "version": "1"}},
                "sourceDescriptions": [{{"name": "b", "url": "{}", "type": "openapi"}}],
                "workflows": [{{"workflowId": "w", "steps": [{{"stepId": "s", "operationId": "POST /{path}"}}]}}]}}"#,
            address("b")
        );
        world.web.pages.lock().unwrap().insert(at.to_string(), (200, body));
        world.build(Check::Now, None);
        assert!(world.catalog.workflows.is_empty(), "nothing to bind it to");
    }
    world.publish("b", &described("later").replace("\"get\"", "\"post\""));
    world.build(Check::Now, Some(&["b"]));
    assert_eq!(world.catalog.workflows.len(), 1, "{:?}", world.report);
}

#[test]
fn h31_what_is_gone_or_refused_is_not_served_from_memory() {
    for (status, cause) in [(401, Cause::Refused), (403, Cause::Refused), (404, Cause::Gone), (410, Cause::Gone)] {
        let mut world = World::new(&format!("gone-{status}"), &["a", "b"]);
        world.build(Check::WhenOld, None);
        world.answer("a", status);
        world.build(Check::Now, None);
        world.check("a", SourceState::Failed, Some(cause), 0);
        assert_eq!(world.tools(), ["b:get:/b"]);
        world.vanish("a");
        world.build(Check::Now, None);
        world.check("a", SourceState::Failed, Some(Cause::Unreachable), 0);
    }
}

#[test]
fn h45_who_had_a_derived_id_keeps_it_and_stays_well() {
    let mut world = World::new("taken", &["old", "rival"]);
    world.build(Check::WhenOld, None);
    world.publish("rival", &described("old"));
    for only in [None, Some(&["rival"][..]), Some(&["old"]), None] {
        world.build(Check::Now, only);
        assert_eq!(world.tools(), ["old:get:/old", "rival:get:/rival"], "{only:?}");
        world.check("old", SourceState::Ok, None, 0);
        world.check("rival", SourceState::Stale, Some(Cause::IdConflict), 0);
    }
    // Also when both change at once, and one of them asks for what the other has.
    world.publish("old", &described("old").replace("https://up.", "https://upper."));
    world.build(Check::Now, None);
    assert_eq!(world.tools(), ["old:get:/old", "rival:get:/rival"]);
    world.check("old", SourceState::Ok, None, 0);
    world.check("rival", SourceState::Stale, Some(Cause::IdConflict), 0);
    assert_eq!(world.catalog.tools[0].servers, ["https://upper.example.com"]);
    world.publish("old", &described("other"));
    world.build(Check::Now, None);
    assert_eq!(world.tools(), ["old:get:/old", "other:get:/other"]);
    world.check("rival", SourceState::Ok, None, 0);
}

/// A description of two documents, one of which may not be there.
#[test]
fn every_document_of_a_description_counts() {
    let mut world = World::new("parts", &["a"]);
    let part = "https://a.example.com/part.json";
    let body = r#"{"openapi": "3.1.0", "info": {"title": "A"}, "servers": [{"url": "https://up.example.com"}],
        "paths": {"/a": {"$ref": "part.json"}}}"#;
    world.publish("a", body);
    world.build(Check::WhenOld, None);
    assert_eq!((world.tools().len(), world.outcomes("a")), (0, vec!["miss", "miss"]));
    world.check("a", SourceState::Ok, None, 0);
    world.build(Check::Now, None);
    assert!(!world.changed, "what is not there is still not there");
    let publish = |summary: &str| {
        let page = format!(r#"{{"get": {{"summary": "{summary}"}}}}"#);
        world.web.pages.lock().unwrap().insert(part.to_owned(), (200, page));
    };
    publish("one");
    world.build(Check::Now, None);
    assert_eq!(world.catalog.tools[0].summary, "one");
    let page = r#"{"get": {"summary": "two"}}"#.to_owned();
    world.web.pages.lock().unwrap().insert(part.to_owned(), (200, page));
    world.asked();
    world.build(Check::Now, None);
    assert_eq!(world.catalog.tools[0].summary, "two");
    assert_eq!(world.outcomes("a"), ["revalidated_hit", "refreshed"]);
    assert_eq!(world.asked(), [address("a"), part.to_owned()], "each once, though one was looked at before");
    world.build(Check::Now, None);
    assert!(!world.changed);
}

#[test]
fn what_several_services_name_is_asked_for_once() {
    let mut world = World::new("shared", &["a"]);
    let at = Url::parse("https://w.example.com/s").unwrap();
    let skills = vec![Location::Remote(at.clone())];
    let (overlays, workflows) = (Vec::new(), Vec::new());
    let service = Service { source: "a".into(), alias: None, overlays, skills, workflows, server: None, timeout: None };
    world.config.services = [("one".into(), service.clone()), ("two".into(), service)].into();
    let guidance = r#"{"whenToUse": ["always"]}"#;
    let manifest = format!(r#"{{"toolGuidance": {{"one:get:/a": {guidance}, "two:get:/a": {guidance}}}}}"#);
    world.web.pages.lock().unwrap().insert(at.to_string(), (200, manifest));
    for changed in [true, false] {
        world.build(Check::Now, None);
        assert_eq!((world.asked(), world.changed), (vec![address("a"), at.to_string()], changed));
    }
    assert!(world.catalog.tools.iter().all(|tool| tool.guidance.is_some()));
    world.web.pages.lock().unwrap().remove(at.as_str());
    world.build_with(Check::Now, None, false);
    assert_eq!(world.asked(), [address("a"), at.to_string()], "what fails is not asked twice either");
}

#[test]
fn documents_that_may_not_be_stored_are_asked_for_whole_and_still_known_again() {
    let mut world = World::new("unstored", &["a"]);
    world.build(Check::WhenOld, None);
    for file in disk::files(&world.cache).unwrap() {
        disk::remove(&file.path).unwrap();
    }
    world.build(Check::Now, None);
    assert_eq!((world.changed, world.outcomes("a")), (false, vec!["miss"]));
}

#[test]
fn order_of_sources_and_of_builds_does_not_show() {
    let mut whole = World::new("whole", &["a", "b", "c"]);
    whole.build(Check::WhenOld, None);
    let mut bit_by_bit = World::new("bits", &["a", "b", "c"]);
    bit_by_bit.vanish("a");
    bit_by_bit.publish("c", &described("b"));
    bit_by_bit.build(Check::WhenOld, None);
    assert_eq!(bit_by_bit.tools(), [""; 0], "two that want one id, and one that is away");
    bit_by_bit.publish("c", &described("c"));
    bit_by_bit.publish("a", &described("a"));
    for id in ["c", "b", "a"] {
        bit_by_bit.build(Check::Now, Some(&[id]));
    }
    assert_eq!(bit_by_bit.catalog.source_fingerprint, whole.catalog.source_fingerprint);
    assert_eq!(bit_by_bit.tools(), whole.tools());
}
