//! The toolbox in the open: malformed requests, limits, and what is told about them.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::program::PATIENCE;
use crate::world::World;

/// Sends bytes as they are, closes that half, and reads to the end.
fn send(world: &World, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.name("[RUNTIME]").trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Status, head and body.
fn parts(answer: &str) -> (u16, &str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head[9..12].parse().unwrap(), head, body)
}

#[test]
fn h22_malformed_requests_are_answered_by_the_table() {
    let world = World::serving(&json!({}));
    let table: Value = serde_json::from_str(include_str!("../../testdata/http/requests.json")).unwrap();
    let cases = table["rejected"].as_array().unwrap();
    assert!(cases.len() >= 100, "{}", cases.len());
    for case in cases {
        let request = case["request"].as_str().unwrap().replace("<17K>", &"y".repeat(17 << 10));
        let answer = send(&world, request.as_bytes());
        let (status, head, body) = parts(&answer);
        let code = if status == 413 { "body_too_large" } else { "bad_request" };
        assert_eq!((json!(status), body), (case["status"].clone(), code), "{}: {answer}", case["name"]);
        assert!(head.contains("\r\nConnection: close"), "{}: {head}", case["name"]);
        assert!(head.contains("\r\nX-Request-ID: "), "{}: {head}", case["name"]);
    }
    world.run("open-cli demo items get item-4 --format json").stdout_has(&["compass"]);
}

#[test]
fn the_front_speaks_problem_details_to_who_wants_them() {
    let world = World::serving(&json!({}));
    let request = "POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nX-Request-ID: mine\r\n\
                   Content-Length: 99999999\r\n\r\n";
    let answer = send(&world, request.as_bytes());
    let (status, head, body) = parts(&answer);
    assert_eq!(status, 413);
    assert!(head.contains("application/problem+json") && head.contains("X-Request-ID: mine"), "{head}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&json!("body_too_large"), &json!(413)));
    assert_eq!(problem["detail"], "the body is larger than 16777216 bytes");
}

#[test]
fn bounds_are_set_by_flags_and_the_log_tells_when_they_bite() {
    let mut world = World::with_demo().config(&json!({}));
    world.start_toolbox(&["--max-connections", "16", "--max-body", "2K", "--workers", "4", "--request-timeout", "60"]);
    let body = "x".repeat(3000);
    let request = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n\r\n{body}");
    assert_eq!(parts(&send(&world, request.as_bytes())).0, 413);
    let addr = world.name("[RUNTIME]").trim_start_matches("http://").to_owned();
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&addr).unwrap()).collect();
    world.run("open-cli demo items get item-4 --format json").stdout_has(&["compass"]);
    world.running().line_after(0, &["warn", "clients are turned away", "evicted="]);
    drop(silent);
}

#[test]
fn a_reload_touches_no_connection() {
    let world = World::serving(&json!({}));
    let mut stream = TcpStream::connect(world.name("[RUNTIME]").trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mark = world.running().mark();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").unwrap();
    world.running().signal("HUP");
    world.running().line_after(mark, &["configuration reloaded"]);
    stream.write_all(b"host\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
