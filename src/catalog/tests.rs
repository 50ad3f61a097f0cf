//! From documents to catalogs: ids, words, safety, views, fingerprints, failures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::build::{DISCOVER, Severity, fingerprint};
use super::gather::{Cause, Gathered, SourceState, gather};
use super::view::{Detail, Mask, ReadyCatalog};
use super::*;
use crate::base::host::Clock;
use crate::base::pattern::Pattern;
use crate::base::url::Url;
use crate::config::{Config, HostPattern, Location, Mode, Profile, Refresh, Service, Source, SourceKind, ToolSet};
use crate::fetch::run::Fetcher;
use crate::http::{Headers, Limits, Reach, Request, Response, Transport, TransportError, TransportErrorKind};

mod odd;

/// Answers from a table and remembers what was asked, with what reach.
#[derive(Default)]
struct Web {
    pages: Mutex<BTreeMap<String, (u16, String)>>,
    asked: Mutex<Vec<(String, Reach)>>,
}

impl Transport for Web {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let url = request.url.as_str().to_owned();
        self.asked.lock().unwrap().push((url.clone(), limits.reach));
        let Some((status, body)) = self.pages.lock().unwrap().get(&url).cloned() else {
            let message = "nothing listens there".to_owned();
            return Err(TransportError { kind: TransportErrorKind::Connect, may_have_been_sent: false, message });
        };
        assert!(body != "panic", "a page that breaks the reader");
        Ok(Response { status, headers: Headers::new(), body: body.into_bytes(), truncated: false })
    }
}

/// A config, a web and a clock to gather with.
struct World {
    web: Arc<Web>,
    config: Config,
    now: SystemTime,
}

impl World {
    fn new() -> Self {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        Self { web: Arc::default(), config: Config::default(), now }
    }

    /// A source `id` at `https://<id>.example.com/openapi.json`.
    fn source(mut self, id: &str, document: &Value) -> Self {
        let url = format!("https://{id}.example.com/openapi.json");
        self.page(&url, 200, &document.to_string());
        let kind = SourceKind::OpenApi(Location::Remote(Url::parse(&url).unwrap()));
        self.config.sources.insert(id.into(), Source { enabled: true, refresh: Refresh::default(), uri: url, kind });
        self
    }

    fn file(mut self, id: &str, name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/openapi").join(name);
        let kind = SourceKind::OpenApi(Location::File(path));
        let source = Source { enabled: true, refresh: Refresh::default(), uri: format!("./{name}"), kind };
        self.config.sources.insert(id.into(), source);
        self
    }

    fn service(mut self, id: &str, source: &str, change: impl FnOnce(&mut Service)) -> Self {
        let mut service = Service::of(source.into());
        change(&mut service);
        self.config.services.insert(id.into(), service);
        self
    }

    fn profile(mut self, name: &str, allow: &[&str], deny: &[&str]) -> Self {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        self.config.tool_sets.insert(name.into(), ToolSet { allow: patterns(allow), deny: patterns(deny) });
        self.config.profiles.insert(name.into(), Profile { mode: None, tool_set: Some(name.into()) });
        self
    }

    fn page(&self, url: &str, status: u16, body: &str) {
        self.web.pages.lock().unwrap().insert(url.into(), (status, body.into()));
    }

    fn gather(&self, previous: Option<&Catalog>) -> Gathered {
        let now = self.now;
        let clock = Clock::from_fn(move || now);
        let fetcher = Fetcher::new(self.web.clone(), None, clock.clone());
        gather(&self.config, &fetcher, previous, true, &clock)
    }
}

fn described(paths: &Value) -> Value {
    json!({"openapi": "3.1.0", "info": {"title": "The API"}, "servers": [{"url": "https://up.example.com"}], "paths": paths})
}

/// A description with one GET at each path.
fn with_paths(paths: &[&str]) -> Value {
    let item = json!({"get": {"parameters": [{"name": "x", "in": "path"}]}});
    described(&Value::Object(paths.iter().map(|path| ((*path).to_owned(), item.clone())).collect()))
}

fn ids(catalog: &Catalog) -> Vec<&str> {
    catalog.tools.iter().map(|tool| tool.id.as_str()).collect()
}

fn find<'a>(catalog: &'a Catalog, id: &str) -> &'a Tool {
    catalog.tools.iter().find(|tool| tool.id.as_str() == id).unwrap_or_else(|| panic!("{id} not in {:?}", ids(catalog)))
}

#[track_caller]
fn check_state(gathered: &Gathered, source: &str, state: SourceState, words: &str) {
    let report = gathered.report.iter().find(|report| report.id.as_str() == source).unwrap();
    let error = report.error.clone().unwrap_or_default();
    assert_eq!(report.state, state, "{error}");
    assert!(error.contains(words), "{error}");
}

#[track_caller]
fn check_problem(gathered: &Gathered, words: &str) {
    let found = gathered.problems.iter().any(|problem| problem.to_string().contains(words));
    assert!(found, "no `{words}` in {:#?}", gathered.problems);
}

#[test]
fn h32_collisions_are_resolved_and_reported() {
    let gathered = World::new().file("src", "collisions.yaml").service("c", "src", |_| ()).gather(None);
    let catalog = &gathered.catalog;
    assert_eq!(
        ids(catalog),
        [
            "c:delete:/things/{id}",
            "c:get:/things/all",
            "c:get:/things/{id}/parts",
            "c:get:/things/{id}/parts/{part}/parts",
            "c:things",
            "c:things-2",
            "c:things-3",
        ]
    );
    assert_eq!(find(catalog, "c:things-3").method, "POST");
    assert_eq!(find(catalog, "c:things-3").operation_id, "things");
    let words: BTreeMap<&str, (&str, &str)> =
        catalog.tools.iter().map(|tool| (tool.id.as_str(), (tool.group.as_str(), tool.command.as_str()))).collect();
    assert_eq!(words["c:things"], ("things", "things"));
    assert_eq!(words["c:things-3"], ("things", "things-post"));
    assert_eq!(words["c:get:/things/all"], ("things", "list"));
    assert_eq!(words["c:get:/things/{id}/parts"], ("things", "list-parts"));
    assert_eq!(words["c:get:/things/{id}/parts/{part}/parts"], ("things", "list-get"));
    let flags: Vec<&str> = find(catalog, "c:things").flags.iter().map(|flag| flag.name.as_str()).collect();
    assert_eq!(flags, ["id-query", "id-header", "format-param", "body-param", "help-param"]);
    // `things` is a command; `make` goes to the smaller id.
    assert_eq!(find(catalog, "c:things-2").aliases, ["make"]);
    assert!(find(catalog, "c:things-3").aliases.is_empty());
    for words in [
        "the id `c:things` is taken by an earlier operation; this one is `c:things-3` (at /paths/~1things/post)",
        "the command `things things` is taken; this operation is `things things-post`",
        "the command `things list` is taken; this operation is `things list-parts`",
        "the flag `--id` is taken; the header parameter `id` is `--id-header`",
        "the flag `--body` is taken; the query parameter `body` is `--body-param`",
        "the alias `things make` is taken; it is left out",
        "the alias `things things` is taken; it is left out",
    ] {
        check_problem(&gathered, words);
    }
}

#[test]
fn what_is_deprecated_is_marked_and_examples_stay_out_of_summaries() {
    let parameters =
        json!([{"name": "q", "in": "query", "deprecated": true, "example": "a", "schema": {"type": "string"}}]);
    let body = json!({"content": {"application/json": {"schema": {"type": "object"}, "example": {"b": 1, "a": 2}}}});
    let document = described(&json!({
        "/a": {"post": {"deprecated": true, "parameters": parameters, "requestBody": body}}, "/b": {"get": {}},
    }));
    let gathered = World::new().source("s", &document).service("s", "s", |_| {}).gather(None);
    let [other, old] = &gathered.catalog.tools[..] else { panic!("two tools") };
    let content = |tool: &Tool| tool.request_body.as_ref().unwrap().content_types[0].clone();
    let slim = slim::tool(old);
    for (tool, example) in [(old, Some(json!("a"))), (&slim, None)] {
        assert!(tool.deprecated && tool.flags[0].deprecated && !other.deprecated);
        assert_eq!((&tool.flags[0].example, content(tool).example.is_some()), (&example, example.is_some()));
    }
}

#[test]
fn ids_groups_commands_and_summaries_follow_the_contract() {
    let document = described(&json!({
        "/v1/pets/{petId}": {
            "get": {"operationId": "getPetByID", "tags": ["Pet Store"], "description": "First line.\nSecond."},
            "put": {"x-cli-group": "My Pets", "x-cli-name": "changePet", "summary": " a\n b "},
            "delete": {"x-cli-hidden": true},
            "head": {}, "options": {}, "patch": {"x-cli-ignore": true},
        },
        "/{only}": {"post": {"x-cli-description": "Said for command lines", "description": "long"}},
    }));
    let gathered =
        World::new().source("pets", &document).service("p", "pets", |s| s.alias = Some("pp".into())).gather(None);
    let catalog = &gathered.catalog;
    let rows: Vec<_> =
        catalog.tools.iter().map(|t| (t.id.as_str(), t.group.as_str(), t.command.as_str(), t.hidden)).collect();
    assert_eq!(
        rows,
        [
            ("p:delete:/v1/pets/{petId}", "v1", "delete", true),
            ("p:getPetByID", "pet-store", "get-pet-by-id", false),
            ("p:head:/v1/pets/{petId}", "v1", "head", true),
            ("p:options:/v1/pets/{petId}", "v1", "options", true),
            ("p:post:/{only}", "misc", "create", false),
            ("p:put:/v1/pets/{petId}", "my-pets", "change-pet", false),
        ]
    );
    assert_eq!(find(catalog, "p:getPetByID").summary, "First line.");
    assert_eq!(find(catalog, "p:put:/v1/pets/{petId}").summary, "a b");
    assert_eq!(find(catalog, "p:post:/{only}").description, "Said for command lines");
    assert_eq!(find(catalog, "p:getPetByID").path_params[0].name, "pet-id");
    assert_eq!(find(catalog, "p:getPetByID").path_params[0].original_name, "petId");
    let service = &catalog.services[0];
    assert_eq!((service.alias.as_str(), service.title.as_str()), ("pp", "The API"));
    assert_eq!(service.servers, ["https://up.example.com"]);
}

#[test]
fn a_publisher_may_only_tighten_safety() {
    let rows = [
        ("get", json!(null), "ro idem"),
        ("get", json!({"readOnly": false, "idempotent": false, "requiresApproval": true}), "approval"),
        ("get", json!({"destructive": true}), "destructive idem"),
        ("post", json!({"readOnly": true, "idempotent": true, "destructive": false}), ""),
        ("put", json!(null), "idem"),
        ("delete", json!({"destructive": false, "readOnly": true, "requiresApproval": false}), "destructive idem"),
        ("patch", json!({"requiresApproval": "yes", "made-up": true}), ""),
        ("patch", json!(true), ""),
    ];
    for (method, said, expected) in rows {
        let document = described(&json!({"/a": {method: {"operationId": "a", "x-cli-safety": said}}}));
        let catalog = World::new().source("s", &document).service("s", "s", |_| ()).gather(None).catalog;
        let safety = catalog.tools[0].safety;
        let names = [
            (safety.read_only, "ro"),
            (safety.destructive, "destructive"),
            (safety.requires_approval, "approval"),
            (safety.idempotent, "idem"),
        ];
        let found: Vec<&str> = names.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        assert_eq!(found.join(" "), expected, "{method} {said}");
    }
    let document = described(&json!({"/a": {"post": {"x-cli-safety": {"idempotent": true}}}}));
    check_problem(
        &World::new().source("s", &document).gather(None),
        "would loosen what POST is taken for; it is ignored",
    );
}

#[test]
fn extensions_reach_the_tool() {
    let document = described(&json!({"/a": {"get": {
        "operationId": "a",
        "x-cli-aliases": ["All Of", 3, ""],
        "x-cli-output": {"defaultFields": ["id", "name"], "redactions": "token"},
        "x-cli-pagination": {"style": "cursor", "cursorParam": "after", "itemsPath": "data", "nextPath": "next"},
        "x-cli-retry": {"recommended": true, "locationHeader": "Location"},
        "parameters": [{"name": "strange[name]", "in": "query", "x-cli-name": "niceName", "style": "deepObject"}],
    }, "post": {"operationId": "b", "x-cli-retry": true, "x-cli-pagination": 7}}}));
    let gathered = World::new().source("s", &document).service("s", "s", |_| ()).gather(None);
    let tool = find(&gathered.catalog, "s:a");
    assert_eq!(tool.aliases, ["all-of"]);
    assert_eq!((tool.output.default_fields.len(), &tool.output.redactions[..]), (2, &["token".to_owned()][..]));
    let pagination = tool.pagination.clone().unwrap();
    assert_eq!((pagination.cursor_param.as_str(), pagination.items_path.as_str()), ("after", "data"));
    assert_eq!(tool.retry, Some(Retry { recommended: true, location_header: "Location".into() }));
    assert_eq!(
        (tool.flags[0].name.as_str(), tool.flags[0].style, tool.flags[0].explode),
        ("nice-name", Style::DeepObject, false)
    );
    assert!(find(&gathered.catalog, "s:b").retry.as_ref().unwrap().recommended);
    check_problem(&gathered, "`x-cli-pagination` is no object; it is ignored");
}

#[test]
fn a_configured_server_replaces_the_publishers() {
    let document = described(&json!({"/a": {"get": {"servers": [{"url": "https://evil.example.org"}]}}}));
    let server = Url::parse("https://mine.example.com/base").unwrap();
    let catalog =
        World::new().source("s", &document).service("s", "s", |s| s.server = Some(server)).gather(None).catalog;
    assert_eq!(catalog.tools[0].servers, ["https://mine.example.com/base"]);
    assert_eq!(catalog.services[0].servers, ["https://mine.example.com/base"]);
}

#[test]
fn several_services_may_share_a_source() {
    let world = World::new().source("s", &with_paths(&["/a"])).service("one", "s", |_| ()).service("two", "s", |_| ());
    let catalog = world.gather(None).catalog;
    assert_eq!(ids(&catalog), ["one:get:/a", "two:get:/a"]);
    assert_eq!(catalog.sources.len(), 1);
}

#[test]
fn h45_a_publisher_cannot_take_a_service_id() {
    let world = World::new()
        .source("mine", &with_paths(&["/a"]))
        .service("pay", "mine", |s| s.alias = Some("money".into()))
        .source("taker", &with_paths(&["/pay"]))
        .source("typist", &with_paths(&["/money"]))
        .source("twin-a", &with_paths(&["/same"]))
        .source("twin-b", &with_paths(&["/same", "/zzz"]))
        .source("good", &with_paths(&["/good"]));
    let gathered = world.gather(None);
    assert_eq!(ids(&gathered.catalog), ["good:get:/good", "pay:get:/a"]);
    check_state(
        &gathered,
        "taker",
        SourceState::Failed,
        "`pay` that is derived for source `taker` belongs to the configured",
    );
    check_state(&gathered, "taker", SourceState::Failed, "service `pay` of source `mine`");
    check_state(&gathered, "typist", SourceState::Failed, "configured service `pay` of source `mine`");
    check_state(
        &gathered,
        "twin-a",
        SourceState::Failed,
        "`same` that is derived for source `twin-a` belongs to source `twin-b`",
    );
    check_state(&gathered, "twin-b", SourceState::Failed, "belongs to source `twin-a`");
}

#[test]
fn h45_who_had_a_derived_id_keeps_it() {
    let world = World::new().source("old", &with_paths(&["/shop"])).source("new", &with_paths(&["/other"]));
    let first = world.gather(None).catalog;
    assert_eq!(ids(&first), ["other:get:/other", "shop:get:/shop"]);
    world.page("https://new.example.com/openapi.json", 200, &with_paths(&["/shop"]).to_string());
    let second = world.gather(Some(&first));
    assert_eq!(ids(&second.catalog), ids(&first));
    check_state(&second, "new", SourceState::Stale, "its last good version is served");
}

#[test]
fn h25_one_broken_source_never_takes_the_others_down() {
    let mut world = World::new()
        .source("good", &with_paths(&["/good"]))
        .source("html", &json!(null))
        .source("down", &json!(null))
        .source("breaks", &json!(null))
        .source("off", &json!(null))
        .service("o", "good", |_| ())
        .source("laid", &with_paths(&["/l"]))
        .service("laid", "laid", |s| s.overlays = vec![Location::File("/o.json".into())]);
    world.page("https://html.example.com/openapi.json", 200, "<html>login</html>");
    world.page("https://breaks.example.com/openapi.json", 200, "panic");
    world.web.pages.lock().unwrap().remove("https://down.example.com/openapi.json");
    world.config.sources.get_mut("off").unwrap().enabled = false;
    for (id, kind) in
        [("root", SourceKind::ServiceRoot as fn(Location) -> SourceKind), ("list", SourceKind::ApiCatalog)]
    {
        let location = Location::Remote(Url::parse("https://x.example.com").unwrap());
        let source = Source { enabled: true, refresh: Refresh::default(), uri: String::new(), kind: kind(location) };
        world.config.sources.insert(id.into(), source);
    }
    let gathered = world.gather(None);
    assert_eq!(ids(&gathered.catalog), ["o:get:/good"]);
    check_state(&gathered, "good", SourceState::Ok, "");
    check_state(&gathered, "html", SourceState::Failed, "HTML page");
    check_state(&gathered, "down", SourceState::Failed, "nothing listens there");
    check_state(&gathered, "breaks", SourceState::Failed, "broke off");
    check_state(&gathered, "off", SourceState::Disabled, "");
    check_state(&gathered, "root", SourceState::Failed, "nothing listens there");
    check_state(&gathered, "list", SourceState::Failed, "nothing listens there");
    check_state(&gathered, "laid", SourceState::Failed, "o.json cannot be applied: the file");
    let laid = gathered.report.iter().find(|report| report.id.as_str() == "laid").unwrap();
    assert_eq!(laid.cause, Some(Cause::Overlay));
}

#[test]
fn h25_the_last_good_part_stays_for_a_day() {
    let mut world = World::new().source("s", &with_paths(&["/a"])).service("s", "s", |_| ());
    let first = world.gather(None).catalog;
    world.page("https://s.example.com/openapi.json", 200, "openapi: 3.1.0\npaths: [");
    for (hours, manual, state) in
        [(23, false, SourceState::Stale), (25, false, SourceState::Failed), (9_000, true, SourceState::Stale)]
    {
        world.now = UNIX_EPOCH + Duration::from_secs(1_000_000_000 + hours * 3600);
        world.config.sources.get_mut("s").unwrap().refresh.manual_only = manual;
        let second = world.gather(Some(&first));
        check_state(&second, "s", state, "not valid YAML");
        assert_eq!(ids(&second.catalog).len(), usize::from(state == SourceState::Stale), "{hours}");
        if state == SourceState::Stale {
            assert_eq!(second.catalog.source_fingerprint, first.source_fingerprint);
            let third = world.gather(Some(&second.catalog)).catalog;
            assert_eq!(third.sources[0].provenance.at, first.sources[0].provenance.at, "age does not start anew");
        }
    }
}

#[test]
fn the_last_good_part_follows_the_config() {
    let mut world = World::new().source("s", &with_paths(&["/a"])).service("s", "s", |_| ());
    let first = world.gather(None).catalog;
    world.page("https://s.example.com/openapi.json", 500, "");
    let server = Url::parse("https://mine.example.com/").unwrap();
    world = world.service("s", "s", |s| (s.server, s.alias) = (Some(server), Some("new".into())));
    let second = world.gather(Some(&first)).catalog;
    assert_eq!(
        (second.tools[0].servers[0].as_str(), second.services[0].alias.as_str()),
        ("https://mine.example.com/", "new")
    );
    world.config.services.clear();
    world = world.service("t", "s", |_| ());
    check_state(&world.gather(Some(&first)), "s", SourceState::Failed, "");
    // Taken away, or kept from us: not served from memory.
    world.config.services.clear();
    world = world.service("s", "s", |_| ());
    world.page("https://s.example.com/openapi.json", 500, "");
    check_state(&world.gather(Some(&first)), "s", SourceState::Stale, "");
    for status in [401, 403, 404, 410] {
        world.page("https://s.example.com/openapi.json", status, "");
        check_state(&world.gather(Some(&first)), "s", SourceState::Failed, "");
    }
    // What was read without the overlay does not stand in for what has one now.
    world.page("https://s.example.com/openapi.json", 500, "");
    world = world.service("s", "s", |s| s.overlays = vec![Location::File("/o".into())]);
    check_state(&world.gather(Some(&first)), "s", SourceState::Failed, "it answered 500");
    // Another address is another publisher.
    world = world.service("s", "s", |_| ());
    world.config.sources.get_mut("s").unwrap().uri = "https://s.example.com/other.json".into();
    world.page("https://s.example.com/openapi.json", 500, "");
    check_state(&world.gather(Some(&first)), "s", SourceState::Failed, "");
}

#[test]
fn h24_the_query_of_a_source_is_not_shown_but_tells_publishers_apart() {
    let document = described(&json!({"/a": {"get": {"operationId": "a"}}}));
    let mut world = World::new().source("s", &document).service("s", "s", |_| ());
    let keyed = |key: &str| format!("https://s.example.com/openapi.json?key={key}");
    world.config.sources.get_mut("s").unwrap().uri = keyed("hunter2");
    let first = world.gather(None).catalog;
    let shown = serde_json::to_string(&first).unwrap();
    assert!(shown.contains(r#""uri":"https://s.example.com/openapi.json","#) && !shown.contains("hunter2"), "{shown}");
    world.page("https://s.example.com/openapi.json", 500, "");
    check_state(&world.gather(Some(&first)), "s", SourceState::Stale, "");
    world.config.sources.get_mut("s").unwrap().uri = keyed("another");
    check_state(&world.gather(Some(&first)), "s", SourceState::Failed, "");
    for (uri, expected) in [
        ("HTTPS://h/a?k=1#x", "HTTPS://h/a"),
        ("https://h/a#x?k", "https://h/a"),
        ("./what?.json", "./what?.json"),
        ("/tmp/\u{fc}?", "/tmp/\u{fc}?"),
    ] {
        assert_eq!(public_uri(uri), expected);
    }
}

#[test]
fn h27_documents_that_others_lead_to_are_public_or_named() {
    let reference = |url: &str| json!({"name": url, "in": "query", "schema": {"$ref": url}});
    let urls = [
        "https://s.example.com/beside.json",
        "https://public.example.org/s.json",
        "https://allowed.example.org/s.json",
        "https://server.example.net/s.json",
    ];
    let parameters: Vec<Value> = urls.iter().map(|url| reference(url)).collect();
    let document = described(&json!({"/a": {"get": {"operationId": "a", "parameters": parameters}}}));
    let server = Url::parse("https://server.example.net/api").unwrap();
    let mut world = World::new().source("s", &document).service("s", "s", |s| s.server = Some(server));
    world.config.policy.egress_allow = Some(vec![HostPattern { host: "allowed.example.org".into(), port: None }]);
    for url in urls {
        world.page(url, 200, "{\"type\": \"integer\"}");
    }
    let gathered = world.gather(None);
    let asked: BTreeMap<String, Reach> = world.web.asked.lock().unwrap().iter().cloned().collect();
    for (url, reach) in urls.iter().zip([Reach::Named, Reach::PublicOnly, Reach::Named, Reach::Named]) {
        assert_eq!(asked[*url], reach, "{url}");
    }
    assert_eq!(gathered.report[0].fetches.len(), 5);
    assert!(
        gathered.catalog.tools[0]
            .flags
            .iter()
            .all(|flag| flag.schema.as_ref().unwrap().value() == json!({"type": "integer"}))
    );
}

#[test]
fn local_descriptions_in_several_files_load() {
    let gathered = World::new().file("shop", "files.yaml").gather(None);
    assert_eq!(ids(&gathered.catalog), ["broken:brokenSchema", "broken:createOrder", "broken:getOrder"]);
    check_state(&gathered, "shop", SourceState::Ok, "");
    let errors: Vec<_> = gathered.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].message.contains("Gone"), "{errors:?}");
}

/// The same document with the members of every object in another order.
fn shuffled(value: &Value, seed: &mut u64) -> Value {
    match value {
        Value::Object(members) => {
            let mut all: Vec<_> = members.iter().map(|(name, value)| (name.clone(), shuffled(value, seed))).collect();
            for at in (1..all.len()).rev() {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                all.swap(at, usize::try_from(*seed >> 33).unwrap() % (at + 1));
            }
            Value::Object(all.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(|item| shuffled(item, seed)).collect(),
        scalar => scalar.clone(),
    }
}

#[test]
fn h25_the_order_of_members_never_changes_ids_or_fingerprint() {
    let mut seed = 7;
    for name in ["keywords-31.yaml", "cycles.yaml", "collisions.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/openapi").join(name);
        let bytes = crate::base::disk::read(&path, 1 << 20).unwrap();
        let mut document = crate::base::document::parse(&bytes).unwrap();
        // Operations with one id are told apart by the document's order, as the contract says.
        if let Some(twice) = document.pointer_mut("/paths/~1things/post/operationId") {
            *twice = json!("things/made");
        }
        let gathered = |document: &Value| World::new().source("s", document).gather(None).catalog;
        let first = gathered(&document);
        assert!(!first.tools.is_empty());
        for _ in 0..20 {
            let other = gathered(&shuffled(&document, &mut seed));
            assert_eq!(ids(&other), ids(&first), "{name}");
            let words = |catalog: &Catalog| catalog.tools.iter().map(|t| t.command.clone()).collect::<Vec<_>>();
            assert_eq!(words(&other), words(&first), "{name}");
            assert_eq!(other.source_fingerprint, first.source_fingerprint, "{name}");
        }
    }
}

#[test]
fn h25_content_changes_the_fingerprint_and_time_does_not() {
    let mut world = World::new().source("s", &with_paths(&["/a"])).service("s", "s", |_| ());
    let first = world.gather(None).catalog;
    world.now += Duration::from_secs(60);
    let later = world.gather(None).catalog;
    assert_ne!(later.generated_at, first.generated_at);
    assert_eq!(later.source_fingerprint, first.source_fingerprint);
    assert!(first.source_fingerprint.starts_with("sha256:") && first.source_fingerprint.len() == 71);
    let mut seen = BTreeSet::from([first.source_fingerprint]);
    for change in [
        json!({"get": {"summary": "s"}}),
        json!({"get": {"description": "d"}}),
        json!({"get": {"parameters": [{"name": "p", "in": "query"}]}}),
        json!({"get": {"parameters": [{"name": "p", "in": "query", "schema": {"enum": ["a", "b"]}}]}}),
        json!({"get": {"parameters": [{"name": "p", "in": "query", "schema": {"enum": ["b", "a"]}}]}}),
        json!({"get": {"security": [{"x": []}]}}),
        json!({"get": {"servers": [{"url": "https://elsewhere.example.com"}]}}),
        json!({"put": {}}),
    ] {
        let document = described(&json!({"/a": change}));
        let catalog = World::new().source("s", &document).service("s", "s", |_| ()).gather(None).catalog;
        assert!(seen.insert(catalog.source_fingerprint), "{change} is not seen");
    }
    let profiled = World::new().source("s", &with_paths(&["/a"])).service("s", "s", |_| ()).profile("p", &["s:*"], &[]);
    assert!(seen.insert(profiled.gather(None).catalog.source_fingerprint));
    assert_eq!(fingerprint(&later), later.source_fingerprint);
}

fn view_ids<'a>(catalog: &'a Catalog, name: &str) -> Vec<&'a str> {
    let view = catalog.effective_views.iter().find(|view| view.name == name).unwrap();
    view.tools.iter().map(|tool| tool.id.as_str()).collect()
}

#[test]
fn h15_views_hold_what_profiles_allow_and_policy_does_not_deny() {
    let mut world = World::new()
        .source("s", &with_paths(&["/a", "/b", "/c", "/d"]))
        .service("s", "s", |_| ())
        .profile("some", &["s:*"], &["s:get:/b"])
        .profile("only", &["s:get:/b"], &["**"])
        .profile("nothing", &[], &[])
        .profile("none", &[], &["**"]);
    world.config.profiles.insert("open".into(), Profile { mode: Some(Mode::Discover), tool_set: Some("only".into()) });
    world.config.policy.deny = vec![Pattern::parse("s:*:/c").unwrap()];
    world.config.policy.managed_deny = vec![Pattern::parse("s:*:/d").unwrap()];
    let catalog = world.gather(None).catalog;
    let names: Vec<_> = catalog.effective_views.iter().map(|view| (view.name.as_str(), view.mode.as_str())).collect();
    assert_eq!(
        names,
        [
            (DISCOVER, "discover"),
            ("none", "curated"),
            ("nothing", "curated"),
            ("only", "curated"),
            ("open", "discover"),
            ("some", "curated")
        ]
    );
    assert_eq!(view_ids(&catalog, DISCOVER), ["s:get:/a", "s:get:/b"]);
    assert_eq!(view_ids(&catalog, "some"), ["s:get:/a"]);
    assert_eq!(view_ids(&catalog, "only"), ["s:get:/b"]);
    assert_eq!(view_ids(&catalog, "open"), ["s:get:/a", "s:get:/b"]);
    assert!(view_ids(&catalog, "nothing").is_empty() && view_ids(&catalog, "none").is_empty());
}

fn effective(ready: &ReadyCatalog, envelope: &Mask, view: &str, detail: Detail) -> Value {
    serde_json::from_slice(&ready.effective(envelope, view, detail).unwrap()).unwrap()
}

#[test]
fn h09_what_the_envelope_hides_is_hidden_everywhere() {
    let world = World::new()
        .source("open", &with_paths(&["/a", "/b"]))
        .service("seen", "open", |_| ())
        .source("secret", &with_paths(&["/hush"]))
        .service("veiled", "secret", |_| ())
        .profile("all", &["*"], &[]);
    let mut catalog = world.gather(None).catalog;
    let step = |id: &str| WorkflowStep { step_id: "x".into(), tool_id: ToolId::new(id) };
    catalog.workflows = vec![
        Workflow { workflow_id: "fine".into(), steps: vec![step("seen:get:/a")] },
        Workflow { workflow_id: "leaky".into(), steps: vec![step("seen:get:/a"), step("veiled:get:/hush")] },
    ];
    let ready = ReadyCatalog::new(catalog);
    let mut envelope = Mask::none(ready.len());
    envelope.insert(ready.find("seen:get:/a").unwrap());
    for detail in [Detail::Full, Detail::Summary] {
        let body = effective(&ready, &envelope, "all", detail);
        let text = body.to_string();
        for word in ["veiled", "secret", "hush", "leaky", "/b"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert_eq!(body["catalog"]["sources"].as_array().unwrap().len(), 1);
        assert_eq!(body["catalog"]["workflows"][0]["workflowId"], "fine");
        assert_eq!(body["view"]["tools"][0]["id"], "seen:get:/a");
        assert_eq!(body["catalog"]["effectiveViews"][1]["name"], "all");
        let roots: Vec<&str> = body["catalog"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            roots,
            [
                "catalogVersion",
                "generatedAt",
                "sourceFingerprint",
                "sources",
                "services",
                "tools",
                "workflows",
                "effectiveViews"
            ]
        );
    }
    let nothing = effective(&ready, &Mask::none(ready.len()), DISCOVER, Detail::Full);
    for list in ["sources", "services", "tools", "workflows"] {
        assert_eq!(nothing["catalog"][list], json!([]), "{list}");
    }
    assert!(ready.effective(&envelope, "no such view", Detail::Full).is_none());
}

#[test]
fn a_full_catalog_reads_back() {
    let world = World::new().file("src", "keywords-31.yaml").service("k", "src", |_| ());
    let ready = ReadyCatalog::new(world.gather(None).catalog);
    let body = effective(&ready, &Mask::all(ready.len()), DISCOVER, Detail::Full);
    let read: Catalog = serde_json::from_value(body["catalog"].clone()).unwrap();
    assert_eq!(fingerprint(&read), ready.catalog().source_fingerprint);
    assert_eq!(read.tools[0], *ready.tool(0));
    assert_eq!(serde_json::from_slice::<Tool>(ready.tool_json(0)).unwrap(), *ready.tool(0));
    assert_eq!(body["catalog"]["effectiveViews"][0]["tools"], body["catalog"]["tools"]);
    assert_eq!(body["view"]["tools"], body["catalog"]["tools"]);
    assert!(crate::base::time::parse_rfc3339(&read.generated_at).is_some());
}

#[test]
fn summaries_keep_what_a_command_line_needs() {
    let body_schema = json!({
        "type": "object", "required": ["name", "nested", "base"], "allOf": [{"$ref": "#/components/schemas/Base"}],
        "properties": {
            "name": {"type": "string", "description": "long", "maxLength": 3},
            "size": {"$ref": "#/components/schemas/Size"},
            "nested": {"type": "object"}, "list": {"type": "array", "items": {"type": "string"}},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "id": {"type": "string", "readOnly": true},
        },
    });
    let mut document = described(&json!({"/a": {"post": {
        "operationId": "a", "summary": "short", "description": "long words",
        "x-cli-output": {"redactions": ["token"]},
        "parameters": [
            {"name": "q", "in": "query", "required": true, "description": "long words", "schema": {"type": "array", "description": "x",
                "items": {"type": "string", "enum": ["a"], "description": "x"}}},
            {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "format": "int32", "multipleOf": 2}},
        ],
        "requestBody": {"required": true, "content": {
            "application/json": {"schema": body_schema}, "text/plain": {"schema": {"type": "string"}}}},
    }}}));
    document["components"] = json!({"schemas": {
        "Base": {"type": "object", "properties": {"base": {"type": "boolean"}}},
        "Size": {"type": "string", "enum": ["s", "m"]}}});
    let ready = ReadyCatalog::new(World::new().source("s", &document).service("s", "s", |_| ()).gather(None).catalog);
    let body = effective(&ready, &Mask::all(1), DISCOVER, Detail::Summary);
    let tool = &body["catalog"]["tools"][0];
    assert!(!body.to_string().contains("long"), "{tool:#}");
    assert_eq!((&tool["summary"], &tool["description"]), (&json!("short"), &Value::Null));
    assert_eq!(tool["flags"][0]["schema"], json!({"type": "array", "items": {"type": "string", "enum": ["a"]}}));
    assert_eq!(tool["flags"][0]["required"], true);
    let number = json!({"type": "integer", "format": "int32", "default": 3, "minimum": 1, "maximum": 9});
    assert_eq!(tool["flags"][1]["schema"], number);
    let contents = &tool["requestBody"]["contentTypes"];
    assert_eq!(contents[1], json!({"mediaType": "text/plain"}));
    assert_eq!(
        contents[0]["schema"],
        json!({
            "type": "object",
            "properties": {
                "base": {"type": "boolean"},
                "name": {"type": "string"},
                "size": {"type": "string", "enum": ["s", "m"]},
                "maybe": {"type": "integer"},
            },
            "required": ["base", "name"],
        })
    );
    assert_eq!(tool["output"]["redactions"], json!(["token"]));
    assert_eq!(body["view"]["tools"], json!([{"id": "s:a"}]));
}

#[test]
fn masks_are_sets() {
    let of = |indexes: &[usize]| {
        let mut mask = Mask::none(130);
        indexes.iter().for_each(|index| mask.insert(*index));
        mask
    };
    let (a, b) = (of(&[0, 64, 129]), of(&[64, 100]));
    assert_eq!(a.intersect(&b), of(&[64]));
    assert_eq!(a.union(&b), of(&[0, 64, 100, 129]));
    assert_eq!((a.count(), a.contains(129), a.contains(130), a.contains(1)), (3, true, false, false));
    assert_eq!(a.indexes().collect::<Vec<_>>(), [0, 64, 129]);
    assert_eq!(Mask::all(130).count(), 130);
    assert_eq!(a.union(&Mask::all(3)).count(), 0, "masks of different catalogs have nothing in common");
}
