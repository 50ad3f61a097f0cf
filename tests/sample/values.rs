//! Values made from schemas: the smallest, and one with everything in it. The same again for the same schema.

use serde_json::{Map, Value, json};

/// How much is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// What is required.
    Minimal,
    /// Every member, a few items.
    Maximal,
}

/// Members below one another; deeper only what is required.
const MAX_DEPTH: usize = 4;

/// Where even that has no end.
const MAX_REQUIRED: usize = 12;

/// Texts that patterns of real descriptions match.
const TEXTS: &[&str] = &[
    "a b/c",
    "abc",
    "ABC",
    "a",
    "1",
    "12345",
    "a1",
    "a-b",
    "#a1b2c3",
    "a1b2c3",
    "2024-02-29",
    "2024-02-29T12:00:00Z",
    "0123456789abcdef0123456789abcdef01234567",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "123e4567-e89b-12d3-a456-426614174000",
    "someone@example.com",
    "https://example.com/a?b=c",
    "refs/heads/main",
    "/etc/hosts",
    "1.2.3",
    "+12345678901",
    "ssh-ed25519 AAAA",
    "c2FtcGxl",
    "github",
];

pub(crate) struct Sampler<'a> {
    root: &'a Value,
    size: Size,
    /// Whether something could not be made to fit.
    pub(crate) unsure: bool,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(root: &'a Value, size: Size) -> Self {
        Self { root, size, unsure: false }
    }

    pub(crate) fn value(&mut self) -> Value {
        self.of(self.root, 0)
    }

    fn of(&mut self, schema: &'a Value, depth: usize) -> Value {
        if depth > MAX_REQUIRED {
            self.unsure = true;
            return Value::Null;
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(value) = schema["enum"].as_array().and_then(|values| values.iter().find(|value| !value.is_null())) {
            return value.clone();
        }
        let whole = self.gathered(schema, 0);
        if let Some(value) = whole.get("const").or_else(|| whole.get("enum")?.as_array()?.first()) {
            return value.clone();
        }
        let kind = match &whole.get("type").cloned().unwrap_or_default() {
            Value::String(name) => name.clone(),
            Value::Array(names) => {
                names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null").to_owned()
            }
            _ if whole.contains_key("properties") => "object".to_owned(),
            _ if whole.contains_key("items") => "array".to_owned(),
            _ => "string".to_owned(),
        };
        match kind.as_str() {
            "object" => self.object(&whole, depth),
            "array" => self.array(&whole, depth),
            "integer" | "number" => number(&whole, self.size),
            "boolean" => json!(self.size == Size::Maximal),
            "null" => Value::Null,
            _ => self.text(&whole),
        }
    }

    /// What a schema says as a whole.
    pub(crate) fn whole(&mut self, schema: &'a Value) -> Map<String, Value> {
        self.gathered(schema, 0)
    }

    /// The keywords of a schema, of what it refers to, of its parts, and of its first alternative.
    fn gathered(&mut self, schema: &'a Value, hops: usize) -> Map<String, Value> {
        let mut all = Map::new();
        let Some(keywords) = schema.as_object().filter(|_| hops < 16) else { return all };
        let mut parts: Vec<&'a Value> = keywords.get("allOf").and_then(Value::as_array).into_iter().flatten().collect();
        let reference = keywords.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        parts.extend(reference.and_then(|pointer| self.root.pointer(pointer)));
        for keyword in ["anyOf", "oneOf"] {
            let mut alternatives = keywords.get(keyword).and_then(Value::as_array).into_iter().flatten();
            parts.extend(alternatives.find(|part| part["type"] != "null"));
        }
        for part in parts {
            let gathered = self.gathered(part, hops + 1);
            merge(&mut all, gathered);
        }
        let own = keywords
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "allOf" | "anyOf" | "oneOf" | "$ref" | "$defs"));
        merge(&mut all, own.map(|(name, value)| (name.clone(), value.clone())).collect());
        all
    }

    fn object(&mut self, whole: &Map<String, Value>, depth: usize) -> Value {
        let required: Vec<&str> =
            whole.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut made = Map::new();
        for (name, property) in whole.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let wanted = required.contains(&name.as_str()) || (self.size == Size::Maximal && depth < MAX_DEPTH);
            if wanted && property["readOnly"] != true {
                let value = self.nested(property, depth + 1);
                made.insert(name.clone(), value);
            }
        }
        for name in required {
            if !made.contains_key(name) && whole.get("properties").is_none_or(|all| all.get(name).is_none()) {
                made.insert(name.to_owned(), json!("a"));
            }
        }
        let least = whole.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        let extra = whole.get("additionalProperties").filter(|extra| extra.is_object());
        if (made.len() as u64) < least || (made.is_empty() && extra.is_some() && self.size == Size::Maximal) {
            let optional = whole
                .get("properties")
                .and_then(Value::as_object)
                .and_then(|all| all.iter().find(|(name, _)| !made.contains_key(*name)));
            let (name, value) = match (optional, extra) {
                (Some((name, property)), _) => (name.clone(), self.nested(property, depth + 1)),
                (None, Some(extra)) => ("key".to_owned(), self.nested(extra, depth + 1)),
                (None, None) => ("key".to_owned(), json!("a")),
            };
            made.insert(name, value);
        }
        Value::Object(made)
    }

    /// A schema that was gathered into a new tree, whose references still lead into the root.
    fn nested(&mut self, schema: &Value, depth: usize) -> Value {
        let mut inner = Sampler { root: self.root, size: self.size, unsure: false };
        let value = inner.copied(schema, depth);
        self.unsure |= inner.unsure;
        value
    }

    fn copied(&mut self, schema: &Value, depth: usize) -> Value {
        let mut schema = schema.clone();
        if let (Some(keywords), Some(defs)) = (schema.as_object_mut(), self.root.get("$defs"))
            && keywords.iter().any(|(name, value)| name == "$ref" || mentions(value))
        {
            keywords.insert("$defs".to_owned(), defs.clone());
        }
        let mut inner = Sampler { root: &schema, size: self.size, unsure: false };
        let value = inner.of(&schema, depth);
        self.unsure |= inner.unsure;
        value
    }

    fn array(&mut self, whole: &Map<String, Value>, depth: usize) -> Value {
        let number = |keyword: &str| whole.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let least = number("minItems").unwrap_or(0);
        let unique = whole.get("uniqueItems") == Some(&Value::Bool(true));
        let wanted = if self.size == Size::Maximal && depth <= MAX_DEPTH && !unique { 2 } else { least.max(1) };
        let count = wanted.max(least).min(number("maxItems").unwrap_or(usize::MAX)).min(50);
        let items = whole.get("items").cloned().unwrap_or(json!({}));
        if depth > MAX_DEPTH && least == 0 {
            return json!([]);
        }
        let one = self.nested(&items, depth + 1);
        Value::Array(vec![one; count])
    }

    fn text(&mut self, whole: &Map<String, Value>) -> Value {
        let count = |keyword: &str| whole.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let (least, most) = (count("minLength").unwrap_or(0), count("maxLength").unwrap_or(usize::MAX));
        let pattern = whole.get("pattern").and_then(Value::as_str);
        let own = ["example", "default"].into_iter().filter_map(|keyword| whole.get(keyword)?.as_str());
        let of_list = whole.get("examples").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let fits = |text: &&str| {
            let length = text.chars().count();
            let matches =
                pattern.is_none_or(|pattern| regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)));
            !text.is_empty() && length >= least && length <= most && matches
        };
        let formatted = whole.get("format").and_then(Value::as_str).and_then(formatted);
        if let Some(text) = formatted.into_iter().chain(TEXTS.iter().copied()).chain(own).chain(of_list).find(fits) {
            return text.into();
        }
        let filled = "x".repeat(least.clamp(1, 2_000)).chars().take(most).collect::<String>();
        self.unsure |= pattern.is_some();
        filled.into()
    }
}

fn formatted(format: &str) -> Option<&'static str> {
    let known = [
        ("date-time", "2024-02-29T12:00:00Z"),
        ("date", "2024-02-29"),
        ("time", "12:00:00Z"),
        ("uuid", "123e4567-e89b-42d3-a456-426614174000"),
        ("email", "someone@example.com"),
        ("uri", "https://example.com/a?b=c"),
        ("url", "https://example.com/a?b=c"),
        ("hostname", "example.com"),
        ("ipv4", "192.0.2.1"),
        ("ipv6", "2001:db8::1"),
        ("byte", "c2FtcGxl"),
    ];
    known.into_iter().find(|(name, _)| *name == format).map(|(_, text)| text)
}

fn mentions(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| name == "$ref" || mentions(value)),
        Value::Array(items) => items.iter().any(mentions),
        _ => false,
    }
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

fn number(whole: &Map<String, Value>, size: Size) -> Value {
    let bound = |keyword: &str| whole.get(keyword).and_then(Value::as_i64);
    let least = bound("minimum").or_else(|| Some(bound("exclusiveMinimum")? + 1));
    let most = bound("maximum").or_else(|| Some(bound("exclusiveMaximum")? - 1));
    match (size, least, most) {
        (Size::Minimal, Some(least), _) | (_, Some(least), None) => least.into(),
        (Size::Maximal, _, Some(most)) | (_, None, Some(most)) => most.into(),
        (Size::Minimal, ..) => 0.into(),
        (Size::Maximal, ..) => 7.into(),
    }
}
