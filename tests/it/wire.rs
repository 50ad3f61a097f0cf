//! The toolbox's HTTP API as any client sees it.

use serde_json::{Value, json};

use crate::world::World;

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

#[test]
fn h01_only_the_served_config_may_be_named() {
    let world = World::serving(&json!({}));
    let own = world.path(".cli.json").display().to_string();
    for (config, status) in [(own.as_str(), 200), ("/etc/passwd", 409), (".cli.json", 409)] {
        let answer = world.http("GET", &format!("[RUNTIME]/v1/catalog/effective?config={config}"), &[], "");
        assert_eq!(answer.status, status, "{config}");
        if status == 409 {
            assert_eq!(answer.body, b"runtime_attach_mismatch");
        }
    }
    let body = r#"{"toolId":"demo:getItem","pathArgs":["item-1"],"configPath":"/etc/passwd"}"#;
    let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &[("Content-Type", "application/json")], body);
    assert_eq!((answer.status, answer.body.as_slice()), (409, b"runtime_attach_mismatch".as_slice()));
}

#[test]
fn a_known_catalog_is_not_sent_again() {
    let world = World::serving(&json!({}));
    for target in ["/v1/catalog/effective", "/v1/catalog/effective?detail=summary", "/v1/tools?id=demo:getItem"] {
        let first = world.http("GET", &format!("[RUNTIME]{target}"), &[], "");
        let etag = first.headers.get("ETag").expect("it has an ETag").to_owned();
        assert_eq!(first.status, 200);
        let again = world.http("GET", &format!("[RUNTIME]{target}"), &[("If-None-Match", &etag)], "");
        assert_eq!(
            (again.status, again.body.len(), again.headers.get("ETag")),
            (304, 0, Some(etag.as_str())),
            "{target}"
        );
        let other = world.http("GET", &format!("[RUNTIME]{target}"), &[("If-None-Match", "\"other\"")], "");
        assert_eq!(other.status, 200, "{target}");
    }
}

#[test]
fn the_catalog_has_the_published_shape() {
    let world = World::serving(&json!({}));
    let answer = json_of(&world.http("GET", "[RUNTIME]/v1/catalog/effective", &[], "").body);
    let roots: Vec<&String> = answer["catalog"].as_object().unwrap().keys().collect();
    for key in [
        "catalogVersion",
        "generatedAt",
        "sourceFingerprint",
        "sources",
        "services",
        "tools",
        "workflows",
        "effectiveViews",
    ] {
        assert!(roots.contains(&&key.to_owned()), "{key} in {roots:?}");
    }
    assert_eq!(roots.len(), 8, "{roots:?}");
    let ids: Vec<_> =
        answer["catalog"]["tools"].as_array().unwrap().iter().map(|tool| tool["id"].to_string()).collect();
    assert!(ids.is_sorted() && ids.len() == 26, "{} {ids:?}", ids.len());
    assert_eq!(answer["view"]["name"], "discover");
}

#[test]
fn info_health_and_readiness_answer() {
    let world = World::serving(&json!({}));
    let info = json_of(&world.http("GET", "[RUNTIME]/v1/runtime/info", &[], "").body);
    assert_eq!((&info["contractVersion"], &info["runtimeMode"]), (&json!("1.1"), &json!("remote")));
    assert_eq!((&info["instanceId"], &info["url"]), (&json!("world"), &json!(world.name("[RUNTIME]"))));
    assert_eq!(info["auth"]["required"], false);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.http("GET", &format!("[RUNTIME]{path}"), &[], "").status, 200, "{path}");
    }
    world.run("open-cli runtime info --format json").stdout_json(&[("/instanceId", json!("world"))]);
    world.run("open-cli status").stdout_has(&["[RUNTIME]"]);
}

/// Method and target, request headers and body; status and code.
#[track_caller]
fn check_refused(world: &World, call: &str, headers: &[(&str, &str)], body: &str, status: u16, code: &str) {
    let (method, target) = call.split_once(' ').unwrap();
    let answer = world.http(method, &format!("[RUNTIME]{target}"), headers, body);
    assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (status, code), "{call}");
    assert!(answer.headers.get("Content-Type").unwrap().starts_with("text/plain"), "{call}");
    let accepted = [headers, &[("Accept", "application/json")]].concat();
    let problem = world.http(method, &format!("[RUNTIME]{target}"), &accepted, body);
    assert_eq!(problem.headers.get("Content-Type"), Some("application/problem+json"), "{call}");
    let problem_body = json_of(&problem.body);
    assert_eq!((&problem_body["code"], &problem_body["status"]), (&json!(code), &json!(status)), "{call}");
    assert_eq!(problem_body["requestId"].as_str(), problem.headers.get("X-Request-ID"), "{call}");
}

#[test]
fn refusals_are_codes_and_problems() {
    let world = World::serving(&json!({}));
    let typed = [("Content-Type", "application/json")];
    check_refused(&world, "GET /nowhere", &[], "", 404, "not_found");
    check_refused(&world, "DELETE /v1/catalog/effective", &[], "", 405, "method_not_allowed");
    check_refused(&world, "GET /v1/tools?id=demo:none", &[], "", 404, "tool_not_found");
    check_refused(&world, "POST /v1/tools/execute", &typed, "{", 400, "bad_request");
    check_refused(&world, "POST /v1/tools/execute", &typed, r#"{"toolId":"demo:none"}"#, 404, "tool_not_found");
    check_refused(&world, "GET /v1/catalog/effective?mode=all", &[], "", 400, "bad_request");
}

#[test]
fn h11_a_browser_page_cannot_drive_it() {
    let world = World::serving(&json!({}));
    check_refused(
        &world,
        "GET /v1/catalog/effective",
        &[("Origin", "https://evil.example")],
        "",
        403,
        "forbidden_origin",
    );
    check_refused(&world, "POST /v1/runtime/stop", &[("Sec-Fetch-Site", "cross-site")], "", 403, "forbidden_origin");
    for host in ["evil.example", "127.0.0.1.evil.example:80"] {
        let answer =
            world.raw(&format!("GET /v1/catalog/effective HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("forbidden_origin"), "{host}: {answer}");
    }
}

#[test]
fn flags_go_by_either_name_and_bodies_in_three_ways() {
    let world = World::serving(&json!({}));
    let execute = |body: &Value| {
        let answer = world.http(
            "POST",
            "[RUNTIME]/v1/tools/execute",
            &[("Content-Type", "application/json")],
            &body.to_string(),
        );
        assert_eq!(answer.status, 200, "{body}: {}", String::from_utf8_lossy(&answer.body));
        json_of(&answer.body)
    };
    for flags in [json!({ "x-trace": "a" }), json!({ "X-Trace": "a" })] {
        let answer = execute(&json!({ "toolId": "demo:echoRequest", "pathArgs": ["x"], "flags": flags }));
        assert!(answer["body"]["headers"].to_string().to_lowercase().contains(r#"["x-trace","a"]"#), "{answer}");
    }
    for body in
        [json!({ "body": "eyJhIjoxfQ==" }), json!({ "bodyText": "{\"a\":1}" }), json!({ "bodyJson": { "a": 1 } })]
    {
        let mut request = json!({ "toolId": "demo:echoBody" });
        request.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        assert_eq!(execute(&request)["body"]["body"], r#"{"a":1}"#);
    }
    let picture = execute(&json!({ "toolId": "demo:readPicture" }));
    assert_eq!(picture["contentType"], "image/png");
    assert!(picture["bodyBase64"].as_str().unwrap().starts_with("iVBORw0KGgo"), "{picture}");
    let missing = execute(&json!({ "toolId": "demo:getItem", "pathArgs": ["none"] }));
    assert_eq!(missing["statusCode"], 404, "an upstream's refusal is an answer");
}

#[test]
fn a_refresh_reports_each_source() {
    let world = World::serving(&json!({}));
    let report = json_of(&world.http("POST", "[RUNTIME]/v1/refresh", &[], "").body);
    assert_eq!(report["sources"][0]["id"], "demo");
    assert_eq!(report["sources"][0]["cacheOutcome"], "revalidated_hit");
    assert_eq!(report["sources"][0]["stale"], false);
    let again = json_of(&world.http("GET", "[RUNTIME]/v1/refresh", &[], "").body);
    assert_eq!(again["refreshedAt"], report["refreshedAt"], "at most one refresh in ten seconds");
    world.run("open-cli refresh --format json").stdout_json(&[("/sources/0/id", json!("demo"))]);
}

#[test]
fn the_summary_is_small_and_enough() {
    let world = World::serving(&json!({}));
    let whole = world.http("GET", "[RUNTIME]/v1/catalog/effective", &[], "").body;
    let summary = world.http("GET", "[RUNTIME]/v1/catalog/effective?detail=summary", &[], "").body;
    assert!(summary.len() < whole.len(), "{} of {}", summary.len(), whole.len());
    let tools = json_of(&summary)["catalog"]["tools"].clone();
    let search = tools.as_array().unwrap().iter().find(|tool| tool["id"] == "demo:searchItems").unwrap().to_string();
    for text in ["\"state\"", "\"retired\"", "\"integer\""] {
        assert!(search.contains(text), "{text} in {search}");
    }
}
