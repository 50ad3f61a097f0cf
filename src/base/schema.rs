//! A JSON Schema that stands alone, as text, with a digest that the order of its members does not change.
//!
//! Schemas share definitions: the operations of one Kubernetes description use 10 MB of schemas that are made of 0.7 MB of definitions.
//! So a schema's [`Sum`] is that of its root and of each definition, and whoever puts schemas together has read each definition once,
//! however often it is used.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::json::canonical;
use super::members::Members;

/// SHA-256 of what a text says, whatever the order of its members.
pub type Sum = [u8; 32];

const DEFINITIONS: &str = "$defs";

/// A JSON Schema as bytes: it passes through, and is parsed only where a value is checked against it. Cheap to clone; tools
/// that use one schema share it.
#[derive(Clone)]
pub struct Schema(Arc<Standing>);

struct Standing {
    text: Box<RawValue>,
    /// Computed when it is asked for, unless it was known.
    sum: OnceLock<Sum>,
}

impl Schema {
    /// Keeps a schema.
    pub fn new(value: &Value) -> Self {
        Self::from_text(serde_json::value::to_raw_value(value).expect("a JSON value always serializes"))
    }

    /// Keeps a schema that is text already.
    pub fn from_text(text: Box<RawValue>) -> Self {
        Self(Arc::new(Standing { text, sum: OnceLock::new() }))
    }

    /// Keeps a schema whose sum is known.
    pub fn summed(text: Box<RawValue>, sum: Sum) -> Self {
        Self(Arc::new(Standing { text, sum: OnceLock::from(sum) }))
    }

    /// The schema as a tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.as_json()).unwrap_or(Value::Bool(true))
    }

    /// The schema as JSON text.
    pub fn as_json(&self) -> &str {
        self.0.text.get()
    }

    /// What tells it from a schema that says something else.
    pub fn sum(&self) -> Sum {
        *self.0.sum.get_or_init(|| of_whole(self.as_json()))
    }
}

/// Of a schema whose root has `root` without its definitions, which have these names and sums.
pub fn sum<'a>(root: Sum, definitions: impl IntoIterator<Item = (&'a str, Sum)>) -> Sum {
    let mut sorted: Vec<(&str, Sum)> = definitions.into_iter().collect();
    if sorted.is_empty() {
        return root;
    }
    sorted.sort_unstable();
    let mut sum = Sha256::new();
    sum.update(root);
    for (name, definition) in sorted {
        sum.update((name.len() as u64).to_le_bytes());
        sum.update(name);
        sum.update(definition);
    }
    sum.finalize().into()
}

/// Of JSON text that has no definitions of its own. What nests too deeply for a tree is told by its text.
pub fn of_part(text: &str) -> Sum {
    let value = serde_json::from_str::<Value>(text);
    Sha256::digest(value.map_or_else(|_| text.to_owned(), |value| canonical(&value))).into()
}

fn of_whole(text: &str) -> Sum {
    let definitions = Members::of(text).and_then(|root| Members::of(root.get(DEFINITIONS)?.get()));
    let (Some(definitions), Ok(Value::Object(mut root))) = (definitions, serde_json::from_str(text)) else {
        return of_part(text);
    };
    root.remove(DEFINITIONS);
    let root = Sha256::digest(canonical(&Value::Object(root))).into();
    sum(root, definitions.iter().map(|(name, text)| (name, of_part(text.get()))))
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_text(Box::<RawValue>::deserialize(deserializer)?))
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Sum {
        Schema::from_text(RawValue::from_string(text.to_owned()).unwrap()).sum()
    }

    #[test]
    fn the_order_of_members_does_not_change_a_sum() {
        let one =
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{}},"$defs":{"A":{"x":1,"y":2},"B":{}}}"##;
        let other =
            r##"{"$defs":{"B":{},"A":{"y":2,"x":1}},"properties":{"b":{},"a":{"$ref":"#/$defs/A"}},"type":"object"}"##;
        assert_eq!(of(one), of(other));
        assert_eq!(of(r#"{"a":1,"b":[1,2]}"#), of(r#"{ "b": [1, 2], "a": 1 }"#));
    }

    #[test]
    fn whatever_is_said_changes_a_sum() {
        let all = [
            "{}",
            "true",
            r#"{"enum":[1,2]}"#,
            r#"{"enum":[2,1]}"#,
            r#"{"$defs":{"A":{}}}"#,
            r#"{"$defs":{"B":{}}}"#,
            r#"{"$defs":{"A":{"x":1}}}"#,
            r#"{"$defs":{"A":{},"B":{"x":1}}}"#,
            r#"{"$defs":{"A":{"x":1},"B":{}}}"#,
            r#"{"$defs":{"AB":{"x":1}}}"#,
        ];
        let sums: std::collections::BTreeSet<Sum> = all.iter().map(|text| of(text)).collect();
        assert_eq!(sums.len(), all.len());
    }

    #[test]
    fn definitions_that_were_read_before_give_the_same_sum() {
        let (root, a, b) = (r##"{"$ref":"#/$defs/B"}"##, r#"{"x":1}"#, r##"{"not":{"$ref":"#/$defs/A"}}"##);
        let whole = format!(r##"{{"$ref":"#/$defs/B","$defs":{{"A":{a},"B":{b}}}}}"##);
        assert_eq!(of(&whole), sum(of_part(root), [("B", of_part(b)), ("A", of_part(a))]));
    }
}
