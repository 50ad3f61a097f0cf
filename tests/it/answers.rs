//! What upstreams answer, and in which form it arrives: coded, redacted, and as streams that begin before they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::heard::Heard;
use crate::program::{PATIENCE, Program};
use crate::world::World;

const CLI: &str = env!("CARGO_BIN_EXE_open-cli");

/// An upstream in this process, with operations named by its paths.
struct Upstream {
    url: String,
    /// Lets a stream say more.
    release: Sender<()>,
    /// Tells that the other side of a stream has gone.
    gone: Receiver<()>,
}

const PATHS: [&str; 7] = ["events", "quiet", "coded", "bomb", "torn", "secret", "secrets"];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn description() -> String {
    let operation = |path: &str| {
        let body = json!({"content": {"application/json": {}}});
        let output = json!({"redactions": ["token"]});
        match path {
            "secret" => json!({"tags": ["up"], "operationId": path, "requestBody": body, "x-cli-output": output}),
            "secrets" => json!({"tags": ["up"], "operationId": path, "x-cli-output": output}),
            _ => json!({"tags": ["up"], "operationId": path}),
        }
    };
    let paths: serde_json::Map<_, _> = PATHS
        .iter()
        .map(|path| (format!("/{path}"), json!({if *path == "secret" { "post" } else { "get" }: operation(path)})))
        .collect();
    json!({"openapi": "3.0.0", "info": {"title": "up", "version": "1"}, "paths": paths}).to_string()
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (release, released) = mpsc::channel();
        let (tell, gone) = mpsc::channel();
        let released = Arc::new(Mutex::new(released));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (released, tell) = (Arc::clone(&released), tell.clone());
                std::thread::spawn(move || answer(stream, &released, &tell));
            }
        });
        Self { url, release, gone }
    }

    /// A toolbox that serves it as service `up`.
    fn world(&self) -> World {
        let config = json!({
            "cli": "1.0.0",
            "mode": {"default": "discover"},
            "sources": {"up": {"type": "openapi", "uri": format!("{}/openapi.json", self.url)}},
            "services": {"up": {"source": "up"}},
        });
        let mut world = World::new().file(".cli.json", &config.to_string());
        world.start_toolbox(&[]);
        world
    }

    #[track_caller]
    fn sees_the_end(&self) {
        self.gone.recv_timeout(PATIENCE).expect("the exchange with the upstream ends");
    }
}

/// Reads a request's head and body, and answers by its path.
fn answer(mut stream: TcpStream, released: &Mutex<Receiver<()>>, gone: &Sender<()>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(heard) = Heard::read(&mut reader) else { return };
    let path = heard.target();
    let mut whole = |more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{more}\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).ok();
    };
    let coded = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    match path {
        "/openapi.json" => whole(coded, &gzip(description().as_bytes())),
        "/coded" if heard.header("accept-encoding") == Some("gzip, deflate") => {
            whole(coded, &gzip(b"{\"n\": 1.50}\n"));
        }
        "/bomb" => whole(coded, &gzip(&vec![b'0'; 64 << 20])),
        "/torn" => whole(coded, &gzip(&b"torn".repeat(100))[..20]),
        "/secret" => whole("", b"{ \"token\": \"s3cret\", \"n\":1.50 }"),
        "/secrets" => whole("Content-Type: application/x-ndjson\r\n", b"{\"token\":\"s3cret\",\"n\":1.0}\ns3cret\n"),
        "/events" | "/quiet" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n").unwrap();
            if path == "/events" {
                released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                stream.write_all(b"data: two\n\n").unwrap();
                return;
            }
            // Nobody says anything any more; what ends this read is the other side.
            reader.read_exact(&mut [0; 1]).ok();
            gone.send(()).ok();
        }
        _ => whole("", b"unexpected"),
    }
}

/// The command line at work.
fn cli(world: &World, args: &[&str]) -> Program {
    let mut command: Command = world.command(CLI);
    Program::start(command.args(args))
}

/// The answer to an execution over HTTP.
#[track_caller]
fn executed(world: &World, request: &Value) -> Value {
    let headers = [("Content-Type", "application/json")];
    let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &headers, &request.to_string());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn coded_answers_and_descriptions_are_decoded_within_limits() {
    let upstream = Upstream::start();
    let world = upstream.world();
    world.run("open-cli up coded").stdout("{\"n\": 1.50}\n");
    let bomb = executed(&world, &json!({"toolId": "up:bomb"}));
    assert_eq!((&bomb["truncated"], bomb["text"].as_str().unwrap().len()), (&json!(true), 10 << 20));
    world.run("open-cli up torn").stderr_has(&["execution_error", "gzip coding"]).status(9);
}

#[test]
fn h24_redactions_hold_for_every_caller() {
    let upstream = Upstream::start();
    let world = upstream.world();
    let shown = "{ \"token\": \"[redacted]\", \"n\":1.50 }";
    world.run("open-cli up secret").stdout(shown);
    world.run("open-cli up secret --output got.json");
    assert_eq!(std::fs::read_to_string(world.path("got.json")).unwrap(), shown);
    let headers = [("Content-Type", "application/json")];
    let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &headers, r#"{"toolId": "up:secret"}"#);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains(&format!("\"body\":{shown}")) && !text.contains("s3cret"), "{text}");
    let request = json!({"toolId": "up:secret", "bodyText": "{\"token\" :\"s3cret\"}", "dryRun": true});
    assert_eq!(executed(&world, &request)["body"], "{\"token\" :\"[redacted]\"}");
    world.run("open-cli up secrets").stderr_has(&["the answer is not shown", "this is none"]).status(1);
    world
        .run("open-cli up secrets --stream")
        .stdout("{\"token\":\"[redacted]\",\"n\":1.0}\n")
        .stderr_has(&["cannot be applied to them: 1"]);
}

#[test]
fn a_stream_arrives_while_it_is_made() {
    let upstream = Upstream::start();
    let world = upstream.world();
    let program = cli(&world, &["up", "events", "--stream"]);
    program.line_after(0, &["data: one"]);
    let records = world.audit();
    let record = records.iter().find(|record| record["eventType"] == "tool_execution").unwrap();
    assert_eq!((&record["toolId"], &record["statusCode"]), (&json!("up:events"), &json!(200)), "before the end");
    upstream.release.send(()).unwrap();
    program.line_after(0, &["data: two"]);
}

#[test]
fn a_client_that_leaves_ends_the_upstreams_exchange() {
    let upstream = Upstream::start();
    let world = upstream.world();
    let body = r#"{"toolId":"up:quiet","stream":true}"#;
    let mut stream = TcpStream::connect(world.name("[RUNTIME]").trim_start_matches("http://")).unwrap();
    let head = format!("Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("POST /v1/tools/execute HTTP/1.1\r\n{head}\r\n{body}").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while !line.contains(r#"{"line":"data: one"}"#) {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the stream begins");
    }
    drop(reader);
    upstream.sees_the_end();
}

#[test]
fn a_stop_ends_streams_on_both_sides() {
    let upstream = Upstream::start();
    let world = upstream.world();
    let program = cli(&world, &["up", "quiet", "--stream"]);
    program.line_after(0, &["data: one"]);
    world.run("open-cli runtime stop").stdout_has(&["stopped"]);
    upstream.sees_the_end();
    program.line_after(0, &["broke off"]);
}
