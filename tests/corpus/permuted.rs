//! A description with the members of its objects in another order, which means the same.

use open_cli::base::url::Url;
use open_cli::catalog::{Catalog, Provenance, SourceRecord, build};
use open_cli::config::Config;
use open_cli::openapi::{self, Document, Resolver};
use serde_json::{Map, Value};

/// The catalog of a description that stands alone.
pub(crate) fn catalog(root: &Value) -> Catalog {
    let url = Url::parse("https://api.example.com/description.json").unwrap();
    let description = openapi::read(&Resolver::new(&url, Document::from_value(root)), true).unwrap();
    assert!(description.wants.is_empty(), "it leads to {:?}", description.wants);
    let provenance = Provenance { method: "explicit".to_owned(), ..Provenance::default() };
    let record = SourceRecord { id: "it".into(), kind: "openapi".to_owned(), uri: url.to_string(), provenance };
    let config = Config::default();
    let (part, _) = build::part(&config, record, &description).unwrap();
    build::catalog(vec![part], &config, String::new())
}

/// The members of every object shuffled, differently for each seed; lists stay as they are.
pub(crate) fn shuffled(value: Value, seed: &mut u64) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            for last in (1..members.len()).rev() {
                members.swap(last, below(last + 1, seed));
            }
            members.into_iter().map(|(name, value)| (name, shuffled(value, seed))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(|item| shuffled(item, seed)).collect(),
        scalar => scalar,
    }
}

/// xorshift64*, whose low bits are thrown away.
fn below(bound: usize, seed: &mut u64) -> usize {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    (seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
}

/// Everything a tool says; a body's media types, which are members of an object in the description, sorted.
pub(crate) fn told(catalog: &Catalog) -> Vec<Value> {
    let tools = catalog.tools.iter().map(|tool| {
        let mut value = serde_json::to_value(tool).unwrap();
        if let Some(Value::Array(contents)) = value.pointer_mut("/requestBody/contentTypes") {
            contents.sort_by_key(|content| content["mediaType"].to_string());
        }
        value
    });
    tools.collect()
}
