//! What is kept: a record for each action, chained, on disk before its answer.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::program::{Program, eventually};
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

/// A crash of the machine: the process is killed, and the file lacks what the system had not written yet.
#[test]
fn h37_after_a_crash_of_the_machine_the_next_start_puts_back_what_was_answered_for() {
    let mut world = World::with_demo().config(&json!({}));
    // Files in memory, as a temporary directory may be, have no journal.
    let audit = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{}", std::process::id()));
    fs::create_dir_all(&audit).unwrap();
    let log = audit.join("audit.log");
    let flags = ["--audit-path", log.to_str().unwrap()];
    world.start_toolbox(&flags);
    for _ in 0..3 {
        world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    }
    world.running().signal("KILL");
    world.toolbox.take().unwrap().wait();
    let whole = fs::read_to_string(&log).unwrap();
    assert_eq!(whole.matches("\"tool_execution\"").count(), 3);
    let lost = whole.len() - whole.lines().last().unwrap().len() / 2 - 1_000;
    fs::write(&log, &whole[..lost]).unwrap();
    let check = format!("open-cli audit verify {} --format json", log.display());
    let records = whole.lines().count();
    let kept = whole[..lost].matches('\n').count();
    world.run(&check).stdout_json(&[
        ("/ok", json!(true)),
        ("/records", json!(kept)),
        ("/journaled", json!(records - kept)),
    ]);
    world.start_toolbox(&flags);
    world.run(&check).stdout_json(&[("/ok", json!(true)), ("/journaled", json!(0))]);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with(&whole), "{text}");
    verify(&text);
    let told = world.running().printed();
    assert!(told.contains("records that the audit file lacked after a crash were put back"), "{told}");
    // Somebody cuts the newest record off, and somebody else stops the toolbox.
    fs::write(&log, &text[..text.trim_end().rfind('\n').unwrap() + 1]).unwrap();
    world.running().signal("TERM");
    let mut stopped = world.toolbox.take().unwrap();
    stopped.wait();
    // Its last lines may still be on their way.
    eventually("the stop says so", || {
        stopped.printed().contains("stopped, but the audit file does not hold all records").then_some(())
    });
    world.start_toolbox(&flags);
    let again = fs::read_to_string(&log).unwrap();
    assert!(again.starts_with(&text), "{again}");
    verify(&again);
    fs::remove_dir_all(&audit).unwrap();
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

#[test]
fn the_trail_is_listed_followed_and_checked_by_commands() {
    let mut world = World::serving(&json!({ "policy": { "deny": ["demo:replaceItem"] } }));
    for _ in 0..3 {
        world.run("open-cli demo items get item-1 --quiet --format json").stdout_json(&[("/id", json!("item-1"))]);
    }
    let denied = r#"{"toolId":"demo:replaceItem","pathArgs":["item-1"],"bodyJson":{"name":"x"}}"#;
    world.http("POST", "[RUNTIME]/v1/tools/execute", &[("Content-Type", "application/json")], denied);
    world.run("open-cli audit list --tool demo:getItem --limit 2 --since 1h --format json").stdout_json(&[
        ("/0/toolId", json!("demo:getItem")),
        ("/1/statusCode", json!(200)),
        ("/2", Value::Null),
    ]);
    world
        .run("open-cli audit list --decision denied --format json")
        .stdout_json(&[("/0/reasonCode", json!("policy_deny")), ("/1", Value::Null)]);
    world.run("open-cli audit list --since yesterday").stderr_has(&["--since", "24h"]).status(2);
    world.run("open-cli audit tail --limit 1 --format table").stdout_has(&["authz_denial  demo:replaceItem  denied"]);

    world.run("open-cli audit tail --after 3 --format json").stdout_has(&["\"seq\":4,", "\"seq\":5,"]);
    world.run("open-cli audit tail --after x").stderr_has(&["no record's number"]).status(2);
    let follower = Program::start(world.command(env!("CARGO_BIN_EXE_open-cli")).args([
        "audit",
        "tail",
        "--follow",
        "--limit",
        "1",
        "--tool",
        "demo:getItem",
        "--format",
        "json",
    ]));
    follower.line_after(0, &["\"toolId\":\"demo:getItem\""]);
    let mark = follower.mark();
    world.run("open-cli demo items get item-2 --quiet --format json").stdout_json(&[("/id", json!("item-2"))]);
    follower.line_after(mark, &["tool_execution", "\"seq\":"]);
    drop(follower);

    world
        .run("open-cli audit verify --instance-id world --format json")
        .stdout_json(&[("/ok", json!(true)), ("/files", json!(1))]);
    let mut toolbox = world.toolbox.take().unwrap();
    toolbox.signal("TERM");
    toolbox.wait();
    let stopped = toolbox.line_after(0, &["auditHead="]);
    let head = stopped.split_once("auditHead=").unwrap().1.to_owned();
    let path = world.instance().join("audit.log");
    world
        .run(&format!("open-cli audit verify {} --head {head} --format table", path.display()))
        .stdout_has(&["whole", &head]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("policy_deny", "policy_dent", 1)).unwrap();
    world
        .run(&format!("open-cli audit verify {} --format json", path.display()))
        .stdout_json(&[("/ok", json!(false)), ("/firstBad/file", json!("audit.log")), ("/firstBad/seq", json!(5))])
        .stderr_has(&["audit.log line 5 (record 5)", "was changed"])
        .status(10);
    let cut = text.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    fs::write(&path, cut).unwrap();
    world
        .run(&format!("open-cli audit verify {} --head {head}", path.display()))
        .stdout_has(&["\"ok\":false"])
        .stderr_has(&["cut off"])
        .status(10);
    world
        .run(&format!("open-cli audit verify {}.000000000001", path.display()))
        .stderr_has(&["one of the closed files", "/audit.log`"])
        .status(2);
    world.run("open-cli audit verify nowhere.log").stderr_has(&["cannot be read"]).status(1);
    world.run("open-cli audit verify --head 5:zz").stderr_has(&["SEQ:HASH"]).status(2);
}

/// More executions than have room on it.
const MOST: usize = 10_000;

/// A file system of a MiB in a namespace of the toolbox's own, which the test fills up from outside.
#[test]
fn h37_a_full_disk_refuses_before_sending_and_recovers_by_itself() {
    let (upstream, requests, go) = held_upstream();
    let api = json!({
        "openapi": "3.1.0",
        "info": { "title": "Held", "version": "1" },
        "servers": [{ "url": upstream }],
        "paths": { "/read": { "get": { "operationId": "read", "responses": {} } } },
    });
    let world = World::with_demo()
        .config(&json!({ "sources": { "demo": { "uri": "held.json" } } }))
        .file("held.json", &api.to_string())
        .file("small/.keep", "");
    let line = format!(
        "mount -t tmpfs -o size=1m none small && exec {} --config .cli.json --addr 127.0.0.1:0 --instance-id world --audit-path small/audit.log",
        env!("CARGO_BIN_EXE_open-cli-toolbox")
    );
    let toolbox = Program::start(world.command("unshare").args(["--map-root-user", "--mount", "sh", "-c", &line]));
    let url = toolbox.url();
    let small = PathBuf::from(format!("/proc/{}/root{}", toolbox.pid(), world.path("small").display()));
    let fill = || {
        let mut filler = fs::File::create(small.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    };
    let execute = || {
        let json = [("Content-Type", "application/json")];
        let answer = world.http("POST", &format!("{url}/v1/tools/execute"), &json, r#"{"toolId":"demo:read"}"#);
        (answer.status, String::from_utf8(answer.body).unwrap())
    };

    // The disk fills up while a call is under way: it finds the room that was kept for its outcome.
    let under_way = std::thread::scope(|scope| {
        let call = scope.spawn(execute);
        requests.recv().unwrap();
        fill();
        go.send(()).unwrap();
        call.join().unwrap()
    });
    assert_eq!(under_way.0, 200, "{}", under_way.1);
    // What was reserved beyond that is soon used up, and then nothing is sent any more.
    (0..MOST).for_each(|_| go.send(()).unwrap());
    let answers: Vec<_> = (0..MOST).map(|_| execute()).take_while(|(status, _)| *status == 200).collect();
    assert!(answers.len() < MOST, "a full disk refuses at last");
    assert_eq!(execute(), (503, "audit_unavailable".to_owned()));
    assert_eq!(requests.try_iter().count(), answers.len(), "what is refused is not sent");
    fs::remove_file(small.join("filler")).unwrap();
    let recovered = execute();
    assert_eq!(recovered.0, 200, "{}", recovered.1);
    let answered = 1 + answers.len();
    let text = fs::read_to_string(small.join("audit.log")).unwrap();
    verify(&text);
    assert_eq!(text.matches("\"eventType\":\"tool_execution\"").count(), answered + 1, "each answer has its record");
}

/// An upstream that tells of each request and answers when it may.
fn held_upstream() -> (String, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let ((came, requests), (go, may_go)) = (mpsc::channel(), mpsc::channel());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            if came.send(()).is_err() || may_go.recv().is_err() {
                return;
            }
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (origin, requests, go)
}
