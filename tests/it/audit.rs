//! What is kept: a record for each action, chained, on disk before its answer.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::program::eventually;
use crate::world::World;

/// Checks the chain from the documented format alone: `hash` is the SHA-256 of the line without its last member, `prev` the hash
/// before, `seq` counts from 1.
#[track_caller]
fn verify(text: &str) {
    let mut before = "0".repeat(64);
    for (number, line) in (1..).zip(text.lines()) {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&record["seq"], &record["prev"]), (&json!(number), &json!(before)), "{line}");
        let hash = record["hash"].as_str().unwrap();
        let content = line.replace(&format!(",\"hash\":\"{hash}\"}}"), "}");
        let digest: String = Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, hash, "{line}");
        before = digest;
    }
}

fn find(records: &[Value], kind: &str) -> Vec<Value> {
    records.iter().filter(|record| record["eventType"] == kind).cloned().collect()
}

#[test]
fn each_call_leaves_a_record_and_the_chain_holds() {
    let mut world = World::serving(&json!({ "policy": { "deny": ["demo:replaceItem"] } }));
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    world
        .run(r#"open-cli demo items create --body '{"name":"x"}' --format json"#)
        .stdout_json(&[("/id", json!("item-6"))]);
    let denied = r#"{"toolId":"demo:replaceItem","pathArgs":["item-1"],"bodyJson":{"name":"x"}}"#;
    let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &[("Content-Type", "application/json")], denied);
    assert_eq!(answer.status, 403);
    world.run("open-cli demo items get item-99 --quiet").stdout_has(&[]).stderr_has(&[]).status(8);
    let toolbox = world.toolbox.take().unwrap();
    drop(toolbox);
    world.start_toolbox(&[]);
    world.run("open-cli demo files report").stdout_has(&["anvil"]);

    let text = fs::read_to_string(world.instance().join("audit.log")).unwrap();
    verify(&text);
    let records = world.audit();
    assert_eq!(find(&records, "runtime_start").len(), 2);
    let executions = find(&records, "tool_execution");
    let summary: Vec<_> =
        executions.iter().map(|r| (r["toolId"].clone(), r["path"].clone(), r["statusCode"].clone())).collect();
    assert_eq!(
        summary,
        [
            (json!("demo:getItem"), json!("/items/{itemId}"), json!(200)),
            (json!("demo:createItem"), json!("/items"), json!(201)),
            (json!("demo:getItem"), json!("/items/{itemId}"), json!(404)),
            (json!("demo:readReport"), json!("/files/report"), json!(200)),
        ]
    );
    let denied = find(&records, "authz_denial");
    assert_eq!((&denied[0]["decision"], &denied[0]["reasonCode"]), (&json!("denied"), &json!("policy_deny")));
    let started = find(&records, "execution_started");
    assert_eq!(started.len(), 1, "only what is not read-only leaves a start: {started:?}");
    assert!(!text.contains("item-99"), "the path is the template: {text}");
}

#[test]
fn h37_a_kill_after_a_write_was_sent_leaves_its_start() {
    let mut world = World::with_demo().config(&json!({ "sources": { "demo": { "uri": "slow.json" } } })).file(
        "slow.json",
        &json!({
            "openapi": "3.1.0",
            "info": { "title": "Slow", "version": "1" },
            "servers": [{ "url": "[SINK]" }],
            "paths": { "/write": { "post": { "operationId": "write", "responses": {} } } },
        })
        .to_string()
        .replace("[SINK]", &sink()),
    );
    world.start_toolbox(&[]);
    let url = world.name("[RUNTIME]").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&url).unwrap();
    let body = r#"{"toolId":"demo:write"}"#;
    write!(
        stream,
        "POST /v1/tools/execute HTTP/1.1\r\nHost: {url}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let started = eventually("the start is on disk", || {
        let text = fs::read_to_string(world.instance().join("audit.log")).unwrap();
        text.contains("execution_started").then_some(text)
    });
    world.running().signal("KILL");
    let mut dead = world.toolbox.take().unwrap();
    dead.wait();
    assert!(started.contains("\"toolId\":\"demo:write\""), "{started}");
    world.start_toolbox(&[]);
    let text = fs::read_to_string(world.instance().join("audit.log")).unwrap();
    verify(&text);
    assert_eq!(find(&world.audit(), "execution_started").len(), 1);
    assert_eq!(find(&world.audit(), "tool_execution").len(), 0);
}

/// The origin of a server that takes connections and never answers.
fn sink() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().collect();
        drop(kept);
    });
    origin
}

#[test]
fn events_are_served_as_written() {
    let world = World::serving(&json!({}));
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    let served: Value = serde_json::from_slice(&world.http("GET", "[RUNTIME]/v1/audit/events", &[], "").body).unwrap();
    let executed = find(served.as_array().unwrap(), "tool_execution");
    assert_eq!(executed, find(&world.audit(), "tool_execution"));
}

#[test]
fn h37_a_torn_line_does_not_make_the_rest_unreadable() {
    let mut world = World::serving(&json!({}));
    let mut toolbox = world.toolbox.take().unwrap();
    toolbox.signal("TERM");
    toolbox.wait();
    let path = world.instance().join("audit.log");
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"eventTy").unwrap();
    drop(file);
    world.start_toolbox(&[]);
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    let served = world.http("GET", "[RUNTIME]/v1/audit/events", &[], "");
    assert_eq!(served.status, 200);
    assert!(String::from_utf8_lossy(&served.body).contains("tool_execution"));
}
