//! Documents as people publish them: JSON or YAML bytes to one `serde_json::Value`, in bounded time and memory.
//!
//! JSON is tried first, whatever the media type or file name says. YAML is read by the 1.2 core schema: `no`,
//! `on` and `0123` stay text. Alias bombs, deep nesting and duplicate keys are errors (H28).

use std::fmt;

use serde::de::IgnoredAny;
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
    let text = text(bytes)?;
    match serde_json::from_str(text) {
        Ok(value) => structured(value),
        Err(error) => structured(from_yaml(text, &error)?),
    }
}

/// Reads JSON or YAML and gives it back as JSON text, an object or array without byte order mark. JSON is checked, not built:
/// a 13 MB description takes a tenth of the time and none of the memory of its tree.
pub fn json_text(mut bytes: Vec<u8>) -> Result<String, DocumentError> {
    let checked = text(&bytes)?;
    let tree = match serde_json::from_str::<IgnoredAny>(checked) {
        Ok(_) if checked.trim_start().starts_with(['{', '[']) => None,
        Ok(_) => return Err(if checked.trim() == "null" { DocumentError::Empty } else { DocumentError::Scalar }),
        Err(error) => Some(structured(from_yaml(checked, &error)?)?),
    };
    match tree {
        Some(tree) => Ok(tree.to_string()),
        None => {
            let mark = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            bytes.drain(..mark);
            String::from_utf8(bytes).map_err(|_| DocumentError::Encoding)
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What can be a document at all.
fn text(bytes: &[u8]) -> Result<&str, DocumentError> {
    if bytes.len() > MAX_BYTES {
        return Err(DocumentError::TooLarge);
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| DocumentError::Encoding)?;
    if text.contains('\0') {
        return Err(DocumentError::Encoding);
    }
    match text.trim_start() {
        "" => Err(DocumentError::Empty),
        start if start.starts_with('<') => Err(DocumentError::Html),
        _ => Ok(text),
    }
}

fn from_yaml(text: &str, json_error: &serde_json::Error) -> Result<Value, DocumentError> {
    yaml(text).map_err(|message| match text.trim_start().starts_with(['{', '[']) {
        true => DocumentError::Syntax { syntax: "JSON", message: json_error.to_string() },
        false => DocumentError::Syntax { syntax: "YAML", message },
    })
}

fn structured(value: Value) -> Result<Value, DocumentError> {
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
    fn text_comes_back_as_json() {
        let bytes = b"\xEF\xBB\xBF {\"a\": 1.50}\n".to_vec();
        assert_eq!(json_text(bytes).unwrap(), " {\"a\": 1.50}\n");
        assert_eq!(json_text(b"a: [no, 1]\n".to_vec()).unwrap(), "{\"a\":[\"no\",1]}");
        assert_eq!(json_text(b"null".to_vec()), Err(DocumentError::Empty));
        assert_eq!(json_text(b"12".to_vec()), Err(DocumentError::Scalar));
        assert_eq!(json_text(b"\xEF\xBB\xBF".to_vec()), Err(DocumentError::Empty));
        let cut = json_text(b"{\"a\": [1, 2".to_vec());
        assert!(matches!(cut, Err(DocumentError::Syntax { syntax: "JSON", .. })), "{cut:?}");
        assert!(json_text(vec![b'['; 100_000]).is_err());
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
