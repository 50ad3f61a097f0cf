//! YAML 1.2 from a [`Node`], written so that YAML 1.1 readers understand the same: what could be read as another type is quoted.

use super::node::Node;

/// Words that some reader takes for a boolean or null, in lower case.
const WORDS: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// A document without markers, ending in a newline.
pub fn write(node: &Node) -> String {
    let mut out = String::new();
    match node {
        Node::List(items) if !items.is_empty() => list(items, 0, &mut out),
        Node::Object(members) if !members.is_empty() => object(members, 0, &mut out),
        scalar => {
            value(scalar, 0, &mut out);
        }
    }
    out
}

fn object(members: &[(String, Node)], depth: usize, out: &mut String) {
    for (i, (name, member)) in members.iter().enumerate() {
        if i > 0 {
            indent(depth, out);
        }
        out.push_str(&key(name));
        out.push(':');
        match member {
            Node::List(items) if !items.is_empty() => {
                out.push('\n');
                indent(depth, out);
                list(items, depth, out);
            }
            Node::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                indent(depth + 1, out);
                object(inner, depth + 1, out);
            }
            scalar => {
                out.push(' ');
                value(scalar, depth + 1, out);
            }
        }
    }
}

fn list(items: &[Node], depth: usize, out: &mut String) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            indent(depth, out);
        }
        out.push_str("- ");
        match item {
            Node::List(inner) if !inner.is_empty() => list(inner, depth + 1, out),
            Node::Object(members) if !members.is_empty() => object(members, depth + 1, out),
            scalar => value(scalar, depth + 1, out),
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A scalar or an empty collection, with its newline.
fn value(node: &Node, depth: usize, out: &mut String) {
    match node {
        Node::Text(text) if is_block(text) => block(text, depth.max(1), out),
        Node::Text(text) => out.push_str(&inline(text)),
        // JSON is YAML, but for escapes of halves of characters, which stay unreadable in both.
        other => out.push_str(&other.compact()),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn key(text: &str) -> String {
    // A key beyond 1,024 characters would need the explicit form; quoted it is at least whole.
    inline(text)
}

fn inline(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Starts with a letter or `/` or `_`, and holds nothing that means something.
fn is_plain(text: &str) -> bool {
    let starts = text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '/' || c == '_');
    let plain = |c: char| c.is_alphanumeric() || " _-./@+()$%^;,=~!?'&*<>|".contains(c);
    starts
        && !text.ends_with(' ')
        && text.chars().all(|c| plain(c) || c == ':')
        && !colon_means_something(text)
        && !WORDS.contains(&text.to_lowercase().as_str())
}

fn colon_means_something(text: &str) -> bool {
    text.ends_with(':') || text.contains(": ") || text.contains(" #")
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&escaped(u32::from(c))),
        }
    }
    out.push('"');
    out
}

fn escaped(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02X}"),
        0x100..=0xffff => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    }
}

fn is_printable(c: char) -> bool {
    !super::sanitize::is_unsafe(c) && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// Several lines that a literal block gives back unchanged.
fn is_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && !text.ends_with("\n\n")
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

fn block(text: &str, depth: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            indent(depth, out);
            out.push_str(line);
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(write(&Node::parse(json).unwrap()), expected);
    }

    #[test]
    fn shapes_look_as_people_write_them() {
        check(
            r#"{"a":1,"list":[{"id":"x","tags":["p",[1,2]]},{}],"none":null,"empty":[],"o":{"k":{"l":true}}}"#,
            "a: 1\nlist:\n- id: x\n  tags:\n  - p\n  - - 1\n    - 2\n- {}\nnone: null\nempty: []\no:\n  k:\n    l: true\n",
        );
        check(r#"{"text":"one\ntwo\n","list":["a\nb"]}"#, "text: |\n  one\n  two\nlist:\n- |-\n  a\n  b\n");
        check(r#""no""#, "\"no\"\n");
        check("[]", "[]\n");
    }

    #[test]
    fn every_text_reads_back_as_itself() {
        let texts = [
            "",
            " ",
            "no",
            "Yes",
            "NULL",
            "~",
            "0123",
            "1e3",
            "0x1f",
            "12:30",
            "1.5",
            ".inf",
            "-",
            "- a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "x: ",
            "https://h/p?q=1#f",
            "{a}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a'",
            "\"a\"",
            "a\\b",
            "a\nb",
            "a\nb\n",
            "a\n\nb",
            "a\n\n",
            "\na",
            " a\nb",
            "\ta\nb",
            "a \nb",
            "a\r\nb",
            "tab\there",
            "\u{1b}[0m",
            "\u{85}x",
            "\u{2028}",
            "é",
            "漢字",
            "😀",
            "2026-01-01",
            "=",
            "<<",
            "?",
            "? a",
            ": a",
            "trailing ",
            "a,b",
            "---",
            "...",
            "a\n---\nb",
            "\u{feff}a",
            "null ",
            "y",
            "N",
            "on",
            "_1",
            "+1",
            "1_000",
            "a\n# b\n",
            "key: [",
            "e5",
            "a\n\tb",
        ];
        for text in texts {
            let value = json!({"k": text, text: [text, {"in": text}], "list": [[text]]});
            let yaml = write(&Node::from_value(&value));
            let read: Value =
                document::parse(yaml.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}\n{yaml}"));
            assert_eq!(read, value, "{text:?} became\n{yaml}");
        }
    }
}
