//! A JSON answer as a tree that keeps what `serde_json::Value` loses: the text of numbers and the order of all members.
//!
//! Formats other than the untouched JSON are written from here.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Nesting beyond this stays text.
const MAX_DEPTH: usize = 128;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// As written.
    Number(String),
    /// Decoded.
    Text(String),
    /// In order.
    List(Vec<Self>),
    /// In order; a name may stand twice.
    Object(Vec<(String, Self)>),
    /// JSON text that is nested too deeply, or holds characters that no text can.
    Raw(String),
}

impl Node {
    /// Reads one JSON text.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        Some(Self::from_raw(raw, MAX_DEPTH))
    }

    /// From a value made in this program.
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from_value).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), Self::from_value(value))).collect())
            }
        }
    }

    fn from_raw(raw: &RawValue, depth: usize) -> Self {
        let text = raw.get();
        let read = match text.as_bytes().first() {
            Some(b'n') => Some(Self::Null),
            Some(b't') => Some(Self::Bool(true)),
            Some(b'f') => Some(Self::Bool(false)),
            Some(b'"') => serde_json::from_str(text).ok().map(Self::Text),
            Some(b'[' | b'{') if depth == 0 => None,
            Some(b'[') => {
                let items: Option<Items<'_>> = serde_json::Deserializer::from_str(text).deserialize_seq(ItemsOf).ok();
                items.map(|items| Self::List(items.iter().map(|item| Self::from_raw(item, depth - 1)).collect()))
            }
            Some(b'{') => {
                let members: Option<Members<'_>> =
                    serde_json::Deserializer::from_str(text).deserialize_map(MembersOf).ok();
                let read = |(name, value): &(String, &RawValue)| (name.clone(), Self::from_raw(value, depth - 1));
                members.map(|members| Self::Object(members.iter().map(read).collect()))
            }
            _ => Some(Self::Number(text.to_owned())),
        };
        read.unwrap_or_else(|| Self::Raw(text.to_owned()))
    }

    /// Whether it is neither list nor object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Object(_))
    }

    /// A member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(other, _)| other == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// JSON text on one line.
    pub fn compact(&self) -> String {
        let mut out = String::new();
        super::json::write(self, None, &mut out);
        out
    }
}

type Items<'a> = Vec<&'a RawValue>;
type Members<'a> = Vec<(String, &'a RawValue)>;

struct ItemsOf;

impl<'de> Visitor<'de> for ItemsOf {
    type Value = Items<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

struct MembersOf;

impl<'de> Visitor<'de> for MembersOf {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Node::parse(text).unwrap().compact(), expected);
    }

    #[test]
    fn numbers_and_order_are_kept() {
        check(
            r#"{"b": 12345678901234567890123, "a": [1.0, 1e5, -0]}"#,
            r#"{"b":12345678901234567890123,"a":[1.0,1e5,-0]}"#,
        );
        check(r#" "\u00e9\n" "#, "\"é\\n\"");
        check(r#"{"a":"\ud800","a":null}"#, r#"{"a":"\ud800","a":null}"#);
    }

    #[test]
    fn deep_nesting_stays_text() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        check(&deep, &deep);
        assert_eq!(Node::parse("[1,"), None);
    }
}
