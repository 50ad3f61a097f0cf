//! How sources fare over time: the outcomes of the document cache, states that are kept, and what `catalog doctor` says.

use std::fs;

use open_cli::base::digest::of_bytes;
use serde_json::{Value, json};

use crate::program::eventually;
use crate::publisher::Publisher;
use crate::world::World;

fn describe(publisher: &Publisher, path: &str, operation: &str) {
    publisher.page(path, 200, "", &description(operation));
}

fn description(operation: &str) -> String {
    json!({
        "openapi": "3.1.0",
        "info": {"title": operation, "version": "1"},
        "servers": [{"url": "http://127.0.0.1:9"}],
        "paths": {format!("/{operation}"): {"get": {"operationId": operation, "responses": {"200": {"description": "ok"}}}}},
    })
    .to_string()
}

/// A configuration with these sources, each with a service of its name.
fn config(sources: &Value) -> String {
    let services: serde_json::Map<_, _> =
        sources.as_object().unwrap().keys().map(|id| (id.clone(), json!({"source": id}))).collect();
    json!({"cli": "1.0.0", "mode": {"default": "discover"}, "sources": sources, "services": services}).to_string()
}

fn source(publisher: &Publisher, path: &str) -> Value {
    json!({"type": "openapi", "uri": format!("{}{path}", publisher.origin), "refresh": {"maxAgeSeconds": 0}})
}

/// Lets the toolbox look at all of its sources again.
#[track_caller]
fn look_again(world: &World) {
    let mark = world.running().mark();
    world.running().signal("HUP");
    world.running().line_after(mark, &["configuration reloaded"]);
}

fn sources(world: &World) -> Value {
    serde_json::from_slice(&world.http("GET", "[RUNTIME]/v1/sources", &[], "").body).unwrap()
}

#[test]
fn every_outcome_of_the_cache_is_told() {
    let publisher = Publisher::start();
    // The address moves on, and with it what is asked about.
    publisher.page("/api?key=hunter2", 302, "Location: /v1?key=hunter2\r\n", "");
    describe(&publisher, "/v1?key=hunter2", "one");
    let sources_of = |max_age: u64| {
        let mut source = source(&publisher, "/api?key=hunter2");
        source["refresh"]["maxAgeSeconds"] = max_age.into();
        config(&json!({"moved": source}))
    };
    let mut world = World::new().file(".cli.json", &sources_of(0));
    world.start_toolbox(&[]);
    let check = |outcome: &str, status: Option<u16>, stale: bool| {
        let answer = sources(&world);
        let fetch = &answer["sources"][0]["fetches"][0];
        let found = (fetch["cacheOutcome"].as_str().unwrap(), fetch["statusCode"].as_u64(), &fetch["stale"]);
        assert_eq!(found, (outcome, status.map(u64::from), &json!(stale)), "{answer}");
        for member in ["url", "fetchedAt", "method", "requestMethod", "etag", "expiresAt"] {
            assert!(fetch[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {fetch}");
        }
        assert!(!answer.to_string().contains("hunter2"), "{answer}");
    };
    check("miss", Some(200), false);
    look_again(&world);
    check("revalidated_hit", Some(304), false);
    describe(&publisher, "/v1?key=hunter2", "two");
    look_again(&world);
    check("refreshed", Some(200), false);
    publisher.page("/v1?key=hunter2", 503, "", "");
    look_again(&world);
    check("stale_hit", Some(503), true);
    publisher.page("/v1?key=hunter2", 0, "", "");
    look_again(&world);
    check("stale_hit", None, true);
    world.write(".cli.json", &sources_of(100_000));
    look_again(&world);
    check("fresh_hit", Some(200), false);
    world.run("open-cli catalog list --format json").stdout_json(&[("/0/id", json!("moved:two"))]);
}

#[test]
fn h25_the_doctor_names_each_source_that_is_unwell_and_what_to_do() {
    let publisher = Publisher::start();
    describe(&publisher, "/good", "good");
    describe(&publisher, "/breaks", "breaks");
    publisher.page("/page", 200, "", "<html><body>API reference</body></html>");
    publisher.page("/locked", 401, "", "");
    let all = json!({
        "good": source(&publisher, "/good"),
        "breaks": source(&publisher, "/breaks"),
        "file": {"type": "openapi", "uri": "file.json"},
        "locked": source(&publisher, "/locked"),
        "page": source(&publisher, "/page"),
        "off": {"type": "openapi", "uri": "nowhere.json", "enabled": false},
    });
    let mut world = World::new().file(".cli.json", &config(&all)).file("file.json", &description("local"));
    world.start_toolbox(&[]);
    assert_eq!(world.http("GET", "[RUNTIME]/readyz", &[], "").status, 200);
    publisher.page("/breaks", 503, "", "");
    look_again(&world);
    let told = world
        .run("open-cli catalog doctor --format json")
        .status(10)
        .stderr_has(&["sources_unwell", "breaks is stale", "locked is failed", "page is failed"])
        .into_json();
    assert_eq!(told["ok"], false);
    let find = |id: &str| told["sources"].as_array().unwrap().iter().find(|source| source["id"] == id).unwrap();
    for (id, state, code) in [
        ("good", "ok", Value::Null),
        ("file", "ok", Value::Null),
        ("off", "disabled", Value::Null),
        ("breaks", "stale", json!("bad_answer")),
        ("locked", "failed", json!("refused")),
        ("page", "failed", json!("unreadable")),
    ] {
        let source = find(id);
        assert_eq!((source["state"].as_str(), &source["reasonCode"]), (Some(state), &code), "{source}");
        assert_eq!(source["remedy"].is_null(), code.is_null(), "{source}");
        assert!(source["since"].is_string());
    }
    assert_eq!((find("breaks")["tools"].as_u64(), find("locked")["tools"].as_u64()), (Some(1), Some(0)));
    assert!(find("good")["nextCheckAt"].is_string() && find("file")["nextCheckAt"].is_null());
    world
        .run("open-cli catalog doctor --format table")
        .status(10)
        .stdout_has(&["breaks", "page is failed since", "to do: descriptions are fetched without credentials"])
        .stderr_has(&["breaks is stale, locked is failed, page is failed"]);
    world.run("open-cli status --format json").stdout_json(&[("/sources", json!({"ok": 2, "stale": 1, "failed": 2}))]);
    let metrics = String::from_utf8(world.http("GET", "[RUNTIME]/metrics", &[], "").body).unwrap();
    for line in [
        "open_cli_source_state{source=\"breaks\",state=\"stale\"} 1\n",
        "open_cli_source_state{source=\"breaks\",state=\"ok\"} 0\n",
        "open_cli_source_state{source=\"locked\",state=\"failed\"} 1\n",
        "open_cli_source_good_age_seconds{source=\"good\"} ",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    assert!(!metrics.contains("open_cli_source_good_age_seconds{source=\"locked\"}"));

    let since = find("breaks")["since"].clone();
    look_again(&world);
    assert_eq!(sources(&world)["sources"][0]["since"], since, "it is still the same trouble");
    for path in ["/breaks", "/page", "/locked"] {
        describe(&publisher, path, path.trim_start_matches('/'));
    }
    look_again(&world);
    world.run("open-cli catalog doctor --format json").stdout_json(&[("/ok", json!(true))]);
    assert_eq!(publisher.asked("/good"), 4, "once a look");
}

#[test]
fn h25_a_source_comes_back_by_itself_and_one_is_enough_to_be_ready() {
    let publisher = Publisher::start();
    let mut world = World::new().file(".cli.json", &config(&json!({"only": source(&publisher, "/only")})));
    world.start_toolbox(&[]);
    let ready = world.http("GET", "[RUNTIME]/readyz", &[], "");
    assert_eq!((ready.status, String::from_utf8(ready.body).unwrap().as_str()), (503, "catalog_unavailable"));
    let mark = world.running().mark();
    describe(&publisher, "/only", "only");
    world.running().line_after(mark, &["source is well again", "only"]);
    eventually("it is ready", || (world.http("GET", "[RUNTIME]/readyz", &[], "").status == 200).then_some(()));
    world.run("open-cli catalog list --format json").stdout_json(&[("/0/id", json!("only:only"))]);
}

#[test]
fn the_doctor_says_what_a_runtime_lacks() {
    let runtime = Publisher::start();
    let info = json!({"contractVersion": "1.1", "capabilities": ["catalog", "execute"]}).to_string();
    runtime.page("/v1/runtime/info", 200, "Content-Type: application/json\r\n", &info);
    let world = World::new();
    world
        .run(&format!("open-cli catalog doctor --runtime {}", runtime.origin))
        .status(1)
        .stdout("")
        .stderr_has(&["does not tell how its sources fare", "the capability `sources`"]);
}

#[test]
fn h31_processes_that_write_one_cache_never_mix_what_they_keep() {
    let publisher = Publisher::start();
    let ids: Vec<String> = (0..6).map(|nth| format!("s{nth}")).collect();
    let all: serde_json::Map<_, _> = ids.iter().map(|id| (id.clone(), source(&publisher, &format!("/{id}")))).collect();
    let world = World::new().file(".cli.json", &config(&Value::Object(all)));
    for round in 0..3 {
        let checks: Vec<_> = (0..4)
            .map(|nth| {
                // Bodies of many lengths, another one for each process.
                ids.iter()
                    .for_each(|id| describe(&publisher, &format!("/{id}"), &"x".repeat(1 + round * 400 + nth * 90)));
                let mut command = world.command(env!("CARGO_BIN_EXE_open-cli-toolbox"));
                command.args(["--check", "--config", ".cli.json", "--instance-id", "shared"]);
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for check in checks {
            let ended = check.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        let stored: Vec<_> = fs::read_dir(world.root().join("cache/open-cli/instances/shared/http")).unwrap().collect();
        let metas: Vec<_> = stored
            .into_iter()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        assert_eq!(metas.len(), ids.len());
        for path in metas {
            let meta: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let body = fs::read(path.with_extension("body")).unwrap();
            assert_eq!(meta["bodySha256"], of_bytes(&body).as_str(), "{meta}");
        }
    }
}
