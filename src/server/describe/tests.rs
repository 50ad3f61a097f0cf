//! The description against the route table, the code table, the records, and this project's own reader of descriptions.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::*;
use crate::audit::{Event, EventType, Verdict};
use crate::base::url::Url;
use crate::contract::CODES;
use crate::openapi::{Document, Resolver, read};

fn references(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(object) => {
            found.extend(object.get("$ref").map(|reference| reference.as_str().unwrap().to_owned()));
            object.values().for_each(|value| references(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_projects_own_reader_finds_every_route_and_nothing_wrong() {
    let url = Url::parse("https://toolbox.example/openapi.json").unwrap();
    let description = read(&Resolver::new(&url, Document::from_value(&document())), true).unwrap();
    assert!(description.problems.is_empty() && description.wants.is_empty(), "{:?}", description.problems);
    let operations = description.operations.iter();
    let found: Vec<_> = operations.map(|operation| (operation.method.as_str(), operation.path.as_str())).collect();
    let described = |route: &'static Route| route.operations().into_iter().map(|(method, _)| (method, route.path));
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), ROUTES.iter().flat_map(described).collect());
    assert_eq!(found.len(), ROUTES.iter().flat_map(Route::operations).count(), "each stands once");
    for operation in &description.operations {
        let route = ROUTES.iter().find(|route| route.path == operation.path).unwrap();
        let alternatives: Vec<_> =
            operation.security.iter().map(|alternative| alternative.requirements.len()).collect();
        let expected: &[usize] = match route.token {
            Token::Needed => &[1],
            Token::Welcome => &[0, 1],
            Token::Ignored => &[],
        };
        assert_eq!(alternatives, expected, "{}", route.path);
    }
}

#[test]
fn references_lead_somewhere_and_nothing_is_left_over() {
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for reference in &used {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let alone = name == "405.method_not_allowed";
            assert!(alone || used.contains(&format!("#/components/{kind}/{name}")), "nobody points to {name}");
        }
    }
}

#[test]
fn every_code_is_some_routes() {
    // The last one belongs to workflows; no route knows these yet.
    let others = [ErrorCode::MethodNotAllowed, ErrorCode::WorkflowNotFound];
    let of_route = |route: &'static Route| {
        route.operations().into_iter().flat_map(|(_, says)| failures(route, says).into_values().flatten())
    };
    let described: Vec<_> = ROUTES.iter().flat_map(of_route).collect();
    for row in CODES {
        assert_eq!(described.contains(&row.code), !others.contains(&row.code), "{}", row.text);
    }
}

#[test]
fn names_of_operations_are_their_own() {
    let mut seen = BTreeSet::new();
    for item in document()["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(!operation["summary"].as_str().unwrap().is_empty());
            assert!(seen.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
        }
    }
}

#[test]
fn records_are_described_as_they_are_written() {
    let schemas = &document()["components"]["schemas"];
    let texts = |list: &Json| -> Vec<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let members = |value: &Json| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(texts(&schemas["EventType"]["enum"]), EventType::ALL.map(EventType::as_str));
    let verdicts = [Verdict::Allowed, Verdict::Denied, Verdict::Error];
    assert_eq!(texts(&schemas["Verdict"]["enum"]), verdicts.map(Verdict::as_str));
    let written: Json = serde_json::from_str(&Event::full("a").to_json()).unwrap();
    assert_eq!(members(&written["lineage"]), members(&schemas["Lineage"]["properties"]));
    let mut all = members(&written);
    all.extend(["timestamp", "seq", "prev", "hash"].map(str::to_owned));
    assert_eq!(all, members(&schemas["AuditRecord"]["properties"]));
}
