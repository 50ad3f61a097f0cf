//! Sources that lead to several descriptions, through a web of publishers good and bad.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use std::sync::Mutex;
use std::time::SystemTime;

use super::*;
use crate::base::url::Url;
use crate::config::{HostPattern, Location, Refresh, Service, SourceKind};
use crate::http::{Headers, Limits, Method, Request, Response, Transport, TransportError, TransportErrorKind, egress};

/// One address and what it answers.
#[derive(Clone, Default)]
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// What goes wrong instead.
    trouble: Option<TransportErrorKind>,
}

/// Publishers by address; `HEAD <address>` where HEAD is known. Hosts stand at a public address unless `addresses` says otherwise.
#[derive(Default)]
struct Web {
    pages: Mutex<BTreeMap<String, Page>>,
    addresses: BTreeMap<String, IpAddr>,
    asked: Mutex<Vec<String>>,
}

impl Transport for Web {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let fail =
            |kind, message: &str| TransportError { kind, may_have_been_sent: false, message: message.to_owned() };
        let address = self.addresses.get(request.url.host()).copied().unwrap_or_else(|| "1.1.1.1".parse().unwrap());
        egress::judge(address, limits.reach)
            .map_err(|denied| fail(TransportErrorKind::Forbidden, &denied.to_string()))?;
        let head = if request.method == Method::Head { "HEAD " } else { "" };
        let name = format!("{head}{}", request.url);
        self.asked.lock().unwrap().push(name.clone());
        let page = self.pages.lock().unwrap().get(&name).cloned().unwrap_or(Page { status: 404, ..Page::default() });
        if let Some(kind) = page.trouble {
            return Err(fail(kind, "it does not work"));
        }
        let mut headers = Headers::new();
        page.headers.iter().for_each(|(name, value)| headers.append(name, value).unwrap());
        let truncated = page.body.len() > limits.max_body;
        Ok(Response { status: page.status, headers, body: page.body.into_bytes(), truncated })
    }
}

const CATALOG: &str = "https://h.example.com/.well-known/api-catalog";

pub(super) struct World {
    web: Web,
    config: Config,
    now: SystemTime,
}

impl World {
    /// With one source `s` of type `apiCatalog`.
    pub(super) fn catalog(items: &[&str]) -> Self {
        let links: Vec<Value> = items.iter().map(|item| json!({"href": item})).collect();
        let world = Self::of(SourceKind::ApiCatalog, CATALOG);
        world.page(CATALOG, &json!({"linkset": [{"anchor": CATALOG, "item": links}]}).to_string());
        world
    }

    pub(super) fn of(kind: fn(Location) -> SourceKind, at: &str) -> Self {
        let kind = kind(Location::Remote(Url::parse(at).unwrap()));
        let source = Source { enabled: true, refresh: Refresh::default(), uri: at.to_owned(), kind };
        let config = Config { sources: [("s".into(), source)].into(), ..Config::default() };
        Self { web: Web::default(), config, now: UNIX_EPOCH + Duration::from_secs(1_000_000_000) }
    }

    /// With another source of type `openapi`.
    pub(super) fn beside(mut self, id: &str, at: &str) -> Self {
        let kind = SourceKind::OpenApi(Location::Remote(Url::parse(at).unwrap()));
        let source = Source { enabled: true, refresh: Refresh::default(), uri: at.to_owned(), kind };
        self.config.sources.insert(id.into(), source);
        self
    }

    fn set(&self, at: &str, page: Page) -> &Self {
        let at = if at.starts_with('/') { format!("https://h.example.com{at}") } else { at.to_owned() };
        self.web.pages.lock().unwrap().insert(at, page);
        self
    }

    /// The source's own address answers HEAD with these links.
    pub(super) fn root(&self, links: &str) {
        let headers = vec![("Link", links.to_owned())];
        self.set("HEAD https://h.example.com/", Page { status: 200, headers, ..Page::default() });
    }

    pub(super) fn page(&self, at: &str, body: &str) -> &Self {
        self.set(at, Page { status: 200, body: body.to_owned(), ..Page::default() })
    }

    pub(super) fn redirect(&self, at: &str, to: &str) -> &Self {
        self.set(at, Page { status: 302, headers: vec![("Location", to.to_owned())], ..Page::default() })
    }

    pub(super) fn status(&self, at: &str, status: u16) -> &Self {
        self.set(at, Page { status, ..Page::default() })
    }

    pub(super) fn service(mut self, id: &str, change: impl FnOnce(&mut Service)) -> Self {
        let mut service = Service::of("s".into());
        change(&mut service);
        self.config.services.insert(id.into(), service);
        self
    }

    pub(super) fn gather(&mut self, previous: Option<&Catalog>) -> Gathered {
        let now = self.now;
        let clock = Clock::from_fn(move || now);
        let web = Arc::new(std::mem::take(&mut self.web));
        let allowed = self.config.policy.egress_allow.iter().flatten().cloned().collect();
        let fetcher = Fetcher::new(web.clone(), None, clock.clone()).naming(allowed);
        let gathered = gather(&self.config, &fetcher, previous, true, &clock);
        drop(fetcher);
        self.web = Arc::into_inner(web).expect("nobody else holds the web");
        gathered
    }
}

/// A description with one GET at `/<segment>`.
pub(super) fn api(title: &str, segment: &str) -> String {
    let paths = json!({format!("/{segment}"): {"get": {"operationId": "get", "responses": {}}}});
    let servers = json!([{"url": "https://up.example.com"}]);
    json!({"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "servers": servers, "paths": paths})
        .to_string()
}

pub(super) fn services(gathered: &Gathered) -> Vec<&str> {
    gathered.catalog.services.iter().map(|service| service.id.as_str()).collect()
}

#[track_caller]
pub(super) fn check(gathered: &Gathered, state: SourceState, expected: &[&str]) {
    assert_eq!(services(gathered), expected, "{:#?}", gathered.problems);
    assert_eq!(gathered.report[0].state, state, "{:?}", gathered.report[0].error);
}

#[track_caller]
pub(super) fn check_problem(gathered: &Gathered, words: &str) {
    let problems: Vec<String> = gathered.problems.iter().map(ToString::to_string).collect();
    assert!(problems.iter().any(|problem| problem.contains(words)), "no `{words}` in {problems:#?}");
}

#[test]
fn a_catalog_gives_a_service_for_each_of_its_apis() {
    let mut world = World::catalog(&["/a.json", "/b.json"]).service("orders", |s| s.alias = Some("o".into()));
    world.page("/a.json", &api("A", "pets")).page("/b.json", &api("B", "orders"));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["orders", "pets"]);
    assert_eq!((gathered.catalog.services[0].alias.as_str(), gathered.problems.len()), ("o", 0));
    let source = &gathered.catalog.sources[0];
    assert_eq!((source.kind.as_str(), source.provenance.method.as_str()), ("apiCatalog", "rfc9727"));
    assert!(source.provenance.fetches.iter().all(|fetch| fetch.method == "rfc9727"));
    assert_eq!(source.provenance.fetches.len(), 3, "each document is fetched once");
}

#[test]
fn a_service_root_with_two_descriptions_gives_two_services() {
    let mut world = World::of(SourceKind::ServiceRoot, "https://h.example.com/");
    let link = "</a.json>; rel=\"service-desc\", </b.json>; rel=\"service-desc\"".to_owned();
    let head = Page { status: 200, headers: vec![("Link", link)], ..Page::default() };
    world.set("HEAD https://h.example.com/", head.clone());
    world.page("/a.json", &api("Same", "v1")).page("/b.json", &api("Same", "v1"));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a", "b"]);
    let methods: Vec<&str> = gathered.report[0].fetches.iter().map(|fetch| fetch.request_method.as_str()).collect();
    assert_eq!(methods, ["HEAD", "GET", "GET"]);
    assert_eq!(gathered.catalog.sources[0].provenance.method, "rfc8631");
    for status in [405, 501] {
        world.status("HEAD https://h.example.com/", status).set("/", head.clone());
        check(&world.gather(None), SourceState::Ok, &["a", "b"]);
    }
}

#[test]
fn one_description_behind_a_catalog_belongs_to_every_service_that_is_configured() {
    let mut world = World::catalog(&["/a.json"]).service("one", |_| ()).service("two", |_| ());
    world.page("/a.json", &api("A", "pets"));
    check(&world.gather(None), SourceState::Ok, &["one", "two"]);
}

#[test]
fn a_configured_service_that_no_description_is_called_is_told_with_those_there_are() {
    let mut world = World::catalog(&["/a.json", "/b.json"]).service("petz", |_| ());
    world.page("/a.json", &api("A", "pets")).page("/b.json", &api("B", "orders"));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["orders", "pets"]);
    check_problem(&gathered, "`services.petz` applies to nothing");
    check_problem(&gathered, "it has `orders`, `pets`");
}

#[test]
fn h45_two_descriptions_that_would_be_one_service_are_left_out_and_told() {
    let mut world = World::catalog(&["/x/d.json?1", "/x/d.json?2", "/b.json"]);
    world.page("/x/d.json?1", &api("A", "v1")).page("/x/d.json?2", &api("A", "v1")).page("/b.json", &api("B", "b"));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["b"]);
    check_problem(&gathered, "https://h.example.com/x/d.json is left out: its service id would be `v1`");
}

#[test]
fn h25_one_broken_description_costs_only_itself() {
    for (page, words) in [
        (Page { status: 500, ..Page::default() }, "it answered 500"),
        (Page { status: 404, ..Page::default() }, "it answered 404"),
        (
            Page { status: 200, body: "{\"openapi\": \"3.1.0\", \"paths\": {".into(), ..Page::default() },
            "neither JSON nor YAML",
        ),
        (Page { trouble: Some(TransportErrorKind::Timeout), ..Page::default() }, "it does not work"),
        (Page { trouble: Some(TransportErrorKind::Protocol), ..Page::default() }, "it does not work"),
        (Page { status: 200, body: "x".repeat(50 << 20), ..Page::default() }, "neither JSON nor YAML"),
        (
            Page { status: 302, headers: vec![("Location", "/bad.json".into())], ..Page::default() },
            "more than 5 redirects",
        ),
        (Page { status: 200, body: "<html>log in</html>".into(), ..Page::default() }, "an HTML or XML page"),
    ] {
        let mut world = World::catalog(&["/a.json", "/bad.json", "/b.json"]);
        world.page("/a.json", &api("A", "a")).page("/b.json", &api("B", "b")).set("/bad.json", page);
        let gathered = world.gather(None);
        check(&gathered, SourceState::Ok, &["a", "b"]);
        check_problem(&gathered, words);
    }
    let mut world = World::catalog(&["/a.json", "/b.json"]);
    world.status("/a.json", 500).status("/b.json", 500);
    let gathered = world.gather(None);
    check(&gathered, SourceState::Failed, &[]);
    assert!(gathered.report[0].error.as_ref().unwrap().contains("no description is found; looked at"));
}

/// A catalog of which one description is described by links, so that it is fetched as a description.
fn described() -> World {
    let world = World::of(SourceKind::ApiCatalog, CATALOG);
    let links = json!({"linkset": [
        {"anchor": "https://h.example.com/a", "service-desc": [{"href": "/a.json"}]},
        {"anchor": "https://h.example.com/b", "service-desc": [{"href": "/b.json"}]},
        {"api-catalog": [{"href": "/more"}]}]});
    world.page(CATALOG, &links.to_string());
    world.page("/more", r#"{"linkset": [{"anchor": "/c", "service-desc": [{"href": "/c.json"}]}]}"#);
    world.page("/a.json", &api("A", "v1")).page("/b.json", &api("B", "v1")).page("/c.json", &api("C", "c"));
    world
}

#[test]
fn h25_a_description_that_cannot_be_read_now_stays_as_it_was_for_a_day() {
    let mut world = described();
    let first = world.gather(None);
    check(&first, SourceState::Ok, &["a", "b", "c"]);
    world.status("/b.json", 503);
    let day = Duration::from_secs(24 * 3600);
    world.now += day;
    let second = world.gather(Some(&first.catalog));
    check(&second, SourceState::Stale, &["a", "b", "c"]);
    check_problem(&second, "it cannot be read now; its last good version is served (at https://h.example.com/b.json)");
    assert!(second.catalog.tools.iter().any(|tool| tool.id.as_str() == "b:get"));
    world.now += Duration::from_secs(1);
    let third = world.gather(Some(&second.catalog));
    assert!(!services(&third).contains(&"b"), "a day after it was read last: {:?}", services(&third));
    world.now -= Duration::from_secs(1);
    world.status("/b.json", 404);
    assert!(!services(&world.gather(Some(&first.catalog))).contains(&"b"), "what is gone is gone");
}

#[test]
fn h25_what_a_part_of_the_way_led_to_stays_while_that_is_out_of_reach() {
    let mut world = described();
    let first = world.gather(None);
    world.status("/more", 503);
    check(&world.gather(Some(&first.catalog)), SourceState::Stale, &["a", "b", "c"]);
    check(&world.gather(None), SourceState::Ok, &["a", "b"]);
    world.status("/more", 404);
    check(&world.gather(Some(&first.catalog)), SourceState::Ok, &["a", "b"]);
    world.status(CATALOG, 503);
    check(&world.gather(Some(&first.catalog)), SourceState::Stale, &["a", "b", "c"]);
    world.page(CATALOG, "<html>we will be back</html>");
    check(&world.gather(Some(&first.catalog)), SourceState::Stale, &["a", "b", "c"]);
    world.page(CATALOG, r#"{"linkset": []}"#);
    check(&world.gather(Some(&first.catalog)), SourceState::Failed, &[]);
    world.status(CATALOG, 404);
    check(&world.gather(Some(&first.catalog)), SourceState::Failed, &[]);
}

#[test]
fn nested_catalogs_with_a_circle_give_each_api_once() {
    let mut world = World::of(SourceKind::ApiCatalog, CATALOG);
    let nested =
        |to: &str| json!({"linkset": [{"api-catalog": [{"href": to}], "item": [{"href": "/a.json"}]}]}).to_string();
    world.page(CATALOG, &nested("/n1")).page("/n1", &nested("/n2")).page("/n2", &nested(CATALOG));
    world.page("/a.json", &api("A", "a"));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a"]);
    check_problem(&gathered, "catalogs lead in a circle");
}

#[test]
fn a_catalog_of_two_hundred_services_is_read_whole_in_any_order() {
    let names: Vec<String> = (0..200).map(|nth| format!("/api-{nth}.json")).collect();
    let gathered = |backwards: bool| {
        let mut items: Vec<&str> = names.iter().map(String::as_str).collect();
        if backwards {
            items.reverse();
        }
        let mut world = World::catalog(&items);
        for (nth, name) in names.iter().enumerate() {
            world.page(name, &api(&format!("Api {nth}"), "v1"));
        }
        world.gather(None)
    };
    let (one, other) = (gathered(false), gathered(true));
    assert_eq!(one.catalog.services.len(), 200, "{:?}", one.problems);
    assert_eq!(one.catalog.source_fingerprint, other.catalog.source_fingerprint);
}

#[test]
fn h27_a_publisher_leads_to_no_private_address_and_no_file() {
    let items =
        ["http://inside.example.com/a.json", "http://127.0.0.1/b.json", "file:///etc/hosts", "/c.json", "/away.json"];
    let mut world = World::catalog(&items);
    world.web.addresses.insert("inside.example.com".into(), "10.0.0.1".parse().unwrap());
    world.web.addresses.insert("127.0.0.1".into(), "127.0.0.1".parse().unwrap());
    world.page("http://inside.example.com/a.json", &api("A", "a")).page("http://127.0.0.1/b.json", &api("B", "b"));
    world.page("/c.json", &api("C", "c"));
    let away = Page { status: 302, headers: vec![("Location", "https://127.0.0.1/b.json".into())], ..Page::default() };
    world.set("/away.json", away);
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["c"]);
    for words in
        ["a private address, which only a host named", "a loopback address", "a link to a local file is not followed"]
    {
        check_problem(&gathered, words);
    }
    let asked: BTreeSet<String> = world.web.asked.lock().unwrap().iter().cloned().collect();
    assert!(!asked.iter().any(|name| name.contains("inside") || name.contains("127.0.0.1")), "{asked:?}");
    world.config.policy.egress_allow = Some(vec![HostPattern::parse("inside.example.com").unwrap()]);
    check(&world.gather(None), SourceState::Ok, &["a", "c"]);
}

#[test]
fn a_catalog_on_this_machine_may_lead_to_this_machine() {
    let at = "http://127.0.0.1:8001/catalog";
    let mut world = World::of(SourceKind::ApiCatalog, at);
    world.web.addresses.insert("127.0.0.1".into(), "127.0.0.1".parse().unwrap());
    world.page(at, r#"{"linkset": [{"href": "http://127.0.0.1:8002/a.json", "rel": "item"}]}"#);
    world.page("http://127.0.0.1:8002/a.json", &api("A", "a"));
    check(&world.gather(None), SourceState::Ok, &["a"]);
}

#[test]
fn h29_a_source_that_yields_nothing_says_what_was_looked_at() {
    for (body, words) in [
        (r#"{"linkset": []}"#, "it has no link with `item`"),
        ("<html></html>", "it is an HTML or XML page, not a linkset"),
        (r#"{"linkset": [{"item": [{"href": "/p"}]}]}"#, "https://h.example.com/p cannot be fetched: it answered 404"),
    ] {
        let mut world = World::of(SourceKind::ApiCatalog, CATALOG);
        world.page(CATALOG, body);
        let gathered = world.gather(None);
        check(&gathered, SourceState::Failed, &[]);
        let error = gathered.report[0].error.as_ref().unwrap();
        assert!(error.contains(words) && error.contains(&format!("looked at {CATALOG}")), "{error}");
        let cause = if body.contains("/p") { Cause::Gone } else { Cause::Unreadable };
        assert_eq!(gathered.report[0].cause, Some(cause), "{body}");
    }
}
