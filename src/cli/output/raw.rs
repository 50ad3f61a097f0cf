//! Answers without the dress of JSON: a text without quotes, a number bare, a list of such values one a line. Whatever else there is stays
//! as it came.

use std::borrow::Cow;

use crate::base::members;

/// A JSON text as bare lines; `None` when it holds more than scalars, or no text can hold what it says.
pub fn write(text: &str) -> Option<String> {
    let mut out = String::new();
    for value in values(text)? {
        out.push_str(&scalar(value)?);
        out.push('\n');
    }
    Some(out)
}

/// Whether [`write()`] gives something.
pub fn is_unpacked(text: &str) -> bool {
    values(text).is_some_and(|values| values.into_iter().all(|value| scalar(value).is_some()))
}

fn values(text: &str) -> Option<Vec<&str>> {
    let text = text.trim();
    match text.as_bytes().first()? {
        b'{' => None,
        b'[' => members::items(text).map(|items| items.iter().map(|item| item.get()).collect()),
        _ => Some(vec![text]),
    }
}

fn scalar(text: &str) -> Option<Cow<'_, str>> {
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok().map(Cow::Owned),
        b'[' | b'{' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(write(text).as_deref(), expected, "{text}");
        assert_eq!(is_unpacked(text), expected.is_some(), "{text}");
    }

    #[test]
    fn scalars_are_bare_and_lists_of_them_are_lines() {
        check(r#" "a \"b\"\nc" "#, Some("a \"b\"\nc\n"));
        check("1.50\n", Some("1.50\n"));
        check("null", Some("null\n"));
        check(r#"["a", 1e5, true, null, ""]"#, Some("a\n1e5\ntrue\nnull\n\n"));
        check("[]", Some(""));
    }

    #[test]
    fn everything_else_stays_as_it_came() {
        check(r#"{"a": 1}"#, None);
        check(r#"["a", {"b": 1}]"#, None);
        check("[[1]]", None);
        check(r#""\ud800""#, None);
    }
}
