//! Serving HTTP: one handler behind a server that holds in the open.
//!
//! A handler sees a whole request and gives a whole answer or a stream. On Unix the front (`front`) faces the clients and
//! stock tiny_http works behind it (`workers`); elsewhere tiny_http faces them itself (`direct`), and only loopback addresses are
//! served. This folder is the only place that names tiny_http.
#![expect(clippy::disallowed_methods, reason = "the one place that listens")]

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::counts::Counts;
use super::{Halt, Headers, framing};

#[cfg(any(not(unix), test))]
mod direct;
#[cfg(unix)]
mod fronted;
mod streams;
#[cfg(unix)]
mod workers;

pub use super::rejection::Rejection;
pub use streams::{Admission, Permit};

/// Whether this build can face clients that are not on this machine.
pub const SERVES_ANY_ADDRESS: bool = cfg!(unix);

/// A complete request, as a handler sees it.
#[derive(Debug)]
pub struct Inbound {
    /// Upper case; may be one that nobody serves.
    pub method: String,
    /// Path without query, as sent.
    pub path: String,
    /// Query without `?`, as sent; empty for none.
    pub query: String,
    /// All headers but those of framing and of the connection.
    pub headers: Headers,
    /// The whole body, within the limit.
    pub body: Vec<u8>,
    /// Who is connected.
    pub client: SocketAddr,
    /// For handlers that want to know before they begin whether their stream may run.
    pub streams: Admission,
}

/// What a handler answers.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All headers but those of framing.
    pub headers: Headers,
    /// The body.
    pub body: Body,
    /// What it waits for, if it is not to leave at once.
    pub held: Option<Held>,
}

/// What an answer waits for without keeping a thread: it is given the answer, and lets it go, or another one, when that is done.
pub struct Held(Box<dyn FnOnce(Answer, Release) + Send>);

impl Held {
    /// Until `wait` says so. It is called once the handler has come back, and does not block.
    pub fn until(wait: impl FnOnce(Answer, Release) + Send + 'static) -> Self {
        Self(Box::new(wait))
    }

    /// The answer is changed by `finish` before it leaves.
    #[must_use]
    pub fn then(self, finish: impl FnOnce(Answer) -> Answer + Send + 'static) -> Self {
        Self::until(move |answer, release| {
            (self.0)(answer, Release::new(move |answer| release.send(finish(answer))));
        })
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

/// Lets an answer go, from any thread.
pub struct Release(Box<dyn FnOnce(Answer) + Send>);

impl Release {
    fn new(send: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Lets it go.
    pub fn send(self, answer: Answer) {
        (self.0)(answer);
    }
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Release")
    }
}

/// The body of an answer.
pub enum Body {
    /// Bytes that may be shared by many answers.
    Bytes(Arc<[u8]>),
    /// Read until its end and sent in pieces as it comes.
    Stream(Stream),
}

/// A body of unknown length.
pub struct Stream {
    /// Where it comes from. An error breaks the connection off, so that the client does not take it for whole.
    pub source: Box<dyn Read + Send>,
    /// On whose account it runs: a principal, or an address. Each may have only some of all streams.
    pub owner: String,
    /// The right to it, when it was asked for before.
    pub permit: Option<Permit>,
    /// Ends a read that waits, once nobody reads any more or the server ends its streams.
    pub halt: Option<Halt>,
}

impl Stream {
    /// One that the server admits, and that sees by itself when to end.
    pub fn new(source: Box<dyn Read + Send>, owner: String) -> Self {
        Self { source, owner, permit: None, halt: None }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("stream"),
        }
    }
}

impl Answer {
    /// An answer with a body of one media type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Arc<[u8]>>) -> Self {
        let headers = Headers::new().with("Content-Type", content_type);
        Self { status, headers, body: Body::Bytes(body.into()), held: None }
    }

    /// An answer without body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Body::Bytes(Arc::from([])), held: None }
    }

    /// Gives the answer to `send` once it may leave.
    fn when_released(mut self, send: impl FnOnce(Self) + Send + 'static) {
        match self.held.take() {
            Some(held) => (held.0)(self, Release::new(send)),
            None => send(self),
        }
    }

    /// The answer once it may leave, for a thread that waits for that; `None` when it is lost.
    pub fn awaited(self) -> Option<Self> {
        if self.held.is_none() {
            return Some(self);
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        // Whoever waits has gone only by a panic.
        self.when_released(move |answer| drop(sender.send(answer)));
        receiver.recv().ok()
    }
}

/// What answers requests; called from many threads at once. A panic inside becomes a 500.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(self: Arc<Self>, request: Inbound) -> Answer;

    /// How many calls of it wait for a disk at present: so many more may be made at once without one of them coming later for it.
    fn waiting(&self) -> usize {
        0
    }
}

/// Makes the answers that the server gives by itself out of the reason and the request's headers, as far as there are any, so that they
/// speak the handler's language.
pub type ErrorAnswer = fn(Rejection, &Headers) -> Answer;

/// Which addresses may be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Loopback only.
    Loopback,
    /// Any, where this build can ([`SERVES_ANY_ADDRESS`]).
    Any,
}

/// What a server needs to know.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Port 0 picks a free one.
    pub addr: SocketAddr,
    /// Which addresses may be bound.
    pub bind: Bind,
    /// How many requests are handled at once, at most; fewer while they are quick.
    pub workers: usize,
    /// How many connections there may be at once.
    pub max_connections: usize,
    /// Bodies beyond this many bytes are answered 413.
    pub max_body: usize,
    /// A request that is not answered in this time is given up.
    pub request_timeout: Duration,
    /// How long clients may take.
    pub spans: Spans,
    /// Bytes of memory that unfinished requests and untaken answers may take in all; one of the largest bodies at least.
    pub max_held: usize,
    /// Complete requests that may wait for a worker.
    pub max_queued: usize,
    /// The server's own answers.
    pub error: ErrorAnswer,
    /// A directory for a socket, private and writable, whose name is in use only for a moment. The system's own is tried too.
    pub scratch: Option<PathBuf>,
}

/// How long a client may take over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Saying nothing between two requests.
    pub idle: Duration,
    /// From connecting, or from the first byte of a further request, to the end of its head.
    pub head: Duration,
    /// Moving the next 512 KiB of a body, or of an answer, or coming to its end.
    pub flow: Duration,
    /// Waiting for a worker.
    pub queued: Duration,
    /// Hearing that the connection has ended.
    pub linger: Duration,
}

impl Default for Spans {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { idle: seconds(60), head: seconds(10), flow: seconds(30), queued: seconds(10), linger: seconds(2) }
    }
}

/// Requests that are handled at once at most, when nothing is said.
pub const DEFAULT_WORKERS: usize = 64;
/// Connections at most, when nothing is said.
pub const DEFAULT_CONNECTIONS: usize = 10_000;
/// Bytes of a body at most, when nothing is said.
pub const DEFAULT_MAX_BODY: usize = 16 << 20;
/// How long a request may take, when nothing is said.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

impl ServerOptions {
    /// On loopback, with the default bounds and errors as plain text.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            bind: Bind::Loopback,
            workers: DEFAULT_WORKERS,
            max_connections: DEFAULT_CONNECTIONS,
            max_body: DEFAULT_MAX_BODY,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            spans: Spans::default(),
            max_held: 24 << 20,
            max_queued: 1024,
            error: plain_error,
            scratch: None,
        }
    }
}

fn plain_error(rejection: Rejection, _headers: &Headers) -> Answer {
    Answer::new(rejection.status(), "text/plain; charset=utf-8", framing::reason(rejection.status()).as_bytes())
}

/// Binds and serves until [`Running::stop`]. An address that may not be bound is `Unsupported`.
pub fn start(options: ServerOptions, handler: Arc<dyn Handler>) -> io::Result<Running> {
    if !options.addr.ip().is_loopback() && (options.bind == Bind::Loopback || !SERVES_ANY_ADDRESS) {
        let message = format!("{} is no loopback address, and this server serves loopback only", options.addr.ip());
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    let listener = TcpListener::bind(options.addr)?;
    let addr = listener.local_addr()?;
    let counts = Arc::new(Counts::default());
    #[cfg(unix)]
    let inner = fronted::start(listener, options, handler, Arc::clone(&counts))?;
    #[cfg(not(unix))]
    let inner = direct::start(listener, &options, handler)?;
    Ok(Running { addr, counts, inner })
}

/// A server at work.
pub struct Running {
    addr: SocketAddr,
    counts: Arc<Counts>,
    #[cfg(unix)]
    inner: fronted::Fronted,
    #[cfg(not(unix))]
    inner: direct::Direct,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({})", self.addr)
    }
}

impl Running {
    /// Where it listens, with the port that was picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has counted so far; all zero in a build without a front.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Becomes true when nobody is served any more, whether that was asked for or not.
    pub fn ended(&self) -> Arc<AtomicBool> {
        self.inner.ended()
    }

    /// Tells clients with each answer that the connection ends, and serves on: what stands in front goes elsewhere without losing a request.
    pub fn leave(&self) {
        #[cfg(unix)]
        self.inner.leave();
    }

    /// Stops accepting, lets what was already taken in be answered for up to `grace`, and returns.
    pub fn stop(self, grace: Duration) {
        self.inner.stop(grace);
    }
}

#[cfg(test)]
mod tests;
