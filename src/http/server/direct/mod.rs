//! tiny_http facing clients itself, for platforms without the front: a pool of workers that hand complete requests to one handler.
//!
//! Framing and limits are decided here: one `Content-Length` of digits or one `Transfer-Encoding: chunked`, never both, a bounded body,
//! a bounded head, one `Host`. There are no time-outs and no bound on connections, so only loopback addresses are served.
//!
//! Answers go out through one write of head and body, past the crate's own printer, which cuts them in pieces.

use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Admission, Answer, Body, Handler, Inbound, Rejection, ServerOptions};
use crate::base::host::{self, Deadline};
use crate::http::Headers;
use crate::http::framing::{Length, split_target};

mod framing;
mod usher;

use framing::Head;
use usher::Usher;

/// Oversized bodies up to this length are read and thrown away, so that the connection can go on.
const DRAIN: u64 = 64 << 20;

/// Connections kept aside without being closed; see [`Pool::quarantine`].
const MAX_QUARANTINED: usize = 256;

/// Requests handled at once at most: each takes a thread from the start.
const MAX_WORKERS: usize = 16;

/// Serves until [`Direct::stop`].
pub(super) fn start(listener: TcpListener, options: &ServerOptions, handler: Arc<dyn Handler>) -> io::Result<Direct> {
    let addr = listener.local_addr()?;
    let control = Control::of(&listener)?;
    let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
    let pool = Arc::new(Pool {
        server: ManuallyDrop::new(server),
        handler,
        addr,
        max_body: options.max_body,
        error: options.error,
        stopping: AtomicBool::new(false),
        quarantined: AtomicUsize::new(0),
        usher: Usher::new(addr),
    });
    let mut workers = Vec::new();
    for number in 0..options.workers.clamp(1, MAX_WORKERS) {
        let pool = Arc::clone(&pool);
        workers.push(host::spawn(&format!("http-{number}"), move || pool.work())?);
    }
    let usher = Arc::clone(&pool);
    workers.push(host::spawn("http-usher", move || usher.usher.run(&usher.stopping))?);
    Ok(Direct { control, pool, workers })
}

/// The listening socket as a stream, which is how the standard library lets socket options be set on it. Accepted
/// connections inherit `TCP_NODELAY`; without it, keep-alive clients wait for delayed acknowledgements.
#[derive(Debug)]
struct Control(Option<TcpStream>);

impl Control {
    fn of(listener: &TcpListener) -> io::Result<Self> {
        #[cfg(unix)]
        let control = {
            let stream = TcpStream::from(std::os::fd::OwnedFd::from(listener.try_clone()?));
            // Slower, but not wrong, where the system refuses.
            stream.set_nodelay(true).ok();
            Some(stream)
        };
        #[cfg(not(unix))]
        let control = None;
        Ok(Self(control))
    }

    /// Ends listening: on Linux, shutting a listening socket down makes `accept` fail and new connections be refused.
    fn close(&self) {
        if let Some(stream) = &self.0 {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// A server at work.
pub(super) struct Direct {
    control: Control,
    pool: Arc<Pool>,
    workers: Vec<JoinHandle<()>>,
}

impl Direct {
    /// Its threads end when they are told to, and not before.
    #[cfg(not(unix))]
    pub(super) fn ended(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    /// Stops accepting, lets what was already taken in be answered for up to `grace`, and returns.
    pub(super) fn stop(self, grace: Duration) {
        self.pool.stopping.store(true, Ordering::SeqCst);
        self.control.close();
        // The queue is first in, first out: every request that is already in it is answered before a worker sees this.
        for _ in &self.workers {
            self.pool.server.unblock();
        }
        let deadline = Deadline::after(grace);
        while !deadline.passed() && self.workers.iter().any(|worker| !worker.is_finished()) {
            host::sleep(Duration::from_millis(2));
        }
    }
}

struct Pool {
    /// Never dropped: its destructor connects to itself and leaves threads behind that wake without end.
    server: ManuallyDrop<tiny_http::Server>,
    handler: Arc<dyn Handler>,
    addr: SocketAddr,
    max_body: usize,
    error: super::ErrorAnswer,
    stopping: AtomicBool,
    quarantined: AtomicUsize,
    usher: Usher,
}

const BAD_HEAD: Rejection = Rejection::Malformed("the request's head or framing is not well formed");
const BROKEN_BODY: Rejection = Rejection::Malformed("the chunks are not well formed");

/// How a body ended up.
enum BodyRead {
    Whole(Vec<u8>),
    /// The client closed before it had sent what it announced.
    Gone,
    /// Refused, and the connection stands at the end of the body.
    Refused(Rejection),
    /// Refused, and where the body ends is unknown or too far away.
    Adrift(Rejection),
}

impl Pool {
    fn work(&self) {
        loop {
            match self.server.recv() {
                // The crate's own plumbing panics when a connection breaks at the wrong moment; the worker lives on.
                Ok(request) => drop(catch_unwind(AssertUnwindSafe(|| self.serve(request)))),
                Err(_) if self.stopping.load(Ordering::SeqCst) => return,
                // Accepting failed and has ended; what is connected is still served.
                Err(_) => {}
            }
        }
    }

    fn serve(&self, mut request: tiny_http::Request) {
        let client = request.remote_addr().copied().unwrap_or(self.addr);
        self.usher.saw(client.port());
        let (head, headers) = match read_head(&request) {
            Ok(read) => read,
            Err(headers) => return self.reject(request, &headers),
        };
        let body = match self.read_body(&mut request, &head) {
            BodyRead::Whole(body) => body,
            BodyRead::Gone => return drop(request.into_writer()),
            BodyRead::Refused(rejection) => {
                return send(request.into_writer(), &head, (self.error)(rejection, &headers));
            }
            BodyRead::Adrift(rejection) => return self.quarantine(request, &(self.error)(rejection, &headers)),
        };
        let (path, query) = split_target(request.url());
        let inbound = Inbound {
            method: request.method().as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.clone(),
            body,
            client,
            streams: Admission::default(),
        };
        let answer = catch_unwind(AssertUnwindSafe(|| Arc::clone(&self.handler).handle(inbound).awaited()));
        let answer = answer.ok().flatten().unwrap_or_else(|| (self.error)(Rejection::Failed, &headers));
        send(request.into_writer(), &head, answer);
    }

    fn read_body(&self, request: &mut tiny_http::Request, head: &Head) -> BodyRead {
        let max = self.max_body as u64;
        match head.length {
            Length::None => BodyRead::Whole(Vec::new()),
            Length::Fixed(length) if length > max.max(DRAIN) => {
                BodyRead::Adrift(Rejection::BodyTooLarge(self.max_body))
            }
            Length::Fixed(length) if length > max => {
                match io::copy(&mut request.as_reader().take(length), &mut io::sink()) {
                    Ok(read) if read == length => BodyRead::Refused(Rejection::BodyTooLarge(self.max_body)),
                    _ => BodyRead::Gone,
                }
            }
            Length::Fixed(length) => {
                let mut body = Vec::new();
                match request.as_reader().take(length).read_to_end(&mut body) {
                    Ok(read) if read as u64 == length => BodyRead::Whole(body),
                    _ => BodyRead::Gone,
                }
            }
            Length::Chunked => {
                let mut body = Vec::new();
                match request.as_reader().take(max + 1).read_to_end(&mut body) {
                    Ok(read) if read as u64 <= max => BodyRead::Whole(body),
                    Ok(_) => BodyRead::Adrift(Rejection::BodyTooLarge(self.max_body)),
                    Err(_) => BodyRead::Adrift(BROKEN_BODY),
                }
            }
        }
    }

    /// Answers a head that is not well formed.
    fn reject(&self, mut request: tiny_http::Request, headers: &Headers) {
        let answer = (self.error)(BAD_HEAD, headers);
        let one_zero = *request.http_version() < tiny_http::HTTPVersion(1, 1);
        let length = match framing::length(headers, one_zero) {
            Some(Length::None) => 0,
            Some(Length::Fixed(length)) if length <= DRAIN => length,
            _ => return self.quarantine(request, &answer),
        };
        match io::copy(&mut request.as_reader().take(length), &mut io::sink()) {
            Ok(_) => send(request.into_writer(), &Head::closing(), answer),
            Err(_) => drop(request.into_writer()),
        }
    }

    /// Answers and then leaves the connection alone for ever: no further byte of it is read as a request.
    ///
    /// There is no way to close it from here. Dropping the request would let tiny_http look for the next request in what is
    /// left of a body whose end is not known (request smuggling), and before that read the rest of an announced body into one
    /// buffer of that size, which for `Content-Length: 9e18` aborts the process. So its two halves are forgotten on purpose;
    /// that costs a thread and a descriptor, and their number is bounded for everything but the aborting case.
    fn quarantine(&self, request: tiny_http::Request, answer: &Answer) {
        let harmless = request.body_length().is_none_or(|length| length as u64 <= DRAIN);
        let head = Head::closing();
        if self.quarantined.fetch_add(1, Ordering::Relaxed) >= MAX_QUARANTINED && harmless {
            let mut writer = request.into_writer();
            return drop(writer.write_all(&whole(&head, answer)).and_then(|()| writer.flush()));
        }
        // `upgrade` is the one call that hands out both halves; the interim answer it prints is skipped by clients.
        let mut stream = request.upgrade("none", tiny_http::Response::new_empty(tiny_http::StatusCode(100)));
        stream.write_all(&whole(&head, answer)).and_then(|()| stream.flush()).ok();
        std::mem::forget(stream);
    }
}

/// Reads what matters of the head; on a rejection gives back the headers that could be read.
fn read_head(request: &tiny_http::Request) -> Result<(Head, Headers), Headers> {
    let mut headers = Headers::new();
    let mut sane = true;
    let mut size = request.url().len();
    for header in request.headers() {
        let (name, value) = (header.field.as_str().as_str(), header.value.as_str());
        size += name.len() + value.len();
        sane = sane && headers.append(name, value).is_ok();
    }
    let one_zero = *request.http_version() < tiny_http::HTTPVersion(1, 1);
    let method = request.method().as_str();
    match Head::read(method, request.url(), &headers, one_zero) {
        Some(head) if sane && size <= framing::MAX_HEAD => Ok((head, headers)),
        _ => Err(headers),
    }
}

/// Pieces of a streamed answer.
const CHUNK: usize = 16 << 10;

/// Bodies up to this size are copied behind their head; larger ones follow in a second write.
const ONE_WRITE: usize = 64 << 10;

/// A client that is gone is no error of ours, so failed writes end here.
fn send(mut writer: Box<dyn Write + Send>, head: &Head, answer: Answer) {
    match answer.body {
        Body::Bytes(bytes) if bytes.len() <= ONE_WRITE => {
            let answer = Answer { body: Body::Bytes(bytes), ..answer };
            writer.write_all(&whole(head, &answer)).and_then(|()| writer.flush()).ok();
        }
        Body::Bytes(bytes) => {
            let first = framing::answer_head(head, answer.status, &answer.headers, Some(bytes.len()));
            let body: &[u8] = if head.takes_body(answer.status) { &bytes } else { &[] };
            writer.write_all(&first).and_then(|()| writer.write_all(body)).and_then(|()| writer.flush()).ok();
        }
        Body::Stream(mut stream) => {
            let first = framing::answer_head(head, answer.status, &answer.headers, None);
            writer.write_all(&first).and_then(|()| writer.flush()).ok();
            if head.takes_body(answer.status) {
                pump(stream.source.as_mut(), writer.as_mut(), head.one_zero).ok();
            }
        }
    }
}

fn whole(head: &Head, answer: &Answer) -> Vec<u8> {
    let body: &[u8] = if let Body::Bytes(bytes) = &answer.body { bytes } else { &[] };
    let mut out = framing::answer_head(head, answer.status, &answer.headers, Some(body.len()));
    if head.takes_body(answer.status) {
        out.extend_from_slice(body);
    }
    out
}

/// Copies a stream in chunks (RFC 9112 section 7.1), or bare to a client of HTTP/1.0, whose connection ends it.
fn pump(stream: &mut dyn Read, writer: &mut dyn Write, bare: bool) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if bare {
            writer.write_all(&buffer[..read])?;
        } else {
            let mut chunk = format!("{read:x}\r\n").into_bytes();
            chunk.extend_from_slice(&buffer[..read]);
            chunk.extend_from_slice(b"\r\n");
            writer.write_all(&chunk)?;
        }
        writer.flush()?;
        if read == 0 {
            return Ok(());
        }
    }
}
