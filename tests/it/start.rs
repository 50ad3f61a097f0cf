//! What is there, and what is not, while a toolbox starts and while it stops.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use crate::program::{Program, eventually};
use crate::world::{World, free_address};

/// Answers the one request of a connection.
fn answer(stream: &TcpStream, body: &str) {
    BufReader::new(stream).lines().map_while(Result::ok).find(String::is_empty);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
    write!(&mut &*stream, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn nobody_is_listened_to_before_there_is_a_catalog_and_a_stop_serves_on_as_long_as_it_was_told() {
    let source = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new().file(
        ".cli.json",
        &json!({
            "cli": "1.0.0",
            "mode": { "default": "discover" },
            "sources": { "slow": { "type": "openapi", "uri": format!("http://{}/openapi.json", source.local_addr().unwrap()) } },
        })
        .to_string(),
    );
    let (addr, metrics) = (free_address(), free_address());
    let args = ["--addr", &addr, "--metrics-addr", &metrics, "--stop-delay", "3"];
    let mut toolbox = world.toolbox_with(&args);
    toolbox.line_after(0, &["metrics are served"]);
    let ask = |at: &str, path: &str| world.http("GET", &format!("http://{at}{path}"), &[], "").status;

    // The build waits for this answer. A proxy that is refused asks another toolbox.
    let (stream, _) = source.accept().unwrap();
    assert!(TcpStream::connect(&addr).is_err());
    assert_eq!((ask(&metrics, "/healthz"), ask(&metrics, "/readyz")), (200, 503));
    let operation = json!({ "operationId": "listItems", "responses": { "200": { "description": "ok" } } });
    let description = json!({
        "openapi": "3.1.0",
        "info": { "title": "Slow", "version": "1" },
        "paths": { "/items": { "get": operation } },
    });
    answer(&stream, &description.to_string());
    toolbox.url();
    assert_eq!((ask(&addr, "/readyz"), ask(&metrics, "/readyz")), (200, 200));

    toolbox.signal("TERM");
    eventually("it is not ready", || (ask(&metrics, "/readyz") == 503).then_some(()));
    let told = world.http("GET", &format!("http://{addr}/v1/catalog/effective"), &[], "");
    assert_eq!((told.status, told.headers.get("Connection")), (200, Some("close")));
    assert!(toolbox.wait().success());
}

#[test]
fn a_stop_does_not_wait_for_the_first_catalog() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/api.json", listener.local_addr().unwrap());
    let world = World::with_demo().config(&json!({ "sources": { "demo": { "uri": silent } } }));
    let mut command = world.command(env!("CARGO_BIN_EXE_open-cli-toolbox"));
    let mut toolbox = Program::start(command.args(["--config", ".cli.json", "--addr", "127.0.0.1:0"]));
    // It asks for the description, and gets no answer.
    let asked = listener.accept().unwrap();
    toolbox.signal("TERM");
    toolbox.line_after(0, &["stopped before the first catalog was built"]);
    assert!(toolbox.wait().success());
    drop(asked);
}

#[test]
fn a_second_stop_does_not_wait_for_the_delay_of_the_first() {
    let mut world = World::with_demo().config(&json!({}));
    world.start_toolbox(&["--stop-delay", "300"]);
    let mut toolbox = world.toolbox.take().unwrap();
    toolbox.signal("TERM");
    toolbox.line_after(0, &["not ready any more"]);
    assert_eq!(world.http("GET", "[RUNTIME]/readyz", &[], "").status, 503);
    toolbox.signal("TERM");
    assert!(toolbox.wait().success());
}
