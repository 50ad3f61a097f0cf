//! What the text of a reference means, before anything is looked up.
//!
//! Runtime expressions (section "Runtime Expressions") stand with and without braces. A source's name may hold a dot, as an id may: the
//! longest name that the document declares is taken.

use super::Source;
use crate::base::json::unescape_token;
use crate::base::url::decode;

/// A reference to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// By `operationId`, in the source of this place or in any.
    Id { source: Option<usize>, id: &'a str },
    /// By method, when it is said, and path.
    Path { document: Target<'a>, method: Option<String>, path: String },
}

/// The document that a path is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// Not said: any.
    Any,
    /// A source, by its place.
    Source(usize),
    /// A URL reference.
    Url(&'a str),
}

const EXPRESSION: &str = "$sourceDescriptions.";
const METHODS: [&str; 9] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "QUERY"];

/// What an `operationId` means.
pub(super) fn operation_id<'a>(text: &'a str, sources: &[Source]) -> Result<Reference<'a>, String> {
    let text = text.trim();
    if let Some(inner) = expression(text) {
        let (source, id) = named(inner, sources)?;
        return match id {
            Some(id) => Ok(Reference::Id { source: Some(source), id }),
            None => Err(format!("`{text}` names a source and no operation")),
        };
    }
    Ok(spelled(text).unwrap_or(Reference::Id { source: None, id: text }))
}

/// What an `operationPath` means.
pub(super) fn operation_path<'a>(text: &'a str, sources: &[Source]) -> Result<Reference<'a>, String> {
    let text = text.trim();
    if let Some(found) = spelled(text) {
        return Ok(found);
    }
    let Some((before, fragment)) = text.split_once('#') else {
        // The examples of 1.1 have operations by id here.
        return match expression(text).map(|inner| named(inner, sources)).transpose()? {
            Some((source, Some(id))) if id != "url" => Ok(Reference::Id { source: Some(source), id }),
            _ => Err("it has no `#/paths/..` that names an operation, as in `#/paths/~1pets/get`".to_owned()),
        };
    };
    let document = match expression(before) {
        Some(inner) => match named(inner, sources)? {
            (source, None | Some("url")) => Target::Source(source),
            (_, Some(other)) => return Err(format!("`{other}` is no document; `url` is")),
        },
        None if before.is_empty() => Target::Any,
        None => Target::Url(before),
    };
    pointer(document, fragment)
}

/// The workflow that a `workflowId` means: the source it is in, when it is another document, and its id.
pub(super) fn workflow_id<'a>(text: &'a str, sources: &[Source]) -> Result<(Option<usize>, &'a str), String> {
    let Some(inner) = expression(text.trim()) else { return Ok((None, text)) };
    match named(inner, sources)? {
        (source, Some(id)) => Ok((Some(source), id)),
        (_, None) => Err(format!("`{text}` names a source and no workflow")),
    }
}

/// What is behind `$sourceDescriptions.`, without braces around it.
fn expression(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    inner.trim().strip_prefix(EXPRESSION)
}

fn named<'a>(inner: &'a str, sources: &[Source]) -> Result<(usize, Option<&'a str>), String> {
    let behind = |source: &Source| match inner.strip_prefix(source.name.as_str())? {
        "" => Some(None),
        rest => rest.strip_prefix('.').filter(|rest| !rest.is_empty()).map(Some),
    };
    let found = sources.iter().enumerate().filter_map(|(at, source)| Some((at, behind(source)?, source.name.len())));
    match found.max_by_key(|(_, _, len)| *len) {
        Some((at, rest, _)) => Ok((at, rest)),
        None => {
            let names: Vec<String> = sources.iter().map(|source| format!("`{}`", source.name)).take(10).collect();
            Err(format!("`{EXPRESSION}{inner}` names no source description; there are {}", names.join(", ")))
        }
    }
}

/// `GET /pets`: a method, blanks, and a path.
fn spelled(text: &str) -> Option<Reference<'_>> {
    let (method, path) = text.split_once(char::is_whitespace)?;
    let (method, path) = (method.to_ascii_uppercase(), path.trim_start());
    let known = METHODS.contains(&method.as_str()) && path.starts_with('/');
    known.then(|| Reference::Path { document: Target::Any, method: Some(method), path: path.to_owned() })
}

/// `/paths/~1pets/get`, percent-encoded as fragments are.
fn pointer<'a>(document: Target<'a>, fragment: &str) -> Result<Reference<'a>, String> {
    let fragment = decode(fragment);
    let tokens: Vec<String> = fragment.split('/').map(unescape_token).collect();
    let (path, method) = match tokens.as_slice() {
        [root, paths, path] if root.is_empty() && paths == "paths" => (path, None),
        [root, paths, path, method] if root.is_empty() && paths == "paths" => (path, Some(method.to_ascii_uppercase())),
        _ => return Err(format!("`#{fragment}` names no operation, as `#/paths/~1pets/get` would")),
    };
    if let Some(method) = method.as_ref().filter(|method| !METHODS.contains(&method.as_str())) {
        return Err(format!("`{}` is no method", method.to_ascii_lowercase()));
    }
    Ok(Reference::Path { document, method, path: path.clone() })
}
