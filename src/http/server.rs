//! The one file that names tiny_http: a pool of workers that hand complete requests to one handler.
//!
//! A handler sees a whole request and gives a whole answer or a stream; framing and limits are decided here: one
//! `Content-Length` of digits or one `Transfer-Encoding: chunked`, never both, a bounded body, a bounded head, one `Host`.
//! Only loopback addresses are bound, since the server crate itself has no time-outs and no bound on connections.
//!
//! Answers go out through one write of head and body, past the crate's own printer, which cuts them in pieces.
#![expect(clippy::disallowed_methods, reason = "the one place that listens")]

use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::usher::Usher;
use super::{Headers, framing};
use crate::base::host::{self, Deadline};

/// A complete request, as a handler sees it.
#[derive(Debug)]
pub struct Inbound {
    /// Upper case; may be one that nobody serves.
    pub method: String,
    /// Path without query, as sent.
    pub path: String,
    /// Query without `?`, as sent; empty for none.
    pub query: String,
    /// All headers.
    pub headers: Headers,
    /// The whole body, within the limit.
    pub body: Vec<u8>,
    /// Who is connected.
    pub client: SocketAddr,
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
}

/// The body of an answer.
pub enum Body {
    /// Bytes that may be shared by many answers.
    Bytes(Arc<[u8]>),
    /// Read until its end and sent in chunks as it comes.
    Stream(Box<dyn Read + Send>),
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
        Self { status, headers: Headers::new().with("Content-Type", content_type), body: Body::Bytes(body.into()) }
    }

    /// An answer without body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Body::Bytes(Arc::from([])) }
    }
}

/// What answers requests; called from many threads at once. A panic inside becomes a 500.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Inbound) -> Answer;
}

/// Makes the answers that this file gives by itself (400, 413, 500) out of their status and the request's headers, so that
/// they speak the handler's language.
pub type ErrorAnswer = fn(u16, &Headers) -> Answer;

/// What a server needs to know.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// A loopback address; port 0 picks a free one.
    pub addr: SocketAddr,
    /// How many requests are handled at once.
    pub workers: usize,
    /// Bodies beyond this many bytes are answered 413.
    pub max_body: usize,
    /// The answers of this file.
    pub error: ErrorAnswer,
}

impl ServerOptions {
    /// 16 workers, bodies up to 16 MiB, errors as plain text.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, workers: 16, max_body: 16 << 20, error: plain_error }
    }
}

fn plain_error(status: u16, _headers: &Headers) -> Answer {
    Answer::new(status, "text/plain; charset=utf-8", framing::reason(status).as_bytes())
}

/// Oversized bodies up to this length are read and thrown away, so that the connection can go on.
const DRAIN: u64 = 64 << 20;

/// Connections kept aside without being closed; see [`Pool::quarantine`].
const MAX_QUARANTINED: usize = 256;

/// Binds and serves until [`Running::stop`]. An address that is not loopback is `Unsupported`.
pub fn start(options: ServerOptions, handler: Arc<dyn Handler>) -> io::Result<Running> {
    if !options.addr.ip().is_loopback() {
        let message = format!("{} is no loopback address, and this version serves loopback only", options.addr.ip());
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    let listener = TcpListener::bind(options.addr)?;
    let addr = listener.local_addr()?;
    let control = Control::of(&listener)?;
    let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
    let pool = Arc::new(Pool {
        server: ManuallyDrop::new(server),
        handler,
        options,
        stopping: AtomicBool::new(false),
        quarantined: AtomicUsize::new(0),
        usher: Usher::new(addr),
    });
    let mut workers = Vec::with_capacity(options.workers.max(1));
    for number in 0..options.workers.max(1) {
        let pool = Arc::clone(&pool);
        workers.push(host::spawn(&format!("http-{number}"), move || pool.work())?);
    }
    let usher = Arc::clone(&pool);
    workers.push(host::spawn("http-usher", move || usher.usher.run(&usher.stopping))?);
    Ok(Running { addr, control, pool, workers })
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
pub struct Running {
    addr: SocketAddr,
    control: Control,
    pool: Arc<Pool>,
    workers: Vec<JoinHandle<()>>,
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

    /// Stops accepting, lets what was already taken in be answered for up to `grace`, and returns.
    pub fn stop(self, grace: Duration) {
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
    options: ServerOptions,
    stopping: AtomicBool,
    quarantined: AtomicUsize,
    usher: Usher,
}

/// How a body ended up.
enum BodyRead {
    Whole(Vec<u8>),
    /// The client closed before it had sent what it announced.
    Gone,
    /// Refused, and the connection stands at the end of the body.
    Refused(u16),
    /// Refused, and where the body ends is unknown or too far away.
    Adrift(u16),
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
        let client = request.remote_addr().copied().unwrap_or(self.options.addr);
        self.usher.saw(client.port());
        let (head, headers) = match read_head(&request) {
            Ok(read) => read,
            Err(headers) => return self.refuse(request, &headers),
        };
        let body = match self.read_body(&mut request, &head) {
            BodyRead::Whole(body) => body,
            BodyRead::Gone => return drop(request.into_writer()),
            BodyRead::Refused(status) => {
                return send(request.into_writer(), &head, (self.options.error)(status, &headers));
            }
            BodyRead::Adrift(status) => return self.quarantine(request, &(self.options.error)(status, &headers)),
        };
        let (path, query) = framing::split_target(request.url());
        let inbound = Inbound {
            method: request.method().as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.clone(),
            body,
            client,
        };
        let answer = catch_unwind(AssertUnwindSafe(|| self.handler.handle(inbound)))
            .unwrap_or_else(|_| (self.options.error)(500, &headers));
        send(request.into_writer(), &head, answer);
    }

    fn read_body(&self, request: &mut tiny_http::Request, head: &framing::Head) -> BodyRead {
        let max = self.options.max_body as u64;
        match head.length {
            framing::Length::None => BodyRead::Whole(Vec::new()),
            framing::Length::Fixed(length) if length > max.max(DRAIN) => BodyRead::Adrift(413),
            framing::Length::Fixed(length) if length > max => {
                match io::copy(&mut request.as_reader().take(length), &mut io::sink()) {
                    Ok(read) if read == length => BodyRead::Refused(413),
                    _ => BodyRead::Gone,
                }
            }
            framing::Length::Fixed(length) => {
                let mut body = Vec::new();
                match request.as_reader().take(length).read_to_end(&mut body) {
                    Ok(read) if read as u64 == length => BodyRead::Whole(body),
                    _ => BodyRead::Gone,
                }
            }
            framing::Length::Chunked => {
                let mut body = Vec::new();
                match request.as_reader().take(max + 1).read_to_end(&mut body) {
                    Ok(read) if read as u64 <= max => BodyRead::Whole(body),
                    Ok(_) => BodyRead::Adrift(413),
                    Err(_) => BodyRead::Adrift(400),
                }
            }
        }
    }

    /// Answers a head that is not well formed.
    fn refuse(&self, mut request: tiny_http::Request, headers: &Headers) {
        let answer = (self.options.error)(400, headers);
        let one_zero = *request.http_version() < tiny_http::HTTPVersion(1, 1);
        let length = match framing::length(headers, one_zero) {
            Some(framing::Length::None) => 0,
            Some(framing::Length::Fixed(length)) if length <= DRAIN => length,
            _ => return self.quarantine(request, &answer),
        };
        match io::copy(&mut request.as_reader().take(length), &mut io::sink()) {
            Ok(_) => send(request.into_writer(), &framing::Head::closing(), answer),
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
        let head = framing::Head::closing();
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

/// Reads what matters of the head; on a refusal gives back the headers that could be read.
fn read_head(request: &tiny_http::Request) -> Result<(framing::Head, Headers), Headers> {
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
    match framing::Head::read(method, request.url(), &headers, one_zero) {
        Some(head) if sane && size <= framing::MAX_HEAD => Ok((head, headers)),
        _ => Err(headers),
    }
}

/// Pieces of a streamed answer.
const CHUNK: usize = 16 << 10;

/// Bodies up to this size are copied behind their head; larger ones follow in a second write.
const ONE_WRITE: usize = 64 << 10;

/// A client that is gone is no error of ours, so failed writes end here.
fn send(mut writer: Box<dyn Write + Send>, head: &framing::Head, answer: Answer) {
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
                pump(stream.as_mut(), writer.as_mut(), head.one_zero).ok();
            }
        }
    }
}

fn whole(head: &framing::Head, answer: &Answer) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead;
    use std::sync::mpsc;

    struct Echo {
        fast: std::sync::Mutex<Option<mpsc::Receiver<()>>>,
        seen: mpsc::Sender<()>,
    }

    impl Handler for Echo {
        fn handle(&self, request: Inbound) -> Answer {
            match request.path.as_str() {
                "/panic" => panic!("on purpose"),
                "/slow" => {
                    let waiting = self.fast.lock().unwrap().take().unwrap();
                    waiting.recv_timeout(Duration::from_secs(30)).unwrap();
                    Answer::new(200, "text/plain", *b"slow")
                }
                "/fast" => {
                    self.seen.send(()).unwrap();
                    Answer::new(200, "text/plain", *b"fast")
                }
                "/stream" => {
                    let parts = io::Cursor::new("one").chain(io::Cursor::new("two"));
                    Answer { body: Body::Stream(Box::new(parts)), ..Answer::empty(200) }
                }
                "/304" => Answer::empty(304),
                _ => Answer::new(200, "text/plain", format!("{} {}", request.method, request.body.len()).into_bytes()),
            }
        }
    }

    fn running() -> Running {
        let (seen, fast) = mpsc::channel();
        let handler = Echo { fast: std::sync::Mutex::new(Some(fast)), seen };
        let options = ServerOptions { workers: 4, max_body: 1 << 20, ..ServerOptions::new(([127, 0, 0, 1], 0).into()) };
        start(options, Arc::new(handler)).unwrap()
    }

    fn connect(server: &Running) -> TcpStream {
        let stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Status line, and the body by its length; interim answers are skipped.
    fn read_answer(reader: &mut impl BufRead) -> (String, String) {
        loop {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim_end().is_empty() {
                    break;
                }
                lines.push(line.trim_end().to_owned());
            }
            let status = lines.first().cloned().unwrap_or_default();
            if status.contains(" 100 ") {
                continue;
            }
            let length = lines.iter().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            return (status, String::from_utf8(body).unwrap());
        }
    }

    #[track_caller]
    fn check(server: &Running, request: &str, status: &str, body: &str) {
        let mut stream = connect(server);
        stream.write_all(request.as_bytes()).unwrap();
        let (found, text) = read_answer(&mut io::BufReader::new(stream));
        assert_eq!((found.as_str(), text.as_str()), (status, body), "{request}");
    }

    #[test]
    fn only_loopback_is_served() {
        let (seen, _) = mpsc::channel();
        let handler = Arc::new(Echo { fast: std::sync::Mutex::new(None), seen });
        let error = start(ServerOptions::new(([0, 0, 0, 0], 0).into()), handler).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("loopback only"), "{error}");
    }

    #[test]
    fn h22_bodies_are_bounded_and_the_server_lives_on() {
        let server = running();
        let big = "x".repeat((1 << 20) + 1);
        let host = "Host: localhost\r\n";
        check(&server, &format!("POST / HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc"), "HTTP/1.1 200 OK", "POST 3");
        check(
            &server,
            &format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            "HTTP/1.1 200 OK",
            "POST 3",
        );
        let too_large = "HTTP/1.1 413 Content Too Large";
        for length in ["1048577", "9000000000000000000"] {
            let head = format!("POST / HTTP/1.1\r\n{host}Content-Length: {length}\r\n\r\n");
            check(&server, &format!("{head}{big}"), too_large, "Content Too Large");
        }
        let chunked =
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n100001\r\n{big}\r\n0\r\n\r\n");
        check(&server, &chunked, too_large, "Content Too Large");
        check(&server, &format!("GET /after HTTP/1.1\r\n{host}\r\n"), "HTTP/1.1 200 OK", "GET 0");
        server.stop(Duration::ZERO);
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        let server = running();
        for headers in [
            "Host: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n",
            "Host: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Host: h\r\nContent-Length: x\r\n",
            "",
            "Host: h\r\nHost: i\r\n",
        ] {
            let request = format!("POST / HTTP/1.1\r\n{headers}\r\nGET /fast HTTP/1.1\r\nHost: h\r\n\r\n");
            check(&server, &request, "HTTP/1.1 400 Bad Request", "Bad Request");
        }
        server.stop(Duration::ZERO);
    }

    #[test]
    fn a_panic_is_a_500_and_the_connection_goes_on() {
        let server = running();
        let mut stream = connect(&server);
        let mut reader = io::BufReader::new(stream.try_clone().unwrap());
        for (path, status) in [("/panic", "500 Internal Server Error"), ("/", "200 OK"), ("/304", "304 Not Modified")] {
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
            assert_eq!(read_answer(&mut reader).0, format!("HTTP/1.1 {status}"), "{path}");
        }
        server.stop(Duration::ZERO);
    }

    #[test]
    fn h46_pipelined_answers_keep_their_order() {
        let server = running();
        let mut stream = connect(&server);
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(format!("{}{}", get("/slow"), get("/fast")).as_bytes()).unwrap();
        let mut reader = io::BufReader::new(stream);
        assert_eq!(read_answer(&mut reader).1, "slow");
        assert_eq!(read_answer(&mut reader).1, "fast");
        server.stop(Duration::ZERO);
    }

    #[test]
    fn streams_are_chunked() {
        let server = running();
        let mut stream = connect(&server);
        stream.write_all(b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("Transfer-Encoding: chunked\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{text}");
        server.stop(Duration::ZERO);
    }

    #[test]
    fn many_connections_at_once_are_all_answered() {
        let server = running();
        let mut streams: Vec<TcpStream> = (0..64).map(|_| connect(&server)).collect();
        for stream in &mut streams {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        }
        for stream in &streams {
            assert_eq!(read_answer(&mut io::BufReader::new(stream)).1, "GET 0");
        }
        server.stop(Duration::ZERO);
    }

    #[test]
    fn stopping_answers_what_was_taken_in_and_then_refuses() {
        let server = running();
        let addr = server.addr();
        let mut stream = connect(&server);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut reader = io::BufReader::new(stream);
        assert_eq!(read_answer(&mut reader).1, "GET 0");
        server.stop(Duration::from_secs(30));
        assert!(TcpStream::connect(addr).is_err());
    }
}
