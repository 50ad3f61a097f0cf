//! The body of a request: which media type, and which bytes (H20, H23). Pure.
//!
//! JSON, forms, text and raw bytes. Multipart is not supported by this version.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::style;
use crate::base::url::encode_query;
use crate::catalog::{RequestBody, Tool};
use crate::contract::ExecuteRequest;
use crate::http::{is_json, media_type};

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
    /// Not supported by this version.
    Multipart,
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
            Self::Multipart => f.write_str("multipart bodies are not supported by this version"),
        }
    }
}

impl std::error::Error for BodyError {}

enum Given {
    Bytes(Vec<u8>),
    Json(Value),
}

/// The body that a request asks to send; `None` for none. `content_type` is what a `Content-Type` parameter said.
pub fn body(tool: &Tool, request: &ExecuteRequest, content_type: Option<&str>) -> Result<Option<Body>, BodyError> {
    match (given(request)?, &tool.request_body) {
        (None, Some(declared)) if declared.required => Err(BodyError::Missing),
        (None, _) => Ok(None),
        (Some(_), None) => Err(BodyError::NotTaken),
        (Some(given), Some(declared)) => {
            let asked = request.content_type.as_deref().or(content_type);
            let content_type = choose(declared, asked, &given)?;
            let bytes = encode(given, &content_type)?;
            if bytes.len() > MAX_BODY {
                return Err(BodyError::TooLarge);
            }
            Ok(Some(Body { content_type, bytes }))
        }
    }
}

/// An empty `body` counts as none, since some clients always send the member.
fn given(request: &ExecuteRequest) -> Result<Option<Given>, BodyError> {
    let encoded = request.body.as_deref().filter(|body| !body.is_empty());
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

/// The one asked for, else JSON, else the only one.
fn choose(declared: &RequestBody, asked: Option<&str>, given: &Given) -> Result<String, BodyError> {
    let known: Vec<&str> = declared.content_types.iter().map(|content| content.media_type.as_str()).collect();
    let named = || known.iter().map(|media| (*media).to_owned()).collect();
    if let Some(asked) = asked {
        let fits = known.is_empty() || known.iter().any(|media| covers(media, asked));
        return if fits { Ok(asked.to_owned()) } else { Err(BodyError::MediaType(named())) };
    }
    let concrete = |media: &&&str| !media.contains('*');
    if let Some(json) = known.iter().filter(concrete).find(|media| is_json(media)) {
        return Ok((*json).to_owned());
    }
    match known.as_slice() {
        [] => Ok("application/json".to_owned()),
        [only] if !only.contains('*') => Ok((*only).to_owned()),
        _ if known.iter().any(|media| covers(media, "application/json")) && holds_json(given) => {
            Ok("application/json".to_owned())
        }
        _ => Err(BodyError::Ambiguous(named())),
    }
}

/// Whether a declared media type or range takes the one asked for; parameters do not count.
fn covers(declared: &str, asked: &str) -> bool {
    let (declared, asked) = (media_type(declared), media_type(asked));
    let range = declared.strip_suffix('*').filter(|range| range.ends_with('/'));
    declared == "*/*" || declared == asked || range.is_some_and(|range| asked.starts_with(range))
}

fn holds_json(given: &Given) -> bool {
    match given {
        Given::Json(_) => true,
        Given::Bytes(bytes) => serde_json::from_slice::<IgnoredAny>(bytes).is_ok(),
    }
}

fn encode(given: Given, content_type: &str) -> Result<Vec<u8>, BodyError> {
    let media = media_type(content_type);
    if media.starts_with("multipart/") {
        return Err(BodyError::Multipart);
    }
    match given {
        Given::Json(json) if is_json(content_type) => Ok(json.to_string().into_bytes()),
        Given::Json(json) if media == FORM => form(&json).ok_or(BodyError::NotAForm),
        Given::Json(Value::String(text)) => Ok(text.into_bytes()),
        Given::Json(_) => Err(BodyError::NeedsBytes(media)),
        Given::Bytes(bytes) if is_json(content_type) => match serde_json::from_slice::<IgnoredAny>(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(BodyError::NotJson(error.to_string())),
        },
        Given::Bytes(bytes) if media == FORM => Ok(match serde_json::from_slice(&bytes) {
            Ok(object @ Value::Object(_)) => form(&object).ok_or(BodyError::NotAForm)?,
            _ => bytes,
        }),
        Given::Bytes(bytes) => Ok(bytes),
    }
}

/// `a=1&b=2&b=3`; what is nested deeper is written as JSON.
fn form(json: &Value) -> Option<Vec<u8>> {
    let mut pairs = Vec::new();
    for (name, value) in json.as_object()? {
        let one = std::slice::from_ref(value);
        for value in value.as_array().map_or(one, Vec::as_slice) {
            pairs.push(format!("{}={}", encode_query(name), encode_query(&style::text(value))));
        }
    }
    Some(pairs.join("&").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::BodyContent;
    use serde_json::json;

    fn tool(required: bool, media_types: &[&str]) -> Tool {
        let content = |media: &&str| BodyContent { media_type: (*media).into(), schema: None };
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
        check(&["multipart/form-data"], &json!({"bodyJson": {}}), Err(BodyError::Multipart));
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
