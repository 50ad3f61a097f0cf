//! A value that a schema allows, as a person would write it: the publisher's own example first, else the smallest.
//!
//! Whatever a schema says, this takes bounded time and ends; what cannot be made within the bounds is `None`.

use serde_json::{Map, Value, json};

use crate::execute::check;

/// Objects and lists below one another.
const MAX_DEPTH: usize = 8;

/// References and parts in a row.
const MAX_HOPS: usize = 16;

/// Schemas that are looked at for one value.
const MAX_STEPS: usize = 500;

/// Items of a list.
const MAX_ITEMS: usize = 20;

/// Characters of a publisher's example inside a value.
const MAX_EXAMPLE: usize = 200;

/// Texts that patterns of real descriptions match.
const TEXTS: &[&str] = &[
    "abc",
    "ABC",
    "a1",
    "1",
    "12345",
    "a-b",
    "#a1b2c3",
    "2024-02-29",
    "2024-02-29T12:00:00Z",
    "0123456789abcdef0123456789abcdef01234567",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "123e4567-e89b-42d3-a456-426614174000",
    "someone@example.com",
    "https://example.com/a",
    "refs/heads/main",
    "/etc/hosts",
    "1.2.3",
    "+12345678901",
    "ssh-ed25519 AAAA",
];

/// A value for what is called `name`.
pub(super) fn value(schema: &Value, name: &str) -> Option<Value> {
    Maker { root: schema, steps: 0 }.of(schema, name, 0)
}

/// A path argument: as [`value`], but no object is empty, since that would leave nothing in its place.
pub(super) fn argument(schema: &Value, name: &str) -> Option<Value> {
    let value = value(schema, name)?;
    if value.as_object().is_none_or(|members| !members.is_empty()) {
        return Some(value);
    }
    let shown = Maker { root: schema, steps: 0 }.first_scalar(schema);
    Some(shown.unwrap_or_else(|| json!({ "key": "value" })))
}

/// A body: as [`value`], but an object that may be empty shows its first members.
pub(super) fn body(schema: &Value) -> Option<Value> {
    let mut maker = Maker { root: schema, steps: 0 };
    let value = maker.of(schema, "body", 0)?;
    if value.as_object().is_none_or(|members| !members.is_empty()) {
        return Some(value);
    }
    let shown = maker.first_scalar(schema).filter(|shown| allows(schema, shown));
    Some(shown.unwrap_or(value))
}

/// Whether the schema allows the value.
pub(super) fn allows(schema: &Value, value: &Value) -> bool {
    check::allows(schema.clone(), value)
}

/// Whether the schema allows what these texts stand for: one value, or the items of a list.
pub(super) fn fits(schema: &Value, texts: &[String]) -> bool {
    let read = |text: &String| {
        let plain = Value::from(text.as_str());
        let parsed = serde_json::from_str::<Value>(text).unwrap_or_else(|_| plain.clone());
        [plain, parsed]
    };
    let lists = [0, 1].map(|at| Value::Array(texts.iter().map(|text| read(text)[at].clone()).collect()));
    let single = if let [one] = texts { read(one).to_vec() } else { Vec::new() };
    lists.into_iter().chain(single).any(|value| allows(schema, &value))
}

struct Maker<'a> {
    root: &'a Value,
    steps: usize,
}

impl<'a> Maker<'a> {
    fn of(&mut self, schema: &Value, name: &str, depth: usize) -> Option<Value> {
        self.steps += 1;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS {
            return None;
        }
        let whole = gathered(self.root, schema, 0);
        if let Some(value) = chosen(&whole) {
            return Some(value);
        }
        match kind(&whole) {
            "object" => self.object(&whole, depth),
            "array" => self.array(&whole, name, depth),
            "integer" | "number" => Some(number(&whole)),
            "boolean" => Some(true.into()),
            "null" => Some(Value::Null),
            _ => Some(text(&whole, name)),
        }
    }

    fn object(&mut self, whole: &Map<String, Value>, depth: usize) -> Option<Value> {
        let required: Vec<&str> =
            whole.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let nothing = Map::new();
        let properties = whole.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let mut made = Map::new();
        for (name, property) in properties.iter().filter(|(name, _)| required.contains(&name.as_str())) {
            // The server fills it in.
            if !is_read_only(self.root, property) {
                made.insert(name.clone(), self.of(property, name, depth + 1)?);
            }
        }
        for name in required.iter().filter(|name| !properties.contains_key(**name)) {
            made.insert((*name).to_owned(), json!(name));
        }
        let least = whole.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        for (name, property) in properties {
            if (made.len() as u64) < least && !made.contains_key(name) && !is_read_only(self.root, property) {
                made.insert(name.clone(), self.of(property, name, depth + 1)?);
            }
        }
        if (made.len() as u64) < least {
            let extra = whole.get("additionalProperties").cloned().unwrap_or(Value::Bool(true));
            made.insert("key".to_owned(), self.of(&extra, "value", depth + 1)?);
        }
        Some(made.into())
    }

    /// The first members that are plain values.
    fn first_scalar(&mut self, schema: &Value) -> Option<Value> {
        let whole = gathered(self.root, schema, 0);
        let properties = whole.get("properties").and_then(Value::as_object)?;
        for (name, property) in properties.iter().take(MAX_ITEMS) {
            let plain = matches!(kind(&gathered(self.root, property, 0)), "string" | "integer" | "number" | "boolean");
            if plain && !is_read_only(self.root, property) {
                return Some(json!({ name: self.of(property, name, 1)? }));
            }
        }
        None
    }

    fn array(&mut self, whole: &Map<String, Value>, name: &str, depth: usize) -> Option<Value> {
        let count = |keyword: &str| whole.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let least = count("minItems").unwrap_or(0);
        let wanted = least.max(1).min(count("maxItems").unwrap_or(usize::MAX));
        if wanted > MAX_ITEMS {
            return None;
        }
        let items = whole.get("items").cloned().unwrap_or(Value::Bool(true));
        let Some(one) = self.of(&items, name, depth + 1) else { return (least == 0).then(|| json!([])) };
        Some(Value::Array(vec![one; wanted]))
    }
}

/// The keywords of a schema, of what it refers to, of its parts, and of its first alternative that is not `null`.
fn gathered(root: &Value, schema: &Value, hops: usize) -> Map<String, Value> {
    let mut all = Map::new();
    let Some(keywords) = schema.as_object().filter(|_| hops < MAX_HOPS) else { return all };
    let mut parts: Vec<&Value> = keywords.get("allOf").and_then(Value::as_array).into_iter().flatten().collect();
    let reference = keywords.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    parts.extend(reference.and_then(|pointer| root.pointer(pointer)));
    for keyword in ["anyOf", "oneOf"] {
        let mut alternatives = keywords.get(keyword).and_then(Value::as_array).into_iter().flatten();
        parts.extend(alternatives.find(|part| part["type"] != "null"));
    }
    for part in parts {
        merge(&mut all, gathered(root, part, hops + 1));
    }
    let own =
        keywords.iter().filter(|(name, _)| !matches!(name.as_str(), "allOf" | "anyOf" | "oneOf" | "$ref" | "$defs"));
    merge(&mut all, own.map(|(name, value)| (name.clone(), value.clone())).collect());
    all
}

/// Members and lists of names add up; of the rest the later counts.
fn merge(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (name.as_str(), all.get_mut(&name), value) {
            ("properties", Some(Value::Object(known)), Value::Object(new)) => known.extend(new),
            ("required", Some(Value::Array(known)), Value::Array(new)) => known.extend(new),
            (_, _, value) => drop(all.insert(name, value)),
        }
    }
}

fn is_read_only(root: &Value, schema: &Value) -> bool {
    gathered(root, schema, 0).get("readOnly") == Some(&Value::Bool(true))
}

/// What the publisher wrote down: `const`, an example, the default, the first of an enumeration.
fn chosen(whole: &Map<String, Value>) -> Option<Value> {
    let examples = whole.get("examples").and_then(Value::as_array).into_iter().flatten();
    let enumerated = whole.get("enum").and_then(Value::as_array).into_iter().flatten();
    let said = whole.get("const").into_iter().chain(whole.get("example")).chain(examples);
    let all = said.chain(whole.get("default")).chain(enumerated).filter(|value| is_told(value));
    let plain = matches!(kind(whole), "object" | "array");
    let mut fitting = all.filter(|value| allows(&Value::Object(without_references(whole, plain)), value));
    fitting.next().cloned()
}

/// Whether it is something to show.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => {
            !text.is_empty() && text.chars().count() <= MAX_EXAMPLE && !text.chars().any(char::is_control)
        }
        Value::Array(items) => !items.is_empty() && value.to_string().len() <= MAX_EXAMPLE,
        Value::Object(members) => !members.is_empty() && value.to_string().len() <= MAX_EXAMPLE,
        _ => true,
    }
}

/// Keywords that a value can be held to without what references lead to.
fn without_references(whole: &Map<String, Value>, nested: bool) -> Map<String, Value> {
    let inner = [
        "properties",
        "items",
        "additionalProperties",
        "patternProperties",
        "prefixItems",
        "not",
        "if",
        "then",
        "else",
    ];
    let kept = whole.iter().filter(|(name, _)| !(nested && inner.contains(&name.as_str())));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn kind(whole: &Map<String, Value>) -> &str {
    match whole.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null")
        }
        _ if whole.contains_key("properties") => "object",
        _ if whole.contains_key("items") => "array",
        _ => "string",
    }
}

fn number(whole: &Map<String, Value>) -> Value {
    let bound = |keyword: &str| whole.get(keyword).and_then(Value::as_f64);
    let integer = kind(whole) == "integer";
    let above = bound("exclusiveMinimum").map(|edge| if integer { edge.floor() + 1.0 } else { edge + 1.0 });
    let below = bound("exclusiveMaximum").map(|edge| if integer { edge.ceil() - 1.0 } else { edge - 1.0 });
    let least = bound("minimum").or(above);
    let most = bound("maximum").or(below);
    let step = bound("multipleOf").filter(|step| *step > 0.0);
    let wished = match (least, most) {
        (Some(least), _) if least > 1.0 => least,
        (_, Some(most)) if most < 1.0 => most,
        _ => 1.0,
    };
    let wished = step.map_or(wished, |step| (wished / step).ceil() * step);
    if wished.fract() == 0.0 && wished.abs() < 9e15 { json!(wished as i64) } else { json!(wished) }
}

/// A text: by its format, else its own name, else what its pattern and length want.
fn text(whole: &Map<String, Value>, name: &str) -> Value {
    let rules = ["pattern", "minLength", "maxLength"].iter().any(|keyword| whole.contains_key(*keyword));
    let schema = Value::Object(without_references(whole, false));
    let fits = |text: &str| !rules || allows(&schema, &text.into());
    let formatted = whole.get("format").and_then(Value::as_str).and_then(formatted);
    let named: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(40).collect();
    let named = Some(named).filter(|name| !name.is_empty());
    let candidates = formatted.into_iter().chain(named.as_deref()).chain(TEXTS.iter().copied());
    let least = whole.get("minLength").and_then(Value::as_u64).unwrap_or(1).clamp(1, 200);
    let filled = "x".repeat(usize::try_from(least).unwrap_or(1));
    let mut candidates = candidates.chain([filled.as_str()]);
    candidates.find(|text| fits(text)).unwrap_or(name).into()
}

fn formatted(format: &str) -> Option<&'static str> {
    let known = [
        ("date-time", "2024-02-29T12:00:00Z"),
        ("date", "2024-02-29"),
        ("time", "12:00:00Z"),
        ("duration", "PT1H"),
        ("uuid", "123e4567-e89b-42d3-a456-426614174000"),
        ("email", "someone@example.com"),
        ("uri", "https://example.com/a"),
        ("url", "https://example.com/a"),
        ("hostname", "example.com"),
        ("ipv4", "192.0.2.1"),
        ("ipv6", "2001:db8::1"),
        ("byte", "c2FtcGxl"),
    ];
    known.into_iter().find(|(name, _)| *name == format).map(|(_, text)| text)
}
