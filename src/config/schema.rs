//! The published JSON Schema (2020-12) of one scope's `.cli.json`; `open-cli config schema` prints it.
//!
//! It says what one file may hold. What only the merge of all scopes can tell (that a source named by a service exists, that
//! the managed scope is not loosened) is the loader's alone.

/// The schema as JSON text.
pub fn json() -> &'static str {
    include_str!("schema.json")
}

/// Evaluates the part of JSON Schema 2020-12 that `schema.json` uses; a keyword it does not know panics, so that the schema
/// cannot say more than the tests check.
#[cfg(test)]
pub(crate) mod evaluate {
    use serde_json::{Map, Value};

    /// Whether `document` is valid against the published schema.
    pub(crate) fn accepts(document: &Value) -> bool {
        let root: Value = serde_json::from_str(super::json()).unwrap();
        valid(&root, &root, document)
    }

    fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
        let Value::Object(keywords) = schema else {
            return schema.as_bool().unwrap();
        };
        keywords.iter().all(|(keyword, argument)| holds(root, keywords, keyword, argument, value))
    }

    fn holds(root: &Value, schema: &Map<String, Value>, keyword: &str, argument: &Value, value: &Value) -> bool {
        let all = |value: &Value| argument.as_array().unwrap().iter().filter(|s| valid(root, s, value)).count();
        match keyword {
            "$schema" | "$id" | "$defs" | "title" | "description" | "then" | "else" => true,
            "$ref" => valid(root, root.pointer(&argument.as_str().unwrap()[1..]).unwrap(), value),
            "type" => is(argument.as_str().unwrap(), value),
            "const" => argument == value,
            "enum" => argument.as_array().unwrap().contains(value),
            "allOf" => all(value) == argument.as_array().unwrap().len(),
            "anyOf" => all(value) > 0,
            "oneOf" => all(value) == 1,
            "not" => !valid(root, argument, value),
            "if" => {
                let branch = if valid(root, argument, value) { "then" } else { "else" };
                schema.get(branch).is_none_or(|branch| valid(root, branch, value))
            }
            _ => match value {
                Value::Object(members) => member_holds(root, schema, keyword, argument, members),
                Value::Array(items) => match keyword {
                    "items" => items.iter().all(|item| valid(root, argument, item)),
                    "minItems" => items.len() as u64 >= argument.as_u64().unwrap(),
                    other => known(other),
                },
                Value::String(text) => match keyword {
                    "minLength" => text.chars().count() as u64 >= argument.as_u64().unwrap(),
                    "maxLength" => text.chars().count() as u64 <= argument.as_u64().unwrap(),
                    "pattern" => pattern(argument.as_str().unwrap(), text),
                    other => known(other),
                },
                Value::Number(number) => match keyword {
                    "minimum" => number.as_f64() >= argument.as_f64(),
                    "maximum" => number.as_f64() <= argument.as_f64(),
                    other => known(other),
                },
                _ => known(keyword),
            },
        }
    }

    fn member_holds(
        root: &Value,
        schema: &Map<String, Value>,
        keyword: &str,
        argument: &Value,
        members: &Map<String, Value>,
    ) -> bool {
        match keyword {
            "required" => argument.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap())),
            "properties" => {
                members.iter().all(|(name, value)| argument.get(name).is_none_or(|schema| valid(root, schema, value)))
            }
            "additionalProperties" => {
                let named = schema.get("properties").and_then(Value::as_object);
                let mut rest = members.iter().filter(|(name, _)| named.is_none_or(|named| !named.contains_key(*name)));
                rest.all(|(_, value)| valid(root, argument, value))
            }
            "propertyNames" => members.keys().all(|name| valid(root, argument, &Value::from(name.as_str()))),
            "maxProperties" => members.len() as u64 <= argument.as_u64().unwrap(),
            other => known(other),
        }
    }

    /// A keyword that does not apply to this type of value.
    fn known(keyword: &str) -> bool {
        const KNOWN: &[&str] = &[
            "required",
            "properties",
            "additionalProperties",
            "propertyNames",
            "maxProperties",
            "items",
            "minItems",
            "minLength",
            "maxLength",
            "pattern",
            "minimum",
            "maximum",
        ];
        assert!(KNOWN.contains(&keyword), "the test evaluator does not know `{keyword}`");
        true
    }

    fn is(name: &str, value: &Value) -> bool {
        match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
            other => panic!("the test evaluator does not know the type `{other}`"),
        }
    }

    /// The few regular expressions of the schema, by hand; a new one needs a row here.
    fn pattern(expression: &str, text: &str) -> bool {
        match expression {
            "^https?://" => text.starts_with("http://") || text.starts_with("https://"),
            "^(env|file):." => {
                ["env:", "file:"].iter().any(|p| text.strip_prefix(p).is_some_and(|rest| !rest.is_empty()))
            }
            _ if expression.starts_with("^http://(127") => {
                let hosts = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
                hosts.iter().filter_map(|host| text.strip_prefix(host)).any(|rest| {
                    let rest = rest
                        .strip_prefix(':')
                        .map_or(rest, |port| port.trim_start_matches(|c: char| c.is_ascii_digit()));
                    rest.is_empty() || rest.starts_with('/')
                })
            }
            _ if expression.starts_with("^(\\*\\.)?") => host(text),
            other => panic!("the test evaluator does not know the pattern `{other}`"),
        }
    }

    fn host(text: &str) -> bool {
        let rest = text.strip_prefix("*.").unwrap_or(text);
        let (name, port) = match rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            Some((address, port)) => {
                if address.is_empty() || !address.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c)) {
                    return false;
                }
                ("v6", port)
            }
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let digits = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && (port.is_empty() || port.strip_prefix(':').is_some_and(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(document: &Value, accepted: bool) {
        assert_eq!(evaluate::accepts(document), accepted, "{document}");
    }

    #[test]
    fn the_schema_is_strict_and_partial_files_are_fine() {
        check(&json!({}), true);
        check(
            &json!({"cli": "1.0.0", "mode": {"default": "discover"}, "sources": {"a": {"type": "openapi", "uri": "a.yaml"}}}),
            true,
        );
        check(&json!({"sources": {"a": {"enabled": false}}}), true);
        check(&json!({"souces": {}}), false);
        check(&json!({"sources": {"a": {"type": "mcp", "uri": "x"}}}), false);
        check(
            &json!({"sources": {"a": {"type": "openapi", "uri": "x", "transport": {"type": "stdio", "command": "c"}}}}),
            false,
        );
        check(&json!({"secrets": {"s": {"type": "exec", "command": ["a"], "value": "b"}}}), false);
        check(
            &json!({"secrets": {"s": {"type": "oauth2", "mode": "clientCredentials", "tokenURL": "https://h/t"}}}),
            true,
        );
        check(&json!({"runtime": {"mode": "local"}}), false);
        check(&json!({"runtime": {"local": {}}}), false);
        check(&json!({"runtime": {"remote": {"oauth": {"mode": "providedToken"}}}}), false);
        check(&json!({"policy": {"egress": {"allow": ["*.example.com:8443", "[::1]", "h"]}}}), true);
        check(&json!({"policy": {"egress": {"allow": ["http://h"]}}}), false);
    }
}
