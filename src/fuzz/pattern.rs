//! Patterns over tool ids (`base::pattern`): a line with a pattern, and ids below it.
//!
//! The second reading takes the pattern as text, from left to right, and remembers which pairs of places do not fit.

use std::collections::BTreeSet;

use crate::base::pattern::Pattern;

/// Longer ids than any that is given out; the second reading takes the square of it.
const MAX_ID: usize = 128;

pub(super) fn pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (first, ids) = text.split_once('\n').unwrap_or((text, ""));
    let ids: Vec<&str> = ids.lines().filter(|id| id.chars().count() <= MAX_ID).take(8).collect();
    ids.iter().for_each(|id| check_literal(id, &ids));
    let Ok(pattern) = Pattern::parse(first) else { return };
    assert_eq!(pattern.to_string(), first);
    assert_eq!(pattern.is_everything(), first == "**");
    for id in ids.iter().chain(&[first, ""]) {
        let expected = first == "**" || Naive::new(first, id).fits(0, 0);
        assert_eq!(pattern.matches(id), expected, "{first:?} on {id:?}");
    }
}

/// Every character behind a `\` means itself alone.
fn check_literal(id: &str, others: &[&str]) {
    let escaped: String = id.chars().flat_map(|c| ['\\', c]).collect();
    let Ok(pattern) = Pattern::parse(&escaped) else {
        return assert!(id.is_empty() || escaped.chars().count() > 512, "{escaped:?} is refused");
    };
    for other in others {
        assert_eq!(pattern.matches(other), id == *other, "{escaped:?} on {other:?}");
    }
}

/// A pattern that was accepted, and an id, character by character.
struct Naive {
    pattern: Vec<char>,
    id: Vec<char>,
    /// Places of pattern and id from which nothing fits.
    hopeless: BTreeSet<(usize, usize)>,
}

impl Naive {
    fn new(pattern: &str, id: &str) -> Self {
        Self { pattern: pattern.chars().collect(), id: id.chars().collect(), hopeless: BTreeSet::new() }
    }

    /// Whether the id from `at` on fits the pattern from `from` on.
    fn fits(&mut self, from: usize, at: usize) -> bool {
        if self.hopeless.contains(&(from, at)) {
            return false;
        }
        let next = self.id.get(at).copied();
        let fits = match self.pattern.get(from) {
            None => next.is_none(),
            Some('*') => {
                let last = from + 1 == self.pattern.len();
                last || self.fits(from + 1, at) || (next.is_some_and(|c| c != '/') && self.fits(from, at + 1))
            }
            Some('?') => next.is_some_and(|c| c != '/') && self.fits(from + 1, at + 1),
            Some('[') => {
                let (end, has) = self.class(from + 1, next.unwrap_or('/'));
                next.is_some_and(|c| c != '/') && has && self.fits(end, at + 1)
            }
            Some('\\') => next == self.pattern.get(from + 1).copied() && self.fits(from + 2, at + 1),
            Some(c) => next == Some(*c) && self.fits(from + 1, at + 1),
        };
        if !fits {
            self.hopeless.insert((from, at));
        }
        fits
    }

    /// Where the class that opened before `from` ends, and whether it has a character.
    fn class(&self, from: usize, c: char) -> (usize, bool) {
        let mut at = from;
        let negated = matches!(self.pattern[at], '!' | '^');
        at += usize::from(negated);
        let mut has = false;
        while self.pattern[at] != ']' {
            let (low, behind) = self.member(at);
            let range = self.pattern[behind] == '-' && self.pattern[behind + 1] != ']';
            let (high, behind) = if range { self.member(behind + 1) } else { (low, behind) };
            has |= (low..=high).contains(&c);
            at = behind;
        }
        (at + 1, has != negated)
    }

    /// A character of a class, and the place behind it.
    fn member(&self, at: usize) -> (char, usize) {
        if self.pattern[at] == '\\' { (self.pattern[at + 1], at + 2) } else { (self.pattern[at], at + 1) }
    }
}
