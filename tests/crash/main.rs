//! `kill -9` in the middle of load, again and again: what was answered is in the trail, what reached the upstream as a write has left its
//! start, and the chain holds (H37). `make crash` runs it; `CRASHES` says how often, 50 by default. No test sleeps: a toolbox is killed
//! once it has answered so and so often.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that starts processes and reads their files"
)]

#[path = "../it/program.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod program;
#[path = "../it/ran.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod ran;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "shared with tests/it, which uses all of it")]
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{scope, spawn};

use open_cli::audit::segments::parts;
use open_cli::audit::verify::{Report, verify};
use serde_json::{Value, json};

use crate::program::Program;
use crate::world::World;

const CLIENTS: u64 = 8;
/// The trail of all toolboxes, one after the other.
const TRAIL: &str = "audit.log";

/// Request ids of writes that reached the upstream.
type Reached = Arc<Mutex<BTreeSet<String>>>;

#[test]
fn h37_no_crash_loses_what_was_answered_or_sent() {
    let crashes: usize = std::env::var("CRASHES").map_or(50, |text| text.parse().unwrap());
    let reached = Reached::default();
    let upstream = upstream(Arc::clone(&reached));
    let config = json!({
        "cli": "1.0.0",
        "mode": { "default": "discover" },
        "sources": { "api": { "type": "openapi", "uri": "api.json" } },
        "services": { "api": { "source": "api" } },
    });
    let world =
        World::new().file(".cli.json", &config.to_string()).file("api.json", &description(upstream).to_string());
    let log = world.path(TRAIL);
    let (mut answered, numbers) = (BTreeSet::new(), AtomicU64::new(0));
    for round in 0..crashes {
        let mut toolbox = start(&world);
        check(&log, &answered, &reached.lock().unwrap());
        let addr = toolbox.url().trim_start_matches("http://").parse().unwrap();
        let (told, answers) = channel();
        scope(|scope| {
            for _ in 0..CLIENTS {
                let (told, numbers) = (told.clone(), &numbers);
                scope.spawn(move || load(addr, numbers, &told));
            }
            drop(told);
            // Every moment of a file's life is met: files are a few hundred records long.
            let before = 1 + (round * 37) % 230;
            answered.extend(answers.iter().take(before));
            toolbox.signal("KILL");
            answered.extend(answers.iter());
        });
        toolbox.wait();
    }
    drop(start(&world));
    let reached = reached.lock().unwrap();
    let report = check(&log, &answered, &reached);
    assert!(answered.len() > crashes * 10 && reached.len() > crashes, "there was load");
    assert!(report.files > 5, "files were closed under load");
    println!(
        "{crashes} crashes: {} answered executions and {} writes at the upstream, all in {} records of {} files",
        answered.len(),
        reached.len(),
        report.records,
        report.files
    );
}

#[track_caller]
fn start(world: &World) -> Program {
    let toolbox = world.toolbox_with(&["--instance-id", "crash", "--audit-path", TRAIL, "--audit-file-size", "200K"]);
    toolbox.url();
    toolbox
}

/// Reads the whole trail from its files, without the help of a toolbox.
#[track_caller]
fn check(log: &Path, answered: &BTreeSet<String>, reached: &BTreeSet<String>) -> Report {
    let report = verify(log, None).unwrap();
    assert_eq!(report.broken, None, "the chain holds");
    let (mut executed, mut started) = (BTreeSet::new(), BTreeSet::new());
    for part in parts(log).unwrap() {
        for line in fs::read_to_string(&part.path).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let id = record["requestId"].as_str().unwrap_or("").to_owned();
            match record["eventType"].as_str().unwrap() {
                "tool_execution" | "execution_error" => executed.insert(id),
                "execution_started" => started.insert(id),
                _ => false,
            };
        }
    }
    let lost: Vec<_> = answered.difference(&executed).collect();
    assert!(lost.is_empty(), "answered, but not recorded: {lost:?}");
    let untraced: Vec<_> = reached.difference(&started).collect();
    assert!(untraced.is_empty(), "sent, but not recorded: {untraced:?}");
    report
}

/// Executes until the toolbox is gone, and tells the ids of what was answered.
fn load(addr: SocketAddr, numbers: &AtomicU64, answered: &Sender<String>) {
    let Ok(stream) = TcpStream::connect(addr) else { return };
    let mut reader = BufReader::new(stream);
    loop {
        let number = numbers.fetch_add(1, Ordering::SeqCst);
        let (tool, id) = (if number.is_multiple_of(3) { "api:write" } else { "api:read" }, format!("r{number}"));
        let body = json!({ "toolId": tool, "pathArgs": [number.to_string()] }).to_string();
        let head = format!(
            "POST /v1/tools/execute HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nX-Request-ID: {id}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        if reader.get_mut().write_all((head + &body).as_bytes()).is_err() {
            return;
        }
        match answer(&mut reader) {
            Some(200) => answered.send(id).unwrap(),
            Some(other) => panic!("{id} was answered {other}"),
            None => return,
        }
    }
}

/// The status of a whole answer; `None` when the connection broke before its end.
fn answer(reader: &mut BufReader<TcpStream>) -> Option<u16> {
    let head = head(reader)?;
    let status = head.first()?.split(' ').nth(1)?.parse().ok()?;
    let mut body = vec![0; field(&head, "content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(status)
}

/// The lines of a head, in lower case.
fn head(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let lines = reader.lines().map_while(Result::ok);
    let mut is_whole = false;
    let head = lines.take_while(|line| {
        is_whole = line.is_empty();
        !is_whole
    });
    let head = head.map(|line| line.to_ascii_lowercase()).collect();
    is_whole.then_some(head)
}

fn field<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// An upstream that notes which writes have reached it.
fn upstream(reached: Reached) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let reached = Arc::clone(&reached);
            spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some(head) = head(&mut reader) {
                    if head[0].starts_with("post") {
                        reached.lock().unwrap().insert(field(&head, "x-request-id").unwrap().to_owned());
                    }
                    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                    if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

fn description(upstream: SocketAddr) -> Value {
    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Crash", "version": "1" },
        "servers": [{ "url": format!("http://{upstream}") }],
        "paths": {
            "/write/{id}": { "post": { "operationId": "write", "parameters": id, "responses": {} } },
            "/read/{id}": { "get": { "operationId": "read", "parameters": id, "responses": {} } },
        },
    })
}
