//! Holds the pages to the code: their JSON is JSON, every configuration in them and in `examples` loads; the fields of `docs/configuration.md` are all there,
//! its tables say what the rules say; every test that `docs/enterprise-readiness.md` names exists.
#![expect(clippy::disallowed_methods, reason = "reads the sources that a page names")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::load::Consumer;
use super::lock::LOCKS;
use super::merge::RULES;
use super::world::World;

const PAGE: &str = include_str!("../../docs/configuration.md");

const MAKEFILE: &str = include_str!("../../Makefile");
const DEPLOYMENT: &str = include_str!("../../docs/deployment.md");

/// The models of `docs/deployment.md`.
const HOSTING: [&str; 9] = [
    include_str!("../../examples/hosting/loopback-toolbox.cli.json"),
    include_str!("../../examples/hosting/loopback-client.cli.json"),
    include_str!("../../examples/hosting/shared-toolbox.cli.json"),
    include_str!("../../examples/hosting/shared-client.cli.json"),
    include_str!("../../examples/hosting/brokered-toolbox.cli.json"),
    include_str!("../../examples/hosting/brokered-client.cli.json"),
    include_str!("../../examples/hosting/instances-team-a.cli.json"),
    include_str!("../../examples/hosting/instances-team-b.cli.json"),
    include_str!("../../examples/hosting/instances-client.cli.json"),
];

/// Other configurations in `examples`.
const EXAMPLES: [&str; 5] = [
    include_str!("../../examples/demo.cli.json"),
    include_str!("../../examples/policy/policy.cli.json"),
    include_str!("../../examples/local-authentik/compose/runtime.cli.json"),
    include_str!("../../examples/local-authentik/compose/client.cli.json"),
    include_str!("../../examples/local-authentik/compose/browser.cli.json"),
];

/// The pages of `docs`, and those beside examples.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = |name: &str| std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path());
    let beside = listed("examples").map(|path| path.join("README.md")).filter(|path| path.exists());
    listed("docs").filter(|path| path.extension().is_some_and(|end| end == "md")).chain(beside).collect()
}

/// Whether it is a configuration or a part of one; the rest are answers and records.
fn is_configuration(value: &Value) -> bool {
    let schema: Value = serde_json::from_str(super::schema::json()).unwrap();
    let known = schema["properties"].as_object().unwrap();
    // An answer may have a member that is called like a setting; a part has nothing else.
    let is_part = |members: &serde_json::Map<String, Value>| {
        members.keys().all(|key| known.contains_key(key)) && members.values().all(|value| !value.is_string())
    };
    value.as_object().is_some_and(|members| members.contains_key("cli") || is_part(members))
}

/// A part of a configuration with what it needs around it: sources, and the services that its secrets are for.
fn whole(part: &Value) -> String {
    let mut all = json!({ "cli": "1.0.0", "mode": { "default": "discover" }, "sources": {} });
    all["sources"]["any"] = json!({ "type": "openapi", "uri": "any.json" });
    for service in part["services"].as_object().into_iter().flat_map(serde_json::Map::values) {
        all["sources"][service["source"].as_str().unwrap()] = json!({ "type": "openapi", "uri": "api.json" });
    }
    for (key, secret) in part["secrets"].as_object().into_iter().flatten() {
        let named = secret["services"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for service in key.split_once('.').map(|(service, _)| service).into_iter().chain(named) {
            all["services"][service] = json!({ "source": "any" });
        }
    }
    for (key, value) in part.as_object().unwrap() {
        all[key] = value.clone();
    }
    all.to_string()
}

/// Loads it as the toolbox does, and as the CLI does.
#[track_caller]
fn check(text: &str) {
    let value: Value = serde_json::from_str(text).unwrap();
    let is_whole = value.get("cli").is_some();
    let text = if is_whole { text.to_owned() } else { whole(&value) };
    let world = World::new().project(&text);
    for consumer in [Consumer::Toolbox, Consumer::Cli] {
        let loaded = world.load(consumer).unwrap_or_else(|errors| panic!("{}\n{text}", world.shown(&errors)));
        assert!(loaded.warnings.is_empty(), "{:?}\n{text}", loaded.warnings);
    }
}

#[test]
fn every_json_of_every_page_is_json_and_loads_when_it_is_a_configuration() {
    let mut loaded = Vec::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for block in page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            // Several values are lines of a stream.
            let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(block).into_iter().collect();
            let values = values.unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
            if let [value] = values.as_slice()
                && is_configuration(value)
            {
                check(block);
                loaded.push(name.clone());
            }
        }
    }
    for (name, count) in [("configuration.md", 4), ("deployment.md", 9), ("auth.md", 4), ("secrets.md", 4)] {
        assert!(loaded.iter().filter(|page| *page == name).count() >= count, "{name}: {loaded:?}");
    }
    for name in ["authentik.md", "login.md", "init.md", "installing.md", "overlays.md", "policy.md", "workflows.md"] {
        assert!(loaded.iter().any(|page| page == name), "{name}: {loaded:?}");
    }
}

#[test]
fn every_configuration_in_examples_loads() {
    HOSTING.into_iter().chain(EXAMPLES).for_each(check);
}

#[test]
fn the_hosting_models_are_shown_as_they_are() {
    for text in HOSTING {
        assert!(DEPLOYMENT.contains(&format!("```json\n{text}```")), "{text}");
    }
}

#[test]
fn every_field_of_the_schema_is_described() {
    fn names(schema: &Value, found: &mut std::collections::BTreeSet<String>) {
        match schema {
            Value::Object(members) => {
                let properties = members.get("properties").and_then(Value::as_object);
                found.extend(properties.into_iter().flatten().map(|(name, _)| name.clone()));
                members.values().for_each(|value| names(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            _ => {}
        }
    }
    let mut found = std::collections::BTreeSet::new();
    names(&serde_json::from_str(super::schema::json()).unwrap(), &mut found);
    assert!(found.len() > 60);
    let missing: Vec<_> = found.into_iter().filter(|name| !PAGE.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_merge_rule_and_lock_is_in_its_table() {
    let section = |title: &str| PAGE.split(title).nth(1).unwrap().split("\n## ").next().unwrap();
    let merged = section("## How files are merged");
    for (place, _) in RULES {
        let last = place.split('/').rfind(|part| *part != "*").unwrap();
        let covered = match last {
            // Named by what decides them.
            "transport" | "oauth" | "auth" => "drops the fields that only the old one could have",
            other => other,
        };
        assert!(merged.contains(covered), "{place}");
    }
    let locked = section("## What the managed file locks");
    for (place, _) in LOCKS {
        let word = match *place {
            "sources/*" => "source",
            "services/*" => "service",
            "secrets/*" => "secret",
            "agents/profiles/*" => "profile",
            "curation/toolSets/*" => "tool set",
            other => other.rsplit('/').next().unwrap(),
        };
        assert!(locked.contains(word), "{place}");
    }
}

const READINESS: &str = include_str!("../../docs/enterprise-readiness.md");

#[test]
fn every_proof_of_a_claim_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = READINESS.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let mut named = 0;
    for row in rows.filter(|row| !row.contains("| proof |")) {
        let proof = row.split(" | ").nth(1).unwrap();
        assert!(proof.contains('`'), "{row}");
        for word in proof.split('`').skip(1).step_by(2) {
            let there = match word.split_once(' ') {
                Some(("make", target)) => MAKEFILE.contains(&format!("\n{target}:")),
                Some((file, test)) => {
                    let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|_| panic!("no file {file}"));
                    text.contains(&format!("#[test]\nfn {test}()"))
                        || text.contains(&format!("#[test]\n    fn {test}()"))
                }
                None => panic!("{word}"),
            };
            assert!(there, "no test {word}");
            named += 1;
        }
    }
    assert!(named > 40);
}
