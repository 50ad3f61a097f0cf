//! Reading single values of a node tree: each reader gives the value, or notes the problem and gives `None`.
//!
//! No reader puts a value into a message, since any string of a config file may be a secret in the wrong place; keys are
//! shown, escaped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::base::name::nearest;
use crate::base::pattern::Pattern;
use crate::base::url::Url;
use crate::config::node::{Content, MAX_KEY, Node, Origin, Problems};
use crate::config::scope::clean;
use crate::config::{HostPattern, Location};

/// Longest text of one value, in characters.
pub(super) const MAX_TEXT: usize = 65_536;

/// Longest identifier, in characters.
const MAX_ID: usize = 128;

/// Whether every required field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Extent {
    /// One scope file, which may say only a part.
    Partial,
    /// The merged document.
    Whole,
}

/// Reads a node tree and collects problems.
pub(in crate::config) struct Reader<'p, 'a> {
    /// What was found wrong.
    pub(in crate::config) problems: &'p mut Problems<'a>,
    /// Whether required fields must be there.
    pub(super) extent: Extent,
}

/// The members of an object whose keys are fixed.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
}

impl<'n> Fields<'n> {
    /// One field.
    pub(super) fn get(self, key: &str) -> Option<&'n Node> {
        self.node.get(key)
    }
}

impl Reader<'_, '_> {
    /// An object with fixed keys; unknown ones are reported with the nearest known one.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, known: &[&str]) -> Option<Fields<'n>> {
        self.object(node)?;
        unknown_keys(node, known, self.problems);
        Some(Fields { node })
    }

    /// Reports an object with more members than `limit`.
    pub(super) fn at_most(&mut self, node: &Node, limit: usize) {
        let count = node.members().map_or(0, BTreeMap::len);
        if count > limit {
            self.problems.error(&node.origin, format!("has {count} entries, at most {limit} are allowed"));
        }
    }

    fn object<'n>(&mut self, node: &'n Node) -> Option<&'n BTreeMap<String, Node>> {
        let members = node.members();
        if members.is_none() {
            self.wrong_kind(node, "an object");
        }
        members
    }

    fn wrong_kind(&mut self, node: &Node, expected: &str) {
        self.problems.error(&node.origin, format!("must be {expected}, not {}", node.kind()));
    }

    /// A field that the merged document needs; partial files may leave it to others.
    pub(super) fn required<'n>(&mut self, fields: Fields<'n>, key: &str) -> Option<&'n Node> {
        match self.extent {
            Extent::Whole => self.needed(fields, key),
            Extent::Partial => fields.get(key),
        }
    }

    /// A field that every file which has the object needs, because the object is replaced whole.
    pub(super) fn needed<'n>(&mut self, fields: Fields<'n>, key: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            self.problems.error(&fields.node.origin, format!("`{key}` is missing"));
        }
        found
    }

    /// An object with free keys, read by `value`; `key` says what is wrong with a key.
    pub(super) fn map<T>(
        &mut self,
        node: &Node,
        key_error: fn(&str) -> Option<&'static str>,
        mut value: impl FnMut(&mut Self, &str, &Node) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let members = self.object(node)?;
        let mut out = BTreeMap::new();
        for (key, member) in members {
            if let Some(reason) = key_error(key) {
                self.problems.error(&member.origin, format!("`{}` {reason}", shown(key)));
                continue;
            }
            if let Some(read) = value(self, key, member) {
                out.insert(key.clone(), read);
            }
        }
        Some(out)
    }

    /// An array read item by item; wrong items are reported and left out.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        limit: usize,
        mut item: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(items) = node.items() else {
            self.wrong_kind(node, "an array");
            return None;
        };
        if items.len() > limit {
            self.problems.error(&node.origin, format!("has more than {limit} items"));
            return None;
        }
        Some(items.iter().filter_map(|node| item(self, node)).collect())
    }

    /// An optional list of texts, empty when absent.
    pub(super) fn texts(&mut self, node: Option<&Node>) -> Vec<String> {
        node.and_then(|node| self.list(node, 1000, Self::text)).unwrap_or_default()
    }

    /// A string that may be empty.
    pub(super) fn any_text(&mut self, node: &Node) -> Option<String> {
        let Some(text) = node.text() else {
            self.wrong_kind(node, "a string");
            return None;
        };
        if text.chars().count() > MAX_TEXT {
            self.problems.error(&node.origin, format!("is longer than {MAX_TEXT} characters"));
            return None;
        }
        Some(text.to_owned())
    }

    /// A string that is not empty.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        let text = self.any_text(node)?;
        if text.is_empty() {
            self.problems.error(&node.origin, "may not be empty");
            return None;
        }
        Some(text)
    }

    /// The name of a source, service, profile or tool set.
    pub(super) fn id(&mut self, node: &Node) -> Option<String> {
        let text = self.any_text(node)?;
        if let Some(reason) = id_error(&text) {
            self.problems.error(&node.origin, reason);
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.content {
            Content::Scalar(Value::Bool(value)) => Some(*value),
            _ => {
                self.wrong_kind(node, "true or false");
                None
            }
        }
    }

    /// A whole number within bounds; `60.0` is one, as in JSON Schema.
    pub(super) fn number(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
        let Content::Scalar(Value::Number(number)) = &node.content else {
            self.wrong_kind(node, "a number");
            return None;
        };
        let whole = number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..1e15).contains(float))?;
            // Exact: whole, not negative and below 2^53.
            Some(float as u64)
        });
        let value = whole.filter(|value| (least..=most).contains(value));
        if value.is_none() {
            self.problems.error(&node.origin, format!("must be a whole number from {least} to {most}"));
        }
        value
    }

    /// Whole seconds.
    pub(super) fn seconds(&mut self, node: &Node, least: u64, most: u64) -> Option<Duration> {
        self.number(node, least, most).map(Duration::from_secs)
    }

    /// A TCP port.
    pub(super) fn port(&mut self, node: &Node) -> Option<u16> {
        self.number(node, 1, 65_535).and_then(|port| u16::try_from(port).ok())
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.any_text(node)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
            let message = format!("must be one of `{}`", names.join("`, `"));
            match nearest(&text, names.iter().copied()) {
                Some(near) => self.problems.error_with(&node.origin, message, format!("did you mean `{near}`?")),
                None => self.problems.error(&node.origin, message),
            }
        }
        found
    }

    /// An absolute `http` or `https` URL.
    pub(super) fn url(&mut self, node: &Node) -> Option<Url> {
        let text = self.any_text(node)?;
        if !is_http(&text) {
            self.problems.error(&node.origin, "must be an absolute http or https URL");
            return None;
        }
        match Url::parse(&text) {
            Ok(url) => Some(url),
            Err(error) => {
                self.problems.error(&node.origin, error.to_string());
                None
            }
        }
    }

    /// Scheme, host and port of an `http` or `https` URL, and nothing behind them.
    pub(super) fn origin(&mut self, node: &Node) -> Option<Url> {
        let url = self.url(node)?;
        if !url.is_bare_origin() {
            self.problems
                .error(&node.origin, "must be an origin without path and query, like https://tools.example.com");
            return None;
        }
        Some(url)
    }

    /// A path, a `file://` URL, or an `http` or `https` URL; relative paths lie beside the file that says them.
    pub(super) fn location(&mut self, node: &Node) -> Option<Location> {
        let text = self.text(node)?;
        if is_http(&text) {
            return self.url(node).map(Location::Remote);
        }
        if !has_scheme(&text) {
            return Some(Location::File(self.beside(&node.origin, &text)));
        }
        let path = Url::parse(&text).ok().and_then(|url| url.to_file_path());
        match path.filter(|_| text.to_ascii_lowercase().starts_with("file://")) {
            Some(path) => Some(Location::File(clean(&path))),
            None => {
                let message = "must be a path, a file:// URL with an absolute path, or an http or https URL";
                self.problems.error(&node.origin, message);
                None
            }
        }
    }

    /// A path made absolute beside the file that says it.
    pub(super) fn beside(&self, origin: &Origin, path: &str) -> PathBuf {
        let file = &self.problems.file(origin).path;
        clean(&file.parent().unwrap_or(Path::new("/")).join(path))
    }

    /// A pattern over tool ids (H14).
    pub(super) fn pattern(&mut self, node: &Node) -> Option<Pattern> {
        let text = self.any_text(node)?;
        match Pattern::parse(&text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.problems.error(&node.origin, error.to_string());
                None
            }
        }
    }

    /// A host pattern.
    pub(super) fn host_pattern(&mut self, node: &Node) -> Option<HostPattern> {
        let text = self.text(node)?;
        let host = HostPattern::parse(&text);
        if host.is_none() {
            let message = "must be a host name, `*.` and a host name, or an address, with `:port` if any";
            self.problems.error(&node.origin, message);
        }
        host
    }
}

/// Reports the members of an object that are not known.
pub(in crate::config) fn unknown_keys(node: &Node, known: &[&str], problems: &mut Problems<'_>) {
    for (key, member) in node.members().into_iter().flatten().filter(|(key, _)| !known.contains(&key.as_str())) {
        let message = format!("unknown key `{}`", shown(key));
        // Beyond the shown problems only their number counts; searching names for thousands of keys would be wasted.
        let near = if problems.is_full() { None } else { nearest(key, known.iter().copied()) };
        match near {
            Some(near) => problems.error_with(&member.origin, message, format!("did you mean `{near}`?")),
            None => problems.error_with(&member.origin, message, format!("known here: {}", known.join(", "))),
        }
    }
}

/// A key as messages show it: without control characters and not endless.
pub(super) fn shown(key: &str) -> String {
    let mut text: String = key.chars().take(64).flat_map(char::escape_debug).collect();
    if key.chars().nth(64).is_some() {
        text.push_str("...");
    }
    text
}

/// Ids go into tool ids, scopes (which spaces separate) and file names.
pub(super) fn id_error(text: &str) -> Option<&'static str> {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    (!first || !rest || text.len() > MAX_ID).then_some(
        "must begin with a letter, digit or `_`, go on with letters, digits, `_`, `.` and `-`, and have at most 128",
    )
}

/// Names of secrets and environment variables: anything that is not empty.
pub(super) fn name_error(text: &str) -> Option<&'static str> {
    (text.is_empty() || text.chars().count() > MAX_KEY).then_some("must have 1 to 256 characters")
}

/// Header names are tokens (RFC 9110 section 5.6.2).
pub(super) fn header_error(text: &str) -> Option<&'static str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (text.is_empty() || !text.chars().all(token)).then_some("is no header name")
}

/// Whether a text begins like an absolute `http` or `https` URL.
pub(super) fn is_http(text: &str) -> bool {
    let lower: String = text.chars().take(8).flat_map(char::to_lowercase).collect();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// Whether a text begins with a scheme and `://`.
pub(super) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    })
}
