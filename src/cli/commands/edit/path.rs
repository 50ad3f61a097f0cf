//! Paths to settings as people type them: `sources.demo.uri`, `secrets."demo.key".type`, `policy.deny[0]`, or a JSON pointer.
//!
//! Pure. A path becomes an RFC 6901 pointer; whether anything stands there is not looked up here.

use crate::base::json::child;
use crate::cli::args::UsageError;

const HOW: &str = "names joined by dots, with quotes around one that holds dots: sources.demo.uri, 'secrets.\"demo.key\".type', \
                   'policy.deny[0]'; or a JSON pointer: /sources/demo/uri";

/// The pointer that a path means.
pub(super) fn pointer(path: &str) -> Result<String, UsageError> {
    let wrong = |cause: &str| UsageError::new(format!("the path {path:?} {cause}")).hint(HOW);
    if path.is_empty() {
        return Err(wrong("is empty"));
    }
    if path.starts_with('/') {
        let is_escape = |rest: &str| rest.starts_with(['0', '1']);
        return match path.split('~').skip(1).all(is_escape) {
            true => Ok(path.to_owned()),
            false => Err(wrong("is no JSON pointer: ~ is written ~0, and / inside a name ~1")),
        };
    }
    let (mut pointer, mut rest) = (String::new(), path);
    loop {
        let (name, behind) =
            name(rest).ok_or_else(|| wrong("has a name that is empty, or quotes that do not close"))?;
        pointer = child(&pointer, &name);
        rest = behind;
        while let Some(inside) = rest.strip_prefix('[') {
            let (token, behind) =
                bracket(inside).ok_or_else(|| wrong("has brackets that hold no number, - or quoted name"))?;
            pointer = child(&pointer, &token);
            rest = behind;
        }
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None if rest.is_empty() => return Ok(pointer),
            None => return Err(wrong("has something else than a dot behind a quoted name or brackets")),
        }
    }
}

/// A path for people, from a pointer.
pub(super) fn shown(pointer: &str) -> String {
    let mut path = String::new();
    for token in pointer.split('/').skip(1).map(crate::base::json::unescape_token) {
        let is_bare = !token.is_empty()
            && !token.contains(['.', '[', ']', '"', '\'', '\\', '/'])
            && !token.contains(char::is_control);
        path.push_str(if path.is_empty() { "" } else { "." });
        match is_bare {
            true => path.push_str(&token),
            false => path.push_str(&serde_json::Value::from(token).to_string()),
        }
    }
    path
}

/// The first name, and what stands behind it.
fn name(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return quoted(text);
    }
    // A backslash keeps the next character as it is.
    let (mut name, mut chars) = (String::new(), text.char_indices());
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '.' | '[' => {
                end = at;
                break;
            }
            '\\' => name.push(chars.next()?.1),
            c => name.push(c),
        }
    }
    (!name.is_empty()).then_some((name, &text[end..]))
}

/// What stands in brackets, and what behind them.
fn bracket(text: &str) -> Option<(String, &str)> {
    let (token, rest) = match text.starts_with('"') {
        true => quoted(text)?,
        false => {
            let (token, _) = text.split_once(']')?;
            let is_place = token == "-" || (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()));
            (is_place.then(|| token.to_owned())?, &text[token.len()..])
        }
    };
    Some((token, rest.strip_prefix(']')?))
}

/// A JSON string, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let name = values.next()?.ok()?;
    let end = values.byte_offset();
    Some((name, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(pointer(path).as_deref(), Ok(expected), "{path}");
        assert_eq!(pointer(&shown(expected)).as_deref(), Ok(expected), "{path}: what is shown means the same");
    }

    #[test]
    fn every_spelling_of_a_path_is_understood() {
        check("cli", "/cli");
        check("sources.demo.uri", "/sources/demo/uri");
        check("secrets.\"demo.key\".type", "/secrets/demo.key/type");
        check("secrets.demo\\.key.type", "/secrets/demo.key/type");
        check("secrets[\"demo.key\"].type", "/secrets/demo.key/type");
        check("policy.deny[0]", "/policy/deny/0");
        check("policy.deny.0", "/policy/deny/0");
        check("policy.deny[-]", "/policy/deny/-");
        check("a.\"\".\"b\\\"c\".d~e", "/a//b\"c/d~0e");
        check("a/b.c", "/a~1b/c");
        check("/secrets/demo.key/type", "/secrets/demo.key/type");
    }

    #[test]
    fn what_is_no_path_is_said() {
        for path in ["", "a.", ".a", "a..b", "a[x]", "a[]", "a[0", "\"a", "\"a\"b", "a[0]b", "/a~2", "a\\"] {
            let error = pointer(path).unwrap_err();
            assert!(error.hint.is_some(), "{path}: {error}");
        }
    }
}
