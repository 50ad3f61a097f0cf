//! Values of flags and arguments, checked against their JSON Schema before anything is sent.
//!
//! Only what a word can get wrong is checked: type, enumeration, bounds. Scalars travel as the text that was typed, so that no
//! digit is lost; lists as arrays.

use serde_json::Value;

use crate::base::name::nearest;
use crate::catalog::Schema;

use super::args::Wants;

/// How many references and unions are looked through.
const MAX_HOPS: usize = 8;

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
        let hops = self.hops.checked_sub(1)?;
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
        let parts = self.schema.get(key).and_then(Value::as_array).into_iter().flatten();
        parts.filter_map(|part| self.at(part)).collect()
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

    fn label(&self) -> String {
        let items = self.schema.get("items").and_then(|items| self.at(items)).filter(|_| self.can_be("array"));
        items.map_or_else(|| word(self), |items| format!("{}..", word(&items)))
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
    let view = View::of(&root);
    let other = ["string", "integer", "number", "array", "object"].into_iter().any(|name| view.can_be(name));
    if view.can_be("boolean") && !other { Wants::MaybeBool } else { Wants::Value }
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

/// What help calls a value.
pub fn label(schema: Option<&Schema>) -> String {
    let Some(root) = schema.map(Schema::value) else { return "TEXT".to_owned() };
    View::of(&root).label()
}

/// What help calls the value of a flag.
pub fn flag_label(schema: Option<&Schema>) -> String {
    let root = schema.map(Schema::value);
    match root.as_ref().map(View::of) {
        Some(view) if view.is_by_member() && view.label() == "JSON" => "JSON|NAME=VALUE..".to_owned(),
        _ => label(schema),
    }
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What help calls its value.
    pub label: String,
    /// Whether it must be there.
    pub required: bool,
    /// First paragraph of its description.
    pub description: String,
    /// What else is to be known: see [`notes`].
    pub notes: Vec<String>,
}

/// Values of an enumeration that a label has.
const MAX_LABELS: usize = 8;

/// Values of an enumeration that a note has.
const MAX_ENUMERATED: usize = 24;

/// Characters of a default that are shown.
const DEFAULT_CHARS: usize = 60;

/// What a person should know of a value beside its label: the default, a long enumeration, bounds, a format.
pub fn notes(schema: &Schema) -> Vec<String> {
    notes_of(&View::of(&schema.value()))
}

fn notes_of(view: &View<'_>) -> Vec<String> {
    // The default of an optional value stands beside its variants.
    let default = default_of(view).filter(|default| default != "\"\"").map(|default| format!("default {default}"));
    let mut variants = view.variants();
    variants.retain(|variant| variant.types() != ["null"]);
    let one = if let [_] = variants.as_slice() { variants.pop() } else { None };
    let narrow = one.as_ref().unwrap_or(view);
    let items = narrow.schema.get("items").and_then(|items| narrow.at(items)).filter(|_| narrow.can_be("array"));
    let deprecated = view.schema.get("deprecated") == Some(&Value::Bool(true));
    let mut notes: Vec<String> = default.into_iter().collect();
    notes.extend(enumerated(items.as_ref().unwrap_or(narrow)));
    notes.extend(between(narrow, ["minimum", "maximum"], ""));
    notes.extend(between(narrow, ["minLength", "maxLength"], " characters"));
    notes.extend(between(narrow, ["minItems", "maxItems"], " of them"));
    notes.extend(format_of(items.as_ref().unwrap_or(narrow)));
    notes.extend(deprecated.then(|| "deprecated".to_owned()));
    notes
}

/// What a label leaves out: an enumeration of more than a few.
fn enumerated(view: &View<'_>) -> Option<String> {
    let values = view.schema.get("enum").and_then(Value::as_array).filter(|values| values.len() > MAX_LABELS)?;
    let shown: Vec<String> = values.iter().take(MAX_ENUMERATED).map(plain).collect();
    let more = if values.len() > shown.len() { format!(", .. {} in all", values.len()) } else { String::new() };
    Some(format!("one of {}{more}", shown.join(", ")))
}

fn between(view: &View<'_>, [least, most]: [&str; 2], what: &str) -> Option<String> {
    let bound = |key: &str| view.schema.get(key).filter(|value| value.is_number());
    match (bound(least), bound(most)) {
        (Some(least), Some(most)) if least == most => Some(format!("{least}{what}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) if what.is_empty() => Some(format!("at least {least}")),
        (Some(least), None) => Some(format!("at least {least}{what}")).filter(|_| least.as_f64() != Some(0.0)),
        (None, Some(most)) => Some(format!("at most {most}{what}")),
        (None, None) => None,
    }
}

/// Formats that tell how a text is written; those of numbers and bytes say nothing to a person.
fn format_of(view: &View<'_>) -> Option<String> {
    let format = view.schema.get("format").and_then(Value::as_str).filter(|_| view.can_be("string"))?;
    let silent = ["int32", "int64", "float", "double", "binary", "byte", "string", "password"];
    (!silent.contains(&format)).then(|| format.chars().take(DEFAULT_CHARS).collect())
}

fn default_of(view: &View<'_>) -> Option<String> {
    let default = view.schema.get("default").filter(|default| !default.is_null())?;
    let text = match plain(default) {
        empty if empty.is_empty() => "\"\"".to_owned(),
        text => text,
    };
    let short: String = text.chars().take(DEFAULT_CHARS).collect();
    Some(if short.len() < text.len() { format!("{short}…") } else { short })
}

/// The members of an object schema that a request may have, in the publisher's order; those of its `allOf` parts too.
pub fn members(schema: &Schema) -> Vec<Member> {
    let root = schema.value();
    let view = View::of(&root);
    let mut parts = view.list("allOf");
    parts.push(view);
    parts.iter().flat_map(members_of).collect()
}

fn members_of(view: &View<'_>) -> Vec<Member> {
    let required = view.schema.get("required").and_then(Value::as_array);
    let properties = view.schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let says = |schema: &Value| schema.get("readOnly") == Some(&Value::Bool(true));
    // Beside a reference, or behind it.
    let given = |property: &Value| !says(property) && !view.at(property).is_some_and(|view| says(view.schema));
    let members = properties.filter(|(_, property)| given(property)).map(|(name, property)| {
        let description = property.get("description").and_then(Value::as_str).unwrap_or("");
        Member {
            name: name.clone(),
            label: view.at(property).map_or_else(|| "TEXT".to_owned(), |view| view.label()),
            required: required.is_some_and(|names| names.iter().any(|other| other == name)),
            description: description.trim().split("\n\n").next().unwrap_or("").to_owned(),
            notes: view.at(property).map(|view| notes_of(&view)).unwrap_or_default(),
        }
    });
    members.collect()
}

fn word(view: &View<'_>) -> String {
    if let Some(values) = view.schema.get("enum").and_then(Value::as_array).filter(|values| values.len() <= MAX_LABELS)
    {
        return values.iter().map(plain).collect::<Vec<_>>().join("|");
    }
    // What may be text takes every text.
    let known = [
        ("string", "TEXT"),
        ("integer", "INTEGER"),
        ("number", "NUMBER"),
        ("boolean", "true|false"),
        ("array", "LIST"),
        ("object", "JSON"),
    ];
    known.into_iter().find(|(name, _)| view.can_be(name)).map_or("TEXT", |(_, label)| label).to_owned()
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
    fn circles_end() {
        let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}, "b": {"$ref": "#/$defs/b"}}});
        gives(&circle, &["x"], Ok(json!("x")));
        gives(&json!({"$ref": "#/$defs/b", "$defs": {"b": {"$ref": "#/$defs/b"}}}), &["x"], Ok(json!("x")));
    }

    #[test]
    fn members_of_bodies_are_found() {
        let schema = json!({
            "allOf": [{"$ref": "#/$defs/base"}], "required": ["n", "made"],
            "properties": {"n": {"type": "integer", "description": "How many\nmore"}, "l": {"type": "array", "items": {"type": "string"}}},
            "$defs": {"base": {"type": "object", "properties": {"id": {"type": "string"}, "made": {"type": "string", "readOnly": true}}}}
        });
        let found: Vec<String> = members(&Schema::new(&schema))
            .into_iter()
            .map(|member| format!("{} {} {} {}", member.name, member.label, member.required, member.description))
            .collect();
        assert_eq!(found, ["id TEXT false ", "n INTEGER true How many\nmore", "l TEXT.. false "]);
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
