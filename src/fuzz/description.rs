//! API descriptions to catalogs (`openapi`, `catalog`): a document, and behind separators those that it may lead to, called `1`, `2` ..

use std::collections::BTreeSet;

use serde_json::Value;

use super::SEPARATOR;
use crate::base::document;
use crate::base::url::Url;
use crate::catalog::build::Reading;
use crate::catalog::naming::RESERVED_FLAGS;
use crate::catalog::safety::Granted;
use crate::catalog::view::{Detail, Mask, ReadyCatalog};
use crate::catalog::{Catalog, Place, Provenance, SourceRecord, Tool, build};
use crate::client::index::{self, Index};
use crate::config::Config;
use crate::openapi::operations::template_names;
use crate::openapi::refs::MAX_DOCUMENTS;
use crate::openapi::{self, Description, Document, Resolver, page};

const ROOT: &str = "https://api.example/docs/openapi.json";

pub(super) fn description(bytes: &[u8]) {
    check_page(bytes);
    let parts: Vec<&[u8]> = bytes.split(|byte| *byte == SEPARATOR as u8).collect();
    let Some(catalog) = catalog(&parts) else { return };
    let again = self::catalog(&parts).expect("what was read once is read again");
    assert_eq!(tree(&again), tree(&catalog), "the same documents make another catalog");
    catalog.tools.iter().for_each(check_tool);
    check_words(&catalog);
    check_spelling(&parts, &catalog);
    check_ready(catalog);
}

fn catalog(parts: &[&[u8]]) -> Option<Catalog> {
    let root = Url::parse(ROOT).expect("this is a URL");
    let mut resolver = Resolver::new(&root, Document::parse(parts[0].to_vec()).ok()?);
    let mut found = openapi::read(&resolver, true).ok()?;
    let mut passes = 0;
    while !found.wants.is_empty() {
        passes += 1;
        assert!(passes <= MAX_DOCUMENTS, "each pass brings a document that was not there");
        for want in &found.wants {
            resolver.supply(&want.url, supply(&want.url, parts));
        }
        found = openapi::read(&resolver, true).ok()?;
    }
    part(&found)
}

/// Whatever a page says, it leads to the network, and what a person is told is one line without the query.
fn check_page(bytes: &[u8]) {
    let root = Url::parse(ROOT).expect("this is a URL");
    let found = [page::description_url(bytes, &root), page::script_url(bytes, &root)];
    assert!(found.iter().flatten().all(Url::is_http), "a page leads to {found:?}");
    let hint = page::hint(bytes, &root).unwrap_or_default();
    assert!(!hint.contains(['?', '\n']) && !hint.contains(char::is_control), "{hint:?}");
}

/// `1` is the first part behind the document.
fn supply(wanted: &Url, parts: &[&[u8]]) -> Result<(Url, Document), String> {
    let number: Option<usize> = wanted.path().rsplit('/').next().and_then(|name| name.parse().ok());
    let part = number.filter(|number| *number > 0).and_then(|number| parts.get(number)).ok_or("not found")?;
    let document = Document::parse(part.to_vec()).map_err(|error| error.to_string())?;
    Ok((wanted.clone(), document))
}

fn part(found: &Description) -> Option<Catalog> {
    let provenance = Provenance { method: "explicit".to_owned(), ..Provenance::default() };
    let record = SourceRecord { id: "source".into(), kind: "openapi".to_owned(), uri: ROOT.to_owned(), provenance };
    let config = Config::default();
    let reading = Reading { service: None, description: found, granted: &Granted::default() };
    let (part, _) = build::part(record, &[reading]).ok()?;
    Some(build::catalog(vec![part], &config, String::new()).0)
}

fn tree(catalog: &Catalog) -> Value {
    serde_json::to_value(catalog).expect("a catalog is JSON")
}

/// Flags are told apart by their names and leave the command line its own; a path has an argument for each of its names.
fn check_tool(tool: &Tool) {
    let id = &tool.id;
    let mut flags = BTreeSet::new();
    for flag in &tool.flags {
        assert!(flags.insert(&flag.name) && !flag.name.is_empty(), "{id} has the flag {:?} twice", flag.name);
        assert!(!RESERVED_FLAGS.contains(&flag.name.as_str()), "{id} takes {} away", flag.name);
        assert_ne!(flag.location, Place::Path, "{id}: {}", flag.name);
    }
    let names: Vec<&str> = tool.path_params.iter().map(|parameter| parameter.original_name.as_str()).collect();
    assert_eq!(template_names(&tool.path), Some(names), "{id}");
    assert!(tool.path_params.iter().all(|parameter| parameter.location == Place::Path), "{id}");
    assert!(tool.path.starts_with('/'), "{id}");
    assert!(tool.summary.lines().count() <= 1, "{id}: {:?}", tool.summary);
    let safety = tool.safety;
    assert!(!(safety.read_only && safety.destructive), "{id} is called harmless and destructive");
    assert!(!safety.read_only || matches!(tool.method.as_str(), "GET" | "HEAD" | "OPTIONS"), "{id} is called harmless");
    let bodies = tool.request_body.iter().flat_map(|body| &body.content_types).filter_map(|body| body.schema.as_ref());
    let parameters = tool.flags.iter().chain(&tool.path_params).filter_map(|parameter| parameter.schema.as_ref());
    for schema in bodies.chain(parameters) {
        let schema = schema.value();
        check_schema(&schema, &schema);
    }
}

/// A schema stands alone: whatever it refers to is under its own `$defs` (contract 6). `value` is at a place of a schema.
fn check_schema(value: &Value, root: &Value) {
    let Value::Object(keywords) = value else { return };
    if let Some(reference) = keywords.get("$ref").and_then(Value::as_str) {
        let name = reference.strip_prefix("#/$defs/").expect("a reference stays in its schema");
        assert!(root["$defs"].get(name).is_some(), "{reference} leads nowhere in {root}");
    }
    for keyword in ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor"] {
        assert!(keywords.get(keyword).is_none_or(|value| !value.is_string()), "{keyword} in {root}");
    }
    for keyword in ["items", "not", "if", "then", "else", "contains", "additionalProperties", "propertyNames"] {
        keywords.get(keyword).into_iter().for_each(|below| check_schema(below, root));
    }
    for keyword in ["allOf", "anyOf", "oneOf", "prefixItems"] {
        keywords.get(keyword).and_then(Value::as_array).into_iter().flatten().for_each(|one| check_schema(one, root));
    }
    for keyword in ["properties", "patternProperties", "dependentSchemas", "$defs"] {
        let named = keywords.get(keyword).and_then(Value::as_object);
        named.into_iter().flatten().for_each(|(_, below)| check_schema(below, root));
    }
}

/// Ids and words lead to one tool each.
fn check_words(catalog: &Catalog) {
    assert!(catalog.tools.windows(2).all(|pair| pair[0].id < pair[1].id), "ids stand twice, or in no order");
    let mut words = BTreeSet::new();
    for tool in &catalog.tools {
        assert!(catalog.services.iter().any(|service| service.id == tool.service_id), "{} has no service", tool.id);
        for word in std::iter::once(&tool.command).chain(&tool.aliases) {
            assert!(words.insert((&tool.service_id, &tool.group, word)), "{} {word} is two tools", tool.group);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(!word.is_empty() && word.chars().all(plain), "{}: nobody can type {word:?}", tool.id);
        }
    }
}

/// A document means the same after it was read as a tree and written as JSON, whatever it was written in.
fn check_spelling(parts: &[&[u8]], expected: &Catalog) {
    let trees = parts.iter().map(|part| document::parse(part).map(|tree| tree.to_string().into_bytes()));
    let Ok(trees) = trees.collect::<Result<Vec<Vec<u8>>, _>>() else { return };
    let parts: Vec<&[u8]> = trees.iter().map(Vec::as_slice).collect();
    let found = catalog(&parts).expect("a description is one in JSON too");
    assert_eq!(tree(&found), tree(expected), "written as JSON, the documents make another catalog");
}

/// What is sent is the catalog, and what the client keeps of it leads to its tools.
fn check_ready(catalog: Catalog) {
    let ready = ReadyCatalog::new(catalog);
    let send = |detail| ready.effective(&Mask::all(ready.len()), build::DISCOVER, detail).expect("everybody discovers");
    let sent: Value = serde_json::from_slice(&send(Detail::Full)).expect("what is sent is JSON");
    let expected = tree(ready.catalog());
    for member in ["catalogVersion", "generatedAt", "sourceFingerprint", "tools"] {
        assert_eq!(sent["catalog"][member], expected[member], "{member} is sent as another");
    }
    let kept = index::encode(&send(Detail::Summary), None).expect("a client reads what is sent");
    let kept = Index::from_bytes(kept).expect("a client reads what it keeps");
    let rows: Vec<_> = kept.rows().collect();
    assert_eq!(rows.len(), ready.len(), "the client keeps another number of tools");
    for (row, tool) in rows.iter().zip(&ready.catalog().tools) {
        assert_eq!((row.group, row.command), (tool.group.as_str(), tool.command.as_str()), "{}", tool.id);
        assert_eq!(row.safety(), tool.safety, "{}", tool.id);
        assert_eq!(kept.tool(row).map(|kept| kept.id), Ok(tool.id.clone()));
    }
}
