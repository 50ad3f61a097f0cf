//! What goes wrong is said once, with what to do, and with the right exit code.

use serde_json::json;

use crate::world::World;

#[test]
fn no_runtime_named_says_the_three_ways() {
    let world = World::new();
    world
        .run("open-cli catalog list")
        .stderr_has(&["--runtime", "OPEN_CLI_RUNTIME_URL", "runtime.remote.url"])
        .status(3);
}

#[test]
fn a_runtime_out_of_reach_is_said() {
    let world = World::new();
    // Port 1 is privileged and unused.
    world.run("open-cli --runtime http://127.0.0.1:1 catalog list").stderr_has(&["http://127.0.0.1:1"]).status(4);
}

#[test]
fn a_broken_config_is_reported_whole() {
    let world = World::new()
        .file(".cli.json", "{\n  \"cli\": \"1.0.0\",\n  \"mode\": { \"default\": \"discovr\" },\n  \"polcy\": {}\n}\n");
    world
        .run("open-cli-toolbox --config .cli.json --check")
        .stderr_has(&[".cli.json:3:", "discover", "polcy", "policy"])
        .status(3);
    world.run("open-cli config check").stdout_has(&[r#""line":3,"#, "polcy"]).stderr_has(&["errors"]).status(3);
    world
        .run("open-cli --runtime http://127.0.0.1:1 catalog list")
        .stderr_has(&[".cli.json:3:13", "did you mean `policy`?"])
        .status(3);
}

#[test]
fn a_config_that_is_not_there_is_said() {
    let world = World::new();
    world.run("open-cli-toolbox --config none.json").stderr_has(&["none.json"]).status(3);
}

#[test]
fn h16_a_found_config_collects_no_tokens() {
    let world = World::with_demo().file(".cli.json", r#"{"runtime":{"remote":{"url":"[DEMO]"}}}"#);
    world.run("open-cli catalog list").stderr_has(&["trust"]).status(3);
    world.run("open-cli trust").stdout_has(&[".cli.json"]);
    // Now it is asked, and found to be no runtime.
    world.run("open-cli catalog list").stderr_has(&["404", "check the URL"]).status(4);
}

#[test]
fn an_error_is_json_too_when_json_is_wanted() {
    let world = World::new();
    world
        .run("open-cli --runtime http://127.0.0.1:1 catalog list --format json")
        .stderr_has(&["\n{\"error\":{\"code\":\"runtime_unreachable\"", "\"exit\":4}}\n"])
        .status(4);
}

#[test]
fn h42_control_characters_never_reach_a_terminal_raw() {
    let world = World::serving(&json!({}));
    world.http(
        "POST",
        "[DEMO]/items",
        &[("Content-Type", "application/json")],
        "{\"name\":\"\\u001b[31mred\\u0007\\u009b\"}",
    );
    // A pipe gets JSON and YAML as they are; tables are for eyes, always.
    let out = world.run("open-cli demo items list --format table").into_stdout();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("red"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn what_is_not_supported_says_so() {
    let world = World::with_demo().config(&json!({
        "sources": { "tools": { "type": "mcp", "transport": { "type": "stdio", "command": "true" } } },
        "services": { "tools": { "source": "tools" } },
    }));
    world.run("open-cli-toolbox --config .cli.json --check").stderr_has(&["mcp", "not supported"]).status(3);
}

#[test]
fn runtime_auth_that_cannot_work_is_refused_not_ignored() {
    let world = World::with_demo().config(&json!({ "runtime": { "server": { "auth": {
        "validationProfile": "oauth2_introspection",
        "introspectionURL": "https://login.example.com/introspect",
        "audience": "open-cli",
        "clientId": { "type": "env", "value": "NOT_SET" },
    } } } }));
    world
        .run("open-cli-toolbox --config .cli.json --addr 127.0.0.1:0")
        .stderr_has(&["runtime.server.auth", "NOT_SET"])
        .status(3);
}

#[test]
fn h02_an_issuer_that_is_away_lets_nobody_in() {
    let mut world = World::with_demo().config(&json!({ "runtime": { "server": { "auth": {
        "validationProfile": "oidc_jwks",
        "issuer": "http://127.0.0.1:1",
        "audience": "open-cli",
    } } } }));
    world.start_toolbox(&[]);
    world.running().line_after(0, &["keys could not be fetched"]);
    assert_eq!(world.http("GET", "[RUNTIME]/v1/catalog/effective", &[], "").status, 401);
    let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjEiLCJhdWQiOiJvcGVuLWNsaSIsImV4cCI6OTk5OTk5OTk5OSwic3ViIjoiYSJ9.AAAA";
    let answer =
        world.http("GET", "[RUNTIME]/v1/catalog/effective", &[("Authorization", &format!("Bearer {token}"))], "");
    assert_eq!((answer.status, answer.body.as_slice()), (503, b"authn_unavailable".as_slice()));
}

#[test]
fn the_example_is_valid() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo.cli.json");
    World::new().run(&format!("open-cli config check --config {example}")).stdout_json(&[("/ok", json!(true))]);
}
