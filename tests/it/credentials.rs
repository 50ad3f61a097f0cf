//! Each kind of credential reaches its operation and nothing else.

use serde_json::{Value, json};

use crate::world::World;

/// A world whose config knows this secret under this key.
fn with_secret(key: &str, secret: &Value) -> World {
    let mut world = World::with_demo()
        .env("DEMO_TOKEN", "demo-bearer-token")
        .file("key.txt", "demo-api-key\n")
        .config(&json!({ "secrets": { key: secret } }));
    world.start_toolbox(&[]);
    world
}

/// The secret lets its operation in, and shows nowhere.
#[track_caller]
fn check(command: &str, key: &str, secret: &Value, value: &str) {
    let world = with_secret(key, secret);
    let line = format!("open-cli demo access {command}");
    world.run(&format!("{line} --format json")).stdout_json(&[("/access", json!(command))]);
    let dry = world.run(&format!("{line} --dry-run")).into_stdout();
    let dry = String::from_utf8(dry).unwrap();
    let log = world.running().printed();
    let audit = std::fs::read_to_string(world.instance().join("audit.log")).unwrap();
    for shown in [&dry, &log, &audit] {
        assert!(!shown.contains(value), "H24: {value} shows in {shown}");
    }
}

#[test]
fn h24_bearer_from_the_environment() {
    check("bearer", "demo.bearerToken", &json!({ "type": "env", "value": "DEMO_TOKEN" }), "demo-bearer-token");
}

#[test]
fn h24_basic_from_the_config() {
    let secret = json!({ "type": "literal", "value": "demo:demo-password" });
    check("basic", "demo.userAndPassword", &secret, "ZGVtbzpkZW1v");
}

#[test]
fn h24_keys_from_a_file() {
    let secret = json!({ "type": "file", "value": "key.txt" });
    check("key-header", "demo.keyInHeader", &secret, "demo-api-key");
    check("key-query", "demo.keyInQuery", &secret, "demo-api-key");
    check("key-cookie", "demo.keyInCookie", &secret, "demo-api-key");
}

#[test]
fn the_first_alternative_that_can_be_met_is_used() {
    let mut world = World::with_demo().config(&json!({ "secrets": {
        "demo.userAndPassword": { "type": "literal", "value": "demo:demo-password" },
        "demo.keyInHeader": { "type": "literal", "value": "demo-api-key" },
    } }));
    world.start_toolbox(&[]);
    world.run("open-cli demo access several --format json").stdout_json(&[("/access", json!("several"))]);
    world.run("open-cli demo access optional --format json").stdout_json(&[("/access", json!("anonymous"))]);
}

#[test]
fn without_its_secret_nothing_is_sent() {
    let world = World::serving(&json!({ "secrets": { "demo.bearerToken": { "type": "env", "value": "NOT_SET" } } }));
    world.run("open-cli demo access bearer").stderr_has(&["bearerToken", "NOT_SET"]).status(9);
    world.run("open-cli demo access several").stderr_has(&["bearerToken", "userAndPassword"]).status(9);
}
