//! Calls that go on: all pages of a list, operations that take a while, and calls that are repeated, against a small upstream in this process.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use open_cli::base::form::Form;
use serde_json::{Value, json};

use crate::heard::Heard;
use crate::world::World;

/// What the upstream is asked: `GET /path`, the query, the headers it looks at.
struct Asked {
    line: String,
    query: Form,
    key: Option<String>,
    authorization: Option<String>,
}

/// Status, headers, body; `None` closes the connection without an answer.
type Answer = Option<(u16, Vec<(&'static str, String)>, String)>;

/// An API at a free port that remembers what it was asked.
struct Upstream {
    url: String,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    /// `answer` gets the question and how many there were before it.
    fn start(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(&stream, &shared, &answer);
            }
        });
        Self { url, seen }
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// A world with a toolbox that serves these operations as service `api`, with a bearer secret.
    fn world(&self, paths: &Value) -> World {
        let description = json!({
            "openapi": "3.1.0", "info": {"title": "api", "version": "1"}, "servers": [{"url": self.url}],
            "security": [{"token": []}],
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
            "paths": paths,
        });
        let config = json!({
            "cli": "1.0.0", "mode": {"default": "discover"},
            "sources": {"api": {"type": "openapi", "uri": "api.json"}},
            "services": {"api": {"source": "api"}},
            "secrets": {"api.token": {"type": "env", "value": "API_TOKEN"}},
        });
        let world = World::new().env("API_TOKEN", "s3cret-token");
        let mut world = world.file("api.json", &description.to_string()).file(".cli.json", &config.to_string());
        world.start_toolbox(&[]);
        world
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Asked>>, answer: &impl Fn(&Asked, usize) -> Answer) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let heard = Heard::read(&mut reader)?;
    let field = |name: &str| heard.header(name).map(str::to_owned);
    let (key, authorization) = (field("idempotency-key"), field("authorization"));
    let (line, query) = heard.line().split_once('?').unwrap_or((heard.line(), ""));
    let asked = Asked { line: line.to_owned(), query: Form::parse(query), key, authorization };
    let mut seen = seen.lock().unwrap();
    let answer = answer(&asked, seen.len());
    seen.push(asked);
    drop(seen);
    let (status, headers, body) = answer?;
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    (&*stream).write_all(format!("{head}content-type: application/json\r\n\r\n{body}").as_bytes()).ok()
}

fn ok(body: &impl ToString) -> Answer {
    Some((200, vec![], body.to_string()))
}

/// A GET operation `get-<path>` with these integer and text parameters.
fn list(name: &str, integers: &[&str], texts: &[&str]) -> Value {
    let parameter = |name: &&str, kind: &str| json!({"name": name, "in": "query", "schema": {"type": kind}});
    let integers = integers.iter().map(|name| parameter(name, "integer"));
    let parameters: Vec<_> = integers.chain(texts.iter().map(|name| parameter(name, "string"))).collect();
    json!({"get": {"operationId": name, "tags": ["api"], "parameters": parameters, "responses": {"200": {"description": "ok"}}}})
}

/// Five items, two a page, found in every way.
fn pages(asked: &Asked, _: usize) -> Answer {
    let number = |name: &str| asked.query.get(name).and_then(|text| text.parse::<usize>().ok());
    let page = |from: usize| (from..5).take(2).map(|id| json!({ "id": id })).collect::<Vec<_>>();
    let from = number("from").unwrap_or(0);
    let more = from + 2 < 5;
    let address =
        format!("/more{}?from={}", asked.line.trim_start_matches("GET ").trim_start_matches("/more"), from + 2);
    match asked.line.trim_start_matches("GET ").trim_start_matches("/more") {
        "/links" => {
            let link = more.then(|| ("link", format!("<{address}>; rel=\"next\"")));
            Some((200, link.into_iter().collect(), Value::from(page(from)).to_string()))
        }
        "/urls" if more => ok(&json!({"@odata.nextLink": address, "value": page(from)})),
        "/urls" => ok(&json!({"value": page(from)})),
        "/cursors" => {
            let from = number("cursor").unwrap_or(0);
            let next = if from + 2 < 5 { json!((from + 2).to_string()) } else { json!("") };
            ok(&json!({"ok": true, "things": page(from), "response_metadata": {"next_cursor": next}}))
        }
        "/numbers" => ok(&Value::from(page((number("page").unwrap_or(1) - 1) * 2))),
        "/offsets" => ok(&json!({"total": 5, "items": page(number("offset").unwrap_or(0))})),
        _ => Some((404, vec![], "{}".to_owned())),
    }
}

#[test]
fn all_pages_become_one_document_however_they_are_found() {
    let upstream = Upstream::start(pages);
    let world = upstream.world(&json!({
        "/links": list("links", &[], &[]),
        "/urls": list("urls", &[], &[]),
        "/cursors": list("cursors", &[], &["cursor"]),
        "/numbers": list("numbers", &["page"], &[]),
        "/offsets": list("offsets", &["offset"], &[]),
    }));
    let five = r#"[{"id":0},{"id":1},{"id":2},{"id":3},{"id":4}]"#;
    for (command, whole) in [
        ("links", five.to_owned()),
        ("urls", format!(r#"{{"@odata.nextLink":null,"value":{five}}}"#)),
        ("cursors", format!(r#"{{"ok":true,"response_metadata":{{"next_cursor":""}},"things":{five}}}"#)),
        ("numbers", five.to_owned()),
        ("offsets", format!(r#"{{"items":{five},"total":5}}"#)),
    ] {
        let before = upstream.count();
        let ran = world.run(&format!("open-cli api {command} --all --format json"));
        let printed: Value = ran.into_json();
        assert_eq!(printed, serde_json::from_str::<Value>(&whole).unwrap(), "{command}");
        assert_eq!(upstream.count() - before, 3, "{command}");
    }
    let carried = upstream.seen.lock().unwrap().iter().all(|asked| asked.authorization.is_some());
    assert!(carried, "credentials go to every page");
    let continued = world.audit().iter().filter(|record| record["continuation"] == "next").count();
    assert_eq!(continued, 4, "each page is recorded, two of them found by the runtime");
    world
        .run("open-cli api links --max-pages 2 --format json")
        .stdout(r#"[{"id":0},{"id":1},{"id":2},{"id":3}]"#)
        .stderr_has(&["stopped after page 2"]);
    world.run("open-cli api links --max-pages 1 --format json").stdout(r#"[{"id":0},{"id":1}]"#).stderr_has(&["more"]);
    world.run("open-cli api numbers --page 2 --all --format json").stdout(r#"[{"id":2},{"id":3},{"id":4}]"#);
}

#[test]
fn a_page_that_fails_is_named_and_the_others_are_printed() {
    let upstream = Upstream::start(|asked, count| match (asked.line.as_str(), count) {
        ("GET /links", _) => Some((200, vec![("link", "</two>; rel=next".into())], "[1]".into())),
        ("GET /two", _) => Some((200, vec![("link", "</three>; rel=next".into())], "[2]".into())),
        _ => Some((404, vec![], "{}".into())),
    });
    let world = upstream.world(&json!({"/links": list("links", &[], &[])}));
    world.run("open-cli api links --all --format json").stdout("[1,2]").stderr_has(&["page 3", "404"]).status(8);
}

#[test]
fn pages_that_lead_back_are_not_asked_for_again() {
    let upstream = Upstream::start(|asked, _| match asked.line.as_str() {
        "GET /links" => Some((200, vec![("link", "</two>; rel=next".into())], "[1]".into())),
        "GET /two" => Some((200, vec![("link", "</three>; rel=next".into())], "[2]".into())),
        "GET /three" => Some((200, vec![("link", "</two>; rel=next".into())], "[3]".into())),
        "GET /cursors" => ok(&json!({"items": [1], "next_cursor": "same"})),
        _ => ok(&"[1]"),
    });
    let world = upstream.world(&json!({
        "/links": list("links", &[], &[]),
        "/cursors": list("cursors", &[], &["cursor"]),
        "/numbers": list("numbers", &["page"], &[]),
    }));
    world.run("open-cli api links --all --format json").stdout("[1,2,3]").stderr_has(&["page 3", "back"]).status(1);
    assert_eq!(upstream.count(), 3);
    world
        .run("open-cli api cursors --all --format json")
        .stdout(r#"{"items":[1,1],"next_cursor":"same"}"#)
        .stderr_has(&["back"])
        .status(1);
    world.run("open-cli api numbers --all --format json").stdout("[1]").stderr_has(&["page 2", "same"]).status(1);
    assert_eq!(upstream.count(), 7);
}

#[test]
fn h17_a_next_page_at_another_origin_is_not_asked_and_gets_no_credential() {
    let other = Upstream::start(|_, _| ok(&"[2]"));
    let link = format!("<{}/two>; rel=next", other.url);
    let upstream = Upstream::start(move |_, _| Some((200, vec![("link", link.clone())], "[1]".into())));
    let world = upstream.world(&json!({"/links": list("links", &[], &[])}));
    world
        .run("open-cli api links --all --format json")
        .stdout("[1]")
        .stderr_has(&["does not follow", "host"])
        .status(1);
    assert_eq!((upstream.count(), other.count()), (1, 0));
}

#[test]
fn continuations_end_with_the_process_unless_replicas_share_a_key() {
    let upstream = Upstream::start(pages);
    let world = upstream.world(&json!({"/links": list("links", &[], &[])}));
    let execute = |url: &str, more: &Value| {
        let mut ask = json!({"toolId": "api:links"});
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let headers = [("Content-Type", "application/json"), ("Accept", "application/json")];
        let answer = world.http("POST", &format!("{url}/v1/tools/execute"), &headers, &ask.to_string());
        serde_json::from_slice::<Value>(&answer.body).unwrap()
    };
    let next = execute("[RUNTIME]", &json!({}))["next"].clone();
    assert_eq!(execute("[RUNTIME]", &json!({"continue": next}))["body"][0]["id"], 2);
    let another = world.toolbox_with(&["--instance-id", "another"]);
    let refused = execute(&another.url(), &json!({"continue": next}));
    assert_eq!(refused["code"], "bad_request");
    assert!(refused["detail"].as_str().unwrap().contains("OPEN_CLI_STATE_KEY"), "{refused}");

    let world = world.env("OPEN_CLI_STATE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let replicas = ["one", "two"].map(|id| world.toolbox_with(&["--instance-id", id]));
    let execute = |at: usize, ask: &Value| {
        let url = format!("{}/v1/tools/execute", replicas[at].url());
        let answer = world.http("POST", &url, &[("Content-Type", "application/json")], &ask.to_string());
        serde_json::from_slice::<Value>(&answer.body).unwrap()
    };
    let next = execute(0, &json!({"toolId": "api:links"}))["next"].clone();
    assert_eq!(execute(1, &json!({"toolId": "api:links", "continue": next}))["body"][0]["id"], 2);
}

fn jobs() -> Value {
    let operation = json!({"operationId": "start", "tags": ["api"], "responses": {"202": {"description": "later"}}});
    json!({ "/jobs": { "post": operation } })
}

#[test]
fn an_operation_is_waited_for() {
    let world = World::serving(&json!({}));
    world
        .run(r#"open-cli demo exports start --body '{"polls":2}' --wait --format json"#)
        .stdout_json(&[("/state", json!("done"))]);
    let records = world.audit();
    let asked = records.iter().filter(|record| record["continuation"] == "operation" && record["method"] == "GET");
    assert_eq!(asked.count(), 3);
    world.run("open-cli demo exports start --format json").stdout_json(&[("/state", json!("running"))]);
}

#[test]
fn an_operation_that_fails_or_takes_too_long_is_a_failure() {
    let begun = |later: &'static str| {
        Some((202, vec![("location", "/jobs/1".into()), ("retry-after", later.into())], "{}".into()))
    };
    let upstream = Upstream::start(move |asked, _| match asked.line.as_str() {
        "POST /jobs" => begun("0"),
        _ => ok(&json!({"status": "Failed", "error": "no ink"})),
    });
    let world = upstream.world(&jobs());
    world.run("open-cli api start --wait --format json").stdout_has(&["no ink"]).stderr_has(&["failed"]).status(9);

    let upstream = Upstream::start(move |_, _| begun("30"));
    let world = upstream.world(&jobs());
    world
        .run("open-cli api start --wait --timeout 10s --format json")
        .stdout("{}")
        .stderr_has(&["after 10 s", "still goes on"])
        .status(9);
    assert_eq!(upstream.count(), 1, "no wait is begun that would pass the time");

    let upstream = Upstream::start(move |_, _| Some((202, vec![], "{}".into())));
    let world = upstream.world(&jobs());
    world.run("open-cli api start --wait --format json").stdout("{}").stderr_has(&["not where"]).status(1);
}

#[test]
fn h21_a_call_with_an_idempotency_key_is_repeated_when_its_connection_breaks() {
    let upstream = Upstream::start(|_, count| if count == 0 { None } else { Some((201, vec![], "{}".into())) });
    let header = json!([{"name": "Idempotency-Key", "in": "header", "required": true, "schema": {"type": "string"}}]);
    let mut paths = jobs();
    paths["/jobs"]["post"]["parameters"] = header;
    let world = upstream.world(&paths);
    world.run("open-cli api start --dry-run --format json").stdout_has(&["<idempotency-key>"]);
    world.run("open-cli api start --format json").stdout("{}");
    let keys = |from: usize| -> Vec<_> {
        upstream.seen.lock().unwrap()[from..].iter().map(|asked| asked.key.clone()).collect()
    };
    let sent = keys(0);
    assert!(sent.len() == 2 && sent[0] == sent[1] && sent[0].as_ref().is_some_and(|key| key.len() == 36), "{sent:?}");
    world.run("open-cli api start --idempotency-key mine --format json").stdout("{}");
    assert_eq!(keys(2), [Some("mine".to_owned())]);

    let upstream = Upstream::start(|_, count| if count == 0 { None } else { Some((201, vec![], "{}".into())) });
    upstream.world(&jobs()).run("open-cli api start --format json").stderr_has(&["execution_error"]).status(9);
    assert_eq!(upstream.count(), 1, "without a key it is not");
}
