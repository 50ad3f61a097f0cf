//! What a parameter's schema wants: texts become numbers, booleans and arrays, and what cannot be right is refused before it is
//! sent. Pure, and lenient: a keyword that is not known here is the upstream's to judge.

use std::cell::Cell;

use serde_json::{Number, Value};

/// References and combinations followed one below the other.
const MAX_STEPS: usize = 32;

/// Schemas looked at for one value: combinations that refer to themselves would multiply without end. What is beyond is the
/// upstream's to judge.
const MAX_LOOKS: usize = 10_000;

/// Enumerated values named in a message.
const MAX_NAMED: usize = 20;

/// `value` as `schema` wants it; the error completes "must be ..". It never repeats the value, which may be private.
pub fn fit(value: &Value, schema: &Value) -> Result<Value, String> {
    Fit { root: schema, looks: Cell::new(0) }.fit(value, schema, 0)
}

/// As [`fit`], for a schema that stands inside `root`.
pub fn fit_within(value: &Value, schema: &Value, root: &Value) -> Result<Value, String> {
    Fit { root, looks: Cell::new(0) }.fit(value, schema, 0)
}

struct Fit<'a> {
    root: &'a Value,
    looks: Cell<usize>,
}

impl<'a> Fit<'a> {
    fn fit(&self, value: &Value, schema: &'a Value, steps: usize) -> Result<Value, String> {
        self.looks.set(self.looks.get() + 1);
        if steps > MAX_STEPS || self.looks.get() > MAX_LOOKS || !schema.is_object() {
            return Ok(value.clone());
        }
        if let Some(target) = schema["$ref"].as_str() {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or_else(|| Ok(value.clone()), |target| self.fit(value, target, steps + 1));
        }
        let mut fitted = self.typed(value, schema, steps)?;
        if let Some(all) = schema["allOf"].as_array() {
            for part in all {
                fitted = self.fit(&fitted, part, steps + 1)?;
            }
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema[keyword].as_array() {
                fitted = self.any(&fitted, alternatives, steps)?;
            }
        }
        enumerated(fitted, schema)
    }

    fn any(&self, value: &Value, alternatives: &'a [Value], steps: usize) -> Result<Value, String> {
        let mut problem = None;
        for alternative in alternatives {
            match self.fit(value, alternative, steps + 1) {
                Ok(fitted) => return Ok(fitted),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or_else(|| Ok(value.clone()), Err)
    }

    fn typed(&self, value: &Value, schema: &'a Value, steps: usize) -> Result<Value, String> {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => return Ok(value.clone()),
        };
        if types.iter().any(|name| name == &"string") && value.is_string() {
            return Ok(value.clone());
        }
        for name in &types {
            if let Some(fitted) = self.convert(value, name, schema, steps) {
                return fitted;
            }
        }
        match types.is_empty() {
            true => Ok(value.clone()),
            false => Err(types.iter().map(|name| article(name)).collect::<Vec<_>>().join(" or ")),
        }
    }

    /// `None` when the value is nothing of this type.
    fn convert(&self, value: &Value, name: &str, schema: &'a Value, steps: usize) -> Option<Result<Value, String>> {
        match (name, value) {
            ("integer", Value::Number(number)) => is_integer(number).then(|| Ok(value.clone())),
            ("number", Value::Number(_))
            | ("boolean", Value::Bool(_))
            | ("string", Value::String(_))
            | ("null", Value::Null) => Some(Ok(value.clone())),
            ("integer", Value::String(text)) => is_digits(text).then(|| Ok(number_or_text(text))),
            ("number", Value::String(text)) => text.parse::<Number>().is_ok().then(|| Ok(number_or_text(text))),
            ("boolean", Value::String(text)) => text.parse().ok().map(|yes: bool| Ok(yes.into())),
            ("null", Value::String(text)) => (text == "null").then_some(Ok(Value::Null)),
            ("string", Value::Number(_) | Value::Bool(_)) => Some(Ok(value.to_string().into())),
            ("array", Value::Array(items)) => Some(self.items(items, schema, steps)),
            ("array", Value::String(text)) => Some(match serde_json::from_str(text) {
                Ok(Value::Array(items)) => self.items(&items, schema, steps),
                _ => self.items(std::slice::from_ref(value), schema, steps),
            }),
            ("array", Value::Number(_) | Value::Bool(_)) => {
                Some(self.items(std::slice::from_ref(value), schema, steps))
            }
            ("object", Value::Object(_)) => Some(self.members(value, schema, steps)),
            ("object", Value::String(text)) => match serde_json::from_str(text) {
                Ok(object @ Value::Object(_)) => Some(self.members(&object, schema, steps)),
                _ => None,
            },
            ("integer" | "number" | "boolean" | "string" | "null" | "array" | "object", _) => None,
            // A type of a dialect that is not known here.
            _ => Some(Ok(value.clone())),
        }
    }

    fn items(&self, items: &[Value], schema: &'a Value, steps: usize) -> Result<Value, String> {
        let fitted: Result<Vec<_>, _> = items.iter().map(|item| self.fit(item, &schema["items"], steps + 1)).collect();
        fitted.map(Value::Array).map_err(|problem| format!("an array of which each item is {problem}"))
    }

    fn members(&self, object: &Value, schema: &'a Value, steps: usize) -> Result<Value, String> {
        let mut fitted = object.clone();
        for (name, member) in fitted.as_object_mut().into_iter().flatten() {
            *member = self
                .fit(member, &schema["properties"][name.as_str()], steps + 1)
                .map_err(|problem| format!("an object whose `{name}` is {problem}"))?;
        }
        Ok(fitted)
    }
}

/// Keeps what `enum` and `const` allow. Texts compare with numbers and booleans by how they are written.
fn enumerated(value: Value, schema: &Value) -> Result<Value, String> {
    let constant = schema.get("const").map(std::slice::from_ref);
    let Some(allowed) = schema["enum"].as_array().map(Vec::as_slice).or(constant) else { return Ok(value) };
    let same = |candidate: &&Value| {
        **candidate == value || (is_scalar(candidate) && is_scalar(&value) && written(candidate) == written(&value))
    };
    match allowed.iter().find(same) {
        Some(found) => Ok(found.clone()),
        None => {
            let mut names: Vec<_> = allowed.iter().take(MAX_NAMED).map(written).collect();
            if allowed.len() > MAX_NAMED {
                names.push("..".to_owned());
            }
            Err(format!("one of {}", names.join(", ")))
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn is_digits(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A number that JSON writes as it was typed; any other stays as it was typed.
fn number_or_text(text: &str) -> Value {
    match text.parse::<Number>() {
        Ok(number) if number.to_string() == text => Value::Number(number),
        _ => text.into(),
    }
}

fn article(name: &str) -> String {
    match name {
        "integer" | "array" | "object" => format!("an {name}"),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "the rows below read better without references")]
    #[track_caller]
    fn check(value: Value, schema: Value, expected: Result<Value, &str>) {
        assert_eq!(fit(&value, &schema), expected.map_err(str::to_owned), "{value} as {schema}");
    }

    #[test]
    fn texts_become_what_the_schema_wants() {
        check(json!("5"), json!({"type": "integer"}), Ok(json!(5)));
        check(json!("5"), json!({"type": "string"}), Ok(json!("5")));
        check(json!(5), json!({"type": "string"}), Ok(json!("5")));
        check(json!("1.50"), json!({"type": "number"}), Ok(json!("1.50")));
        check(
            json!("123456789012345678901234567890"),
            json!({"type": "integer"}),
            Ok(json!("123456789012345678901234567890")),
        );
        check(json!("true"), json!({"type": "boolean"}), Ok(json!(true)));
        check(json!("5"), json!({"type": ["integer", "null"]}), Ok(json!(5)));
        check(json!("x"), json!({"type": ["integer", "string"]}), Ok(json!("x")));
        check(json!("x"), json!(true), Ok(json!("x")));
        check(json!("x"), json!({"minLength": 3}), Ok(json!("x")));
        check(json!("x"), json!({"type": "file"}), Ok(json!("x")));
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        check(json!("x"), json!({"type": "integer"}), Err("an integer"));
        check(json!("1.5"), json!({"type": "integer"}), Err("an integer"));
        check(json!("--5"), json!({"type": "integer"}), Err("an integer"));
        check(json!(1.5), json!({"type": "integer"}), Err("an integer"));
        check(json!("nan"), json!({"type": "number"}), Err("a number"));
        check(json!("yes"), json!({"type": "boolean"}), Err("a boolean"));
        check(json!(["a"]), json!({"type": "string"}), Err("a string"));
        check(json!("{"), json!({"type": "object"}), Err("an object"));
        check(json!("x"), json!({"type": ["integer", "null"]}), Err("an integer or null"));
    }

    #[test]
    fn arrays_and_objects() {
        let integers = json!({"type": "array", "items": {"type": "integer"}});
        check(json!("5"), integers.clone(), Ok(json!([5])));
        check(json!("[1,2]"), integers.clone(), Ok(json!([1, 2])));
        check(json!(["1", 2]), integers.clone(), Ok(json!([1, 2])));
        check(json!(["x"]), integers, Err("an array of which each item is an integer"));
        check(json!("a,b"), json!({"type": "array", "items": {"type": "string"}}), Ok(json!(["a,b"])));
        let object = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        check(json!("{\"n\":\"1\",\"m\":\"x\"}"), object.clone(), Ok(json!({"n": 1, "m": "x"})));
        check(json!({"n": "x"}), object, Err("an object whose `n` is an integer"));
    }

    #[test]
    fn enums_and_combinations() {
        check(json!("open"), json!({"type": "string", "enum": ["open", "closed"]}), Ok(json!("open")));
        check(json!("ope"), json!({"enum": ["open", "closed"]}), Err("one of open, closed"));
        check(json!("1"), json!({"enum": [1, 2]}), Ok(json!(1)));
        check(json!("x"), json!({"const": "y"}), Err("one of y"));
        check(json!("5"), json!({"anyOf": [{"type": "boolean"}, {"type": "integer"}]}), Ok(json!(5)));
        check(json!("x"), json!({"oneOf": [{"type": "boolean"}, {"type": "integer"}]}), Err("a boolean"));
        check(json!("5"), json!({"allOf": [{"type": "integer"}, {"enum": [5, 6]}]}), Ok(json!(5)));
    }

    #[test]
    fn references_are_followed_and_cycles_end() {
        let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}});
        check(json!("5"), schema, Ok(json!(5)));
        check(json!("x"), json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}), Ok(json!("x")));
        check(json!("x"), json!({"$ref": "#/$defs/none"}), Ok(json!("x")));
    }

    #[test]
    fn h28_schemas_that_multiply_are_bounded() {
        let again = json!({"$ref": "#/$defs/a"});
        let a = json!({"anyOf": vec![again; 50], "enum": ["never"]});
        assert!(fit(&json!("x"), &json!({"$ref": "#/$defs/a", "$defs": {"a": a}})).is_err());
    }
}
