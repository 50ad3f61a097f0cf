//! `open-cli-eval demo-api` as a process.

use crate::world::World;

#[test]
fn it_serves_its_document_until_it_is_told_to_stop() {
    let world = World::with_demo();
    let document = world.http("GET", "[DEMO]/openapi.json", &[], "");
    assert_eq!((document.status, document.headers.get("content-type")), (200, Some("application/json")));
    let slow = world.http("GET", "[DEMO]/slow?seconds=0.01", &[], "");
    assert_eq!(slow.body, br#"{"waitedSeconds":0.01}"#);
}

#[test]
fn a_port_file_names_the_port_and_a_signal_ends_it() {
    let world = World::new();
    let mut command = world.command(env!("CARGO_BIN_EXE_open-cli-eval"));
    let mut program = crate::program::Program::start(command.args(["demo-api", "--port-file", "port"]));
    let url = program.url();
    let port = std::fs::read_to_string(world.path("port")).unwrap();
    assert!(url.ends_with(&format!(":{}", port.trim())), "{url} and {port}");
    program.signal("TERM");
    assert!(program.wait().success());
    assert_eq!(program.printed(), format!("demo API on {url}"));
}

#[test]
fn what_it_does_not_know_is_a_usage_error() {
    let world = World::new();
    world.run("open-cli-eval --version").stdout(&format!("open-cli-eval {}\n", open_cli::VERSION));
    world.run("open-cli-eval --help").stdout_has(&["demo-api", "--port-file"]);
    world
        .run("open-cli-eval demo-api --addr 0.0.0.0:0")
        .stderr(
            "open-cli-eval: --addr: `0.0.0.0:0` is not loopback; evaluation stays there; see open-cli-eval --help\n",
        )
        .status(2);
}
