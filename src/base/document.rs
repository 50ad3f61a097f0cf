//! Documents as people publish them: JSON or YAML bytes to one `serde_json::Value`, in bounded time and memory.
//!
//! JSON is tried first, whatever the media type or file name says. YAML is read by the 1.2 core schema: `no`,
//! `on` and `0123` stay text. Alias bombs, deep nesting and duplicate keys are errors (H28).

use std::fmt;

use serde_json::Value;

use super::host;

/// Nesting beyond this is refused, in both syntaxes.
pub const MAX_DEPTH: usize = 128;

/// Documents beyond this many bytes are refused unread.
pub const MAX_BYTES: usize = 64 << 20;

/// Why bytes are no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// Nothing but white space.
    Empty,
    /// Larger than [`MAX_BYTES`].
    TooLarge,
    /// Not UTF-8 (UTF-16 included).
    Encoding,
    /// Starts like HTML: mostly a login or error page.
    Html,
    /// Neither JSON nor YAML; the message says where and why, for the syntax the text looks like.
    Syntax {
        /// `JSON` or `YAML`.
        syntax: &'static str,
        /// The parser's words, with line and column.
        message: String,
    },
    /// One scalar: plain text, not a document.
    Scalar,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the document is empty"),
            Self::TooLarge => f.write_str("the document is larger than 64 MiB"),
            Self::Encoding => f.write_str("the document is not UTF-8"),
            Self::Html => f.write_str("the document is an HTML page, not an API description"),
            Self::Syntax { syntax, message } => write!(f, "the document is not valid {syntax}: {message}"),
            Self::Scalar => f.write_str("the document is plain text, not an object"),
        }
    }
}

impl std::error::Error for DocumentError {}

/// Reads JSON or YAML.
pub fn parse(bytes: &[u8]) -> Result<Value, DocumentError> {
    if bytes.len() > MAX_BYTES {
        return Err(DocumentError::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| DocumentError::Encoding)?;
    if text.contains('\0') {
        return Err(DocumentError::Encoding);
    }
    let start = text.trim_start();
    if start.is_empty() {
        return Err(DocumentError::Empty);
    }
    if start.starts_with('<') {
        return Err(DocumentError::Html);
    }
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => yaml(text).map_err(|message| match start.starts_with(['{', '[']) {
            true => DocumentError::Syntax { syntax: "JSON", message: error.to_string() },
            false => DocumentError::Syntax { syntax: "YAML", message },
        })?,
    };
    match value {
        Value::Object(_) | Value::Array(_) => Ok(value),
        Value::Null => Err(DocumentError::Empty),
        _ => Err(DocumentError::Scalar),
    }
}

/// YAML nests several calls a level, so it gets a stack that 128 levels cannot fill.
const YAML_STACK: usize = 32 << 20;

fn yaml(text: &str) -> Result<Value, String> {
    host::with_stack(YAML_STACK, || yaml_here(text)).unwrap_or_else(|| Err("the parser could not run".to_owned()))
}

fn yaml_here(text: &str) -> Result<Value, String> {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options.with_snippet = false;
    if let Some(budget) = options.budget.as_mut() {
        budget.max_depth = MAX_DEPTH;
        budget.max_nodes = 8_000_000;
        budget.max_events = 16_000_000;
        budget.max_total_scalar_bytes = MAX_BYTES;
        budget.max_recorded_anchor_events = 200_000;
        budget.max_documents = 1;
    }
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_and_yaml_read_alike() {
        let expected = json!({"a": [1, "no", "0123", true, null, 1.5], "b": {"c": "x"}});
        assert_eq!(parse(b"{\"a\":[1,\"no\",\"0123\",true,null,1.5],\"b\":{\"c\":\"x\"}}").unwrap(), expected);
        assert_eq!(parse(b"\xEF\xBB\xBFa: [1, no, 0123, true, null, 1.5]\nb:\n  c: x\n").unwrap(), expected);
    }

    #[test]
    fn h28_bad_documents_are_clear_errors() {
        assert_eq!(parse(b" \n"), Err(DocumentError::Empty));
        assert_eq!(parse(b"\xFF\xFEa"), Err(DocumentError::Encoding));
        assert_eq!(parse(b"<!doctype html><p>"), Err(DocumentError::Html));
        assert_eq!(parse(b"just words"), Err(DocumentError::Scalar));
        for (text, syntax) in [("{\"a\": [1, 2", "JSON"), ("a: 1\na: 2\n", "YAML"), ("a: [1, 2\nb: 3", "YAML")] {
            match parse(text.as_bytes()) {
                Err(DocumentError::Syntax { syntax: found, .. }) => assert_eq!(found, syntax, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn h28_bombs_and_depth_are_errors() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let alias = format!("*a{},", i - 1).repeat(10);
            bomb.push_str(&format!("a{i}: &a{i} [{alias}]\n"));
        }
        assert!(parse(bomb.as_bytes()).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(parse(format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)).as_bytes()).is_err());
        assert!(parse("- ".repeat(100_000).as_bytes()).is_err());
    }
}
