//! Foreign text for a terminal: no character in it can move the cursor, change colours, or reorder what is read (H42).

/// Whether a terminal may act on `c`: control characters (C0, DEL, C1), and the marks and overrides of the bidirectional
/// algorithm, which make text read as something else.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Text of several lines: newlines and tabs stay, `\r\n` is a newline, everything else unsafe is shown as its escape.
pub fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    escape(&text, |c| c == '\n' || c == '\t')
}

/// Text on one line: newlines and tabs are shown as escapes too.
pub fn line(text: &str) -> String {
    escape(text, |_| false)
}

/// JSON stays JSON: what is unsafe can only stand inside strings, where it is written as an escape, or between tokens, where
/// it is a line feed or is left out.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            c if is_unsafe(c) => {
                let mut units = [0u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    if !text.contains(is_unsafe) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_unsafe(c) || keep(c) {
            out.push(c);
        } else {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h42_nothing_unsafe_reaches_a_terminal() {
        let text = "a\u{1b}[31mred\u{9b}2J\u{7f}\r\nb\tc\rd\u{202e}e\u{2066}f\0é漢";
        assert_eq!(lines(text), "a\\x1b[31mred\\x9b2J\\x7f\nb\tc\\rd\\u{202e}e\\u{2066}f\\x00é漢");
        assert_eq!(line("a\nb\tc"), "a\\nb\\tc");
        for clean in [lines(text), line(text)] {
            assert!(!clean.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'), "{clean:?}");
        }
    }

    #[test]
    fn h42_json_on_a_terminal_is_the_same_json() {
        let text = "{\"a\":\"\u{9b}31m\u{202e}\u{e0001}\u{7f}\",\r\n\t\"b\": 1}";
        let clean = json(text);
        assert!(!clean.contains('\u{9b}') && !clean.contains('\r'));
        let before: serde_json::Value = serde_json::from_str(text).unwrap();
        let after: serde_json::Value = serde_json::from_str(&clean).unwrap();
        assert_eq!(before, after);
    }
}
