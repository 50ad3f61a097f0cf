//! The merged document as people may see it: values that are, or often carry, secrets are replaced.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::node::{Document, Node};

/// Stands where a value is not shown.
const REDACTED: &str = "[redacted]";

/// The merged JSON without secrets, and the file of every value that is no object.
pub(super) fn show(root: &Node, documents: &[Document]) -> (Value, BTreeMap<String, PathBuf>) {
    let mut origins = BTreeMap::new();
    root.leaves("", &mut |pointer, node| {
        origins.insert(pointer.to_owned(), documents[node.origin.file].file.path.clone());
    });
    let mut value = root.to_value();
    redact(&mut value);
    (value, origins)
}

/// Literals, header and environment values of transports, and queries of URLs (H24).
fn redact(root: &mut Value) {
    let sources = root.get_mut("sources").and_then(Value::as_object_mut);
    for transport in sources.into_iter().flatten().filter_map(|(_, source)| source.get_mut("transport")) {
        for section in ["headers", "env"] {
            let values = transport.get_mut(section).and_then(Value::as_object_mut);
            values.into_iter().flatten().for_each(|(_, value)| *value = REDACTED.into());
        }
    }
    redact_texts(root);
}

fn redact_texts(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("type").and_then(Value::as_str) == Some("literal")
                && let Some(value) = members.get_mut("value")
            {
                *value = REDACTED.into();
            }
            members.values_mut().for_each(redact_texts);
        }
        Value::Array(items) => items.iter_mut().for_each(redact_texts),
        Value::String(text) => redact_query(text),
        _ => {}
    }
}

fn redact_query(text: &mut String) {
    if let (true, Some(at)) = (text.contains("://"), text.find('?')) {
        text.truncate(at + 1);
        text.push_str(REDACTED);
    }
}
