//! Colours of what is written for people. Whether there are any is decided in [`console`](super::super::console).

/// The name of a member.
const NAME: &str = "34;1";
const TEXT: &str = "32";
const NUMBER: &str = "36";
const WORD: &str = "33";
const NULL: &str = "90";
const HEAD: &str = "1";

/// A head of a table.
pub fn head(text: &str) -> String {
    paint(HEAD, text)
}

/// A JSON text, each value in the colour of its kind; nothing but colours is added.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => string_end(rest),
            '-' | '0'..='9' | 'a'..='z' => rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len()),
            _ => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        let (token, behind) = rest.split_at(end);
        let colour = match first {
            '"' if behind.trim_start().starts_with(':') => NAME,
            '"' => TEXT,
            'n' => NULL,
            'a'..='z' => WORD,
            _ => NUMBER,
        };
        out.push_str(&paint(colour, token));
        rest = behind;
    }
    out
}

fn paint(colour: &str, text: &str) -> String {
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')
}

/// The end of the string that a text begins with.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A text without colours.
#[cfg(test)]
pub fn stripped(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_has_its_colour() {
        let text = "{\n  \"a\\\"\": \"b: \\\\\",\n  \"n\": [-1.5e+3, true, null]\n}";
        let painted = json(text);
        assert_eq!(stripped(&painted), text);
        for part in [
            "\u{1b}[34;1m\"a\\\"\"\u{1b}[0m:",
            "\u{1b}[32m\"b: \\\\\"\u{1b}[0m",
            "\u{1b}[36m-1.5e+3\u{1b}[0m",
            "\u{1b}[33mtrue\u{1b}[0m",
            "\u{1b}[90mnull\u{1b}[0m",
        ] {
            assert!(painted.contains(part), "{part:?} is not in {painted:?}");
        }
    }

    #[test]
    fn a_torn_text_is_painted_to_its_end() {
        for text in ["\"a", "\"a\\", "{\"é", "1", ""] {
            assert_eq!(stripped(&json(text)), text);
        }
    }
}
