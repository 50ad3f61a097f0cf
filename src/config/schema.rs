//! The published JSON Schema (2020-12) of a scope file: `open-cli config schema` prints it.
//!
//! Schema and loader accept and reject the same files, as far as one file alone can say; the test below holds them together
//! over `testdata/config/agreement.txt`. What no schema can say is the loader's alone: syntax inside texts (patterns, URLs,
//! hosts), duplicate members, totals over sections, references between entries, locks, trust.

/// The schema's text.
pub fn json() -> &'static str {
    include_str!("schema.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::check_file;
    use crate::config::scope::Scope;
    use serde_json::Value;
    use std::path::Path;

    const TABLE: &str = include_str!("../../testdata/config/agreement.txt");

    #[test]
    fn schema_and_loader_agree() {
        let schema: Value = serde_json::from_str(json()).unwrap();
        let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (mut count, mut wrong) = (0, Vec::new());
        for row in rows {
            let (verdict, text) = row.split_once(' ').unwrap();
            let expected = verdict == "+";
            let file: Value = serde_json::from_str(text).unwrap();
            let by_schema = valid(&schema, &schema, &file);
            let found = check_file(Path::new("/w/.cli.json"), text.as_bytes(), Scope::Project);
            if (by_schema, found.is_empty()) != (expected, expected) {
                wrong.push(format!("{row}\n  schema {by_schema}, loader {found:?}"));
            }
            count += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(count >= 80, "only {count} rows");
    }

    /// What the loader refuses and no schema can: each row names words of the message.
    #[test]
    fn the_loader_alone_knows_the_grammar_inside_texts_and_totals() {
        let schema: Value = serde_json::from_str(json()).unwrap();
        for (text, words) in [
            (r#"{"policy": {"deny": ["svc:**"]}}"#, "`**` stands only alone"),
            (r#"{"policy": {"approvalRequired": ["svc:["]}}"#, "`[` class"),
            (r#"{"curation": {"toolSets": {"s": {"allow": ["svc:[b-a]"]}}}}"#, "`[` class"),
            (r#"{"services": {"a": {"server": "https://u:p@h/"}}}"#, "user name or password"),
            (r#"{"services": {"a": {"server": "https://h:99999/"}}}"#, "port up to 65535"),
            (r#"{"sources": {"a": {"uri": "file://elsewhere/x"}}}"#, "absolute path"),
            (
                r#"{"secrets": {"s": {"type": "oauth2", "mode": "authorizationCode", "redirectURI": "http://h/"}}}"#,
                "127.0.0.1",
            ),
            (r#"{"policy": {"egress": {"allow": ["a..b"]}}}"#, "host name"),
            (r#"{"policy": {"egress": {"allow": ["http://h"]}}}"#, "host name"),
            (
                r#"{"sources": {"a": {}}, "mcpServers": {"a": {"command": "x"}}}"#,
                "under `sources` and under `mcpServers`",
            ),
            (
                r#"{"services": {"a": {"source": "b"}}, "mcpServers": {"a": {"command": "x"}}}"#,
                "already gives service `a`",
            ),
        ] {
            let file: Value = serde_json::from_str(text).unwrap();
            assert!(valid(&schema, &schema, &file), "{text}");
            let found = check_file(Path::new("/w/.cli.json"), text.as_bytes(), Scope::Project);
            assert!(found.len() == 1 && found[0].message.contains(words), "{text}: {found:?}");
        }
        let twice = check_file(Path::new("/w/.cli.json"), br#"{"cli": "1", "cli": "2"}"#, Scope::Project);
        assert!(twice[0].message.contains("stands twice"), "{twice:?}");
    }

    #[test]
    fn both_stop_at_the_same_bounds() {
        let schema: Value = serde_json::from_str(json()).unwrap();
        let sources = |n: usize| serde_json::json!({"sources": many(n)});
        let services = |n: usize| serde_json::json!({"services": many(n)});
        let deny = |n: usize| serde_json::json!({"policy": {"deny": vec!["a"; n]}});
        let key = |n: usize| serde_json::json!({"secrets": {"ü".repeat(n): {"type": "env", "value": "A"}}});
        let id = |n: usize| serde_json::json!({"sources": {"a".repeat(n): {}}});
        let pattern = |n: usize| serde_json::json!({"policy": {"deny": ["a".repeat(n)]}});
        let deep = |n: usize| (0..n).fold(serde_json::json!({}), |inner, _| serde_json::json!({"mode": inner}));
        for (file, expected) in [
            (sources(1000), true),
            (sources(1001), false),
            (services(1000), true),
            (services(1001), false),
            (deny(10_000), true),
            (deny(10_001), false),
            (key(256), true),
            (key(257), false),
            (id(128), true),
            (id(129), false),
            (pattern(512), true),
            (pattern(513), false),
            (deep(60), false),
        ] {
            let text = file.to_string();
            let found = check_file(Path::new("/w/.cli.json"), text.as_bytes(), Scope::Project);
            let shown: String = text.chars().take(60).collect();
            assert_eq!((valid(&schema, &schema, &file), found.is_empty()), (expected, expected), "{shown} {found:?}");
        }
    }

    fn many(n: usize) -> Value {
        (0..n).map(|i| (format!("s{i}"), serde_json::json!({}))).collect::<serde_json::Map<_, _>>().into()
    }

    #[test]
    fn every_object_of_the_schema_is_closed() {
        fn walk(schema: &Value, place: &str) {
            let Some(members) = schema.as_object() else { return };
            if members.get("type").and_then(Value::as_str) == Some("object") && !place.contains("/if/") {
                assert!(members.contains_key("additionalProperties"), "{place} is open");
            }
            for (key, value) in members.iter().filter(|(key, _)| *key != "default" && *key != "enum") {
                match value {
                    Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{place}/{key}"))),
                    value => walk(value, &format!("{place}/{key}")),
                }
            }
        }
        walk(&serde_json::from_str(json()).unwrap(), "");
    }

    /// The part of JSON Schema 2020-12 that the published schema uses; any other keyword fails the test.
    fn valid(root: &Value, schema: &Value, instance: &Value) -> bool {
        let Value::Object(keywords) = schema else {
            return schema.as_bool().expect("a schema is an object or a boolean");
        };
        keywords.iter().all(|(keyword, argument)| keyword_holds(root, keywords, keyword, argument, instance))
    }

    fn keyword_holds(
        root: &Value,
        siblings: &serde_json::Map<String, Value>,
        keyword: &str,
        argument: &Value,
        instance: &Value,
    ) -> bool {
        let holds = |schema: &Value, value: &Value| valid(root, schema, value);
        let sub = |name: &str| siblings.get(name);
        match keyword {
            "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "format" | "then" => true,
            "$ref" => holds(root.pointer(argument.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), instance),
            "type" => type_is(argument.as_str().unwrap(), instance),
            "const" => instance == argument,
            "enum" => argument.as_array().unwrap().contains(instance),
            "allOf" => argument.as_array().unwrap().iter().all(|schema| holds(schema, instance)),
            "oneOf" => argument.as_array().unwrap().iter().filter(|schema| holds(schema, instance)).count() == 1,
            "if" => !holds(argument, instance) || sub("then").is_none_or(|then| holds(then, instance)),
            _ => match instance {
                Value::String(text) => text_holds(keyword, argument, text),
                Value::Number(number) => {
                    let (bound, number) = (argument.as_f64(), number.as_f64().unwrap());
                    match keyword {
                        "minimum" => number >= bound.unwrap(),
                        "maximum" => number <= bound.unwrap(),
                        other => other_kind(other),
                    }
                }
                Value::Array(items) => {
                    let fixed = sub("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                    match keyword {
                        "minItems" => items.len() >= size(argument),
                        "maxItems" => items.len() <= size(argument),
                        "items" => items.iter().skip(fixed).all(|item| holds(argument, item)),
                        "prefixItems" => argument.as_array().unwrap().iter().zip(items).all(|(s, item)| holds(s, item)),
                        other => other_kind(other),
                    }
                }
                Value::Object(members) => {
                    let known = sub("properties").and_then(Value::as_object);
                    let fresh = |key: &str| known.is_none_or(|known| !known.contains_key(key));
                    match keyword {
                        "required" => {
                            argument.as_array().unwrap().iter().all(|key| members.contains_key(key.as_str().unwrap()))
                        }
                        "maxProperties" => members.len() <= size(argument),
                        "properties" => argument
                            .as_object()
                            .unwrap()
                            .iter()
                            .all(|(key, schema)| members.get(key).is_none_or(|member| holds(schema, member))),
                        "additionalProperties" => {
                            members.iter().filter(|(key, _)| fresh(key)).all(|(_, member)| holds(argument, member))
                        }
                        "propertyNames" => members.keys().all(|key| holds(argument, &Value::from(key.as_str()))),
                        other => other_kind(other),
                    }
                }
                _ => other_kind(keyword),
            },
        }
    }

    fn size(argument: &Value) -> usize {
        usize::try_from(argument.as_u64().unwrap()).unwrap()
    }

    fn type_is(name: &str, instance: &Value) -> bool {
        match name {
            "object" => instance.is_object(),
            "array" => instance.is_array(),
            "string" => instance.is_string(),
            "boolean" => instance.is_boolean(),
            "integer" => instance.as_f64().is_some_and(|number| number.fract() == 0.0),
            other => panic!("the evaluator does not know type {other}"),
        }
    }

    /// A keyword about another kind of value says nothing about this one, if it is a keyword at all.
    fn other_kind(keyword: &str) -> bool {
        const KNOWN: &[&str] = &[
            "minLength",
            "maxLength",
            "pattern",
            "minimum",
            "maximum",
            "minItems",
            "maxItems",
            "items",
            "prefixItems",
            "required",
            "maxProperties",
            "properties",
            "additionalProperties",
            "propertyNames",
        ];
        assert!(KNOWN.contains(&keyword), "the evaluator does not know {keyword}");
        true
    }

    fn text_holds(keyword: &str, argument: &Value, text: &str) -> bool {
        match keyword {
            "minLength" => text.chars().count() >= size(argument),
            "maxLength" => text.chars().count() <= size(argument),
            "pattern" => matches(argument.as_str().unwrap(), text),
            other => other_kind(other),
        }
    }

    /// The regular expressions of the schema, written out: there are few, and a regular expression crate would be one more.
    fn matches(pattern: &str, text: &str) -> bool {
        let starts = |prefix: &str| text.to_ascii_lowercase().starts_with(prefix);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let id = || {
            let count = text.chars().count();
            (1..=128).contains(&count)
                && text.starts_with(word)
                && text.chars().all(|c| word(c) || c == '.' || c == '-')
        };
        let scheme = || {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+.-".contains(c))).unwrap_or(text.len());
            text.starts_with(|c: char| c.is_ascii_alphabetic()) && text[end..].starts_with("://")
        };
        match pattern {
            "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" => id(),
            "^$|^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" => text.is_empty() || id(),
            "^[Hh][Tt][Tt][Pp][Ss]?://" => starts("http://") || starts("https://"),
            "^[Hh][Tt][Tt][Pp]://" => starts("http://"),
            "^[^/]+//[^/?#]+/?$" => text.split_once("//").is_some_and(|(scheme, rest)| {
                let host = rest.strip_suffix('/').unwrap_or(rest);
                !scheme.is_empty() && !scheme.contains('/') && !host.is_empty() && !host.contains(['/', '?', '#'])
            }),
            "^(?![A-Za-z][A-Za-z0-9+.-]*://)|^([Ff][Ii][Ll][Ee]|[Hh][Tt][Tt][Pp][Ss]?)://" => {
                !scheme() || ["file://", "http://", "https://"].into_iter().any(starts)
            }
            "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" => {
                !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+.^_`|~-".contains(c))
            }
            "^[^\\r\\n\\u0000]*$" => !text.contains(['\r', '\n', '\0']),
            "^(env|file):[\\s\\S]+$" => {
                ["env:", "file:"].iter().any(|p| text.strip_prefix(p).is_some_and(|rest| !rest.is_empty()))
            }
            other => panic!("the evaluator does not know the pattern {other}"),
        }
    }
}
