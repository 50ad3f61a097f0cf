//! What a text on the command line means as the value of a setting, by the type that the published schema gives it.
//!
//! Pure. A setting that takes a text gets it as it was typed, so that `1.0` stays a text; any other takes JSON. Whether the value is
//! right is for the whole configuration's check.

use serde_json::Value;

use crate::base::json::unescape_token;
use crate::cli::args::UsageError;
use crate::config::schema;

use super::path;

/// Reads `text` as the value of what stands at `pointer`.
pub(super) fn value(pointer: &str, text: &str) -> Result<Value, UsageError> {
    let root: Value = serde_json::from_str(schema::json()).expect("the published schema is JSON");
    let json = || serde_json::from_str::<Value>(text);
    match kind(&root, pointer) {
        Some("string") => Ok(json().ok().filter(Value::is_string).unwrap_or_else(|| text.into())),
        Some(kind) => json().map_err(|_| {
            // What was given may be a secret in the wrong place.
            let error = UsageError::new(format!("{} takes {}, and this is none", path::shown(pointer), article(kind)));
            error.hint(example(kind))
        }),
        None => Ok(json().unwrap_or_else(|_| text.into())),
    }
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn example(kind: &str) -> &'static str {
    match kind {
        "boolean" => "write true or false",
        "array" => "write it as JSON, as '[\"a\", \"b\"]'; PATH[-] adds one to the end",
        "object" => "write it as JSON, as '{\"type\": \"env\", \"value\": \"NAME\"}', or set its members one by one",
        _ => "write it as a number",
    }
}

/// The type of what stands at a pointer; `None` where the schema says nothing.
fn kind<'s>(root: &'s Value, pointer: &str) -> Option<&'s str> {
    let tokens: Vec<String> = pointer.split('/').skip(1).map(unescape_token).collect();
    let found = tokens.into_iter().try_fold(root, |schema, token| below(root, schema, &token))?;
    let found = resolved(root, found)?;
    match (found.get("type"), found.get("enum").and_then(Value::as_array), found.get("const")) {
        (Some(kind), ..) => kind.as_str(),
        (None, Some(values), _) if values.iter().all(Value::is_string) => Some("string"),
        (None, None, Some(Value::String(_))) => Some("string"),
        _ => None,
    }
}

fn below<'s>(root: &'s Value, schema: &'s Value, token: &str) -> Option<&'s Value> {
    let schema = resolved(root, schema)?;
    let member = schema.get("properties").and_then(|properties| properties.get(token));
    member
        .or_else(|| schema.get("items"))
        .or_else(|| schema.get("additionalProperties").filter(|more| more.is_object()))
}

/// A schema, or what it refers to; the published one refers once.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.strip_prefix('#')?),
        None => Some(schema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(pointer: &str, text: &str, expected: Value) {
        assert_eq!(value(pointer, text), Ok(expected), "{pointer} {text}");
    }

    #[test]
    fn a_text_stays_a_text_and_the_rest_is_json() {
        check("/cli", "1.0", json!("1.0"));
        check("/cli", "\"1.0\"", json!("1.0"));
        check("/mode/default", "curated", json!("curated"));
        check("/runtime/mode", "remote", json!("remote"));
        check("/services/s/alias", "true", json!("true"));
        check("/services/s/timeoutSeconds", "5", json!(5));
        check("/sources/a/enabled", "false", json!(false));
        check("/policy/deny", "[\"a:*\"]", json!(["a:*"]));
        check("/policy/deny/-", "a:*", json!("a:*"));
        check("/secrets/x", "{\"type\":\"env\",\"value\":\"A\"}", json!({"type": "env", "value": "A"}));
        check("/secrets/x.y/value", "123", json!("123"));
        check("/sources/m/transport/env/KEY", "1", json!("1"));
        check("/unknown/key", "7", json!(7));
        check("/unknown/key", "seven", json!("seven"));
    }

    #[test]
    fn what_is_no_value_of_the_type_is_said() {
        for (pointer, text, part) in [
            ("/sources/a/enabled", "yes", "takes a boolean, and this is none"),
            ("/policy/deny", "a:*", "takes an array"),
            ("/sources/a", "x", "takes an object"),
            ("/services/s/timeoutSeconds", "soon", "services.s.timeoutSeconds takes an integer"),
        ] {
            let error = value(pointer, text).unwrap_err();
            assert!(error.message.contains(part) && error.hint.is_some(), "{error}");
        }
    }
}
