//! Tools as a command line needs them: without long descriptions, whole body schemas and guidance. How an answer is shown
//! stays: a command line that does not know the redactions would print them.
//!
//! What stays of a schema is what a flag is parsed and completed by: type, format, enum, default, bounds, and for JSON object
//! bodies the names of the top-level scalar properties, for multipart ones of all. References and one-way unions are looked through.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{BodyContent, Parameter, RequestBody, Schema, Tool};
use crate::base::members::{Members, items};
use crate::http;

/// How many references and unions in a row are looked through.
const MAX_HOPS: usize = 8;

/// Keywords that stay; the last two tell files apart.
const KEPT: [&str; 8] =
    ["type", "format", "enum", "default", "minimum", "maximum", "contentMediaType", "contentEncoding"];

/// How many properties of a body are kept.
const MAX_PROPERTIES: usize = 200;

/// The summary of a tool.
pub fn tool(tool: &Tool) -> Tool {
    Tool {
        id: tool.id.clone(),
        service_id: tool.service_id.clone(),
        operation_id: tool.operation_id.clone(),
        method: tool.method.clone(),
        path: tool.path.clone(),
        group: tool.group.clone(),
        command: tool.command.clone(),
        aliases: tool.aliases.clone(),
        summary: tool.summary.clone(),
        description: String::new(),
        hidden: tool.hidden,
        deprecated: tool.deprecated,
        path_params: tool.path_params.iter().map(parameter).collect(),
        flags: tool.flags.iter().map(parameter).collect(),
        request_body: tool.request_body.as_ref().map(body),
        auth_alternatives: tool.auth_alternatives.clone(),
        auth: tool.auth.clone(),
        safety: tool.safety,
        output: tool.output.clone(),
        pagination: tool.pagination.clone(),
        retry: tool.retry.clone(),
        guidance: None,
        servers: tool.servers.clone(),
        backend: tool.backend.clone(),
    }
}

fn parameter(parameter: &Parameter) -> Parameter {
    let schema = parameter.schema.as_ref().and_then(|schema| {
        let root = Members::of(schema.as_json())?;
        let defs = definitions(&root);
        let brief = brief(&root, &defs, MAX_HOPS);
        (!brief.is_empty()).then(|| Schema::new(&Value::Object(brief)))
    });
    Parameter {
        name: parameter.name.clone(),
        original_name: parameter.original_name.clone(),
        location: parameter.location,
        required: parameter.required,
        schema,
        description: String::new(),
        style: parameter.style,
        explode: parameter.explode,
        allow_reserved: parameter.allow_reserved,
        content_type: parameter.content_type.clone(),
        deprecated: parameter.deprecated,
        example: None,
    }
}

fn body(body: &RequestBody) -> RequestBody {
    let content_types = body.content_types.iter().map(|content| {
        let media = http::media_type(&content.media_type);
        let multipart = media.starts_with("multipart/");
        let schema = content.schema.as_ref().filter(|_| multipart || http::is_json(&media));
        BodyContent {
            media_type: content.media_type.clone(),
            schema: schema.and_then(|schema| object_body(schema, multipart)),
            encoding: if multipart { content.encoding.clone() } else { BTreeMap::new() },
            example: None,
        }
    });
    RequestBody { required: body.required, content_types: content_types.collect() }
}

/// `{"type":"object","properties":{..scalars..},"required":[..]}`; `None` when the schema describes no object. Of a multipart body
/// all properties are kept, since any may be a file.
fn object_body(schema: &Schema, multipart: bool) -> Option<Schema> {
    let root = Members::of(schema.as_json())?;
    let defs = definitions(&root);
    let mut found = Found { multipart, properties: Map::new(), required: Vec::new() };
    found.collect(&root, &defs, MAX_HOPS);
    let Found { properties, mut required, .. } = found;
    if properties.is_empty() {
        return None;
    }
    required.retain(|name| properties.contains_key(name));
    let mut slim = Map::new();
    slim.insert("type".to_owned(), "object".into());
    slim.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        slim.insert("required".to_owned(), required.into());
    }
    Some(Schema::new(&Value::Object(slim)))
}

fn definitions<'a>(root: &Members<'a>) -> Members<'a> {
    root.get("$defs").and_then(|defs| Members::of(defs.get())).unwrap_or_default()
}

/// What an object schema says of its properties.
struct Found {
    multipart: bool,
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl Found {
    fn collect(&mut self, schema: &Members<'_>, defs: &Members<'_>, hops: usize) {
        if hops == 0 {
            return;
        }
        if let Some(target) = referenced(schema, defs) {
            self.collect(&target, defs, hops - 1);
        }
        for part in schema.get("allOf").and_then(|all| items(all.get())).unwrap_or_default() {
            if let Some(part) = Members::of(part.get()) {
                self.collect(&part, defs, hops - 1);
            }
        }
        if let Some(names) = schema.value("required") {
            let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.for_each(|name| self.required.push(name.to_owned()));
        }
        self.required.sort();
        self.required.dedup();
        let properties = schema.get("properties").and_then(|all| Members::of(all.get())).unwrap_or_default();
        for (name, property) in properties.iter() {
            if self.properties.len() >= MAX_PROPERTIES {
                return;
            }
            let Some(property) = Members::of(property.get()) else { continue };
            // The server fills in what is read-only; it is no input.
            if property.boolean("readOnly") != Some(true) {
                self.property(name, &property, defs);
            }
        }
    }

    fn property(&mut self, name: &str, property: &Members<'_>, defs: &Members<'_>) {
        let brief = brief(property, defs, MAX_HOPS);
        if self.multipart || is_scalar(&brief) {
            self.properties.insert(name.to_owned(), brief.into());
        }
    }
}

fn is_scalar(brief: &Map<String, Value>) -> bool {
    let scalar = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "number" | "boolean" | "null"));
    match brief.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().all(scalar),
        Some(kind) => scalar(kind),
        None => brief.contains_key("enum"),
    }
}

/// The keywords a flag is read by.
fn brief(schema: &Members<'_>, defs: &Members<'_>, hops: usize) -> Map<String, Value> {
    let mut out = match looked_through(schema, defs) {
        Some(target) if hops > 0 => brief(&target, defs, hops - 1),
        _ => Map::new(),
    };
    for keyword in KEPT {
        if let Some(value) = schema.value(keyword) {
            out.insert(keyword.to_owned(), value);
        }
    }
    if let Some(value) = schema.value("const") {
        out.insert("enum".to_owned(), Value::Array(vec![value]));
    }
    if hops > 0
        && let Some(item) = schema.get("items").and_then(|items| Members::of(items.get()))
    {
        let item: Map<String, Value> = brief(&item, defs, 1)
            .into_iter()
            .filter(|(keyword, _)| !matches!(keyword.as_str(), "default" | "minimum" | "maximum" | "items"))
            .collect();
        if !item.is_empty() {
            out.insert("items".to_owned(), item.into());
        }
    }
    out
}

fn referenced<'a>(schema: &Members<'a>, defs: &Members<'a>) -> Option<Members<'a>> {
    let reference = schema.string("$ref")?;
    Members::of(defs.get(reference.strip_prefix("#/$defs/")?)?.get())
}

/// Behind a reference, or the only branch of a union that is not `null`.
fn looked_through<'a>(schema: &Members<'a>, defs: &Members<'a>) -> Option<Members<'a>> {
    if let Some(target) = referenced(schema, defs) {
        return Some(target);
    }
    ["allOf", "anyOf", "oneOf"].into_iter().find_map(|keyword| {
        let branches = items(schema.get(keyword)?.get())?.into_iter().filter_map(|branch| Members::of(branch.get()));
        let mut real = branches.filter(|branch| branch.string("type").as_deref() != Some("null"));
        let only = real.next()?;
        real.next().is_none().then_some(only)
    })
}
