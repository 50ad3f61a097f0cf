//! Requests made from the schemas of tools, for tests and benchmarks that ask every tool of a description.
//!
//! [`request`] gives the members of an `ExecuteRequest`. What it makes depends on nothing but the tool and [`Size`].

use open_cli::catalog::{Parameter, RequestBody, Schema, Tool};
use serde_json::{Map, Value, json};

mod values;

pub(crate) use values::{Sampler, Size};

/// Headers that OpenAPI leaves to other parts of a request.
const NOT_PARAMETERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// A request of a tool that its schemas accept.
pub(crate) fn request(tool: &Tool, size: Size) -> Value {
    let path_args: Vec<Value> =
        tool.path_params.iter().map(|parameter| text(&of(parameter, Size::Maximal)).into()).collect();
    let wanted = |flag: &&Parameter| {
        let name = flag.original_name.to_ascii_lowercase();
        (flag.required || size == Size::Maximal) && !NOT_PARAMETERS.contains(&name.as_str())
    };
    let flags: Map<String, Value> =
        tool.flags.iter().filter(wanted).map(|flag| (flag.name.clone(), of(flag, size))).collect();
    let mut request = json!({ "toolId": tool.id, "pathArgs": path_args, "flags": flags });
    if let Some(body) = tool.request_body.as_ref().filter(|body| body.required || size == Size::Maximal) {
        request.as_object_mut().expect("it was made as one").extend(members_of_body(body, size));
    }
    request
}

/// A value that a schema accepts.
pub(crate) fn value(schema: &Value, size: Size) -> Value {
    Sampler::new(schema, size).value()
}

/// A scalar as people write it, anything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn of(parameter: &Parameter, size: Size) -> Value {
    value(&parameter.schema.as_ref().map_or(Value::Bool(true), Schema::value), size)
}

fn members_of_body(body: &RequestBody, size: Size) -> Map<String, Value> {
    let Some(content) = body.content_types.first() else { return object(json!({ "bodyJson": {} })) };
    let schema = content.schema.as_ref().map_or(Value::Bool(true), Schema::value);
    let media = content.media_type.to_ascii_lowercase();
    let mut members = if media.contains("json") || media.contains("form-urlencoded") {
        object(json!({ "bodyJson": value(&schema, size) }))
    } else if media.starts_with("multipart/") {
        parts(&schema, size)
    } else if media.starts_with("text/") || media.contains("xml") {
        object(json!({ "bodyText": "sample" }))
    } else {
        object(json!({ "body": "c2FtcGxl" }))
    };
    let concrete = if content.media_type.contains('*') { "image/png" } else { &content.media_type };
    members.insert("contentType".to_owned(), concrete.into());
    members
}

/// Binary members as files, all others as JSON.
fn parts(schema: &Value, size: Size) -> Map<String, Value> {
    let properties = whole(schema, schema)["properties"].clone();
    let mut members = object(value(schema, size));
    let is_file = |name: &String| is_binary(schema, &properties[name.as_str()]);
    let named: Vec<String> = members.keys().filter(|name| is_file(name)).cloned().collect();
    named.iter().for_each(|name| drop(members.remove(name)));
    // A list of files is the same name several times.
    let times = |name: &str| 1 + usize::from(whole(schema, &properties[name]).get("type") == Some(&"array".into()));
    let all = named.iter().flat_map(|name| std::iter::repeat_n(name, times(name)));
    let file = |name: &String| json!({ "name": name, "fileName": "sample.bin", "content": "c2FtcGxl" });
    let files: Vec<Value> = all.map(file).collect();
    let mut request = object(json!({ "bodyJson": members }));
    if !files.is_empty() {
        request.insert("files".to_owned(), files.into());
    }
    request
}

fn is_binary(root: &Value, schema: &Value) -> bool {
    let flat = whole(root, schema);
    let says = |name: &str| flat.get(name).and_then(Value::as_str);
    let items = flat.get("items").is_some_and(|items| is_binary(root, items));
    items
        || says("format") == Some("binary")
        || (says("contentMediaType").is_some() && says("contentEncoding").is_none())
}

/// What a schema inside of another says, with what it refers to there.
fn whole(root: &Value, schema: &Value) -> Map<String, Value> {
    let mut schema = schema.clone();
    if let (Some(keywords), Some(defs)) = (schema.as_object_mut(), root.get("$defs")) {
        keywords.insert("$defs".to_owned(), defs.clone());
    }
    Sampler::new(&schema, Size::Minimal).whole(&schema)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
