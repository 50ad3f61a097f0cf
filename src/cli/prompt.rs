//! Asking a person at a terminal for what is missing. Questions go to standard error, answers come from standard input.
//!
//! What may be answered is said by a [`Question`]; whether an answer is right, by the [`Draft`] it is for. A wrong one is asked for
//! again, a few times. An answer that looks like a secret is read without echo, which the [`Keyboard`] sees to. Ctrl-D ends the run; so does
//! Ctrl-C, by its signal, or as a key where it is read without echo.

use std::io::{self, Read};

use crate::base::keyboard::Keyboard;
use crate::base::name::kebab;

use super::bind::{Draft, Question};
use super::console::Console;
use super::output::{sanitize, width};
use super::report::{self, Failure};
use super::world::World;

/// How often a wrong answer is asked for again.
const MOST_TRIES: usize = 3;

/// The longest line.
const MOST_BYTES: usize = 64 << 10;

/// Items of a list at most.
const MOST_ITEMS: usize = 100;

/// Values that are offered by number at most.
const MOST_CHOICES: usize = 20;

/// Columns of a publisher's text that are shown.
const SHOWN: usize = 400;

/// Words in the name of what is a secret.
const SECRETS: [&str; 8] = ["password", "passwd", "passphrase", "secret", "token", "credential", "credentials", "pin"];

/// Asks for everything that a draft lacks.
pub fn complete(world: &mut World<'_>, id: &str, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let missing = draft.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let noun = if missing.len() == 1 { "value" } else { "values" };
    world.console.ask(&format!("{id} needs {} more {noun}; Ctrl-D ends this, and nothing is sent\n", missing.len()));
    for wanted in missing {
        let question = draft.question(&wanted);
        let mut prompt = Prompt { keys: &mut world.host.stdin, console: world.console, keyboard: world.keyboard };
        prompt.until_right(&question, |values| draft.answer(&wanted, values))?;
    }
    Ok(())
}

/// Asks for a yes; everything else is a no. What was typed before the question is no answer to it.
pub fn approves(world: &mut World<'_>, what: &str) -> bool {
    world.keyboard.forget();
    world.console.ask(&format!("{what}\nApprove? [y/N] "));
    let answer = read_line(&mut world.host.stdin, false);
    if matches!(answer, Ok(Line::End)) {
        world.console.ask("\n");
    }
    matches!(answer, Ok(Line::Text(text)) if matches!(text.trim(), "y" | "Y" | "yes"))
}

/// One line of a person. It may be a secret: nothing shows it.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
enum Line {
    Text(String),
    /// No UTF-8, or too long.
    Unreadable(&'static str),
    /// Ctrl-D or Ctrl-C.
    End,
}

struct Prompt<'a> {
    keys: &'a mut dyn Read,
    console: &'a Console,
    keyboard: &'a dyn Keyboard,
}

impl Prompt<'_> {
    fn until_right(
        &mut self,
        question: &Question,
        mut take: impl FnMut(&[String]) -> Result<(), String>,
    ) -> Result<(), Failure> {
        self.console.ask(&introduced(question));
        for _ in 0..MOST_TRIES {
            let wrong = match self.values(question)? {
                Ok(values) => take(&values),
                Err(wrong) => Err(wrong),
            };
            match wrong {
                Ok(()) => return Ok(()),
                Err(cause) => self.console.ask(&format!("  that {}\n", foreign(&cause))),
            }
        }
        let message = format!("{}: no answer was right in {MOST_TRIES} tries; nothing was sent", question.label);
        Err(Failure::new(report::USAGE, "usage", message).hint("--help explains what it takes"))
    }

    /// What was answered, as it would have been typed on the command line; the inner error says what is wrong with it.
    fn values(&mut self, question: &Question) -> Result<Result<Vec<String>, String>, Failure> {
        if !question.asked.is_list {
            return Ok(self.line(question, "> ")?.and_then(|text| one(question, &text)).map(|value| vec![value]));
        }
        let mut values = Vec::new();
        while values.len() < MOST_ITEMS {
            match self.line(question, "> ")? {
                Ok(text) if text.is_empty() => break,
                Ok(text) => match choice(question, &text) {
                    Ok(value) => values.push(value),
                    Err(wrong) => return Ok(Err(wrong)),
                },
                Err(wrong) => return Ok(Err(wrong)),
            }
        }
        Ok(if values.is_empty() { Err("is no value".to_owned()) } else { Ok(values) })
    }

    fn line(&mut self, question: &Question, mark: &str) -> Result<Result<String, String>, Failure> {
        let default = question.asked.default.as_ref().filter(|_| !question.asked.is_list);
        let default = default.map_or_else(String::new, |text| format!("[{}] ", foreign(text)));
        self.console.ask(&format!("{default}{mark}"));
        let read = if is_secret(question) { self.hidden() } else { read_line(self.keys, false) };
        match read.map_err(|error| Failure::other("input_failed", format!("standard input cannot be read: {error}")))? {
            Line::Text(text) => Ok(Ok(text)),
            Line::Unreadable(cause) => Ok(Err(cause.to_owned())),
            Line::End => {
                // Where nothing was shown the line is ended already.
                self.console.ask(if is_secret(question) { "" } else { "\n" });
                Err(Failure::new(report::USAGE, "cancelled", "ended without an answer; nothing was sent"))
            }
        }
    }

    fn hidden(&mut self) -> io::Result<Line> {
        let quiet = self.keyboard.quiet()?;
        let line = read_line(self.keys, true);
        drop(quiet);
        self.console.ask("\n");
        line
    }
}

/// What is asked, with what may be answered.
fn introduced(question: &Question) -> String {
    let Question { label, value, description, asked, .. } = question;
    let (label, description) = (foreign(label), foreign(description));
    let numbered = numbered(question);
    let what = match (asked.is_boolean, numbered) {
        (true, _) => "y/n",
        (_, true) => "one of these, or its number",
        _ => value.trim_end_matches(".."),
    };
    let mut out = label;
    let several = if asked.is_list { ", one a line, an empty line ends them" } else { "" };
    if !what.is_empty() {
        out.push_str(&format!(" ({}{several})", foreign(what)));
    }
    if !description.is_empty() {
        out.push_str(&format!("  {description}"));
    }
    out.push('\n');
    for (at, choice) in asked.choices.iter().enumerate().filter(|_| numbered) {
        out.push_str(&format!("  {}) {}\n", at + 1, foreign(choice)));
    }
    out
}

/// A publisher's text in a question: on one line and not long, so that it reads as no question of its own, and pushes none away.
pub fn foreign(text: &str) -> String {
    width::fit(&sanitize::line(text), SHOWN)
}

/// Numbers stand for values where no value is one itself.
fn numbered(question: &Question) -> bool {
    let choices = &question.asked.choices;
    (1..=MOST_CHOICES).contains(&choices.len()) && !choices.iter().any(|choice| choice.parse::<usize>().is_ok())
}

fn one(question: &Question, text: &str) -> Result<String, String> {
    match (text, &question.asked.default) {
        ("", Some(default)) => Ok(default.clone()),
        ("", None) => Err("is no answer".to_owned()),
        (text, _) => choice(question, text),
    }
}

fn choice(question: &Question, text: &str) -> Result<String, String> {
    if question.asked.is_boolean {
        return match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "true" => Ok("true".to_owned()),
            "n" | "no" | "false" => Ok("false".to_owned()),
            _ => Err("is neither y nor n".to_owned()),
        };
    }
    let number = text.trim().parse::<usize>().ok().filter(|_| numbered(question));
    match number {
        Some(number) => {
            let found = number.checked_sub(1).and_then(|at| question.asked.choices.get(at));
            found.cloned().ok_or_else(|| format!("is no number from 1 to {}", question.asked.choices.len()))
        }
        None => Ok(text.to_owned()),
    }
}

fn is_secret(question: &Question) -> bool {
    question.asked.is_secret || names_a_secret(&question.name)
}

/// Whether what is called so looks like a secret.
pub fn names_a_secret(name: &str) -> bool {
    let name = kebab(name);
    name.split('-').any(|word| SECRETS.contains(&word)) || name.ends_with("api-key") || name.ends_with("apikey")
}

/// Reads a line; `raw` when no terminal edits it, so that what its keys mean is done here.
fn read_line(keys: &mut dyn Read, raw: bool) -> io::Result<Line> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        let read = match keys.read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        match (read, byte[0]) {
            (0, _) if line.is_empty() => return Ok(Line::End),
            (0, _) | (_, b'\n') => break,
            (_, b'\r') if raw => break,
            (_, 0x03) if raw => return Ok(Line::End),
            (_, 0x04) if raw && line.is_empty() => return Ok(Line::End),
            (_, 0x08 | 0x7f) if raw => erase(&mut line),
            (_, 0x15) if raw => line.clear(),
            (_, key) if raw && key < 0x20 => {}
            // The rest of a line that is too long is read, so that it is no answer to what follows.
            (_, key) if line.len() <= MOST_BYTES => line.push(key),
            _ => {}
        }
    }
    if line.len() > MOST_BYTES {
        return Ok(Line::Unreadable("is too long"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8(line).map_or(Line::Unreadable("is not UTF-8"), Line::Text))
}

/// Takes the last character away.
fn erase(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value;

    #[track_caller]
    fn check(typed: &[u8], raw: bool, expected: &[Line]) {
        let mut keys = typed;
        let read: Vec<Line> = expected.iter().map(|_| read_line(&mut keys, raw).unwrap()).collect();
        assert_eq!(read, expected, "{:?}", String::from_utf8_lossy(typed));
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn lines_end_as_a_terminal_ends_them() {
        check(b"a b\n\nc", false, &[text("a b"), text(""), text("c"), Line::End]);
        check(b"a\r\n\x03\n", false, &[text("a"), text("\u{3}")]);
        check(b"\xff\nx\n", false, &[Line::Unreadable("is not UTF-8"), text("x")]);
        let long = [vec![b'x'; MOST_BYTES + 2], b"\ny\n".to_vec()].concat();
        check(&long, false, &[Line::Unreadable("is too long"), text("y")]);
    }

    #[test]
    fn without_an_editor_keys_mean_what_they_mean_there() {
        check("aé\u{7f}\u{8}b\r".as_bytes(), true, &[text("b")]);
        check(b"\x7fa\x15b\x01\n", true, &[text("b")]);
        check(b"a\x04b\n\x04", true, &[text("ab"), Line::End]);
        check(b"abc\x03", true, &[Line::End]);
    }

    #[test]
    fn h42_a_publishers_text_reads_as_no_question_of_its_own() {
        let spoof = "x\n\ns:ok needs approval: GET /\nApprove? [y/N] \u{1b}[2J";
        let long = "y".repeat(1 << 20);
        let asked = value::Asked { choices: vec![spoof.to_owned(), long], ..value::Asked::default() };
        let question = Question {
            label: spoof.to_owned(),
            value: spoof.to_owned(),
            description: spoof.to_owned(),
            asked,
            ..Question::default()
        };
        let shown = introduced(&question);
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.len() < 3 * SHOWN + 200 && !shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn what_is_called_a_secret_is_one() {
        let named = |name: &str| is_secret(&Question { name: name.to_owned(), ..Question::default() });
        for name in
            ["password", "clientSecret", "X-API-Key", "apiKey", "api_key", "apikey", "auth-token", "user.password"]
        {
            assert!(named(name), "{name}");
        }
        for name in ["title", "tokenizer", "key", "secretary", "pineapple", ""] {
            assert!(!named(name), "{name}");
        }
    }
}
