//! `application/x-www-form-urlencoded` bodies: members of an object to pairs, each as the description's `encoding` says. Also what forms of
//! both kinds share. Pure.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::style::{self, Coding};
use super::value;
use crate::base::url::encode_query;
use crate::catalog::{BodyContent, Style};
use crate::http::is_json;

/// References looked through.
const MAX_HOPS: usize = 8;

/// The body's bytes. A member that is `null` is not sent.
pub(super) fn encode(content: Option<&BodyContent>, members: &Map<String, Value>) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let encoding = content.and_then(|content| content.encoding.get(name));
        if let Some((encoding, style)) = encoding.and_then(|encoding| Some((encoding, encoding.style?))) {
            let explode = encoding.explode.unwrap_or(style == Style::Form);
            let styled = style::in_query(name, style, explode, encoding.allow_reserved, value);
            pairs.extend(styled.into_iter().map(|(_, pair)| pair));
        } else if encoding.is_some_and(|encoding| is_json(&encoding.content_type)) {
            pairs.push(format!("{}={}", encode_query(name), encode_query(&value.to_string())));
        } else {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let repeated = |item: &Value| format!("{}={}", encode_query(name), encode_query(&style::text(item)));
            pairs.extend(items.iter().filter(|item| !item.is_null()).map(repeated));
        }
    }
    pairs.join("&").into_bytes()
}

/// The values of one styled member as parts of a multipart form; `None` when no style is said.
pub(super) fn styled_parts(content: Option<&BodyContent>, name: &str, value: &Value) -> Option<Vec<(String, String)>> {
    let encoding = content?.encoding.get(name)?;
    let style = encoding.style?;
    Some(style::pairs(name, style, encoding.explode.unwrap_or(style == Style::Form), value, Coding::Plain))
}

/// Members as the schema wants them: a form's values are texts, so that `"5"` is a number where one is wanted.
pub(super) fn fitted(schema: &Value, members: Map<String, Value>) -> Map<String, Value> {
    let properties = Properties::of(schema);
    let fit = |(name, value): (String, Value)| {
        let fitted = value::fit_within(&value, properties.get(&name), schema).unwrap_or(value);
        (name, fitted)
    };
    members.into_iter().map(fit).collect()
}

/// What a schema says of members, itself or in a part of its `allOf`.
pub(super) struct Properties<'a> {
    schema: &'a Value,
    own: &'a Value,
    /// Of all parts together: there may be many of both, members and parts.
    of_parts: HashMap<&'a str, &'a Value>,
}

impl<'a> Properties<'a> {
    pub(super) fn of(schema: &'a Value) -> Self {
        let root = resolved(schema, schema);
        let parts = root["allOf"].as_array().into_iter().flatten();
        let all = parts.filter_map(|part| resolved(schema, part)["properties"].as_object()).flatten();
        let mut of_parts = HashMap::new();
        for (name, property) in all.filter(|(_, property)| !property.is_null()) {
            of_parts.entry(name.as_str()).or_insert(property);
        }
        Self { schema, own: &root["properties"], of_parts }
    }

    /// What it says of one.
    pub(super) fn get(&self, name: &str) -> &'a Value {
        let own = Some(&self.own[name]).filter(|own| !own.is_null());
        own.or_else(|| self.of_parts.get(name).copied()).map_or(&Value::Null, |found| resolved(self.schema, found))
    }
}

/// What a schema within `root` leads to.
pub(super) fn resolved<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..MAX_HOPS {
        let target = schema["$ref"].as_str().and_then(|text| root.pointer(text.strip_prefix('#')?));
        let Some(target) = target else { break };
        schema = target;
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(encoding: Value, members: &Value, expected: &str) {
        let content = BodyContent { encoding: serde_json::from_value(encoding).unwrap(), ..BodyContent::default() };
        let bytes = encode(Some(&content), members.as_object().unwrap());
        assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{members}");
    }

    #[test]
    fn h28_many_members_and_many_parts_are_fitted() {
        let parts: Vec<Value> =
            (0..10_000).map(|at| json!({"properties": {format!("p{at}"): {"type": "integer"}}})).collect();
        let schema = json!({"allOf": parts, "properties": {"own": {"type": "integer"}}});
        let mut members: Map<String, Value> = (0..10_000).map(|at| (format!("m{at}"), json!("1"))).collect();
        members.extend(["own", "p7"].map(|name| (name.to_owned(), json!("1"))));
        let fitted = fitted(&schema, members);
        assert_eq!([&fitted["own"], &fitted["p7"], &fitted["m1"]], [&json!(1), &json!(1), &json!("1")]);
    }

    #[test]
    fn members_follow_their_encoding() {
        check(
            json!({}),
            &json!({"a b": "c&d", "n": [1, 2, null], "o": {"x": 1}, "z": null, "e": ""}),
            "a%20b=c%26d&n=1&n=2&o=%7B%22x%22%3A1%7D&e=",
        );
        let deep = json!({"o": {"style": "deepObject", "explode": true}});
        check(deep, &json!({"o": {"a": {"b": 1}, "l": ["x"]}}), "o%5Ba%5D%5Bb%5D=1&o%5Bl%5D%5B0%5D=x");
        check(json!({"o": {"style": "form", "explode": true}}), &json!({"o": {"a": 1, "b": 2}}), "a=1&b=2");
        check(json!({"n": {"style": "form", "explode": false}}), &json!({"n": [1, 2]}), "n=1,2");
        check(json!({"n": {"style": "pipeDelimited", "explode": false}}), &json!({"n": ["a", "b"]}), "n=a%7Cb");
        let reserved = json!({"u": {"style": "form", "explode": true, "allowReserved": true}});
        check(reserved, &json!({"u": "http://h/?a=b&c"}), "u=http://h/?a=b%26c");
        check(json!({"s": {"contentType": "application/json"}}), &json!({"s": "x", "n": 1}), "s=%22x%22&n=1");
    }
}
