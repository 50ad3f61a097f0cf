//! Real descriptions: every operation of every file becomes a tool, and every schema stands alone.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the files it checks")]

use std::collections::BTreeSet;
use std::fs;

use open_cli::base::document;
use open_cli::catalog::Tool;
use open_cli::catalog::gather::{Gathered, SourceState};
use open_cli::catalog::view::{Detail, Mask, ReadyCatalog};
use serde_json::Value;

#[path = "described/mod.rs"]
mod described;

use described::{corpus, gathered};

/// `METHOD /path` of all operations, counted from the raw document.
fn operations(root: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, item) in root["paths"].as_object().into_iter().flatten() {
        let reference = item.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        let item = reference.map_or(item, |pointer| root.pointer(pointer).unwrap());
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some_and(Value::is_object) {
                found.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    found
}

fn schemas(tool: &Tool) -> Vec<Value> {
    let parameters = tool.path_params.iter().chain(&tool.flags).filter_map(|parameter| parameter.schema.as_ref());
    let bodies = tool.request_body.iter().flat_map(|body| &body.content_types);
    parameters.chain(bodies.filter_map(|content| content.schema.as_ref())).map(|schema| schema.value()).collect()
}

/// Every reference of a schema, wherever it stands.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().filter(|_| name == "$ref") {
                    Some(reference) => found.push(reference),
                    None => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[track_caller]
fn check_stands_alone(schema: &Value, of: &str) {
    let mut found = Vec::new();
    references(schema, &mut found);
    for reference in found {
        let name = reference.strip_prefix("#/$defs/").unwrap_or_else(|| panic!("{of}: {reference} leads out"));
        assert!(schema["$defs"].get(name).is_some(), "{of}: {reference} leads nowhere");
    }
}

#[test]
fn every_operation_of_every_description_becomes_a_tool() {
    let mut seen = 0;
    for path in corpus() {
        let root = document::parse(&fs::read(&path).unwrap()).unwrap();
        seen += 1;
        let name = path.display();
        let Gathered { catalog, report, problems } = gathered(&path);
        assert_eq!(report[0].state, SourceState::Ok, "{name}: {:?}", report[0].error);
        let tools = catalog.tools.iter().filter(|tool| !matches!(tool.method.as_str(), "HEAD" | "OPTIONS"));
        let found: Vec<String> = tools.map(|tool| format!("{} {}", tool.method, tool.path)).collect();
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(distinct, operations(&root), "{name}");
        assert_eq!(found.len(), distinct.len(), "{name}: an operation became two tools");
        let words: BTreeSet<_> = catalog.tools.iter().map(|tool| (&tool.group, &tool.command)).collect();
        assert_eq!(words.len(), catalog.tools.len(), "{name}: two tools have one command");
        let broken: Vec<_> = problems.iter().filter(|problem| problem.message.contains("leads")).collect();
        assert!(broken.is_empty(), "{name}: {broken:?}");
    }
    assert!(seen >= 12, "only {seen} descriptions were found");
}

#[test]
fn every_schema_stands_alone() {
    for path in corpus() {
        for tool in gathered(&path).catalog.tools {
            for schema in schemas(&tool) {
                check_stands_alone(&schema, &format!("{}: {}", path.display(), tool.id));
            }
        }
    }
}

#[test]
fn bodies_put_together_from_bytes_are_the_catalog() {
    for path in corpus() {
        let ready = ReadyCatalog::new(gathered(&path).catalog);
        for detail in [Detail::Full, Detail::Summary] {
            let body = ready.effective(&Mask::all(ready.len()), "discover", detail).unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let ids =
                |tools: &Value| tools.as_array().unwrap().iter().map(|tool| tool["id"].clone()).collect::<Vec<_>>();
            let all: Vec<Value> = ready.catalog().tools.iter().map(|tool| tool.id.as_str().into()).collect();
            for tools in
                [&body["catalog"]["tools"], &body["catalog"]["effectiveViews"][0]["tools"], &body["view"]["tools"]]
            {
                assert_eq!(ids(tools), all, "{}", path.display());
            }
        }
    }
}
