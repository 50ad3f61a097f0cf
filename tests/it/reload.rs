//! A running toolbox takes a new configuration, and keeps the old one when the new one is broken.

use serde_json::json;

use crate::program::eventually;
use crate::world::World;

/// Sends SIGHUP and waits for the toolbox to say how it went.
#[track_caller]
fn reload(world: &World, says: &[&str]) {
    let mark = world.running().mark();
    world.running().signal("HUP");
    world.running().line_after(mark, says);
}

#[test]
fn a_new_config_is_taken() {
    let mut world = World::serving(&json!({}));
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    world = world.config(&json!({ "policy": { "deny": ["demo:getItem"] } }));
    reload(&world, &["configuration reloaded"]);
    eventually("the new policy is in force", || {
        let body = r#"{"toolId":"demo:getItem","pathArgs":["item-1"]}"#;
        let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &[("Content-Type", "application/json")], body);
        (answer.status == 403).then_some(())
    });
    assert!(world.audit().iter().any(|record| record["eventType"] == "config_reload"));
}

#[test]
fn a_broken_config_keeps_the_old_one() {
    let world = World::serving(&json!({}));
    world.write(".cli.json", "{ \"cli\": ");
    reload(&world, &["not reloaded"]);
    let body = r#"{"toolId":"demo:getItem","pathArgs":["item-1"]}"#;
    let answer = world.http("POST", "[RUNTIME]/v1/tools/execute", &[("Content-Type", "application/json")], body);
    assert_eq!(answer.status, 200, "the old config still serves");
    assert_eq!(world.http("GET", "[RUNTIME]/readyz", &[], "").status, 200);
}
