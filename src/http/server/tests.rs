//! What holds of both ways of serving: behind the front, and without it.

use std::io::{BufRead, Write};
use std::net::TcpStream;

use super::*;

struct Echo;

impl Handler for Echo {
    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        match request.path.as_str() {
            "/panic" => panic!("on purpose"),
            "/stream" => {
                let parts = io::Cursor::new("one").chain(io::Cursor::new("two"));
                Answer { body: Body::Stream(Stream::new(Box::new(parts), "somebody".to_owned())), ..Answer::empty(200) }
            }
            "/304" => Answer::empty(304),
            _ => Answer::new(200, "text/plain", format!("{} {}", request.method, request.body.len()).into_bytes()),
        }
    }
}

/// A server of either kind.
struct Tested {
    addr: SocketAddr,
    stop: Box<dyn FnOnce(Duration)>,
}

impl Tested {
    fn stop(self, grace: Duration) {
        (self.stop)(grace);
    }
}

/// One of each kind.
fn each(test: impl Fn(Tested)) {
    let options = || ServerOptions { workers: 4, max_body: 1 << 20, ..ServerOptions::new(([127, 0, 0, 1], 0).into()) };
    let listener = TcpListener::bind(options().addr).unwrap();
    let addr = listener.local_addr().unwrap();
    let direct = direct::start(listener, &options(), Arc::new(Echo)).unwrap();
    test(Tested { addr, stop: Box::new(move |grace| direct.stop(grace)) });
    let fronted = start(options(), Arc::new(Echo)).unwrap();
    test(Tested { addr: fronted.addr(), stop: Box::new(move |grace| fronted.stop(grace)) });
}

fn connect(server: &Tested) -> TcpStream {
    let stream = TcpStream::connect(server.addr).unwrap();
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
fn check(server: &Tested, request: &str, status: &str, body: &str) {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let (found, text) = read_answer(&mut io::BufReader::new(stream));
    assert_eq!((found.as_str(), text.as_str()), (status, body), "{request}");
}

#[test]
fn only_loopback_is_served() {
    let handler = Arc::new(Echo);
    let error = start(ServerOptions::new(([0, 0, 0, 0], 0).into()), handler).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("loopback only"), "{error}");
}

#[test]
fn h22_bodies_are_bounded_and_the_server_lives_on() {
    each(|server| {
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
    });
}

#[test]
fn ambiguous_framing_is_refused() {
    each(|server| {
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
    });
}

#[test]
fn a_panic_is_a_500_and_the_connection_goes_on() {
    each(|server| {
        let mut stream = connect(&server);
        let mut reader = io::BufReader::new(stream.try_clone().unwrap());
        for (path, status) in [("/panic", "500 Internal Server Error"), ("/", "200 OK"), ("/304", "304 Not Modified")] {
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
            assert_eq!(read_answer(&mut reader).0, format!("HTTP/1.1 {status}"), "{path}");
        }
        server.stop(Duration::ZERO);
    });
}

#[test]
fn h46_pipelined_answers_keep_their_order() {
    each(|server| {
        let mut stream = connect(&server);
        let post = |length: usize| {
            let body = "x".repeat(length);
            format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        let all: String = (1..100).map(post).collect();
        stream.write_all(all.as_bytes()).unwrap();
        let mut reader = io::BufReader::new(stream);
        for length in 1..100 {
            assert_eq!(read_answer(&mut reader).1, format!("POST {length}"));
        }
        server.stop(Duration::ZERO);
    });
}

#[test]
fn streams_are_chunked() {
    each(|server| {
        let mut stream = connect(&server);
        stream.write_all(b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("Transfer-Encoding: chunked\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{text}");
        server.stop(Duration::ZERO);
    });
}

#[test]
fn many_connections_at_once_are_all_answered() {
    each(|server| {
        let mut streams: Vec<TcpStream> = (0..64).map(|_| connect(&server)).collect();
        for stream in &mut streams {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        }
        for stream in &streams {
            assert_eq!(read_answer(&mut io::BufReader::new(stream)).1, "GET 0");
        }
        server.stop(Duration::ZERO);
    });
}

#[test]
fn stopping_answers_what_was_taken_in_and_then_refuses() {
    each(|server| {
        let addr = server.addr;
        let mut stream = connect(&server);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut reader = io::BufReader::new(stream);
        assert_eq!(read_answer(&mut reader).1, "GET 0");
        server.stop(Duration::from_secs(30));
        assert!(TcpStream::connect(addr).is_err());
    });
}
