//! A toolbox whose sources are behind publishers that answer late, wrongly, cut short, in circles or without end, over real sockets.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use crate::heard::Heard;
use crate::world::World;

/// Paths that were asked for, for those who wait until another one is.
type Seen = Arc<(Mutex<Vec<String>>, Condvar)>;

/// A publisher at a free port.
struct Publisher {
    url: String,
    seen: Seen,
}

impl Publisher {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Seen = Arc::default();
        let shared = Arc::clone(&seen);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &seen));
            }
        });
        Self { url, seen }
    }

    fn asked(&self, line: &str) -> usize {
        self.seen.0.lock().unwrap().iter().filter(|seen| *seen == line).count()
    }
}

fn serve(mut stream: &TcpStream, seen: &Seen) -> Option<()> {
    let heard = Heard::read(&mut BufReader::new(stream.try_clone().ok()?))?;
    let (method, path) = heard.line().split_once(' ')?;
    seen.0.lock().unwrap().push(heard.line().to_owned());
    seen.1.notify_all();
    if path == "/late.json" {
        // Not before the others are asked for: they are not waited with.
        let asked = |seen: &mut Vec<String>| !seen.iter().any(|line| line == "GET /good.json");
        drop(seen.1.wait_while(seen.0.lock().unwrap(), asked).unwrap());
    }
    let (status, fields, body) = page(path);
    let length = if path == "/cut.json" { body.len() + 1000 } else { body.len() };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if method == "HEAD" { Some(()) } else { stream.write_all(body.as_bytes()).ok() }
}

/// Status, header fields and body of a path.
fn page(path: &str) -> (u16, &'static str, String) {
    let ok = |body: String| (200, "", body);
    match path {
        "/.well-known/api-catalog" => ok(catalog()),
        "/nested" => ok(json!({"links": [{"href": "/.well-known/api-catalog", "rel": "api-catalog"}]}).to_string()),
        "/good.json" | "/late.json" | "/cut.json" => ok(description(path.trim_matches('/').trim_end_matches(".json"))),
        "/root" => {
            (200, "Link: </one.json>; rel=\"service-desc\", </two.json>; rel=\"service-desc\"\r\n", String::new())
        }
        "/one.json" => ok(description("one")),
        "/two.json" => ok(description("two")),
        "/large.json" => ok(format!("{{\"openapi\": \"{}", "x".repeat(50 << 20))),
        "/wrong.json" => ok("<html>Please log in</html>".to_owned()),
        "/circle.json" => (302, "Location: /circle.json\r\n", String::new()),
        "/away.json" => (302, "Location: http://localhost:1/away.json\r\n", String::new()),
        _ => (500, "", String::new()),
    }
}

fn catalog() -> String {
    let names = ["good", "late", "cut", "large", "wrong", "circle", "away", "broken"];
    let items: Vec<Value> = names.iter().map(|name| json!({"href": format!("/{name}.json")})).collect();
    json!({"linkset": [{"item": items, "api-catalog": [{"href": "/nested"}]}, {"item": [{"href": "/root"}]}]})
        .to_string()
}

fn description(name: &str) -> String {
    let paths =
        json!({format!("/{name}"): {"get": {"operationId": "get", "responses": {"200": {"description": "ok"}}}}});
    let servers = json!([{"url": "https://up.example.com"}]);
    json!({"openapi": "3.1.0", "info": {"title": name, "version": "1"}, "servers": servers, "paths": paths}).to_string()
}

fn world(publisher: &Publisher, kind: &str, path: &str) -> World {
    let source = json!({"type": kind, "uri": format!("{}{path}", publisher.url)});
    let config = json!({"cli": "1.0.0", "mode": {"default": "discover"}, "sources": {"all": source}});
    let mut world = World::new().file(".cli.json", &config.to_string());
    world.start_toolbox(&[]);
    world
}

fn tools(world: &World) -> Vec<String> {
    let listing = world.run("open-cli catalog list --format json").into_json();
    listing.as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn h25_publishers_gone_wrong_cost_only_what_is_theirs() {
    let publisher = Publisher::start();
    let world = world(&publisher, "apiCatalog", "/.well-known/api-catalog");
    assert_eq!(tools(&world), ["good:get", "late:get", "one:get", "two:get"]);
    for (line, count) in
        [("GET /good.json", 1), ("GET /nested", 1), ("GET /.well-known/api-catalog", 1), ("HEAD /root", 1)]
    {
        assert_eq!(publisher.asked(line), count, "{line}");
    }
    assert!(publisher.asked("GET /circle.json") <= 6, "redirects have a bound");
    let said = world.running().printed();
    for words in
        ["/cut.json", "/large.json", "/wrong.json", "/circle.json", "/away.json", "/broken.json", "in a circle"]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
}

#[test]
fn h29_a_catalog_that_yields_nothing_says_what_was_looked_at() {
    let publisher = Publisher::start();
    let world = world(&publisher, "apiCatalog", "/wrong.json");
    let said = world.running().printed();
    assert!(said.contains("/wrong.json") && said.contains("it is an HTML or XML page, not a linkset"), "{said}");
}

#[test]
fn the_example_is_valid() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/discovery/discovery.cli.json");
    World::new().run(&format!("open-cli config check --config {example}")).stdout_json(&[("/ok", json!(true))]);
}
