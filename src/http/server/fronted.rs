//! The front and the workers behind it, put together.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::workers::Crew;
use super::{Answer, Body, ErrorAnswer, Handler, ServerOptions};
use crate::base::host::Deadline;
use crate::http::Headers;
use crate::http::counts::Counts;
use crate::http::framing;
use crate::http::front::descriptors::{self, Shares};
use crate::http::front::door::Door;
use crate::http::front::{self, Front, Limits, Parts};
use crate::http::handoff::Returns;
use crate::http::rejection::Rejection;

/// Workers for each processor while nobody waits for upstreams; more of them only take turns.
const FLOOR: usize = 2;
/// How many of the largest bodies there is always memory for.
const LARGEST: usize = 1;
/// What a body may take beyond its bytes.
const SLACK: usize = 256 << 10;
/// One stream for so many workers.
const WORKERS_A_STREAM: usize = 4;

/// Both at work.
pub(super) struct Fronted {
    front: Front,
    crew: Arc<Crew>,
}

/// Starts both.
pub(super) fn start(
    listener: TcpListener,
    options: ServerOptions,
    handler: Arc<dyn Handler>,
    counts: Arc<Counts>,
) -> io::Result<Fronted> {
    let workers = options.workers.max(1);
    let streams = (workers / WORKERS_A_STREAM).max(1);
    let wanted = Shares { connections: options.max_connections, workers, streams };
    let shares = wanted.of(descriptors::raise());
    let directories: Vec<PathBuf> = options.scratch.into_iter().chain([std::env::temp_dir()]).collect();
    let (door, inner) = Door::open(&directories)?;
    let floor = (FLOOR * std::thread::available_parallelism().map_or(1, usize::from)).min(shares.workers);
    let returns = Arc::new(Returns::default());
    let crew = Crew::new(inner, handler, options.error, shares, floor, Arc::clone(&counts), Arc::clone(&returns))?;
    let limits = Limits {
        shares,
        floor,
        max_body: options.max_body,
        request_timeout: options.request_timeout,
        spans: options.spans,
        max_held: options.max_held.max(LARGEST * (options.max_body + SLACK)),
        max_queued: options.max_queued,
    };
    let error = options.error;
    let reject = Box::new(move |rejection, headers: &Headers, bodiless| refused(error, rejection, headers, bodiless));
    let front = front::start(Parts {
        listener,
        door,
        directories,
        crew: Arc::clone(&crew) as _,
        returns,
        reject,
        counts,
        limits,
    })?;
    Ok(Fronted { front, crew })
}

fn refused(error: ErrorAnswer, rejection: Rejection, headers: &Headers, bodiless: bool) -> Vec<u8> {
    let answer = error(rejection, headers);
    // A stream would be nothing to give up with.
    let body: &[u8] = if let Body::Bytes(bytes) = &answer.body { bytes } else { &[] };
    let Answer { status, headers, .. } = &answer;
    let mut out = framing::head_lines(*status, headers, Some(body.len()));
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    if !bodiless && framing::status_has_body(*status) {
        out.extend_from_slice(body);
    }
    out
}

impl Fronted {
    pub(super) fn ended(&self) -> Arc<AtomicBool> {
        Arc::clone(self.front.ended())
    }

    pub(super) fn leave(&self) {
        self.front.leave();
    }

    pub(super) fn stop(self, grace: Duration) {
        let deadline = Deadline::after(grace);
        self.crew.end_streams();
        self.front.stop(grace);
        self.crew.stop(deadline);
    }
}

#[cfg(test)]
mod tests;
