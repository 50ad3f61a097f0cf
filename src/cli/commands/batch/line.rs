//! One line of a batch: what is to be called, and with what.
//!
//! Pure. A line is close to the body of `POST /v1/tools/execute`, and a line with `toolId`, `pathArgs` and `flags` is such a body, but that
//! `body` is JSON as it is. Parameters may stand in `args` by their names, wherever they go. Key type: [`Line`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::name::nearest;
use crate::catalog::{Parameter, Tool};
use crate::cli::args::UsageError;
use crate::cli::{bind, value};
use crate::contract::{ExecuteRequest, RequestFile, present};

/// What a line says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Line {
    /// Given back as it is.
    pub(super) id: Option<Box<RawValue>>,
    /// A tool's id, or the words of its command.
    #[serde(alias = "toolId")]
    pub(super) tool: String,
    /// Parameters by name.
    #[serde(default)]
    args: Map<String, Value>,
    /// Path parameters in the order of the path.
    #[serde(default)]
    path_args: Vec<String>,
    /// Parameters that stand elsewhere.
    #[serde(default)]
    flags: Map<String, Value>,
    /// The body as JSON.
    #[serde(default, deserialize_with = "present")]
    body: Option<Box<RawValue>>,
    /// The body as text.
    body_text: Option<String>,
    /// The body's bytes.
    body_base64: Option<String>,
    /// Its media type.
    content_type: Option<String>,
    /// Files of a multipart body.
    #[serde(default)]
    files: Vec<RequestFile>,
    /// The media type to ask for.
    accept: Option<String>,
    /// Sends what the schemas do not allow.
    #[serde(default)]
    no_validate: bool,
    /// A person approved this call.
    #[serde(default)]
    approval: bool,
    /// The key by which the upstream knows a repeated call.
    idempotency_key: Option<String>,
    /// As the global flag.
    mode: Option<String>,
    /// As the global flag.
    agent_profile: Option<String>,
}

/// What is known of a line that cannot be understood.
#[derive(Deserialize)]
struct OnlyId {
    id: Option<Box<RawValue>>,
}

impl Line {
    /// Reads a line; with the error, its `id` as far as there is one.
    pub(super) fn read(text: &[u8]) -> Result<Self, (Option<Box<RawValue>>, UsageError)> {
        let hint = r#"a line is one object: {"id": 1, "tool": "service:tool", "args": {"name": "value"}, "body": {}}"#;
        // A list of the right length would be read by the order of its items.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err((None, UsageError::new("the line is no call: it is a list").hint(hint)));
        }
        serde_json::from_slice(text).map_err(|error| {
            let id = serde_json::from_slice::<OnlyId>(text).ok().and_then(|known| known.id);
            let what = if error.is_data() { "no call" } else { "no JSON" };
            // The line is the only one there is.
            let cause = error.to_string().replace(" at line 1 column ", " at column ");
            (id, UsageError::new(format!("the line is {what}: {cause}")).hint(hint))
        })
    }

    /// The request, checked as far as the tool's description says.
    pub(super) fn request(&self, tool: &Tool) -> Result<ExecuteRequest, UsageError> {
        let mut request = ExecuteRequest {
            tool_id: tool.id.clone(),
            body: self.body(tool)?,
            content_type: self.content_type.clone(),
            files: self.files.clone(),
            accept: self.accept.clone(),
            no_validate: self.no_validate,
            approval: self.approval,
            mode: self.mode.clone(),
            agent_profile: self.agent_profile.clone(),
            ..ExecuteRequest::default()
        };
        let mut path_args: Vec<Option<String>> = self.path_args.iter().cloned().map(Some).collect();
        let params = &tool.path_params;
        if path_args.len() > params.len() {
            let count = params.len();
            return Err(UsageError::new(format!(
                "{}: pathArgs has {} items, its path takes {count}",
                tool.id,
                path_args.len()
            )));
        }
        path_args.resize(params.len(), None);
        for (name, given) in self.args.iter().chain(&self.flags).filter(|(_, given)| !given.is_null()) {
            let twice = match find(tool, name)? {
                Found::Path(at) => path_args[at].replace(self.path_arg(tool, &params[at], given)?).is_some(),
                Found::Flag(flag) => request.flags.insert(flag.name.clone(), self.flag(tool, flag, given)?).is_some(),
            };
            if twice {
                return Err(UsageError::new(format!("{}: {name:?} is given twice", tool.id)));
            }
        }
        if let Some(key) = &self.idempotency_key {
            bind::give_key(tool, &mut request.flags, key)?;
        }
        let missing = params.iter().zip(&path_args).filter(|(_, given)| given.is_none()).map(|(param, _)| &param.name);
        let needed =
            tool.flags.iter().filter(|flag| bind::is_needed(tool, flag) && !request.flags.contains_key(&flag.name));
        let missing: Vec<&str> = missing.chain(needed.map(|flag| &flag.name)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(UsageError::new(format!("{} needs the argument {}", tool.id, missing.join(", ")))
                .hint(format!("`open-cli tool schema {}` lists what it takes", tool.id)));
        }
        request.path_args = path_args.into_iter().flatten().collect();
        Ok(request)
    }

    /// Base64 of the body's bytes.
    fn body(&self, tool: &Tool) -> Result<Option<String>, UsageError> {
        let wrong = |what: &str| UsageError::new(format!("{}: {what}", tool.id));
        let body = match (&self.body, &self.body_text, &self.body_base64) {
            (None, None, None) => None,
            (Some(json), None, None) => Some(STANDARD.encode(json.get())),
            (None, Some(text), None) => Some(STANDARD.encode(text)),
            (None, None, Some(encoded)) => match STANDARD.decode(encoded) {
                Ok(_) => Some(encoded.clone()),
                Err(error) => return Err(wrong(&format!("bodyBase64 is no base64: {error}"))),
            },
            _ => return Err(wrong("body, bodyText and bodyBase64 are three ways to give one body")),
        };
        match &tool.request_body {
            None if body.is_some() || !self.files.is_empty() => Err(wrong("it takes no body")),
            Some(known) if known.required && body.is_none() && self.files.is_empty() => {
                Err(wrong("it needs a body").hint(format!("`open-cli tool schema {}` shows its form", tool.id)))
            }
            _ => Ok(body),
        }
    }

    fn path_arg(&self, tool: &Tool, param: &Parameter, given: &Value) -> Result<String, UsageError> {
        let wrong = |cause: &str| UsageError::new(format!("{}: {}: {cause}", tool.id, param.name));
        let text = plain(given).ok_or_else(|| wrong("a path takes a text, a number, true or false"))?;
        match value::check(param.schema.as_ref(), &text) {
            _ if text.is_empty() => Err(wrong("is empty")),
            Err(cause) if !self.no_validate => Err(wrong(&cause)),
            _ => Ok(text),
        }
    }

    /// What is sent is what the command line sends for the same value; other runtimes know nothing else.
    fn flag(&self, tool: &Tool, flag: &Parameter, given: &Value) -> Result<Value, UsageError> {
        let texts = match given {
            Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>(),
            one => plain(one).map(|text| vec![text]),
        };
        let Some(texts) = texts.filter(|texts| !texts.is_empty()) else { return Ok(given.clone()) };
        match value::read(flag.schema.as_ref(), &texts) {
            Err(_) if self.no_validate => Ok(given.clone()),
            read => read.map_err(|cause| UsageError::new(format!("{}: {}: {cause}", tool.id, flag.name))),
        }
    }
}

enum Found<'t> {
    /// The path parameter of this number.
    Path(usize),
    Flag(&'t Parameter),
}

/// A parameter by the name of the command line, else by its publisher's when that means one.
fn find<'t>(tool: &'t Tool, name: &str) -> Result<Found<'t>, UsageError> {
    let all = || {
        let path = tool.path_params.iter().enumerate().map(|(at, param)| (Found::Path(at), param));
        path.chain(tool.flags.iter().map(|flag| (Found::Flag(flag), flag)))
    };
    if let Some((found, _)) = all().find(|(_, param)| param.name == name) {
        return Ok(found);
    }
    let mut same = all().filter(|(_, param)| param.original_name == name);
    if let (Some((found, _)), None) = (same.next(), same.next()) {
        return Ok(found);
    }
    let error = UsageError::new(format!("{} has no parameter {name:?}", tool.id));
    Err(match nearest(name, all().map(|(_, param)| param.name.as_str())) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint("parameters stand in args, members of the body in body"),
    })
}

/// The text of a value that is neither an object nor a list.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool() -> Tool {
        let parameter = |name: &str, place: &str, required: bool, schema: Value| json!({"name": name, "originalName": name.replace('-', "_"), "location": place, "required": required, "schema": schema});
        serde_json::from_value(json!({
            "id": "s:t", "serviceId": "s", "method": "POST", "path": "/a/{owner}/{n}", "group": "g", "command": "c",
            "pathParams": [parameter("owner", "path", true, json!({"type": "string"})), parameter("n", "path", true, json!({"type": "integer"}))],
            "flags": [
                parameter("per-page", "query", true, json!({"type": "integer"})),
                parameter("label", "query", false, json!({"type": "array", "items": {"type": "string"}})),
                parameter("filter", "query", false, json!({"type": "object"})),
            ],
            "requestBody": {"required": false, "contentTypes": [{"mediaType": "application/json"}]},
            "safety": {"readOnly": false, "destructive": false, "requiresApproval": false, "idempotent": false}
        }))
        .unwrap()
    }

    fn asked(line: &Value) -> Result<ExecuteRequest, UsageError> {
        Line::read(line.to_string().as_bytes()).map_err(|(_, error)| error)?.request(&tool())
    }

    #[test]
    fn parameters_are_found_by_name_wherever_they_go() {
        let expected = json!({"per-page": "5", "label": ["a", "1"], "filter": {"x": 1}});
        for line in [
            json!({"tool": "s:t", "args": {"owner": "o", "n": 7, "per-page": 5, "label": ["a", 1], "filter": {"x": 1}}}),
            json!({"toolId": "s:t", "pathArgs": ["o", "7"], "flags": {"per_page": "5", "label": ["a", "1"], "filter": {"x": 1}}}),
            json!({"tool": "s:t", "pathArgs": ["o"], "args": {"n": "7", "filter": {"x": 1}, "per_page": 5}, "flags": {"label": ["a", 1]}}),
        ] {
            let request = asked(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(request.path_args, ["o", "7"], "{line}");
            let mut flags = expected.clone();
            flags.sort_all_objects();
            let mut found = Value::Object(request.flags);
            found.sort_all_objects();
            assert_eq!(found, flags, "{line}");
        }
    }

    #[test]
    fn a_body_keeps_its_bytes() {
        let text = r#"{"tool":"s:t","args":{"owner":"o","n":1,"per-page":1},"body": {"b" : 1.0, "a":[ ]} }"#;
        let request = Line::read(text.as_bytes()).unwrap().request(&tool()).unwrap();
        assert_eq!(STANDARD.decode(request.body.unwrap()).unwrap(), br#"{"b" : 1.0, "a":[ ]}"#);
        let args = json!({"owner": "o", "n": 1, "per-page": 1});
        let body = |name: &str, value: Value| {
            let mut line = json!({"tool": "s:t", "args": args});
            line[name] = value;
            asked(&line).unwrap().body.map(|body| STANDARD.decode(body).unwrap())
        };
        assert_eq!(body("body", json!(null)), Some(b"null".to_vec()));
        assert_eq!(body("bodyText", json!("a\n")), Some(b"a\n".to_vec()));
        assert_eq!(body("bodyBase64", json!("AAE=")), Some(vec![0, 1]));
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_sent() {
        let good = json!({"owner": "o", "n": 1, "per-page": 1});
        for (line, part) in [
            (json!({"tool": "s:t"}), "needs the argument owner, n, per-page"),
            (json!({"tool": "s:t", "args": {"owner": null, "n": 1, "per-page": 1}}), "needs the argument owner"),
            (json!({"tool": "s:t", "args": {"owner": "", "n": 1, "per-page": 1}}), "owner: is empty"),
            (json!({"tool": "s:t", "args": {"owner": "o", "n": "x", "per-page": 1}}), "n: is not a whole number"),
            (json!({"tool": "s:t", "args": {"owner": ["o"], "n": 1, "per-page": 1}}), "a path takes a text"),
            (
                json!({"tool": "s:t", "args": {"owner": "o", "n": 1, "per-page": "x"}}),
                "per-page: is not a whole number",
            ),
            (json!({"tool": "s:t", "args": good, "flags": {"per_page": 2}}), "is given twice"),
            (json!({"tool": "s:t", "args": good, "pathArgs": ["o"]}), "is given twice"),
            (json!({"tool": "s:t", "pathArgs": ["o", "1", "2"]}), "its path takes 2"),
            (json!({"tool": "s:t", "args": {"per-pag": 1}}), "has no parameter \"per-pag\""),
            (json!({"tool": "s:t", "args": good, "body": 1, "bodyText": "x"}), "three ways to give one body"),
            (json!({"tool": "s:t", "args": good, "bodyBase64": "?"}), "no base64"),
            (json!({"tool": "s:t", "args": good, "idempotencyKey": "k"}), "declares no header"),
            (json!({"tool": "s:t", "argz": good}), "the line is no call: unknown field `argz`"),
            (json!([]), "the line is no call"),
            (
                json!([1, "s:t", good, [], {}, null, null, null, null, [], null, false, true, null, null, null]),
                "the line is no call: it is a list",
            ),
        ] {
            let error = asked(&line).unwrap_err();
            assert!(error.message.contains(part), "{line}: {error}");
        }
        let (id, error) = Line::read(br#"{"id": {"a": 1}, "tool": 7}"#).unwrap_err();
        assert_eq!((id.unwrap().get(), error.message.contains("column")), (r#"{"a": 1}"#, true));
        assert!(Line::read(b"{\"id\": 1").unwrap_err().1.message.contains("the line is no JSON"));
        assert!(Line::read(b"\xff").is_err());
    }
}
