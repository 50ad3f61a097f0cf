//! What is changed is the value asked for, and nothing else: examples, and texts, pointers and values drawn at random.

use serde_json::{Map, Value, json};

use super::{EditError, raw, remove, set};
use crate::base::json::{child, container};
use crate::base::serial::Serial;

#[track_caller]
fn check(text: &str, pointer: &str, value: &Value, expected: &str) {
    let new = set(text, pointer, value).unwrap_or_else(|error| panic!("{text:?} {pointer}: {error}"));
    assert_eq!(new, expected, "{text:?} {pointer}");
    assert_eq!(set(&new, pointer.trim_end_matches("/-"), &raw_value(&new, pointer)), Ok(new.clone()), "twice is once");
}

fn raw_value(text: &str, pointer: &str) -> Value {
    serde_json::from_str(raw(text, pointer.trim_end_matches("/-")).unwrap()).unwrap()
}

#[track_caller]
fn gone(text: &str, pointer: &str, expected: &str) {
    assert_eq!(remove(text, pointer).as_deref(), Ok(expected), "{text:?} {pointer}");
}

#[test]
fn a_new_member_looks_like_its_neighbours() {
    check("{\n  \"a\": 1\n}\n", "/b", &json!(2), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
    check(
        "{\r\n\t\"a\" : {}\r\n}",
        "/a/b",
        &json!({"c": [1, {}]}),
        "{\r\n\t\"a\" : {\r\n\t\t\"b\" : {\r\n\t\t\t\"c\" : [\r\n\t\t\t\t1,\r\n\t\t\t\t{}\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}",
    );
    check("{\"a\":1,\"b\":{}}", "/b/c", &json!({"d": [1, 2]}), "{\"a\":1,\"b\":{\"c\":{\"d\":[1,2]}}}");
    check("{ \"a\": 1 }", "/b", &json!({"c": 2}), "{ \"a\": 1, \"b\": { \"c\": 2 } }");
    check("{ \"a\": {} }", "/a/b", &json!(1), "{ \"a\": { \"b\": 1 } }");
    check("{\n    \"s\": { \"x\": 1 }\n}", "/s/y", &json!("z"), "{\n    \"s\": { \"x\": 1, \"y\": \"z\" }\n}");
    check(
        "{\n    \"s\": { \"x\": 1 }\n}",
        "/t/y",
        &json!(1),
        "{\n    \"s\": { \"x\": 1 },\n    \"t\": {\n        \"y\": 1\n    }\n}",
    );
    check("{\"a\": 1,   \"b\": 2\n}", "/c", &json!(3), "{\"a\": 1,   \"b\": 2,   \"c\": 3\n}");
    check("{}", "/a/b", &json!(1), "{\n  \"a\": {\n    \"b\": 1\n  }\n}");
    check("\u{feff}{\n}\n", "/a", &json!(true), "\u{feff}{\n  \"a\": true\n}\n");
    check("{\"d\": []}", "/d/-", &json!("x"), "{\"d\": [\"x\"]}");
    check("{\n \"d\": [\n  \"x\"\n ]\n}", "/d/1", &json!("y"), "{\n \"d\": [\n  \"x\",\n  \"y\"\n ]\n}");
    check("{\"a\":1}", "/p/d/-", &json!("x"), "{\"a\":1,\"p\":{\"d\":[\"x\"]}}");
    check("{\n \"d\": [\"x\"]\n}", "/d/-", &json!("y"), "{\n \"d\": [\"x\", \"y\"]\n}");
}

#[test]
fn a_list_that_is_not_there_begins_with_what_is_appended_to_it() {
    check("{}", "/policy/deny/-", &json!("a"), "{\n  \"policy\": {\n    \"deny\": [\"a\"]\n  }\n}");
    check("{\"deny\": {}}", "/deny/-", &json!(1), "{\"deny\": {\"-\": 1}}");
}

#[test]
fn a_value_is_replaced_where_it_stands() {
    check("{\"a\" : 1 , \"b\":2}", "/a", &json!("x"), "{\"a\" : \"x\" , \"b\":2}");
    check(
        "{\n  \"d\": [\"x\"],\n  \"e\": 1\n}",
        "/d",
        &json!(["x", "y"]),
        "{\n  \"d\": [\"x\", \"y\"],\n  \"e\": 1\n}",
    );
    check(
        "{\n  \"d\": 1\n}",
        "/d",
        &json!({"x": {"y": []}}),
        "{\n  \"d\": {\n    \"x\": {\n      \"y\": []\n    }\n  }\n}",
    );
    check("{\"\\u0061\\/b\": 1}", "/a~1b", &json!(2), "{\"\\u0061\\/b\": 2}");
    check("[1, [2, 3]]", "/1/0", &json!(null), "[1, [null, 3]]");
    check(" 1 ", "", &json!(2), " 2 ");
    assert_eq!(set("{\"a\" : 1.0}", "/a", &json!(1.0)).unwrap(), "{\"a\" : 1.0}", "the same is left as it is written");
}

#[test]
fn what_stands_twice_counts_once() {
    check("{\"a\": 1, \"b\": 0, \"a\": 2}", "/a", &json!(3), "{\"b\": 0, \"a\": 3}");
    gone("{\"a\": 1, \"b\": 0, \"a\": 2, \"a\": 3}", "/a", "{\"b\": 0}");
    check("{\"a\": {\"x\": 1}, \"a\": {}}", "/a/y", &json!(1), "{\"a\": {\"x\": 1}, \"a\": {\"y\": 1}}");
}

#[test]
fn what_is_removed_takes_its_comma_along() {
    let text = "{\n  \"a\": 1,\n  \"b\": [1, 2, 3],\n  \"c\": {\"d\": 4}\n}\n";
    gone(text, "/a", "{\n  \"b\": [1, 2, 3],\n  \"c\": {\"d\": 4}\n}\n");
    gone(text, "/c", "{\n  \"a\": 1,\n  \"b\": [1, 2, 3]\n}\n");
    gone(text, "/b/1", "{\n  \"a\": 1,\n  \"b\": [1, 3],\n  \"c\": {\"d\": 4}\n}\n");
    gone(text, "/b/2", "{\n  \"a\": 1,\n  \"b\": [1, 2],\n  \"c\": {\"d\": 4}\n}\n");
    gone(text, "/c/d", "{\n  \"a\": 1,\n  \"b\": [1, 2, 3],\n  \"c\": {}\n}\n");
}

#[test]
fn what_cannot_be_done_is_said() {
    let fails = |text: &str, pointer: &str| set(text, pointer, &json!(1)).unwrap_err().to_string();
    assert!(fails("{\"a\": 1}", "/a/b").contains("\"/a\" is neither an object nor an array"));
    assert!(fails("{\"a\": [1]}", "/a/2").contains("has 1 items and no place \"2\""));
    assert!(fails("{\"a\": [1]}", "/a/x").contains("- stands for its end"));
    assert!(fails("{\"a\": }", "/a").contains("at line 1 column 7"));
    for pointer in ["", "/b", "/a/0"] {
        let error = remove("{\"a\": []}", pointer).unwrap_err();
        assert_eq!(error, EditError::NotThere { pointer: pointer.to_owned() });
    }
}

/// Numbers that look random and are the same in each run.
struct Draw(Serial);

impl Draw {
    fn below(&self, limit: u64) -> usize {
        usize::try_from(self.0.number().get() % limit).unwrap()
    }

    fn of<'a>(&self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64)]
    }

    fn space(&self, line_end: &str) -> String {
        self.of(&["", "", " ", "\t", "  ", "\n", "\n\t", "\n  "]).replace('\n', line_end)
    }

    fn value(&self, depth: usize) -> Value {
        match self.below(if depth > 3 { 5 } else { 9 }) {
            0 => json!(null),
            1 => json!(self.below(1000)),
            2 => json!(-1.5e3),
            3 => json!(self.of(&["", "x", "a \"b\"\\ }{][,:", "\u{fc}\n\u{1F600}", "line\r\n"])),
            4 => json!(true),
            5 | 6 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect(),
            _ => {
                let keys = ["a", "b", "a/b", "~", "", "0", "\u{fc}", "k\"k", "deep.er"];
                Value::Object((0..self.below(4)).map(|_| (self.of(&keys).to_owned(), self.value(depth + 1))).collect())
            }
        }
    }

    /// A value as somebody could have written it.
    fn written(&self, value: &Value, line_end: &str) -> String {
        let space = || self.space(line_end);
        let text = |text: &str| match self.below(3) {
            0 => {
                let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
                format!("\"{units}\"")
            }
            _ => Value::from(text).to_string(),
        };
        let joined = |pieces: Vec<String>| match pieces.is_empty() {
            true => space(),
            false => pieces.join(","),
        };
        match value {
            Value::Object(members) => {
                let member = |(key, value): (&String, &Value)| {
                    format!(
                        "{}{}{}:{}{}{}",
                        space(),
                        text(key),
                        space(),
                        space(),
                        self.written(value, line_end),
                        space()
                    )
                };
                format!("{{{}}}", joined(members.iter().map(member).collect()))
            }
            Value::Array(items) => {
                let item = |item: &Value| format!("{}{}{}", space(), self.written(item, line_end), space());
                format!("[{}]", joined(items.iter().map(item).collect()))
            }
            Value::String(string) => text(string),
            plain => plain.to_string(),
        }
    }

    /// A pointer to something that is there, or that could be.
    fn pointer(&self, value: &Value) -> String {
        let mut pointer = String::new();
        let mut here = Some(value);
        loop {
            let (token, below) = match here {
                Some(Value::Object(members)) if !members.is_empty() && self.below(4) > 0 => {
                    let (key, value) = members.iter().nth(self.below(members.len() as u64)).unwrap();
                    (key.clone(), Some(value))
                }
                Some(Value::Object(_)) | None => (self.of(&["new", "a", "n~/w", "0", "\u{e9}"]).to_owned(), None),
                Some(Value::Array(items)) => {
                    let index = self.below(items.len() as u64 + 1);
                    (index.to_string(), items.get(index))
                }
                Some(_) => return pointer,
            };
            pointer = child(&pointer, &token);
            here = below.or(value.pointer(&pointer));
            if self.below(3) == 0 {
                return pointer;
            }
        }
    }
}

/// The same edit of the value.
fn put(tree: &Value, tokens: &[String], value: &Value) -> Value {
    let Some((token, rest)) = tokens.split_first() else { return value.clone() };
    match tree {
        Value::Array(items) => {
            let mut items = items.clone();
            let index: usize = token.parse().unwrap();
            match items.get_mut(index) {
                Some(item) => *item = put(item, rest, value),
                None => items.push(put(&Value::Null, rest, value)),
            }
            Value::Array(items)
        }
        other => {
            let mut members = other.as_object().cloned().unwrap_or_else(Map::new);
            let below = members.get(token).cloned().unwrap_or(Value::Null);
            members.insert(token.clone(), put(&below, rest, value));
            Value::Object(members)
        }
    }
}

/// The text of every value, by pointer.
fn pieces(text: &str, at: usize, pointer: &str, found: &mut Vec<(String, String)>) {
    let Some(container) = container(text, at) else { return };
    for (index, piece) in container.pieces.iter().enumerate() {
        let token = piece.key.clone().unwrap_or_else(|| index.to_string());
        let pointer = child(pointer, &token);
        found.push((pointer.clone(), text[piece.start..piece.value.end].to_owned()));
        pieces(text, piece.value.start, &pointer, found);
    }
}

fn all_pieces(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    pieces(text, text.find(['{', '[']).unwrap_or(text.len()), "", &mut found);
    found
}

/// Whether an edit at `edited` has nothing to do with what stands at `pointer`.
fn is_apart(pointer: &str, edited: &str) -> bool {
    !format!("{pointer}/").starts_with(&format!("{edited}/"))
        && !format!("{edited}/").starts_with(&format!("{pointer}/"))
}

#[test]
fn any_edit_of_any_text_changes_its_value_and_no_other_byte() {
    let draw = Draw(Serial::new(*b"edits and texts."));
    for round in 0..4000 {
        let tree = match draw.value(0) {
            tree if tree.is_object() || tree.is_array() => tree,
            _ => json!({}),
        };
        let line_end = draw.of(&["\n", "\r\n"]);
        let (head, tail) =
            (draw.of(&["", "\u{feff}", "\u{feff} "]), draw.of(&["", "\n", " \n\n"]).replace('\n', line_end));
        let text = format!("{head}{}{tail}", draw.written(&tree, line_end));
        let (pointer, value) = (draw.pointer(&tree), draw.value(1));
        let new = match set(&text, &pointer, &value) {
            Ok(new) => new,
            Err(error) => panic!("round {round}: {text:?} {pointer}: {error}"),
        };
        let tokens: Vec<String> = pointer.split('/').skip(1).map(crate::base::json::unescape_token).collect();
        let expected = put(&tree, &tokens, &value);
        compare(&text, &new, &pointer, &expected, line_end, round);
        assert!(new.starts_with(head) && new.ends_with(&tail), "round {round}: {new:?}");
        if tree.pointer(&pointer).is_some() && !pointer.is_empty() {
            let less = remove(&new, &pointer).unwrap();
            let (above, token) = pointer.rsplit_once('/').unwrap();
            let mut expected = expected;
            let is_last = match expected.pointer_mut(above).unwrap() {
                Value::Object(members) => {
                    members.shift_remove(&crate::base::json::unescape_token(token));
                    true
                }
                Value::Array(items) => {
                    items.remove(token.parse().unwrap());
                    items.len().to_string() == *token
                }
                _ => unreachable!("it had something below it"),
            };
            // Items behind a removed one have other pointers.
            compare(&new, &less, if is_last { &pointer } else { above }, &expected, line_end, round);
        }
    }
}

#[track_caller]
fn compare(old: &str, new: &str, pointer: &str, expected: &Value, line_end: &str, round: usize) {
    let shown = || format!("round {round}: {old:?} -> {new:?} at {pointer:?}");
    let parsed: Value =
        serde_json::from_str(new.trim_start_matches('\u{feff}')).unwrap_or_else(|e| panic!("{e} {}", shown()));
    assert_eq!(parsed, *expected, "{}", shown());
    let before: Vec<_> = all_pieces(old).into_iter().filter(|(at, _)| is_apart(at, pointer)).collect();
    let after: Vec<_> = all_pieces(new).into_iter().filter(|(at, _)| is_apart(at, pointer)).collect();
    assert_eq!(before, after, "{}", shown());
    if line_end == "\r\n" && old.contains("\r\n") {
        assert_eq!(new.matches('\n').count(), new.matches("\r\n").count(), "{}", shown());
    }
}
