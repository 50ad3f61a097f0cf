//! What is counted of requests, and what the log tells of them (H09, H10, H24).

use super::tokens::world as guarded;
use super::*;
use crate::base::log::Format;
use crate::http::counts::Counts;
use crate::server::metrics::tests::{Sample, read};
use crate::server::metrics::window;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ADMIN: &str = "ada.runtime~admin";

impl World {
    #[track_caller]
    fn metrics(&self) -> Vec<Sample> {
        let reply = self.get(path::METRICS);
        assert_eq!(reply.headers.get("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!((reply.status, reply.headers.get("Cache-Control")), (200, Some("no-store")));
        read(&reply.text)
    }

    /// Lets the log be read.
    fn telling(mut self, which: Requests) -> (Self, Text) {
        let text = Text::default();
        self.app_mut().log = Log::new(Box::new(text.clone()), Format::Json, Clock::from_fn(|| UNIX_EPOCH));
        self.app_mut().log_requests = which;
        (self, text)
    }
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Text {
    fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines about requests, each once.
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == "request").collect()
    }
}

/// The value of a series.
#[track_caller]
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Sample| {
        sample.name == name
            && sample.labels.len() == labels.len()
            && labels.iter().all(|(label, text)| sample.label(label) == Some(text))
    };
    samples.iter().find(fits).unwrap_or_else(|| panic!("no {name} {labels:?} in {samples:#?}")).value
}

#[test]
fn h10_metrics_are_for_administrators() {
    let world = guarded();
    world.get(path::METRICS).is(401, "authn_failed");
    world.as_token("ada.bundle~api", "GET", path::METRICS, "").is(403, "authz_denied");
    assert_eq!(world.records().last().unwrap(), &("authz_denial".to_owned(), "authz_denied".to_owned()));
    let page = world.as_token(ADMIN, "GET", path::METRICS, "");
    assert_eq!(page.status, 200);
    assert!(read(&page.text).iter().all(|sample| sample.label("decision") != Some("denied")), "it is no execution");
    world.as_token(ADMIN, "POST", path::METRICS, "{}").is(405, "method_not_allowed");
    // Without auth whoever asks may.
    World::new().metrics();
}

#[test]
fn requests_are_counted_by_route_and_code() {
    let world = World::new();
    world.get(path::HEALTH);
    let etag = world.get(path::CATALOG).headers.get("ETag").unwrap().to_owned();
    world.ask("GET", path::CATALOG, &[("If-None-Match", &etag)], "").is(304, "");
    world.get(&format!("{}?mode=x", path::CATALOG)).is(400, "bad_request");
    world.get("/nothing").is(404, "not_found");
    world.get("/nothing/else").is(404, "not_found");
    let samples = world.metrics();
    let requests = |route, status, code| {
        value(&samples, "open_cli_requests_total", &[("route", route), ("status", status), ("code", code)])
    };
    assert_eq!(requests(path::HEALTH, "200", "ok"), 1.0);
    assert_eq!(requests(path::CATALOG, "200", "ok"), 1.0);
    assert_eq!(requests(path::CATALOG, "304", "ok"), 1.0);
    assert_eq!(requests(path::CATALOG, "400", "bad_request"), 1.0);
    assert_eq!(requests("other", "404", "not_found"), 2.0);
    assert_eq!(requests(path::STOP, "200", "ok"), 0.0);
    assert_eq!(value(&samples, "open_cli_request_duration_seconds_count", &[("route", path::CATALOG)]), 3.0);
    assert_eq!(value(&samples, "open_cli_request_duration_seconds_count", &[("route", "other")]), 2.0);
}

#[test]
fn decisions_upstreams_and_records_are_counted() {
    let world = World::new();
    for tool in ["api:get", "api:put", "api:drop", "api:managed", "api:ask", "api:none"] {
        world.execute(&json!({"toolId": tool}));
    }
    let samples = world.metrics();
    let decided =
        |decision, code| value(&samples, "open_cli_decisions_total", &[("decision", decision), ("code", code)]);
    assert_eq!(decided("allowed", "ok"), 2.0);
    for code in ["policy_deny", "managed_deny", "approval_required", "tool_not_found"] {
        assert_eq!(decided("denied", code), 1.0, "{code}");
    }
    assert_eq!(value(&samples, "open_cli_upstream_duration_seconds_count", &[("outcome", "2xx")]), 2.0);
    assert_eq!(value(&samples, "open_cli_upstream_duration_seconds_count", &[("outcome", "timeout")]), 0.0);
    assert_eq!(value(&samples, "open_cli_audit_records_total", &[("outcome", "kept")]), 7.0);
    assert_eq!(value(&samples, "open_cli_audit_wait_seconds_count", &[]), 7.0);
    assert_eq!(value(&samples, "open_cli_audit_sound", &[]), 1.0);
    world.app.audit.break_for_tests();
    world.execute(&json!({"toolId": "api:put"})).is(503, "audit_unavailable");
    let samples = world.metrics();
    assert_eq!(value(&samples, "open_cli_audit_records_total", &[("outcome", "refused")]), 1.0);
    assert_eq!(value(&samples, "open_cli_audit_sound", &[]), 0.0);
}

#[test]
fn the_catalog_and_the_front_are_shown() {
    let world = World::unbuilt(config(), None);
    assert!(world.metrics().iter().all(|sample| sample.name != "open_cli_catalog_age_seconds"), "nothing was built");
    world.app.state.put(catalog());
    let counts = Arc::new(Counts::default());
    counts.evicted.add(3);
    counts.queued.set(2);
    world.app.metrics.watch_front(&counts);
    let samples = world.metrics();
    assert_eq!(value(&samples, "open_cli_catalog_age_seconds", &[]), 0.0);
    assert_eq!(value(&samples, "open_cli_tools", &[("state", "listed")]), 3.0);
    assert_eq!(value(&samples, "open_cli_tools", &[("state", "denied")]), 2.0);
    assert_eq!(value(&samples, "open_cli_http_evicted_total", &[]), 3.0);
    assert_eq!(value(&samples, "open_cli_http_queued", &[]), 2.0);
    world.app.reload();
    let samples = world.metrics();
    assert_eq!(value(&samples, "open_cli_config_reloads_total", &[("outcome", "refused")]), 1.0);
    assert_eq!(value(&samples, "open_cli_config_last_reload_successful", &[]), 0.0);
}

#[test]
fn looks_at_tokens_are_counted() {
    let world = guarded();
    for token in [ADMIN, "bad", "down", "a b"] {
        world.as_token(token, "GET", path::CATALOG, "");
    }
    world.get(path::CATALOG).is(401, "authn_failed");
    let samples = read(&world.as_token(ADMIN, "GET", path::METRICS, "").text);
    let checks = |outcome| value(&samples, "open_cli_token_checks_total", &[("outcome", outcome)]);
    assert_eq!(["checked", "refused", "unavailable", "remembered"].map(checks), [2.0, 3.0, 1.0, 0.0]);
    assert_eq!(value(&samples, "open_cli_tokens_remembered", &[]), 0.0);
}

/// Whatever callers send: labels come from tables, and there are only so many.
#[test]
fn h24_no_metric_holds_what_a_caller_chose() {
    let world = guarded();
    let canary = "hunter2";
    let before = read(&world.as_token(ADMIN, "GET", path::METRICS, "").text).len();
    for n in 0..50 {
        let (target, token) = (format!("/{canary}/{n}"), format!("{canary}{n}.bundle~api"));
        world.ask("GET", &target, &[("X-Request-ID", canary)], "");
        world.as_token(&token, "GET", &target, "");
        world.as_token(&token, "POST", path::EXECUTE, &json!({"toolId": format!("{canary}{n}")}).to_string());
        world.as_token(&token, canary, path::EXECUTE, "");
    }
    let page = world.as_token(ADMIN, "GET", path::METRICS, "").text;
    assert!(!page.contains(canary) && !page.contains("ada"), "{page}");
    let samples = read(&page);
    assert!(samples.len() <= before + 10, "{before} series became {}", samples.len());
    let known: Vec<&str> = ROUTES.iter().map(|route| route.path).chain(["other"]).collect();
    assert!(samples.iter().filter_map(|sample| sample.label("route")).all(|route| known.contains(&route)));
}

#[track_caller]
fn check(which: Requests, expected: &[(&str, &str)]) {
    let (world, text) = guarded().telling(which);
    let token = "ada.bundle~api";
    world.get(path::HEALTH);
    world.as_token(token, "GET", path::CATALOG, "");
    world.execute_as(token, "api:get");
    world.execute_as(token, "api:drop");
    world.as_token(token, "GET", "/v1/catalog/effective?mode=x", "");
    world.execute_as("bad", "api:get");
    world.get("/nothing");
    let lines = text.lines();
    let told: Vec<_> =
        lines.iter().map(|line| (line["route"].as_str().unwrap(), line["status"].as_str().unwrap())).collect();
    assert_eq!(told, expected, "{which:?}");
}

#[test]
fn the_log_tells_of_the_requests_that_it_should() {
    let (denied, wrong) = ((path::EXECUTE, "403"), (path::CATALOG, "400"));
    check(Requests::Off, &[]);
    check(Requests::Failures, &[denied, wrong]);
    check(Requests::Executions, &[(path::EXECUTE, "200"), denied, wrong]);
    let all = [
        (path::HEALTH, "200"),
        (path::CATALOG, "200"),
        (path::EXECUTE, "200"),
        denied,
        wrong,
        (path::EXECUTE, "401"),
        ("other", "404"),
    ];
    check(Requests::All, &all);
}

#[test]
fn a_line_says_who_what_and_how_it_went() {
    let (world, text) = guarded().telling(Requests::Executions);
    let body = json!({"toolId": "api:get"}).to_string();
    let headers = [("Authorization", "Bearer ada.bundle~api"), ("X-Request-ID", "r 1"), ("traceparent", TRACEPARENT)];
    assert_eq!(world.ask("POST", path::EXECUTE, &headers, &body).status, 200);
    let line = text.lines().remove(0);
    for (field, expected) in [
        ("level", "info"),
        ("requestId", "r 1"),
        ("method", "POST"),
        ("route", path::EXECUTE),
        ("status", "200"),
        ("principal", "ada"),
        ("tool", "api:get"),
        ("upstreamStatus", "200"),
        ("traceId", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("parentId", "00f067aa0ba902b7"),
    ] {
        assert_eq!(line[field], expected, "{field} of {line}");
    }
    let (span, took) = (line["spanId"].as_str().unwrap(), line["ms"].as_str().unwrap());
    assert!(span.len() == 16 && span != "00f067aa0ba902b7" && took.parse::<f64>().is_ok(), "{line}");
    assert_eq!(line.get("code"), None);
    world.app.audit.break_for_tests();
    assert_eq!(world.execute_as("ada.bundle~api", "api:put").status, 503);
    let line = text.lines().remove(0);
    assert_eq!((&line["level"], &line["code"]), (&json!("warn"), &json!("audit_unavailable")));
    assert_eq!(line.get("traceId"), None, "no trace is begun here");
}

#[test]
fn h24_no_line_holds_a_token_a_query_or_an_argument() {
    let (world, text) = guarded().telling(Requests::All);
    let canary = "hunter2";
    let token = format!("ada.bundle~api-{canary}");
    let ask = json!({"toolId": "api:put", "pathArgs": [canary], "flags": {"x": canary}, "bodyText": canary});
    world.as_token(&token, "POST", path::EXECUTE, &ask.to_string());
    world.as_token(&token, "POST", path::EXECUTE, &json!({ "toolId": canary }).to_string()).is(403, "authz_denied");
    world.as_token(&token, "GET", &format!("{}?mode={canary}", path::CATALOG), "");
    world.as_token(&token, "GET", &format!("/{canary}?{canary}={canary}"), "");
    world.as_token(&token, canary, path::CATALOG, "");
    world.ask("GET", path::CATALOG, &[("traceparent", canary), ("tracestate", canary), ("X-Other", canary)], "");
    let told = text.all();
    assert_eq!(text.lines().len(), 6, "{told}");
    assert!(!told.contains(canary), "{told}");
}

#[test]
fn the_window_shows_three_pages_and_nothing_else() {
    let world = guarded();
    let request = |method: &str, target: &str| Inbound {
        method: method.to_owned(),
        path: target.to_owned(),
        query: String::new(),
        headers: Headers::new(),
        body: Vec::new(),
        client: ([127, 0, 0, 1], 40_000).into(),
        streams: Admission::default(),
    };
    let status = |method: &str, target: &str| {
        let request = request(method, target);
        let asked = Asked::new(&request.headers, None, &world.app.ids);
        match router::answer_openly(&world.app, &request, &asked, &window::PATHS) {
            Ok(answer) => answer.status,
            Err(failure) => failure.code.status(),
        }
    };
    for path in window::PATHS {
        assert_eq!((status("GET", path), status("HEAD", path), status("POST", path)), (200, 200, 405), "{path}");
    }
    for route in ROUTES.iter().filter(|route| !window::PATHS.contains(&route.path)) {
        assert_eq!((status("GET", route.path), status("POST", route.path)), (404, 404), "{}", route.path);
    }
}
