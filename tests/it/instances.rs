//! Instances: side by side, never two on one, private files, a clean end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Program, eventually};
use crate::world::World;

#[test]
fn two_instances_stand_side_by_side() {
    let config = r#"{"cli":"1.0.0","mode":{"default":"discover"},
        "sources":{"demo":{"type":"openapi","uri":"[DEMO]/openapi.json"}},"services":{"demo":{"source":"demo"}}}"#;
    let world = World::with_demo().file("a/.cli.json", config).file("b/.cli.json", config);
    // As docs/toolbox.md has it, without `--addr`: who does not get the default port takes a free one.
    let start = |line: &str| {
        let mut command = world.command(env!("CARGO_BIN_EXE_open-cli-toolbox"));
        Program::start(command.args(line.split(' ')))
    };
    let one = start("--config a/.cli.json --instance-id team-a");
    let two = start("--config b/.cli.json --instance-id team-b");
    assert_ne!(one.url(), two.url());
    for (id, program) in [("team-a", &one), ("team-b", &two)] {
        let line = format!("open-cli --runtime {} runtime info --format json", program.url());
        world.run(&line).stdout_json(&[("/instanceId", json!(id))]);
        let record = fs::read_to_string(world.root().join("state/open-cli/instances").join(id).join("runtime.json"));
        let record: Value = serde_json::from_str(&record.unwrap()).unwrap();
        assert_eq!((&record["url"], &record["pid"]), (&json!(program.url()), &json!(program.pid())));
    }
}

#[test]
fn h39_a_second_toolbox_on_one_instance_is_refused() {
    let world = World::serving(&json!({}));
    let pid = world.running().pid().to_string();
    world
        .run("open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id world")
        .stderr_has(&["world", &pid])
        .status(1);
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
}

#[test]
fn h39_one_audit_file_has_one_writer() {
    let world = World::serving(&json!({}));
    let path = world.instance().join("audit.log").display().to_string();
    world
        .run(&format!("open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id other --audit-path {path}"))
        .stderr_has(&["audit.log"])
        .status(1);
}

#[test]
fn a_stop_ends_it_cleanly() {
    let mut world = World::serving(&json!({}));
    assert!(world.instance().join("runtime.json").exists());
    world.run("open-cli runtime stop --format json").stdout_json(&[("/stopped", json!(true))]);
    let mut toolbox = world.toolbox.take().unwrap();
    assert!(toolbox.wait().success());
    assert!(!world.instance().join("runtime.json").exists());
    let last = world.audit().pop().unwrap();
    assert_eq!(last["eventType"], "runtime_stop");
}

#[test]
fn a_signal_ends_it_cleanly() {
    let mut world = World::serving(&json!({}));
    let mut toolbox = world.toolbox.take().unwrap();
    toolbox.signal("TERM");
    assert!(toolbox.wait().success());
    assert!(!world.instance().join("runtime.json").exists());
}

fn modes(dir: &Path, found: &mut Vec<(String, bool, u32)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        found.push((path.display().to_string(), data.is_dir(), data.permissions().mode() & 0o777));
        if data.is_dir() {
            modes(&path, found);
        }
    }
}

#[test]
fn h38_files_are_private_whatever_the_umask() {
    let world = World::with_demo().config(&json!({}));
    let script = format!(
        "umask 000; exec {} --config .cli.json --addr 127.0.0.1:0 --instance-id world --audit-file-size 1K",
        env!("CARGO_BIN_EXE_open-cli-toolbox")
    );
    let toolbox = Program::start(world.command("sh").args(["-c", &script]));
    let client =
        format!("umask 000; exec {} --runtime {} demo items list", env!("CARGO_BIN_EXE_open-cli"), toolbox.url());
    for _ in 0..5 {
        assert!(world.command("sh").args(["-c", &client]).output().unwrap().status.success());
    }
    let trail = |ending: &str| world.instance().join(format!("audit.log{ending}"));
    eventually("a file of the trail is closed and in the manifest", || trail(".manifest").exists().then_some(()));
    assert!(trail(".000000000001").exists());
    let mut found = Vec::new();
    modes(&world.root().join("state/open-cli"), &mut found);
    modes(&world.root().join("cache/open-cli"), &mut found);
    assert!(found.iter().any(|(path, ..)| path.ends_with("audit.log")), "{found:?}");
    for (path, is_dir, mode) in found {
        assert_eq!(mode & 0o077, 0, "{path} has mode {mode:o}");
        assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{path} has mode {mode:o}");
    }
}

#[test]
fn other_addresses_need_auth_or_somebody_who_says_otherwise() {
    let mut world = World::with_demo().config(&json!({}));
    world
        .run("open-cli-toolbox --config .cli.json --addr 0.0.0.0:0")
        .stderr_has(&["0.0.0.0", "runtime auth is off", "runtime.server.auth", "--insecure-bind"])
        .status(2);
    world.start_toolbox(&["--addr", "0.0.0.0:0", "--insecure-bind"]);
    world.running().line_after(0, &["warn", "plain HTTP", "TLS has to stand in front"]);
    world.running().line_after(0, &["warn", "runtime auth is off"]);
    let port = world.name("[RUNTIME]").rsplit(':').next().unwrap().to_owned();
    for (host, status) in
        [(format!("127.0.0.1:{port}"), 200), ("toolbox".to_owned(), 200), ("a.example".to_owned(), 403)]
    {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = world.raw(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
    let auth = json!({ "runtime": { "server": { "auth": {
        "validationProfile": "oidc_jwks", "issuer": "http://127.0.0.1:9", "jwksURL": "http://127.0.0.1:9/keys", "audience": "a",
    } } } });
    let mut guarded = World::with_demo().config(&auth);
    guarded.start_toolbox(&["--addr", "0.0.0.0:0"]);
    let answer = guarded.raw("GET /v1/audit/events HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn a_taken_port_that_was_asked_for_is_an_error() {
    let world = World::serving(&json!({}));
    let port = world.name("[RUNTIME]").rsplit(':').next().unwrap().to_owned();
    world
        .run(&format!("open-cli-toolbox --config .cli.json --instance-id other --addr 127.0.0.1:{port}"))
        .stderr_has(&[&port])
        .status(1);
}

#[test]
fn a_dead_toolbox_leaves_its_instance_free() {
    let mut world = World::serving(&json!({}));
    world.running().signal("KILL");
    let mut dead = world.toolbox.take().unwrap();
    assert!(!dead.wait().success());
    world.start_toolbox(&[]);
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let world = World::serving(&json!({}));
    let line = format!("{} catalog list --format json | true", env!("CARGO_BIN_EXE_open-cli"));
    let output = world.command("sh").args(["-c", &line]).output().unwrap();
    assert_eq!((output.status.success(), String::from_utf8_lossy(&output.stderr).as_ref()), (true, ""), "H42");
}

#[test]
fn no_test_leaves_a_process_behind() {
    let pid = {
        let world = World::serving(&json!({}));
        world.running().pid()
    };
    eventually("the toolbox is gone", || {
        let alive = Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap().status.success();
        (!alive).then_some(())
    });
}
