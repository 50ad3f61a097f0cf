//! Two hundred services behind one API catalog on loopback: the first build, in this process.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use open_cli::base::digest::of_bytes;
use open_cli::base::host::Clock;
use open_cli::base::id::SourceId;
use open_cli::base::url::Url;
use open_cli::catalog::gather::gather;
use open_cli::config::{Config, Location, Mode, Refresh, Source, SourceKind};
use open_cli::fetch::run::Fetcher;
use open_cli::http::client::{ClientOptions, HttpClient};
use serde_json::{Value, json};

use crate::measure::{Row, interleaved, millis};
use crate::scene::Scene;

const SERVICES: usize = 200;

/// Operations of each service.
const OPERATIONS: usize = 25;

/// Of all services.
pub(crate) const TOOLS: usize = SERVICES * OPERATIONS;

const ROUNDS: usize = 7;

/// The first build, with an empty cache, beside the bare parse of all descriptions.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let publisher = Publisher::start(pages());
    let config = config(publisher.addr);
    let clock = Clock::system();
    let transport = Arc::new(HttpClient::new(ClientOptions::default()).unwrap());
    let mut nth = 0;
    let mut build = || {
        nth += 1;
        let cache = scene.scratch.join(format!("discovery-{nth}"));
        let fetcher = Fetcher::new(transport.clone(), Some(cache), clock.clone());
        let gathered = gather(&config, &fetcher, None, false, &clock);
        assert_eq!(gathered.catalog.services.len(), SERVICES, "{:?}", gathered.problems.first());
        gathered
    };
    build();
    let [parse, first] = interleaved(
        ROUNDS,
        [&mut || millis(|| publisher.pages.values().map(|page| parsed(&page.body)).collect::<Vec<_>>()), &mut || {
            millis(&mut build)
        }],
    );
    let asked = publisher.asked.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(asked, [(SERVICES + 1) * (ROUNDS + 2), 0], "each document is asked for once a build, and none is known");
    vec![
        Row::new("200 services behind one API catalog, first build", "ms", first)
            .peer("serde_json parse of all", parse),
    ]
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// One source of type `apiCatalog`, which no service uses.
pub(crate) fn config(addr: SocketAddr) -> Config {
    let uri = format!("http://{addr}/.well-known/api-catalog");
    let kind = SourceKind::ApiCatalog(Location::Remote(Url::parse(&uri).unwrap()));
    let source = Source { enabled: true, refresh: Refresh::default(), uri, kind };
    Config { mode: Some(Mode::Discover), sources: [(SourceId::new("all"), source)].into(), ..Config::default() }
}

/// The catalog and its descriptions, by path.
pub(crate) fn pages() -> BTreeMap<String, Vec<u8>> {
    let api = |nth: usize| {
        let service_desc = json!([{"href": format!("/apis/{nth}/openapi.json"), "type": "application/json"}]);
        json!({"anchor": format!("/apis/{nth}"), "service-desc": service_desc})
    };
    let apis: Vec<Value> = (0..SERVICES).map(api).collect();
    let catalog = json!({ "linkset": apis }).to_string().into_bytes();
    let described = (0..SERVICES).map(|nth| (format!("/apis/{nth}/openapi.json"), description(nth).into_bytes()));
    described.chain([("/.well-known/api-catalog".to_owned(), catalog)]).collect()
}

fn description(nth: usize) -> String {
    let operation = |at: usize| {
        let schema = json!({"type": "object", "properties": {"id": {"type": "string"}, "size": {"type": "integer"}}});
        let parameters = json!([
            {"name": "limit", "in": "query", "description": "How many", "schema": {"type": "integer", "maximum": 100}},
            {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]);
        let content = json!({"application/json": {"schema": schema}});
        let post = json!({"operationId": format!("change{at}"), "summary": "Changes one", "parameters": parameters,
            "requestBody": {"required": true, "content": content}, "responses": {"200": {"description": "It", "content": content}}});
        (format!("/service{nth}/things{at}/{{id}}"), json!({ "post": post }))
    };
    let paths: serde_json::Map<String, Value> = (0..OPERATIONS).map(operation).collect();
    let info = json!({"title": format!("Service {nth}"), "version": "1"});
    let servers = json!([{"url": "https://up.example.com"}]);
    json!({"openapi": "3.1.0", "info": info, "servers": servers, "paths": paths}).to_string()
}

/// Answers GET and HEAD with the page at a path, its ETag, and 304 to whoever has it.
pub(crate) struct Publisher {
    pub(crate) addr: SocketAddr,
    pub(crate) pages: Arc<BTreeMap<String, Page>>,
    /// How many requests came, and how many of them were answered with 304.
    pub(crate) asked: Arc<[AtomicUsize; 2]>,
}

pub(crate) struct Page {
    pub(crate) body: Vec<u8>,
    etag: String,
}

impl Publisher {
    /// On a free port of this machine, until the process ends.
    pub(crate) fn start(pages: BTreeMap<String, Vec<u8>>) -> Self {
        let page = |body: Vec<u8>| Page { etag: format!("\"{}\"", &of_bytes(&body)[..16]), body };
        let pages: Arc<BTreeMap<String, Page>> =
            Arc::new(pages.into_iter().map(|(path, body)| (path, page(body))).collect());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let (served, counts) = (Arc::clone(&pages), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (served, counts) = (Arc::clone(&served), Arc::clone(&counts));
                std::thread::spawn(move || answer_all(stream, &served, &counts));
            }
        });
        Self { addr, pages, asked }
    }
}

/// Requests have no bodies, and come one after the other.
fn answer_all(mut stream: TcpStream, pages: &BTreeMap<String, Page>, counts: &[AtomicUsize; 2]) {
    stream.set_nodelay(true).ok();
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        head.extend_from_slice(&buffer[..n]);
        if head.ends_with(b"\r\n\r\n") {
            let answer = answer(&String::from_utf8_lossy(&head), pages, counts);
            head.clear();
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

fn answer(head: &str, pages: &BTreeMap<String, Page>, counts: &[AtomicUsize; 2]) -> Vec<u8> {
    counts[0].fetch_add(1, Ordering::Relaxed);
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let Some(page) = pages.get(path) else { return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec() };
    if head.contains(&page.etag) {
        counts[1].fetch_add(1, Ordering::Relaxed);
        return format!("HTTP/1.1 304 Not Modified\r\nETag: {}\r\n\r\n", page.etag).into_bytes();
    }
    let (etag, length) = (&page.etag, page.body.len());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: {etag}\r\nContent-Length: {length}\r\n\r\n"
    );
    let body: &[u8] = if method == "HEAD" { &[] } else { &page.body };
    [head.as_bytes(), body].concat()
}
