//! Answers per second from ready bytes: the catalog with a matching ETag, and the whole GitHub catalog.
//!
//! The load comes from this process, on the same processors; the peer is the barest server that can answer, under the same
//! load, so the two together show what the machine allows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::{Client, header};
use crate::measure::{Row, interleaved};
use crate::scene::{Scene, plain_server};

const CATALOG: &str = "/v1/catalog/effective";
const CONNECTIONS: usize = 8;
const SLICE: Duration = Duration::from_millis(300);
const SLICES: usize = 15;

/// Both, against their peers.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let toolbox = scene.toolbox(plain_server(b""));
    toolbox.until_ready();
    let (head, body) = toolbox.ask("GET", CATALOG);
    let etag = header(&head, "etag").expect("the catalog has an ETag").to_owned();
    vec![not_modified(toolbox.addr, &etag), whole(toolbox.addr, body.len())]
}

fn not_modified(toolbox: SocketAddr, etag: &str) -> Row {
    let request = format!("GET {CATALOG} HTTP/1.1\r\nHost: {toolbox}\r\nIf-None-Match: {etag}\r\n\r\n");
    let bare = plain_server(b"HTTP/1.1 304 Not Modified\r\nETag: \"0123456789abcdef\"\r\nContent-Length: 0\r\n\r\n");
    let [samples, peer] =
        interleaved(SLICES, [&mut || per_second(toolbox, &request, 304), &mut || per_second(bare, &request, 304)]);
    let row = Row::new("304 answers, 8 keep-alive connections", "/s", samples).peer("a bare server's 304", peer);
    let median = row.median();
    row.at_least("answers per second", median, 10_000.0)
}

fn whole(toolbox: SocketAddr, size: usize) -> Row {
    let request = format!("GET {CATALOG} HTTP/1.1\r\nHost: {toolbox}\r\n\r\n");
    let answer = [format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes(), vec![b'x'; size]].concat();
    let bare = plain_server(Vec::leak(answer));
    let mebibytes = |answers: f64| answers * size as f64 / f64::from(1 << 20);
    let [samples, peer] = interleaved(
        SLICES,
        [&mut || mebibytes(per_second(toolbox, &request, 200)), &mut || mebibytes(per_second(bare, &request, 200))],
    );
    Row::new("whole GitHub catalog", "MiB/s", samples).peer("a bare server's bytes", peer)
}

/// Asks on all connections for one slice of time, one request at a time on each.
fn per_second(server: SocketAddr, request: &str, status: u16) -> f64 {
    let start = Instant::now();
    let end = start + SLICE;
    let answers: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CONNECTIONS).map(|_| scope.spawn(|| ask_until(server, end, request, status))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    answers as f64 / start.elapsed().as_secs_f64()
}

/// How many answers came until then on one connection.
fn ask_until(server: SocketAddr, end: Instant, request: &str, status: u16) -> u64 {
    let mut client = Client::open(server).unwrap();
    let mut answers = 0;
    while Instant::now() < end {
        assert_eq!(client.ask(request.as_bytes()).unwrap(), status);
        answers += 1;
    }
    answers
}
