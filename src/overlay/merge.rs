//! Deep merge of one value into another (Action Object of the specification), and what a value weighs.

use serde_json::{Map, Value};

use super::Version;
use crate::base::json::child;

/// Weight of a value besides its text.
const VALUE: usize = 16;

/// How much memory a value takes, roughly: what a document grows by when it is added.
pub(super) fn weight(value: &Value) -> usize {
    VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(members) => members.iter().map(|(name, value)| name.len() + weight(value)).sum(),
            _ => 0,
        }
}

/// How many values are in it, itself counted.
pub(super) fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Objects and arrays within each other.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What a value is, as far as merging tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Primitive,
}

impl Kind {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Object(_) => Self::Object,
            Value::Array(_) => Self::Array,
            _ => Self::Primitive,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Primitive => "a primitive value",
        }
    }
}

/// Merges a value into a selected node; the error says what does not fit together, and where below it.
pub(super) fn into_target(target: &mut Value, update: &Value, version: Version) -> Result<(), String> {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => into_object(target, update, ""),
        (Value::Array(target), Value::Array(update)) if version == Version::One => {
            target.extend(update.iter().cloned());
            Ok(())
        }
        (Value::Array(target), update) => {
            target.push(update.clone());
            Ok(())
        }
        (target, update) => replace(target, update, ""),
    }
}

fn into_object(target: &mut Map<String, Value>, update: &Map<String, Value>, place: &str) -> Result<(), String> {
    for (name, update) in update {
        match (target.get_mut(name), update) {
            (None, update) => {
                target.insert(name.clone(), update.clone());
            }
            (Some(Value::Object(target)), Value::Object(update)) => into_object(target, update, &child(place, name))?,
            (Some(Value::Array(target)), Value::Array(update)) => target.extend(update.iter().cloned()),
            // A key without a value, as in the specification's own "Structured Overlay Example".
            (Some(Value::Object(_) | Value::Array(_)), Value::Null) => {}
            (Some(target), update) => replace(target, update, &child(place, name))?,
        }
    }
    Ok(())
}

/// Primitives replace primitives. `null` is also what YAML makes of an empty object or list, which anything may fill.
fn replace(target: &mut Value, update: &Value, place: &str) -> Result<(), String> {
    let (have, given) = (Kind::of(target), Kind::of(update));
    if have != given && !target.is_null() || have != Kind::Primitive {
        let place = if place.is_empty() { String::new() } else { format!(" at `{place}` below it") };
        let (have, given) = (have.as_str(), given.as_str());
        return Err(format!("cannot merge {given} into {have}{place}; remove what is there first"));
    }
    *target = update.clone();
    Ok(())
}
