//! Pieces to lines of the wire.

use super::*;
use crate::http::Headers;
use serde_json::{Value, json};

fn redactions(paths: &[&str]) -> Redactions {
    Redactions::of(&paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>())
}

/// What is told of these pieces, line by line.
fn told(media: &str, hidden: &[&str], pieces: &[&[u8]]) -> Vec<Value> {
    let (mut teller, mut out) = (Teller::new(media, redactions(hidden)), Vec::new());
    pieces.iter().all(|piece| teller.take(piece, &mut out));
    teller.end(None, &mut out);
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn check(media: &str, hidden: &[&str], pieces: &[&[u8]], expected: &[Value], withheld: u64) {
    let mut all = told(media, hidden, pieces);
    let end = all.pop().unwrap();
    assert_eq!(all, expected, "{media}");
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert_eq!((&end["end"], &end["bytes"], &end["pieces"]), (&json!(true), &json!(bytes), &json!(expected.len())));
    assert_eq!(end["withheld"].as_u64().unwrap_or(0), withheld);
}

fn line(text: &str) -> Value {
    json!({ "line": text })
}

#[test]
fn text_comes_line_by_line_however_it_arrives() {
    let lines = [line("data: 1"), line(""), line("data: é\r")];
    for pieces in
        [&[&b"data: 1\n\ndata: \xc3\xa9\r\n"[..]][..], &[b"da", b"ta: 1\n", b"\ndata: \xc3", b"\xa9\r", b"\n"]]
    {
        for media in ["text/event-stream; charset=utf-8", "application/x-ndjson", "application/jsonl", "text/plain"] {
            check(media, &[], pieces, &lines, 0);
        }
    }
    check("text/plain", &[], &[b"a\nb"], &[line("a"), json!({"line": "b", "partial": true})], 0);
    check("text/plain", &[], &[b"a\n\xff\n\xfe"], &[line("a"), json!({"data": "/wo="}), json!({"data": "/g=="})], 0);
    check("text/plain", &[], &[], &[], 0);
}

#[test]
fn h23_bytes_come_as_they_arrive() {
    let pieces: &[&[u8]] = &[b"\0\xff", b"\n"];
    check("image/png", &[], pieces, &[json!({"data": "AP8="}), json!({"data": "Cg=="})], 0);
    check("application/json", &[], &[b"{}"], &[json!({"data": "e30="})], 0);
    check("", &["token"], pieces, &[], 1);
}

#[test]
fn h22_long_lines_come_in_parts_and_long_answers_are_cut() {
    let long = ["é".repeat(MAX_LINE / 2), "é".repeat(MAX_LINE / 2), "end\n".to_owned()].concat();
    for pieces in [vec![long.as_bytes()], long.as_bytes().chunks(70_001).collect()] {
        let mut all = told("text/plain", &[], &pieces);
        assert_eq!(all.pop().unwrap()["truncated"], false);
        let parts: Vec<&str> = all.iter().map(|piece| piece["line"].as_str().unwrap()).collect();
        assert_eq!(parts.concat() + "\n", long);
        assert!(parts.iter().all(|part| part.len() <= MAX_LINE));
        assert_eq!((&all[0]["partial"], &all[parts.len() - 1]["partial"]), (&json!(true), &Value::Null));
        assert_eq!(told("text/plain", &["token"], &pieces).len(), 1, "a line in parts cannot be looked into");
    }
    let piece = [&b"x".repeat(99)[..], b"\n"].concat().repeat(1 << 12);
    let pieces: Vec<&[u8]> = std::iter::repeat_n(&piece[..], MAX_ANSWER / piece.len() + 1).collect();
    for media in ["text/plain", "image/png"] {
        let end = told(media, &[], &pieces).pop().unwrap();
        assert_eq!((&end["truncated"], &end["bytes"]), (&json!(true), &json!(MAX_ANSWER)));
    }
}

#[test]
fn h24_redactions_hold_in_every_line() {
    let hidden = &["token"];
    check(
        "application/x-ndjson",
        hidden,
        &[b"{\"token\": \"s3cret\", \"n\": 1.0}\n\ns3cret\n[1, {\"token\":2}]\n\xff\n{\"token\":\"s3cret\""],
        &[line("{\"token\": \"[redacted]\", \"n\": 1.0}"), line(""), line("[1, {\"token\":\"[redacted]\"}]")],
        3,
    );
    check(
        "text/event-stream",
        hidden,
        &[b": s3cret\nevent: a\nid\nretry: 5\ndata: {\"token\":\"s3cret\"}\ndata:s3cret\neventual: s3cret\n\n"],
        &[line("event: a"), line("id"), line("retry: 5"), line("data: {\"token\":\"[redacted]\"}"), line("")],
        3,
    );
    check("application/json-seq", hidden, &[b"\x1e{\"token\":1}\n"], &[line("\u{1e}{\"token\":\"[redacted]\"}")], 0);
    let shown = BASE64_STANDARD.encode("{\"token\":\"[redacted]\"}\n");
    check("application/json", hidden, &[b"{\"token\":\"s3", b"cret\"}\n"], &[json!({ "data": shown })], 0);
    check("application/json", hidden, &[b"{\"token\":\"s3cret"], &[], 1);
}

#[test]
fn h24_no_part_of_a_text_of_several_lines_is_shown() {
    let hidden = &["token"];
    let pretty = "{\"token\": [\n\"s3cret\"\n]}\n";
    check("text/plain", hidden, &[pretty.as_bytes(), b"{\"n\":1}\n"], &[], 4);
    let texts = format!("\u{1e}{pretty}\u{1e}{{\"token\":1}}\n");
    check("application/json-seq", hidden, &[texts.as_bytes()], &[line("\u{1e}{\"token\":\"[redacted]\"}")], 3);
    let events = b"data: {\"token\": [\ndata: \"s3cret\"\ndata: ]}\nid: 1\n\ndata: {\"n\":1}\n";
    check("text/event-stream", hidden, &[events], &[line(""), line("data: {\"n\":1}")], 4);
    let returns = b"event: a\rdata: {\"token\":\rdata: \"s3cret\"\rdata: }\r\nid: 1\r\n\r\nevent: b\r\n";
    check("text/event-stream", hidden, &[returns], &[line("\r"), line("event: b\r")], 2);
}

/// A body that breaks off.
struct Broken(bool);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            let (kind, message) = (TransportErrorKind::Timeout, "h did not answer in time: nothing came".to_owned());
            return Err(io::Error::other(TransportError { kind, may_have_been_sent: true, message }));
        }
        buffer[..2].copy_from_slice(b"a\n");
        Ok(2)
    }
}

#[test]
fn how_it_ended_is_told_in_the_last_line() {
    let head = super::super::answer::head(200, &Headers::new().with("Content-Type", "text/plain"), 1);
    let mut text = String::new();
    Answering::new(&head, Box::new(Broken(false)), Redactions::default()).read_to_string(&mut text).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"statusCode": 200, "contentType": "text/plain", "retries": 1}));
    assert_eq!(lines[1], line("a"));
    let error = json!({"code": "execution_timeout", "detail": "h did not answer in time: nothing came"});
    assert_eq!(lines[2]["error"], error);
    assert_eq!(lines.len(), 3);
}
