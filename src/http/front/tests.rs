//! What requests become, from the table in `testdata/http/requests.json`, and that it does not matter how their bytes are cut.

use serde::Deserialize;

use super::request::{Reader, Request, Step};
use crate::http::rejection::Rejection;

#[derive(Deserialize)]
struct Table {
    rejected: Vec<Rejected>,
    accepted: Vec<Accepted>,
}

#[derive(Deserialize)]
struct Rejected {
    name: String,
    request: String,
    status: u16,
    /// As the toolbox words it; `null` where the parser of heads may see one of several things.
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    request: String,
    handed: String,
    body: String,
}

const MAX_BODY: usize = 16 << 20;

fn table() -> Table {
    serde_json::from_str(include_str!("../../../testdata/http/requests.json")).unwrap()
}

/// Requests up to the first rejection, from bytes that come in these pieces.
fn read(pieces: &[&[u8]]) -> (Vec<Request>, Option<Rejection>, Vec<u8>) {
    let (mut reader, mut kept, mut requests) = (Reader::new(MAX_BODY), Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            let (used, step) = reader.advance(&kept);
            kept.drain(..used);
            match step {
                Step::Request(request) => requests.push(request),
                Step::Rejected(rejection, _) => return (requests, Some(rejection), Vec::new()),
                Step::More | Step::Waits => break,
            }
        }
    }
    (requests, None, kept)
}

/// Pieces whose lengths come from a seed.
fn cut(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let (mut state, mut rest, mut pieces) = (seed | 1, bytes, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = (state >> 33) as usize % 40 % rest.len() + 1;
        let (piece, more) = rest.split_at(length);
        (rest, pieces) = (more, [pieces, vec![piece]].concat());
    }
    pieces
}

/// Whole, byte by byte, in two pieces cut anywhere, and at random: always the same.
#[track_caller]
fn check(name: &str, bytes: &[u8], expected: &(Vec<Request>, Option<Rejection>, Vec<u8>)) {
    assert_eq!(&read(&[bytes]), expected, "{name}");
    assert_eq!(&read(&bytes.chunks(1).collect::<Vec<_>>()), expected, "{name}, byte by byte");
    for at in (0..bytes.len()).step_by(bytes.len() / 500 + 1) {
        assert_eq!(&read(&[&bytes[..at], &bytes[at..]]), expected, "{name}, cut at {at}");
    }
    for seed in 0..50 {
        assert_eq!(&read(&cut(bytes, seed)), expected, "{name}, cut with seed {seed}");
    }
}

#[test]
fn h22_what_is_malformed_is_rejected_for_its_reason() {
    for case in table().rejected {
        let bytes = case.request.replace("<17K>", &"y".repeat(17 << 10)).into_bytes();
        let (requests, rejection, _) = read(&[&bytes]);
        let rejection = rejection.unwrap_or_else(|| panic!("{} is accepted: {requests:?}", case.name));
        assert_eq!(rejection.status(), case.status, "{}: {rejection:?}", case.name);
        if let (Rejection::Malformed(words), Some(detail)) = (rejection, &case.detail) {
            assert_eq!(&format!("the request cannot be read: {words}"), detail, "{}", case.name);
        }
        check(&case.name, &bytes, &(requests, Some(rejection), Vec::new()));
    }
}

#[test]
fn what_is_well_formed_is_handed_on_without_its_framing() {
    for case in table().accepted {
        let (requests, rejection, rest) = read(&[case.request.as_bytes()]);
        assert_eq!((requests.len(), rejection, rest.len()), (1, None, 0), "{}", case.name);
        assert_eq!(String::from_utf8_lossy(&requests[0].head.handed), case.handed, "{}", case.name);
        assert_eq!(
            String::from_utf8_lossy(&requests[0].body.clone().into_pieces().concat()),
            case.body,
            "{}",
            case.name
        );
    }
}

#[test]
fn however_valid_bytes_are_cut_they_are_the_same_requests() {
    let cases = table().accepted;
    let all: String = cases.iter().map(|case| case.request.as_str()).collect();
    let whole = read(&[all.as_bytes()]);
    assert_eq!((whole.0.len(), whole.1), (cases.len(), None));
    check("all of them", all.as_bytes(), &whole);
    let unfinished = format!("{all}POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n");
    let (requests, rejection, rest) = read(&[unfinished.as_bytes()]);
    assert_eq!((requests.len(), rejection), (cases.len(), None));
    check("an unfinished one behind them", unfinished.as_bytes(), &(requests, None, rest));
}

#[test]
fn a_client_that_waits_is_told_to_go_on_only_before_its_body() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n".as_slice();
    let mut reader = Reader::new(MAX_BODY);
    assert_eq!(reader.advance(head), (head.len(), Step::Waits));
    assert!(reader.in_body());
    assert!(matches!(reader.advance(b"abc"), (3, Step::Request(_))));
    let mut reader = Reader::new(2);
    let (used, step) = reader.advance(head);
    assert_eq!(used, head.len());
    assert!(matches!(step, Step::Rejected(Rejection::BodyTooLarge(2), Some(_))), "{step:?}");
}

#[test]
fn a_body_takes_the_memory_that_came_not_what_was_announced() {
    let mut reader = Reader::new(MAX_BODY);
    reader.advance(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16000000\r\n\r\nabc");
    assert!(reader.held() <= 16 << 10, "{}", reader.held());
    reader.advance(&[b'x'; 100_000]);
    assert!(reader.held() <= 100_000 + (128 << 10), "{}", reader.held());
    assert!(reader.give_up().is_some());
    assert_eq!(reader.held(), 0);
}
