//! Names that people type: slugs and kebab-case command words; names that must differ; how many of something there are.

use std::collections::{BTreeMap, BTreeSet};

/// `1 tool`, `2 tools`, for nouns that take an `s`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The slug of an instance id, group or derived service id: lower case; `[a-z0-9]` kept; `-`, `_`, space and
/// `.` become one `-`; the rest dropped; trimmed of `-` (contract 3).
pub fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            '-' | '_' | ' ' | '.' if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// Kebab-case of an identifier: `getUserByID` -> `get-user-by-id`, `issues/list-for-repo` ->
/// `issues-list-for-repo`, `HTTPServer2Name` -> `http-server2-name`. Characters other than ASCII letters
/// and digits separate words.
pub fn kebab(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            separate(&mut out);
            continue;
        }
        if c.is_ascii_uppercase() && i > 0 {
            let previous = chars[i - 1];
            let next_is_lower = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
            let ends_a_word = previous.is_ascii_lowercase() || previous.is_ascii_digit();
            if ends_a_word || (previous.is_ascii_uppercase() && next_is_lower) {
                separate(&mut out);
            }
        }
        out.push(c.to_ascii_lowercase());
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

fn separate(out: &mut String) {
    if !out.is_empty() && !out.ends_with('-') {
        out.push('-');
    }
}

/// Names that differ from each other: who comes first keeps a name, later ones get a number behind it.
#[derive(Debug, Default)]
pub struct Unique {
    taken: BTreeSet<String>,
    /// Where to go on counting, so that many equal names stay cheap.
    next: BTreeMap<String, usize>,
}

impl Unique {
    /// Takes a name as it is; `false` when it is taken.
    pub fn reserve(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_owned())
    }

    /// Takes `name`, or `name`, `separator` and the smallest free number from 2.
    pub fn take(&mut self, name: &str, separator: char) -> String {
        if self.reserve(name) { name.to_owned() } else { self.number(name, separator) }
    }

    /// Takes `name`, `separator` and the smallest free number from 2.
    pub fn number(&mut self, name: &str, separator: char) -> String {
        let mut number = self.next.get(name).copied().unwrap_or(2);
        loop {
            let numbered = format!("{name}{separator}{number}");
            number += 1;
            if self.taken.insert(numbered.clone()) {
                self.next.insert(name.to_owned(), number);
                return numbered;
            }
        }
    }
}

/// The candidate nearest to `word` by edit distance, when it is near enough to be a likely slip: at most
/// a third of the longer word's letters, and at least one edit of leeway for short words.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.into_iter().filter_map(|candidate| {
        let most = word.chars().count().max(candidate.chars().count()).div_ceil(3);
        Some((edits(word, candidate, most)?, candidate))
    });
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// How many edits lead from one word to the other, whatever the case, when it is at most `most`. Optimal string alignment distance:
/// insertions, deletions, substitutions and swaps of neighbours. Words over 64 characters count as far from everything, which bounds
/// the work, and it ends where too many edits are certain.
pub fn edits(a: &str, b: &str, most: usize) -> Option<usize> {
    // Most words are told apart here, without a copy; other alphabets may have other lengths in lower case.
    if a.is_ascii() && b.is_ascii() && a.len().abs_diff(b.len()) > most {
        return None;
    }
    let (a, b): (Vec<char>, Vec<char>) = (fold(a), fold(b));
    if a.len() > 64 || b.len() > 64 || a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best;
        }
        // Only the last two rows lead on.
        if row.iter().chain(&last).all(|&edits| edits > most) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    Some(last[b.len()]).filter(|&edits| edits <= most)
}

fn fold(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_the_contract() {
        for (text, slugged) in [
            ("Team A", "team-a"),
            ("team_a..b", "team-a-b"),
            ("-x-", "x"),
            ("Über/API v2", "berapi-v2"),
            ("", ""),
            ("...", ""),
        ] {
            assert_eq!(slug(text), slugged, "{text}");
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "tool")), ["0 tools", "1 tool", "2 tools"]);
    }

    #[test]
    fn kebab_splits_words() {
        for (text, kebabed) in [
            ("listPets", "list-pets"),
            ("getUserByID", "get-user-by-id"),
            ("issues/list-for-repo", "issues-list-for-repo"),
            ("HTTPServer2Name", "http-server2-name"),
            ("__x__", "x"),
            ("GET_all", "get-all"),
        ] {
            assert_eq!(kebab(text), kebabed, "{text}");
        }
    }

    #[test]
    fn unique_names_are_numbered() {
        let mut names = Unique::default();
        assert!(names.reserve("a-3"));
        assert_eq!(["a", "a", "a", "b"].map(|name| names.take(name, '-')), ["a", "a-2", "a-4", "b"]);
        assert_eq!(names.number("c", '_'), "c_2");
        for _ in 0..20_000 {
            names.take("many", '-');
        }
    }

    #[test]
    fn nearest_suggests_slips_only() {
        let keys = ["sources", "services", "secrets"];
        assert_eq!(nearest("souces", keys), Some("sources"));
        assert_eq!(nearest("serivces", keys), Some("services"));
        assert_eq!(nearest("banana", keys), None);
        assert_eq!(nearest("x".repeat(65).as_str(), ["y"]), None);
    }

    #[test]
    fn edits_are_counted_up_to_a_bound() {
        for (a, b, most, expected) in [
            ("issues", "isuses", 1, Some(1)),
            ("Issues", "issues", 0, Some(0)),
            ("label", "lable", 2, Some(1)),
            ("kitten", "sitting", 3, Some(3)),
            ("kitten", "sitting", 2, None),
            ("", "ab", 2, Some(2)),
            ("ab", "", 1, None),
            ("größe", "grösse", 2, Some(2)),
            ("abcdef", "uvwxyz", 3, None),
        ] {
            assert_eq!(edits(a, b, most), expected, "{a} {b}");
            assert_eq!(edits(b, a, most), expected, "{b} {a}");
        }
    }
}
