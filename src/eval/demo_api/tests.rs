//! The demo API, request by request.

use super::*;
use crate::http::Headers;
use crate::http::server::Admission;

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Inbound {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut sent = Headers::new();
    for (name, value) in headers {
        sent.append(name, value).unwrap();
    }
    Inbound {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: sent,
        body: body.as_bytes().to_vec(),
        client: ([127, 0, 0, 1], 1).into(),
        streams: Admission::default(),
    }
}

fn bytes(answer: &Answer) -> Vec<u8> {
    match &answer.body {
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::Stream(_) => panic!("the demo API streams nothing"),
    }
}

/// Method and target, status, and a text the body contains.
#[track_caller]
fn check(api: &DemoApi, call: &str, body: &str, status: u16, contains: &str) -> Answer {
    let (method, target) = call.split_once(' ').unwrap();
    let reply = api.answer(&request(method, target, &[], body));
    let text = String::from_utf8_lossy(&bytes(&reply.answer)).into_owned();
    assert_eq!(reply.answer.status, status, "{call}: {text}");
    assert!(text.contains(contains), "{call}: {text} has no {contains}");
    reply.answer
}

#[test]
fn the_document_describes_exactly_what_is_served() {
    let document = document::parse(DOCUMENT.as_bytes()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served: BTreeSet<_> = ROUTES
        .iter()
        .filter(|(_, path, _)| !path.starts_with("/openapi."))
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(described, served);
    for credential in ["demo-bearer-token", "demo-password", "demo-api-key"] {
        assert!(document["info"]["description"].as_str().unwrap().contains(credential));
    }
}

#[test]
fn items_are_created_read_changed_and_removed() {
    let api = DemoApi::new();
    let created = check(&api, "POST /items", r#"{"name":"lantern"}"#, 201, r#""id":"item-6""#);
    assert_eq!(created.headers.get("Location"), Some("/items/item-6"));
    check(&api, "GET /items/item-6", "", 200, r#""quantity":1"#);
    check(
        &api,
        "PATCH /items/item-6",
        r#"{"quantity":4}"#,
        200,
        r#""name":"lantern","state":"available","quantity":4"#,
    );
    check(&api, "PUT /items/item-6", r#"{"name":"torch","state":"retired"}"#, 200, r#""state":"retired","quantity":1"#);
    check(&api, "DELETE /items/item-6", "", 204, "");
    check(&api, "GET /items/item-6", "", 404, "no such item");
    check(&api, "POST /items", r#"{"name":"x","size":3}"#, 400, "unknown field `size`");
    check(&api, "POST /items", r#"{"name":""}"#, 400, "may not be empty");
    check(&api, "POST /items", "{", 400, "line 1 column");
}

#[test]
fn a_page_leads_to_the_next() {
    let api = DemoApi::new();
    let first = check(&api, "GET /items?limit=2", "", 200, r#""nextCursor":"item-2""#);
    assert_eq!(first.headers.get("Link"), Some("</items?limit=2&cursor=item-2>; rel=\"next\""));
    let last = check(&api, "GET /items?limit=9&cursor=item-2", "", 200, r#"[{"id":"item-3""#);
    assert_eq!(last.headers.get("Link"), None);
    check(&api, "GET /items?limit=0", "", 400, "`limit` must be a number from 1 to 100");
    check(&api, "GET /items?cursor=x", "", 400, "`cursor`");
}

#[test]
fn a_search_takes_arrays_and_enums() {
    let api = DemoApi::new();
    check(&api, "GET /search?tag=brass&tag=light", "", 200, r#"{"items":[{"id":"item-4""#);
    check(&api, "GET /search?q=lamp+oil&state=available&state=retired", "", 200, r#"{"items":[{"id":"item-2""#);
    check(&api, "GET /search?state=lost", "", 400, "`state`");
    check(&api, "GET /search?sort=size", "", 400, "`sort`");
}

#[test]
fn faults_fail_as_they_promise() {
    let api = DemoApi::new();
    let refused = check(&api, "GET /faults/unauthorized", "", 401, "nobody");
    assert!(refused.headers.get("WWW-Authenticate").is_some());
    check(&api, "GET /faults/forbidden", "", 403, "closed");
    let busy = check(&api, "GET /faults/too-many-requests?retryAfter=3", "", 429, "busy");
    assert_eq!(busy.headers.get("Retry-After"), Some("3"));
    check(&api, "GET /faults/error", "", 500, "always fails");
    check(&api, "GET /faults/flaky?key=a&failures=1", "", 503, "recovers");
    check(&api, "GET /faults/flaky?key=a&failures=1", "", 200, r#"{"attempts":2}"#);
    check(&api, "GET /nowhere", "", 404, "no such path");
    let other = check(&api, "DELETE /items", "", 405, "GET, POST");
    assert_eq!(other.headers.get("Allow"), Some("GET, POST"));
}

#[test]
fn long_work_is_a_status_or_a_wait() {
    let api = DemoApi::new();
    let accepted = check(&api, "POST /exports", "", 202, r#""state":"running""#);
    assert_eq!(accepted.headers.get("Location"), Some("/exports/export-1"));
    check(&api, "GET /exports/export-1", "", 200, "running");
    check(&api, "GET /exports/export-1", "", 200, r#""state":"done","itemCount":5"#);
    check(&api, "POST /exports", r#"{"polls":101}"#, 400, "`polls`");
    assert_eq!(api.answer(&request("GET", "/slow?seconds=1.5", &[], "")).wait, Duration::from_millis(1500));
    for wrong in ["/slow", "/slow?seconds=61", "/slow?seconds=-1", "/slow?seconds=NaN", "/slow?seconds=inf"] {
        let reply = api.answer(&request("GET", wrong, &[], ""));
        assert_eq!((reply.answer.status, reply.wait), (400, Duration::ZERO), "{wrong}");
    }
}

#[test]
fn files_are_text_and_bytes() {
    let api = DemoApi::new();
    check(&api, "GET /files/report", "", 200, "3 of anvil\n40 of lamp oil\n");
    check(&api, "GET /files/report?format=csv", "", 200, "anvil,3\r\n");
    let picture = api.answer(&request("GET", "/files/picture", &[], "")).answer;
    assert_eq!(picture.headers.get("Content-Type"), Some("image/png"));
    assert_eq!(bytes(&picture), PICTURE);
}

/// Which headers and query let a caller in.
#[track_caller]
fn check_access(target: &str, headers: &[(&str, &str)], status: u16) {
    let reply = DemoApi::new().answer(&request("GET", target, headers, ""));
    assert_eq!(reply.answer.status, status, "{target} {headers:?}");
}

#[test]
fn each_kind_of_credential_is_asked_for() {
    let bearer = ("Authorization", "bearer demo-bearer-token");
    let basic = ("Authorization", "Basic ZGVtbzpkZW1vLXBhc3N3b3Jk");
    let key = ("X-Demo-Key", "demo-api-key");
    check_access("/access/bearer", &[bearer], 200);
    check_access("/access/bearer", &[("Authorization", "Bearer other")], 401);
    check_access("/access/bearer", &[], 401);
    check_access("/access/basic", &[basic], 200);
    check_access("/access/basic", &[bearer], 401);
    check_access("/access/key-header", &[key], 200);
    check_access("/access/key-header", &[], 401);
    check_access("/access/key-query?demo_key=demo-api-key", &[], 200);
    check_access("/access/key-query?demo_key=x", &[], 401);
    check_access("/access/key-cookie", &[("Cookie", "a=b; demo_key=demo-api-key")], 200);
    check_access("/access/key-cookie", &[("Cookie", "demo_key=x")], 401);
    check_access("/access/several", &[bearer], 200);
    check_access("/access/several", &[basic, key], 200);
    check_access("/access/several", &[basic], 401);
    check_access("/access/several", &[key], 401);
    check_access("/access/optional", &[], 200);
}

#[test]
fn an_echo_shows_the_request_as_sent() {
    let api = DemoApi::new();
    let reply = api.answer(&request("GET", "/echo/..%2Fx?ids=1&ids=2", &[("X-Trace", "t")], ""));
    let seen: Value = serde_json::from_slice(&bytes(&reply.answer)).unwrap();
    assert_eq!(
        seen,
        json!({ "method": "GET", "path": "/echo/..%2Fx", "query": "ids=1&ids=2", "headers": [["X-Trace", "t"]], "body": "" })
    );
    check(&api, "POST /echo", "hello", 200, r#""body":"hello""#);
    check(&api, "GET /echo/a/b", "", 404, "no such path");
}

#[test]
fn the_document_has_an_etag() {
    let api = DemoApi::new();
    let first = check(&api, "GET /openapi.json", "", 200, r#""openapi": "3.1.0""#);
    let etag = first.headers.get("ETag").unwrap();
    let again = api.answer(&request("GET", "/openapi.json", &[("If-None-Match", etag)], ""));
    assert_eq!((again.answer.status, bytes(&again.answer).len()), (304, 0));
    check(&api, "GET /openapi.yaml", "", 200, "openapi: 3.1.0");
}
