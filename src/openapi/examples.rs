//! The example that a publisher gives of a parameter or a body, beside its schema. Those inside of schemas pass through with them.

use serde_json::Value;

use super::refs::{Object, Reading};

/// Bytes of an example that is kept: it is for people to read.
const MAX_BYTES: usize = 2048;

/// `example`, else the value of one of `examples`: the one whose name comes first in the alphabet, since the order of members says
/// nothing. One that is too long, or stands in a file of its own, is none.
pub(super) fn of<'r>(reading: &Reading<'r>, holder: &Object<'r>) -> Option<Value> {
    if let Some(example) = holder.get("example") {
        return value(example.text);
    }
    let named = holder.object("examples")?;
    let (_, first) = named.iter().min_by(|(one, _), (other, _)| one.cmp(other))?;
    let example = reading.resolve(&first).ok()?.get("value")?;
    value(example.text)
}

fn value(text: &str) -> Option<Value> {
    if text.len() > MAX_BYTES { None } else { serde_json::from_str(text).ok() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use crate::base::url::Url;

    #[expect(clippy::needless_pass_by_value, reason = "the rows below read better without references")]
    #[track_caller]
    fn check(said: &serde_json::Value, expected: Option<serde_json::Value>) {
        let mut parameter = json!({"name": "x", "in": "query", "schema": {"type": "string"}});
        parameter.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let document = json!({
            "openapi": "3.0.3", "servers": [{"url": "https://s.example.com"}],
            "paths": {"/a": {"get": {"parameters": [parameter], "responses": {}}}},
            "components": {"examples": {"E": {"value": "behind"}}},
        });
        let url = Url::parse("https://api.example.com/o.json").unwrap();
        let (description, _) = super::super::tests::read_with(&url, &document.to_string(), &BTreeMap::new());
        assert_eq!(description.operations[0].parameters[0].example, expected, "{said}");
    }

    #[test]
    fn one_example_is_kept() {
        check(&json!({}), None);
        check(&json!({"example": "a"}), Some(json!("a")));
        check(&json!({"example": ["a", 1]}), Some(json!(["a", 1])));
        check(&json!({"examples": {"z": {"value": "last"}, "b": {"value": "first"}}}), Some(json!("first")));
        check(&json!({"examples": {"b": {"$ref": "#/components/examples/E"}}}), Some(json!("behind")));
        check(&json!({"examples": {"b": {"externalValue": "https://e.example/x"}}}), None);
        check(&json!({"examples": {"b": {"$ref": "#/components/examples/None"}}}), None);
        check(&json!({"example": "x".repeat(3000)}), None);
        check(&json!({"examples": "wrong"}), None);
    }
}
