//! Requests made from the schemas of tools, for tests and benchmarks that ask every tool of a description.
//!
//! [`request`] gives the members of an `ExecuteRequest`. What it makes depends on nothing but the tool and [`Size`].

use open_cli::catalog::{Parameter, RequestBody, Schema, Tool};
use serde_json::{Map, Value, json};

/// How much of what a schema allows is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// What has to be there.
    Least,
    /// Everything that may be there, some levels deep.
    Most,
}

/// Deeper objects hold only what they have to.
const DEEP: usize = 4;
/// Deeper than any schema that is no circle.
const DEEPEST: usize = 12;

/// Headers that OpenAPI leaves to other parts of a request.
const NOT_PARAMETERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// A request of a tool that its schemas accept.
pub(crate) fn request(tool: &Tool, size: Size) -> Value {
    let path_args: Vec<Value> =
        tool.path_params.iter().map(|parameter| text(&of(parameter, Size::Most)).into()).collect();
    let wanted = |flag: &&Parameter| {
        let name = flag.original_name.to_ascii_lowercase();
        (flag.required || size == Size::Most) && !NOT_PARAMETERS.contains(&name.as_str())
    };
    let flags: Map<String, Value> =
        tool.flags.iter().filter(wanted).map(|flag| (flag.name.clone(), of(flag, size))).collect();
    let mut request = json!({ "toolId": tool.id, "pathArgs": path_args, "flags": flags });
    if let Some(body) = tool.request_body.as_ref().filter(|body| body.required || size == Size::Most) {
        request.as_object_mut().expect("it was made as one").extend(members_of_body(body, size));
    }
    request
}

/// A value that a schema accepts.
pub(crate) fn value(schema: &Value, size: Size) -> Value {
    Sampler { root: schema, size }.value(schema, 0)
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
    let sampler = Sampler { root: schema, size };
    let properties = sampler.flat(schema, 0)["properties"].clone();
    let mut whole = object(value(schema, size));
    let is_file = |name: &String| is_binary(&sampler, &properties[name.as_str()]);
    let named: Vec<String> = whole.keys().filter(|name| is_file(name)).cloned().collect();
    named.iter().for_each(|name| drop(whole.remove(name)));
    // A list of files is the same name several times.
    let times = |name: &str| 1 + usize::from(kind(&sampler.flat(&properties[name], 0)) == "array");
    let all = named.iter().flat_map(|name| std::iter::repeat_n(name, times(name)));
    let file = |name: &String| json!({ "name": name, "fileName": "sample.bin", "content": "c2FtcGxl" });
    let files: Vec<Value> = all.map(file).collect();
    let mut members = object(json!({ "bodyJson": whole }));
    if !files.is_empty() {
        members.insert("files".to_owned(), files.into());
    }
    members
}

fn is_binary(sampler: &Sampler<'_>, schema: &Value) -> bool {
    let flat = sampler.flat(schema, 0);
    let says = |name: &str| flat.get(name).and_then(Value::as_str);
    let items = flat.get("items").is_some_and(|items| is_binary(sampler, items));
    items
        || says("format") == Some("binary")
        || (says("contentMediaType").is_some() && says("contentEncoding").is_none())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

struct Sampler<'a> {
    root: &'a Value,
    size: Size,
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        let flat = self.flat(schema, 0);
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(only) = flat.get("const") {
            return only.clone();
        }
        if let Some(listed) =
            flat.get("enum").and_then(Value::as_array).and_then(|all| all.iter().find(|one| !one.is_null()))
        {
            return listed.clone();
        }
        match kind(&flat) {
            "object" => self.object(&flat, depth),
            "array" => self.array(&flat, depth),
            "integer" | "number" => number(&flat),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => Value::String(string(&flat)),
        }
    }

    /// What a schema says together with what it refers to, all of `allOf`, and the first of `anyOf` and `oneOf`.
    fn flat(&self, schema: &Value, depth: usize) -> Map<String, Value> {
        let mut flat = schema.as_object().cloned().unwrap_or_default();
        if depth > DEEPEST {
            return flat;
        }
        let mut parts = Vec::new();
        if let Some(pointer) =
            flat.remove("$ref").as_ref().and_then(|r| r.as_str()?.strip_prefix('#').map(str::to_owned))
        {
            parts.extend(self.root.pointer(&pointer).cloned());
        }
        if let Some(Value::Array(all)) = flat.remove("allOf") {
            parts.extend(all);
        }
        for name in ["oneOf", "anyOf"] {
            if let Some(Value::Array(some)) = flat.remove(name) {
                let is_null = |part: &&Value| kind(&self.flat(part, depth + 1)) != "null";
                parts.extend(some.iter().find(is_null).cloned());
            }
        }
        for part in parts {
            join(&mut flat, self.flat(&part, depth + 1));
        }
        flat
    }

    fn object(&self, flat: &Map<String, Value>, depth: usize) -> Value {
        let required: Vec<&str> =
            flat.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members = Map::new();
        for (name, property) in flat.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let read_only = self.flat(property, 0).get("readOnly") == Some(&Value::Bool(true));
            let wanted = required.contains(&name.as_str()) || (self.size == Size::Most && depth < DEEP);
            if wanted && !read_only {
                members.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        let more = flat.get("additionalProperties").filter(|more| more.is_object());
        if let Some(more) = more.filter(|_| members.is_empty() && self.size == Size::Most && depth < DEEP) {
            members.insert("sample".to_owned(), self.value(more, depth + 1));
        }
        for name in required {
            if !members.contains_key(name) && flat.get("properties").and_then(|all| all.get(name)).is_none() {
                members.insert(name.to_owned(), "sample".into());
            }
        }
        let least = flat.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        for number in members.len() as u64..least {
            members.insert(format!("sample{number}"), more.map_or("sample".into(), |more| self.value(more, depth + 1)));
        }
        Value::Object(members)
    }

    fn array(&self, flat: &Map<String, Value>, depth: usize) -> Value {
        let bound = |name: &str| flat.get(name).and_then(Value::as_u64);
        let wished = u64::from(self.size == Size::Most && depth < DEEP) * 2;
        let length = wished.min(bound("maxItems").unwrap_or(u64::MAX)).max(bound("minItems").unwrap_or(0));
        let items = flat.get("items").unwrap_or(&Value::Bool(true));
        let one = self.value(items, depth + 1);
        let distinct = |number: u64| match &one {
            Value::String(text) if number > 0 && !self.flat(items, 0).contains_key("enum") && text == "sample" => {
                Value::String(format!("{text}{number}"))
            }
            one => one.clone(),
        };
        let unique = flat.get("uniqueItems") == Some(&Value::Bool(true));
        let mut all: Vec<Value> = (0..length).map(distinct).collect();
        if unique {
            all.dedup();
        }
        Value::Array(all)
    }
}

fn join(into: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (name.as_str(), into.get_mut(&name), value) {
            ("properties", Some(Value::Object(known)), Value::Object(more)) => {
                for (name, value) in more {
                    known.entry(name).or_insert(value);
                }
            }
            ("required", Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            (_, Some(_), _) => {}
            (_, None, value) => drop(into.insert(name, value)),
        }
    }
}

fn kind(flat: &Map<String, Value>) -> &str {
    let named = match flat.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.clone().find(|name| *name != "null").or_else(|| names.next())
        }
        _ => None,
    };
    match named {
        Some(name) => name,
        None if flat.contains_key("properties") || flat.contains_key("required") => "object",
        None if flat.contains_key("items") => "array",
        None => "string",
    }
}

fn number(flat: &Map<String, Value>) -> Value {
    let bound = |name: &str| flat.get(name).and_then(Value::as_f64);
    let above = bound("exclusiveMinimum").map(|least| least + 1.0);
    let least = bound("minimum").or(above).unwrap_or(1.0);
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|most| most - 1.0)).unwrap_or(f64::MAX);
    let step = bound("multipleOf").unwrap_or(1.0);
    let value = (least.max(1.0_f64.min(most)) / step).ceil() * step;
    #[expect(clippy::cast_possible_truncation, reason = "samples are small")]
    if value.fract() == 0.0 { Value::from(value as i64) } else { Value::from(value) }
}

fn string(flat: &Map<String, Value>) -> String {
    let says = |name: &str| flat.get(name).and_then(Value::as_str);
    let bound = |name: &str| flat.get(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
    let sample = says("pattern").and_then(matching).or_else(|| says("format").and_then(formatted)).unwrap_or("sample");
    let mut text = sample.to_owned();
    while text.chars().count() < bound("minLength").unwrap_or(0) {
        text.push('a');
    }
    text.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect()
}

/// Something that has a pattern, for the patterns that occur.
fn matching(pattern: &str) -> Option<&'static str> {
    let known = [
        ("sha256:", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("https://", "https://sample.example/"),
        ("^ssh-", "ssh-ed25519 AAAA"),
        ("{4})*(?:", "c2FtcGxl"),
        ("github", "github"),
    ];
    known.into_iter().find(|(part, _)| pattern.contains(part)).map(|(_, sample)| sample)
}

fn formatted(format: &str) -> Option<&'static str> {
    let known = [
        ("date-time", "2026-01-02T03:04:05Z"),
        ("date", "2026-01-02"),
        ("time", "03:04:05Z"),
        ("uuid", "01234567-89ab-4def-8123-456789abcdef"),
        ("email", "sample@sample.example"),
        ("uri", "https://sample.example/"),
        ("url", "https://sample.example/"),
        ("hostname", "sample.example"),
        ("ipv4", "192.0.2.1"),
        ("ipv6", "2001:db8::1"),
        ("byte", "c2FtcGxl"),
    ];
    known.into_iter().find(|(name, _)| *name == format).map(|(_, sample)| sample)
}
