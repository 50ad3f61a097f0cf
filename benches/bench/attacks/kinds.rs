//! The attacks: how many clients, and what each of their connections does.

use std::borrow::Cow;
use std::time::Duration;

use crate::crowd::{Leave, Manner};

/// One attack.
pub(crate) struct Attack {
    /// The word that chooses it.
    pub(crate) word: &'static str,
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// What the toolbox may hold of descriptors, as the shell's `ulimit` takes it.
    pub(crate) descriptors: &'static str,
    /// Whether it serves the large catalog.
    pub(crate) large: bool,
    pub(crate) manner: fn(u64) -> Manner,
}

/// What a process has by default; it may raise it by itself.
const USUAL: &str = "-S -n 1024";

const fn attack(word: &'static str, name: &'static str, clients: usize, manner: fn(u64) -> Manner) -> Attack {
    Attack { word, name, clients, descriptors: USUAL, large: false, manner }
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack("heads", "2,000 clients that send heads slowly", 2000, slow_head),
    attack("idle", "10,000 idle connections", 10_000, idle),
    attack("garbage", "garbage on 500 connections", 500, garbage),
    attack("resets", "requests that are reset, 200 clients", 200, reset),
    attack("headers", "endless headers, 200 clients", 200, endless_headers),
    attack("bodies", "endless bodies, 64 clients", 64, endless_body),
    attack("stalled", "2,000 bodies that stall half way", 2000, stalled_body),
    attack("unread", "pipelined requests, answers unread", 8, pipelined_unread),
    attack("pipelined", "pipelined requests, answers read", 8, pipelined_read),
    Attack { descriptors: "-n 256", ..attack("descriptors", "2,000 clients, 256 descriptors", 2000, crowding) },
    Attack { large: true, ..attack("readers", "500 clients that do not read a catalog", 500, slow_reader) },
];

const PING: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const KIB: u64 = 1 << 10;

/// A byte a second, for ever.
pub(crate) fn slow_head(_: u64) -> Manner {
    let text = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    Manner { rest: Cow::Borrowed(text), piece: 1, every: Duration::from_secs(1), ..Manner::from(Vec::new()) }
}

/// Every other one has asked something before.
pub(crate) fn idle(number: u64) -> Manner {
    let head = if number.is_multiple_of(2) { Vec::new() } else { PING.to_vec() };
    Manner { reads: true, ..Manner::from(head) }
}

/// Random bytes, the greeting of TLS, the preface of HTTP/2.
pub(crate) fn garbage(number: u64) -> Manner {
    let head = match number % 3 {
        0 => random(number, 512),
        1 => [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), random(number, 506)].concat(),
        _ => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\x40\0\0\0\0\x02\0\0\0\0"
            .to_vec(),
    };
    let leave = Leave::Close(Duration::from_secs(1));
    Manner { leave, reads: true, pause: Duration::from_millis(100), ..Manner::from(head) }
}

/// A whole request, and gone: at once, or when its answer is under way.
pub(crate) fn reset(number: u64) -> Manner {
    let leave = Leave::Reset(Duration::from_millis(number % 4));
    Manner { leave, ..Manner::from(PING.to_vec()) }
}

fn endless_headers(_: u64) -> Manner {
    let head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    let rest = Cow::Borrowed(
        b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
            .as_slice(),
    );
    let pause = Duration::from_millis(200);
    Manner { rest, piece: 2 * KIB, every: Duration::from_millis(5), pause, ..Manner::from(head) }
}

/// Chunked without an end, or of a length that never comes.
fn endless_body(number: u64) -> Manner {
    let (framing, rest) = if number.is_multiple_of(2) {
        ("Transfer-Encoding: chunked", [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat())
    } else {
        ("Content-Length: 9000000000000000000", vec![b'x'; 4096])
    };
    let (every, pause) = (Duration::from_millis(10), Duration::from_millis(100));
    Manner { rest: Cow::Owned(rest), piece: 16 * KIB, every, pause, ..Manner::from(post(framing)) }
}

/// A mebibyte is announced, half of it comes, and no more.
pub(crate) fn stalled_body(_: u64) -> Manner {
    let rest = Cow::Borrowed([b'x'; 4096].as_slice());
    let every = Duration::from_millis(500);
    let head = post("Content-Length: 1048576");
    Manner { rest, piece: 32 * KIB, every, most: 512 * KIB, ..Manner::from(head) }
}

fn pipelined_unread(_: u64) -> Manner {
    let rest = Cow::Owned(PING.repeat(200));
    let pause = Duration::from_millis(10);
    Manner { rest, small_window: true, pause, ..Manner::from(PING.to_vec()) }
}

fn pipelined_read(number: u64) -> Manner {
    Manner { reads: true, small_window: false, ..pipelined_unread(number) }
}

/// More clients than descriptors; who is sent away comes back a second later.
fn crowding(number: u64) -> Manner {
    Manner { pause: Duration::from_secs(1), ..idle(number) }
}

/// Wants five megabytes and takes none.
pub(crate) fn slow_reader(_: u64) -> Manner {
    let head = b"GET /v1/catalog/effective HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    Manner { small_window: true, ..Manner::from(head) }
}

fn post(framing: &str) -> Vec<u8> {
    let head = "POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    format!("{head}\r\n{framing}\r\n\r\n").into_bytes()
}

/// Bytes of no meaning, the same for the same number (xorshift).
fn random(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}
