//! One schema to a template: its text, with gaps where references stand.
//!
//! Which keywords hold schemas, which hold data, and what OpenAPI 3.0 ignores beside a reference is decided here; names of
//! definitions are filled in by `schemas`.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::document::Version;
use super::refs::{Node, Scope};
use super::schemas::Schemas;
use super::swagger2;
use crate::base::json;

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];

/// Keywords whose value has schemas as members.
const NAMED: &[&str] = &["dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Keywords that name or hold schemas for references; references point to our own `$defs` instead.
const DROPPED: &[&str] =
    &["$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema", "$vocabulary", "definitions"];

/// What may stand beside `$ref` in OpenAPI 3.0 without changing what is valid; the rest is ignored there.
const ANNOTATIONS: &[&str] = &["deprecated", "description", "example", "summary", "title"];

/// A schema's text with gaps.
#[derive(Default)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// About the bytes it will have.
    pub(super) size: usize,
}

enum Part {
    Text(String),
    /// `"#/$defs/<name of this target>"`.
    Reference(usize),
}

impl Template {
    /// The template of the schema that is the tree at `node`.
    pub(super) fn of<'r>(schemas: &Schemas<'r>, node: &Node<'r>, value: &Value) -> Self {
        let mut writer = Writer::new(schemas, node);
        writer.schema(value, &node.scope);
        writer.template
    }

    /// The template of a schema whose keywords stand among other members of the object at `node`.
    pub(super) fn of_keywords<'r>(schemas: &Schemas<'r>, node: &Node<'r>, keywords: &Map<String, Value>) -> Self {
        let mut writer = Writer::new(schemas, node);
        writer.object(keywords, &node.scope);
        writer.template
    }

    /// The template of an object's schema whose properties have these templates.
    pub(super) fn of_properties(properties: Vec<(String, Self)>, required: &[String]) -> Self {
        let mut whole = Self::default();
        whole.push("{\"type\":\"object\",\"properties\":{");
        for (nth, (name, property)) in properties.into_iter().enumerate() {
            whole.push(if nth > 0 { "," } else { "" });
            whole.with_text(|text| json::write_string(&name, text));
            whole.push(":");
            whole.size += property.size;
            whole.parts.extend(property.parts);
        }
        whole.push("}");
        if !required.is_empty() {
            whole.push(&format!(",\"required\":{}", Value::from(required)));
        }
        whole.push("}");
        whole
    }

    fn push(&mut self, text: &str) {
        self.with_text(|last| last.push_str(text));
    }

    /// Appends to the text at the end.
    fn with_text(&mut self, write: impl FnOnce(&mut String)) {
        if !matches!(self.parts.last(), Some(Part::Text(_))) {
            self.parts.push(Part::Text(String::new()));
        }
        if let Some(Part::Text(text)) = self.parts.last_mut() {
            let before = text.len();
            write(text);
            self.size += text.len() - before;
        }
    }

    /// The schema that accepts everything.
    pub(super) fn anything() -> Self {
        Self { parts: vec![Part::Text("{}".to_owned())], size: 2 }
    }

    pub(super) fn references(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(target) => Some(*target),
            Part::Text(_) => None,
        })
    }

    pub(super) fn write(&self, names: &HashMap<usize, Rc<str>>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Reference(target) => {
                    out.push_str("\"#/$defs/");
                    out.push_str(names.get(target).map_or("", |name| name));
                    out.push('"');
                }
            }
        }
    }
}

/// Writes one schema into a template.
struct Writer<'w, 'r> {
    schemas: &'w Schemas<'r>,
    node: &'w Node<'r>,
    version: Version,
    /// Where the present subschema stands.
    pointer: String,
    template: Template,
}

impl<'w, 'r> Writer<'w, 'r> {
    fn new(schemas: &'w Schemas<'r>, node: &'w Node<'r>) -> Self {
        let version = schemas.reading.version(node);
        Self { schemas, node, version, pointer: node.pointer.clone(), template: Template::default() }
    }

    fn push(&mut self, text: &str) {
        self.template.push(text);
    }

    fn data(&mut self, value: &Value) {
        self.template.with_text(|text| json::write_value(value, text));
    }

    fn name(&mut self, first: &mut bool, name: &str) {
        if !std::mem::take(first) {
            self.push(",");
        }
        self.template.with_text(|text| json::write_string(name, text));
        self.push(":");
    }

    /// Does `write` at a place below this one.
    fn at(&mut self, token: &str, write: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&json::escape_token(token));
        write(self);
        self.pointer.truncate(length);
    }

    fn schema(&mut self, value: &Value, scope: &Scope) {
        match value {
            Value::Object(keywords) => self.object(keywords, scope),
            Value::Bool(_) => self.data(value),
            // `null` and other slips say nothing.
            _ => self.push("{}"),
        }
    }

    fn object(&mut self, keywords: &Map<String, Value>, outer: &Scope) {
        let inner = self.own_scope(keywords, outer);
        let scope = inner.as_ref().unwrap_or(outer);
        let mut first = true;
        self.push("{");
        let reference = self.reference(keywords, scope);
        if let Some(target) = reference {
            self.name(&mut first, "$ref");
            self.refer(target);
        }
        let annotations_only = reference.is_some() && self.version <= Version::V30;
        for (keyword, value) in keywords {
            let dropped =
                DROPPED.contains(&keyword.as_str()) && !matches!((keyword.as_str(), value), ("$ref", Value::Object(_)));
            if dropped || (annotations_only && !ANNOTATIONS.contains(&keyword.as_str())) {
                continue;
            }
            if self.version <= Version::V30 && self.older(keywords, keyword, value, &mut first) {
                continue;
            }
            self.name(&mut first, keyword);
            self.at(keyword, |writer| writer.keyword(keyword, value, scope));
        }
        self.push("}");
    }

    /// What OpenAPI 3.0 and Swagger 2.0 write in their own ways, as JSON Schema 2020-12 does: `nullable`, and exclusive bounds as
    /// booleans. Whether the keyword is done with.
    fn older(&mut self, keywords: &Map<String, Value>, keyword: &str, value: &Value, first: &mut bool) -> bool {
        if self.version == Version::V20
            && let Some(modern) = swagger2::modern(keywords, keyword, value)
        {
            for (keyword, value) in modern {
                self.name(first, keyword);
                self.data(&value);
            }
            return true;
        }
        let is_true = |keyword: &str| keywords.get(keyword) == Some(&Value::Bool(true));
        // The specification defines `nullable` only beside a type; elsewhere it stays as it is.
        let nullable = (is_true("nullable") || (self.version == Version::V20 && is_true("x-nullable")))
            && keywords.get("type").is_some_and(Value::is_string);
        let modern = match (keyword, value) {
            ("type", name) if nullable => Value::from(vec![name.clone(), "null".into()]),
            ("enum", Value::Array(values)) if nullable && !values.contains(&Value::Null) => {
                values.iter().cloned().chain([Value::Null]).collect()
            }
            ("nullable" | "x-nullable", _) if nullable => return true,
            ("minimum", _) if is_true("exclusiveMinimum") => return true,
            ("maximum", _) if is_true("exclusiveMaximum") => return true,
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(exclusive)) => {
                let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
                match keywords.get(bound).filter(|_| *exclusive) {
                    Some(bound) => bound.clone(),
                    None => return true,
                }
            }
            _ => return false,
        };
        self.name(first, keyword);
        self.data(&modern);
        true
    }

    /// A schema with an `$id` of its own is a resource of its own.
    fn own_scope(&self, keywords: &Map<String, Value>, outer: &Scope) -> Option<Scope> {
        let id = keywords.get("$id")?.as_str()?;
        let base = outer.base.join(id).ok()?.document();
        let named = base != *outer.base && !self.pointer.is_empty();
        named.then(|| Scope { document: outer.document, base: Rc::new(base), root: self.pointer.as_str().into() })
    }

    fn reference(&mut self, keywords: &Map<String, Value>, scope: &Scope) -> Option<usize> {
        let reference = ["$ref", "$dynamicRef"].into_iter().find_map(|keyword| keywords.get(keyword)?.as_str())?;
        match self.schemas.reading.follow(scope, reference) {
            Ok(node) => Some(self.schemas.target(node)),
            Err(error) => {
                let mut here = self.node.clone();
                here.pointer.clone_from(&self.pointer);
                self.schemas.warn(&here, &format!("{error}; any value is accepted there"));
                None
            }
        }
    }

    fn refer(&mut self, target: usize) {
        self.template.size += 24;
        self.template.parts.push(Part::Reference(target));
    }

    fn keyword(&mut self, keyword: &str, value: &Value, scope: &Scope) {
        match value {
            Value::Array(list) if LIST.contains(&keyword) => {
                self.push("[");
                for (nth, item) in list.iter().enumerate() {
                    if nth > 0 {
                        self.push(",");
                    }
                    self.at(&nth.to_string(), |writer| writer.schema(item, scope));
                }
                self.push("]");
            }
            Value::Object(_) | Value::Bool(_) if ONE.contains(&keyword) => self.schema(value, scope),
            Value::Object(members) if NAMED.contains(&keyword) => self.named(keyword, members, scope),
            Value::Object(members) if keyword == "discriminator" => self.discriminator(members, scope),
            data => self.data(data),
        }
    }

    fn named(&mut self, keyword: &str, members: &Map<String, Value>, scope: &Scope) {
        let mut first = true;
        self.push("{");
        for (name, value) in members {
            self.name(&mut first, name);
            match value {
                // The older form of `dependentRequired`.
                Value::Array(_) if keyword == "dependencies" => self.data(value),
                value => self.at(name, |writer| writer.schema(value, scope)),
            }
        }
        self.push("}");
    }

    /// OpenAPI's hint which branch applies: its mapping names components or refers to schemas.
    fn discriminator(&mut self, members: &Map<String, Value>, scope: &Scope) {
        let mut first = true;
        self.push("{");
        for (name, value) in members {
            self.name(&mut first, name);
            match value {
                Value::Object(mapping) if name == "mapping" => self.mapping(mapping, scope),
                data => self.data(data),
            }
        }
        self.push("}");
    }

    fn mapping(&mut self, mapping: &Map<String, Value>, scope: &Scope) {
        let reading = self.schemas.reading;
        let mut first = true;
        self.push("{");
        for (value, target) in mapping {
            let Some(written) = target.as_str() else { continue };
            let component = format!("#/components/schemas/{}", json::escape_token(written));
            let named = if written.contains(['/', '#']) { None } else { reading.follow(scope, &component).ok() };
            let Some(node) = named.or_else(|| reading.follow(scope, written).ok()) else { continue };
            let target = self.schemas.target(node);
            self.name(&mut first, value);
            self.refer(target);
        }
        self.push("}");
    }
}

/// A token of a pointer that says nothing about the schema behind it.
pub(super) fn is_keyword(token: &str) -> bool {
    token == "schema"
        || ONE.contains(&token)
        || LIST.contains(&token)
        || NAMED.contains(&token)
        || token.bytes().all(|byte| byte.is_ascii_digit())
}
