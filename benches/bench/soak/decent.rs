//! The decent part of the mixed load: clients that should always be answered.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::Client;

/// After how many requests a keep-alive client takes a new connection.
const RENEWAL: usize = 1000;
/// Bodies of all sizes; the last is larger than any default allows.
const SIZES: [usize; 8] = [0, 1, 100, 1 << 10, 20 << 10, 200 << 10, 1 << 20, 20 << 20];

/// A kind of client.
pub(super) struct Kind {
    pub(super) name: &'static str,
    every: Duration,
    /// Requests on one connection.
    renewal: usize,
    request: Box<dyn Fn(usize) -> Request + Send + Sync>,
}

/// A request's bytes, and the statuses that are right.
type Request = (Vec<u8>, &'static [u16]);

/// All kinds, against a toolbox on the GitHub description whose catalog has this ETag.
pub(super) fn kinds(tool: &str, etag: &str) -> Vec<Kind> {
    let execute = post(&format!("{{\"toolId\":\"{tool}\"}}"));
    let again = execute.clone();
    let whole = get("/v1/catalog/effective", "");
    let unchanged = get("/v1/catalog/effective", &format!("If-None-Match: {etag}\r\n"));
    let kind = |name, millis, renewal, request| Kind { name, every: Duration::from_millis(millis), renewal, request };
    vec![
        kind("executes", 10, RENEWAL, Box::new(move |_| (execute.clone(), &[200]))),
        kind("executes, other client", 10, RENEWAL, Box::new(move |_| (again.clone(), &[200]))),
        kind("fresh connections", 20, 1, Box::new(|number| (fresh(number), &[200]))),
        kind("catalogs, unchanged", 50, RENEWAL, Box::new(move |_| (unchanged.clone(), &[304]))),
        kind("catalogs, whole", 1000, 10, Box::new(move |_| (whole.clone(), &[200]))),
        kind("bodies of all sizes", 100, 1, Box::new(body)),
    ]
}

/// How requests ended, by status or cause, and how many were not as they should be.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) seen: BTreeMap<String, usize>,
    pub(super) wrong: usize,
}

/// Asks at its pace until `stop`.
pub(super) fn ask_on(kind: &Kind, server: SocketAddr, stop: &AtomicBool) -> Ends {
    let mut ends = Ends::default();
    let mut client = None;
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        if number % kind.renewal == 0 {
            client = None;
        }
        let (request, right) = (kind.request)(number);
        let ended = ask(&mut client, server, &request);
        let is_right = match &ended {
            Ok(status) => right.contains(status),
            // The connection may be cut while more is sent than is allowed.
            Err(_) => right.contains(&413),
        };
        ends.wrong += usize::from(!is_right);
        let end = ended.map_or_else(|error| error.kind().to_string(), |status| status.to_string());
        *ends.seen.entry(end).or_default() += 1;
        number += 1;
        std::thread::sleep(kind.every);
    }
    ends
}

/// On the connection there is; once more on a fresh one, since a server may close one that it kept.
fn ask(client: &mut Option<Client>, server: SocketAddr, request: &[u8]) -> io::Result<u16> {
    if let Some(kept) = client
        && let Ok(status) = kept.ask(request)
    {
        return Ok(status);
    }
    *client = None;
    let mut fresh = Client::open(server)?;
    let status = fresh.ask(request)?;
    *client = Some(fresh);
    Ok(status)
}

fn fresh(number: usize) -> Vec<u8> {
    let targets = ["/healthz", "/v1/runtime/info", "/readyz"];
    get(targets[number % targets.len()], "Connection: close\r\n")
}

/// No request of this kind is right, so that none goes on to the upstream.
fn body(number: usize) -> Request {
    let size = SIZES[number % SIZES.len()];
    let right: &[u16] = if size > (16 << 20) { &[413] } else { &[400, 404] };
    (post(&"x".repeat(size)), right)
}

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

fn post(body: &str) -> Vec<u8> {
    let head = "POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
