//! What goes to standard output, and in which form.
//!
//! Key types: [`Format`], [`Shape`] (what is known about showing this answer). Nothing here knows where an answer came from.
//! Only the format and whether standard output is a terminal decide what is written (H40).

pub mod json;
pub mod node;
pub mod sanitize;
pub mod table;
pub mod yaml;

use crate::execute::redact::Redactions;

use node::Node;

/// The values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The answer as it came.
    Json,
    /// YAML.
    Yaml,
    /// Indented JSON.
    Pretty,
    /// Columns for people.
    Table,
}

impl Format {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 4] =
        [("json", Self::Json), ("yaml", Self::Yaml), ("pretty", Self::Pretty), ("table", Self::Table)];

    /// Reads a value of `--format`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| *name == text).map(|(_, format)| format)
    }
}

/// How an answer is shown.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Which format.
    pub format: Format,
    /// Columns of a table, in order; all when empty.
    pub fields: Vec<String>,
    /// Members that are never shown, in any format: a toolbox hides them itself, a runtime of somebody else's may not.
    pub redactions: Vec<String>,
    /// Columns of the terminal; `None` when standard output is none.
    pub terminal: Option<usize>,
}

/// A binary answer that would go to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary;

/// A JSON text. With [`Format::Json`] and no terminal it is these very bytes but for what is redacted.
pub fn json_answer(text: &str, shape: &Shape) -> Vec<u8> {
    let is_terminal = shape.terminal.is_some();
    let text = &*Redactions::of(&shape.redactions).of_valid_json(text);
    if shape.format == Format::Json {
        return match is_terminal {
            true => with_newline(sanitize::json(text)),
            false => text.as_bytes().to_vec(),
        };
    }
    // What is no JSON after all is text.
    let Some(node) = Node::parse(text) else { return text_answer(text, shape) };
    match shape.format {
        Format::Pretty if is_terminal => with_newline(sanitize::json(&json::pretty(&node))),
        Format::Json | Format::Pretty => with_newline(json::pretty(&node)),
        Format::Yaml if is_terminal => sanitize::lines(&yaml::write(&node)).into_bytes(),
        Format::Yaml => yaml::write(&node).into_bytes(),
        Format::Table => table::write(&node, &shape.fields, shape.terminal).into_bytes(),
    }
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
pub fn binary_answer(bytes: Vec<u8>, shape: &Shape) -> Result<Vec<u8>, Binary> {
    if shape.terminal.is_some() { Err(Binary) } else { Ok(bytes) }
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
        let redactions = redactions.iter().map(|&name| name.to_owned()).collect();
        Shape { format, fields: Vec::new(), redactions, terminal: terminal.then_some(80) }
    }

    #[test]
    fn h40_json_to_a_pipe_is_byte_for_byte() {
        for body in ["{ \"b\":1.0,\n\"a\" : \"\\u00e9\u{9b}\" }\n", "null", "[]", " 1e400 "] {
            assert_eq!(json_answer(body, &shape(Format::Json, false, &[])), body.as_bytes());
        }
    }

    #[test]
    fn h24_redactions_hold_in_every_format() {
        for (_, format) in Format::ALL {
            for terminal in [true, false] {
                let body = r#"{"id":1,"token":"hunter2","in":[{"token":"hunter2"}]}"#;
                let written = String::from_utf8(json_answer(body, &shape(format, terminal, &["token"]))).unwrap();
                assert!(!written.contains("hunter2") && written.contains('1'), "{format:?}: {written}");
            }
        }
    }

    #[test]
    fn h42_a_terminal_gets_nothing_unsafe_in_any_format() {
        let body = "{\"a\u{9b}\":\"x\u{202e}\\u001b[31m\u{9b}\\n\\r\"}";
        for (_, format) in Format::ALL {
            let written = String::from_utf8(json_answer(body, &shape(format, true, &[]))).unwrap();
            assert!(!written.chars().any(|c| c != '\n' && sanitize::is_unsafe(c)), "{format:?}: {written:?}");
        }
        let shape = shape(Format::Table, true, &[]);
        assert_eq!(text_answer("a\u{1b}c\n", &shape), b"a\\x1bc\n");
        assert_eq!(binary_answer(vec![0, 255], &shape), Err(Binary));
    }

    #[test]
    fn texts_and_bytes_pass_through_pipes() {
        for (_, format) in Format::ALL {
            assert_eq!(text_answer("a\u{1b}c", &shape(format, false, &[])), b"a\x1bc");
            assert_eq!(binary_answer(vec![0, 255], &shape(format, false, &[])), Ok(vec![0, 255]));
        }
    }
}
