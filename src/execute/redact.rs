//! What a publisher marks by `x-cli-output.redactions` is never shown: its values are replaced, and every other byte stays as it was. Pure.
//!
//! Key type: [`Redactions`]. A text is walked once, by its own bytes: no tree is built, numbers and white space are not looked at, and
//! nesting costs a byte and a name for each level. Names are compared decoded, so that `"tok\u0065n"` is `token`, and one that stands
//! twice is replaced twice.

use std::borrow::Cow;

use memchr::memchr2;
use serde::de::IgnoredAny;

/// What stands in place of a value.
pub const REDACTED: &str = "\"[redacted]\"";

/// The paths of one tool, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redactions(Vec<Path>);

/// The last names on the way to a member; lists on the way count for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    names: Vec<String>,
    /// As it was written, for members with a dot in their name.
    whole: String,
}

impl Redactions {
    /// Reads paths: a name, names joined by dots, `$.items[*].token`, `/items/0/token`. A path may begin anywhere, so one that a publisher
    /// meant otherwise hides more, not less.
    pub fn of(paths: &[String]) -> Self {
        let said = paths.iter().filter(|path| !path.trim().is_empty());
        Self(said.map(|path| Path { names: names(path), whole: path.clone() }).collect())
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A JSON text without the values that are hidden; `None` when it is no JSON text, of which nobody knows what it shows.
    pub fn of_json<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Some(self.of_valid_json(text))
    }

    /// As [`Redactions::of_json`], for what is known to be valid.
    pub fn of_valid_json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut walk = Walk { text, at: 0, kept: 0, out: String::new(), way: Vec::new(), open: Vec::new(), key: false };
        walk.whole(self);
        match walk.kept {
            0 => Cow::Borrowed(text),
            kept => {
                walk.out.push_str(&text[kept..]);
                Cow::Owned(walk.out)
            }
        }
    }

    fn hide(&self, way: &[Cow<'_, str>]) -> bool {
        let ends_so = |names: &[String]| {
            let begin = way.len().checked_sub(names.len());
            begin.is_some_and(|begin| way[begin..].iter().zip(names).all(|(here, name)| here == name))
        };
        self.0.iter().any(|path| ends_so(&path.names) || way.last().is_some_and(|last| *last == path.whole))
    }
}

/// The names in a path. Indexes and wildcards say nothing more; a path of nothing else hides everything.
fn names(path: &str) -> Vec<String> {
    let is_pointer = path.starts_with('/');
    let parts = path.split(|c| if is_pointer { c == '/' } else { matches!(c, '.' | '[' | ']') });
    let parts = parts.map(|part| part.trim().trim_matches(['\'', '"']));
    let named =
        parts.filter(|part| !part.is_empty() && *part != "*" && !part.bytes().all(|byte| byte.is_ascii_digit()));
    let named = named.enumerate().filter(|(at, part)| is_pointer || *at > 0 || *part != "$");
    named
        .map(|(_, part)| if is_pointer { part.replace("~1", "/").replace("~0", "~") } else { part.to_owned() })
        .collect()
}

/// A walk through one valid text.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// Up to where the text is in `out`, or hidden.
    kept: usize,
    out: String,
    /// Names of the members that are open.
    way: Vec<Cow<'a, str>>,
    /// Objects (`true`) and lists that are open.
    open: Vec<bool>,
    /// Whether a name comes next.
    key: bool,
}

impl<'a> Walk<'a> {
    fn whole(&mut self, redactions: &Redactions) {
        while let Some(byte) = self.byte() {
            match byte {
                b'{' | b'[' => {
                    self.key = byte == b'{';
                    self.open.push(self.key);
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.at += 1;
                    self.end_value();
                }
                b'"' if self.key => self.member(redactions),
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => self.at += 1,
                _ => {
                    self.skip();
                    self.end_value();
                }
            }
        }
    }

    /// A name; and when it is hidden, its value as well.
    fn member(&mut self, redactions: &Redactions) {
        let begin = self.at;
        self.skip();
        let quoted = &self.text[begin..self.at];
        self.way.push(match serde_json::from_str::<&str>(quoted) {
            Ok(plain) => Cow::Borrowed(plain),
            // With escapes; a lone surrogate is no name that anybody can write.
            Err(_) => Cow::Owned(serde_json::from_str(quoted).unwrap_or_default()),
        });
        self.key = false;
        if !redactions.hide(&self.way) {
            return;
        }
        while self.byte().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b':')) {
            self.at += 1;
        }
        self.out.push_str(&self.text[self.kept..self.at]);
        self.out.push_str(REDACTED);
        self.skip();
        self.kept = self.at;
        self.end_value();
    }

    /// Goes behind the value that begins here, whatever it is.
    fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.byte() {
                Some(b'"') => self.skip_text(),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(_) => self.skip_scalar(),
                None => return,
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_text(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(found) = bytes.get(self.at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            self.at += found + 1;
            if bytes[self.at - 1] == b'"' {
                return;
            }
            self.at += 1;
        }
        self.at = bytes.len();
    }

    fn skip_scalar(&mut self) {
        let begin = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        if self.at == begin {
            // Not in a valid text; but it comes to its end.
            self.at += self.text[begin..].chars().next().map_or(1, char::len_utf8);
        }
    }

    fn end_value(&mut self) {
        self.key = self.open.last() == Some(&true);
        if self.key {
            self.way.pop();
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn redactions(paths: &[&str]) -> Redactions {
        Redactions::of(&paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>())
    }

    /// `[x]` in what is expected stands for what was replaced.
    #[track_caller]
    fn check(paths: &[&str], text: &str, expected: &str) {
        let shown = redactions(paths).of_json(text).unwrap();
        assert_eq!(shown, expected.replace("[x]", REDACTED));
        assert_eq!(redactions(paths).of_json(&shown).unwrap(), shown, "what is redacted stays as it is");
    }

    #[test]
    fn h24_only_what_is_marked_changes() {
        check(
            &["token"],
            "{ \"a\" : 1.0e2,\n\"token\" :  \"x\" , \"b\":[ ] }\n",
            "{ \"a\" : 1.0e2,\n\"token\" :  [x] , \"b\":[ ] }\n",
        );
        for value in
            ["\"x\"", "-1.5E+7", "null", "true", "{}", "[]", r#"{"a":[{"tok":"}]"}],"b":"\\\""}"#, r#""a\"}b""#]
        {
            let text = format!("{{\"token\":{value},\"z\":{value}}}");
            check(&["token"], &text, &format!("{{\"token\":[x],\"z\":{value}}}"));
        }
        check(&["token"], r#"{"token":1,"token":[1,2],"Token":3}"#, r#"{"token":[x],"token":[x],"Token":3}"#);
        check(&["token"], r#"{"tok\u0065n":1,"\u0074oken\n":2}"#, r#"{"tok\u0065n":[x],"\u0074oken\n":2}"#);
        check(
            &["token"],
            r#"[["token",{"a":"token"},{"token":{"token":1}}],"token"]"#,
            r#"[["token",{"a":"token"},{"token":[x]}],"token"]"#,
        );
        for scalar in ["1", " \"token\" ", "null", "[]", "{}"] {
            check(&["token"], scalar, scalar);
        }
    }

    #[test]
    fn h24_paths_begin_anywhere_and_lists_count_for_nothing() {
        let text = r#"{"email":1,"owner":{"email":2,"x":{"email":3}},"in":[{"owner":[{"email":4}]}],"owner.email":5}"#;
        check(
            &["owner.email"],
            text,
            r#"{"email":1,"owner":{"email":[x],"x":{"email":3}},"in":[{"owner":[{"email":[x]}]}],"owner.email":[x]}"#,
        );
        for path in ["$.owner[*].email", "$..owner.email", "owner[0].email", "/in/0/owner/email", "$['owner']['email']"]
        {
            let shown = redactions(&[path]).of_json(text).unwrap().into_owned();
            assert!(!shown.contains('4'), "{path}: {shown}");
        }
        check(&["/a~1b"], r#"{"a/b":1,"a":2}"#, r#"{"a/b":[x],"a":2}"#);
        check(&["$[*]"], r#"{"a":1,"b":{"c":2}}"#, r#"{"a":[x],"b":[x]}"#);
        check(&["", " "], r#"{"a":1}"#, r#"{"a":1}"#);
    }

    #[test]
    fn h28_no_depth_and_no_nonsense_breaks_it() {
        let deep = format!("{}{{\"token\":1}}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(redactions(&["token"]).of_json(&deep).unwrap().contains(REDACTED));
        for text in ["", "{", "{\"token\":", "{\"token\" 1}", "token", "{\"a\":1}x", "\u{feff}{}", "\"\\"] {
            assert_eq!(redactions(&["token"]).of_json(text), None, "{text}");
            redactions(&["token"]).of_valid_json(text);
        }
    }

    #[test]
    fn what_comes_out_is_the_same_document_otherwise() {
        let text = include_str!("../../testdata/cli/summary.json");
        let shown = redactions(&["description", "schema.type"]).of_json(text).unwrap();
        let mut expected: Value = serde_json::from_str(text).unwrap();
        hide(&mut expected, None);
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), expected);
        assert!(shown.contains("[redacted]"));
    }

    fn hide(value: &mut Value, parent: Option<&str>) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| hide(item, parent)),
            Value::Object(members) => members.iter_mut().for_each(|(name, value)| {
                match name == "description" || (parent == Some("schema") && name == "type") {
                    true => *value = "[redacted]".into(),
                    false => hide(value, Some(name)),
                }
            }),
            _ => {}
        }
    }
}
