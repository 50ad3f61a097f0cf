//! What kind of document this is: Swagger 2.0, OpenAPI 3.0, 3.1, 3.2, or something else and which.
//!
//! Key types: [`Document`], JSON text that is known to be an object or array; [`Version`]; [`Unreadable`]. People name the wrong file often, so
//! every other well-known kind of document gets an answer of its own.

use std::fmt;

use serde_json::Value;

use super::page;
use crate::base::document::{self, DocumentError};
use crate::base::members::Members;
use crate::base::url::Url;

/// A document as JSON text; YAML has been turned into it.
#[derive(Clone)]
pub struct Document {
    text: String,
}

impl Document {
    /// Reads JSON or YAML (H28).
    pub fn parse(bytes: Vec<u8>) -> Result<Self, DocumentError> {
        Ok(Self { text: document::json_text(bytes)? })
    }

    /// Reads what was found at `url`; the error of an HTML page says where the description that it shows is.
    pub fn found(url: &Url, bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let hint = is_html(&bytes).then(|| page::hint(&bytes, url)).flatten();
        Self::parse(bytes).map_err(|error| Unreadable { error, hint })
    }

    /// From a tree, for documents that were changed after reading.
    pub fn from_value(value: &Value) -> Self {
        Self { text: value.to_string() }
    }

    /// Valid JSON.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.text.len())
    }
}

fn is_html(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(b"<")
}

/// Why what was found is no document, and what to name instead if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    error: DocumentError,
    hint: Option<String>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Unreadable {}

/// The minor versions that differ for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Swagger 2.0; `swagger2` says how it differs.
    V20,
    /// Schemas of its own; `$ref` has no siblings.
    V30,
    /// JSON Schema 2020-12.
    V31,
    /// As 3.1, with `$self`, `additionalOperations`, `querystring`.
    V32,
}

/// Why a document is no API description that can be read. The message says what it is instead, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOpenApi(String);

impl fmt::Display for NotOpenApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotOpenApi {}

/// Finds the version of a description. A version written as a number (`openapi: 3.1` in YAML) is fine.
pub fn version(root: &Members<'_>) -> Result<Version, NotOpenApi> {
    let named = ["openapi", "swagger"].into_iter().find_map(|name| Some((name, scalar(root, name)?)));
    let Some((name, written)) = named else { return Err(NotOpenApi(other_kind(root))) };
    let mut parts = written.trim().split('.');
    match (name, parts.next(), parts.next().unwrap_or("0")) {
        ("swagger", Some("2"), "0") => Ok(Version::V20),
        ("openapi", Some("3"), "0") => Ok(Version::V30),
        ("openapi", Some("3"), "1") => Ok(Version::V31),
        ("openapi", Some("3"), "2") => Ok(Version::V32),
        _ => Err(NotOpenApi(format!(
            "the document says `{name}: {}`; Swagger 2.0 and OpenAPI 3.0, 3.1 and 3.2 are supported",
            written.chars().take(20).collect::<String>().escape_debug()
        ))),
    }
}

/// A string, or a number as text.
fn scalar(root: &Members<'_>, name: &str) -> Option<String> {
    match root.value(name)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn other_kind(root: &Members<'_>) -> String {
    let has = |name: &str| root.get(name).is_some();
    let mentions = |name: &str, part: &str| root.string(name).is_some_and(|text| text.contains(part));
    let postman = || {
        let info = root.get("info").and_then(|info| Members::of(info.get())).unwrap_or_default();
        info.get("_postman_id").is_some() || info.string("schema").is_some_and(|url| url.contains("getpostman.com"))
    };
    let answer = if has("swaggerVersion") {
        "this is a description of Swagger 1.x, which is not supported; convert it to OpenAPI 3.x and name that file"
    } else if has("asyncapi") {
        "this is an AsyncAPI description of messages, not an OpenAPI description of HTTP operations"
    } else if has("arazzo") {
        "this is an Arazzo document; workflows belong under `services.<id>.workflows`, and the source names an OpenAPI description"
    } else if has("overlay") {
        "this is an Overlay document; overlays belong under `services.<id>.overlays`, and the source names an OpenAPI description"
    } else if has("linkset") {
        "this is a linkset (RFC 9264); a source of type `apiCatalog` reads it, a source of type `openapi` names a description"
    } else if postman() {
        "this is a Postman collection; export it as an OpenAPI 3.x description"
    } else if mentions("kind", "discovery#") {
        "this is a Google discovery document; name an OpenAPI 3.x description"
    } else if has("__schema") || root.get("data").is_some_and(|data| data.get().contains("\"__schema\"")) {
        "this is a GraphQL introspection result; name an OpenAPI 3.x description"
    } else if mentions("$schema", "json-schema.org") || (has("$defs") && !has("paths")) {
        "this is a JSON Schema, not an OpenAPI description"
    } else if has("paths") {
        "the document has `paths` but does not say its version; add `openapi: 3.0.3` (or the version it is written for)"
    } else {
        "this is no API description: it has neither `openapi` nor anything else that is known here"
    };
    answer.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<Version, String> {
        let document = Document::parse(text.as_bytes().to_vec()).unwrap();
        version(&Members::of(document.text()).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn versions_are_read_leniently() {
        for (text, expected) in [
            ("openapi: 3.0.3", Version::V30),
            ("openapi: 3.0", Version::V30),
            ("{\"openapi\": \"3.1.1\"}", Version::V31),
            ("openapi: 3.1", Version::V31),
            ("openapi: ' 3.2.0'", Version::V32),
            ("openapi: 3.1.0-rc1", Version::V31),
            ("swagger: '2.0'", Version::V20),
            ("swagger: 2.0", Version::V20),
            ("{\"swagger\": \"2.0\", \"openapi\": \"3.0.1\"}", Version::V30),
        ] {
            assert_eq!(kind(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_page_is_answered_with_the_description_it_shows() {
        let url = Url::parse("https://h/docs").unwrap();
        let found = |text: &str| Document::found(&url, text.as_bytes().to_vec()).map_err(|error| error.to_string());
        let page = "\u{feff}\n<!DOCTYPE html><redoc spec-url='/o.yaml'></redoc>";
        let message = "the document is an HTML page, not an API description; it is a page of Redoc; name the description that it \
                       shows: https://h/o.yaml";
        assert_eq!(found(page).unwrap_err(), message);
        assert_eq!(found("<p>redo").unwrap_err(), "the document is an HTML page, not an API description");
        assert_eq!(found("a: 1").unwrap().text(), "{\"a\":1}");
    }

    #[test]
    fn other_documents_are_named() {
        for (text, word) in [
            ("swaggerVersion: '1.2'", "Swagger 1.x"),
            ("swagger: 1.2", "`swagger: 1.2`"),
            ("asyncapi: 3.0.0", "AsyncAPI"),
            ("arazzo: 1.0.1", "Arazzo"),
            ("overlay: 1.0.0", "Overlay"),
            ("linkset: []", "linkset"),
            ("info: {_postman_id: x}", "Postman"),
            ("kind: discovery#restDescription", "discovery"),
            ("data: {__schema: {}}", "GraphQL"),
            ("$schema: https://json-schema.org/draft/2020-12/schema", "JSON Schema"),
            ("paths: {}", "does not say its version"),
            ("a: 1", "no API description"),
            ("openapi: 4.0.0", "4.0.0"),
            ("openapi: null", "no API description"),
        ] {
            let message = kind(text).unwrap_err();
            assert!(message.contains(word), "{text}: {message}");
        }
    }
}
