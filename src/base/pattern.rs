//! Patterns over tool ids, as policy and tool sets use them (contract 5).
//!
//! Shell globs: `*` and `?` do not cross `/`, except that a final `*` does; `[...]` classes with ranges and
//! `!` or `^` negation; `**` alone matches everything; `\` takes the next character literally. Parsing
//! rejects what could be read two ways, so that a policy is never silently wider or narrower than meant.

use std::fmt;

/// One parsed pattern; keeps its text for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(char),
    One,
    Class { negated: bool, ranges: Vec<(char, char)> },
    Run,
    Rest,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// The text is empty.
    Empty,
    /// `[` without `]`, or an empty or reversed class.
    BadClass,
    /// `**` beside other characters.
    DoubleStar,
    /// A `\` at the end.
    DanglingEscape,
    /// More than 512 characters.
    TooLong,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a pattern may not be empty",
            Self::BadClass => "a `[` class needs at least one character, ranges in order and a closing `]`",
            Self::DoubleStar => "`**` stands only alone; inside a pattern use `*`",
            Self::DanglingEscape => "a `\\` needs a character after it",
            Self::TooLong => "a pattern has at most 512 characters",
        })
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Parses one pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.chars().count() > 512 {
            return Err(PatternError::TooLong);
        }
        let mut parts = Vec::new();
        if text == "**" {
            parts.push(Part::Rest);
            return Ok(Self { text: text.to_owned(), parts });
        }
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '*' if chars.peek() == Some(&'*') => return Err(PatternError::DoubleStar),
                '*' if chars.peek().is_none() => Part::Rest,
                '*' => Part::Run,
                '?' => Part::One,
                '[' => class(&mut chars)?,
                '\\' => Part::Literal(chars.next().ok_or(PatternError::DanglingEscape)?),
                c => Part::Literal(c),
            });
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether this is `**`, which alone matches everything.
    pub fn is_everything(&self) -> bool {
        self.text == "**"
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `id` matches, in time proportional to pattern times id.
    pub fn matches(&self, id: &str) -> bool {
        let id: Vec<char> = id.chars().collect();
        // Positions of the pattern that are alive after the characters read so far.
        let mut alive = vec![false; self.parts.len() + 1];
        alive[0] = true;
        self.skip_empty_runs(&mut alive);
        for &c in &id {
            let mut next = vec![false; self.parts.len() + 1];
            for (i, part) in self.parts.iter().enumerate().filter(|(i, _)| alive[*i]) {
                match part {
                    Part::Rest => next[i] = true,
                    Part::Run if c != '/' => next[i] = true,
                    part if part.takes(c) => next[i + 1] = true,
                    _ => {}
                }
            }
            self.skip_empty_runs(&mut next);
            alive = next;
        }
        alive[self.parts.len()]
    }

    fn skip_empty_runs(&self, alive: &mut [bool]) {
        for (i, part) in self.parts.iter().enumerate() {
            if alive[i] && matches!(part, Part::Run | Part::Rest) {
                alive[i + 1] = true;
            }
        }
    }
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Literal(l) => *l == c,
            Self::One => c != '/',
            Self::Class { negated, ranges } => {
                c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
            Self::Run | Self::Rest => false,
        }
    }
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Part, PatternError> {
    let negated = chars.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match chars.next().ok_or(PatternError::BadClass)? {
            ']' if ranges.is_empty() => return Err(PatternError::BadClass),
            ']' => return Ok(Part::Class { negated, ranges }),
            '\\' => chars.next().ok_or(PatternError::BadClass)?,
            c => c,
        };
        let mut high = low;
        if chars.peek() == Some(&'-') {
            chars.next();
            match chars.next().ok_or(PatternError::BadClass)? {
                // `[a-]` means `a` or `-`.
                ']' => {
                    ranges.push((low, low));
                    ranges.push(('-', '-'));
                    return Ok(Part::Class { negated, ranges });
                }
                '\\' => high = chars.next().ok_or(PatternError::BadClass)?,
                c => high = c,
            }
        }
        if low > high {
            return Err(PatternError::BadClass);
        }
        ranges.push((low, high));
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, id: &str, expected: bool) {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(id), expected, "{pattern} on {id}");
    }

    #[test]
    fn h14_globs_over_tool_ids() {
        check("svc:*", "svc:get:/a/b", true);
        check("svc:*", "other:get", false);
        check("svc:*:/a", "svc:get:/a", true);
        check("svc:*b", "svc:a/b", false);
        check("svc:get?", "svc:gets", true);
        check("svc:get?", "svc:get/", false);
        check("svc:[a-c]x", "svc:bx", true);
        check("svc:[!a-c]x", "svc:bx", false);
        check("svc:[!a-c]x", "svc:/x", false);
        check("**", "any:thing/at/all", true);
        check("svc:\\*", "svc:*", true);
        check("svc:\\*", "svc:x", false);
        check("*", "svc:a/b", true);
        check("svc:a", "svc:a", true);
        check("svc:a", "svc:ab", false);
        check("*:delete*", "svc:deleteItem", true);
    }

    #[test]
    fn h14_ambiguous_patterns_are_refused() {
        for (text, error) in [
            ("", PatternError::Empty),
            ("svc:**", PatternError::DoubleStar),
            ("svc:[", PatternError::BadClass),
            ("svc:[]", PatternError::BadClass),
            ("svc:[b-a]", PatternError::BadClass),
            ("svc:\\", PatternError::DanglingEscape),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
        assert_eq!(Pattern::parse(&"a".repeat(513)), Err(PatternError::TooLong));
    }

    #[test]
    fn many_stars_stay_cheap() {
        let pattern = Pattern::parse(&"*a".repeat(200)).unwrap();
        assert!(!pattern.matches(&"a".repeat(199)));
        assert!(pattern.matches(&"a".repeat(4000)));
    }
}
