//! `config add-source`, `add-service`, `add-secret`, `set`, `unset`, `remove-source` and `get`: one file changes, and of it only what
//! was asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::world::World;

/// A person's own hand: tabs, CRLF, a list on one line, no final newline.
const HAND: &str = "{\r\n\t\"cli\": \"1.0.0\",\r\n\t\"mode\" : { \"default\": \"discover\" },\r\n\t\"sources\": {\r\n\t\t\"pets\": { \"type\": \"openapi\", \"uri\": \"pets.json\" }\r\n\t},\r\n\t\"services\": { \"pets\": { \"source\": \"pets\" } },\r\n\t\"policy\": { \"deny\": [\"pets:a\"] }\r\n}";

fn text(world: &World, name: &str) -> String {
    fs::read_to_string(world.path(name)).unwrap()
}

#[test]
fn an_edit_changes_what_was_asked_for_and_no_other_byte() {
    let world = World::new().file(".cli.json", HAND);
    world.run("open-cli config set policy.deny[-] pets:b --config .cli.json").stdout_json(&[
        ("/changed", json!(true)),
        ("/created", json!(false)),
        ("/scope", json!("project")),
        ("/pointers", json!(["/policy/deny/-"])),
    ]);
    assert_eq!(text(&world, ".cli.json"), HAND.replace("[\"pets:a\"]", "[\"pets:a\", \"pets:b\"]"));
    world.run("open-cli config unset policy.deny[1] --config .cli.json").stdout_has(&["\"changed\":true"]);
    assert_eq!(text(&world, ".cli.json"), HAND);
    world
        .run("open-cli config add-source dogs --uri https://h/dogs.json --service dogs --config .cli.json --format table")
        .stdout("changed [DIR]/project/.cli.json (project scope): sources.dogs, services.dogs\n");
    world.run("open-cli config get sources --config .cli.json").stdout(
        "{\"pets\":{\"type\":\"openapi\",\"uri\":\"pets.json\"},\"dogs\":{\"type\":\"openapi\",\"uri\":\"https://h/dogs.json\"}}\n",
    );
    let pets = "\"pets\": { \"type\": \"openapi\", \"uri\": \"pets.json\" }\r\n\t}";
    let dogs = "\"pets\": { \"type\": \"openapi\", \"uri\": \"pets.json\" },\r\n\t\t\"dogs\": {\r\n\t\t\t\"type\": \"openapi\",\r\n\t\t\t\"uri\": \"https://h/dogs.json\"\r\n\t\t}\r\n\t}";
    let services = "{ \"pets\": { \"source\": \"pets\" } }";
    let both = "{ \"pets\": { \"source\": \"pets\" }, \"dogs\": { \"source\": \"dogs\" } }";
    assert_eq!(text(&world, ".cli.json"), HAND.replace(pets, dogs).replace(services, both));
    world
        .run("open-cli config set mode.default discover --config .cli.json")
        .stdout_json(&[("/changed", json!(false))])
        .stderr_has(&["says already"]);
    world.run("open-cli config check --config .cli.json").stdout_has(&["\"ok\":true"]);
}

#[test]
fn what_is_not_there_is_made_and_trusted_as_its_owners_own() {
    let mut world = World::with_demo();
    world
        .run("open-cli config add-source demo --type openapi --uri [DEMO]/openapi.json --service demo")
        .stdout_json(&[("/created", json!(true)), ("/changed", json!(true))])
        .stderr_has(&["was not there; it was made"]);
    assert!(text(&world, ".cli.json").starts_with("{\n  \"cli\": \"1.0.0\",\n  \"sources\": {\n    \"demo\": {\n"));
    world.run("open-cli config set mode.default discover").stdout_has(&["\"changed\":true"]);
    // A discovered file may say where tokens go only when it is trusted.
    world.run("open-cli config set runtime.remote.url http://127.0.0.1:9").stdout_has(&["\"changed\":true"]);
    world.run("open-cli config get runtime.remote.url --effective").stdout("\"http://127.0.0.1:9\"\n");
    world.start_toolbox(&[]);
    world.run("open-cli demo items list").stdout_has(&["items"]);
    let user = world.root().join("config/open-cli/.cli.json");
    world
        .run("open-cli config set agents.defaultProfile '\"\"' --scope user --format table")
        .stdout("created [DIR]/config/open-cli/.cli.json (user scope): agents.defaultProfile\n");
    assert!(user.is_file());
    let local = "open-cli config add-secret demo.key --type literal --scope local";
    world.run_with_input(local, b"hunter2\n").stdout_has(&["\"created\":true"]).stderr_has(&["was not there"]);
    assert_eq!(fs::metadata(world.path(".cli.local.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(text(&world, ".cli.local.json").contains("\"hunter2\""));
}

#[test]
fn a_found_file_that_was_not_trusted_is_not_trusted_by_an_edit() {
    let found = r#"{"runtime": {"remote": {"url": "https://elsewhere.example"}}}"#;
    let world = World::new().file(".cli.json", found);
    world
        .run("open-cli config set mode.default discover")
        .stdout_has(&["\"changed\":true"])
        .stderr_has(&["was not trusted before, and is not now"]);
    world.run("open-cli status").status(3).stderr_has(&["it is not trusted"]);
    world.run("open-cli trust").stdout_has(&["sha256"]);
    world.run("open-cli config set services.x.alias y").status(3).stderr_has(&["nothing was written"]);
    world.run("open-cli config set mode.default '\"\"'").stdout_has(&["\"changed\":true"]);
    world.run("open-cli config get mode.default --effective").stdout("\"\"\n");
}

#[test]
fn nothing_is_written_that_would_be_wrong() {
    let world = World::new().file(".cli.json", HAND);
    let refused = |line: &str, status: i32, part: &str| {
        world.run(line).status(status).stderr_has(&[part]);
        assert_eq!(text(&world, ".cli.json"), HAND, "{line}");
    };
    refused("open-cli config set sources.pets.tpye x", 3, "tpye");
    refused("open-cli config set services.cats.source cats", 3, "nothing was written");
    refused("open-cli config set sources.pets.enabled perhaps", 2, "takes a boolean, and");
    refused("open-cli config set cli.x 1", 2, "neither an object nor an array");
    refused("open-cli config unset sources.cats", 1, "does not set sources.cats");
    refused("open-cli config get sources.cats", 1, "does not set sources.cats");
    refused(
        "open-cli config add-source pets --uri x",
        2,
        "sources.pets is there already, at [DIR]/project/.cli.json:5:3",
    );
    refused("open-cli config remove-source pest", 2, "did you mean pets?");
    refused("open-cli config remove-source pets", 1, "services.pets at [DIR]/project/.cli.json:7:16");
    refused("open-cli config set a..b 1", 2, "has a name that is empty");
    world.write(".cli.json", "{\"cli\": }");
    world.run("open-cli config set cli 1.0.0").status(3).stderr_has(&["not valid JSON", "line 1 column 9"]);
    // What is wrong already can be repaired step by step.
    world.write(".cli.json", "{\"clii\": 1, \"modee\": 2}");
    let left = &["1 problem that was there before"];
    world.run("open-cli config unset clii --config .cli.json").stdout_has(&["\"changed\":true"]).stderr_has(left);
    world.run("open-cli config unset modee --config .cli.json").stdout_has(&["\"changed\":true"]);
    assert_eq!(text(&world, ".cli.json"), "{}");
}

#[test]
fn a_dry_run_shows_a_diff_and_writes_nothing() {
    let world = World::new().file(".cli.json", "{\n  \"cli\": \"1.0.0\",\n  \"policy\": {}\n}\n");
    world.run("open-cli config set policy.deny '[\"a:*\"]' --dry-run").stdout(
        "--- [DIR]/project/.cli.json\n+++ [DIR]/project/.cli.json\n@@ -1,4 +1,6 @@\n {\n   \"cli\": \"1.0.0\",\n-  \"policy\": {}\n+  \"policy\": {\n+    \"deny\": [\"a:*\"]\n+  }\n }\n",
    );
    let line = "open-cli config set policy.deny '[\"a:*\"]' --dry-run";
    world.run(&format!("{line} --format table")).stdout_has(&["\n-  \"policy\": {}\n+  \"policy\": {\n"]);
    world.run(&format!("{line} --query scope --format table")).stdout("project\n");
    world
        .run("open-cli config set policy.deny '[\"a:*\"]' --dry-run --format json")
        .stdout_json(&[("/dryRun", json!(true)), ("/changed", json!(true))]);
    assert_eq!(text(&world, ".cli.json"), "{\n  \"cli\": \"1.0.0\",\n  \"policy\": {}\n}\n");
    world
        .run("open-cli config set cli 1.0.0 --scope local --dry-run")
        .stdout_has(&["--- /dev/null\n+++ [DIR]/project/.cli.local.json\n@@ -0,0 +1,3 @@\n+{\n"]);
    assert!(!world.path(".cli.local.json").exists());
}

#[test]
fn h24_no_secret_is_shown() {
    let world = World::new().file(
        ".cli.local.json",
        r#"{"secrets": {"a.b": {"type": "literal", "value": "hunter2"}, "c": {"type": "env", "value": "NAME"}}}"#,
    );
    let lines = [
        "open-cli config get 'secrets.\"a.b\"' --scope local",
        "open-cli config get /secrets/a.b/value --scope local --format table",
        "open-cli config get secrets --effective",
        "open-cli config set secrets.c.value OTHER --scope local --dry-run",
        "open-cli config add-secret d --scope local --type literal - --dry-run",
        "open-cli config add-secret a.b --replace --scope local --type literal - --dry-run",
    ];
    for line in lines {
        let ran = world.run_with_input(line, b"hunter2-b");
        let ran =
            if line.contains("--replace") { ran.stderr_has(&["only values differ that are not shown"]) } else { ran };
        let shown = String::from_utf8(ran.into_stdout()).unwrap();
        assert!(!shown.contains("hunter2"), "{line}: {shown}");
    }
    world
        .run("open-cli config add-secret e --scope local --type literal hunter2-c --format table")
        .stdout("changed [DIR]/project/.cli.local.json (local scope): secrets.e\n")
        .stderr_has(&["can be read in the shell's history"]);
    let error =
        "open-cli config add-secret f --scope local --type oauth2 --grant clientCredentials --client-secret hunter2";
    world.run(error).status(2).stderr_has(&["--client-secret is no reference"]);
}

#[test]
fn a_source_goes_with_what_depends_on_it() {
    let world = World::new().file(
        ".cli.json",
        "{\n  \"sources\": {\n    \"a\": {\"type\": \"openapi\", \"uri\": \"a.json\"},\n    \"b\": {\"type\": \"openapi\", \"uri\": \"b.json\"}\n  },\n  \"services\": {\"a\": {\"source\": \"a\"}, \"b\": {\"source\": \"b\"}},\n  \"secrets\": {\"a.key\": {\"type\": \"env\", \"value\": \"A\"}, \"k\": {\"type\": \"env\", \"value\": \"K\", \"services\": [\"a\", \"b\"]}},\n  \"policy\": {\"deny\": [\"a:delete\"]}\n}\n",
    );
    world.run("open-cli config remove-source a").status(1).stderr_has(&[
        "services.a at",
        "secrets.\"a.key\" at",
        "secrets.k.services.0 at",
        "--cascade",
    ]);
    world
        .run("open-cli config remove-source a --cascade --config .cli.json")
        .stdout_has(&["\"changed\":true"])
        .stderr_has(&["policy.deny.0 at [DIR]/project/.cli.json:8:23 names tools of a"]);
    assert_eq!(
        text(&world, ".cli.json"),
        "{\n  \"sources\": {\n    \"b\": {\"type\": \"openapi\", \"uri\": \"b.json\"}\n  },\n  \"services\": {\"b\": {\"source\": \"b\"}},\n  \"secrets\": {\"k\": {\"type\": \"env\", \"value\": \"K\", \"services\": [\"b\"]}},\n  \"policy\": {\"deny\": [\"a:delete\"]}\n}\n"
    );
}

#[test]
fn a_file_keeps_its_mode_and_its_link() {
    let world = World::new().file("real.json", "{\n}\n");
    fs::set_permissions(world.path("real.json"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.json", world.path("link.json")).unwrap();
    world.run("open-cli config set cli 1.0.0 --config link.json").stdout_has(&["\"changed\":true"]);
    assert_eq!(text(&world, "real.json"), "{\n  \"cli\": \"1.0.0\"\n}\n");
    assert!(fs::symlink_metadata(world.path("link.json")).unwrap().is_symlink());
    assert_eq!(fs::metadata(world.path("real.json")).unwrap().permissions().mode() & 0o777, 0o640);
    std::os::unix::fs::symlink("nowhere.json", world.path("lost.json")).unwrap();
    world
        .run("open-cli config set cli 1.0.0 --config lost.json")
        .status(3)
        .stderr_has(&["a link to a file that does not exist"]);
}

#[test]
fn edits_at_the_same_time_lose_nothing() {
    let world = World::new().file(".cli.json", "{\"policy\": {\"deny\": []}}");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let world = &world;
            scope.spawn(move || {
                let line = format!("open-cli config set policy.deny[-] s:tool{number} --config .cli.json");
                world.run(&line).stdout_has(&["\"changed\":true"]);
            });
        }
    });
    let deny = world.run("open-cli config get policy.deny").into_json();
    assert_eq!(deny.as_array().unwrap().len(), 8, "{deny}");
}
