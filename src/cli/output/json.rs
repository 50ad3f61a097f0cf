//! JSON from a [`Node`]: on one line, or indented with the members in their own order.

use super::node::Node;

/// Indented by two spaces, without a closing newline.
pub fn pretty(node: &Node) -> String {
    let mut out = String::new();
    write(node, Some(0), &mut out);
    out
}

/// Writes `node`; `indent` is the present depth, `None` for one line.
pub fn write(node: &Node, indent: Option<usize>, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Node::Number(text) | Node::Raw(text) => out.push_str(text),
        Node::Text(text) => out.push_str(&quote(text)),
        Node::List(items) if items.is_empty() => out.push_str("[]"),
        Node::Object(members) if members.is_empty() => out.push_str("{}"),
        Node::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, indent, out);
                write(item, indent.map(|depth| depth + 1), out);
            }
            close(']', indent, out);
        }
        Node::Object(members) => {
            out.push('{');
            for (i, (name, value)) in members.iter().enumerate() {
                separate(i, indent, out);
                out.push_str(&quote(name));
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write(value, indent.map(|depth| depth + 1), out);
            }
            close('}', indent, out);
        }
    }
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

fn separate(i: usize, indent: Option<usize>, out: &mut String) {
    if i > 0 {
        out.push(',');
    }
    if let Some(depth) = indent {
        new_line(depth + 1, out);
    }
}

fn close(bracket: char, indent: Option<usize>, out: &mut String) {
    if let Some(depth) = indent {
        new_line(depth, out);
    }
    out.push(bracket);
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order() {
        let node = Node::parse(r#"{"z":1,"a":[{},[],{"k":"v\u0001"},2.50]}"#).unwrap();
        let expected =
            "{\n  \"z\": 1,\n  \"a\": [\n    {},\n    [],\n    {\n      \"k\": \"v\\u0001\"\n    },\n    2.50\n  ]\n}";
        assert_eq!(pretty(&node), expected);
    }
}
