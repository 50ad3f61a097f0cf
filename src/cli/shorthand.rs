//! Words that say a value of a body: `a.b=1`, `c[0]=x`, `c[]=y`, `d:={"raw":true}`, `e=@FILE`. Pure.
//!
//! A backslash takes a `.`, `[`, `]`, `=`, `:` or `\` of a name for what it is. What a value becomes is the schema's to say, so it stays
//! text here. Errors name the place in the word, never the value: it may be a secret.

use super::args::UsageError;
use super::assign::Step;

/// Steps to one place at most.
const MOST_STEPS: usize = 16;

/// The highest index; a longer list is given as JSON.
const MOST_INDEX: usize = 9_999;

/// What may be escaped in a name.
const SPECIAL: [char; 6] = ['.', '[', ']', '=', ':', '\\'];

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The place.
    pub path: Vec<Step>,
    /// What stands behind the `=`.
    pub value: String,
    /// Whether the value is JSON, as behind `:=`.
    pub is_json: bool,
    /// Whether the value names a file, as behind `=@`.
    pub is_file: bool,
}

/// What was read last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Dot,
    Name,
    Index,
}

/// Whether a word may be meant as one: it has a `=` that is not escaped, and something before it.
pub fn looks_like(word: &str) -> bool {
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '=' => return !word.starts_with('='),
            _ => {}
        }
    }
    false
}

/// Reads one word.
pub fn parse(word: &str) -> Result<Parsed, UsageError> {
    let wrong = |(at, cause): (usize, String)| {
        let before: String = word.chars().take_while(|&c| c != '=').take(60).collect();
        UsageError::new(format!("`{}=..`: at character {}, {cause}", before.escape_debug(), at + 1)).hint(
            r"members are given like title=x, owner.name=x, labels[]=x, count:=5, text=@FILE; `\.` is a dot in a name",
        )
    };
    let mut reading = Reading { chars: word.chars().collect(), at: 0, steps: Vec::new(), name: String::new() };
    let is_json = reading.path().map_err(wrong)?;
    let value: String = reading.chars[reading.at..].iter().collect();
    let (value, is_file) = match value.strip_prefix('@') {
        Some("") => return Err(wrong((reading.at, "`@` names no file".to_owned()))),
        Some(path) => (path.to_owned(), true),
        None if is_json => {
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&value) {
                return Err(wrong((reading.at, format!("what stands behind := is not JSON: {error}"))));
            }
            (value, false)
        }
        None => (unescaped(value), false),
    };
    Ok(Parsed { path: reading.steps, value, is_json, is_file })
}

/// `\@x` is the text `@x`, and `\\@x` the text `\@x`.
fn unescaped(value: String) -> String {
    let rest = value.trim_start_matches('\\');
    if rest.len() < value.len() && rest.starts_with('@') { value[1..].to_owned() } else { value }
}

struct Reading {
    chars: Vec<char>,
    at: usize,
    steps: Vec<Step>,
    name: String,
}

impl Reading {
    /// Reads up to and with the `=`; whether it is `:=`.
    fn path(&mut self) -> Result<bool, (usize, String)> {
        let mut last = Last::Nothing;
        loop {
            let at = self.at;
            let error = |cause: &str| Err((at, cause.to_owned()));
            let next = self.chars.get(at + 1).copied();
            let Some(&c) = self.chars.get(at) else { return error("there is no `=`") };
            self.at += 1;
            match c {
                '=' => return self.end(last, at).map(|()| false),
                ':' if next == Some('=') => {
                    self.at += 1;
                    return self.end(last, at).map(|()| true);
                }
                '.' => {
                    self.end(last, at)?;
                    last = Last::Dot;
                }
                '[' if last == Last::Dot => return error("a name is missing"),
                '[' => {
                    if last == Last::Name {
                        self.end(last, at)?;
                    }
                    let index = self.index()?;
                    self.push(index, at)?;
                    last = Last::Index;
                }
                ']' => return error(r"there is a `]` without its `[`; `\]` is one in a name"),
                _ if last == Last::Index => return error("behind `]` comes `.`, `[` or `=`"),
                '\\' if next.is_some_and(|next| SPECIAL.contains(&next)) => {
                    self.name.extend(next);
                    self.at += 1;
                    last = Last::Name;
                }
                c => {
                    self.name.push(c);
                    last = Last::Name;
                }
            }
        }
    }

    /// Ends a step.
    fn end(&mut self, last: Last, at: usize) -> Result<(), (usize, String)> {
        match last {
            Last::Index => Ok(()),
            Last::Nothing | Last::Dot => Err((at, "a name is missing".to_owned())),
            Last::Name => {
                let name = std::mem::take(&mut self.name);
                self.push(Step::Member(name), at)
            }
        }
    }

    fn push(&mut self, step: Step, at: usize) -> Result<(), (usize, String)> {
        if self.steps.len() == MOST_STEPS {
            return Err((at, format!("a place has at most {MOST_STEPS} steps")));
        }
        self.steps.push(step);
        Ok(())
    }

    /// Behind a `[`.
    fn index(&mut self) -> Result<Step, (usize, String)> {
        let start = self.at;
        let digits: String = self.chars[start..].iter().take_while(|c| c.is_ascii_digit()).collect();
        self.at += digits.len();
        if self.chars.get(self.at) != Some(&']') {
            let cause = "between `[` and `]` stands an index, or nothing for one more item";
            return Err((self.at, cause.to_owned()));
        }
        self.at += 1;
        if digits.is_empty() {
            return Ok(Step::Append);
        }
        match digits.parse::<usize>() {
            Ok(index) if index <= MOST_INDEX => Ok(Step::Item(index)),
            _ => Err((start, format!("an index is at most {MOST_INDEX}; a longer list is given as JSON"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, path: &[Step], value: &str, is_json: bool, is_file: bool) {
        let expected = Parsed { path: path.to_vec(), value: value.to_owned(), is_json, is_file };
        assert_eq!(parse(word), Ok(expected), "{word}");
    }

    fn name(name: &str) -> Step {
        Step::Member(name.to_owned())
    }

    #[test]
    fn every_form_is_read() {
        check("a=1", &[name("a")], "1", false, false);
        check("a=", &[name("a")], "", false, false);
        check("a.b-c=x=y:=z", &[name("a"), name("b-c")], "x=y:=z", false, false);
        check("c[0]=x", &[name("c"), Step::Item(0)], "x", false, false);
        check("c[]=x", &[name("c"), Step::Append], "x", false, false);
        check("c[0].d[9999]=x", &[name("c"), Step::Item(0), name("d"), Step::Item(9999)], "x", false, false);
        check("[0][]=x", &[Step::Item(0), Step::Append], "x", false, false);
        check(r#"d:={"raw":true}"#, &[name("d")], r#"{"raw":true}"#, true, false);
        check("d:=1.0", &[name("d")], "1.0", true, false);
        check("e=@a=b.txt", &[name("e")], "a=b.txt", false, true);
        check("e:=@-", &[name("e")], "-", true, true);
        check("a:b=1", &[name("a:b")], "1", false, false);
        check("日本=語", &[name("日本")], "語", false, false);
    }

    #[test]
    fn a_backslash_takes_a_character_for_what_it_is() {
        check(r"a\.b=1", &[name("a.b")], "1", false, false);
        check(r"a\[0\]=1", &[name("a[0]")], "1", false, false);
        check(r"a\==1", &[name("a=")], "1", false, false);
        check(r"a\:=1", &[name("a:")], "1", false, false);
        check(r"a\\.b=1", &[name(r"a\"), name("b")], "1", false, false);
        check(r"a\b=1", &[name(r"a\b")], "1", false, false);
        check(r"a=\@b", &[name("a")], "@b", false, false);
        check(r"a=\\@b", &[name("a")], r"\@b", false, false);
        check(r"a=\b@", &[name("a")], r"\b@", false, false);
    }

    #[track_caller]
    fn wrong(word: &str, part: &str) {
        let error = parse(word).unwrap_err();
        assert!(error.message.contains(part), "{word}: {error}");
        assert!(!error.message.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        wrong("a", "`a=..`: at character 2, there is no `=`");
        wrong("=s3cret", "at character 1, a name is missing");
        wrong("a..b=s3cret", "`a..b=..`: at character 3, a name is missing");
        wrong(".a=1", "at character 1, a name is missing");
        wrong("a.=1", "at character 3, a name is missing");
        wrong("a.[0]=1", "at character 3, a name is missing");
        wrong("a]=1", "at character 2, there is a `]` without its `[`");
        wrong("a[0]b=1", "at character 5, behind `]` comes `.`, `[` or `=`");
        wrong("a[0]\\.=1", "at character 5, behind `]`");
        wrong("a[x]=1", "at character 3, between `[` and `]` stands an index");
        wrong("a[-1]=1", "at character 3, between");
        wrong("a[1=1", "at character 4, between");
        wrong("c[999999999]=x", "at character 3, an index is at most 9999");
        wrong("c[99999999999999999999999]=x", "an index is at most 9999");
        wrong("e=@", "at character 3, `@` names no file");
        wrong("d:={s3cret}", "at character 4, what stands behind := is not JSON: key must be a string");
        wrong(&format!("{}a=1", "a.".repeat(20)), "a place has at most 16 steps");
    }

    #[test]
    fn words_that_may_be_meant_so_are_told_from_others() {
        for (word, expected) in
            [("a=1", true), ("a:=1", true), ("a", false), ("=1", false), (r"a\=1", false), ("", false)]
        {
            assert_eq!(looks_like(word), expected, "{word}");
        }
    }
}
