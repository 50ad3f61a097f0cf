//! Sessions: what the lease flags say, who holds the runtime, and how it ends with its owner.

use serde_json::{Value, json};

use crate::world::World;

/// A toolbox with lease flags, which the world's commands find.
#[track_caller]
fn leased(flags: &[&str]) -> World {
    let mut world = World::with_demo().config(&json!({}));
    world.start_toolbox(flags);
    world
}

#[track_caller]
fn beat(world: &World, body: &Value) -> (u16, String) {
    let headers = [("Content-Type", "application/json")];
    let answer = world.http("POST", "[RUNTIME]/v1/runtime/heartbeat", &headers, &body.to_string());
    (answer.status, String::from_utf8(answer.body).unwrap())
}

#[track_caller]
fn attached(world: &World, id: &str, active: usize) {
    let expected = json!({"renewed": true, "sessionId": id, "activeSessions": active});
    let (status, text) = beat(world, &json!({"sessionId": id, "configFingerprint": "sha256:1"}));
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap_or_default()), (200, expected), "{text}");
}

/// The toolbox ends by itself, in good order, because its owner has gone.
#[track_caller]
fn ends(world: &mut World, before: &str) {
    assert!(world.toolbox.take().unwrap().wait().success());
    assert!(!world.instance().join("runtime.json").exists());
    let records = world.audit();
    let end = &records[records.len() - 2..];
    assert_eq!((&end[0]["eventType"], &end[1]["eventType"]), (&json!(before), &json!("runtime_stop")));
    assert_eq!(end[1]["reasonCode"], "owner_exited");
}

#[test]
fn a_runtime_is_held_shared_and_left() {
    let mut world = leased(&[
        "--heartbeat-seconds=60",
        "--missed-heartbeat-limit=5",
        "--shutdown=when-owner-exits",
        "--session-scope=shared-group",
        "--share=group",
        "--share-key-present",
        "--config-fingerprint=sha256:1",
    ]);
    let lifecycle = |active: usize| {
        json!({
            "capabilities": ["heartbeat", "session-close"], "heartbeatSeconds": 60, "missedHeartbeatLimit": 5,
            "shutdown": "when-owner-exits", "sessionScope": "shared-group", "shareMode": "group",
            "shareKeyPresent": true, "configFingerprint": "sha256:1", "activeSessions": active,
        })
    };
    world.run("open-cli runtime info --format json").stdout_json(&[("/lifecycle", lifecycle(0))]);
    let other = beat(&world, &json!({"sessionId": "a", "configFingerprint": "sha256:2"}));
    assert_eq!(other, (409, "runtime_attach_mismatch".to_owned()));
    attached(&world, "agent:a", 1);
    attached(&world, "agent:b", 2);
    world.run("open-cli runtime info --format json").stdout_json(&[("/lifecycle", lifecycle(2))]);
    world.run("open-cli runtime session-close").stderr_has(&["bad_request", "several sessions"]).status(2);
    let close = |line: &str, closed: bool, active: usize| {
        world.run(line).stdout_json(&[("/closed", json!(closed)), ("/activeSessions", json!(active))]);
    };
    close("open-cli runtime session-close agent:c --format json", false, 2);
    close("open-cli runtime session-close agent:a --format json", true, 1);
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
    close("open-cli runtime session-close --format json", true, 0);
    ends(&mut world, "session_close");
}

#[test]
fn an_owner_that_goes_silent_takes_an_exclusive_runtime_along() {
    let mut world = leased(&[
        "--heartbeat-seconds=1",
        "--missed-heartbeat-limit=1",
        "--shutdown=when-owner-exits",
        "--share=exclusive",
    ]);
    attached(&world, "terminal:1", 1);
    ends(&mut world, "session_expiry");
}

#[test]
fn a_second_session_does_not_get_an_exclusive_runtime() {
    let world = leased(&["--share", "exclusive"]);
    attached(&world, "terminal:1", 1);
    assert_eq!(beat(&world, &json!({"sessionId": "terminal:2"})), (409, "runtime_attach_conflict".to_owned()));
    world.run("open-cli runtime session-close terminal:1 --format json").stdout_json(&[("/closed", json!(true))]);
    attached(&world, "terminal:2", 1);
    assert_eq!(world.audit().last().unwrap()["eventType"], "session_close");
}

#[test]
fn lease_flags_that_make_no_sense_are_refused() {
    let world = World::new();
    for (flags, said) in [
        ("--heartbeat-seconds 0", "from 1 to 86400"),
        ("--shutdown never", "when-owner-exits"),
        ("--share exclusive --share-key-present", "do not go together"),
    ] {
        world.run(&format!("open-cli-toolbox {flags}")).stderr_has(&[said]).status(2);
    }
}
