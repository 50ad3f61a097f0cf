//! What is offered at the cursor. Foreign names come in here, and what a shell or a terminal could take for something else stays out.

use crate::cli::output::sanitize;

/// Most candidates that are handed to a shell.
const MOST: usize = 10_000;

/// Longest candidate, in bytes; nobody completes to more.
const LONGEST: usize = 400;

/// Characters of an explanation.
const ABOUT: usize = 100;

/// One candidate: a whole word, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub text: String,
    /// What it is, on one line; may be empty.
    pub about: String,
    /// Whether something follows in the same word, so that no space does.
    pub goes_on: bool,
}

/// That names of files fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// What of the word at the cursor stands before the name.
    pub after: String,
    /// Whether only directories do.
    pub directories: bool,
}

/// Everything that fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Put before each value: `--flag=`, or nothing.
    before: String,
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// Names of files, beside the candidates.
    pub files: Option<Files>,
}

impl Offers {
    /// For values that stand behind `before` in one word.
    pub fn behind(before: &str) -> Self {
        Self { before: before.to_owned(), ..Self::default() }
    }

    /// A word or a value. In a word of its own, what looks like a flag would be read as one.
    pub fn word(&mut self, text: &str, about: &str) {
        self.value(text, about, false);
    }

    /// A beginning of a word, as `name=`.
    pub fn part(&mut self, text: &str, about: &str) {
        self.value(text, about, true);
    }

    fn value(&mut self, text: &str, about: &str, goes_on: bool) {
        let reads_as_flag = self.before.is_empty() && text.len() > 1 && text.starts_with('-');
        if !text.is_empty() && !reads_as_flag {
            self.add(format!("{}{text}", self.before), about, goes_on);
        }
    }

    /// A flag, with what is joined to it.
    pub fn flag(&mut self, text: String, about: &str) {
        self.add(text, about, false);
    }

    /// Files, whose names begin after `after` of the value.
    pub fn files(&mut self, after: &str) {
        self.files = Some(Files { after: format!("{}{after}", self.before), directories: false });
    }

    /// Directories.
    pub fn directories(&mut self) {
        self.files = Some(Files { after: self.before.clone(), directories: true });
    }

    fn add(&mut self, text: String, about: &str, goes_on: bool) {
        if self.candidates.len() >= MOST || text.len() > LONGEST || text.contains(sanitize::is_unsafe) {
            return;
        }
        // A name that is there once more, as an alias that equals a command, is the same word.
        if self.candidates.iter().rev().take(64).any(|other| other.text == text) {
            return;
        }
        self.candidates.push(Candidate { text, about: shortened(about), goes_on });
    }
}

/// The first line that says something, safe for a terminal.
fn shortened(about: &str) -> String {
    let line = about.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let short: String = line.chars().take(ABOUT).collect();
    let more = if short.len() < line.len() { "…" } else { "" };
    sanitize::line(&short) + more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(offers: &Offers) -> Vec<&str> {
        offers.candidates.iter().map(|candidate| candidate.text.as_str()).collect()
    }

    #[test]
    fn h42_what_a_shell_could_take_for_something_else_is_no_candidate() {
        let mut offers = Offers::default();
        for text in ["a\nb", "a\tb", "\u{1b}[2J", "a\0", "\u{202e}x", "", "--version", "-x", &"x".repeat(LONGEST + 1)] {
            offers.word(text, "");
        }
        assert_eq!(texts(&offers), [""; 0]);
        for text in ["-", "a b", "$(touch x)", "漢"] {
            offers.word(text, "");
        }
        assert_eq!(texts(&offers), ["-", "a b", "$(touch x)", "漢"], "quotes are the shell's matter");
        let mut joined = Offers::behind("--sort=");
        joined.word("-created", "");
        assert_eq!(texts(&joined), ["--sort=-created"]);
    }

    #[test]
    fn h42_explanations_are_one_safe_line() {
        let mut offers = Offers::default();
        offers.word("a", "\n  one\ttwo\u{1b}[31m\nthree");
        offers.word("b", &"é".repeat(ABOUT + 1));
        assert_eq!(offers.candidates[0].about, "one\\ttwo\\x1b[31m");
        assert_eq!(offers.candidates[1].about.chars().count(), ABOUT + 1);
    }

    #[test]
    fn there_is_an_end() {
        let mut offers = Offers::default();
        (0..=MOST).for_each(|number| offers.word(&number.to_string(), ""));
        assert_eq!(offers.candidates.len(), MOST);
    }
}
