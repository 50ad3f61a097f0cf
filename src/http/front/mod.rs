//! The front: owns every connection of a client, and hands complete, sane requests to the workers behind it.
//!
//! tiny_http has no time-outs and no limits, so it never faces a client. One thread, driven by readiness, does: `reactor` accepts, waits,
//! watches the clock and makes room; `reception` turns a client's bytes into a request or a rejection and ends connections; `dispatch`
//! brings requests to workers over private Unix connections (`door`, `pair`) and takes their answers back (`http::handoff`). What can be
//! decided without sockets is decided in `head`, `chunked`, `request`, `answer`, `outbox`, `lists` and `limit`.
//!
//! It knows no routes, no tokens and no handlers.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Headers;
use super::counts::Counts;
use super::handoff::Returns;
use super::rejection::Rejection;
use super::server::Spans;
use crate::base::host;

mod answer;
mod body;
pub(super) mod chunked;
mod client;
pub(super) mod descriptors;
mod dispatch;
pub(super) mod door;
pub(super) mod head;
mod limit;
mod lists;
mod outbox;
mod pair;
mod reactor;
mod reception;
pub(super) mod request;
#[cfg(test)]
mod tests;
mod turns;

use descriptors::Shares;
use door::Door;
use reactor::Reactor;

/// The workers, as far as the front knows them.
pub(super) trait Crew: Send + Sync {
    /// Sees to it that so many requests can be worked on at once, besides all streams, if that may be.
    fn hire(&self, wanted: usize);
    /// How many of those at work wait for a disk at present, and leave the processors to others.
    fn waiting(&self) -> usize;
    /// The answer to this request is no longer waited for: whoever works on it counts no more, and nobody begins with it.
    fn give_up(&self, number: u64);
    /// Whether it is known that nothing new is heard any more.
    fn is_deaf(&self) -> bool;
    /// Begins to listen anew, behind another door; all pairs have to be opened again. Whether that could be done.
    fn renew(&self, listener: UnixListener) -> bool;
    /// Nobody is to begin with this request; false when somebody has.
    fn revoke(&self, number: u64) -> bool;
}

/// The bytes of an answer that the front gives by itself, for a request with these headers; `true` leaves the body out. It says that
/// the connection ends.
pub(super) type Reject = Box<dyn Fn(Rejection, &Headers, bool) -> Vec<u8> + Send>;

/// What a front is made of.
pub(super) struct Parts {
    pub(super) listener: TcpListener,
    pub(super) door: Door,
    /// Where another one may be opened.
    pub(super) directories: Vec<PathBuf>,
    pub(super) crew: Arc<dyn Crew>,
    pub(super) returns: Arc<Returns>,
    pub(super) reject: Reject,
    pub(super) counts: Arc<Counts>,
    pub(super) limits: Limits,
}

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) shares: Shares,
    /// Workers that are there while all is quiet.
    pub(super) floor: usize,
    pub(super) max_body: usize,
    /// From a complete request to the begin of its answer.
    pub(super) request_timeout: Duration,
    pub(super) spans: Spans,
    /// Bytes that unfinished requests and untaken answers may take.
    pub(super) max_held: usize,
    /// Requests that may wait for a worker.
    pub(super) max_queued: usize,
}

/// What the owner tells the thread.
#[derive(Debug, Default)]
struct Orders {
    leaving: AtomicBool,
    stopping: AtomicBool,
    until: Mutex<Option<Instant>>,
}

/// A front at work.
pub(super) struct Front {
    orders: Arc<Orders>,
    waker: Arc<mio::Waker>,
    thread: JoinHandle<()>,
    ended: Arc<AtomicBool>,
}

/// Starts the thread.
pub(super) fn start(parts: Parts) -> io::Result<Front> {
    let orders = Arc::new(Orders::default());
    let (mut reactor, waker) = Reactor::new(parts, Arc::clone(&orders))?;
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    let thread = host::spawn("http-front", move || {
        reactor.run();
        end.store(true, Ordering::SeqCst);
    })?;
    Ok(Front { orders, waker, thread, ended })
}

impl Front {
    /// Becomes true when nobody is served any more, whether that was asked for or not.
    pub(super) fn ended(&self) -> &Arc<AtomicBool> {
        &self.ended
    }

    /// From now on every answer says that its connection ends; otherwise all are served as before.
    pub(super) fn leave(&self) {
        self.orders.leaving.store(true, Ordering::SeqCst);
        // As in a stop.
        self.waker.wake().ok();
    }

    /// Stops accepting, lets what has begun come to its end for up to `grace`, and returns.
    #[expect(clippy::disallowed_methods, reason = "the grace begins now")]
    pub(super) fn stop(self, grace: Duration) {
        *self.orders.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + grace);
        self.orders.stopping.store(true, Ordering::SeqCst);
        // A thread that cannot be woken looks by itself before long.
        self.waker.wake().ok();
        // One that panicked has closed everything.
        self.thread.join().ok();
    }
}
