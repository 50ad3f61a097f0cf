//! Real descriptions: every operation of every file becomes a tool, and every schema stands alone.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads the files it checks")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use open_cli::base::document;
use open_cli::catalog::gather::{Gathered, SourceState};
use open_cli::catalog::view::{Detail, Mask, ReadyCatalog};
use open_cli::catalog::{Schema, Tool, naming};
use open_cli::cli::body::Shape;
use open_cli::cli::{bind, tree};
use open_cli::client::index::{self, Index};
use serde_json::{Value, json};

#[path = "described/mod.rs"]
mod described;
#[path = "corpus/golden.rs"]
mod golden;
#[path = "corpus/help.rs"]
mod help;
#[path = "corpus/permuted.rs"]
mod permuted;

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

fn schemas(tool: &Tool) -> impl Iterator<Item = &Schema> {
    let parameters = tool.path_params.iter().chain(&tool.flags).filter_map(|parameter| parameter.schema.as_ref());
    let bodies = tool.request_body.iter().flat_map(|body| &body.content_types);
    parameters.chain(bodies.filter_map(|content| content.schema.as_ref()))
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
fn h32_the_words_of_every_tool_lead_to_it_and_each_flag_to_one_thing() {
    for path in corpus() {
        let ready = ReadyCatalog::new(gathered(&path).catalog);
        let sent = ready.effective(&Mask::all(ready.len()), "discover", Detail::Summary).unwrap();
        let index = Index::from_bytes(index::encode(&sent, None).unwrap()).unwrap();
        for wanted in &ready.catalog().tools {
            check_flags(wanted);
            for command in std::iter::once(&wanted.command).chain(&wanted.aliases) {
                let words = [wanted.service_id.as_str(), wanted.group.as_str(), command.as_str()];
                let found = tree::tool(&index, &words).map(|row| row.id.to_owned());
                assert_eq!(found.ok().as_deref(), Some(wanted.id.as_str()), "{}: {words:?}", path.display());
            }
        }
    }
}

/// A member of a body has a flag that is its own: no parameter's, none of the command line, no other member's.
fn check_flags(tool: &Tool) {
    let parameters: Vec<String> = bind::flags_of(tool).into_iter().map(|(name, _)| name).collect();
    let names: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let Some(shape) = Shape::of(tool, None, false, &names) else { return };
    let mut taken: BTreeSet<&str> = names.iter().copied().chain(naming::RESERVED_FLAGS.iter().copied()).collect();
    for flag in &shape.flags {
        assert!(!flag.name.is_empty() && taken.insert(&flag.name), "{}: --{}", tool.id, flag.name);
        assert_eq!(shape.flag(&flag.name), Some(flag), "{}", tool.id);
    }
}

#[test]
fn every_schema_stands_alone_and_has_the_sum_of_its_text() {
    for path in corpus() {
        for tool in gathered(&path).catalog.tools {
            for schema in schemas(&tool) {
                let (of, value) = (format!("{}: {}", path.display(), tool.id), schema.value());
                check_stands_alone(&value, &of);
                assert_eq!(schema.sum(), Schema::new(&value).sum(), "{of}");
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

/// `CATALOGS=write cargo test --test corpus` writes the files anew; the difference is what there is to review.
#[test]
fn catalogs_are_what_was_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/catalogs");
    let write = std::env::var("CATALOGS").is_ok_and(|wish| wish == "write");
    let mut seen = 0;
    for path in corpus() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // The two largest would be longer than anybody reads.
        if ["github", "kubernetes-v2"].contains(&name.as_str()) {
            continue;
        }
        seen += 1;
        let (file, found) = (folder.join(format!("{name}.txt")), golden::text(&gathered(&path)));
        if write {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
        assert!(differs.is_none(), "{name}: expected, found: {differs:#?}");
        assert_eq!(found.lines().count(), expected.lines().count(), "{name} has another number of lines");
    }
    assert!(seen >= 10, "only {seen} catalogs were compared");
}

#[test]
fn the_order_of_members_changes_nothing() {
    for path in corpus() {
        let name = path.display();
        let mut root = document::parse(&fs::read(&path).unwrap()).unwrap();
        let expected = permuted::catalog(&root);
        for mut seed in [1, 7] {
            root = permuted::shuffled(root, &mut seed);
            let found = permuted::catalog(&root);
            let differs = permuted::told(&expected).into_iter().zip(permuted::told(&found)).find(|(a, b)| a != b);
            assert!(differs.is_none(), "{name}: {differs:#?}");
            assert_eq!(found.tools.len(), expected.tools.len(), "{name}");
            assert_eq!(found.source_fingerprint, expected.source_fingerprint, "{name}");
        }
    }
}

#[test]
fn only_the_suffix_of_an_id_used_twice_follows_the_order() {
    let of = |first: &str, second: &str| {
        let operation = json!({"get": {"operationId": "same", "responses": {}}});
        let paths =
            Value::Object([first, second].map(|path| (path.to_owned(), operation.clone())).into_iter().collect());
        let catalog = permuted::catalog(&json!({"openapi": "3.0.3", "info": {"title": "T"}, "paths": paths}));
        let told = catalog.tools.iter().map(|tool| (tool.id.to_string(), tool.path.clone()));
        told.collect::<Vec<_>>()
    };
    let row = |id: &str, path: &str| (format!("a:{id}"), path.to_owned());
    assert_eq!(of("/a", "/b"), [row("same", "/a"), row("same-2", "/b")]);
    assert_eq!(of("/b", "/a"), [row("same", "/b"), row("same-2", "/a")]);
}
