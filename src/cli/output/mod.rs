//! What goes to standard output, and in which form.
//!
//! Key types: [`Format`], [`Shape`] (what is known about showing this answer), [`Unfit`]. Nothing here knows where an answer came from.
//! Only the format and whether standard output is a terminal decide what is written (H40). What is redacted is replaced before anything
//! else looks at an answer, a query too.

pub mod colour;
pub mod columns;
pub mod json;
pub mod lines;
pub mod node;
pub mod raw;
pub mod sanitize;
pub mod table;
pub mod width;
pub mod yaml;

use std::borrow::Cow;
use std::fmt;

use crate::execute::redact::Redactions;

use super::query::{Query, QueryError};
use node::Node;
use table::Look;

/// The values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The answer as it came.
    Json,
    /// One value a line, without white space.
    Jsonl,
    /// YAML.
    Yaml,
    /// Indented JSON.
    Pretty,
    /// Columns for people.
    Table,
    /// Texts without quotes, everything else as it came.
    Raw,
}

impl Format {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("json", Self::Json),
        ("jsonl", Self::Jsonl),
        ("yaml", Self::Yaml),
        ("pretty", Self::Pretty),
        ("table", Self::Table),
        ("raw", Self::Raw),
    ];

    /// Their names.
    pub const NAMES: &'static [&'static str] = &["json", "jsonl", "yaml", "pretty", "table", "raw"];

    /// Reads a value of `--format`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| *name == text).map(|(_, format)| format)
    }

    /// Whether a program reads the errors too.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

/// How an answer is shown.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Which format.
    pub format: Format,
    /// What is shown of it.
    pub query: Option<Query>,
    /// The columns that were asked for.
    pub columns: Vec<String>,
    /// The columns of a table when none were asked for, in order; chosen from the data when empty.
    pub fields: Vec<String>,
    /// The way to the list in the answer; empty when the answer itself may be one.
    pub list: Vec<String>,
    /// Members that are never shown, in any format: a toolbox hides them itself, a runtime of somebody else's may not.
    pub redactions: Vec<String>,
    /// Columns of the terminal; `None` when standard output is none.
    pub terminal: Option<usize>,
    /// Whether it is coloured.
    pub colour: bool,
}

/// Why an answer is not shown as was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A column that no item has.
    Column {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The query comes to nothing here.
    Query(QueryError),
    /// A query, and an answer that is no JSON.
    NoJson,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column { name, .. } => write!(f, "--columns: the answer has no `{}`", name.escape_debug()),
            Self::Query(error) => write!(f, "--query: {error}"),
            Self::NoJson => f.write_str("--query: the answer is no JSON"),
        }
    }
}

impl std::error::Error for Unfit {}

/// A binary answer that would go to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary;

/// A JSON text. With [`Format::Json`], no query and no terminal it is these very bytes but for what is redacted.
pub fn json_answer(text: &str, shape: &Shape) -> Result<Vec<u8>, Unfit> {
    let shown = shown(text, shape)?;
    if shape.query.is_none() {
        return written(&shown, shape);
    }
    let shape = Shape { query: None, list: Vec::new(), fields: Vec::new(), ..shape.clone() };
    let mut bytes = written(&shown, &shape)?;
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// What is shown of a JSON text, as JSON: without what is redacted, and only what the query finds.
pub fn shown<'a>(text: &'a str, shape: &Shape) -> Result<Cow<'a, str>, Unfit> {
    let text = Redactions::of(&shape.redactions).of_valid_json(text);
    let Some(query) = &shape.query else { return Ok(text) };
    let node = Node::parse(&text).ok_or(Unfit::NoJson)?;
    query.find(&node).map(Cow::Owned).map_err(Unfit::Query)
}

/// Whether [`json_answer`] gives an answer's very bytes, but for what is redacted.
pub fn keeps_bytes(text: &str, shape: &Shape) -> bool {
    let as_it_came = match shape.format {
        Format::Json => true,
        Format::Raw => !raw::is_unpacked(text),
        _ => false,
    };
    as_it_came && shape.query.is_none() && shape.terminal.is_none()
}

fn written(text: &str, shape: &Shape) -> Result<Vec<u8>, Unfit> {
    let is_terminal = shape.terminal.is_some();
    let safe = |text: String| if is_terminal { sanitize::json(&text) } else { text };
    let coloured = |text: String| if shape.colour { colour::json(&text) } else { text };
    Ok(match shape.format {
        Format::Json if !is_terminal => text.as_bytes().to_vec(),
        Format::Json => with_newline(coloured(sanitize::json(text))),
        Format::Jsonl => safe(lines::write(text, &shape.list)).into_bytes(),
        Format::Raw => match (raw::write(text), is_terminal) {
            (Some(unpacked), true) => sanitize::lines(&unpacked).into_bytes(),
            (Some(unpacked), false) => unpacked.into_bytes(),
            (None, true) => with_newline(sanitize::json(text)),
            (None, false) => text.as_bytes().to_vec(),
        },
        Format::Pretty | Format::Yaml | Format::Table => {
            // What is no JSON after all is text.
            let Some(node) = Node::parse(text) else { return Ok(text_answer(text, shape)) };
            match shape.format {
                Format::Pretty => with_newline(coloured(safe(json::pretty(&node)))),
                Format::Yaml if is_terminal => sanitize::lines(&yaml::write(&node)).into_bytes(),
                Format::Yaml => yaml::write(&node).into_bytes(),
                _ => table::write(&node, &Look::of(shape))?.into_bytes(),
            }
        }
    })
}

/// A piece of a text for a terminal.
pub fn piece(text: &str) -> Vec<u8> {
    sanitize::lines(text).into_bytes()
}

/// A text, the same in every format.
pub fn text_answer(text: &str, shape: &Shape) -> Vec<u8> {
    match shape.terminal {
        Some(_) => with_newline(sanitize::lines(text)),
        None => text.as_bytes().to_vec(),
    }
}

/// Bytes that are no text: to a pipe as they are, to a terminal not at all.
pub fn binary_answer<'a>(bytes: &'a [u8], shape: &Shape) -> Result<Cow<'a, [u8]>, Binary> {
    if shape.terminal.is_some() { Err(Binary) } else { Ok(Cow::Borrowed(bytes)) }
}

fn with_newline(mut text: String) -> Vec<u8> {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(format: Format, terminal: bool, redactions: &[&str]) -> Shape {
        Shape {
            format,
            query: None,
            columns: Vec::new(),
            fields: Vec::new(),
            list: Vec::new(),
            redactions: redactions.iter().map(|&name| name.to_owned()).collect(),
            terminal: terminal.then_some(80),
            colour: false,
        }
    }

    #[track_caller]
    fn text(body: &str, shape: &Shape) -> String {
        String::from_utf8(json_answer(body, shape).unwrap()).unwrap()
    }

    #[test]
    fn h40_json_to_a_pipe_is_byte_for_byte() {
        for body in ["{ \"b\":1.0,\n\"a\" : \"\\u00e9\u{9b}\" }\n", "null", "[]", " 1e400 "] {
            let json = shape(Format::Json, false, &[]);
            assert_eq!((text(body, &json).as_str(), keeps_bytes(body, &json)), (body, true));
            let forced = Shape { colour: true, ..json };
            assert_eq!(text(body, &forced), body, "colours are for terminals and for what is written anew");
        }
    }

    #[test]
    fn h24_redactions_hold_in_every_format_and_before_a_query() {
        for (_, format) in Format::ALL {
            for terminal in [true, false] {
                let body = r#"{"id":1,"token":"hunter2","in":[{"token":"hunter2"}]}"#;
                let mut shape = shape(format, terminal, &["token"]);
                let written = text(body, &shape);
                assert!(!written.contains("hunter2") && written.contains('1'), "{format:?}: {written}");
                shape.query = Some(Query::read("{a: token, b: in[].token, id: id}").unwrap());
                let written = text(body, &shape);
                assert!(!written.contains("hunter2") && written.contains('1'), "{format:?}: {written}");
            }
        }
    }

    #[test]
    fn h42_a_terminal_gets_nothing_unsafe_in_any_format() {
        for body in ["{\"a\u{9b}\":\"x\u{202e}\\u001b[31m\u{9b}\\n\\r\"}", "\"\\u001b\u{9b}\"", "[\"\\u001b\u{9b}\",1]"]
        {
            for (_, format) in Format::ALL {
                let written = text(body, &shape(format, true, &[]));
                assert!(!written.chars().any(|c| c != '\n' && sanitize::is_unsafe(c)), "{format:?}: {written:?}");
                let coloured = text(body, &Shape { colour: true, ..shape(format, true, &[]) });
                assert_eq!(colour::stripped(&coloured), written, "only our own colours are added");
            }
        }
        let shape = shape(Format::Table, true, &[]);
        assert_eq!(text_answer("a\u{1b}c\n", &shape), b"a\\x1bc\n");
        assert_eq!(binary_answer(&[0, 255], &shape), Err(Binary));
    }

    #[test]
    fn texts_and_bytes_pass_through_pipes() {
        for (_, format) in Format::ALL {
            assert_eq!(text_answer("a\u{1b}c", &shape(format, false, &[])), b"a\x1bc");
            assert_eq!(binary_answer(&[0, 255], &shape(format, false, &[])).as_deref(), Ok(&[0, 255][..]));
        }
    }

    #[test]
    fn raw_and_lines_escape_nothing_in_a_pipe() {
        assert_eq!(text("\"a\\u001b\\tb\"", &shape(Format::Raw, false, &[])), "a\u{1b}\tb\n");
        assert_eq!(text("{ \"a\": 1 }", &shape(Format::Raw, false, &[])), "{ \"a\": 1 }");
        assert_eq!(text("[ {\"a\": \"\u{9b}\"} ]", &shape(Format::Jsonl, false, &[])), "{\"a\":\"\u{9b}\"}\n");
    }

    #[test]
    fn what_a_query_found_is_written_in_every_format() {
        let body = r#"{ "items": [ {"id": 2, "m": 1.50}, {"id": 1, "m": 7} ], "next": null }"#;
        for (format, expected) in [
            (Format::Json, "[{\"id\":2,\"m\":1.50},{\"id\":1,\"m\":7}]\n"),
            (Format::Jsonl, "{\"id\":2,\"m\":1.50}\n{\"id\":1,\"m\":7}\n"),
            (Format::Yaml, "- id: 2\n  m: 1.50\n- id: 1\n  m: 7\n"),
            (Format::Table, "ID     M\n 2  1.50\n 1     7\n"),
            (Format::Raw, "[{\"id\":2,\"m\":1.50},{\"id\":1,\"m\":7}]\n"),
        ] {
            let query = Some(Query::read("items").unwrap());
            assert_eq!(text(body, &Shape { query, ..shape(format, false, &[]) }), expected, "{format:?}");
        }
        let query = |text: &str| Shape { query: Some(Query::read(text).unwrap()), ..shape(Format::Raw, false, &[]) };
        assert_eq!(text(body, &query("items[].m")), "1.50\n7\n");
        assert_eq!(text(body, &query("nothing")), "null\n");
        assert_eq!(json_answer("no json", &query("a")), Err(Unfit::NoJson));
    }
}
