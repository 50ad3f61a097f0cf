//! `kill -9` in the middle of load, again and again: what was answered is in the trail, what reached the upstream as a write has left its
//! start, and the chain holds (H37). `make crash` runs it; `CRASHES` says how often, 50 by default.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep, spawn};
use std::time::Duration;

use open_cli::audit::verify::verify;
use serde_json::{Value, json};

const TOOLBOX: &str = env!("CARGO_BIN_EXE_open-cli-toolbox");
const CLIENTS: u64 = 8;

/// Request ids of writes that reached the upstream.
type Reached = Arc<Mutex<BTreeSet<String>>>;

#[test]
fn h37_no_crash_loses_what_was_answered_or_sent() {
    let crashes = std::env::var("CRASHES").map_or(50, |text| text.parse().unwrap());
    let dir = std::env::temp_dir().join(format!("open-cli-crash-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let reached = Reached::default();
    let upstream = upstream(Arc::clone(&reached));
    fs::write(dir.join("api.json"), description(upstream).to_string()).unwrap();
    fs::write(dir.join(".cli.json"), config().to_string()).unwrap();
    let (mut answered, numbers) = (BTreeSet::new(), AtomicU64::new(0));
    for round in 0..crashes {
        let mut toolbox = Toolbox::start(&dir);
        check(&dir, &answered, &reached.lock().unwrap());
        let killed = AtomicBool::new(false);
        answered.extend(scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| load(toolbox.addr, &numbers, &killed))).collect();
            // Every moment of a file's life is met: files are a few hundred records long.
            sleep(Duration::from_millis(20 + (round * 37) % 230));
            toolbox.child.kill().unwrap();
            killed.store(true, Ordering::SeqCst);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        }));
        toolbox.child.wait().unwrap();
    }
    drop(Toolbox::start(&dir));
    let reached = reached.lock().unwrap();
    let report = check(&dir, &answered, &reached);
    assert!(answered.len() as u64 > crashes * 10 && reached.len() as u64 > crashes, "there was load");
    assert!(report.files > 5, "files were closed under load");
    println!(
        "{crashes} crashes: {} answered executions and {} writes at the upstream, all in {} records of {} files",
        answered.len(),
        reached.len(),
        report.records,
        report.files
    );
    fs::remove_dir_all(&dir).ok();
}

/// Reads the whole trail from its files, without the help of a toolbox.
#[track_caller]
fn check(dir: &PathBuf, answered: &BTreeSet<String>, reached: &BTreeSet<String>) -> open_cli::audit::verify::Report {
    let log = dir.join("audit.log");
    let report = verify(&log, None).unwrap();
    assert_eq!(report.broken, None, "the chain holds");
    let (mut executed, mut started) = (BTreeSet::new(), BTreeSet::new());
    let closed = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name == "audit.log"
            || name.strip_prefix("audit.log.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
    };
    for path in closed.filter(is_part) {
        for line in fs::read_to_string(path).unwrap().lines() {
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

/// Executes until the toolbox is gone; the ids of what was answered.
fn load(addr: SocketAddr, numbers: &AtomicU64, killed: &AtomicBool) -> Vec<String> {
    let mut answered = Vec::new();
    let Ok(stream) = TcpStream::connect(addr) else { return answered };
    let mut reader = BufReader::new(stream);
    while !killed.load(Ordering::SeqCst) {
        let number = numbers.fetch_add(1, Ordering::SeqCst);
        let (tool, id) = (if number.is_multiple_of(3) { "api:write" } else { "api:read" }, format!("r{number}"));
        let body = json!({"toolId": tool, "pathArgs": [number.to_string()]}).to_string();
        let head = format!(
            "POST /v1/tools/execute HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nX-Request-ID: {id}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        if reader.get_mut().write_all((head + &body).as_bytes()).is_err() {
            break;
        }
        match answer(&mut reader) {
            Some(200) => answered.push(id),
            Some(other) => panic!("{id} was answered {other}"),
            None => break,
        }
    }
    answered
}

/// The status of a whole answer; `None` when the connection broke before its end.
fn answer(reader: &mut BufReader<TcpStream>) -> Option<u16> {
    let head = head(reader)?;
    let status = head.first()?.split(' ').nth(1)?.parse().ok()?;
    let length =
        head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(status)
}

fn head(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
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
                    if head[0].starts_with("POST") {
                        let id = head.iter().find_map(|line| {
                            line.to_ascii_lowercase().strip_prefix("x-request-id: ").map(str::to_owned)
                        });
                        reached.lock().unwrap().insert(id.unwrap());
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
    let id = json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Crash", "version": "1"},
        "servers": [{"url": format!("http://{upstream}")}],
        "paths": {
            "/write/{id}": {"post": {"operationId": "write", "parameters": id, "responses": {}}},
            "/read/{id}": {"get": {"operationId": "read", "parameters": id, "responses": {}}},
        },
    })
}

fn config() -> Value {
    json!({
        "cli": "1.0.0",
        "mode": {"default": "discover"},
        "sources": {"api": {"type": "openapi", "uri": "api.json"}},
        "services": {"api": {"source": "api"}},
    })
}

/// A toolbox of its own process, killed when it is dropped.
struct Toolbox {
    child: Child,
    addr: SocketAddr,
}

impl Toolbox {
    #[track_caller]
    fn start(dir: &PathBuf) -> Self {
        let mut child = Command::new(TOOLBOX)
            .current_dir(dir)
            .env_clear()
            .env("HOME", dir)
            .args(["--config", ".cli.json", "--addr", "127.0.0.1:0", "--instance-id", "crash", "--state-dir", "state"])
            .args(["--audit-path", "audit.log", "--audit-file-size", "200K"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.split_once(" on http://").expect("it starts").1.trim().parse().unwrap();
        Self { child, addr }
    }
}

impl Drop for Toolbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
