//! `multipart/*` bodies (RFC 2046 section 5.1, RFC 7578): members of an object and files to parts. Pure.
//!
//! The boundary comes from the parts' bytes, so that a dry run shows the very body that is sent, and never stands in them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::body::{Body, BodyError, MAX_BODY};
use super::form::{self, Properties};
use super::style;
use crate::catalog::{BodyContent, Encoding};
use crate::contract::RequestFile;
use crate::http::{is_json, media_type};

const BYTES: &str = "application/octet-stream";

struct Part {
    name: String,
    file_name: Option<String>,
    /// Not written when it is nothing but text, which is what a part is by itself (RFC 7578 section 4.4).
    content_type: Option<String>,
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

/// The body of the members and files, in their order. A member that is `null` is not sent.
pub(super) fn encode(
    media: &str,
    content: Option<&BodyContent>,
    schema: &Value,
    members: &Map<String, Value>,
    files: &[RequestFile],
) -> Result<Body, BodyError> {
    let (mut parts, properties) = (Vec::new(), Properties::of(schema));
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        if let Some(pairs) = form::styled_parts(content, name, value) {
            parts.extend(pairs.into_iter().map(|(name, text)| plain(name, text)));
            continue;
        }
        let encoding = content.and_then(|content| content.encoding.get(name));
        let property = properties.get(name);
        let (items, described) = match value {
            Value::Array(items) => (items.as_slice(), form::resolved(schema, &property["items"])),
            one => (std::slice::from_ref(one), property),
        };
        parts.extend(items.iter().filter(|item| !item.is_null()).map(|item| member(name, item, described, encoding)));
    }
    for file in files {
        parts.push(self::file(file, content.and_then(|content| content.encoding.get(&file.name)))?);
    }
    write(media, &parts)
}

fn plain(name: String, text: String) -> Part {
    Part { name, file_name: None, content_type: None, headers: Vec::new(), bytes: text.into_bytes() }
}

fn member(name: &str, value: &Value, schema: &Value, encoding: Option<&Encoding>) -> Part {
    let structured = value.is_object() || value.is_array();
    let declared = encoding.and_then(|encoding| concrete(&encoding.content_type));
    let content_type = declared.or_else(|| match structured {
        true => Some("application/json".to_owned()),
        false => bytes_type(schema),
    });
    let as_json = structured || content_type.as_deref().is_some_and(is_json);
    let text = if as_json { value.to_string() } else { style::text(value) };
    Part { content_type, headers: headers(encoding), ..plain(name.to_owned(), text) }
}

/// The media type of a text that holds bytes: as the schema says, else octets.
fn bytes_type(schema: &Value) -> Option<String> {
    match (&schema["contentMediaType"], &schema["contentEncoding"], &schema["format"]) {
        (Value::String(media), ..) => Some(media.clone()).filter(|media| is_safe(media)),
        (_, Value::String(_), _) => Some(BYTES.to_owned()),
        (.., Value::String(format)) if format == "binary" => Some(BYTES.to_owned()),
        _ => None,
    }
}

fn file(file: &RequestFile, encoding: Option<&Encoding>) -> Result<Part, BodyError> {
    let bytes = BASE64_STANDARD.decode(&file.content).map_err(|_| BodyError::FileBase64(file.name.clone()))?;
    let given = file.content_type.clone();
    if given.as_deref().is_some_and(|media| !is_safe(media)) {
        return Err(BodyError::FileType(file.name.clone()));
    }
    let declared = || encoding.and_then(|encoding| concrete(&encoding.content_type));
    Ok(Part {
        name: file.name.clone(),
        file_name: Some(file.file_name.clone().unwrap_or_else(|| file.name.clone())),
        content_type: Some(given.or_else(declared).unwrap_or_else(|| BYTES.to_owned())),
        headers: headers(encoding),
        bytes,
    })
}

fn headers(encoding: Option<&Encoding>) -> Vec<(String, String)> {
    let declared = encoding.iter().flat_map(|encoding| &encoding.headers);
    declared.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The first media type of a list that is no range.
fn concrete(list: &str) -> Option<String> {
    let mut types = list.split(',').map(str::trim);
    types.find(|media| !media.is_empty() && !media.contains('*')).map(str::to_owned)
}

fn is_safe(media: &str) -> bool {
    media.contains('/') && media.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn write(media: &str, parts: &[Part]) -> Result<Body, BodyError> {
    if parts.iter().map(|part| part.bytes.len()).sum::<usize>() > MAX_BODY {
        return Err(BodyError::TooLarge);
    }
    let boundary = boundary(parts);
    let is_form = media_type(media) == "multipart/form-data";
    let mut bytes = Vec::new();
    for part in parts {
        let mut head = format!("--{boundary}\r\n{}", disposition(part, is_form));
        if let Some(content_type) = &part.content_type {
            head.push_str(&format!("Content-Type: {content_type}\r\n"));
        }
        part.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&part.bytes);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(Body { content_type: format!("{media}; boundary={boundary}"), bytes })
}

/// Only a form's parts have names.
fn disposition(part: &Part, is_form: bool) -> String {
    let file_name = part.file_name.as_ref().map(|name| format!("; filename=\"{}\"", quoted(name))).unwrap_or_default();
    match (is_form, file_name.is_empty()) {
        (true, _) => format!("Content-Disposition: form-data; name=\"{}\"{file_name}\r\n", quoted(&part.name)),
        (false, false) => format!("Content-Disposition: attachment{file_name}\r\n"),
        (false, true) => String::new(),
    }
}

/// As browsers write names (WHATWG HTML, "multipart/form-data encoding algorithm"; RFC 7578 section 2), in UTF-8 (section 5.1).
fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => out.push_str("%22"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            '\0' => out.push_str("%00"),
            other => out.push(other),
        }
    }
    out
}

fn boundary(parts: &[Part]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        for text in [part.name.as_bytes(), &part.bytes] {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
    }
    loop {
        let digest = hash.clone().finalize();
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("open-cli-{name}");
        let finder = memmem::Finder::new(boundary.as_bytes());
        if parts.iter().all(|part| finder.find(&part.bytes).is_none()) {
            return boundary;
        }
        hash.update(b"again");
    }
}

#[cfg(test)]
mod tests;
