//! JSON text read piece by piece: an object as its members, each still text.
//!
//! A large API description is mostly never looked at. Finding the ends of its pieces costs a fraction of building them, in
//! time and above all in memory, so readers walk over [`Members`] and parse only what they need.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of one object in the publisher's order. Of members with one name the last counts, as everywhere in serde_json.
#[derive(Clone, Debug, Default)]
pub struct Members<'a> {
    list: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Positions in `list`, sorted by name.
    order: Vec<u32>,
}

impl<'a> Members<'a> {
    /// Reads one object; `None` when the text is anything else.
    pub fn of(text: &'a str) -> Option<Self> {
        if !text.trim_start().starts_with('{') {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let list = reader.deserialize_map(ListVisitor).ok()?;
        Some(Self::new(list))
    }

    fn new(mut list: Vec<(Cow<'a, str>, &'a RawValue)>) -> Self {
        let mut order = sorted(&list);
        let twice = order.windows(2).any(|pair| list[pair[0] as usize].0 == list[pair[1] as usize].0);
        if twice {
            let last: Vec<bool> = (0..list.len())
                .map(|at| {
                    let end = order.partition_point(|&other| list[other as usize].0 <= list[at].0);
                    order[end - 1] as usize == at
                })
                .collect();
            let mut keep = last.iter();
            list.retain(|_| *keep.next().unwrap_or(&true));
            order = sorted(&list);
        }
        Self { list, order }
    }

    /// The text of a member.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.order.binary_search_by(|&at| (*self.list[at as usize].0).cmp(name)).ok()?;
        Some(self.list[self.order[found] as usize].1)
    }

    /// A member that is a string; `None` for other types, and for text that no Unicode string can hold.
    pub fn string(&self, name: &str) -> Option<String> {
        self.get(name).and_then(string)
    }

    /// A member that is `true` or `false`.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A member as a tree; `None` when it is missing, or nested too deeply.
    pub fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Name and text in the publisher's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.list.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// The items of an array, each still text; `None` when the text is anything else.
pub fn items(text: &str) -> Option<Vec<&RawValue>> {
    if text.trim_start().starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// A JSON string's content.
pub fn string(raw: &RawValue) -> Option<String> {
    if raw.get().starts_with('"') { serde_json::from_str(raw.get()).ok() } else { None }
}

fn sorted(list: &[(Cow<'_, str>, &RawValue)]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(list.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by(|&a, &b| list[a as usize].0.cmp(&list[b as usize].0));
    order
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            list.push((name, map.next_value()?));
        }
        Ok(list)
    }
}

/// A member's name, borrowed unless it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_order_and_text() {
        let members = Members::of(" {\"b\": [1, 2.50], \"a\\u0062\" :\"x\\n\", \"c\":true} ").unwrap();
        let seen: Vec<(&str, &str)> = members.iter().map(|(name, raw)| (name, raw.get())).collect();
        assert_eq!(seen, [("b", "[1, 2.50]"), ("ab", "\"x\\n\""), ("c", "true")]);
        assert_eq!(members.string("ab").as_deref(), Some("x\n"));
        assert_eq!(members.boolean("c"), Some(true));
        assert_eq!((members.string("b"), members.get("d").is_none()), (None, true));
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        let members = Members::of("{\"a\":1,\"b\":2,\"a\":3,\"a\":4}").unwrap();
        let seen: Vec<(&str, &str)> = members.iter().map(|(name, raw)| (name, raw.get())).collect();
        assert_eq!(seen, [("b", "2"), ("a", "4")]);
        assert_eq!(members.get("a").unwrap().get(), "4");
    }

    #[test]
    fn h28_other_things_are_no_object_and_depth_costs_nothing() {
        for text in ["", "[1]", "\"x\"", "{\"a\":", "{\"a\" 1}", "null"] {
            assert!(Members::of(text).is_none(), "{text}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let members = Members::of(&deep).unwrap();
        assert_eq!(members.get("a").unwrap().get().len(), 200_000);
        assert!(members.value("a").is_none());
        assert_eq!(items("[1,[2],3]").unwrap().len(), 3);
        assert!(items("{}").is_none());
    }
}
