//! One JSON value a line, without the white space between its tokens: the items of a list, else the one document. All other bytes
//! stay as they came.

use crate::base::members;
use crate::execute::paging;

/// The items of the list that stands at `path` of an answer, a line each; an answer with no list there is a line itself.
pub fn write(text: &str, path: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let list = paging::lookup(text, path).map(|raw| raw.get()).and_then(members::items);
    match list {
        Some(items) => items.iter().for_each(|item| line(item.get(), &mut out)),
        None => line(text, &mut out),
    }
    out
}

fn line(text: &str, out: &mut String) {
    out.push_str(&compact(text));
    out.push('\n');
}

/// A valid JSON text without white space between its tokens.
pub fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        if inside {
            inside = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            inside = true;
        } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, path: &[&str], expected: &str) {
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(write(text, &path), expected);
    }

    #[test]
    fn items_are_lines_and_keep_their_bytes() {
        check(
            "[ {\"a\" : 1.0,\n\"b\": \" x \\\" \\\\\" }, [ ], 1e400, \"\\u00e9\" ]",
            &[],
            concat!("{\"a\":1.0,\"b\":\" x \\\" \\\\\"}\n", "[]\n", "1e400\n", "\"\\u00e9\"\n"),
        );
        check(r#"{"data": {"items": [1, {"b": 2}]}, "next": 3}"#, &["data", "items"], "1\n{\"b\":2}\n");
        check("[]", &[], "");
    }

    #[test]
    fn what_has_no_list_there_is_one_line() {
        check("{ \"a\" :\n [1] }", &[], "{\"a\":[1]}\n");
        check("{\"a\": 1}", &["a"], "{\"a\":1}\n");
        check(" null ", &[], "null\n");
    }
}
