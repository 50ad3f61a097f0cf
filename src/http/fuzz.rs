//! What fuzz targets call: what the reading of requests promises, held against any bytes.
//!
//! Key item: [`framing`]. It panics where a promise is broken. No program calls it: `fuzz/` does with bytes that libFuzzer makes up, and
//! the tests below with the corpus of `testdata/fuzz`. `naive` reads requests a second time, in another way, so that the end of a
//! request is not only what the reader of `front` takes it for.

use super::framing::Length;
use super::front::head::{Head, MAX_FIELDS, MAX_HEAD};
use super::front::request::{Reader, Request, Step};
use super::rejection::Rejection;

/// Limits of bodies: one that few bytes reach, and one below which much can be announced that never comes.
const LIMITS: [usize; 2] = [1_000, 16 << 20];
/// What an unfinished body may take besides the bytes that came.
const SLACK: usize = (128 << 10) + (4 << 10);
/// What a connection may not be heard to say any more.
const LATE: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
/// Fields that say where a request ends or that concern one connection only, and the front's own.
const NOT_HANDED: [&str; 5] = ["Content-Length", "Transfer-Encoding", "Connection", "Expect", "X-Open-Cli-Front"];

/// Reads these bytes as a client's, whole and in pieces, for two limits of bodies.
///
/// # Panics
///
/// When the pieces make a difference, when a request ends elsewhere than where `naive` sees its end, when what is handed on is not one
/// plain head, when memory is taken for bytes that have not come, or when anything is read behind a rejection.
pub fn framing(bytes: &[u8]) {
    for max_body in LIMITS {
        let whole = read(std::iter::once(bytes), max_body);
        let pieces = read(cut(bytes, seed(bytes)), max_body);
        assert_eq!(whole, pieces, "the way the bytes are cut makes a difference");
        let mut start = 0;
        for (end, request) in &whole.requests {
            check_request(request, &bytes[start..], end - start, max_body);
            start = *end;
        }
        match whole.end {
            End::Open { .. } => assert_eq!(naive(&bytes[start..]), None, "a whole request is not given"),
            End::Rejected(_, Some(head)) => assert_eq!(fault(&head), None, "in the head of a request that is rejected"),
            End::Rejected(_, None) => {}
        }
    }
}

/// What one connection's bytes are.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// With the place where each of them ends.
    requests: Vec<(usize, Request)>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Open { used: usize, in_body: bool },
    Rejected(Rejection, Option<Box<Head>>),
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, max_body: usize) -> Outcome {
    let (mut reader, mut requests) = (Reader::new(max_body), Vec::new());
    let (mut kept, mut given, mut all_used, mut rejected) = (Vec::new(), 0, 0, None);
    for piece in pieces {
        given += piece.len();
        if rejected.is_some() {
            check_silence(&mut reader, piece);
            continue;
        }
        kept.extend_from_slice(piece);
        loop {
            let (used, step) = reader.advance(&kept);
            assert!(used <= kept.len(), "{used} bytes of {} are used", kept.len());
            kept.drain(..used);
            all_used += used;
            assert!(reader.held() <= given.min(max_body) + SLACK, "{} bytes held, {given} came", reader.held());
            match step {
                Step::Request(request) => {
                    assert!(used > 0, "a request out of nothing");
                    requests.push((all_used, request));
                }
                Step::Rejected(rejection, head) => {
                    rejected = Some((rejection, head));
                    break;
                }
                Step::More | Step::Waits => break,
            }
        }
        let room = if reader.in_body() { 0 } else { MAX_HEAD };
        assert!(kept.len() <= room, "{} bytes stay unread", kept.len());
    }
    if let Some((rejection, head)) = rejected {
        check_silence(&mut reader, LATE);
        return Outcome { requests, end: End::Rejected(rejection, head) };
    }
    let in_body = reader.in_body();
    assert_eq!(reader.give_up().is_some(), in_body, "giving up gives the head of what was begun");
    check_silence(&mut reader, LATE);
    Outcome { requests, end: End::Open { used: all_used, in_body } }
}

/// Whatever comes behind the end is used up and is nothing.
fn check_silence(reader: &mut Reader, bytes: &[u8]) {
    assert_eq!(reader.advance(bytes), (bytes.len(), Step::More), "something is read behind the end");
    assert_eq!((reader.held(), reader.in_body()), (0, false), "something is held behind the end");
}

fn check_request(request: &Request, bytes: &[u8], end: usize, max_body: usize) {
    let body = request.body.clone().into_pieces().concat();
    assert_eq!(fault(&request.head), None, "in {:?}", String::from_utf8_lossy(&request.head.handed));
    assert!(body.len() <= max_body, "a body of {} bytes", body.len());
    assert_eq!(request.body.len(), body.len(), "a body knows its length");
    match request.head.length {
        Length::None => assert!(body.is_empty(), "a body that was not announced"),
        Length::Fixed(length) => assert_eq!(body.len() as u64, length, "a body of another length than announced"),
        Length::Chunked => {}
    }
    assert_eq!(naive(bytes), Some((end, body.clone())), "this request ends elsewhere, or has another body");
    check_again(&request.head, &body, max_body);
}

/// What is handed on is read as the same request once more. A head without `Host`, or one that grew beyond what is read, is left out.
fn check_again(head: &Head, body: &[u8], max_body: usize) {
    let lines = head.handed.iter().filter(|byte| **byte == b'\n').count();
    if !head.handed.windows(7).any(|bytes| bytes == b"\nHost: ")
        || lines > MAX_FIELDS
        || head.handed.len() > MAX_HEAD / 2
    {
        return;
    }
    let length =
        if head.length == Length::None { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let bytes = [&head.handed, length.as_bytes(), b"\r\n", body].concat();
    let (used, step) = Reader::new(max_body).advance(&bytes);
    let Step::Request(again) = step else { panic!("what is handed on is read as {step:?}") };
    assert_eq!(used, bytes.len(), "what is handed on ends early");
    assert_eq!(String::from_utf8_lossy(&again.head.handed), String::from_utf8_lossy(&head.handed));
    assert_eq!(again.body.into_pieces().concat(), body, "what is handed on has another body");
}

/// What is wrong with a head that is handed on.
fn fault(head: &Head) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(&head.handed) else { return Some("bytes outside ASCII") };
    let Some(lines) = text.strip_suffix("\r\n") else { return Some("no CRLF at the end") };
    let mut lines = lines.split("\r\n");
    let mut hosts = 0;
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    match first.as_slice() {
        [method, target, "HTTP/1.1"] if is_token(method) && is_visible(target) => {
            if !target.starts_with('/') && (*target, *method) != ("*", "OPTIONS") {
                return Some("a target that is no path");
            }
        }
        _ => return Some("a request line that is none"),
    }
    for line in lines {
        match line.split_once(": ") {
            Some((name, value))
                if is_token(name) && value == value.trim() && value.split([' ', '\t']).all(is_visible) =>
            {
                if NOT_HANDED.iter().any(|one| one.eq_ignore_ascii_case(name)) {
                    return Some("a field that ends here");
                }
                hosts += usize::from(name.eq_ignore_ascii_case("Host"));
            }
            _ => return Some("a line that is no field"),
        }
    }
    (hosts != 1 && !(hosts == 0 && head.one_zero)).then_some("not one Host")
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && is_visible(text) && !text.contains(|c| "\"(),/:;<=>?@[\\]{}".contains(c))
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Where the request at the begin of these bytes ends, and its body, taking for granted that it is well formed; `None` when it is not
/// all there.
fn naive(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut rest = bytes;
    while let Some(behind) = rest.strip_prefix(b"\r\n") {
        rest = behind;
    }
    let (head, rest) = split(rest, b"\r\n\r\n")?;
    let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    let field = |name| head.split("\r\n").find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (body, rest) = match (field("content-length:"), field("transfer-encoding:")) {
        (Some(length), _) => {
            let (body, rest) = rest.split_at_checked(length.parse().ok()?)?;
            (body.to_vec(), rest)
        }
        (None, Some(_)) => naive_chunks(rest)?,
        (None, None) => (Vec::new(), rest),
    };
    Some((bytes.len() - rest.len(), body))
}

/// A body in chunks, and what is behind its trailers.
fn naive_chunks(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (line, behind) = split(rest, b"\r\n")?;
        let digits = line.split(|byte| b"; \t".contains(byte)).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        rest = behind;
        if size == 0 {
            break;
        }
        let (data, behind) = rest.split_at_checked(size)?;
        body.extend_from_slice(data);
        rest = behind.strip_prefix(b"\r\n")?;
    }
    loop {
        let (trailer, behind) = split(rest, b"\r\n")?;
        rest = behind;
        if trailer.is_empty() {
            return Some((body, rest));
        }
    }
}

/// What is before the first of these marks, and what is behind it.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// Of all bytes (FNV-1a), so that every change of an input also cuts it anew.
fn seed(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Pieces of a length that the seed says: of up to 1, 2, 4 .. 128 bytes.
fn cut(bytes: &[u8], seed: u64) -> impl Iterator<Item = &[u8]> {
    let most = 1 << (seed >> 61);
    let (mut state, mut rest) = (seed, bytes);
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = (state >> 33) as usize % most + 1;
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the corpus is files")]

    use std::fs;

    use super::*;

    #[test]
    fn h22_the_corpus_of_the_framing_keeps_every_promise() {
        let files: Vec<_> = fs::read_dir("testdata/fuzz/framing").unwrap().map(|entry| entry.unwrap().path()).collect();
        for file in &files {
            let bytes = fs::read(file).unwrap();
            if let Err(broken) = std::panic::catch_unwind(|| framing(&bytes)) {
                panic!("{}: {:?}", file.display(), broken.downcast_ref::<String>());
            }
        }
        assert!(files.len() >= 100, "only {} files", files.len());
    }

    fn requests(kind: &str) -> Vec<String> {
        let table: serde_json::Value = serde_json::from_str(include_str!("../../testdata/http/requests.json")).unwrap();
        let cases = table[kind].as_array().unwrap().iter();
        cases.map(|case| case["request"].as_str().unwrap().replace("<17K>", &"y".repeat(17 << 10))).collect()
    }

    #[test]
    fn h22_requests_in_any_pairs_keep_every_promise() {
        for first in requests("accepted") {
            for second in requests("accepted").into_iter().chain(requests("rejected")) {
                framing(format!("{first}{second}").as_bytes());
            }
        }
    }

    #[test]
    fn requests_that_break_off_keep_every_promise() {
        for request in requests("accepted") {
            for end in 0..request.len() {
                framing(&request.as_bytes()[..end]);
            }
        }
    }

    /// Below the larger limit this is one request.
    #[track_caller]
    fn whole(bytes: &str) {
        framing(bytes.as_bytes());
        let outcome = read(std::iter::once(bytes.as_bytes()), LIMITS[1]);
        assert_eq!(outcome.requests.len(), 1, "{:?}", outcome.end);
    }

    #[test]
    fn bodies_at_the_limit_keep_every_promise() {
        for length in [0, 1, 999, 1_000, 1_001, 4_096, 4_097, 140_000] {
            let body = "y".repeat(length);
            whole(&format!("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"));
            let head = "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
            let chunk = if length == 0 { String::new() } else { format!("{length:x}\r\n{body}\r\n") };
            whole(&format!("{head}{chunk}0\r\n\r\n"));
            framing(format!("{head}{}0\r\n\r\n", "1\r\ny\r\n".repeat(length)).as_bytes());
        }
    }

    #[track_caller]
    fn check(handed: &[u8], one_zero: bool, expected: Option<&str>) {
        let head = Head {
            length: Length::None,
            one_zero,
            keep_alive: true,
            waits: false,
            bodiless: false,
            told: Vec::new(),
            handed: handed.to_vec(),
        };
        assert_eq!(fault(&head), expected, "{:?}", String::from_utf8_lossy(handed));
    }

    #[test]
    fn a_head_that_may_not_be_handed_on_is_seen() {
        check(b"GET /a?b HTTP/1.1\r\nHost: h\r\nX: a\tb c\r\nY: \r\n", false, None);
        check(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n", false, None);
        check(b"GET / HTTP/1.1\r\n", true, None);
        check(b"GET / HTTP/1.1\r\n", false, Some("not one Host"));
        check(b"GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n", true, Some("not one Host"));
        check(b"GET / HTTP/1.1\r\nHost: h", false, Some("no CRLF at the end"));
        check(b"GET / HTTP/1.1\r\nHost: \xff\r\n", false, Some("bytes outside ASCII"));
        for line in ["", "GET  / HTTP/1.1", "GET / HTTP/1.0", "GET /", "G:T / HTTP/1.1", "GET /\t HTTP/1.1"] {
            check(format!("{line}\r\nHost: h\r\n").as_bytes(), false, Some("a request line that is none"));
        }
        for target in ["h:80", "http://h/", "*", ""] {
            let line = format!("GET {target} HTTP/1.1\r\nHost: h\r\n");
            check(line.as_bytes(), false, Some("a target that is no path"));
        }
        for line in ["", " X: y", "X : y", ": y", "X:y", "X: y ", "X: \u{fc}", "X: a\rb", "X: a\nb", "X: \0"] {
            check(
                format!("GET / HTTP/1.1\r\nHost: h\r\n{line}\r\n").as_bytes(),
                false,
                Some("a line that is no field"),
            );
        }
        for name in ["content-length", "Transfer-Encoding", "CONNECTION", "Expect", "x-open-cli-front"] {
            let field = format!("GET / HTTP/1.1\r\nHost: h\r\n{name}: 1\r\n");
            check(field.as_bytes(), false, Some("a field that ends here"));
        }
    }

    #[test]
    fn the_naive_reader_finds_ends() {
        let check = |bytes: &str, expected: Option<(&str, &str)>| {
            let found = naive(bytes.as_bytes()).map(|(end, body)| (&bytes[end..], String::from_utf8(body).unwrap()));
            assert_eq!(found, expected.map(|(rest, body)| (rest, body.to_owned())), "{bytes:?}");
        };
        check("GET / HTTP/1.1\r\n\r\nGET", Some(("GET", "")));
        check("\r\nGET / HTTP/1.1\r\n\r\n", Some(("", "")));
        check("GET / HTTP/1.1\r\n", None);
        check("\r\n\r\n", None);
        check("A / B\r\ncontent-LENGTH: 3\r\n\r\nabcd", Some(("d", "abc")));
        check("A / B\r\nContent-Length: 3\r\n\r\nab", None);
        check("A / B\r\nTransfer-Encoding: x\r\n\r\n3;a\r\nabc\r\n00\r\nX: y\r\n\r\nrest", Some(("rest", "abc")));
        check("A / B\r\nTransfer-Encoding: x\r\n\r\n3\r\nabc\r\n0\r\n", None);
    }
}
