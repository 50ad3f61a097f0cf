//! Reads requests back. Written without a look at what writes them: after OpenAPI 3.1 section 4.8.12 and RFCs 3986, 6265, 7578.

use std::collections::BTreeMap;

use open_cli::catalog::{Parameter, Style, Tool};
use open_cli::contract::RequestFile;
use serde_json::{Map, Value, json};

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap()
}

/// A value with every scalar as its text; what lies deeper is JSON text.
pub(crate) fn texts(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(text).collect(),
        Value::Object(members) => {
            let defined = members.iter().filter(|(_, value)| !value.is_null());
            defined.map(|(name, value)| (name.clone(), text(value))).collect::<Map<_, _>>().into()
        }
        scalar => text(scalar),
    }
}

fn text(value: &Value) -> Value {
    match value {
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

/// The still encoded texts of the names of a template.
pub(crate) fn template<'t, 'p>(template: &'t str, path: &'p str) -> Option<BTreeMap<&'t str, &'p str>> {
    let (mut pattern, mut rest, mut found) = (template, path, BTreeMap::new());
    while let Some((literal, tail)) = pattern.split_once('{') {
        rest = rest.strip_prefix(literal)?;
        let (name, after) = tail.split_once('}')?;
        let end = after.split('{').next().unwrap_or("");
        let stop = match end.chars().next() {
            Some(next) => rest.find(next).unwrap_or(rest.len()),
            None => rest.find('/').unwrap_or(rest.len()),
        };
        found.insert(name, &rest[..stop]);
        rest = &rest[stop..];
        pattern = after;
    }
    (rest == pattern).then_some(found)
}

/// Still encoded names and values.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let split = |pair: &str| pair.split_once('=').map(|(name, value)| (decoded(name), value.to_owned()));
    query.split('&').filter_map(split).collect()
}

pub(crate) fn cookies(field: &str) -> Vec<(String, String)> {
    let split = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    field.split("; ").filter_map(split).collect()
}

/// `like` tells whether a text, a list or an object is expected, and for those that are exploded its names.
pub(crate) fn query(parameter: &Parameter, pairs: &[(String, String)], like: &Value) -> Option<Value> {
    let name = &parameter.original_name;
    let all: Vec<&str> = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect();
    if parameter.content_type.is_some() {
        let parsed: Value = serde_json::from_str(&decoded(all.first()?)).ok()?;
        return Some(texts(&parsed));
    }
    let delimiter = match parameter.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        Style::TabDelimited => "%09",
        _ => ",",
    };
    match like {
        Value::Array(_) | Value::Object(_) if parameter.style == Style::DeepObject => deep(name, pairs, like),
        Value::Array(_) if parameter.explode => Some(all.iter().map(|item| decoded(item)).collect()),
        Value::Array(_) => Some(all.first()?.split(delimiter).map(decoded).collect()),
        Value::Object(members) if parameter.explode => {
            let found = members.keys().filter_map(|key| {
                let (_, value) = pairs.iter().find(|(other, _)| other == key)?;
                Some((key.clone(), decoded(value).into()))
            });
            Some(Value::Object(found.collect()))
        }
        Value::Object(_) => Some(members(&all.first()?.split(delimiter).map(decoded).collect::<Vec<_>>())),
        _ => all.first().map(|value| decoded(value).into()),
    }
}

/// One level of brackets is told apart; what lies deeper is put together from its paths.
fn deep(name: &str, pairs: &[(String, String)], like: &Value) -> Option<Value> {
    let mut whole = json!(null);
    for (key, value) in pairs {
        let Some(rest) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']')) else {
            continue;
        };
        let mut place = &mut whole;
        for token in rest.split("][") {
            match token.parse::<usize>() {
                Ok(at) => {
                    if place.is_null() {
                        *place = json!([]);
                    }
                    let list = place.as_array_mut()?;
                    list.resize(list.len().max(at + 1), Value::Null);
                    place = &mut list[at];
                }
                Err(_) => place = &mut place[token],
            }
        }
        *place = decoded(value).into();
    }
    // Compared leaf by leaf: deeper values stay what they are there.
    (all_texts(like) == whole).then(|| texts(like))
}

fn all_texts(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(all_texts).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), all_texts(value))).collect::<Map<_, _>>().into()
        }
        scalar => text(scalar),
    }
}

fn members(flat: &[String]) -> Value {
    let pairs = flat.chunks(2).filter(|pair| pair.len() == 2);
    pairs.map(|pair| (pair[0].clone(), Value::from(pair[1].as_str()))).collect::<Map<_, _>>().into()
}

/// `delimiter` between items, `=` in members when they are exploded.
fn list(written: &str, delimiter: char, explode: bool, like: &Value, decode: fn(&str) -> String) -> Value {
    match like {
        Value::Array(_) => written.split(delimiter).map(decode).collect(),
        Value::Object(_) if explode => {
            let split =
                |pair: &str| pair.split_once('=').map(|(name, value)| (decode(name), Value::from(decode(value))));
            written.split(delimiter).filter_map(split).collect::<Map<_, _>>().into()
        }
        Value::Object(_) => members(&written.split(delimiter).map(decode).collect::<Vec<_>>()),
        _ => decode(written).into(),
    }
}

pub(crate) fn path(parameter: &Parameter, written: &str, like: &Value) -> Option<Value> {
    if parameter.content_type.is_some() {
        return serde_json::from_str(&decoded(written)).ok().map(|value| texts(&value));
    }
    let (explode, name) = (parameter.explode, &parameter.original_name);
    Some(match parameter.style {
        Style::Label => list(written.strip_prefix('.')?, if explode { '.' } else { ',' }, explode, like, decoded),
        Style::Matrix => match like {
            Value::Array(_) if explode => {
                let prefix = format!("{name}=");
                written
                    .split(';')
                    .skip(1)
                    .map(|item| item.strip_prefix(&prefix).map(decoded))
                    .collect::<Option<Vec<_>>>()?
                    .into()
            }
            Value::Object(_) if explode => list(written.strip_prefix(';')?, ';', true, like, decoded),
            _ => list(written.strip_prefix(&format!(";{name}="))?, ',', false, like, decoded),
        },
        _ => list(written, ',', explode, like, decoded),
    })
}

pub(crate) fn header(parameter: &Parameter, written: &str, like: &Value) -> Option<Value> {
    match parameter.content_type {
        Some(_) => serde_json::from_str(written).ok().map(|value| texts(&value)),
        None => Some(list(written, ',', parameter.explode, like, str::to_owned)),
    }
}

pub(crate) fn body(
    content_type: &str,
    bytes: &[u8],
    given: &Value,
    files: &[RequestFile],
    tool: &Tool,
) -> Result<(), String> {
    let fail = |what: String| Err(format!("body {content_type}: {what}"));
    if let Some((_, boundary)) = content_type.split_once("boundary=") {
        return parts(bytes, boundary, given, files, tool);
    }
    if content_type == "application/x-www-form-urlencoded" {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let pairs: Vec<(String, String)> =
            pairs(&text).into_iter().map(|(name, value)| (name, decoded(&value))).collect();
        return match expected(given) == grouped(pairs.clone()) || is_styled(tool) {
            true => Ok(()),
            false => fail(format!("{given} was given, {pairs:?} was read")),
        };
    }
    if content_type.contains("json") {
        let found: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        return if found == *given { Ok(()) } else { fail(format!("{given} was given, {found} was read")) };
    }
    if given.as_str().map(str::as_bytes) == Some(bytes) { Ok(()) } else { fail("other bytes".to_owned()) }
}

/// Members by style have a table of their own.
fn is_styled(tool: &Tool) -> bool {
    let contents = tool.request_body.iter().flat_map(|body| &body.content_types);
    contents.flat_map(|content| content.encoding.values()).any(|encoding| encoding.style.is_some())
}

fn expected(given: &Value) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in given.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
        let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let all: Vec<String> =
            items.iter().filter(|item| !item.is_null()).map(|item| text(item).as_str().unwrap().to_owned()).collect();
        if !all.is_empty() {
            found.insert(name.clone(), all);
        }
    }
    found
}

fn grouped(pairs: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        found.entry(name).or_default().push(value);
    }
    found
}

fn parts(bytes: &[u8], boundary: &str, given: &Value, files: &[RequestFile], tool: &Tool) -> Result<(), String> {
    let whole: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let opening = format!("--{boundary}\r\n");
    let body = whole.strip_prefix(&opening).and_then(|rest| rest.strip_suffix(&format!("\r\n--{boundary}--\r\n")));
    let body = body.ok_or("the multipart body does not begin and end with its boundary")?;
    let (mut found, mut read_files) = (Vec::new(), Vec::new());
    for part in body.split(&format!("\r\n{opening}")) {
        let (head, content) = part.split_once("\r\n\r\n").ok_or("a part without a head")?;
        let field = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
            lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let disposition = field("content-disposition").ok_or("a part without a disposition")?;
        let parameter = |name: &str| disposition.split(&format!("; {name}=\"")).nth(1)?.split('"').next();
        let latin: Vec<u8> = content.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let name = parameter("name").ok_or("a part without a name")?;
        match parameter("filename") {
            Some(_) => read_files.push((name.to_owned(), field("content-type").unwrap_or("").to_owned(), latin)),
            None => found.push((name.to_owned(), String::from_utf8(latin).unwrap())),
        }
    }
    if expected(given) != grouped(found.clone()) && !is_styled(tool) {
        return Err(format!("multipart: {given} was given, {found:?} was read"));
    }
    let as_sent = read_files.len() == files.len()
        && read_files
            .iter()
            .zip(files)
            .all(|((name, media, bytes), file)| *name == file.name && media.contains('/') && bytes == &[0, 1, 255]);
    if as_sent { Ok(()) } else { Err(format!("multipart: other files: {read_files:?}")) }
}
