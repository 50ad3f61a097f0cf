//! What `--dry-run` shows is what is sent: the bytes that an upstream gets are compared with those shown before.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use open_cli::base::host;
use serde_json::{Value, json};

use crate::heard::Heard;
use crate::program::PATIENCE;
use crate::world::World;

/// An upstream that answers every request with `{}` and keeps its bytes.
struct Echo {
    origin: String,
    seen: mpsc::Receiver<Vec<u8>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::channel();
        let serve = move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = Heard::read(&mut reader) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                    stream.write_all(answer).ok();
                    if tell.send(request.bytes()).is_err() {
                        return;
                    }
                }
            }
        };
        host::spawn("echo", serve).unwrap();
        Self { origin, seen }
    }
}

fn description(origin: &str) -> Value {
    let parameter = |name: &str, place: &str, schema: Value| json!({ "name": name, "in": place, "schema": schema });
    let text = || json!({ "type": "string" });
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let operation = |id: &str, security: Value, body: Value| {
        let mut operation = json!({ "operationId": id, "security": security, "responses": {} });
        if !body.is_null() {
            operation["requestBody"] = json!({ "content": body });
        }
        operation
    };
    let form = json!({ "type": "object", "properties": { "a": text(), "n": { "type": "array", "items": { "type": "integer" } } } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Echo", "version": "1" },
        "servers": [{ "url": format!("{origin}/base/") }],
        "components": { "securitySchemes": {
            "token": { "type": "http", "scheme": "bearer" },
            "person": { "type": "http", "scheme": "basic" },
            "key": { "type": "apiKey", "in": "query", "name": "api key" },
            "cookie": { "type": "apiKey", "in": "cookie", "name": "sid" },
        } },
        "paths": {
            "/things/{name}": {
                "parameters": [
                    { "name": "name", "in": "path", "required": true, "schema": text() },
                    parameter("q", "query", text()), parameter("tags", "query", list),
                    parameter("X-Mine", "header", text()), parameter("c", "cookie", text()),
                ],
                "get": operation("getThing", json!([{ "token": [] }]), Value::Null),
                "put": operation("putThing", json!([{ "person": [] }]), json!({ "application/json": {} })),
                "post": operation("postThing", json!([{ "key": [], "cookie": [] }]), json!({ "application/x-www-form-urlencoded": { "schema": form } })),
                "patch": operation("patchThing", json!([]), json!({ "application/octet-stream": {} })),
                "delete": operation("deleteThing", json!([{ "token": [], "cookie": [] }]), Value::Null),
            },
        },
    })
}

/// Shows the command, runs it, and compares.
#[track_caller]
fn check(world: &World, echo: &Echo, line: &str, input: &[u8]) {
    let shown = world.run_with_input(&format!("open-cli echo things {line} --dry-run=http"), input).into_stdout();
    world.run_with_input(&format!("open-cli echo things {line} --format json"), input).stdout("{}");
    let sent = echo.seen.recv_timeout(PATIENCE).unwrap();
    assert!(echo.seen.try_recv().is_err(), "{line}: a dry run sends nothing, a call sends once");
    let id = value_of(&sent, "x-request-id: ").expect("every call has an id");
    let mut expected = shown;
    for (placeholder, value) in [
        ("<request-id>", id.as_str()),
        ("<token>", "s3cret-token"),
        ("<person>", "dXNlcjpzM2NyZXQgcGFzcw=="),
        ("<key>", "s3cret%20key%26"),
        ("<cookie>", "s3cret-sid"),
    ] {
        expected = replace(&expected, placeholder.as_bytes(), value.as_bytes());
    }
    assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(&expected), "{line}");
    assert_eq!(sent, expected, "{line}");
}

fn value_of(message: &[u8], field: &str) -> Option<String> {
    String::from_utf8_lossy(message).lines().find_map(|line| line.strip_prefix(field).map(str::to_owned))
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[test]
fn h24_what_is_shown_before_is_what_arrives() {
    let echo = Echo::start();
    let secret = |value: &str| json!({ "type": "literal", "value": value });
    let mut world = World::new().file("api.json", &description(&echo.origin).to_string()).config(&json!({
        "sources": { "echo": { "type": "openapi", "uri": "api.json" }, "demo": { "enabled": false, "uri": "api.json" } },
        "services": { "echo": { "source": "echo" } },
        "secrets": {
            "echo.token": secret("s3cret-token"), "echo.person": secret("user:s3cret pass"),
            "echo.key": secret("s3cret key&"), "echo.cookie": secret("s3cret-sid"),
        },
    }));
    world.start_toolbox(&[]);
    check(&world, &echo, "get-thing 'a b/c' --q 'x&y=z' --tags one --tags 'two,2' --x-mine 'v 1' --c 'd;e'", b"");
    check(&world, &echo, "get-thing plain", b"");
    check(&world, &echo, "put-thing n --body '{\"b\": 1.0, \"a\":\"\u{fc}\"}' --q 1", b"");
    check(&world, &echo, "put-thing n --body -", b"[1,\n 2]\n");
    check(&world, &echo, "post-thing n --body '{\"a\":\"x y&z\",\"n\":[1,2]}' --q <key> --c 1", b"");
    check(&world, &echo, "patch-thing n --body -", b"\0\xFF\r\n\x80");
    check(&world, &echo, "delete-thing %2e", b"");
}

#[test]
fn h24_no_form_of_a_dry_run_shows_a_secret() {
    let echo = Echo::start();
    let mut world = World::new().file("api.json", &description(&echo.origin).to_string()).config(&json!({
        "sources": { "echo": { "type": "openapi", "uri": "api.json" }, "demo": { "enabled": false, "uri": "api.json" } },
        "services": { "echo": { "source": "echo" } },
        "secrets": { "echo.key": { "type": "literal", "value": "s3cret" }, "echo.cookie": { "type": "literal", "value": "s3cret" } },
    }));
    world.start_toolbox(&[]);
    for form in ["", "=curl", "=http", "=json"] {
        for format in ["json", "yaml", "pretty", "table"] {
            let line = format!("open-cli echo things post-thing n --body '{{}}' --dry-run{form} --format {format}");
            let shown = String::from_utf8(world.run(&line).into_stdout()).unwrap();
            assert!(!shown.contains("s3cret") && shown.contains("<key>") && shown.contains("<cookie>"), "{shown}");
        }
    }
    world
        .run("open-cli echo things post-thing n --body '{}' --dry-run=xml")
        .stderr_has(&["no form xml", "--dry-run=curl"])
        .status(2);
    world.run("open-cli echo things get-thing n --dry-run").stderr_has(&["echo.token"]).status(9);
    assert!(echo.seen.try_recv().is_err(), "nothing was sent");
}
