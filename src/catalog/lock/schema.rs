//! What a schema says to programs and what it says to readers, apart: two hashes, so that a change of words is told from one of form.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{hash, hash_of_words};
use crate::base::json::{canonical, child};
use crate::catalog::Schema;

/// Keywords that only say something to readers.
const WORDS: [&str; 5] = ["title", "description", "$comment", "examples", "example"];

/// Keywords whose members are schemas by name, so that a member called `description` is a schema there.
const NAMED: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired"];

/// Keywords that hold values, which are no schemas whatever they look like.
const VALUES: [&str; 3] = ["const", "enum", "default"];

/// A schema in clear is no longer than the hash that would stand in its place.
const LONGEST: usize = 72;

/// References that are followed to find a type.
const MAX_HOPS: usize = 8;

/// The types of JSON Schema; what a publisher makes up is none.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// A schema, taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// Without words; `None` without a schema.
    form: Option<String>,
    /// Pointers and words.
    words: Vec<Value>,
    /// `integer`, `string|null`, `any`
    pub(super) kind: String,
    /// Members of an object: `integer`, `string required`.
    pub(super) members: BTreeMap<String, String>,
}

impl Shape {
    pub(super) fn of(schema: &Schema) -> Self {
        let Ok(mut value) = serde_json::from_str::<Value>(schema.as_json()) else {
            // Nested too deep to be taken apart: any change counts.
            return Self { form: Some(schema.as_json().to_owned()), kind: kind(&Value::Null), ..Self::default() };
        };
        let (kind, members) = (kind(target(&value, &value)), members(&value));
        let mut words = Vec::new();
        strip(&mut value, "", &mut words);
        Self { form: Some(canonical(&value)), words, kind, members }
    }

    /// The form in clear when it is short, else its hash.
    pub(super) fn written(&self) -> Value {
        let Some(form) = &self.form else { return Value::Null };
        // A text could pretend to be a hash.
        let clear = serde_json::from_str(form).ok().filter(|value: &Value| value.is_object() || value.is_boolean());
        clear.filter(|_| form.len() <= LONGEST).unwrap_or_else(|| Value::from(hash(form)))
    }

    /// The hash of all words, those of the schema and `beside` it; none without words.
    pub(super) fn words(&self, beside: &str) -> String {
        if self.words.is_empty() {
            return hash_of_words(beside);
        }
        hash(&canonical(&Value::Array(vec![Value::from(beside), Value::Array(self.words.clone())])))
    }
}

/// Takes the words out. How deep it goes is bounded by the reader of JSON.
fn strip(value: &mut Value, pointer: &str, words: &mut Vec<Value>) {
    match value {
        Value::Object(members) => strip_members(members, pointer, words),
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                strip(item, &child(pointer, &at.to_string()), words);
            }
        }
        _ => {}
    }
}

fn strip_members(members: &mut Map<String, Value>, pointer: &str, words: &mut Vec<Value>) {
    for keyword in WORDS {
        if let Some(said) = members.remove(keyword) {
            words.push(Value::Array(vec![child(pointer, keyword).into(), said]));
        }
    }
    let mut rest: Vec<_> = members.iter_mut().collect();
    rest.sort_unstable_by(|a, b| a.0.cmp(b.0));
    for (keyword, value) in rest {
        let pointer = child(pointer, keyword);
        match value {
            _ if VALUES.contains(&keyword.as_str()) => {}
            Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                let mut named: Vec<_> = named.iter_mut().collect();
                named.sort_unstable_by(|a, b| a.0.cmp(b.0));
                named.into_iter().for_each(|(name, value)| strip(value, &child(&pointer, name), words));
            }
            value => strip(value, &pointer, words),
        }
    }
}

/// What a schema stands for: the one that its `$ref` leads to.
fn target<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut found = schema;
    for _ in 0..MAX_HOPS {
        let reference = found.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        match reference.and_then(|pointer| root.pointer(pointer)) {
            Some(next) => found = next,
            None => break,
        }
    }
    found
}

fn kind(schema: &Value) -> String {
    let known = |value: &Value| value.as_str().filter(|text| TYPES.contains(text)).map(str::to_owned);
    match schema.get("type") {
        Some(Value::Array(types)) => {
            let mut types: Vec<String> = types.iter().filter_map(known).collect();
            types.sort();
            types.join("|")
        }
        Some(one) => known(one).unwrap_or_else(|| "any".to_owned()),
        None => "any".to_owned(),
    }
}

fn members(root: &Value) -> BTreeMap<String, String> {
    let object = target(root, root);
    let required: Vec<&str> =
        object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let named = properties.map(|(name, schema)| {
        let mark = if required.contains(&name.as_str()) { " required" } else { "" };
        (name.clone(), format!("{}{mark}", kind(target(root, schema))))
    });
    named.collect()
}
