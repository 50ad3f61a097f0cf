//! JSON documents: pointers (RFC 6901), deep merge, a canonical form, and where a pointer stands in a text.

use serde_json::Value;

/// Escapes one token of a JSON pointer.
pub fn escape_token(token: &str) -> String {
    let mut escaped = String::with_capacity(token.len());
    push_token(&mut escaped, token);
    escaped
}

/// Undoes [`escape_token`].
pub fn unescape_token(token: &str) -> String {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~") } else { token.to_owned() }
}

/// `pointer` with one more token. Readers of documents do this at every step, so it costs one piece of memory.
pub fn child(pointer: &str, token: &str) -> String {
    let mut child = String::with_capacity(pointer.len() + 1 + token.len());
    child.push_str(pointer);
    child.push('/');
    push_token(&mut child, token);
    child
}

fn push_token(pointer: &mut String, token: &str) {
    let mut rest = token;
    while let Some(at) = rest.find(['~', '/']) {
        pointer.push_str(&rest[..at]);
        pointer.push_str(if rest.as_bytes()[at] == b'~' { "~0" } else { "~1" });
        rest = &rest[at + 1..];
    }
    pointer.push_str(rest);
}

/// JSON text with every object's members sorted and no white space: equal exactly when the content is.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => write_value(scalar, out),
    }
}

/// Appends a value as JSON without white space, in the order it has.
pub fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            out.push('{');
            for (i, (key, value)) in members.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_string(key, out);
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_value(item, out);
            }
            out.push(']');
        }
        Value::String(text) => write_string(text, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Appends a text as a JSON string. Most need no escapes, and are copied.
pub fn write_string(text: &str, out: &mut String) {
    if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        out.push_str(&Value::from(text).to_string());
        return;
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// A place in a text, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// The position of byte `at`.
pub fn position(text: &str, at: usize) -> Position {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |p| p + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    Position { line, column }
}

/// Where the value at `pointer` stands in a valid JSON text: its key when it is an object's member, else the
/// value itself. A pointer that leads nowhere gives the place of its longest existing beginning.
pub fn locate(text: &str, pointer: &str) -> Position {
    let tokens: Vec<String> = pointer.split('/').skip(1).map(unescape_token).collect();
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    scan.space();
    let mut found = scan.at;
    for token in &tokens {
        match scan.enter(token) {
            Some(at) => found = at,
            None => break,
        }
    }
    position(text, found)
}

/// Where each item of the array at `pointer` stands in a valid JSON text, in one pass; none when there is no array.
pub fn locate_items(text: &str, pointer: &str) -> Vec<Position> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    scan.space();
    for token in pointer.split('/').skip(1).map(unescape_token) {
        if scan.enter(&token).is_none() {
            return Vec::new();
        }
    }
    if scan.peek() != b'[' {
        return Vec::new();
    }
    let (mut found, mut here, mut from) = (Vec::new(), Position { line: 1, column: 1 }, 0);
    scan.step();
    while scan.at < scan.bytes.len() && scan.peek() != b']' {
        for byte in &scan.bytes[from..scan.at] {
            match byte {
                b'\n' => here = Position { line: here.line + 1, column: 1 },
                // Bytes that go on with a character are no column of their own.
                byte => here.column += usize::from(byte & 0xC0 != 0x80),
            }
        }
        from = scan.at;
        found.push(here);
        scan.skip();
        scan.next_item();
    }
    found
}

/// What serde_json says is wrong with a text, without the place, and the place, whose columns count characters.
pub fn syntax_error(text: &str, error: &serde_json::Error) -> (Position, String) {
    let said = error.to_string();
    let reason = said.rsplit_once(" at line ").map_or(said.as_str(), |(reason, _)| reason).to_owned();
    // serde_json counts bytes; people count characters.
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = &line.as_bytes()[..error.column().min(line.len())];
    let column = String::from_utf8_lossy(before).chars().count().max(1);
    (Position { line: error.line().max(1), column }, reason)
}

/// The pointers of members that stand twice in one object of a valid JSON text; serde_json keeps the last silently.
pub fn duplicate_members(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    scan.space();
    scan.duplicates("", &mut found);
    found
}

/// An object or an array of a JSON text, by the bytes where things stand: for whoever changes a part and leaves the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The opening bracket.
    pub open: usize,
    /// The closing bracket.
    pub close: usize,
    /// Whether it is an object.
    pub is_object: bool,
    /// Members or items, in order.
    pub pieces: Vec<Piece>,
}

/// A member or an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The member's name, escapes undone; `None` for an item.
    pub key: Option<String>,
    /// Where the member begins: its key's quote, or the value itself.
    pub start: usize,
    /// Behind the key's closing quote; `start` for an item.
    pub key_end: usize,
    /// The value, without white space around it.
    pub value: std::ops::Range<usize>,
}

/// What stands directly in the object or array that begins at byte `at` of a valid JSON text; `None` when none begins there.
pub fn container(text: &str, at: usize) -> Option<Container> {
    let mut scan = Scan { bytes: text.as_bytes(), at };
    let (is_object, end) = match scan.peek() {
        b'{' => (true, b'}'),
        b'[' => (false, b']'),
        _ => return None,
    };
    let mut pieces = Vec::new();
    scan.step();
    while scan.at < scan.bytes.len() && scan.peek() != end {
        let start = scan.at;
        let key = is_object.then(|| scan.string());
        let key_end = scan.at;
        if is_object {
            scan.space();
            scan.step();
        }
        let from = scan.at;
        scan.skip();
        // A number or a word is skipped with the space behind it.
        let value = from..from + text[from..scan.at].trim_end().len();
        pieces.push(Piece { key, start, key_end, value });
        scan.next_item();
    }
    Some(Container { open: at, close: scan.at, is_object, pieces })
}

/// Walks a text that is known to be valid JSON.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// Steps over punctuation and the space around it.
    fn step(&mut self) {
        self.at += 1;
        self.space();
    }

    /// From the start of a container to the start of its child; gives the place to report.
    fn enter(&mut self, token: &str) -> Option<usize> {
        match self.peek() {
            b'{' => {
                self.step();
                while self.peek() == b'"' {
                    let key_at = self.at;
                    let key = self.string();
                    self.space();
                    self.step();
                    if key == token {
                        return Some(key_at);
                    }
                    self.skip();
                    self.next_item();
                }
                None
            }
            b'[' => {
                let index: usize = token.parse().ok()?;
                self.step();
                for _ in 0..index {
                    if self.peek() == b']' {
                        return None;
                    }
                    self.skip();
                    self.next_item();
                }
                (self.peek() != b']').then_some(self.at)
            }
            _ => None,
        }
    }

    fn next_item(&mut self) {
        self.space();
        if self.peek() == b',' {
            self.step();
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while self.at < self.bytes.len() && self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at = (self.at + 1).min(self.bytes.len());
        serde_json::from_slice(&self.bytes[start..self.at]).unwrap_or_default()
    }

    /// Steps over one value, without recursion.
    fn skip(&mut self) {
        let mut depth = 0usize;
        while self.at < self.bytes.len() {
            match self.peek() {
                b'"' => {
                    self.string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                b',' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Recursion is bounded by serde_json's own depth limit, which the text has passed.
    fn duplicates(&mut self, pointer: &str, found: &mut Vec<String>) {
        match self.peek() {
            b'{' => {
                let mut seen = std::collections::BTreeSet::new();
                self.step();
                while self.peek() == b'"' {
                    let key = self.string();
                    let pointer = child(pointer, &key);
                    if !seen.insert(key) {
                        found.push(pointer.clone());
                    }
                    self.space();
                    self.step();
                    self.duplicates(&pointer, found);
                    self.next_item();
                }
                self.at += 1;
            }
            b'[' => {
                let mut index = 0usize;
                self.step();
                while self.at < self.bytes.len() && self.peek() != b']' {
                    self.duplicates(&child(pointer, &index.to_string()), found);
                    self.next_item();
                    index += 1;
                }
                self.at += 1;
            }
            _ => self.skip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"a\": {\"b/c\": [1, {\"d\": \"x]}\"}, 3]},\n  \"ü\": 1, \"a\": 2\n}";

    #[track_caller]
    fn check(pointer: &str, line: usize, column: usize) {
        assert_eq!(locate(TEXT, pointer), Position { line, column }, "{pointer}");
    }

    #[test]
    fn pointers_are_found_in_the_text() {
        check("", 1, 1);
        check("/a", 2, 3);
        check("/a/b~1c", 2, 9);
        check("/a/b~1c/1/d", 2, 21);
        check("/a/b~1c/2", 2, 34);
        check("/ü", 3, 3);
        check("/a/missing/deeper", 2, 3);
        check("/a/b~1c/9", 2, 9);
    }

    #[test]
    fn items_stand_where_each_of_them_is_located() {
        let text = "{\"p\": {\"ü\": [\"é\", \n  \"[]\" ,{\"a\":[1,2]}, 4]}, \"n\": 1, \"e\": []}";
        let one_by_one: Vec<_> = (0..4).map(|at| locate(text, &format!("/p/ü/{at}"))).collect();
        assert_eq!(locate_items(text, "/p/ü"), one_by_one);
        for pointer in ["/n", "/none", "/e", ""] {
            assert!(locate_items(text, pointer).is_empty(), "{pointer}");
        }
    }

    #[test]
    fn duplicate_members_are_found() {
        assert_eq!(duplicate_members(TEXT), ["/a"]);
        assert_eq!(duplicate_members("{\"x\":[{\"k\":1,\"k\":2}],\"y\":{}}"), ["/x/0/k"]);
        assert!(duplicate_members("[{},{\"a\":[]},\"s\",1]").is_empty());
    }

    #[test]
    fn values_are_written_as_serde_writes_them() {
        for text in [
            "{\"a\\u0000\":[1,-2.5,1e300,true,null,{}],\"\\\"\":\"x\\n\\\\/\u{7f}\u{fc}\u{2028}\",\"\":[]}",
            "\"plain\"",
            "18446744073709551615",
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let mut out = String::new();
            write_value(&value, &mut out);
            assert_eq!(out, value.to_string());
        }
    }

    #[test]
    fn canonical_form_ignores_member_order() {
        let a: Value = serde_json::from_str("{\"b\":[1,{\"z\":1,\"a\":null}],\"a\":\"\\n\"}").unwrap();
        let b: Value = serde_json::from_str("{\"a\":\"\\n\",\"b\":[1,{\"a\":null,\"z\":1}]}").unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(canonical(&a), "{\"a\":\"\\n\",\"b\":[1,{\"a\":null,\"z\":1}]}");
    }

    #[test]
    fn numbers_are_written_as_they_were_read() {
        for number in ["4.4444444444444443e+21", "0.1", "-1.7976931348623157e+308", "5e-324", "18446744073709551615"] {
            let value: Value = serde_json::from_str(number).unwrap();
            assert_eq!(value.to_string(), number);
        }
    }
}
