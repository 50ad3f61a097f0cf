//! Which members of a multipart body are files. Pure; reads whole and summarized schemas alike.

use serde_json::Value;

use super::{BodyContent, Tool};
use crate::http::media_type;

/// References in a row that are looked through.
const MAX_HOPS: usize = 8;

/// Parts of a schema that are looked through.
const MAX_PARTS: usize = 32;

/// A member of a multipart body that is a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMember {
    /// Its name.
    pub name: String,
    /// Whether it takes several.
    pub many: bool,
    /// Whether it must be there.
    pub required: bool,
    /// First line of its description; empty in summaries.
    pub description: String,
}

/// The multipart body a tool takes: the first it declares.
pub fn multipart(tool: &Tool) -> Option<&BodyContent> {
    let mut contents = tool.request_body.iter().flat_map(|body| &body.content_types);
    contents.find(|content| media_type(&content.media_type).starts_with("multipart/"))
}

/// The files among the members of a multipart body, in the publisher's order.
pub fn members(content: &BodyContent) -> Vec<FileMember> {
    let Some(root) = content.schema.as_ref().map(super::Schema::value) else { return Vec::new() };
    let mut reading = Reading { root: &root, content, seen: Vec::new(), found: Vec::new(), required: Vec::new() };
    reading.collect(&root);
    let Reading { mut found, required, .. } = reading;
    for member in &mut found {
        member.required = required.contains(&member.name);
    }
    found
}

struct Reading<'a> {
    root: &'a Value,
    content: &'a BodyContent,
    /// Parts by address, so that those that refer to each other do not multiply.
    seen: Vec<usize>,
    found: Vec<FileMember>,
    required: Vec<String>,
}

impl<'a> Reading<'a> {
    fn collect(&mut self, schema: &'a Value) {
        let address = std::ptr::from_ref(schema).addr();
        if self.seen.len() >= MAX_PARTS || self.seen.contains(&address) {
            return;
        }
        self.seen.push(address);
        if let Some(target) = target(self.root, schema) {
            self.collect(target);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part);
        }
        let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.required.extend(names.map(str::to_owned));
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.property(name, property);
        }
    }

    fn property(&mut self, name: &str, property: &'a Value) {
        let encoded = self.content.encoding.get(name).map(|encoding| encoding.content_type.as_str());
        let property = resolved(self.root, property);
        let item = property.get("items").map(|items| resolved(self.root, items));
        let many = item.is_some_and(|item| is_file(item, encoded));
        if (many || is_file(property, encoded)) && !self.found.iter().any(|other| other.name == name) {
            let description = property["description"].as_str().unwrap_or("").trim().lines().next().unwrap_or("");
            let (name, description) = (name.to_owned(), description.to_owned());
            self.found.push(FileMember { name, many, required: false, description });
        }
    }
}

/// OpenAPI 3.0 says `format: binary`; 3.1 a media type without an encoding, or nothing at all beside the part's media type.
fn is_file(schema: &Value, encoded: Option<&str>) -> bool {
    let is_text = match &schema["type"] {
        Value::String(name) => name == "string",
        Value::Array(names) => names.iter().all(|name| name == "string" || name == "null"),
        _ => schema["format"].is_string() || schema["contentMediaType"].is_string(),
    };
    let untyped = schema.as_object().is_some_and(|keywords| {
        keywords.keys().all(|keyword| matches!(keyword.as_str(), "description" | "title" | "example" | "examples"))
    });
    let binary = schema["format"] == "binary"
        || schema["contentMediaType"]
            .as_str()
            .is_some_and(|media| is_bytes(media) && schema["contentEncoding"].is_null());
    (is_text && binary) || (untyped && encoded.is_some_and(is_bytes))
}

/// Whether a part of this media type, of a list or of a range, is no plain text and no JSON.
fn is_bytes(media: &str) -> bool {
    let media = media_type(media.split(',').next().unwrap_or(""));
    !media.is_empty() && media != "text/plain" && !crate::http::is_json(&media)
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..MAX_HOPS {
        match target(root, schema) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn target<'a>(root: &'a Value, schema: &Value) -> Option<&'a Value> {
    root.pointer(schema["$ref"].as_str()?.strip_prefix('#')?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Schema;
    use serde_json::json;

    #[track_caller]
    fn check(schema: &Value, encoding: Value, expected: &[(&str, bool, bool)]) {
        let content = BodyContent {
            media_type: "multipart/form-data".into(),
            schema: Some(Schema::new(schema)),
            encoding: serde_json::from_value(encoding).unwrap(),
            ..BodyContent::default()
        };
        let found = members(&content);
        let found: Vec<_> = found.iter().map(|file| (file.name.as_str(), file.many, file.required)).collect();
        assert_eq!(found, expected, "{schema}");
    }

    #[test]
    fn files_are_told_from_texts() {
        let binary = json!({"type": "string", "format": "binary"});
        let properties = json!({
            "a": binary, "b": {"type": "array", "items": {"$ref": "#/$defs/file"}}, "c": {"type": "string"},
            "d": {"type": "string", "format": "byte"}, "e": {"type": "object"},
        });
        let schema = json!({"type": "object", "properties": properties, "required": ["a"], "$defs": {"file": binary}});
        check(&schema, json!({}), &[("a", false, true), ("b", true, false)]);
        let newer = json!({"properties": {
            "a": {"type": "string", "contentMediaType": "image/png"}, "b": {},
            "c": {"type": "string", "contentMediaType": "image/png", "contentEncoding": "base64"},
            "d": {}, "e": {"type": "string", "contentMediaType": "application/json"}, "f": {"type": ["string", "null"], "format": "binary"},
        }});
        let encoding = json!({"b": {"contentType": "image/png, image/jpeg"}, "d": {"contentType": "application/json"}});
        check(&newer, encoding, &[("a", false, false), ("b", false, false), ("f", false, false)]);
        let parts = json!({"allOf": [{"properties": {"a": binary}}, {"required": ["a"]}]});
        check(&parts, json!({}), &[("a", false, true)]);
        let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
        check(&circle, json!({}), &[]);
    }
}
