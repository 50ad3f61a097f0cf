//! What a schema says to people of one value: how help calls it, what else is to be known, and what may be chosen.
//!
//! Help, completion and prompts read this, so that they say the same. Pure.

use serde_json::Value;

use crate::catalog::Schema;
use crate::cli::args::Wants;
use crate::cli::assign::Step;

use super::{MAX_PARTS, View, plain};

/// Values of an enumeration that a label has.
const MAX_LABELS: usize = 8;

/// Values of an enumeration that a note has.
const MAX_ENUMERATED: usize = 24;

/// Characters of a default that are shown.
const DEFAULT_CHARS: usize = 60;

/// How a person is asked for a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// All that it may be, when the schema names that: see [`choices`], which also has values beside which there are others.
    pub choices: Vec<String>,
    /// Whether it is yes or no.
    pub is_boolean: bool,
    /// Whether several values may be given.
    pub is_list: bool,
    /// What the API takes for nothing.
    pub default: Option<String>,
    /// Whether it is to be kept from the screen.
    pub is_secret: bool,
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

/// The values that this schema names: of an enumeration, of a constant, `true` and `false`; for a list, those of its items.
pub fn choices(schema: &Schema) -> Vec<String> {
    choices_at(&schema.value(), &[])
}

/// As [`choices`], of a place in a body.
pub fn choices_at(root: &Value, path: &[Step]) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), MAX_PARTS);
    if let Some(view) = View::down(root, path) {
        view.choices(&mut found, &mut left);
    }
    found
}

/// How a person is asked for a parameter, or for the value at a place of a body.
pub fn asked(root: &Value, path: &[Step]) -> Asked {
    View::down(root, path).map_or_else(Asked::default, |view| view.asked())
}

/// What help calls a value.
pub fn label(schema: Option<&Schema>) -> String {
    let Some(root) = schema.map(Schema::value) else { return "TEXT".to_owned() };
    View::of(&root).label()
}

/// What help calls the value of a flag.
pub fn flag_label(schema: Option<&Schema>) -> String {
    let root = schema.map(Schema::value);
    root.as_ref().map_or_else(|| "TEXT".to_owned(), |root| View::of(root).flag_label())
}

/// What a person should know of a value beside its label: the default, a long enumeration, bounds, a format.
pub fn notes(schema: &Schema) -> Vec<String> {
    notes_of(&View::of(&schema.value()))
}

/// The members of an object schema that a request may have, in the publisher's order, each once; those of its `allOf` parts too.
pub fn members(schema: &Schema) -> Vec<Member> {
    let root = schema.value();
    let (mut parts, mut left) = (Vec::new(), MAX_PARTS);
    View::of(&root).parts(&mut left, &mut parts);
    let required = |part: &View<'_>| part.schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let required: Vec<Value> = parts.iter().flat_map(required).collect();
    let mut found: Vec<Member> = Vec::new();
    for member in parts.iter().flat_map(|part| members_of(part, &required)) {
        // What stands beside the parts says more than they do.
        match found.iter_mut().find(|other| other.name == member.name) {
            Some(other) => *other = member,
            None => found.push(member),
        }
    }
    found
}

impl View<'_> {
    fn asked(&self) -> Asked {
        let list = self.can_be("array").then(|| self.item());
        let one = list.as_ref().and_then(Option::as_ref).unwrap_or(self);
        let mut choices = Vec::new();
        if one.is_closed(&mut { MAX_PARTS }) {
            one.choices(&mut choices, &mut { MAX_PARTS });
        }
        Asked {
            choices,
            is_boolean: self.wants() == Wants::MaybeBool,
            is_list: list.is_some(),
            default: self.schema.get("default").filter(|default| !default.is_null()).map(plain),
            is_secret: one.schema.get("format").and_then(Value::as_str) == Some("password"),
        }
    }

    fn label(&self) -> String {
        let items = self.schema.get("items").and_then(|items| self.at(items)).filter(|_| self.can_be("array"));
        items.map_or_else(|| word(self), |items| format!("{}..", word(&items)))
    }

    /// Looks at so many parts at most as `left` says: references may lead to more than anybody reads.
    fn choices(&self, found: &mut Vec<String>, left: &mut usize) {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        let listed = self.schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        let named = listed.chain(self.schema.get("const")).filter(|value| !value.is_null() && !value.is_object());
        let known = found.len();
        for text in named.map(plain) {
            if !found.contains(&text) {
                found.push(text);
            }
        }
        // An enumeration of them says more.
        if found.len() == known && self.types().contains(&"boolean") && !found.iter().any(|text| text == "true") {
            found.extend(["true", "false"].map(str::to_owned));
        }
        let items = self.schema.get("items").and_then(|items| self.at(items)).filter(|_| self.can_be("array"));
        for part in self.list("allOf").into_iter().chain(self.variants()).chain(items) {
            part.choices(found, left);
        }
    }

    /// Whether the values that it names are all that it takes, but for `null`.
    fn is_closed(&self, left: &mut usize) -> bool {
        let Some(less) = left.checked_sub(1) else { return false };
        *left = less;
        let named = self.schema.get("enum").is_some_and(Value::is_array) || self.schema.get("const").is_some();
        let variants = self.variants();
        named
            || self.list("allOf").iter().any(|part| part.is_closed(left))
            || (!variants.is_empty() && variants.iter().all(|one| one.types() == ["null"] || one.is_closed(left)))
    }

    fn flag_label(&self) -> String {
        match self.label() {
            label if label == "JSON" && self.is_by_member() => "JSON|NAME=VALUE..".to_owned(),
            label => label,
        }
    }
}

fn members_of(view: &View<'_>, required: &[Value]) -> Vec<Member> {
    let properties = view.schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let says = |schema: &Value| schema.get("readOnly") == Some(&Value::Bool(true));
    // Beside a reference, or behind it.
    let view = view.fresh();
    let given = |property: &Value| !says(property) && !view.at(property).is_some_and(|view| says(view.schema));
    let members = properties.filter(|(_, property)| given(property)).map(|(name, property)| {
        let description = property.get("description").and_then(Value::as_str).unwrap_or("");
        Member {
            name: name.clone(),
            label: view.at(property).map_or_else(|| "TEXT".to_owned(), |view| view.flag_label()),
            required: required.iter().any(|other| other == name),
            description: description.trim().split("\n\n").next().unwrap_or("").to_owned(),
            notes: view.at(property).map(|view| notes_of(&view)).unwrap_or_default(),
        }
    });
    members.collect()
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

    #[test]
    fn a_schema_names_its_values() {
        let names = |schema: Value| choices(&Schema::new(&schema)).join(" ");
        assert_eq!(names(json!({"enum": ["a", 1, null, true, "a"]})), "a 1 true");
        assert_eq!(names(json!({"type": "boolean"})), "true false");
        assert_eq!(names(json!({"type": "boolean", "enum": [true]})), "true");
        assert_eq!(
            names(json!({"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"enum": ["b"]}}})),
            "b"
        );
        assert_eq!(names(json!({"anyOf": [{"const": "c"}, {"allOf": [{"enum": ["d"]}]}, {"type": "string"}]})), "c d");
        assert_eq!(names(json!({"type": "string"})), "");
        let around = json!({"$ref": "#/$defs/x"});
        let many = json!({"$ref": "#/$defs/x", "$defs": {"x": {"enum": ["e"], "oneOf": vec![around; 60]}}});
        assert_eq!(names(many), "e", "in bounded time");
    }

    #[test]
    fn a_person_chooses_where_the_schema_names_all_there_is() {
        let offered = |schema: Value| asked(&schema, &[]).choices.join(" ");
        assert_eq!(offered(json!({"enum": ["a", "b", null]})), "a b");
        assert_eq!(offered(json!({"oneOf": [{"const": "a"}, {"const": "b"}]})), "a b");
        assert_eq!(offered(json!({"anyOf": [{"allOf": [{"enum": ["a"]}]}, {"type": "null"}]})), "a");
        assert_eq!(offered(json!({"type": "array", "items": {"oneOf": [{"const": "a"}, {"const": "b"}]}})), "a b");
        assert_eq!(offered(json!({"anyOf": [{"enum": ["all"]}, {"type": "integer"}]})), "", "an integer is one, too");
        assert_eq!(offered(json!({"type": "boolean"})), "", "that is yes or no");
        let around = json!({"$ref": "#/$defs/x"});
        let wild = json!({"$ref": "#/$defs/x", "$defs": {"x": {"anyOf": vec![around; 60]}}});
        assert_eq!(offered(wild), "", "in bounded time");
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
    fn members_are_found_in_parts_of_parts_and_once() {
        let schema = json!({
            "allOf": [{"allOf": [{"properties": {"a": {"type": "integer"}, "b": {}}}], "required": ["b"]}], "required": ["a"],
            "properties": {"a": {"type": "string", "description": "Told"}}
        });
        let found: Vec<String> = members(&Schema::new(&schema))
            .into_iter()
            .map(|member| format!("{} {} {} {}", member.name, member.label, member.required, member.description))
            .collect();
        assert_eq!(found, ["a TEXT true Told", "b TEXT true "]);
    }
}
