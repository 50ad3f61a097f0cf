//! How a new value is written so that it looks like what stands around it.
//!
//! Key type: [`Layout`], what the text as a whole shows: line ends, the step of its indentation, the space behind colons. A container's
//! own pieces decide before that.

use serde_json::Value;

use super::Splice;
use crate::base::json::{self, Container, Piece};

/// A list of plain values up to this length stands on one line.
const SHORT: usize = 72;

/// What ends a line.
const BREAKS: [char; 2] = ['\n', '\r'];

/// Where a piece stands.
pub(super) struct Around<'c> {
    /// The containers around its own, outermost first.
    pub(super) containers: &'c [Container],
    /// Its own.
    pub(super) container: &'c Container,
}

/// The ways of one text.
pub(super) struct Layout<'t> {
    text: &'t str,
    line_end: &'static str,
    step: &'t str,
    colon: &'t str,
}

impl<'t> Layout<'t> {
    /// As the text shows it; two spaces and `: ` where it shows nothing.
    pub(super) fn of(text: &'t str) -> Self {
        let line_end = match text.find(BREAKS) {
            Some(at) if text[at..].starts_with("\r\n") => "\r\n",
            Some(at) if text[at..].starts_with('\r') => "\r",
            _ => "\n",
        };
        let root = text.find(['{', '[']).and_then(|at| json::container(text, at));
        let first = root.as_ref().and_then(|root| root.pieces.first());
        let step = first.and_then(|first| own_line(text, first.start)).filter(|step| !step.is_empty());
        let colon = first.and_then(|first| colon(text, first));
        Self { text, line_end, step: step.unwrap_or("  "), colon: colon.unwrap_or(": ") }
    }

    /// A value whose first line is indented by `indent` already.
    pub(super) fn lined(&self, value: &Value, indent: &str) -> String {
        let mut out = String::new();
        self.write(value, Some(indent), &Ways { step: self.step, colon: self.colon, pad: "" }, &mut out);
        out
    }

    /// What is written where `old` stood.
    pub(super) fn in_place_of(&self, around: &Around<'_>, old: &Piece, value: &Value) -> String {
        let before = json::container(self.text, old.value.start).filter(|before| !before.pieces.is_empty());
        let one_line = !self.text[old.value.clone()].contains(BREAKS);
        let mut out = String::new();
        match before {
            // A list or an object that a person keeps on one line stays there.
            Some(before) if one_line => self.write(value, None, &self.ways(&before), &mut out),
            _ if self.is_lined(around.containers, around.container) => {
                let ways = self.ways(around.container);
                self.write(value, Some(indentation(self.text, old.start)), &ways, &mut out);
            }
            _ => self.write(value, None, &self.ways(around.container), &mut out),
        }
        out
    }

    /// Adds a member, or an item, behind the last one.
    pub(super) fn inserted(&self, around: &[Container], container: &Container, token: &str, value: &Value) -> Splice {
        let ways = match (container.pieces.is_empty(), around.last()) {
            (true, Some(parent)) => Ways { step: self.step, ..self.ways(parent) },
            _ => self.ways(container),
        };
        let lined = self.is_lined(around, container);
        let base = indentation(self.text, container.open);
        let own = container.pieces.iter().rev().find_map(|piece| own_line(self.text, piece.start));
        let indent = own.map_or_else(|| format!("{base}{}", ways.step), str::to_owned);
        let mut new = String::new();
        if container.is_object {
            json::write_string(token, &mut new);
            new.push_str(ways.colon);
        }
        self.write(value, lined.then_some(indent.as_str()), &ways, &mut new);
        let line_end = self.line_end;
        match (container.pieces.last(), lined) {
            (Some(last), true) => (last.value.end..last.value.end, format!(",{line_end}{indent}{new}")),
            (Some(last), false) => (last.value.end..last.value.end, format!(",{}{new}", self.gap(container, &ways))),
            (None, true) => (container.open + 1..container.close, format!("{line_end}{indent}{new}{line_end}{base}")),
            (None, false) => (container.open + 1..container.close, format!("{0}{new}{0}", ways.pad)),
        }
    }

    /// Whether what is added to a container gets a line of its own.
    fn is_lined(&self, around: &[Container], container: &Container) -> bool {
        match (container.pieces.first(), around.split_last()) {
            (Some(_), _) => container.pieces.iter().any(|piece| own_line(self.text, piece.start).is_some()),
            (None, Some((parent, above))) => self.is_lined(above, parent),
            (None, None) => true,
        }
    }

    /// The ways of a container's own pieces.
    fn ways(&self, container: &Container) -> Ways<'t> {
        let first = container.pieces.first();
        let base = indentation(self.text, container.open);
        let own = first.and_then(|first| own_line(self.text, first.start));
        let step = own.and_then(|own| own.strip_prefix(base)).filter(|step| !step.is_empty());
        let pad = first.map_or("", |first| &self.text[container.open + 1..first.start]);
        Ways {
            step: step.unwrap_or(self.step),
            colon: first.and_then(|first| colon(self.text, first)).unwrap_or(self.colon),
            pad: if pad.contains(BREAKS) { "" } else { pad },
        }
    }

    /// What stands behind the commas of a container on one line.
    fn gap(&self, container: &Container, ways: &Ways<'t>) -> &'t str {
        let between = container.pieces.windows(2).next().map(|pair| &self.text[pair[0].value.end..pair[1].start]);
        let behind = between.and_then(|between| between.split_once(',')).map(|(_, behind)| behind);
        behind.filter(|gap| !gap.contains(BREAKS)).unwrap_or(ways.gap())
    }

    /// Writes a value, on lines of its own when there is an indentation for them.
    fn write(&self, value: &Value, indent: Option<&str>, ways: &Ways<'_>, out: &mut String) {
        let (brackets, pieces): (_, Vec<(Option<&str>, &Value)>) = match value {
            Value::Object(members) => {
                (['{', '}'], members.iter().map(|(key, value)| (Some(key.as_str()), value)).collect())
            }
            Value::Array(items) => (['[', ']'], items.iter().map(|item| (None, item)).collect()),
            plain => return json::write_value(plain, out),
        };
        let indent = indent.filter(|_| !pieces.is_empty() && !is_short(value));
        let pad = if value.is_object() && !pieces.is_empty() { ways.pad } else { "" };
        let inner = indent.map(|indent| format!("{indent}{}", ways.step));
        out.push(brackets[0]);
        out.push_str(if inner.is_none() { pad } else { "" });
        for (i, (key, value)) in pieces.into_iter().enumerate() {
            match &inner {
                Some(inner) => {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(self.line_end);
                    out.push_str(inner);
                }
                None if i > 0 => {
                    out.push(',');
                    out.push_str(ways.gap());
                }
                None => {}
            }
            if let Some(key) = key {
                json::write_string(key, out);
                out.push_str(ways.colon);
            }
            self.write(value, inner.as_deref(), ways, out);
        }
        match indent {
            Some(indent) => {
                out.push_str(self.line_end);
                out.push_str(indent);
            }
            None => out.push_str(pad),
        }
        out.push(brackets[1]);
    }
}

/// How pieces are set.
struct Ways<'t> {
    /// One level of indentation.
    step: &'t str,
    /// Between a key and its value.
    colon: &'t str,
    /// Inside the braces of an object on one line.
    pad: &'t str,
}

impl Ways<'_> {
    /// Behind a comma on one line.
    fn gap(&self) -> &'static str {
        if self.colon.ends_with(' ') { " " } else { "" }
    }
}

/// Whether a list is short and plain enough for one line.
fn is_short(value: &Value) -> bool {
    let Value::Array(items) = value else { return false };
    let is_plain = |item: &Value| !item.is_object() && !item.is_array();
    items.iter().all(is_plain) && value.to_string().len() <= SHORT
}

/// The white space before `at`, when nothing else stands before it on its line and a line ends before that.
fn own_line(text: &str, at: usize) -> Option<&str> {
    let start = text[..at].rfind(BREAKS)? + 1;
    Some(&text[start..at]).filter(|before| before.trim().is_empty())
}

/// The white space that the line of `at` begins with.
fn indentation(text: &str, at: usize) -> &str {
    let start = text[..at].rfind(BREAKS).map_or(0, |end| end + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// What stands between a member's key and its value, when that is on one line.
fn colon<'t>(text: &'t str, piece: &Piece) -> Option<&'t str> {
    piece.key.as_ref()?;
    Some(&text[piece.key_end..piece.value.start]).filter(|colon| !colon.contains(BREAKS))
}
