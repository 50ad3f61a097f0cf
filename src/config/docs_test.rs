//! Holds the pages to the code: every configuration in them and in `examples` loads; the fields of `docs/configuration.md` are all there,
//! its tables say what the rules say; every test that `docs/enterprise-readiness.md` names exists.
#![expect(clippy::disallowed_methods, reason = "reads the sources that a page names")]

use std::path::Path;

use serde_json::Value;

use super::load::Consumer;
use super::lock::LOCKS;
use super::merge::RULES;
use super::world::World;

const PAGE: &str = include_str!("../../docs/configuration.md");

const MAKEFILE: &str = include_str!("../../Makefile");
const DEPLOYMENT: &str = include_str!("../../docs/deployment.md");

/// Pages with configurations, and how many they have at least.
const PAGES: [(&str, usize); 5] = [
    (PAGE, 4),
    (DEPLOYMENT, 9),
    (include_str!("../../docs/auth.md"), 4),
    (include_str!("../../docs/authentik.md"), 1),
    (include_str!("../../docs/policy.md"), 1),
];

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

/// The JSON of a page that is configuration; the rest are answers and records.
fn configurations(page: &'static str) -> impl Iterator<Item = &'static str> {
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|text| {
        let Ok(Value::Object(root)) = serde_json::from_str(text) else { return false };
        ["cli", "runtime", "secrets", "mcpServers"].iter().any(|key| root.contains_key(*key))
    })
}

/// Loads it for whom it is: a whole one for the toolbox, a part for the CLI.
#[track_caller]
fn check(text: &str) {
    let world = World::new().project(text);
    let whole = text.trim_start_matches(['{', '\n', ' ']).starts_with("\"cli\"");
    let loaded = world.load(if whole { Consumer::Toolbox } else { Consumer::Cli });
    let loaded = loaded.unwrap_or_else(|errors| panic!("{}\n{text}", world.shown(&errors)));
    assert!(loaded.warnings.is_empty(), "{:?}\n{text}", loaded.warnings);
}

#[test]
fn every_configuration_of_every_page_loads() {
    for (page, least) in PAGES {
        let title = page.lines().next().unwrap();
        assert!(configurations(page).count() >= least, "{title}");
        configurations(page).for_each(check);
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
