//! The HTTP API asked without sockets: an [`App`] over a catalog made here, and an upstream that is a value.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::*;
use crate::access::validator::Validator;
use crate::audit::Rotation;
use crate::audit::read::{Filter, find};
use crate::base::disk;
use crate::base::host::{self, Clock, Env};
use crate::base::pattern::Pattern;
use crate::catalog::{CATALOG_VERSION, Catalog, Safety, ServiceRecord, SourceRecord, Tool, View, ViewTool};
use crate::config::load::Surroundings;
use crate::config::{Config, Mode, Profile, ToolSet};
use crate::contract::{CODES, path};
use crate::http::server::{Admission, Body};
use crate::http::{Headers, Limits, Request, Response, Transport, TransportError};
use crate::server::router::ROUTES;
use crate::server::snapshot::Served;
use crate::server::state::Workshop;

/// Counts what is sent, and answers what was prepared, else 200 with the same body.
#[derive(Default)]
struct Upstream {
    sent: Mutex<Vec<String>>,
    answers: Mutex<Vec<Response>>,
}

impl Transport for Upstream {
    fn send(&self, request: &Request, _limits: Limits) -> Result<Response, TransportError> {
        self.sent.lock().unwrap().push(format!("{} {}", request.method, request.url.as_str()));
        let headers = Headers::new().with("Content-Type", "application/json");
        let usual = Response { status: 200, headers, body: br#"{"ok":  true}"#.to_vec(), truncated: false };
        Ok(self.answers.lock().unwrap().pop().unwrap_or(usual))
    }
}

struct World {
    app: Arc<App>,
    upstream: Arc<Upstream>,
    orders: Receiver<Order>,
    dir: PathBuf,
}

impl Drop for World {
    #[expect(clippy::disallowed_methods, reason = "a test clears its scratch directory")]
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

/// `api:get` reads, `api:put` writes, `api:drop` is denied, `api:managed` is denied by the managed policy, `api:ask` needs
/// approval; the profile `readers` sees `api:get` only.
fn config() -> Config {
    let mut config = Config { mode: Some(Mode::Discover), ..Config::default() };
    config.policy.deny = patterns(&["api:drop", "api:managed"]);
    config.policy.managed_deny = patterns(&["api:managed"]);
    config.policy.approval_required = patterns(&["api:ask"]);
    config.tool_sets.insert("read".into(), ToolSet { allow: patterns(&["api:get"]), deny: patterns(&["**"]) });
    config.profiles.insert("readers".into(), Profile { mode: None, tool_set: Some("read".into()) });
    config
}

fn catalog() -> Catalog {
    let tool = |id: &str, method: &str| Tool {
        id: id.into(),
        service_id: "api".into(),
        method: method.to_owned(),
        path: "/items".to_owned(),
        servers: vec!["http://127.0.0.1:1/v1".to_owned()],
        safety: Safety { read_only: method == "GET", ..Safety::default() },
        ..Tool::default()
    };
    let ids = ["api:ask", "api:drop", "api:get", "api:managed", "api:put"];
    let view = |name: &str, mode: &str, ids: &[&str]| View {
        name: name.to_owned(),
        mode: mode.to_owned(),
        tools: ids.iter().map(|id| ViewTool { id: (*id).into() }).collect(),
    };
    Catalog {
        catalog_version: CATALOG_VERSION.to_owned(),
        generated_at: "2026-01-01T00:00:00.000Z".to_owned(),
        source_fingerprint: "sha256:0".to_owned(),
        sources: vec![SourceRecord {
            id: "src".into(),
            kind: "openapi".to_owned(),
            uri: "api.json".to_owned(),
            provenance: Default::default(),
        }],
        services: vec![ServiceRecord {
            id: "api".into(),
            alias: "api".to_owned(),
            source_id: "src".into(),
            title: "Api".to_owned(),
            servers: vec![],
        }],
        tools: ids.iter().map(|id| tool(id, if *id == "api:get" { "GET" } else { "PUT" })).collect(),
        workflows: vec![],
        plans: vec![],
        overlays: Default::default(),
        effective_views: vec![view("discover", "discover", &ids), view("readers", "curated", &["api:get"])],
    }
}

impl World {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        let world = Self::unbuilt(config, None);
        world.app.state.put(catalog());
        world
    }

    /// With what checks tokens.
    fn guarded(config: Config, validator: Validator) -> Self {
        let world = Self::unbuilt(config, Some(Arc::new(validator)));
        world.app.state.put(catalog());
        world
    }

    fn unbuilt(config: Config, validator: Option<Arc<Validator>>) -> Self {
        let dir = std::env::temp_dir().join(format!("open-cli-app-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        let clock = Clock::from_fn(|| UNIX_EPOCH);
        let upstream = Arc::new(Upstream::default());
        let surroundings = Surroundings {
            cwd: dir.clone(),
            managed_dir: dir.join("managed"),
            user_dir: None,
            trust_file: None,
            config: Some(dir.join(".cli.json")),
        };
        let workshop = Workshop {
            surroundings,
            transport: Arc::clone(&upstream) as Arc<dyn Transport>,
            documents: dir.join("http"),
            env: Env::default(),
            clock: clock.clone(),
            log: Log::silent(),
        };
        let served = Served {
            config,
            path: Some(PathBuf::from("/srv/team/.cli.json")),
            fingerprint: "sha256:f".to_owned(),
            validator,
        };
        let (orders, inbox) = mpsc::channel();
        let instance = Instance {
            id: "test".to_owned(),
            dir: dir.clone(),
            cache_dir: dir.join("cache"),
            audit_path: dir.join("audit.log"),
            oauth_dir: dir.join("oauth"),
        };
        let app = App {
            state: Arc::new(State::new(workshop, served)),
            audit: Arc::new(AuditLog::open(&instance.audit_path, Rotation::default(), clock.clone()).unwrap().0),
            executor: Executor::new(Arc::clone(&upstream) as Arc<dyn Transport>, Env::default(), clock.clone()),
            continuations: Continuations::new(None).unwrap(),
            sessions: Sessions::new(None, clock.clone()),
            instance,
            public_url: None,
            listening: OnceLock::from(std::net::SocketAddr::from(([127, 0, 0, 1], 8765))),
            log: Log::silent(),
            log_requests: Requests::default(),
            metrics: Metrics::new(UNIX_EPOCH),
            orders,
            ids: Serial::new([0; 16]),
            leaving: AtomicBool::new(false),
            stop_recorded: Mutex::new(false),
            unrecorded_told: Pace::new(TELL_FAILURES),
            clock,
            failures: Counter::default(),
            failures_told: Pace::new(TELL_FAILURES),
        };
        Self { app: Arc::new(app), upstream, orders: inbox, dir }
    }

    /// Nobody else has it before it is asked.
    fn app_mut(&mut self) -> &mut App {
        Arc::get_mut(&mut self.app).unwrap()
    }

    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut all = Headers::new().with("Host", "127.0.0.1:8765");
        if !body.is_empty() {
            all = all.with("Content-Type", "application/json");
        }
        headers.iter().for_each(|(name, value)| all.set(name, value).unwrap());
        let answer = Arc::clone(&self.app).handle(Inbound {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: all,
            body: body.as_bytes().to_vec(),
            client: ([127, 0, 0, 1], 40_000).into(),
            streams: Admission::default(),
        });
        let answer = answer.awaited().unwrap();
        let Body::Bytes(bytes) = answer.body else { panic!("no route streams") };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let reply = Reply { status: answer.status, headers: answer.headers, text };
        described::check(method, path, &reply);
        reply
    }

    /// The stream of `GET /v1/audit/events` with this query.
    fn follow(&self, query: &str) -> Box<dyn std::io::Read + Send> {
        let answer = Arc::clone(&self.app).handle(Inbound {
            method: "GET".to_owned(),
            path: path::AUDIT.to_owned(),
            query: query.to_owned(),
            headers: Headers::new().with("Host", "127.0.0.1:8765"),
            body: Vec::new(),
            client: ([127, 0, 0, 1], 40_000).into(),
            streams: Admission::default(),
        });
        assert_eq!(answer.headers.get("Content-Type"), Some("text/event-stream"));
        match answer.body {
            Body::Stream(stream) => stream.source,
            Body::Bytes(_) => panic!("records come as a stream"),
        }
    }

    fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[], "")
    }

    fn execute(&self, body: &Value) -> Reply {
        self.ask("POST", path::EXECUTE, &[], &body.to_string())
    }

    fn sent(&self) -> Vec<String> {
        self.upstream.sent.lock().unwrap().clone()
    }

    /// Event type and reason of every audit record.
    fn records(&self) -> Vec<(String, String)> {
        let found = find(self.app.audit.path(), &Filter { limit: 100, ..Filter::default() }).unwrap();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
        let read = |line: &Vec<u8>| serde_json::from_slice::<Value>(line).unwrap();
        found.lines.iter().map(read).map(|v| (text(&v, "eventType"), text(&v, "reasonCode"))).collect()
    }
}

struct Reply {
    status: u16,
    headers: Headers,
    text: String,
}

impl Reply {
    #[track_caller]
    fn is(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text.as_str()), (status, text));
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }
}

fn tool_ids(tools: &Value) -> Vec<&str> {
    tools.as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap()).collect()
}

mod continued;
mod described;
mod observed;
mod policy;
mod sessions;
mod tokens;

#[test]
fn the_catalog_has_a_validator() {
    let world = World::new();
    let first = world.get(path::CATALOG);
    let etag = first.headers.get("ETag").unwrap().to_owned();
    assert_eq!(first.json()["view"]["name"], "discover");
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = world.ask("GET", path::CATALOG, &[("If-None-Match", &known)], "");
        again.is(304, "");
        assert_eq!(again.headers.get("ETag"), Some(etag.as_str()));
    }
    let summary = world.get(&format!("{}?detail=summary", path::CATALOG));
    assert_ne!(summary.headers.get("ETag"), Some(etag.as_str()));
    assert_eq!(world.ask("GET", path::CATALOG, &[("If-None-Match", "\"x\"")], "").status, 200);
    world.get(&format!("{}?detail=much", path::CATALOG)).is(400, "bad_request");
}

#[test]
fn h15_denied_tools_are_in_no_listing() {
    let world = World::new();
    let body = world.get(path::CATALOG).json();
    assert_eq!(tool_ids(&body["catalog"]["tools"]), ["api:ask", "api:get", "api:put"]);
    assert_eq!(tool_ids(&body["view"]["tools"]), ["api:ask", "api:get", "api:put"]);
    let curated = world.get(&format!("{}?agentProfile=readers", path::CATALOG)).json();
    assert_eq!(tool_ids(&curated["view"]["tools"]), ["api:get"]);
    assert_eq!(world.get("/v1/tools?id=api:get").json()["id"], "api:get");
    world.get("/v1/tools?id=api:drop").is(404, "tool_not_found");
    world.get("/v1/tools?id=nothing").is(404, "tool_not_found");
    world.get("/v1/tools").is(400, "bad_request");
}

#[test]
fn h13_unknown_modes_and_profiles_are_400_everywhere() {
    let world = World::new();
    for query in ["mode=everything", "agentProfile=nobody", "mode=curated"] {
        world.get(&format!("{}?{query}", path::CATALOG)).is(400, "bad_request");
    }
    world.execute(&json!({"toolId": "api:get", "agentProfile": "nobody"})).is(400, "bad_request");
    assert!(world.sent().is_empty());
}

#[test]
fn h01_a_request_repeats_the_served_config_or_is_refused() {
    let world = World::new();
    for served in ["/srv/team/.cli.json", "/srv/team/./x/../.cli.json", ""] {
        assert_eq!(world.get(&format!("{}?config={served}", path::CATALOG)).status, 200, "{served}");
    }
    for other in ["/etc/passwd", ".cli.json", "/srv/team/.cli.json%00"] {
        for at in [path::CATALOG, path::REFRESH, path::AUDIT, "/v1/tools"] {
            world.get(&format!("{at}?config={other}")).is(409, "runtime_attach_mismatch");
        }
        assert_eq!(world.get(&format!("{}?config={other}", path::INFO)).status, 200, "anonymous endpoints ignore it");
    }
    world.execute(&json!({"toolId": "api:get", "configPath": "/etc/passwd"})).is(409, "runtime_attach_mismatch");
    assert!(world.sent().is_empty());
}

#[test]
fn executions_are_decided_sent_and_recorded() {
    let world = World::new();
    let reply = world.execute(&json!({"toolId": "api:get"}));
    assert_eq!(reply.text.contains(r#""body":{"ok":  true}"#), reply.status == 200, "{}", reply.text);
    assert_eq!(world.execute(&json!({"toolId": "api:put"})).status, 200);
    assert_eq!(world.sent(), ["GET http://127.0.0.1:1/v1/items", "PUT http://127.0.0.1:1/v1/items"]);
    let records = world.records();
    let types: Vec<&str> = records.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(types, ["tool_execution", "execution_started", "tool_execution"]);
}

#[test]
fn h37_a_stream_is_on_record_before_its_first_byte() {
    let world = World::new();
    let answer = Arc::clone(&world.app).handle(Inbound {
        method: "POST".to_owned(),
        path: path::EXECUTE.to_owned(),
        query: String::new(),
        headers: Headers::new().with("Host", "127.0.0.1:8765").with("Content-Type", "application/json"),
        body: br#"{"toolId": "api:put", "stream": true}"#.to_vec(),
        client: ([127, 0, 0, 1], 40_000).into(),
        streams: Admission::default(),
    });
    assert_eq!((answer.status, answer.headers.get("Content-Type")), (200, Some("application/x-ndjson")));
    let types: Vec<String> = world.records().into_iter().map(|(event, _)| event).collect();
    assert_eq!(types, ["execution_started", "tool_execution"]);
    let Body::Stream(mut stream) = answer.body else { panic!("it is a stream") };
    let mut text = String::new();
    stream.source.read_to_string(&mut text).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"statusCode": 200, "contentType": "application/json", "retries": 0}));
    assert_eq!(lines[1], json!({"data": "eyJvayI6ICB0cnVlfQ=="}));
    assert_eq!(lines[2], json!({"end": true, "pieces": 1, "bytes": 13, "truncated": false}));
    assert!(stream.permit.is_some() && stream.halt.is_some());
}

#[test]
fn denials_follow_the_policy_and_are_recorded() {
    let world = World::new();
    for (ask, status, code) in [
        (json!({"toolId": "api:managed"}), 403, "managed_deny"),
        (json!({"toolId": "api:drop"}), 403, "policy_deny"),
        (json!({"toolId": "api:put", "agentProfile": "readers"}), 403, "curated_deny"),
        (json!({"toolId": "api:ask"}), 403, "approval_required"),
        (json!({"toolId": "none"}), 404, "tool_not_found"),
    ] {
        world.execute(&ask).is(status, code);
        assert_eq!(world.records().last().unwrap(), &("authz_denial".to_owned(), code.to_owned()));
    }
    assert!(world.sent().is_empty());
    assert_eq!(world.execute(&json!({"toolId": "api:ask", "approval": true})).status, 200);
}

#[test]
fn a_dry_run_sends_nothing() {
    let world = World::new();
    let dry = world.execute(&json!({"toolId": "api:ask", "dryRun": true})).json();
    assert_eq!((&dry["method"], &dry["url"]), (&json!("PUT"), &json!("http://127.0.0.1:1/v1/items")));
    world.execute(&json!({"toolId": "api:drop", "dryRun": true})).is(403, "policy_deny");
    assert!(world.sent().is_empty());
}

#[test]
fn bad_bodies_say_where() {
    let world = World::new();
    let problem = world.ask("POST", path::EXECUTE, &[("Accept", "application/json")], "{\n  \"toolId\": 1}");
    assert_eq!(problem.status, 400);
    assert!(problem.text.contains("line 2, column 13"), "{}", problem.text);
    world.execute(&json!({"toolId": "api:get", "unknownMember": 1})).is(400, "bad_request");
    world.ask("POST", path::EXECUTE, &[("Content-Type", "text/plain")], "{}").is(400, "bad_request");
    world.ask("POST", path::EXECUTE, &[], "").is(400, "bad_request");
}

#[test]
fn h37_without_an_audit_record_nothing_is_sent() {
    let world = World::new();
    world.app.audit.break_for_tests();
    for tool in ["api:get", "api:put", "api:drop"] {
        world.execute(&json!({"toolId": tool})).is(503, "audit_unavailable");
    }
    assert!(world.sent().is_empty());
    world.ask("POST", path::STOP, &[], "").is(503, "audit_unavailable");
    assert!(world.orders.try_recv().is_err());
}

#[test]
fn h11_foreign_pages_are_refused_before_anything_else() {
    let world = World::new();
    for (name, value) in [("Host", "evil.example"), ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")]
    {
        for at in [path::CATALOG, path::HEALTH, "/nothing"] {
            world.ask("GET", at, &[(name, value)], "").is(403, "forbidden_origin");
        }
    }
}

#[test]
fn paths_and_methods_are_told_apart() {
    let world = World::new();
    world.get("/nothing").is(404, "not_found");
    world.get("/v1/tools/").is(404, "not_found");
    let wrong = world.ask("DELETE", path::REFRESH, &[], "");
    wrong.is(405, "method_not_allowed");
    assert_eq!(wrong.headers.get("Allow"), Some("GET, HEAD, POST"));
    assert_eq!(world.get(path::EXECUTE).headers.get("Allow"), Some("POST"));
    assert_eq!(world.ask("HEAD", path::HEALTH, &[], "").status, 200);
    let later = world.ask("POST", "/v1/workflows/run", &[("Accept", "application/json")], "{}");
    assert_eq!(later.status, 404);
    assert!(later.text.contains("not supported by this version"), "{}", later.text);
}

#[test]
fn every_answer_has_its_request_id() {
    let world = World::new();
    for route in ROUTES {
        let reply = world.ask("GET", route.path, &[("X-Request-ID", "mine")], "");
        assert_eq!(reply.headers.all("X-Request-ID").collect::<Vec<_>>(), ["mine"], "{}", route.path);
    }
    assert_eq!(world.get("/nothing").headers.get("X-Request-ID").map(str::len), Some(32));
}

#[test]
fn the_handshake_says_what_is_served() {
    let world = World::new();
    let info = world.get(path::INFO).json();
    assert_eq!(info["contractVersion"], "1.1");
    assert_eq!(info["url"], "http://127.0.0.1:8765");
    assert_eq!(info["auth"]["required"], false);
    assert_eq!(info["instanceId"], "test");
    world.get(path::BROWSER_CONFIG).is(404, "not_found");
}

#[test]
fn before_the_first_build_there_is_no_catalog() {
    let world = World::unbuilt(config(), None);
    world.get(path::CATALOG).is(503, "catalog_unavailable");
    world.get(path::READY).is(503, "catalog_unavailable");
    assert_eq!(world.get(path::HEALTH).status, 200);
    world.app.state.put(catalog());
    assert_eq!(world.get(path::READY).status, 200);
    world.app.leaving.store(true, Ordering::SeqCst);
    world.get(path::READY).is(503, "overloaded");
    assert_eq!(world.get(path::HEALTH).status, 200);
}

#[test]
fn a_stop_is_recorded_once_and_ordered() {
    let world = World::new();
    assert_eq!(world.ask("POST", path::STOP, &[], "").json(), json!({"stopped": true}));
    assert_eq!(world.orders.try_recv(), Ok(Order::Stop));
    world.ask("POST", path::STOP, &[], "").json();
    assert_eq!(world.records(), [("runtime_stop".to_owned(), "requested".to_owned())]);
}

#[test]
fn audit_events_are_filtered_and_given_as_written() {
    let world = World::new();
    world.execute(&json!({"toolId": "api:get"}));
    world.execute(&json!({"toolId": "api:drop"}));
    let all = world.get(path::AUDIT);
    let written = String::from_utf8(disk::read(world.app.audit.path(), 1 << 20).unwrap()).unwrap();
    assert_eq!(all.text, format!("[{}]", written.lines().collect::<Vec<_>>().join(",")));
    let count = |query: &str| world.get(&format!("{}?{query}", path::AUDIT)).json().as_array().unwrap().len();
    assert_eq!((count("decision=denied"), count("toolId=api:get"), count("after=1"), count("limit=1")), (1, 1, 1, 1));
    for query in [
        "since=yesterday",
        "limit=x",
        "eventType=x",
        "decision=x",
        "follow=yes",
        "follow=1&before=3",
        "follow=1&until=2026-01-01T00:00:00Z",
        "eventtype=authz_denial",
        "Last-Event-ID=3",
    ] {
        world.get(&format!("{}?{query}", path::AUDIT)).is(400, "bad_request");
    }
}

#[test]
fn h37_who_asks_for_what_is_new_does_not_make_records_of_what_is_counted() {
    let world = World::new();
    world.app.audit.count(Event::new(EventType::AuthnFailure));
    let read = |query: &str| world.get(&format!("{}?{query}", path::AUDIT)).json().as_array().unwrap().len();
    assert_eq!((read("after=0"), read("after=0"), read("limit=5"), read("after=0")), (0, 0, 1, 1));
}

#[test]
fn audit_pages_name_the_next_one() {
    let world = World::new();
    for _ in 0..5 {
        world.execute(&json!({"toolId": "api:get"}));
    }
    let (mut target, mut seen) = (Some(format!("{}?limit=2&toolId=api%3Aget", path::AUDIT)), Vec::new());
    while let Some(wanted) = target {
        let page = world.get(&wanted);
        let numbers =
            page.json().as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect::<Vec<_>>();
        seen.splice(0..0, numbers);
        target = page.headers.get("Link").map(|link| {
            let (link, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(relation, "; rel=\"next\"");
            link.to_owned()
        });
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

/// Reads from a stream until it has this text.
fn until(source: &mut dyn std::io::Read, text: &str) -> String {
    let (mut seen, mut piece) = (String::new(), [0; 4096]);
    while !seen.contains(text) {
        let length = source.read(&mut piece).unwrap();
        assert!(length > 0, "the stream ended after {seen}");
        seen.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    seen
}

#[test]
fn audit_records_are_followed_as_they_come() {
    let world = World::new();
    for _ in 0..3 {
        world.execute(&json!({"toolId": "api:get"}));
    }
    let mut source = world.follow("follow=1&limit=1&toolId=api%3Aget");
    let begun = until(&mut *source, ":\n\n");
    assert!(begun.starts_with("id: 3\ndata: {\"timestamp\"") && !begun.contains("id: 2\n"), "{begun}");
    world.execute(&json!({"toolId": "api:drop"}));
    world.execute(&json!({"toolId": "api:get"}));
    let next = until(&mut *source, "\n\n");
    assert!(next.starts_with("id: 5\ndata: {") && !next.contains("api:drop"), "{next}");
    let mut again = world.follow("follow=1&after=4");
    assert!(until(&mut *again, "\n\n").starts_with("id: 5\n"));
    let own = World::new();
    let mut ended = own.follow("follow=1");
    until(&mut *ended, ":\n\n");
    disk::write_private(
        &own.dir.join(".cli.json"),
        br#"{"cli":"1.0.0","mode":{"default":"discover"},"sources":{"x":{"type":"openapi","uri":"x.json"}}}"#,
    )
    .unwrap();
    own.app.state.reload().unwrap();
    own.app.audit.record(&Event::new(EventType::ConfigReload)).unwrap();
    let mut rest = String::new();
    ended.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("config_reload"), "under another configuration it goes on no more: {rest}");
    world.app.audit.end_following();
    for source in [&mut source, &mut again] {
        assert_eq!(source.read(&mut [0; 16]).unwrap(), 0);
    }
}

#[test]
fn h24_no_argument_ends_up_in_the_audit_file() {
    let world = World::new();
    world.execute(&json!({"toolId": "api:put", "flags": {"token": "hunter2"}, "bodyText": "hunter2"}));
    world.execute(&json!({"toolId": "api:get", "pathArgs": ["hunter2"]}));
    let written = String::from_utf8(disk::read(world.app.audit.path(), 1 << 20).unwrap()).unwrap();
    assert!(!written.contains("hunter2"), "{written}");
}

#[test]
fn the_documentation_lists_every_code_path_and_flag() {
    let api = disk::read(Path::new("docs/http-api.md"), 1 << 20).map(|text| String::from_utf8(text).unwrap()).unwrap();
    for row in CODES {
        assert!(api.contains(&format!("| `{}` | {} | {} |", row.text, row.status, row.exit)), "{}", row.text);
    }
    for route in ROUTES {
        assert!(api.contains(&format!("`{}`", route.path)), "{}", route.path);
    }
    let flags = disk::read(Path::new("docs/toolbox.md"), 1 << 20).map(|text| String::from_utf8(text).unwrap()).unwrap();
    for flag in crate::server::flags::FLAGS {
        assert!(flags.contains(&format!("`--{}", flag.name)), "{}", flag.name);
    }
}
