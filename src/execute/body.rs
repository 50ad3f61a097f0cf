//! The body of a request: which media type, and which bytes (H20, H23). Pure.
//!
//! JSON, text and raw bytes here; `form` and `multipart` write their own.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::check::{Compiled, Findings, MAX_CHECKED};
use super::{form, multipart};
use crate::base::members::Members;
use crate::catalog::{BodyContent, RequestBody, Tool};
use crate::contract::{ExecuteRequest, RequestFile};
use crate::http::{covers, is_json, media_type};

/// Largest body that is sent.
pub const MAX_BODY: usize = 10 << 20;

const FORM: &str = "application/x-www-form-urlencoded";

/// A body as it will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// `Content-Type`.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why the body cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More than one of `body`, `bodyText`, `bodyJson`.
    Several,
    /// `body` is not base64.
    Base64,
    /// The tool takes none.
    NotTaken,
    /// The tool needs one.
    Missing,
    /// Larger than [`MAX_BODY`].
    TooLarge,
    /// The tool does not declare the media type asked for; here are those it does.
    MediaType(Vec<String>),
    /// Several media types and none asked for.
    Ambiguous(Vec<String>),
    /// The bytes are not what the media type says.
    NotJson(String),
    /// A form needs an object or ready text.
    NotAForm,
    /// The media type needs text or bytes.
    NeedsBytes(String),
    /// A multipart body needs an object, or the whole text with its boundary in the content type.
    NotParts,
    /// The tool, or the content type asked for, takes no files.
    NoFiles,
    /// The content of this file is not base64.
    FileBase64(String),
    /// The media type of this file is none.
    FileType(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several => f.write_str("give only one of body, bodyText and bodyJson"),
            Self::Base64 => f.write_str("`body` is not valid base64; use bodyText or bodyJson for plain text"),
            Self::NotTaken => f.write_str("this tool takes no body"),
            Self::Missing => f.write_str("this tool needs a body"),
            Self::TooLarge => f.write_str("the body is larger than 10 MiB"),
            Self::MediaType(known) => {
                write!(f, "this tool does not take that content type; it takes {}", known.join(", "))
            }
            Self::Ambiguous(known) => write!(f, "say which content type the body has: one of {}", known.join(", ")),
            Self::NotJson(cause) => write!(f, "the body is not valid JSON: {cause}"),
            Self::NotAForm => f.write_str("a form is given as a JSON object, or as text that is encoded already"),
            Self::NeedsBytes(media) => write!(f, "a body of type {media} is given as body (base64) or bodyText"),
            Self::NotParts => f.write_str(
                "a multipart body is given as a JSON object and files, or as ready bytes with the boundary in contentType",
            ),
            Self::NoFiles => f.write_str("files go into a multipart body, and this call has none"),
            Self::FileBase64(name) => write!(f, "the content of the file `{name}` is not valid base64"),
            Self::FileType(name) => write!(f, "the content type of the file `{name}` is no media type"),
        }
    }
}

impl std::error::Error for BodyError {}

enum Given {
    Bytes(Vec<u8>),
    Json(Value),
    /// Files alone.
    Nothing,
}

/// The body that a request asks to send; `None` for none. `content_type` is what a `Content-Type` parameter said.
pub(super) fn body(
    tool: &Tool,
    request: &ExecuteRequest,
    content_type: Option<&str>,
    findings: &Findings<'_>,
) -> Result<Option<Body>, BodyError> {
    let files = request.files.as_slice();
    let given = match given(request)? {
        None if files.is_empty() => None,
        given => Some(given.unwrap_or(Given::Nothing)),
    };
    match (given, &tool.request_body) {
        (None, Some(declared)) if declared.required => Err(BodyError::Missing),
        (None, _) => Ok(None),
        (Some(_), None) => Err(BodyError::NotTaken),
        (Some(given), Some(declared)) => {
            let asked = request.content_type.as_deref().or(content_type);
            let content_type = choose(declared, asked, &given, !files.is_empty())?;
            let body =
                Writing { content: described(declared, &content_type), files, findings }.encode(given, content_type)?;
            if body.bytes.len() > MAX_BODY { Err(BodyError::TooLarge) } else { Ok(Some(body)) }
        }
    }
}

/// An empty `body` counts as none, since some clients always send the member.
fn given(request: &ExecuteRequest) -> Result<Option<Given>, BodyError> {
    let encoded = request.body.as_deref().filter(|body| !body.is_empty());
    if request.files.iter().map(|file| file.content.len() / 4 * 3).sum::<usize>() > MAX_BODY + 3 * request.files.len() {
        return Err(BodyError::TooLarge);
    }
    let several = [encoded.is_some(), request.body_text.is_some(), request.body_json.is_some()];
    if several.into_iter().filter(|given| *given).count() > 1 {
        return Err(BodyError::Several);
    }
    Ok(match (encoded, &request.body_text, &request.body_json) {
        (Some(encoded), ..) if encoded.len() / 4 * 3 > MAX_BODY + 3 => return Err(BodyError::TooLarge),
        (Some(encoded), ..) => Some(Given::Bytes(BASE64_STANDARD.decode(encoded).map_err(|_| BodyError::Base64)?)),
        (_, Some(text), _) => Some(Given::Bytes(text.clone().into_bytes())),
        (.., Some(json)) => Some(Given::Json(json.clone())),
        _ => None,
    })
}

/// The one asked for, else JSON, else the only one, else what takes the members of an object. Files make it multipart.
fn choose(declared: &RequestBody, asked: Option<&str>, given: &Given, files: bool) -> Result<String, BodyError> {
    let known: Vec<&str> = declared.content_types.iter().map(|content| content.media_type.as_str()).collect();
    let named = || known.iter().map(|media| (*media).to_owned()).collect();
    let concrete = || known.iter().filter(|media| !media.contains('*'));
    if let Some(asked) = asked {
        let fits = known.is_empty() || known.iter().any(|media| covers(media, asked));
        return match fits {
            true if files && !is_multipart(asked) => Err(BodyError::NoFiles),
            true => Ok(asked.to_owned()),
            false => Err(BodyError::MediaType(named())),
        };
    }
    if files {
        return concrete().find(|media| is_multipart(media)).map(|media| (*media).to_owned()).ok_or(BodyError::NoFiles);
    }
    if let Some(json) = concrete().find(|media| is_json(media)) {
        return Ok((*json).to_owned());
    }
    match known.as_slice() {
        [] => Ok("application/json".to_owned()),
        [only] if !only.contains('*') => Ok((*only).to_owned()),
        _ if known.iter().any(|media| covers(media, "application/json")) && holds_json(given) => {
            Ok("application/json".to_owned())
        }
        _ => match concrete().find(|media| is_multipart(media) || media_type(media) == FORM) {
            Some(form) if matches!(given, Given::Json(Value::Object(_))) => Ok((*form).to_owned()),
            _ => Err(BodyError::Ambiguous(named())),
        },
    }
}

fn is_multipart(media: &str) -> bool {
    media_type(media).starts_with("multipart/")
}

fn holds_json(given: &Given) -> bool {
    match given {
        Given::Json(_) => true,
        Given::Nothing => false,
        Given::Bytes(bytes) => serde_json::from_slice::<IgnoredAny>(bytes).is_ok(),
    }
}

/// Writes a body of one media type.
struct Writing<'a> {
    content: Option<&'a BodyContent>,
    files: &'a [RequestFile],
    findings: &'a Findings<'a>,
}

impl Writing<'_> {
    fn encode(&self, given: Given, content_type: String) -> Result<Body, BodyError> {
        let media = media_type(&content_type);
        if media.starts_with("multipart/") {
            return self.parts(given, content_type);
        }
        let bytes = match given {
            Given::Json(json) if is_json(&media) => {
                self.check(&json);
                json.to_string().into_bytes()
            }
            Given::Json(Value::Object(members)) if media == FORM => self.form(members),
            Given::Json(_) if media == FORM => return Err(BodyError::NotAForm),
            Given::Json(Value::String(text)) => text.into_bytes(),
            Given::Json(_) => return Err(BodyError::NeedsBytes(media)),
            Given::Bytes(bytes) if is_json(&media) => {
                self.check_text(&bytes).map_err(|error| BodyError::NotJson(error.to_string()))?;
                bytes
            }
            Given::Bytes(bytes) if media == FORM => match members(&bytes) {
                Some(members) => self.form(members),
                None => bytes,
            },
            Given::Bytes(bytes) => bytes,
            Given::Nothing => Vec::new(),
        };
        Ok(Body { content_type, bytes })
    }

    fn check(&self, json: &Value) {
        if let Some(schema) = self.schema() {
            self.findings.body(&schema, json, false, &[]);
        }
    }

    fn check_text(&self, bytes: &[u8]) -> Result<(), serde_json::Error> {
        if bytes.len() > MAX_CHECKED || self.content.is_none_or(|content| content.schema.is_none()) {
            return serde_json::from_slice::<IgnoredAny>(bytes).map(drop);
        }
        self.check(&serde_json::from_slice(bytes)?);
        Ok(())
    }

    fn schema(&self) -> Option<Arc<Compiled>> {
        self.content.and_then(|content| content.schema.as_ref()).map(|schema| self.findings.compiled(schema))
    }

    fn form(&self, members: Map<String, Value>) -> Vec<u8> {
        let members = self.fitted(members).0;
        form::encode(self.content, &members)
    }

    /// Members as the schema wants them, checked, and the schema.
    fn fitted(&self, members: Map<String, Value>) -> (Map<String, Value>, Option<Arc<Compiled>>) {
        let Some(schema) = self.schema() else { return (members, None) };
        let members = form::fitted(&schema.schema, members);
        let mut whole = Value::Object(members.clone());
        for file in self.files {
            // A file is there, whatever is in it.
            whole[&file.name] = Value::String(String::new());
        }
        self.findings.body(&schema, &whole, true, self.files);
        (members, Some(schema))
    }

    /// Ready bytes are sent as they are when the content type says their boundary.
    fn parts(&self, given: Given, content_type: String) -> Result<Body, BodyError> {
        let ready = content_type.to_ascii_lowercase().contains("boundary=");
        let members = match given {
            Given::Bytes(bytes) if ready && self.files.is_empty() => return Ok(Body { content_type, bytes }),
            _ if ready => return Err(BodyError::NotParts),
            Given::Nothing => Map::new(),
            Given::Json(Value::Object(members)) => members,
            Given::Json(_) => return Err(BodyError::NotParts),
            Given::Bytes(bytes) => members(&bytes).ok_or(BodyError::NotParts)?,
        };
        let (members, schema) = self.fitted(members);
        let schema = schema.as_ref().map_or(&Value::Null, |schema| &schema.schema);
        multipart::encode(&content_type, self.content, schema, &members, self.files)
    }
}

/// What the description says of a content type.
pub(super) fn described<'a>(declared: &'a RequestBody, content_type: &str) -> Option<&'a BodyContent> {
    let exact = |content: &&BodyContent| media_type(&content.media_type) == media_type(content_type);
    let contents = || declared.content_types.iter();
    contents().find(exact).or_else(|| contents().find(|content| covers(&content.media_type, content_type)))
}

/// The members of a JSON object, numbers as they were written: a form's values are texts, so no digit need be lost.
fn members(bytes: &[u8]) -> Option<Map<String, Value>> {
    let found = Members::of(std::str::from_utf8(bytes).ok()?)?;
    let exact = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(number)) if number.to_string() != text => text.into(),
        Ok(value) => value,
        Err(_) => Value::Null,
    };
    Some(found.iter().map(|(name, value)| (name.to_owned(), exact(value.get()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::check::Checks;
    use serde_json::json;

    fn body(tool: &Tool, request: &ExecuteRequest, content_type: Option<&str>) -> Result<Option<Body>, BodyError> {
        super::body(tool, request, content_type, &Findings::new(&Checks::new(), true))
    }

    fn tool(required: bool, media_types: &[&str]) -> Tool {
        let content = |media: &&str| BodyContent { media_type: (*media).into(), ..BodyContent::default() };
        let content_types = media_types.iter().map(content).collect();
        Tool { request_body: Some(RequestBody { required, content_types }), ..Tool::default() }
    }

    /// `given`: an object with the request's members.
    #[track_caller]
    fn check(media_types: &[&str], given: &Value, expected: Result<(&str, &str), BodyError>) {
        let mut whole = json!({"toolId": "t"});
        whole.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let request: ExecuteRequest = serde_json::from_value(whole).unwrap();
        let found = body(&tool(true, media_types), &request, None);
        let expected = expected.map(|(content_type, text)| {
            Some(Body { content_type: content_type.into(), bytes: text.as_bytes().to_vec() })
        });
        assert_eq!(found, expected, "{given}");
    }

    const JSON: &str = "application/json";

    #[test]
    fn json_bodies() {
        check(&[JSON], &json!({"bodyJson": {"b": 1, "a": null}}), Ok((JSON, "{\"b\":1,\"a\":null}")));
        check(&[JSON], &json!({"bodyText": "{\"a\": 1.0 }"}), Ok((JSON, "{\"a\": 1.0 }")));
        check(&[JSON], &json!({"body": "WzFd"}), Ok((JSON, "[1]")));
        check(&[], &json!({"bodyJson": []}), Ok((JSON, "[]")));
        check(&["text/plain", "application/vnd.x+json"], &json!({"bodyJson": 1}), Ok(("application/vnd.x+json", "1")));
        check(&["*/*"], &json!({"bodyText": "{}"}), Ok((JSON, "{}")));
        let found =
            body(&tool(true, &[JSON]), &serde_json::from_value(json!({"toolId": "t", "bodyText": "{"})).unwrap(), None);
        assert!(matches!(found, Err(BodyError::NotJson(_))), "{found:?}");
    }

    #[test]
    fn h23_the_content_type_follows_the_operation() {
        check(&["text/csv"], &json!({"bodyText": "a,b"}), Ok(("text/csv", "a,b")));
        let request = serde_json::from_value(json!({"toolId": "t", "body": "/wA="})).unwrap();
        let found = body(&tool(true, &["application/octet-stream"]), &request, None).unwrap().unwrap();
        assert_eq!((found.content_type.as_str(), found.bytes.as_slice()), ("application/octet-stream", &[0xFF, 0][..]));
    }

    #[test]
    fn media_types_are_chosen() {
        let both = ["text/plain", "application/xml"];
        let named = || vec!["text/plain".to_owned(), "application/xml".to_owned()];
        check(&both, &json!({"bodyText": "x"}), Err(BodyError::Ambiguous(named())));
        check(
            &both,
            &json!({"bodyText": "x", "contentType": "application/xml; charset=utf-8"}),
            Ok(("application/xml; charset=utf-8", "x")),
        );
        check(&both, &json!({"bodyText": "x", "contentType": "image/png"}), Err(BodyError::MediaType(named())));
        check(&["image/*"], &json!({"bodyText": "x", "contentType": "image/png"}), Ok(("image/png", "x")));
        check(&["text/plain"], &json!({"bodyJson": "x"}), Ok(("text/plain", "x")));
        check(&["text/plain"], &json!({"bodyJson": {}}), Err(BodyError::NeedsBytes("text/plain".into())));
        check(&["multipart/form-data"], &json!({"bodyJson": []}), Err(BodyError::NotParts));
        check(&["multipart/form-data"], &json!({"bodyText": "x"}), Err(BodyError::NotParts));
        let ready = "multipart/form-data; boundary=x";
        check(&["multipart/form-data"], &json!({"bodyText": "--x--", "contentType": ready}), Ok((ready, "--x--")));
        check(&["application/xml", FORM], &json!({"bodyJson": {"a": 1}}), Ok((FORM, "a=1")));
        let file = json!([{"name": "f", "content": ""}]);
        check(&[JSON], &json!({"files": file}), Err(BodyError::NoFiles));
        check(&[JSON, "multipart/form-data"], &json!({"files": file, "contentType": JSON}), Err(BodyError::NoFiles));
    }

    #[test]
    fn forms_are_encoded() {
        check(
            &[FORM],
            &json!({"bodyJson": {"a b": "c&d", "n": [1, 2], "o": {"x": 1}}}),
            Ok((FORM, "a%20b=c%26d&n=1&n=2&o=%7B%22x%22%3A1%7D")),
        );
        check(&[FORM], &json!({"bodyText": "a=1&b=2"}), Ok((FORM, "a=1&b=2")));
        check(&[FORM], &json!({"bodyJson": [1]}), Err(BodyError::NotAForm));
        let exact = r#"{"n": 12345678901234567890123, "d": 1.10, "s": "x"}"#;
        check(&[FORM], &json!({"bodyText": exact}), Ok((FORM, "n=12345678901234567890123&d=1.10&s=x")));
    }

    #[test]
    fn h20_bodies_are_checked_before_anything_is_sent() {
        check(&[JSON], &json!({}), Err(BodyError::Missing));
        check(&[JSON], &json!({"body": ""}), Err(BodyError::Missing));
        check(&[JSON], &json!({"body": "e30=", "bodyText": "{}"}), Err(BodyError::Several));
        check(&[JSON], &json!({"body": "{}"}), Err(BodyError::Base64));
        check(&["text/plain"], &json!({"bodyText": "x".repeat(MAX_BODY + 1)}), Err(BodyError::TooLarge));
        let request = serde_json::from_value(json!({"toolId": "t", "bodyJson": 1})).unwrap();
        assert_eq!(body(&Tool::default(), &request, None), Err(BodyError::NotTaken));
        let nothing = serde_json::from_value(json!({"toolId": "t"})).unwrap();
        assert_eq!(body(&tool(false, &[JSON]), &nothing, None), Ok(None));
    }
}
