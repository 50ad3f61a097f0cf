//! Holds `docs/configuration.md` to the code: its examples load, its fields are all there, its tables say what the rules say.

use serde_json::Value;

use super::load::Consumer;
use super::lock::LOCKS;
use super::merge::RULES;
use super::world::World;

const PAGE: &str = include_str!("../../docs/configuration.md");

fn examples() -> Vec<&'static str> {
    PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_example_loads() {
    let examples = examples();
    assert!(examples.len() >= 4);
    let mut complete = 0;
    for text in examples {
        let world = World::new().project(text);
        let whole = text.trim_start_matches(['{', '\n', ' ']).starts_with("\"cli\"");
        let loaded = world.load(if whole { Consumer::Toolbox } else { Consumer::Cli });
        let loaded = loaded.unwrap_or_else(|errors| panic!("{}\n{text}", world.shown(&errors)));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        complete += usize::from(whole);
    }
    assert!(complete > 0, "one example is a whole configuration");
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
