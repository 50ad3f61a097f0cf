//! Tests against little servers on loopback.
#![expect(clippy::disallowed_methods, reason = "these tests are the servers")]

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::base::disk;
use crate::base::host::{Deadline, spawn};
use crate::base::url::Url;
use crate::http::{Method, TlsTrouble};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that takes one connection for each script: it answers one request with each piece, then closes.
struct Server {
    port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn start(connections: &[&[&str]]) -> Self {
        let connections: Vec<Vec<Vec<u8>>> =
            connections.iter().map(|pieces| pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect()).collect();
        Self::start_bytes(connections)
    }

    fn start_bytes(connections: Vec<Vec<Vec<u8>>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let work = move || {
            let mut seen = Vec::new();
            for pieces in connections {
                let (stream, _) = listener.accept().unwrap();
                for piece in pieces {
                    seen.push(request(&stream));
                    // The client may have gone already, for a reason that the test looks at.
                    (&stream).write_all(&piece).ok();
                }
            }
            seen
        };
        Self { port, thread: spawn("test server", work).unwrap() }
    }

    fn url(&self, rest: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{rest}", self.port)).unwrap()
    }

    fn seen(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// Reads one request: head as lines, and the body by its length.
fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") && reader.read_line(&mut text).unwrap_or(0) > 0 {}
    let length = text.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    Read::read_exact(&mut reader, &mut body).ok();
    text + &String::from_utf8_lossy(&body)
}

fn client() -> HttpClient {
    HttpClient::new(ClientOptions::default()).unwrap()
}

fn limits(reach: Reach) -> Limits {
    Limits { deadline: Deadline::after(Duration::from_secs(20)), max_body: 1000, reach }
}

fn get(client: &HttpClient, url: Url) -> Result<Response, TransportError> {
    client.send(&Request::get(url), limits(Reach::Named))
}

/// A name that no resolver has to be asked about: its label is longer than DNS allows.
fn unknown_host() -> Url {
    Url::parse(&format!("http://{}.example/?key=s3cret", "x".repeat(64))).unwrap()
}

#[track_caller]
fn check_fails(result: Result<Response, TransportError>, kind: TransportErrorKind, may_have_been_sent: bool) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent), (kind, may_have_been_sent), "{error}");
    assert!(!error.message.contains("s3cret"), "{error}");
    error.message
}

#[test]
fn requests_are_sent_as_they_are_and_answers_come_as_they_are() {
    let answer = b"HTTP/1.1 404 Not Found\r\nX-Text: gr\xFCn\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 3\r\n\r\n\0\xFF!";
    let server = Server::start_bytes(vec![vec![answer.to_vec()]]);
    let mut request = Request::get(server.url("/a%2Fb?x=1&y=%20#fragment"));
    request.headers = Headers::new().with("X-Mine", "gr\u{fc}n").with("Host", "evil").with("Content-Length", "7");
    let response = client().send(&request, limits(Reach::Named)).unwrap();
    assert_eq!((response.status, response.body.as_slice(), response.truncated), (404, &b"\0\xFF!"[..], false));
    assert_eq!(response.headers.get("x-text"), Some("gr\u{fc}n"));
    assert_eq!(response.headers.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    let port = server.port;
    let seen = server.seen().remove(0);
    assert!(seen.starts_with("GET /a%2Fb?x=1&y=%20 HTTP/1.1\r\n"), "{seen}");
    let lower = seen.to_lowercase();
    assert!(lower.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{seen}");
    assert!(lower.contains("x-mine: gr\u{fc}n\r\n") && lower.contains("user-agent: open-cli/"), "{seen}");
    for absent in ["evil", "content-length", "accept-encoding", "accept:", "transfer-encoding"] {
        assert!(!lower.contains(absent), "{absent} in {seen}");
    }
}

/// What is shown of a request and what arrives are the same bytes.
#[track_caller]
fn check_wire(method: Method, rest: &str, headers: &[(&str, &str)], body: &str) {
    let server =
        Server::start(&[&[if method == Method::Head { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { OK }]]);
    let url = server.url(rest);
    let mut own = Headers::new().with("User-Agent", "u");
    headers.iter().for_each(|(name, value)| own.append(name, value).unwrap());
    let shown = wire::request(method.as_str(), url.as_str(), own.iter(), body.as_bytes());
    client().send(&Request { method, url, headers: own, body: body.into() }, limits(Reach::Named)).unwrap();
    assert_eq!(server.seen().remove(0), String::from_utf8(shown).unwrap());
}

#[test]
fn what_is_shown_of_a_request_is_what_arrives() {
    for method in Method::ALL {
        check_wire(method, "/a%2Fb?x=1&y=%20#z", &[("X-B", "1"), ("x-a", "2"), ("X-b", "3"), ("Host", "evil")], "");
        check_wire(method, "", &[("Cookie", "a=b; c=d"), ("Content-Type", "text/plain")], "{\"a\":1}");
        check_wire(method, "?q=%C3%BC", &[("Authorization", "Bearer x"), ("Empty", "")], "");
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A server's answer with this status line, body and coding.
fn coded(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nETag: \"e\"\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[test]
fn h22_coded_answers_are_read_within_the_limit() {
    for (text, truncated) in
        [(&b" {\"a\": 1e2}\n"[..], false), (&[0; 1000], false), (&[0; 1001], true), (&[0; 900_000], true)]
    {
        let server = Server::start_bytes(vec![vec![coded("200 OK", &gzip(text))]]);
        let response = get(&client(), server.url("/")).unwrap();
        assert_eq!((&response.body[..], response.truncated), (&text[..text.len().min(1000)], truncated));
        let names: Vec<_> = response.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["etag"], "what spoke of the coded form is gone");
    }
    for (method, status, body) in
        [(Method::Get, "206 Partial Content", &b"part"[..]), (Method::Get, "204 No Content", b"")]
    {
        let server = Server::start_bytes(vec![vec![coded(status, body)]]);
        let request = Request { method, ..Request::get(server.url("/")) };
        assert_eq!(client().send(&request, limits(Reach::Named)).unwrap().body, body, "{method} {status}");
    }
    let server = Server::start(&[&["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"]]);
    let head = Request { method: Method::Head, ..Request::get(server.url("/")) };
    let response = client().send(&head, limits(Reach::Named)).unwrap();
    assert_eq!((&response.body[..], response.headers.get("content-encoding")), (&b""[..], Some("gzip")));
}

#[test]
fn h28_broken_codings_are_failures_of_the_exchange() {
    let whole = gzip(b"some text");
    for body in [&whole[..10], b"plain text", &[&whole[..], b"more"].concat()] {
        let server = Server::start_bytes(vec![vec![coded("200 OK", body)]]);
        let message = check_fails(get(&client(), server.url("/")), TransportErrorKind::Protocol, true);
        assert!(message.contains("gzip coding"), "{message}");
    }
}

#[test]
fn every_method_sends_its_body() {
    for method in Method::ALL {
        for body in ["", "{\"a\":1}"] {
            let answer = if method == Method::Head { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { OK };
            let server = Server::start(&[&[answer]]);
            let request = Request { method, url: server.url("/"), headers: Headers::new(), body: body.into() };
            let response = client().send(&request, limits(Reach::Named)).unwrap();
            assert_eq!(response.status, 200);
            let seen = server.seen().remove(0);
            assert!(
                seen.starts_with(&format!("{method} / HTTP/1.1\r\n")) && seen.ends_with(&format!("\r\n\r\n{body}")),
                "{seen}"
            );
            let carries = matches!(method, Method::Post | Method::Put | Method::Patch) || !body.is_empty();
            let length = format!("content-length: {}\r\n", body.len());
            assert_eq!(seen.to_lowercase().contains(&length), carries, "{seen}");
        }
    }
}

#[test]
fn redirects_are_not_followed() {
    let server =
        Server::start(&[&["HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"]]);
    let response = get(&client(), server.url("/")).unwrap();
    assert_eq!((response.status, response.headers.get("location")), (302, Some("http://127.0.0.1:1/")));
}

#[test]
fn h22_bodies_are_cut_at_the_limit() {
    for (length, truncated) in [(999, false), (1000, false), (1001, true), (5000, true)] {
        let server =
            Server::start(&[&[&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))]]);
        let response = get(&client(), server.url("/")).unwrap();
        assert_eq!((response.body.len(), response.truncated), (length.min(1000), truncated));
    }
    let endless = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "5\r\nabcde\r\n".repeat(1000));
    let server = Server::start(&[&[&endless]]);
    assert!(get(&client(), server.url("/")).unwrap().truncated);
}

#[test]
fn h22_every_exchange_has_a_deadline() {
    // The server takes the connection and never says a word; the deadline ends it.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = Url::parse(&format!("http://{}/?key=s3cret", listener.local_addr().unwrap())).unwrap();
    let mut short = limits(Reach::Named);
    short.deadline = Deadline::after(Duration::from_millis(50));
    let error = client().send(&Request::get(url.clone()), short).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout, "{error}");
    short.deadline = Deadline::after(Duration::ZERO);
    check_fails(client().send(&Request::get(url), short), TransportErrorKind::Timeout, false);
}

#[test]
fn h22_a_body_that_drips_is_ended_too() {
    let server = Server::start(&[&["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab", ""]]);
    let mut short = limits(Reach::Named);
    short.deadline = Deadline::after(Duration::from_millis(50));
    let error = client().send(&Request::get(server.url("/")), short).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout, "{error}");
}

#[test]
fn h21_failures_tell_whether_something_was_sent() {
    let closed = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Url::parse(&format!("http://{}/?key=s3cret", listener.local_addr().unwrap())).unwrap()
    };
    let message = check_fails(get(&client(), closed), TransportErrorKind::Connect, false);
    assert_eq!(message, "no connection to 127.0.0.1: connection refused");
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "SSH-2.0-x\r\n\r\n"] {
        let server = Server::start(&[&[answer]]);
        check_fails(get(&client(), server.url("/?key=s3cret")), TransportErrorKind::Protocol, true);
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    let server = Server::start(&[&[&long]]);
    check_fails(get(&client(), server.url("/")), TransportErrorKind::Protocol, true);
    let unknown = unknown_host();
    check_fails(get(&client(), unknown), TransportErrorKind::Resolve, false);
}

#[test]
fn h27_forbidden_addresses_are_not_connected_to() {
    let client = client();
    let server = Server::start(&[&[OK]]);
    let refused = |url: Url, reach| {
        check_fails(client.send(&Request::get(url), limits(reach)), TransportErrorKind::Forbidden, false)
    };
    refused(server.url("/"), Reach::PublicOnly);
    for host in ["localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "a.localhost"] {
        refused(Url::parse(&format!("http://{host}:{}/", server.port)).unwrap(), Reach::PublicOnly);
    }
    for host in ["169.254.169.254", "[fe80::1]", "[::ffff:a9fe:a9fe]", "0.0.0.0", "[64:ff9b::a9fe:a9fe]"] {
        refused(Url::parse(&format!("http://{host}/?key=s3cret")).unwrap(), Reach::Named);
    }
    get(&client, server.url("/")).unwrap();
    assert_eq!(server.seen().len(), 1, "only the named request arrived");
}

#[test]
fn h27_pools_are_kept_apart() {
    let server = Server::start(&[&[OK, OK]]);
    let client = client();
    get(&client, server.url("/1")).unwrap();
    check_fails(
        client.send(&Request::get(server.url("/2")), limits(Reach::PublicOnly)),
        TransportErrorKind::Forbidden,
        false,
    );
    get(&client, server.url("/3")).unwrap();
    let seen = server.seen();
    assert!(seen[0].starts_with("GET /1 ") && seen[1].starts_with("GET /3 "), "one connection served both: {seen:?}");
}

/// After one answer the server does `then` to the connection; a POST, which is never repeated, must go out on another.
#[track_caller]
fn check_not_reused(then: fn(TcpStream) -> Option<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (done, told) = std::sync::mpsc::channel();
    let work = move || {
        let answer = || {
            let (stream, _) = listener.accept().unwrap();
            let seen = request(&stream);
            (&stream).write_all(OK.as_bytes()).unwrap();
            (stream, seen)
        };
        let (stream, first) = answer();
        let kept = then(stream);
        done.send(()).unwrap();
        let (_, second) = answer();
        drop(kept);
        [first, second]
    };
    let thread = spawn("test server", work).unwrap();
    let client = client();
    let post = Request { method: Method::Post, body: b"{}".to_vec(), ..Request::get(url) };
    for _ in 0..2 {
        assert_eq!(client.send(&post, limits(Reach::Named)).unwrap().body, b"ok");
        told.recv().ok();
    }
    assert!(thread.join().unwrap().iter().all(|seen| seen.starts_with("POST / ")));
}

#[test]
fn h21_a_kept_connection_that_is_not_as_it_was_left_is_not_used_again() {
    check_not_reused(|stream| {
        drop(stream);
        None
    });
    check_not_reused(|stream| {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        Some(stream)
    });
    check_not_reused(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").unwrap();
        Some(stream)
    });
}

#[test]
fn a_proxy_is_used_only_when_named_and_targets_are_still_judged() {
    let tunnel = "HTTP/1.1 200 OK\r\n\r\n";
    let proxy = Server::start(&[&[tunnel, OK]]);
    let url = format!("http://user:s3cret@127.0.0.1:{}", proxy.port);
    let choice = ProxyChoice::Url(url);
    assert!(!format!("{choice:?}").contains("s3cret"));
    let client = HttpClient::new(ClientOptions { proxy: choice, ..ClientOptions::default() }).unwrap();
    let target = Url::parse("http://1.1.1.1/a").unwrap();
    let inside = Url::parse("http://10.0.0.1/").unwrap();
    let metadata = Url::parse("http://169.254.169.254/").unwrap();
    let unknown = unknown_host();
    for (url, reach) in [(inside, Reach::PublicOnly), (metadata, Reach::Named), (unknown, Reach::PublicOnly)] {
        check_fails(client.send(&Request::get(url), limits(reach)), TransportErrorKind::Forbidden, false);
    }
    client.send(&Request::get(target), limits(Reach::PublicOnly)).unwrap();
    let seen = proxy.seen();
    assert!(seen[0].starts_with("CONNECT 1.1.1.1:80 HTTP/1.1\r\n") && seen[0].contains("Proxy-Authorization: Basic "));
    assert!(seen[1].starts_with("GET /a HTTP/1.1\r\n") && !seen[1].contains("Proxy-Authorization"), "{}", seen[1]);
}

#[test]
fn proxies_of_the_environment() {
    let env = Env::new([
        ("https_proxy".to_owned(), "http://127.0.0.1:1".to_owned()),
        ("NO_PROXY".to_owned(), "127.0.0.1, x".to_owned()),
    ]);
    let choice = ProxyChoice::from_env(&env);
    let client = HttpClient::new(ClientOptions { proxy: choice, ..ClientOptions::default() }).unwrap();
    let server = Server::start(&[&[OK]]);
    get(&client, server.url("/")).unwrap();
    assert_eq!(ProxyChoice::from_env(&Env::default()).resolve().unwrap(), None);
    for wrong in ["socks5://h:1", "ftp://u:s3cret@h", ""] {
        let error = ProxyChoice::Url(wrong.into()).resolve().unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}

/// Serves one request over TLS with the test certificate; the result says whether the handshake stood.
fn tls_server() -> (u16, JoinHandle<bool>) {
    let chain = vec![CertificateDer::from_pem_slice(include_bytes!("../../../testdata/tls/leaf.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../../testdata/tls/leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let work = move || {
        let (stream, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let mut head = [0; 2000];
        let stood = Read::read(&mut stream, &mut head).is_ok();
        stream.write_all(OK.as_bytes()).ok();
        stood
    };
    (port, spawn("tls server", work).unwrap())
}

#[test]
fn authorities_are_added_and_strangers_refused() {
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tls/ca.pem");
    for (ca_file, env_ca) in [(Some(authority.clone()), None), (None, Some(authority))] {
        let client = HttpClient::new(ClientOptions { ca_file, env_ca, ..ClientOptions::default() }).unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let (port, thread) = tls_server();
            let response = get(&client, Url::parse(&format!("https://{host}:{port}/")).unwrap()).unwrap();
            assert_eq!((response.body.as_slice(), thread.join().unwrap()), (&b"ok"[..], true));
        }
    }
    let (port, thread) = tls_server();
    let url = Url::parse(&format!("https://localhost:{port}/?key=s3cret")).unwrap();
    let message = check_fails(get(&client(), url), TransportErrorKind::Tls, false);
    assert!(message.contains("certificate"), "{message}");
    thread.join().unwrap();
    let plain = Server::start(&[&["HTTP/1.1 400 Bad Request\r\n\r\n"]]);
    let url = Url::parse(&format!("https://127.0.0.1:{}/", plain.port)).unwrap();
    check_fails(get(&client(), url), TransportErrorKind::Tls, false);
}

fn origin(scheme: &str, host: &str, port: u16) -> Origin {
    Origin { scheme: scheme.to_owned(), host: host.to_owned(), port }
}

const EACH: Duration = Duration::from_secs(5);

#[test]
fn a_connection_is_looked_at_step_by_step() {
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tls/ca.pem");
    let knowing = HttpClient::new(ClientOptions { ca_file: Some(authority), ..ClientOptions::default() }).unwrap();
    let (port, thread) = tls_server();
    let probe = knowing.probe(&origin("https", "localhost", port), EACH);
    assert!(probe.addresses.unwrap().unwrap().len() == 2 && probe.connected.unwrap().unwrap().port() == port);
    let secured = probe.secured.unwrap().unwrap();
    assert!(secured.version.starts_with("TLSv1.") && secured.ends.is_some(), "{secured:?}");
    thread.join().unwrap();
    let trouble = |client: &HttpClient, host: &str, port: u16, each: Duration| {
        client.probe(&origin("https", host, port), each).secured.unwrap().unwrap_err().0
    };
    for (client, host, expected) in
        [(&client(), "127.0.0.1", TlsTrouble::Untrusted), (&knowing, "other.localhost", TlsTrouble::OtherName)]
    {
        let (port, thread) = tls_server();
        assert_eq!(trouble(client, host, port, EACH), expected, "{host}");
        thread.join().unwrap();
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(trouble(&knowing, "127.0.0.1", port, Duration::from_millis(50)), TlsTrouble::Silent);
    let plain = knowing.probe(&origin("http", "127.0.0.1", port), EACH);
    assert!(plain.connected.unwrap().is_ok() && plain.secured.is_none());
    drop(listener);
    let gone = knowing.probe(&origin("http", "127.0.0.1", port), EACH);
    let error = gone.connected.unwrap().unwrap_err();
    assert!(error.message.contains("connection refused"), "{error}");
    let too_long = knowing.probe(&origin("http", &"x".repeat(300), port), EACH);
    assert!(too_long.addresses.unwrap().is_err() && too_long.connected.is_none());
}

#[test]
fn h24_a_proxy_in_between_is_named_without_its_password() {
    let proxy = ProxyChoice::FromEnv {
        https_proxy: Some("http://user:s3cret@proxy.test:3128".to_owned()),
        no_proxy: Some("127.0.0.1".to_owned()),
    };
    let client = HttpClient::new(ClientOptions { proxy, ..ClientOptions::default() }).unwrap();
    let probe = client.probe(&origin("https", "far.test", 443), EACH);
    assert_eq!((probe.proxy.as_deref(), probe.addresses.is_none()), (Some("proxy.test:3128"), true));
    assert_eq!(client.probe(&origin("https", "127.0.0.1", 1), EACH).proxy, None);
}

#[test]
fn files_of_authorities_that_cannot_be_used_are_errors() {
    let dir = std::env::temp_dir().join(format!("open-cli-ca-{}", std::process::id()));
    disk::create_private_dir(&dir).unwrap();
    for (name, content, words) in [
        ("none", None, "No such file"),
        ("empty", Some(""), "no certificate"),
        ("text", Some("hello"), "no certificate"),
        ("torn", Some("-----BEGIN CERTIFICATE-----\nAAAA"), "not a valid PEM file"),
        ("junk", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "none of its certificates"),
    ] {
        let path = dir.join(name);
        if let Some(content) = content {
            disk::write_private(&path, content.as_bytes()).unwrap();
        }
        let error = HttpClient::new(ClientOptions { ca_file: Some(path), ..ClientOptions::default() }).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

fn stream_limits(head: Duration) -> StreamLimits {
    let whole = Duration::from_secs(20);
    StreamLimits { head: Deadline::after(head), idle: Duration::from_millis(1), whole, reach: Reach::Named }
}

/// A server that answers one request with `first`, then with each piece that it is told to send; its end of the connection comes back.
fn talking(first: &'static str) -> (Url, std::sync::mpsc::Sender<&'static str>, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = Url::parse(&format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port())).unwrap();
    let (say, told) = std::sync::mpsc::channel::<&str>();
    let work = move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&stream);
        stream.write_all(first.as_bytes()).unwrap();
        told.iter().for_each(|piece| stream.write_all(piece.as_bytes()).unwrap());
        stream
    };
    (url, say, spawn("test server", work).unwrap())
}

#[test]
fn an_opened_answer_comes_as_it_is_sent() {
    let (url, say, thread) = talking("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n");
    let mut opened = client().open(&Request::get(url), stream_limits(Duration::from_secs(20))).unwrap();
    assert_eq!((opened.status, opened.headers.get("x-a")), (201, Some("b")), "while no body has come");
    let mut buffer = [0; 10];
    for (chunk, text) in [("3\r\none\r\n", "one"), ("3\r\ntwo\r\n", "two")] {
        say.send(chunk).unwrap();
        let read = opened.body.read(&mut buffer).unwrap();
        assert_eq!(&buffer[..read], text.as_bytes());
    }
    say.send("0\r\n\r\n").unwrap();
    assert_eq!(opened.body.read(&mut buffer).unwrap(), 0);
    drop(say);
    thread.join().unwrap();
}

#[test]
fn an_opened_answer_is_ended_from_outside_at_once() {
    for head in ["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"] {
        let (url, say, thread) = talking(head);
        let opened = client().open(&Request::get(url), stream_limits(Duration::from_secs(20))).unwrap();
        let mut body = opened.body;
        let reader = spawn("reader", move || body.read(&mut [0; 10])).unwrap();
        (opened.halt)();
        let error = reader.join().unwrap().unwrap_err();
        assert!(error.get_ref().unwrap().is::<TransportError>(), "{error}");
        drop(say);
        let stream = thread.join().unwrap();
        assert_eq!((&stream).read(&mut [0; 10]).unwrap(), 0, "the server sees the end");
    }
}

#[test]
fn h22_a_silent_stream_ends() {
    let (url, say, thread) = talking("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    let mut opened = client().open(&Request::get(url), stream_limits(Duration::from_millis(300))).unwrap();
    let error = opened.body.read(&mut [0; 10]).unwrap_err();
    let error = error.get_ref().unwrap().downcast_ref::<TransportError>().unwrap();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    assert!(error.message.contains("nothing came for too long"), "{error}");
    drop(say);
    thread.join().unwrap();
    let (url, say, thread) = talking("");
    let error = client().open(&Request::get(url), stream_limits(Duration::from_millis(300))).unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent), (TransportErrorKind::Timeout, true));
    drop(say);
    thread.join().unwrap();
}
