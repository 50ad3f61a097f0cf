//! The line before the cursor, by the first pass of `args`, and which global flags are used up.
//!
//! Pure. A line that the command line would refuse has no completion.

use std::collections::BTreeSet;
use std::ffi::OsString;

use crate::cli::args::{self, Line};
use crate::cli::flags::{self, Flag, Takes};

use super::typed::Typed;

/// A line, read as far as the cursor.
#[derive(Debug)]
pub struct Read {
    /// What stands before the word at the cursor, without a global flag that waits for its value.
    pub line: Line,
    /// The word at the cursor.
    pub current: String,
    /// Whether `--` stands before it, so that it is no flag.
    pub closed: bool,
    /// The global flag whose value it is.
    pub waiting: Option<&'static Flag>,
    /// Global flags that are there.
    pub given: BTreeSet<&'static str>,
}

impl Read {
    /// `None` when what was typed so far is wrong.
    pub fn of(typed: &Typed) -> Option<Self> {
        let closed = typed.before.iter().any(|word| word == "--");
        let waiting = typed.before.last().filter(|_| !closed).and_then(|word| global(word.strip_prefix("--")?));
        let waiting = waiting.filter(|flag| flag.takes != Takes::Nothing);
        let whole = &typed.before[..typed.before.len() - usize::from(waiting.is_some())];
        let mut line = Line::default();
        args::parse(&whole.iter().map(OsString::from).collect::<Vec<_>>(), &mut line).ok()?;
        let mut given = given(whole);
        given.extend(waiting.map(|flag| flag.name));
        Some(Self { line, current: typed.current.clone(), closed, waiting, given })
    }

    /// Whether the word at the cursor is a flag, or begins one.
    pub fn is_flag(&self) -> bool {
        !self.closed && self.current.starts_with('-')
    }
}

fn global(name: &str) -> Option<&'static Flag> {
    flags::find(flags::GLOBAL, name)
}

/// The global flags among `words`; a value that looks like a flag has been refused before.
fn given(words: &[String]) -> BTreeSet<&'static str> {
    let flags = words.iter().take_while(|word| *word != "--").flat_map(|word| match word.strip_prefix("--") {
        Some(long) => global(long.split('=').next().unwrap_or(long)).into_iter().collect::<Vec<_>>(),
        None => letters(word.strip_prefix('-').unwrap_or("")),
    });
    flags.map(|flag| flag.name).collect()
}

fn letters(word: &str) -> Vec<&'static Flag> {
    word.chars().filter_map(|letter| flags::GLOBAL.iter().find(|flag| flag.short == Some(letter))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Read> {
        Read::of(&Typed::of_line(&format!("open-cli {line}"), ""))
    }

    #[test]
    fn a_flag_may_wait_for_its_value() {
        let waiting = |line: &str| read(line).unwrap().waiting.map(|flag| flag.name);
        assert_eq!(waiting("a --format "), Some("format"));
        assert_eq!(waiting("a --format=json "), None);
        assert_eq!(waiting("a --quiet "), None);
        assert_eq!(waiting("a -- --format "), None);
        assert_eq!(waiting("a --state "), None, "the catalog says what it takes");
    }

    #[test]
    fn what_is_given_is_known() {
        let read = read("--format json a -qv --config=x --state --timeout ").unwrap();
        assert_eq!(read.given.into_iter().collect::<Vec<_>>(), ["config", "format", "quiet", "timeout", "verbose"]);
        assert!(self::read("a -- --format -q x").unwrap().given.is_empty());
    }

    #[test]
    fn a_wrong_line_has_no_completion() {
        for line in ["--format jsno a", "--config --mode x", "-z a", "--quiet=maybe a"] {
            assert!(read(line).is_none(), "{line}");
        }
    }

    #[test]
    fn after_two_dashes_nothing_is_a_flag() {
        assert!(read("a --").unwrap().is_flag() && read("a -").unwrap().is_flag());
        assert!(!read("a -- --").unwrap().is_flag());
    }
}
