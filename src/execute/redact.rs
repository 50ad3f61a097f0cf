//! What a publisher marks by `x-cli-output.redactions` is never shown: its values are replaced, and every other byte stays as it was. Pure.
//!
//! Key type: [`Redactions`]. A text is walked once, by its own bytes: no tree is built, numbers and white space are not looked at, and
//! nesting costs a byte and a name for each level, with `..` and the like two numbers for each path besides. Names are compared decoded, so
//! that `"tok\u0065n"` is `token`, and one that stands twice is replaced twice.

use std::borrow::Cow;

use memchr::memchr2;
use serde::de::IgnoredAny;

/// What stands in place of a value.
pub const REDACTED: &str = "\"[redacted]\"";

/// The paths of one tool, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redactions(Vec<Path>);

/// The last names on the way to a member; lists on the way count for nothing. The names of a run stand right below one another, between two
/// runs any names may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    /// Runs that come first.
    before: Vec<Vec<String>>,
    /// The run that ends with the member; empty for all members.
    last: Vec<String>,
    /// As it was written, for members with a dot in their name.
    whole: String,
}

impl Redactions {
    /// Reads paths: a name, names joined by dots, `$.items[*].token`, `/items/0/token`. A path may begin anywhere, and an index, a wildcard
    /// and `..` stand for any names, so one that a publisher meant otherwise hides more, not less.
    pub fn of(paths: &[String]) -> Self {
        Self(paths.iter().filter(|path| !path.trim().is_empty()).map(|path| Path::read(path)).collect())
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
        let mut walk =
            Walk { text, at: 0, kept: 0, out: String::new(), way: Way::new(&self.0), open: Vec::new(), key: false };
        walk.whole();
        match walk.kept {
            0 => Cow::Borrowed(text),
            kept => {
                walk.out.push_str(&text[kept..]);
                Cow::Owned(walk.out)
            }
        }
    }
}

impl Path {
    fn read(path: &str) -> Self {
        let steps = if path.starts_with('/') { pointer(path) } else { steps(path) };
        // What stands for any names says nothing more at the ends.
        let mut runs: Vec<Vec<String>> = vec![Vec::new()];
        for step in steps {
            match (step, runs.last_mut()) {
                (Some(name), Some(run)) => run.push(name),
                (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
                _ => {}
            }
        }
        runs.retain(|run| !run.is_empty());
        Self { last: runs.pop().unwrap_or_default(), before: runs, whole: path.to_owned() }
    }
}

/// The steps of a JSON pointer: names, and `None` for an index or a wildcard.
fn pointer(path: &str) -> Vec<Option<String>> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| name(part).map(|name| name.replace("~1", "/").replace("~0", "~"))).collect()
}

/// The steps of any other path: names, and `None` for an index, a wildcard, `..` and whatever else stands in brackets without quotes.
fn steps(path: &str) -> Vec<Option<String>> {
    let mut rest = path.trim();
    rest = rest.strip_prefix('$').filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])).unwrap_or(rest);
    let mut found = Vec::new();
    while let Some(sign) = rest.chars().next() {
        match sign {
            '.' => {
                rest = &rest[1..];
                if rest.starts_with('.') {
                    found.push(None);
                }
            }
            '[' => {
                let (step, behind) = bracket(&rest[1..]);
                found.push(step);
                rest = behind;
            }
            _ => {
                let (part, behind) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                let part = part.trim().trim_matches(['\'', '"', ']']);
                found.extend((!part.is_empty()).then(|| name(part)));
                rest = behind;
            }
        }
    }
    found
}

/// What stands in brackets up to its end, and what is behind: the name when it is one in quotes.
fn bracket(text: &str) -> (Option<String>, &str) {
    let (mut quote, mut escaped) = (None, false);
    let end = text.find(|sign| {
        match (quote, sign) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if sign == open => quote = None,
            (None, '\'' | '"') => quote = Some(sign),
            (None, ']') => return true,
            _ => {}
        }
        false
    });
    let (inside, behind) = end.map_or((text, ""), |end| (&text[..end], &text[end + 1..]));
    let inside = inside.trim();
    let quoted = ['\'', '"'].into_iter().find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote));
    // Several names in quotes are a choice.
    let one = quoted.filter(|text| !text.is_empty() && !text.contains(['\'', '"', '\\']));
    (one.map(str::to_owned).or_else(|| name(inside).filter(|_| quoted.is_none())), behind)
}

/// A step that is a name; an index or a wildcard is none, nor what only stands in brackets of JSONPath.
fn name(part: &str) -> Option<String> {
    let is_index = matches!(part, "*" | "-") || part.bytes().all(|byte| byte.is_ascii_digit());
    let is_choice = part.starts_with(['?', '(']) || part.contains([',', ':']);
    (!is_index && !is_choice).then(|| part.to_owned())
}

/// The members that are open, and how far each path has come on the way to them.
struct Way<'a, 'r> {
    paths: &'r [Path],
    names: Vec<Cow<'a, str>>,
    /// For each of the names and each path: how many of its first runs were met, and behind how many names. Empty when none has any.
    met: Vec<(usize, usize)>,
    has_runs: bool,
}

impl<'a, 'r> Way<'a, 'r> {
    fn new(paths: &'r [Path]) -> Self {
        let has_runs = paths.iter().any(|path| !path.before.is_empty());
        Self { paths, names: Vec::new(), met: Vec::new(), has_runs }
    }

    fn push(&mut self, name: Cow<'a, str>) {
        self.names.push(name);
        if !self.has_runs {
            return;
        }
        let depth = self.names.len();
        for (at, path) in self.paths.iter().enumerate() {
            let (runs, behind) = self.met(depth - 1, at);
            let is_next = |run: &Vec<String>| behind + run.len() <= depth && ends_with(&self.names, run);
            let met = path.before.get(runs).is_some_and(is_next);
            self.met.push(if met { (runs + 1, depth) } else { (runs, behind) });
        }
    }

    fn pop(&mut self) {
        self.names.pop();
        self.met.truncate(self.names.len() * self.paths.len());
    }

    fn met(&self, depth: usize, path: usize) -> (usize, usize) {
        let row = depth.checked_sub(1).map(|row| row * self.paths.len() + path);
        row.and_then(|row| self.met.get(row)).copied().unwrap_or_default()
    }

    /// Whether a path leads here.
    fn is_hidden(&self) -> bool {
        let leads = |(at, path): (usize, &Path)| {
            let is_there = || self.met(self.names.len() - path.last.len(), at).0 == path.before.len();
            (ends_with(&self.names, &path.last) && is_there())
                || self.names.last().is_some_and(|last| *last == path.whole)
        };
        self.paths.iter().enumerate().any(leads)
    }
}

fn ends_with(names: &[Cow<'_, str>], run: &[String]) -> bool {
    let begin = names.len().checked_sub(run.len());
    begin.is_some_and(|begin| names[begin..].iter().zip(run).all(|(here, name)| here == name))
}

/// A walk through one valid text.
struct Walk<'a, 'r> {
    text: &'a str,
    at: usize,
    /// Up to where the text is in `out`, or hidden.
    kept: usize,
    out: String,
    way: Way<'a, 'r>,
    /// Objects (`true`) and lists that are open.
    open: Vec<bool>,
    /// Whether a name comes next.
    key: bool,
}

impl Walk<'_, '_> {
    fn whole(&mut self) {
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
                b'"' if self.key => self.member(),
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => self.at += 1,
                _ => {
                    self.skip();
                    self.end_value();
                }
            }
        }
    }

    /// A name; and when it is hidden, its value as well.
    fn member(&mut self) {
        let begin = self.at;
        self.skip();
        let quoted = &self.text[begin..self.at];
        self.way.push(match serde_json::from_str::<&str>(quoted) {
            Ok(plain) => Cow::Borrowed(plain),
            // With escapes; a lone surrogate is no name that anybody can write.
            Err(_) => Cow::Owned(serde_json::from_str(quoted).unwrap_or_default()),
        });
        self.key = false;
        if !self.way.is_hidden() {
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
        check(&["$['a.b'].c"], r#"{"a.b":{"c":1},"b":{"c":2}}"#, r#"{"a.b":{"c":[x]},"b":{"c":2}}"#);
        check(&["$[*]"], r#"{"a":1,"b":{"c":2}}"#, r#"{"a":[x],"b":[x]}"#);
        check(&["", " "], r#"{"a":1}"#, r#"{"a":1}"#);
    }

    #[test]
    fn h24_what_stands_for_any_names_does_so() {
        let text = r#"{"users":{"u1":{"email":1,"n":2},"7":{"email":3}},"email":4}"#;
        let hidden = r#"{"users":{"u1":{"email":[x],"n":2},"7":{"email":[x]}},"email":4}"#;
        for path in [
            "$.users.*.email",
            "users[*].email",
            "$..users..email",
            "/users/*/email",
            "/users/7/email",
            "users[?(@.n)].email",
            "$['users']['u1','7'].email",
            "users[0:2].email",
        ] {
            check(&[path], text, hidden);
        }
        check(&["users.*"], text, r#"{"users":[x],"email":4}"#);
        let nested = r#"{"a":{"b":{"x":{"b":{"c":1}}}},"b":{"c":2}}"#;
        check(&["a..b.c"], nested, r#"{"a":{"b":{"x":{"b":{"c":[x]}}}},"b":{"c":2}}"#);
        check(&["a..a.c"], r#"{"a":{"c":1,"a":{"c":2}},"b":{"c":3}}"#, r#"{"a":{"c":1,"a":{"c":[x]}},"b":{"c":3}}"#);
        for odd in ["[", "a[", "a['", "..", "$", "a]", "['\\']", "/", "//", "é[é"] {
            redactions(&[odd]).of_json(text).unwrap();
        }
    }

    /// All texts of one to `most` of these parts, joined.
    fn chains(parts: &[&'static str], most: usize) -> Vec<Vec<&'static str>> {
        let mut all: Vec<Vec<&str>> = vec![Vec::new()];
        for at in 0.. {
            let Some(begun) = all.get(at).filter(|begun| begun.len() < most).cloned() else { break };
            all.extend(parts.iter().map(|part| [&begun[..], &[*part]].concat()));
        }
        all.split_off(1)
    }

    /// Whether the steps, `*` for any names, end with a way.
    fn leads(steps: &[&str], way: &[&str]) -> bool {
        match (steps.split_last(), way.split_last()) {
            (None, _) => true,
            (Some((&"*", before)), _) => (0..=way.len()).any(|end| leads(before, &way[..end])),
            (Some((step, before)), Some((name, outer))) => step == name && leads(before, outer),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn h24_paths_lead_where_a_plainer_reading_leads() {
        let ways = chains(&["a", "b"], 5);
        for path in chains(&["a", "b", "*"], 4) {
            let last = path.iter().rposition(|step| *step != "*").map_or(0, |at| at + 1);
            for way in &ways {
                let hidden = (1..=way.len()).find(|end| leads(&path[..last], &way[..*end])).unwrap_or(way.len() + 1);
                let names = way.iter().take(hidden).map(|name| format!("{{\"{name}\":")).collect::<String>();
                let value = if hidden > way.len() { "1" } else { "[x]" };
                let expected = format!("{names}{value}{}", "}".repeat(hidden.min(way.len())));
                let text = way.iter().rev().fold("1".to_owned(), |inner, name| format!("{{\"{name}\":{inner}}}"));
                check(&[&path.join(".")], &text, &expected);
            }
        }
    }

    #[test]
    fn h28_no_depth_and_no_nonsense_breaks_it() {
        let nested = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert_eq!(redactions(&["x..a", "a..a..x"]).of_valid_json(&nested), nested);
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
