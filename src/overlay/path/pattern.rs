//! Patterns of `match` and `search` (RFC 9535 sections 2.4.6 and 2.4.7; I-Regexp, RFC 9485).
//!
//! The engine's time is linear in the text, and what a text costs is said beforehand. Classes of Unicode (`\p{L}`) are not supported.

use regex_lite::{Regex, RegexBuilder};

/// Bytes of a pattern, and of the program that it becomes.
const MAX_PATTERN: usize = 500;
const MIN_PROGRAM: usize = 1 << 10;
const MAX_PROGRAM: usize = 32 << 10;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Steps for a byte of text.
    cost: usize,
}

impl Pattern {
    /// `None` when it is no pattern, or none that this engine takes.
    pub(super) fn new(text: &str, whole: bool) -> Option<Self> {
        if text.len() > MAX_PATTERN {
            return None;
        }
        // A dot is no end of a line, which are two in I-Regexp.
        let text = if whole { format!("(?R)^(?:{text})$") } else { format!("(?R)(?:{text})") };
        // The smallest size that suffices is how large the program is, which nothing else tells.
        let sizes =
            std::iter::successors(Some(MIN_PROGRAM), |size| Some(size * 2)).take_while(|size| *size <= MAX_PROGRAM);
        let build = |size| Some((RegexBuilder::new(&text).size_limit(size).nest_limit(50).build().ok()?, size));
        let (regex, size) = sizes.into_iter().find_map(build)?;
        Some(Self { regex, cost: size / 100 })
    }

    /// Steps that a text of so many bytes takes.
    pub(super) fn cost(&self, bytes: usize) -> usize {
        bytes.saturating_add(1).saturating_mul(self.cost)
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}
