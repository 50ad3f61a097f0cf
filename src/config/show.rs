//! The merged document as people may see it: values that are, or often carry, secrets are replaced.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::node::{Document, Node};
use crate::base::json::child;

/// Stands where a value is not shown.
const REDACTED: &str = "[redacted]";

/// The types of secrets whose `value` says where the secret is.
const NAMING: [&str; 4] = ["env", "file", "osKeychain", "exec"];

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
/// literals and what may be meant as one, header and environment values of transports, queries and user names of URLs (H24).
pub fn hidden(root: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    visit(root, &mut Vec::new(), "", &mut found);
    found
}

fn visit<'v>(value: &'v Value, path: &mut Vec<&'v str>, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            let kind = members.get("type").and_then(Value::as_str);
            let is_secret = matches!(path.as_slice(), ["secrets", _]);
            // Of a secret whose type is missing or mistyped nobody knows that its value only names something.
            let is_literal = kind == Some("literal") || (is_secret && !kind.is_some_and(|kind| NAMING.contains(&kind)));
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
        Value::String(_) if matches!(path.as_slice(), ["secrets", _]) => {
            found.push((pointer.to_owned(), REDACTED.to_owned()));
        }
        Value::String(text) => found.extend(without_credentials(text).map(|shown| (pointer.to_owned(), shown))),
        _ => {}
    }
}

/// Values of headers and of the environment, in both spellings of a transport.
fn carries_secrets(path: &[&str]) -> bool {
    matches!(path, ["sources", _, "transport", "headers" | "env", _] | ["mcpServers", _, "headers" | "env", _])
}

/// A URL without its query and without what stands before an `@`.
fn without_credentials(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, REDACTED));
    let end = place.find(['/', '#']).unwrap_or(place.len());
    let user = place[..end].rfind('@');
    let shown = user.map_or_else(|| place.to_owned(), |at| format!("{REDACTED}{}", &place[at..]));
    let mark = if query.is_empty() { "" } else { "?" };
    (user.is_some() || !query.is_empty()).then(|| format!("{scheme}://{shown}{mark}{query}"))
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

    #[test]
    fn h24_what_may_be_a_secret_in_a_file_with_mistakes_is_hidden() {
        let mut file = json!({
            "sources": {"a": {"uri": "https://ann:hunter2@h/p?key=hunter2#x"}, "b": {"uri": "https://hunter2@h"}},
            "secrets": {
                "a": {"value": "hunter2"}, "b": {"type": "Literal", "value": "hunter2"}, "c": "hunter2",
                "d": {"type": 1, "value": ["hunter2"]}, "e": {"type": "file", "value": "/run/a@b"},
            },
        });
        redact(&mut file);
        let shown = file.to_string();
        assert!(!shown.contains("hunter2") && shown.contains("https://[redacted]@h/p?[redacted]"), "{shown}");
        assert!(shown.contains("/run/a@b") && shown.contains("https://[redacted]@h\""), "{shown}");
    }
}
