//! How each shell asks, and how it wants its answer. Pure.
//!
//! | shell | asks | is answered |
//! | --- | --- | --- |
//! | bash | characters that divide words, the line up to the cursor | a line of settings for `compopt`, then one line for each candidate that fits: the text to put in, quoted |
//! | zsh | the words, the one at the cursor last | `w` (a word) or `p` (a part of one), candidate, `:`, explanation; `f` or `d`: files or directories behind this text |
//! | fish | the same, the last word with its quotes | the same, with a tab instead of the colon |

use super::offers::{Candidate, Offers};
use super::typed::{Quote, Typed};

/// The shells, and the script for each.
pub const SCRIPTS: &[(&str, &str)] = &[
    ("bash", include_str!("scripts/open-cli.bash")),
    ("zsh", include_str!("scripts/open-cli.zsh")),
    ("fish", include_str!("scripts/open-cli.fish")),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// What a shell asks.
#[derive(Debug)]
pub struct Asked {
    shell: Shell,
    /// What was typed.
    pub typed: Typed,
}

impl Asked {
    /// `None` when no script of ours asks so.
    pub fn parse(words: &[&str]) -> Option<Self> {
        let (shell, typed) = match words {
            ["bash", breaks, line] => (Shell::Bash, Typed::of_line(line, breaks)),
            ["zsh", words @ ..] => (Shell::Zsh, Typed::of_words(words)),
            ["fish", words @ ..] => (Shell::Fish, Typed::with_raw_current(words)),
            _ => return None,
        };
        Some(Self { shell, typed })
    }

    /// Whether names of files are found here; the other shells do it in the ways that their people have set.
    pub fn lists_paths(&self) -> bool {
        self.shell == Shell::Bash
    }
}

/// A file or directory, as the word that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The word; a directory ends in `/`.
    pub text: String,
    /// Whether it begins with a `~` that the shell is to expand.
    pub tilde: bool,
}

/// The answer.
pub fn written(asked: &Asked, offers: &Offers, paths: &[NamedPath]) -> String {
    match asked.shell {
        Shell::Bash => bash(&asked.typed, offers, paths),
        Shell::Zsh => {
            lines(offers, |candidate| Some(format!("{}:{}", colons_escaped(&candidate.text), candidate.about)))
        }
        // It puts a `~` in without quotes, and would send a name of a directory instead.
        Shell::Fish => {
            lines(offers, |Candidate { text, about, .. }| (!text.starts_with('~')).then(|| format!("{text}\t{about}")))
        }
    }
}

fn lines(offers: &Offers, line: impl Fn(&Candidate) -> Option<String>) -> String {
    let mut out = String::new();
    for candidate in &offers.candidates {
        let Some(line) = line(candidate) else { continue };
        out.push(if candidate.goes_on { 'p' } else { 'w' });
        out.push_str(&line);
        out.push('\n');
    }
    // It comes from the line itself, and would end a line of the answer there.
    if let Some(files) = offers.files.as_ref().filter(|files| !files.after.contains(char::is_control)) {
        out.push(if files.directories { 'd' } else { 'f' });
        out.push_str(&files.after);
        out.push('\n');
    }
    out
}

/// For `_describe`, which ends a candidate at the first colon that no backslash stands before.
fn colons_escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(':', "\\:")
}

fn bash(typed: &Typed, offers: &Offers, paths: &[NamedPath]) -> String {
    let fitting = offers.candidates.iter().filter(|candidate| candidate.text.starts_with(&typed.current));
    let mut found: Vec<(String, bool)> =
        fitting.filter_map(|candidate| Some((put_in(&candidate.text, typed, false)?, candidate.goes_on))).collect();
    let named =
        paths.iter().filter_map(|path| Some((put_in(&path.text, typed, path.tilde)?, path.text.ends_with('/'))));
    found.extend(named);
    let mut settings = Vec::new();
    if let [(_, true)] = found.as_slice() {
        settings.push("nospace");
    }
    if !paths.is_empty() {
        // Lists show the last part of a path alone then.
        settings.push("filenames");
    }
    let lines = found.into_iter().map(|(text, _)| text + "\n");
    format!("{}\n{}", settings.join(" "), lines.collect::<String>())
}

/// The text that takes the place of what bash replaces; `None` where no quoting can express it.
fn put_in(text: &str, typed: &Typed, tilde: bool) -> Option<String> {
    let rest = text.get(typed.kept..)?;
    match typed.quote {
        Quote::Single => Some(rest.replace('\'', "'\\''")),
        // No backslash keeps an exclamation mark from being history between double quotes.
        Quote::Double if rest.contains('!') => None,
        Quote::Double => Some(escaped(rest, |c| matches!(c, '"' | '\\' | '$' | '`'))),
        Quote::Bare if tilde => Some(format!("~{}", escaped(rest.strip_prefix('~')?, is_special))),
        Quote::Bare => Some(escaped(rest, is_special)),
    }
}

/// Whether bash may read more into a character than itself. Characters beyond ASCII are only ever themselves.
fn is_special(c: char) -> bool {
    c.is_ascii()
        && !c.is_ascii_alphanumeric()
        && !matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',')
}

fn escaped(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    fn offers(texts: &[&str]) -> Offers {
        let mut offers = Offers::default();
        texts.iter().for_each(|text| offers.word(text, "about: it"));
        offers
    }

    #[track_caller]
    fn in_bash(line: &str, texts: &[&str], expected: &str) {
        let asked = Asked::parse(&["bash", BREAKS, line]).unwrap();
        assert_eq!(written(&asked, &offers(texts), &[]), expected, "{line}");
    }

    #[test]
    fn bash_gets_what_takes_the_place_of_its_own_word() {
        in_bash("open-cli h", &["helpdesk", "x"], "\nhelpdesk\n");
        in_bash("open-cli hd:g", &["hd:get", "other:get"], "\nget\n");
        in_bash("open-cli 'hd:g", &["hd:get"], "\nhd:get\n");
        in_bash("open-cli --state=", &["--state=open", "--state=a b"], "\n");
        let mut joined = Offers::behind("--state=");
        joined.word("a b", "");
        joined.part("x=", "");
        let asked = |line| Asked::parse(&["bash", BREAKS, line]).unwrap();
        assert_eq!(written(&asked("open-cli --state="), &joined, &[]), "\na\\ b\nx=\n");
        assert_eq!(written(&asked("open-cli --state=x"), &joined, &[]), "nospace\nx=\n");
        let paths = ["~/a b/", "~x"].map(|text| NamedPath { text: text.to_owned(), tilde: text.starts_with("~/") });
        assert_eq!(written(&asked("open-cli ~"), &Offers::default(), &paths), "filenames\n~/a\\ b/\n\\~x\n");
    }

    #[test]
    fn no_candidate_is_run_by_bash_however_it_is_quoted() {
        let hostile = "$(touch x)`y`;a|b&'\"\\!{z,w}*~#<>";
        in_bash(
            "open-cli ",
            &[hostile],
            "\n\\$\\(touch\\ x\\)\\`y\\`\\;a\\|b\\&\\'\\\"\\\\\\!\\{z,w\\}\\*\\~\\#\\<\\>\n",
        );
        in_bash("open-cli '", &["it's $(x)"], "\nit'\\''s $(x)\n");
        in_bash("open-cli \"", &["a\"$(x)`\\", "b!"], "\na\\\"\\$(x)\\`\\\\\n");
        in_bash("open-cli ", &["~root", "漢 é"], "\n\\~root\n漢\\ é\n");
    }

    fn answer_with(offers: &Offers, shell: &str) -> String {
        written(&Asked::parse(&[shell, "x"]).unwrap(), offers, &[])
    }

    #[test]
    fn zsh_and_fish_choose_and_quote_themselves() {
        let mut offers = offers(&["hd:get", "a\\b c"]);
        offers.part("x=", "");
        offers.files("@");
        let answer = |shell| answer_with(&offers, shell);
        assert_eq!(answer("zsh"), "whd\\:get:about: it\nwa\\\\b c:about: it\npx=:\nf@\n");
        assert_eq!(answer("fish"), "whd:get\tabout: it\nwa\\b c\tabout: it\npx=\t\nf@\n");
        offers.word("~root", "");
        assert!(!answer_with(&offers, "fish").contains("root") && answer_with(&offers, "zsh").contains("w~root:"));
        offers.files("a\nwb");
        assert!(!written(&Asked::parse(&["zsh"]).unwrap(), &offers, &[]).contains("wb"));
    }

    #[test]
    fn no_script_makes_code_of_what_it_is_answered() {
        for (shell, script) in SCRIPTS {
            assert!(!script.contains("eval"), "{shell}");
            assert!(script.contains(&format!("{} {shell} ", crate::cli::complete::COMMAND)), "{shell}");
        }
    }

    #[test]
    fn who_asks_otherwise_is_not_answered() {
        for words in [&[][..], &["bash"], &["bash", "a", "b", "c"], &["tcsh", "a"]] {
            assert!(Asked::parse(words).is_none(), "{words:?}");
        }
    }
}
