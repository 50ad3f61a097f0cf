//! Base URLs: the operation's, the path's, the document's, with variables filled by their defaults and resolved against the
//! document.

use super::Severity;
use super::refs::{Node, Object, Reading};
use crate::base::url::Url;

/// The servers that hold at some level, if that level says anything; the nearest level that does counts.
pub(super) fn servers<'r>(reading: &Reading<'r>, holder: &Object<'r>) -> Option<Vec<String>> {
    let listed = holder.get("servers")?.items();
    if listed.is_empty() {
        return None;
    }
    let mut found: Vec<String> = Vec::new();
    for url in listed.iter().filter_map(|server| server_url(reading, server)) {
        if !found.contains(&url) {
            found.push(url);
        }
    }
    Some(found)
}

/// The server of a description that names none: `/` at the document's own address.
pub(super) fn default_server<'r>(reading: &Reading<'r>, root: &Node<'r>) -> Vec<String> {
    absolute(reading, root, "/").into_iter().collect()
}

fn server_url<'r>(reading: &Reading<'r>, node: &Node<'r>) -> Option<String> {
    let unusable = |message: String| {
        reading.report(Severity::Warning, node, message);
        None
    };
    let Some(server) = node.object() else { return unusable("the server is no object; it is left out".to_owned()) };
    let written = server.string("url").unwrap_or_default();
    match filled(&written, server.object("variables").as_ref()) {
        Ok(url) => absolute(reading, node, &url),
        Err(name) => unusable(format!(
            "the server's variable `{}` has no default; the server is left out (set `services.<id>.server`)",
            name.escape_debug()
        )),
    }
}

/// Fills `{name}`s; the error is the name of the one that cannot be.
fn filled(url: &str, variables: Option<&Object<'_>>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = url;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else { return Err(behind.to_owned()) };
        out.push_str(before);
        out.push_str(&variable(name, variables).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The default, as text whatever its type; the first allowed value when there is none.
fn variable(name: &str, variables: Option<&Object<'_>>) -> Option<String> {
    let variable = variables?.object(name)?;
    let choices = || variable.get("enum")?.items().into_iter().next();
    let value = variable.get("default").or_else(choices)?.value()?;
    match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The address, resolved against the document; `None` with a warning when requests cannot go there.
pub(super) fn absolute<'r>(reading: &Reading<'r>, node: &Node<'r>, url: &str) -> Option<String> {
    let base = reading.base(node);
    let relative = !url.contains("://");
    let joined = if relative { base.join(url) } else { Url::parse(url) };
    let message = match joined {
        Ok(url) if url.is_http() => return Some(url.without_fragment().to_owned()),
        Ok(_) if relative => {
            "the server is relative and the description a file, so there is nothing to send requests to".to_owned()
        }
        Ok(_) => "the server is no http or https address".to_owned(),
        Err(error) => format!("the server cannot be used: {error}"),
    };
    reading.report(Severity::Warning, node, format!("{message}; set `services.<id>.server`"));
    None
}
