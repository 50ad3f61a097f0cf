//! What an operator sees: metrics, the listener for them, log lines, and one call followed from end to end.

use serde_json::{Value, json};

use crate::program::Program;
use crate::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn header<'a>(seen: &'a Value, name: &str) -> Option<&'a str> {
    let headers = seen["headers"].as_array().unwrap();
    let found = headers.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))?;
    found[1].as_str()
}

/// A line of the log as JSON, by texts in it.
#[track_caller]
fn line(program: &Program, mark: usize, texts: &[&str]) -> Value {
    serde_json::from_str(&program.line_after(mark, texts)).unwrap()
}

/// The value of a series of a page.
#[track_caller]
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {page}")).parse().unwrap()
}

#[test]
fn one_call_is_followed_through_log_audit_and_upstream() {
    let mut world = World::with_demo()
        .config(&json!({}))
        .env("TRACEPARENT", &format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .env("TRACESTATE", "vendor=1");
    world.start_toolbox(&["--log-format", "json", "--log-requests", "executions"]);
    let seen = world.run("open-cli demo echo request x --format json").into_json();
    let line = line(world.running(), 0, &["\"message\":\"request\"", "demo:echoRequest"]);
    let (id, span) = (line["requestId"].as_str().unwrap(), line["spanId"].as_str().unwrap());
    assert_eq!((&line["traceId"], &line["parentId"]), (&json!(TRACE), &json!("00f067aa0ba902b7")));
    assert_eq!((&line["route"], &line["status"]), (&json!("/v1/tools/execute"), &json!("200")));
    assert_eq!(header(&seen, "traceparent"), Some(&*format!("00-{TRACE}-{span}-01")));
    assert_eq!(header(&seen, "tracestate"), Some("vendor=1"));
    assert_eq!(header(&seen, "x-request-id"), Some(id));
    let record = world.audit().into_iter().find(|record| record["toolId"] == "demo:echoRequest").unwrap();
    assert_eq!(record["requestId"], id);
}

#[test]
fn a_trace_that_is_none_goes_nowhere_and_an_id_of_the_caller_everywhere() {
    let world = World::serving(&json!({}));
    let ask = json!({ "toolId": "demo:echoRequest", "pathArgs": ["x"] }).to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Request-ID", "job 7"),
        ("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        ("tracestate", "vendor=1"),
    ];
    let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &headers, &ask);
    assert_eq!((answer.status, answer.headers.get("X-Request-ID")), (200, Some("job 7")));
    let seen = &serde_json::from_slice::<Value>(&answer.body).unwrap()["body"];
    assert_eq!(header(seen, "x-request-id"), Some("job 7"));
    assert_eq!((header(seen, "traceparent"), header(seen, "tracestate")), (None, None));
}

#[test]
fn an_error_shows_the_id_that_the_log_has() {
    let mut world = World::with_demo().config(&json!({ "policy": { "deny": ["demo:echo*"] } }));
    world.start_toolbox(&["--log-format", "json"]);
    world.run("open-cli demo items get item-1 --format json").stdout_has(&["item-1"]);
    let answer = world.http(
        "POST",
        "[RUNTIME]/v1/tools/execute",
        &[("Content-Type", "application/json"), ("X-Request-ID", "r-42")],
        &json!({ "toolId": "demo:echoRequest" }).to_string(),
    );
    assert_eq!(answer.status, 403);
    let denied = line(world.running(), 0, &["r-42"]);
    assert_eq!((&denied["code"], &denied["tool"]), (&json!("policy_deny"), &json!("demo:echoRequest")));
    let told = world.running().printed();
    assert_eq!(told.matches("\"message\":\"request\"").count(), 1, "what goes well is not told by default: {told}");
}

#[test]
fn a_listener_of_its_own_shows_metrics_to_monitors() {
    let mut world = World::with_demo().config(&json!({}));
    world.start_toolbox(&["--log-format", "json", "--metrics-addr", "127.0.0.1:0"]);
    let served = line(world.running(), 0, &["metrics are served"]);
    let page_url = served["url"].as_str().unwrap();
    let origin = page_url.strip_suffix("/metrics").unwrap();
    world.run("open-cli demo items get item-4 --format json").stdout_has(&["compass"]);
    let answer = world.http("GET", page_url, &[], "");
    let page = String::from_utf8(answer.body).unwrap();
    assert_eq!(
        (answer.status, answer.headers.get("Content-Type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let series = r#"open_cli_requests_total{route="/v1/tools/execute",status="200",code="ok"}"#;
    assert_eq!(value(&page, series), 1.0);
    assert_eq!(value(&page, r#"open_cli_upstream_duration_seconds_count{outcome="2xx"}"#), 1.0);
    assert_eq!(value(&page, r#"open_cli_fetches_total{outcome="miss"}"#), 1.0);
    assert_eq!(value(&page, r#"open_cli_sources{state="ok"}"#), 1.0);
    assert!(value(&page, "open_cli_http_requests_total") >= 1.0 && value(&page, "process_open_fds") > 3.0);
    assert_eq!(world.http("GET", &format!("{origin}/readyz"), &[], "").status, 200);
    for other in ["/v1/catalog/effective", "/v1/audit/events", "/v1/runtime/info", "/"] {
        assert_eq!(world.http("GET", &format!("{origin}{other}"), &[], "").status, 404, "{other}");
    }
    assert_eq!(world.http("POST", &format!("{origin}/v1/runtime/stop"), &[], "").status, 404);
    let foreign = world.http("GET", page_url, &[("Origin", "http://evil.example")], "");
    assert_eq!(foreign.status, 403, "H11");
    let large = world.http("POST", page_url, &[("Content-Type", "application/json")], &"x".repeat(2000));
    assert_eq!(large.status, 413);
    // The page of the API is the same, and its own listener counts nothing.
    let page = String::from_utf8(world.http("GET", "[RUNTIME]/metrics", &[], "").body).unwrap();
    assert_eq!(value(&page, series), 1.0);
    assert_eq!(value(&page, r#"open_cli_requests_total{route="/metrics",status="200",code="ok"}"#), 0.0);

    let addr = origin.trim_start_matches("http://");
    world
        .run(&format!("open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id b --metrics-addr {addr}"))
        .stderr_has(&["cannot listen on", "for metrics", "choose another --metrics-addr"])
        .status(1);
    let toolbox = world.toolbox.as_mut().unwrap();
    toolbox.signal("TERM");
    assert!(toolbox.wait().success(), "{}", toolbox.printed());
}

/// A broker, a toolbox that asks for its tokens, and what each scope sees.
#[test]
fn h10_h24_metrics_need_the_admin_scope_and_hold_no_secret() {
    let world = World::with_demo().file("secret", "hunter2\n").env("DEMO_TOKEN", "demo-bearer-token");
    let mut command = world.command(env!("CARGO_BIN_EXE_open-cli-eval"));
    let broker = Program::start(command.args(["broker", "--alg", "EdDSA", "--client-secret-file", "secret"]));
    let issuer = broker.url();
    let auth = json!({
        "validationProfile": "oidc_jwks", "issuer": issuer, "jwksURL": format!("{issuer}/jwks"), "audience": "open-cli-toolbox",
    });
    let mut world = world.config(&json!({
        "runtime": { "server": { "auth": auth } },
        "secrets": { "demo.bearerToken": { "type": "env", "value": "DEMO_TOKEN" } },
    }));
    world.start_toolbox(&["--log-format", "json", "--log-requests", "all", "--metrics-addr", "127.0.0.1:0"]);
    let token = |scope: &str| {
        let headers = [
            ("Authorization", "Basic b3Blbi1jbGktYWdlbnQ6aHVudGVyMg=="),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let form = format!("grant_type=client_credentials&scope={scope}");
        let answer = world.http("POST", &format!("{issuer}/token"), &headers, &form);
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let (some, admin) = (token("bundle:demo"), token("bundle:demo+runtime:admin"));
    let metrics = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("Authorization", &bearer)] };
        world.http("GET", "[RUNTIME]/metrics", headers, "")
    };
    assert_eq!((metrics("").status, metrics("x").status, metrics(&some).status), (401, 401, 403));
    let canary = "canary-argument";
    let bearer = format!("Bearer {some}");
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    for (tool, arguments, status) in
        [("demo:echoRequest", vec![canary], 200), ("demo:accessByBearer", vec![], 200), (canary, vec![], 403)]
    {
        let ask = json!({ "toolId": tool, "pathArgs": arguments }).to_string();
        let answer = world.http("POST", &format!("[RUNTIME]/v1/tools/execute?q={canary}"), &headers, &ask);
        assert_eq!(answer.status, status, "{tool}");
        world.http("GET", &format!("[RUNTIME]/{canary}"), &headers, "");
    }
    let answer = metrics(&admin);
    assert_eq!(answer.status, 200);
    let page = String::from_utf8(answer.body).unwrap();
    assert_eq!(value(&page, r#"open_cli_token_checks_total{outcome="refused"}"#), 2.0);
    assert_eq!(value(&page, r#"open_cli_token_checks_total{outcome="checked"}"#), 2.0);
    let told = world.running().printed();
    assert!(told.contains("open-cli-agent"), "the log names who asked: {told}");
    for text in [&page, &told] {
        for secret in [canary, "demo-bearer-token", "hunter2", &some, &admin] {
            assert!(!text.contains(secret), "H24: {secret} shows in {text}");
        }
    }
    assert!(!page.contains("open-cli-agent") && !page.contains("demo:"), "H09: {page}");
}
