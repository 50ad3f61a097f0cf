//! The merged document as people may see it: values that are, or often carry, secrets are replaced.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::node::{Document, Node};
use crate::base::json::child;

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

/// Replaces what is not shown.
fn redact(root: &mut Value) {
    for (pointer, shown) in hidden(root) {
        if let Some(value) = root.pointer_mut(&pointer) {
            *value = shown.into();
        }
    }
}

/// The values of a scope file, or of the merged document, that are not shown, each by its pointer and with what is shown instead:
/// literals, header and environment values of transports, and queries of URLs (H24).
pub fn hidden(root: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    visit(root, &mut Vec::new(), "", &mut found);
    found
}

fn visit<'v>(value: &'v Value, path: &mut Vec<&'v str>, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            let is_literal = members.get("type").and_then(Value::as_str) == Some("literal");
            for (key, member) in members {
                let pointer = child(pointer, key);
                path.push(key);
                if (is_literal && key == "value") || carries_secrets(path) {
                    found.push((pointer, REDACTED.to_owned()));
                } else {
                    visit(member, path, &pointer, found);
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                // No rule of `carries_secrets` leads through an item.
                path.push("");
                visit(item, path, &child(pointer, &index.to_string()), found);
                path.pop();
            }
        }
        Value::String(text) => found.extend(without_query(text).map(|shown| (pointer.to_owned(), shown))),
        _ => {}
    }
}

/// Values of headers and of the environment, in both spellings of a transport.
fn carries_secrets(path: &[&str]) -> bool {
    matches!(path, ["sources", _, "transport", "headers" | "env", _] | ["mcpServers", _, "headers" | "env", _])
}

fn without_query(text: &str) -> Option<String> {
    let at = text.find('?').filter(|_| text.contains("://"))?;
    Some(format!("{}?{REDACTED}", &text[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn h24_both_spellings_of_a_transport_hide_the_same() {
        let file = json!({
            "sources": {"a/b": {"transport": {"headers": {"X": "1"}, "env": {"K": "2"}, "url": "https://h/p?k=3"}}},
            "mcpServers": {"m": {"env": {"K": "4"}, "headers": {"H": "5"}, "args": ["ok", "https://h?k=6"]}},
            "secrets": {"s": {"type": "literal", "value": "7"}, "e": {"type": "env", "value": "NAME"}},
        });
        let found: Vec<_> = hidden(&file).into_iter().map(|(pointer, shown)| format!("{pointer} {shown}")).collect();
        assert_eq!(
            found,
            [
                "/sources/a~1b/transport/headers/X [redacted]",
                "/sources/a~1b/transport/env/K [redacted]",
                "/sources/a~1b/transport/url https://h/p?[redacted]",
                "/mcpServers/m/env/K [redacted]",
                "/mcpServers/m/headers/H [redacted]",
                "/mcpServers/m/args/1 https://h?[redacted]",
                "/secrets/s/value [redacted]",
            ]
        );
        let mut shown = file;
        redact(&mut shown);
        assert!((1..8).all(|n| !shown.to_string().contains(&format!("\"{n}\""))), "{shown}");
    }
}
