//! What the front does for its clients and against them, seen from a socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::rejection::Rejection;
use crate::http::server::{
    Answer, Body, Handler, Held, Inbound, Permit, Release, Running, ServerOptions, Stream, start,
};
use crate::http::{Halt, Headers};

/// What it waits for, and how often it was dropped.
struct Gates {
    release: Arc<Mutex<Receiver<()>>>,
    arrived: Sender<String>,
    streams_dropped: Arc<AtomicUsize>,
    held: Kept,
}

/// Answers that are held, and what lets them go.
type Kept = Arc<Mutex<Vec<(Answer, Release)>>>;

impl Handler for Gates {
    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        self.arrived.send(request.path.clone()).ok();
        match request.path.as_str() {
            "/wait" => {
                self.release.lock().unwrap().recv_timeout(PATIENCE).ok();
                Answer::new(200, "text/plain", *b"waited")
            }
            "/held" => {
                let mut answer = Answer::new(200, "text/plain", request.query.into_bytes());
                answer.held = Some(Held::until(move |answer, release| {
                    self.arrived.send("held".to_owned()).ok();
                    self.held.lock().unwrap().push((answer, release));
                }));
                answer
            }
            "/large" => Answer::new(200, "text/plain", vec![b'x'; 32 << 20]),
            "/stream" => stream("ada", Endless(Arc::clone(&self.streams_dropped))),
            "/pieces" => {
                let (size, count) = request.query.split_once('x').unwrap();
                stream("cy", Pieces(size.parse().unwrap(), count.parse().unwrap()))
            }
            "/two-pieces" => stream("di", TwoPieces(Arc::clone(&self.release), 0)),
            "/admitted" => match request.streams.admit("fay") {
                None => Answer::new(200, "text/plain", *b"full"),
                permit => waiting(permit, &self.streams_dropped),
            },
            "/shared" => {
                static SHARED: std::sync::OnceLock<Arc<[u8]>> = std::sync::OnceLock::new();
                let bytes = SHARED.get_or_init(|| vec![b'x'; 8 << 20].into());
                Answer { body: Body::Bytes(Arc::clone(bytes)), ..Answer::empty(200) }
            }
            "/falls" => stream("eve", Falls),
            "/broken" => stream("ben", io::Cursor::new("one").chain(Failing)),
            "/client" => Answer::new(200, "text/plain", request.client.port().to_string().into_bytes()),
            path => {
                let text = format!("{} {path} {}", request.method, request.body.len());
                Answer::new(200, "text/plain", text.into_bytes())
            }
        }
    }
}

fn stream(owner: &str, source: impl Read + Send + 'static) -> Answer {
    let stream = Stream::new(Box::new(source), owner.to_owned());
    Answer { body: Body::Stream(stream), ..Answer::empty(200) }
}

/// A stream that says one thing and then waits until it is halted.
fn waiting(permit: Option<Permit>, dropped: &Arc<AtomicUsize>) -> Answer {
    let (halt, halted) = mpsc::channel();
    let halt = Mutex::new(halt);
    let halt: Halt = Arc::new(move || halt.lock().unwrap().send(()).unwrap_or_default());
    let source = Box::new(io::Cursor::new("one").chain(Waiting(halted, Arc::clone(dropped))));
    let stream = Stream { permit, halt: Some(halt), ..Stream::new(source, "fay".to_owned()) };
    Answer { body: Body::Stream(stream), ..Answer::empty(200) }
}

struct Waiting(Receiver<()>, Arc<AtomicUsize>);

impl Read for Waiting {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv_timeout(PATIENCE).unwrap();
        Err(io::Error::other("halted"))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

struct Endless(Arc<AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer[..4].copy_from_slice(b"more");
        Ok(4)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// So many pieces of one size.
struct Pieces(usize, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1 == 0 {
            return Ok(0);
        }
        self.1 -= 1;
        buffer[..self.0].fill(b'p');
        Ok(self.0)
    }
}

/// One piece at once, and the second and last one when it is released.
struct TwoPieces(Arc<Mutex<Receiver<()>>>, u8);

impl Read for TwoPieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        match self.1 {
            1 => {
                buffer[..3].copy_from_slice(b"one");
                Ok(3)
            }
            2 => {
                self.0.lock().unwrap().recv_timeout(PATIENCE).ok();
                buffer[..3].copy_from_slice(b"two");
                Ok(3)
            }
            _ => Ok(0),
        }
    }
}

/// Ends at once, and panics when it is dropped.
struct Falls;

impl Read for Falls {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Drop for Falls {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("on purpose"))
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(150);

/// A server, its gate, and what arrived at the handler.
struct Scene {
    server: Running,
    release: Sender<()>,
    arrived: Receiver<String>,
    streams_dropped: Arc<AtomicUsize>,
    held: Kept,
}

fn scene(change: impl FnOnce(&mut ServerOptions)) -> Scene {
    let mut options = ServerOptions::new(([127, 0, 0, 1], 0).into());
    change(&mut options);
    let (release, gate) = mpsc::channel();
    let (bell, arrived) = mpsc::channel();
    let streams_dropped = Arc::new(AtomicUsize::new(0));
    let held = Kept::default();
    let gates = Gates {
        release: Arc::new(Mutex::new(gate)),
        arrived: bell,
        streams_dropped: Arc::clone(&streams_dropped),
        held: Arc::clone(&held),
    };
    Scene { server: start(options, Arc::new(gates)).unwrap(), release, arrived, streams_dropped, held }
}

impl Scene {
    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.server.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection(BufReader::new(stream))
    }

    #[track_caller]
    fn until(&self, what: &str, ask: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !ask() {
            assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}; {:?}", self.server.counts());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Lets so many go that wait in the handler.
    fn let_go(&self, count: usize) {
        (0..count).for_each(|_| self.release.send(()).unwrap());
    }

    #[track_caller]
    fn is_alive(&self) {
        assert_eq!(self.connect().ask("GET", "/alive", ""), "GET /alive 0");
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn send(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn request(&mut self, method: &str, path: &str, more: &str) {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n"));
    }

    /// Status, head and body.
    #[track_caller]
    fn answer(&mut self) -> (u16, String, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "it ends in {head:?}");
        }
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), head, String::from_utf8(body).unwrap())
    }

    #[track_caller]
    fn ask(&mut self, method: &str, path: &str, more: &str) -> String {
        self.request(method, path, more);
        self.answer().2
    }

    /// What comes until the end; a reset is an end too.
    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).ok();
        String::from_utf8(rest).unwrap()
    }
}

#[test]
fn h22_a_slow_head_is_408_and_a_silent_connection_just_ends() {
    let scene = scene(|options| options.spans.head = SHORT);
    let mut silent = scene.connect();
    let mut slow = scene.connect();
    slow.send("GET / HT");
    assert!(slow.rest().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!(silent.rest(), "");
    let mut second = scene.connect();
    second.ask("GET", "/", "");
    second.send("G");
    assert!(second.rest().starts_with("HTTP/1.1 408 "), "a further request has the same time");
    assert_eq!((scene.server.counts().too_slow.value(), scene.server.counts().idle_closed.value()), (2, 1));
}

#[test]
fn h22_a_body_that_stalls_is_408() {
    let scene = scene(|options| options.spans.flow = SHORT);
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut stalled = scene.connect();
        stalled.request("POST", "/", &format!("{framing}\r\n"));
        stalled.send("1");
        let rest = stalled.rest();
        assert!(rest.starts_with("HTTP/1.1 408 ") && rest.contains("\r\nConnection: close\r\n"), "{framing}: {rest}");
    }
    scene.is_alive();
}

#[test]
fn h22_silence_between_requests_ends_the_connection() {
    let scene = scene(|options| options.spans.idle = SHORT);
    let mut client = scene.connect();
    client.ask("GET", "/", "");
    assert_eq!(client.rest(), "");
}

#[test]
fn at_the_cap_the_oldest_idle_connection_makes_room_and_a_busy_one_never() {
    let scene = scene(|options| options.max_connections = 16);
    let mut busy = scene.connect();
    busy.request("GET", "/wait", "");
    assert_eq!(scene.arrived.recv_timeout(PATIENCE).unwrap(), "/wait");
    let mut idle: Vec<Connection> = (0..15).map(|_| scene.connect()).collect();
    for client in &mut idle {
        client.ask("GET", "/", "");
    }
    for _ in 0..5 {
        scene.is_alive();
    }
    scene.until("others have made room", || scene.server.counts().evicted.value() >= 1);
    assert_eq!(idle[0].rest(), "");
    assert_eq!(idle[14].ask("GET", "/still", ""), "GET /still 0");
    scene.release.send(()).unwrap();
    assert_eq!(busy.answer().2, "waited");
}

#[test]
fn h46_a_late_answer_reaches_nobody_and_stuck_workers_are_replaced() {
    let scene = scene(|options| (options.workers, options.request_timeout) = (2, SHORT));
    for round in 0..6 {
        let mut late = scene.connect();
        // A large request has its private connection for itself, and loses it.
        let body =
            if round % 2 == 1 { format!("Content-Length: 2000\r\n\r\n{}", "x".repeat(1998)) } else { String::new() };
        late.request("POST", "/wait", if body.is_empty() { "Content-Length: 0\r\n" } else { &body });
        let (status, head, _) = late.answer();
        assert_eq!(status, 504, "{round}: {head}");
        if round < 2 {
            scene.is_alive();
        }
    }
    scene.let_go(6);
    // The late ones say "waited" to whoever they believe is there.
    for _ in 0..50 {
        scene.is_alive();
    }
    assert_eq!(scene.server.counts().unanswered.value(), 6);
    assert_eq!(scene.server.counts().pairs_lost.value(), 3);
    scene.until("the late answers came and were dropped", || scene.server.counts().late_answers.value() == 6);
}

#[test]
fn a_request_that_nobody_could_begin_is_never_begun_late() {
    let scene = scene(|options| (options.workers, options.request_timeout) = (1, SHORT));
    // Two workers, one for a stream, and as many again in place of those that are stuck.
    let mut stuck: Vec<Connection> = (0..4).map(|_| scene.connect()).collect();
    for client in &mut stuck {
        client.request("GET", "/wait", "");
        assert_eq!(client.answer().0, 504);
    }
    let mut never = scene.connect();
    never.request("POST", "/never", "Content-Length: 0\r\n");
    assert!(matches!(never.answer().0, 503 | 504));
    scene.let_go(4);
    scene.until("somebody is there again", || {
        let mut client = scene.connect();
        client.request("GET", "/again", "");
        client.answer().0 == 200
    });
    let arrived: Vec<String> = scene.arrived.try_iter().collect();
    assert!(!arrived.contains(&"/never".to_owned()), "{arrived:?}");
}

#[test]
fn requests_that_wait_too_long_or_are_too_many_are_503() {
    let scene = scene(|options| {
        (options.workers, options.max_queued) = (1, 1);
        options.spans.queued = SHORT;
    });
    let mut busy: Vec<Connection> = (0..40).map(|_| scene.connect()).collect();
    for client in &mut busy {
        client.request("GET", "/wait", "");
    }
    scene.until("some are refused", || scene.server.counts().overloaded.value() >= 25);
    // By then workers are known to be slow, and nothing is handed over ahead of time.
    let begun = Instant::now();
    scene.until("the last one has waited too long", || begun.elapsed() > SHORT);
    let mut refused = scene.connect();
    refused.request("GET", "/", "");
    let (status, head, _) = refused.answer();
    assert_eq!(status, 503, "{head}");
    scene.let_go(40);
    let statuses: Vec<u16> = busy.iter_mut().map(|client| client.answer().0).collect();
    assert_eq!(statuses.iter().filter(|status| **status != 200 && **status != 503).count(), 0, "{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
}

#[test]
fn more_workers_come_while_upstreams_are_slow() {
    let scene = scene(|options| options.workers = 24);
    let mut clients: Vec<Connection> = (0..24).map(|_| scene.connect()).collect();
    for client in &mut clients {
        client.request("GET", "/wait", "");
    }
    // All of them wait inside the handler at once, though the server began with fewer workers.
    for _ in 0..24 {
        let arrived = scene.arrived.recv_timeout(Duration::from_secs(5));
        assert_eq!(arrived.as_deref(), Ok("/wait"), "{:?}", scene.server.counts());
    }
    scene.let_go(24);
    for client in &mut clients {
        assert_eq!(client.answer().2, "waited");
    }
}

#[test]
fn memory_for_bodies_is_bounded_and_the_largest_gives_way() {
    let scene = scene(|options| (options.max_body, options.max_held) = (1 << 20, 3 << 20));
    let part = "x".repeat(900 << 10);
    let mut large: Vec<Connection> = (0..6).map(|_| scene.connect()).collect();
    for client in &mut large {
        client.request("POST", "/", "Content-Length: 1048576\r\n");
        // It may be refused in the middle.
        client.0.get_mut().write_all(part.as_bytes()).ok();
    }
    scene.until("some gave way", || scene.server.counts().out_of_memory.value() >= 3);
    let refused = large.iter_mut().filter_map(|client| {
        client.0.get_ref().set_read_timeout(Some(SHORT)).unwrap();
        client.rest().starts_with("HTTP/1.1 503 ").then_some(())
    });
    assert!(refused.count() >= 3);
    let small = "y".repeat(1000);
    let mut client = scene.connect();
    assert_eq!(client.ask("POST", "/small", &format!("Content-Length: 1000\r\n\r\n{small}")), "POST /small 1000");
    drop(large);
    scene.until("all is given back", || scene.server.counts().held_bytes.value() < 100_000);
}

#[test]
fn a_client_that_asks_for_leave_gets_it_and_one_that_has_begun_does_not() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    client.request("POST", "/a", "Expect: 100-continue\r\nContent-Length: 3\r\n");
    assert_eq!(client.answer().1, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(client.answer().2, "POST /a 3");
    client.send("POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer().2, "POST /b 3");
}

#[test]
fn heads_are_answered_without_bodies_and_old_clients_as_they_ask() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    client.request("HEAD", "/", "Connection: close\r\n");
    let text = client.rest();
    assert!(text.contains("\r\nContent-Length: 8\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    let mut old = scene.connect();
    old.send("GET / HTTP/1.0\r\n\r\n");
    let text = old.rest();
    assert!(text.contains("\r\nConnection: close\r\n") && text.ends_with("GET / 0"), "{text}");
    let mut kept = scene.connect();
    for _ in 0..2 {
        kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert!(kept.answer().1.contains("\r\nConnection: keep-alive\r\n"));
    }
}

#[test]
fn a_client_that_closes_its_half_still_gets_its_answer() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    client.request("GET", "/wait", "");
    client.0.get_ref().shutdown(Shutdown::Write).unwrap();
    scene.arrived.recv_timeout(PATIENCE).unwrap();
    scene.release.send(()).unwrap();
    assert!(client.rest().ends_with("waited"));
}

#[test]
fn handlers_see_who_is_connected_and_nothing_that_claims_to_be() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    let port = client.0.get_ref().local_addr().unwrap().port().to_string();
    assert_eq!(client.ask("GET", "/client", "X-Open-Cli-Front: 1 1.2.3.4:5\r\n"), port);
}

#[test]
fn a_broken_stream_does_not_look_whole() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    client.request("GET", "/broken", "");
    let text = client.rest();
    assert!(text.contains("\r\n3\r\none\r\n") && !text.ends_with("0\r\n\r\n"), "{text}");
    scene.is_alive();
}

#[test]
fn a_stream_ends_with_its_reader_and_each_owner_has_only_some() {
    let scene = scene(|options| options.workers = 16);
    // Four streams in all, one for each owner.
    let mut reader = scene.connect();
    reader.request("GET", "/stream", "");
    let mut line = String::new();
    reader.0.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    let mut second = scene.connect();
    second.request("GET", "/stream", "");
    assert_eq!(second.answer().0, 503);
    assert_eq!(scene.server.counts().streams_refused.value(), 1);
    drop(reader);
    scene.until("the source is dropped", || scene.streams_dropped.load(Ordering::SeqCst) == 2);
    scene.until("another may begin", || {
        let mut third = scene.connect();
        third.request("GET", "/stream", "");
        let mut line = String::new();
        third.0.read_line(&mut line).unwrap();
        line == "HTTP/1.1 200 OK\r\n"
    });
    assert_eq!(scene.server.counts().pairs_lost.value(), 0, "a reader that goes is nobody's fault");
}

#[test]
fn slow_readers_do_not_keep_workers_from_others() {
    let scene = scene(|options| options.workers = 2);
    let mut slow: Vec<Connection> = (0..30).map(|_| scene.connect()).collect();
    for client in &mut slow {
        client.request("GET", "/large", "");
    }
    for _ in 0..5 {
        scene.is_alive();
    }
    // What they do not take is more than may be held for them, so most had to go.
    scene.until("memory is given back", || scene.server.counts().held_bytes.value() <= 24 << 20);
    assert!(scene.server.counts().out_of_memory.value() > 0);
}

#[test]
fn a_bug_of_the_front_ends_connections_and_not_the_server() {
    let scene = scene(|options| options.error = |_, _| panic!("on purpose"));
    let mut open = scene.connect();
    open.ask("GET", "/", "");
    let mut busy = scene.connect();
    busy.request("GET", "/wait", "");
    assert_eq!(scene.arrived.recv_timeout(PATIENCE).as_deref(), Ok("/"));
    assert_eq!(scene.arrived.recv_timeout(PATIENCE).as_deref(), Ok("/wait"));
    let mut malformed = scene.connect();
    malformed.send("(");
    assert_eq!((malformed.rest(), open.rest(), busy.rest()), Default::default());
    scene.is_alive();
    scene.release.send(()).unwrap();
    scene.until("the answer to who is gone is dropped", || scene.server.counts().late_answers.value() == 1);
    scene.is_alive();
}

#[test]
fn when_tiny_http_stops_accepting_another_one_takes_over() {
    let scene = scene(|_| {});
    scene.is_alive();
    // As after an error of its accept thread.
    scene.server.inner.crew.say_deaf_for_tests();
    scene.until("it is mended", || {
        let mut client = scene.connect();
        client.request("GET", "/", "Connection: close\r\n");
        client.rest();
        scene.server.counts().pair_failures.value() == 1
    });
    scene.until("requests are answered again", || {
        let mut client = scene.connect();
        client.request("GET", "/", "Connection: close\r\n");
        client.rest().starts_with("HTTP/1.1 200 ")
    });
    let large = format!("Content-Length: 5000\r\n\r\n{}", "x".repeat(4998));
    for _ in 0..20 {
        scene.is_alive();
        // A new pair, over the new server.
        let mut client = scene.connect();
        assert_eq!(client.ask("POST", "/large-body", &large), "POST /large-body 5000");
    }
}

#[test]
fn large_answers_arrive_whole() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    let body = client.ask("GET", "/large", "");
    assert_eq!((body.len(), body.bytes().all(|byte| byte == b'x')), (32 << 20, true));
}

#[test]
fn a_stop_answers_what_has_begun_ends_the_idle_and_refuses_the_rest() {
    let scene = scene(|_| {});
    let addr = scene.server.addr();
    let mut idle = scene.connect();
    idle.ask("GET", "/", "");
    let mut busy = scene.connect();
    busy.request("GET", "/wait", "");
    let mut half = scene.connect();
    half.send("GET /half HTTP/1.1\r\n");
    scene.until("all are there", || scene.server.counts().connections.value() == 3);
    while scene.arrived.recv_timeout(PATIENCE).unwrap() != "/wait" {}
    let Scene { server, release, .. } = scene;
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    assert_eq!(idle.rest(), "");
    assert!(TcpStream::connect(addr).is_err());
    half.send("Host: h\r\n\r\n");
    let text = half.rest();
    assert!(text.contains("\r\nConnection: close\r\n") && text.ends_with("GET /half 0"), "{text}");
    release.send(()).unwrap();
    let text = busy.rest();
    assert!(text.contains("\r\nConnection: close\r\n") && text.ends_with("waited"), "{text}");
    stopping.join().unwrap();
}

#[test]
fn who_leaves_serves_on_and_ends_each_connection_with_its_answer() {
    let scene = scene(|_| {});
    let mut idle = scene.connect();
    idle.ask("GET", "/", "");
    let mut busy = scene.connect();
    busy.request("GET", "/wait", "");
    while scene.arrived.recv_timeout(PATIENCE).unwrap() != "/wait" {}
    scene.server.leave();
    scene.until("it has heard that", || {
        let mut client = scene.connect();
        client.request("GET", "/", "");
        client.answer().1.contains("Connection: close")
    });
    scene.let_go(1);
    let text = busy.rest();
    assert!(text.contains("\r\nConnection: close\r\n") && text.ends_with("waited"), "{text}");
    // One that was between requests, and one that comes new, are served once more.
    for client in [&mut idle, &mut scene.connect()] {
        client.request("GET", "/last", "");
        let text = client.rest();
        assert!(text.contains("\r\nConnection: close\r\n") && text.ends_with("GET /last 0"), "{text}");
    }
}

#[test]
fn a_stop_does_not_wait_beyond_its_grace() {
    let scene = scene(|_| {});
    let mut busy = scene.connect();
    busy.request("GET", "/wait", "");
    scene.arrived.recv_timeout(PATIENCE).unwrap();
    let Scene { server, release, .. } = scene;
    server.stop(SHORT);
    assert_eq!(busy.rest(), "");
    drop(release);
}

/// Asks for the stream that waits, and reads up to its first piece.
fn begin_waiting(scene: &Scene) -> Connection {
    let mut reader = scene.connect();
    reader.request("GET", "/admitted", "");
    let mut line = String::new();
    while line != "one\r\n" {
        line.clear();
        assert_ne!(reader.0.read_line(&mut line).unwrap(), 0);
    }
    reader
}

#[test]
fn a_stream_that_waits_is_halted_when_its_reader_leaves() {
    let scene = scene(|options| options.workers = 4);
    let reader = begin_waiting(&scene);
    assert_eq!(scene.connect().ask("GET", "/admitted", ""), "full", "before anything is begun");
    assert_eq!(scene.server.counts().streams_refused.value(), 1);
    drop(reader);
    scene.until("the source is dropped", || scene.streams_dropped.load(Ordering::SeqCst) == 1);
    drop(begin_waiting(&scene));
}

#[test]
fn a_stream_that_waits_is_halted_by_a_stop() {
    let scene = scene(|_| {});
    let mut reader = begin_waiting(&scene);
    scene.server.stop(PATIENCE);
    assert!(!reader.rest().ends_with("0\r\n\r\n"), "it does not look whole");
    assert_eq!(scene.streams_dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn a_stream_reaches_a_quick_reader_whole() {
    let scene = scene(|_| {});
    let mut stalled = Vec::new();
    for (size, count) in [(4, 400_000), (1000, 100_000), (16 << 10, 6_000)] {
        let mut client = scene.connect();
        client.0.get_ref().set_read_timeout(Some(Duration::from_secs(6))).unwrap();
        client.request("GET", &format!("/pieces?{size}x{count}"), "Connection: close\r\n");
        let text = client.rest();
        if !text.ends_with("0\r\n\r\n") {
            stalled.push((size, count, text.len()));
        }
    }
    assert!(stalled.is_empty(), "pieces of a size, how many, bytes that came: {stalled:?}");
}

#[test]
fn h22_idle_connections_do_not_take_the_memory_of_others() {
    let scene = scene(|options| (options.max_body, options.max_held) = (1 << 20, 2 << 20));
    let counts = Arc::clone(scene.server.counts());
    let mut idle: Vec<Connection> = (0..300).map(|_| scene.connect()).collect();
    for client in &mut idle {
        let before = counts.bytes_in.value();
        let begin = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n", "x".repeat(9000));
        client.send(&begin);
        // In two parts, so that the first has to be kept.
        scene.until("the first part is there", || counts.bytes_in.value() >= before + begin.len() as u64);
        client.send("\r\n");
        assert_eq!(client.answer().0, 200);
    }
    assert!(counts.held_bytes.value() < 50_000, "{counts:?}");
    let mut fresh = scene.connect();
    fresh.request("POST", "/alive", "Content-Length: 1\r\n");
    fresh.send("1");
    assert_eq!(fresh.answer().0, 200);
}

#[test]
fn h22_bodies_at_slow_workers_do_not_refuse_those_without_body() {
    let scene = scene(|options| (options.max_body, options.max_held) = (1 << 20, 2 << 20));
    let counts = Arc::clone(scene.server.counts());
    let body = "x".repeat(900 << 10);
    let mut slow: Vec<Connection> = (0..3).map(|_| scene.connect()).collect();
    // Two are at work and one waits for memory. Each is waited for, since two that wait would be too much already.
    for (client, expected) in slow.iter_mut().zip([(1, 0), (2, 0), (2, 1)]) {
        client.request("POST", "/wait", &format!("Content-Length: {}\r\n", body.len()));
        client.send(&body);
        scene.until("it is where it should be", || (counts.at_work.value(), counts.queued.value()) == expected);
    }
    let mut fresh = scene.connect();
    assert_eq!(fresh.ask("GET", "/alive", ""), "GET /alive 0");
    scene.let_go(3);
    for client in &mut slow {
        assert_eq!(client.answer().2, "waited");
    }
}

#[test]
fn h46_a_source_that_panics_when_dropped_gives_no_second_answer() {
    let scene = scene(|_| {});
    let counts = Arc::clone(scene.server.counts());
    for _ in 0..50 {
        let mut client = scene.connect();
        client.request("GET", "/falls", "");
        let (status, head, _) = client.answer();
        assert_eq!(status, 200, "{head}");
        let mut last_piece = [0; 5];
        client.0.read_exact(&mut last_piece).unwrap();
        assert_eq!(&last_piece, b"0\r\n\r\n");
        assert_eq!(client.ask("GET", "/next", ""), "GET /next 0");
    }
    scene.until("no stream is left", || counts.streaming.value() == 0);
}

#[test]
fn h22_many_who_hold_little_hold_no_more_than_few_who_hold_much() {
    // No memory but for one body of nothing: 256 KiB.
    let scene = scene(|options| (options.max_body, options.max_held) = (0, 0));
    let counts = Arc::clone(scene.server.counts());
    let mut many: Vec<Connection> = (0..300).map(|_| scene.connect()).collect();
    for client in &mut many {
        client.send(&format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(3000)));
    }
    scene.until("all have come", || counts.bytes_in.value() >= 300 * 3000);
    scene.until("what they hold is bounded", || counts.held_bytes.value() <= 256 << 10);
    assert!(counts.out_of_memory.value() >= 200, "{counts:?}");
    scene.is_alive();
}

#[test]
fn h22_readers_that_stand_still_do_not_keep_everybody_out() {
    let scene = scene(|options| options.max_connections = 16);
    let mut still: Vec<Connection> = (0..16).map(|_| scene.connect()).collect();
    for client in &mut still {
        client.request("GET", "/shared", "");
        scene.arrived.recv_timeout(PATIENCE).unwrap();
    }
    scene.until("all are being answered", || scene.server.counts().answered.value() == 16);
    let mut fresh = scene.connect();
    fresh.0.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    fresh.request("GET", "/alive", "Connection: close\r\n");
    let text = fresh.rest();
    assert!(text.starts_with("HTTP/1.1 200"), "{text:?} {:?}", scene.server.counts());
}

#[test]
fn a_late_answer_looks_as_its_request_wanted() {
    let scene = scene(|options| {
        options.request_timeout = SHORT;
        options.error = |rejection, headers| {
            Answer::new(rejection.status(), "text/plain", headers.get("Accept").unwrap_or("none").as_bytes())
        };
    });
    let mut get = scene.connect();
    get.request("GET", "/wait", "Accept: application/json\r\n");
    let got = get.rest();
    let mut head = scene.connect();
    head.request("HEAD", "/wait", "");
    let headed = head.rest();
    scene.release.send(()).unwrap();
    scene.release.send(()).unwrap();
    assert!(got.ends_with("application/json"), "the Accept is lost: {got}");
    assert!(headed.ends_with("\r\n\r\n"), "a HEAD has a body: {headed}");
}

#[test]
fn a_stream_that_a_stop_cuts_does_not_look_whole() {
    let scene = scene(|_| {});
    let mut client = scene.connect();
    client.request("GET", "/two-pieces", "");
    let mut line = String::new();
    while line != "one\r\n" {
        line.clear();
        client.0.read_line(&mut line).unwrap();
    }
    let addr = scene.server.addr();
    let Scene { server, release, .. } = scene;
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    // Nobody is taken in any more, so the stop has begun, and the second piece comes after that.
    while TcpStream::connect(addr).is_ok() {
        std::thread::yield_now();
    }
    release.send(()).unwrap();
    let rest = client.rest();
    assert!(rest.contains("two") && !rest.ends_with("0\r\n\r\n"), "{rest:?}");
    stopping.join().unwrap();
}

/// A client whose answer is held.
fn held(scene: &Scene) -> Connection {
    let mut client = scene.connect();
    let before = scene.held.lock().unwrap().len();
    client.request("GET", &format!("/held?{before}"), "");
    scene.until("it is held", || scene.held.lock().unwrap().len() == before + 1);
    client
}

#[test]
fn h46_answers_that_are_held_keep_no_worker_and_each_reaches_its_caller() {
    let scene = scene(|options| options.workers = 1);
    let mut clients = [held(&scene), held(&scene)];
    scene.is_alive();
    for (answer, release) in scene.held.lock().unwrap().drain(..).rev() {
        release.send(answer);
    }
    for (nth, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.answer().2, nth.to_string());
        assert_eq!(client.ask("GET", "/alive", ""), "GET /alive 0", "and the connection goes on");
    }
}

/// Where the front stands still: it says so, and goes on when it may. One test at a time has it.
static STANDSTILL: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn standing_still(rejection: Rejection, _: &Headers) -> Answer {
    if let Some((here, go)) = &*STANDSTILL.lock().unwrap() {
        here.send(()).unwrap();
        go.recv_timeout(PATIENCE).unwrap();
    }
    Answer::empty(rejection.status())
}

/// A server whose front stands still at each request that is malformed.
struct Halting {
    scene: Scene,
    malformed: Vec<Connection>,
    stands: Receiver<()>,
    go: Sender<()>,
    _guard: MutexGuard<'static, ()>,
}

fn halting(times: usize, change: impl FnOnce(&mut ServerOptions)) -> Halting {
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let ((here, stands), (go, may_go)) = (mpsc::channel(), mpsc::channel());
    *STANDSTILL.lock().unwrap() = Some((here, may_go));
    let scene = scene(|options| {
        options.error = standing_still;
        change(options);
    });
    let malformed: Vec<Connection> = (0..times).map(|_| scene.connect()).collect();
    scene.until("they are there", || scene.server.counts().accepted.value() == times as u64);
    Halting { scene, malformed, stands, go, _guard: guard }
}

impl Halting {
    /// Lets the front go on for one turn, if it stands still.
    fn turn(&mut self) {
        self.malformed.pop().unwrap().send("(");
        self.go.send(()).unwrap();
        self.stands.recv_timeout(PATIENCE).unwrap();
    }

    /// Makes it stand still.
    fn halt(&mut self) {
        self.malformed.pop().unwrap().send("(");
        self.stands.recv_timeout(PATIENCE).unwrap();
    }

    /// Answers so many that are held, oldest first.
    fn release(&self, count: usize, bytes: usize) {
        for (_, release) in self.scene.held.lock().unwrap().drain(..count) {
            release.send(Answer::new(200, "text/plain", vec![b'x'; bytes]));
        }
    }
}

#[test]
fn h22_those_who_want_much_do_not_keep_the_front_from_the_others() {
    let mut halting = halting(3, |options| options.max_held = 64 << 20);
    let _unread: Vec<Connection> = (0..12).map(|_| held(&halting.scene)).collect();
    let late: Vec<Connection> = (0..3).map(|_| held(&halting.scene)).collect();
    halting.halt();
    halting.release(12, 1 << 20);
    halting.turn();
    let sent = halting.scene.server.counts().bytes_out.value();
    assert!(sent <= 2 << 20, "{sent} bytes before others were looked at");
    halting.release(3, 1 << 20);
    halting.turn();
    for client in &late {
        let stream = client.0.get_ref();
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]).map_err(|error| error.kind());
        assert_eq!(peeked, Err(io::ErrorKind::WouldBlock), "those who were put off come first");
        stream.set_nonblocking(false).unwrap();
    }
    halting.go.send(()).unwrap();
    for mut client in late {
        assert_eq!(client.answer().2.len(), 1 << 20);
    }
    let counts = halting.scene.server.counts();
    halting.scene.until("as much is sent as they have room for", || counts.bytes_out.value() > 6 << 20);
}

#[test]
fn h22_answers_that_wait_for_their_turn_do_not_take_the_memory_of_others() {
    let mut halting = halting(1, |options| (options.max_body, options.max_held) = (1 << 20, 3 << 20));
    let takers: Vec<Connection> = (0..20).map(|_| held(&halting.scene)).collect();
    let mut upload = halting.scene.connect();
    upload.request("POST", "/up", "Content-Length: 200000\r\n");
    upload.send(&"u".repeat(100_000));
    let counts = halting.scene.server.counts();
    halting.scene.until("half of it is there", || counts.bytes_in.value() > 100_000);
    halting.halt();
    halting.release(20, 220 << 10);
    halting.go.send(()).unwrap();
    for mut taker in takers {
        assert_eq!(taker.answer().2.len(), 220 << 10);
    }
    upload.send(&"u".repeat(100_000));
    assert_eq!(upload.answer().2, "POST /up 200000");
    assert_eq!(halting.scene.server.counts().out_of_memory.value(), 0);
}

#[test]
fn large_answers_to_many_at_once_arrive_whole() {
    let scene = scene(|_| ());
    let mut clients: Vec<Connection> = (0..12).map(|_| scene.connect()).collect();
    for client in &mut clients {
        client.request("GET", "/shared", "");
    }
    for client in &mut clients {
        let (status, _, body) = client.answer();
        assert_eq!((status, body.len()), (200, 8 << 20));
        assert!(body.bytes().all(|byte| byte == b'x'));
    }
}

#[test]
fn an_answer_that_is_lost_while_it_is_held_is_told_as_failed() {
    let scene = scene(|_| ());
    let mut client = held(&scene);
    scene.held.lock().unwrap().clear();
    assert_eq!(client.answer().0, 500);
    scene.is_alive();
    assert_eq!(scene.server.counts().failed.value(), 1);
}

#[test]
fn h46_an_answer_that_is_held_for_too_long_reaches_nobody() {
    let scene = scene(|options| options.request_timeout = SHORT);
    let mut client = held(&scene);
    assert_eq!(client.answer().0, 504);
    let (answer, release) = scene.held.lock().unwrap().pop().unwrap();
    release.send(answer);
    scene.until("it was dropped", || scene.server.counts().late_answers.value() == 1);
    scene.is_alive();
}

#[test]
fn a_stop_waits_for_answers_that_are_held() {
    let scene = scene(|_| ());
    let mut client = held(&scene);
    let Scene { server, held, .. } = scene;
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    let (answer, release) = held.lock().unwrap().pop().unwrap();
    release.send(answer);
    assert_eq!(client.answer().2, "0");
    stopping.join().unwrap();
}
