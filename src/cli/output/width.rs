//! How many columns of a terminal a text takes, and texts cut and filled to a number of them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that a text takes: two for wide characters, none for combining ones.
pub fn of(text: &str) -> usize {
    text.width()
}

/// The text in at most `width` columns; what was cut ends in `…`. Characters stay with the marks that belong to them.
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let (mut end, mut measured) = (0, 0);
    let mut joined = false;
    for (at, c) in text.char_indices() {
        let here = at + c.len_utf8();
        // A joiner, and what makes a picture of the character before it, change the width of the whole.
        let changes = joined || matches!(c, '\u{200D}' | '\u{FE0F}');
        joined = c == '\u{200D}';
        if c.width().unwrap_or(0) == 0 && !changes {
            if end == at {
                end = here;
            }
            continue;
        }
        measured += 1;
        // Pictures may be joined for ever.
        if measured > 4 * width + 64 {
            break;
        }
        let taken = text[..here].width();
        if taken <= room {
            end = here;
        } else if taken > room + 8 {
            break;
        }
    }
    format!("{}…", &text[..end])
}

/// Blanks behind the text, up to `width` columns.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Blanks before the text, up to `width` columns.
pub fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &str) {
        let cut = fit(text, width);
        assert_eq!(cut, expected, "{text:?} in {width}");
        assert!(of(&cut) <= width.max(1), "{cut:?} takes {}", of(&cut));
    }

    #[test]
    fn wide_and_combining_characters_are_measured() {
        check("漢字漢字", 8, "漢字漢字");
        check("漢字漢字", 7, "漢字漢…");
        check("漢字漢字", 6, "漢字…");
        check("漢字漢字", 2, "…");
        check("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}");
        check("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…");
        check("abc", 0, "…");
        check("👩\u{200D}👩\u{200D}👧 family", 4, "👩\u{200D}👩\u{200D}👧 …");
        check("❤\u{FE0F}❤\u{FE0F}❤\u{FE0F}", 5, "❤\u{FE0F}❤\u{FE0F}…");
        check("🇩🇪🇫🇷", 3, "🇩🇪…");
    }

    #[test]
    fn a_hostile_text_costs_no_more_than_its_beginning() {
        for text in [
            "e\u{301}".repeat(200_000),
            format!("a{}", "\u{301}".repeat(200_000)) + "bcd",
            "👩\u{200D}".repeat(100_000),
        ] {
            assert!(of(&fit(&text, 3)) <= 3);
        }
    }

    #[test]
    fn blanks_fill_up() {
        assert_eq!(
            (left("漢", 4), right("漢", 4), left("abc", 2)),
            ("漢  ".to_owned(), "  漢".to_owned(), "abc".to_owned())
        );
    }
}
