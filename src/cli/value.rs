//! Values of flags and arguments, checked against their JSON Schema before anything is sent.
//!
//! Only what a word can get wrong is checked: type, enumeration, bounds. Scalars travel as the text that was typed, so that no
//! digit is lost; lists as arrays.

use serde_json::Value;

use crate::base::name::nearest;
use crate::catalog::Schema;

use super::args::Wants;
use super::assign::{Step, quoted};

mod described;

pub use described::{Asked, Member, asked, choices, choices_at, flag_label, label, members, notes};

/// How many references and unions are looked through. A part of a list costs more the longer the list is, so that what branches is looked
/// through some ten thousand times at most, however it refers to itself.
const MAX_HOPS: usize = 16;

/// How many parts of a schema are looked at for one place.
const MAX_PARTS: usize = 256;

/// A schema with what its references lead to.
struct View<'a> {
    root: &'a Value,
    schema: &'a Value,
    hops: usize,
}

impl<'a> View<'a> {
    fn of(root: &'a Value) -> Self {
        Self { root, schema: root, hops: MAX_HOPS }.resolved()
    }

    fn at(&self, schema: &'a Value) -> Option<Self> {
        self.at_cost(schema, 1)
    }

    fn at_cost(&self, schema: &'a Value, hops: usize) -> Option<Self> {
        let hops = self.hops.checked_sub(hops)?;
        Some(Self { root: self.root, schema, hops }.resolved())
    }

    /// Follows `$ref` within the schema.
    fn resolved(mut self) -> Self {
        while let Some(pointer) =
            self.schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'))
        {
            match (self.root.pointer(pointer), self.hops.checked_sub(1)) {
                (Some(schema), Some(hops)) => (self.schema, self.hops) = (schema, hops),
                _ => break,
            }
        }
        self
    }

    fn list(&self, key: &str) -> Vec<Self> {
        let Some(parts) = self.schema.get(key).and_then(Value::as_array) else { return Vec::new() };
        let bits = usize::BITS - parts.len().saturating_sub(1).leading_zeros();
        parts.iter().filter_map(|part| self.at_cost(part, 1 + bits as usize)).collect()
    }

    fn variants(&self) -> Vec<Self> {
        let mut variants = self.list("anyOf");
        variants.extend(self.list("oneOf"));
        variants
    }

    fn types(&self) -> Vec<&'a str> {
        match self.schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// It with all hops again: for a place further down.
    fn fresh(&self) -> Self {
        Self { root: self.root, schema: self.schema, hops: MAX_HOPS }
    }

    /// It and the parts of its `allOf`, theirs too; its own last.
    fn parts(self, left: &mut usize, into: &mut Vec<Self>) {
        for part in self.list("allOf") {
            if let Some(fewer) = left.checked_sub(1) {
                *left = fewer;
                part.parts(left, into);
            }
        }
        into.push(self);
    }

    /// What it says of the place one step down.
    fn below(&self, step: &Step, left: &mut usize) -> Option<Self> {
        *left = left.checked_sub(1)?;
        let own = match step {
            Step::Member(name) => self.schema.get("properties").and_then(|all| all.get(name)),
            Step::Item(index) => {
                self.schema.get("prefixItems").and_then(|all| all.get(index)).or(self.schema.get("items"))
            }
            Step::Append => self.schema.get("items"),
        };
        if let Some(schema) = own {
            return self.fresh().at(schema);
        }
        let mut parts = self.list("allOf");
        parts.extend(self.variants());
        let found = parts.iter().find_map(|part| part.below(step, left));
        let any = || self.schema.get("additionalProperties").filter(|any| any.is_object());
        match (found, step) {
            (None, Step::Member(_)) => any().and_then(|schema| self.fresh().at(schema)),
            (found, _) => found,
        }
    }

    /// What it says of items of a list.
    fn item(&self) -> Option<Self> {
        let mut left = MAX_PARTS;
        self.below(&Step::Append, &mut left)
    }

    fn down(root: &'a Value, path: &[Step]) -> Option<Self> {
        let mut left = MAX_PARTS;
        path.iter().try_fold(Self::of(root), |view, step| view.below(step, &mut left))
    }

    /// The value of an enumeration that is written so: a text first.
    fn enumerated(&self, text: &str) -> Option<&'a Value> {
        let values = self.schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        let own = || {
            values
                .clone()
                .find(|value| value.as_str() == Some(text))
                .or_else(|| values.clone().find(|value| plain(value) == text))
        };
        let parts = || self.list("allOf").into_iter().chain(self.variants()).find_map(|part| part.enumerated(text));
        own().or_else(parts)
    }

    /// A text as the JSON that it has to be. Where it can be several things, what reads as a number, a boolean, an object or a list is
    /// one; `null` is a text wherever a text is allowed.
    fn json(&self, text: &str) -> Result<String, String> {
        self.check(text)?;
        if let Some(value) = self.enumerated(text) {
            return Ok(value.to_string());
        }
        let reads_as = |name: &&str| self.can_be(name) && is_a(name, text);
        if ["integer", "number", "boolean", "object", "array"].iter().any(reads_as)
            || (!self.can_be("string") && reads_as(&"null"))
        {
            return Ok(text.to_owned());
        }
        Ok(quoted(text))
    }

    /// Whether it, a variant or a part of it is of type `name`.
    fn can_be(&self, name: &str) -> bool {
        self.types().contains(&name)
            || self.variants().iter().any(|variant| variant.can_be(name))
            || self.list("allOf").iter().any(|part| part.can_be(name))
    }

    /// Whether a flag takes it member by member.
    fn is_by_member(&self) -> bool {
        self.can_be("object") && !self.can_be("string") && !self.can_be("array")
    }

    /// What an option of it does with the word after it.
    fn wants(&self) -> Wants {
        let other = ["string", "integer", "number", "array", "object"].into_iter().any(|name| self.can_be(name));
        if self.can_be("boolean") && !other { Wants::MaybeBool } else { Wants::Value }
    }

    /// Whether one text can be it.
    fn check(&self, text: &str) -> Result<(), String> {
        if let Some(values) = self.schema.get("enum").and_then(Value::as_array) {
            one_of(values, text)?;
        }
        for part in self.list("allOf") {
            part.check(text)?;
        }
        for key in ["anyOf", "oneOf"] {
            let checked: Vec<_> = self.list(key).iter().map(|variant| variant.check(text)).collect();
            if !checked.is_empty() && checked.iter().all(Result::is_err) {
                return checked.into_iter().next().unwrap_or(Ok(()));
            }
        }
        let types = self.types();
        if types.is_empty() || types.iter().any(|name| is_a(name, text)) {
            return self.bounds(text);
        }
        let names: Vec<&str> = types.into_iter().filter(|name| *name != "null").map(said).collect();
        Err(format!("is not {}", names.join(" or ")))
    }

    fn bounds(&self, text: &str) -> Result<(), String> {
        let number = (self.can_be("integer") || self.can_be("number")).then(|| text.parse::<f64>().ok()).flatten();
        let Some(number) = number else { return Ok(()) };
        let bound = |key: &str| self.schema.get(key).filter(|value| value.is_number());
        for (key, word) in [("minimum", "less"), ("maximum", "more")] {
            let Some(limit) = bound(key) else { continue };
            let edge = limit.as_f64().unwrap_or(number);
            if (key == "minimum" && number < edge) || (key == "maximum" && number > edge) {
                return Err(format!("is {word} than {limit}"));
            }
        }
        Ok(())
    }
}

fn one_of(values: &[Value], text: &str) -> Result<(), String> {
    let texts: Vec<String> = values.iter().map(plain).collect();
    if texts.iter().any(|value| value == text) {
        return Ok(());
    }
    let mut known = texts.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
    if texts.len() > 12 {
        known.push_str(", ..");
    }
    Err(match nearest(text, texts.iter().map(String::as_str)) {
        Some(near) => format!("is not one of {known}; did you mean {near}?"),
        None => format!("is not one of {known}"),
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_a(name: &str, text: &str) -> bool {
    let json = || serde_json::from_str::<Value>(text).ok();
    match name {
        "integer" => text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit()) && json().is_some(),
        "number" => json().is_some_and(|value| value.is_number()),
        "boolean" => matches!(text, "true" | "false"),
        "null" => text == "null",
        "object" => json().is_some_and(|value| value.is_object()),
        "array" => json().is_some_and(|value| value.is_array()),
        _ => true,
    }
}

fn said(name: &str) -> &str {
    match name {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "object" => "a JSON object",
        "array" => "a JSON array",
        _ => "text",
    }
}

/// What an option of this schema does with the word after it.
pub fn wants(schema: Option<&Schema>) -> Wants {
    let Some(root) = schema.map(Schema::value) else { return Wants::Value };
    View::of(&root).wants()
}

/// One argument: the error says what it is not.
pub fn check(schema: Option<&Schema>, text: &str) -> Result<(), String> {
    let Some(root) = schema.map(Schema::value) else { return Ok(()) };
    View::of(&root).check(text)
}

/// What is sent for the values of one flag: an array when it takes a list, JSON for an object, else the text as typed.
pub fn read(schema: Option<&Schema>, values: &[String]) -> Result<Value, String> {
    let root = schema.map_or(Value::Bool(true), Schema::value);
    let view = View::of(&root);
    let scalar = || match values {
        [] => Err("has no value".to_owned()),
        [one] => one_value(&view, one),
        _ => Err("is given more than once, and takes one value".to_owned()),
    };
    if view.is_by_member() {
        let by_member = |error: String| format!("{error}; its members are given as NAME=VALUE, each once");
        return members_given(values).map_or_else(|| scalar().map_err(by_member), Ok);
    }
    if !view.can_be("array") {
        return scalar();
    }
    let unions_allow_one = ["string", "integer", "number", "boolean"].into_iter().any(|name| view.can_be(name));
    if unions_allow_one && values.len() == 1 {
        return scalar();
    }
    let lists = std::iter::once(&view)
        .map(|view| view.schema)
        .chain(view.variants().iter().map(|view| view.schema))
        .collect::<Vec<_>>();
    let items = lists.into_iter().find_map(|schema| schema.get("items"));
    // A whole array may be written as JSON where items themselves are no plain text.
    if let ([one], Some(Value::Array(whole))) = (values, values.first().and_then(|one| serde_json::from_str(one).ok()))
        && one.starts_with('[')
    {
        return Ok(Value::Array(whole));
    }
    let items = items.and_then(|items| view.at(items));
    let read = |text: &String| items.as_ref().map_or(Ok(Value::from(text.as_str())), |items| one_value(items, text));
    values.iter().map(read).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// `key=value` and `key.sub=value`, one flag each, as an object of texts; the toolbox makes of them what the schema wants. `None`
/// when one of them is written otherwise.
fn members_given(values: &[String]) -> Option<Value> {
    let mut object = Value::Object(serde_json::Map::new());
    for text in values {
        let (path, value) = text.split_once('=').filter(|(path, _)| !path.starts_with(['{', '[', '"']))?;
        let mut place = &mut object;
        for key in path.split('.') {
            let members = place.as_object_mut().filter(|_| !key.is_empty())?;
            place = members.entry(key).or_insert_with(|| Value::Object(serde_json::Map::new()));
        }
        if !place.as_object().is_some_and(serde_json::Map::is_empty) {
            return None;
        }
        *place = value.into();
    }
    Some(object)
}

fn one_value(view: &View<'_>, text: &str) -> Result<Value, String> {
    view.check(text)?;
    let structured = view.can_be("object") || view.can_be("array");
    match serde_json::from_str::<Value>(text) {
        Ok(value) if structured && (value.is_object() || value.is_array()) => Ok(value),
        _ => Ok(Value::from(text)),
    }
}

/// Whether a flag of this schema may be given more than once: a list, or an object member by member.
pub fn repeats(schema: Option<&Schema>) -> bool {
    let root = schema.map(Schema::value);
    root.as_ref().map(View::of).is_some_and(|view| view.can_be("array") || view.is_by_member())
}

/// Whether a flag of this schema takes an object member by member.
pub fn is_by_member(schema: &Schema) -> bool {
    View::of(&schema.value()).is_by_member()
}

/// What an option for a place in a body does with the word after it.
pub fn wants_at(root: &Value, path: &[Step]) -> Wants {
    View::down(root, path).map_or(Wants::Value, |view| view.wants())
}

/// One value for a place in a body, as JSON; a text where the schema says nothing of the place.
pub fn json_at(root: &Value, path: &[Step], text: &str) -> Result<String, String> {
    View::down(root, path).map_or_else(|| Ok(quoted(text)), |view| view.json(text))
}

/// Whether a flag takes what is at a place member by member.
pub fn is_by_member_at(root: &Value, path: &[Step]) -> bool {
    View::down(root, path).is_some_and(|view| view.is_by_member())
}

/// All values of the flag for a place in a body, as JSON: a list when it takes one.
pub fn json_of_flag(root: &Value, path: &[Step], values: &[String]) -> Result<String, String> {
    let view = View::down(root, path);
    let scalar = || match values {
        [] => Err("has no value".to_owned()),
        [one] => view.as_ref().map_or_else(|| Ok(quoted(one)), |view| view.json(one)),
        _ => Err("is given more than once, and takes one value".to_owned()),
    };
    let Some(list) = view.as_ref().filter(|view| view.can_be("array")) else { return scalar() };
    if let [one] = values {
        let is_list = is_a("array", one);
        let one_is_enough = ["string", "integer", "number", "boolean"].into_iter().any(|name| list.can_be(name));
        if is_list || one_is_enough {
            return scalar();
        }
    }
    let items = list.item();
    let item = |text: &String| items.as_ref().map_or_else(|| Ok(quoted(text)), |item| item.json(text));
    let items = values.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[{}]", items.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn gives(schema: &Value, values: &[&str], expected: Result<Value, &str>) {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        match (read(Some(&Schema::new(schema)), &values), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (found, expected) => panic!("{schema} {values:?}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn scalars_are_checked_and_travel_as_typed() {
        let integer = json!({"type": "integer", "minimum": 1, "maximum": 100});
        gives(&integer, &["100"], Ok(json!("100")));
        for (text, part) in [
            ("x", "is not a whole number"),
            ("1.5", "whole number"),
            ("0", "is less than 1"),
            ("101", "is more than 100"),
            ("", "whole"),
            ("-", "whole"),
            ("007", "whole"),
        ] {
            gives(&integer, &[text], Err(part));
        }
        gives(&json!({"type": "integer"}), &["-12345678901234567890123"], Ok(json!("-12345678901234567890123")));
        gives(&json!({"type": "number"}), &["1e5"], Ok(json!("1e5")));
        gives(&json!({"type": "number"}), &["NaN"], Err("is not a number"));
        gives(&json!({"type": ["boolean", "null"]}), &["yes"], Err("is not true or false"));
        gives(&json!({"type": "string"}), &["a", "b"], Err("more than once"));
        gives(&json!({}), &["anything"], Ok(json!("anything")));
    }

    #[test]
    fn enumerations_suggest() {
        let state =
            json!({"$ref": "#/$defs/state", "$defs": {"state": {"type": "string", "enum": ["open", "closed", 3]}}});
        gives(&state, &["closed"], Ok(json!("closed")));
        gives(&state, &["3"], Ok(json!("3")));
        gives(&state, &["opne"], Err("is not one of open, closed, 3; did you mean open?"));
        gives(&json!({"anyOf": [{"type": "integer"}, {"enum": ["all"]}]}), &["all"], Ok(json!("all")));
        gives(&json!({"anyOf": [{"type": "integer"}, {"enum": ["all"]}]}), &["some"], Err("whole number"));
    }

    #[test]
    fn lists_come_from_repeating() {
        let list = json!({"type": "array", "items": {"type": "integer"}});
        gives(&list, &["1"], Ok(json!(["1"])));
        gives(&list, &["1", "2"], Ok(json!(["1", "2"])));
        gives(&list, &["1", "x"], Err("whole number"));
        gives(&json!({"type": "array"}), &["a,b"], Ok(json!(["a,b"])));
        gives(
            &json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
            &["a"],
            Ok(json!("a")),
        );
        gives(
            &json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
            &["a", "b"],
            Ok(json!(["a", "b"])),
        );
        gives(&json!({"type": "object"}), &["{\"a\":1}"], Ok(json!({"a": 1})));
        gives(&json!({"type": "object"}), &["a"], Err("is not a JSON object"));
    }

    #[test]
    fn objects_are_given_as_json_or_member_by_member() {
        let object = json!({"type": "object"});
        gives(&object, &["{\"a\":1}"], Ok(json!({"a": 1})));
        gives(&object, &["a=1", "b.c=x=y", "b.d="], Ok(json!({"a": "1", "b": {"c": "x=y", "d": ""}})));
        for wrong in [&["a=1", "a=2"][..], &["a=1", "a.b=2"], &["=1", "a=1"]] {
            gives(&object, wrong, Err("is given more than once, and takes one value"));
        }
        gives(&object, &["x"], Err("is not a JSON object; its members are given as NAME=VALUE, each once"));
        assert_eq!(flag_label(Some(&Schema::new(&object))), "JSON|NAME=VALUE..");
        assert_eq!(flag_label(Some(&Schema::new(&json!({"type": ["object", "string"]})))), "TEXT");
    }

    #[test]
    fn lists_and_objects_are_given_piece_by_piece() {
        let again = |schema: Value| repeats(Some(&Schema::new(&schema)));
        assert!(again(json!({"type": "array"})) && again(json!({"type": "object"})));
        assert!(!again(json!({"type": "string"})) && !repeats(None));
    }

    #[test]
    fn circles_end() {
        let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}, "b": {"$ref": "#/$defs/b"}}});
        gives(&circle, &["x"], Ok(json!("x")));
        gives(&json!({"$ref": "#/$defs/b", "$defs": {"b": {"$ref": "#/$defs/b"}}}), &["x"], Ok(json!("x")));
    }

    #[track_caller]
    fn becomes(schema: &Value, path: &[Step], text: &str, expected: Result<&str, &str>) {
        assert_eq!(
            json_at(schema, path, text).as_deref().map_err(String::as_str),
            expected,
            "{schema} {path:?} {text}"
        );
    }

    #[test]
    fn a_text_becomes_what_its_place_can_be() {
        let member = |name: &str| Step::Member(name.to_owned());
        let any = json!({"type": ["string", "integer", "boolean", "null", "array"]});
        for (text, expected) in
            [("5", "5"), ("007", "\"007\""), ("true", "true"), ("null", "\"null\""), ("[1]", "[1]"), ("x", "\"x\"")]
        {
            becomes(&any, &[], text, Ok(expected));
        }
        becomes(&json!({"anyOf": [{"enum": ["1", 2]}, {"type": "null"}]}), &[], "1", Ok("\"1\""));
        becomes(&json!({"anyOf": [{"enum": ["1", 2]}, {"type": "null"}]}), &[], "2", Ok("2"));
        becomes(&json!({"oneOf": [{"type": "integer"}, {"type": "null"}]}), &[], "null", Ok("null"));
        becomes(&json!({"type": "number"}), &[], "1e400", Err("is not a number"));
        let deep = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [
            {"properties": {"x": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}, {"additionalProperties": {"type": "boolean"}}
        ]}}});
        let far: Vec<Step> = std::iter::repeat_with(|| [member("x"), Step::Append]).take(8).flatten().collect();
        becomes(&deep, &[far.as_slice(), &[member("y")]].concat(), "true", Ok("true"));
        becomes(&deep, &[member("x"), member("y")], "true", Ok("\"true\""));
        becomes(&json!(true), &[member("x")], "5", Ok("\"5\""));
    }

    #[test]
    fn h28_schemas_that_branch_for_ever_are_looked_at_within_bounds() {
        let variants: Vec<Value> = (0..40).map(|_| json!({"$ref": "#/$defs/a"})).collect();
        let wild = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": variants, "allOf": variants}}});
        becomes(&wild, &[Step::Member("x".to_owned())], "5", Ok("\"5\""));
        becomes(&wild, &[], "5", Ok("\"5\""));
        assert_eq!(label(Some(&Schema::new(&wild))), "TEXT");
        assert!(members(&Schema::new(&wild)).is_empty());
    }

    #[test]
    fn only_flags_that_are_nothing_but_boolean_are_switches() {
        let of = |schema: Value| wants(Some(&Schema::new(&schema)));
        assert_eq!(of(json!({"type": "boolean"})), Wants::MaybeBool);
        assert_eq!(of(json!({"type": ["boolean", "null"]})), Wants::MaybeBool);
        assert_eq!(of(json!({"type": ["boolean", "string"]})), Wants::Value);
        assert_eq!(of(json!({})), Wants::Value);
        assert_eq!(wants(None), Wants::Value);
        assert_eq!(label(Some(&Schema::new(&json!({"type": "array", "items": {"enum": ["a", "b"]}})))), "a|b..");
    }
}
