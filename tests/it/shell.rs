//! Command lines of a page: found in its blocks, and run by a shell as they stand there.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::world::World;

/// The programs, by the names that pages use.
const PROGRAMS: [&str; 3] = ["open-cli", "open-cli-toolbox", "open-cli-eval"];

/// Stand-ins for programs of other people that lines are joined to, so that they need not be there.
const OTHERS: &str = r#"
jq() { if [ -e "${@: -1}" ]; then cat "${@: -1}"; else cat; fi; }
generate() { cat calls.jsonl; }
pdfgen() { echo %PDF; }
file() { cat >/dev/null; }
sudo() { shift 2; "$@"; }
"#;

/// One command line.
#[derive(Default)]
pub(crate) struct Line {
    /// Of the page.
    pub(crate) number: usize,
    pub(crate) text: String,
    /// Lines of its block before it that set variables.
    before: String,
    /// What the page shows below it; empty where it shows nothing.
    pub(crate) shown: String,
    /// What the page says that it ends with.
    pub(crate) status: Option<i32>,
}

impl Line {
    /// Whether it is one of ours that it runs.
    pub(crate) fn ours(&self) -> bool {
        self.text.split(['|', '&', ';', '(', '\n']).any(|piece| {
            let mut words = piece.split_whitespace().peekable();
            while let Some(word) = words.next() {
                match word {
                    "sudo" => _ = words.nth(1),
                    "until" | "while" | "do" | "if" | "then" | "!" | "{" => {}
                    word if word.split_once('=').is_some_and(|(name, _)| name.chars().all(of_variable)) => {}
                    word => {
                        let name = word.rsplit('/').next().unwrap().trim_end_matches(".new");
                        return PROGRAMS.contains(&name);
                    }
                }
            }
            false
        })
    }

    /// The same for a server that a test starts: in the foreground, and on free ports.
    pub(crate) fn server(&self) -> Self {
        let mut text = String::new();
        for (index, piece) in self.text.trim_end_matches(" &").split("127.0.0.1:").enumerate() {
            let piece = if index > 0 { piece.trim_start_matches(|c: char| c.is_ascii_digit()) } else { piece };
            text.push_str(&format!("{}{piece}", if index > 0 { "127.0.0.1:0" } else { "" }));
        }
        if !text.contains("--addr") {
            text.push_str(" --addr 127.0.0.1:0");
        }
        // So that it is the process that the test ends.
        let text = format!("exec env {text}");
        Self { text, before: self.before.clone(), ..Self::default() }
    }

    /// A shell that carries it out, with both of its streams as one.
    pub(crate) fn command(&self, world: &World, names: &[(&str, &str)]) -> Command {
        let bin = world.path("bin");
        if !bin.exists() {
            std::fs::create_dir(&bin).unwrap();
            let built = Path::new(env!("CARGO_BIN_EXE_open-cli")).parent().unwrap();
            PROGRAMS.iter().for_each(|name| symlink(built.join(name), bin.join(name)).unwrap());
            symlink(built.join("open-cli-toolbox"), world.path("open-cli-toolbox.new")).unwrap();
        }
        let mut command = world.command("bash");
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default()));
        let text = filled(world, &format!("{}{}", self.before, self.text), names);
        command.args(["-o", "pipefail", "-c"]).arg(format!("{OTHERS}exec 2>&1\n{text}"));
        command
    }
}

fn of_variable(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// A text of a page with what stands for its names here.
pub(crate) fn filled(world: &World, text: &str, names: &[(&str, &str)]) -> String {
    world.fill(&names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value)))
}

/// All lines of a page's `console` and `sh` blocks. `echo $?` belongs to the line before it.
pub(crate) fn lines(page: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let (mut language, mut first) = (None, 0);
    for (index, text) in page.lines().enumerate() {
        match (text.trim().strip_prefix("```"), language) {
            (Some(name), None) => (language, first) = (Some(name), found.len()),
            (Some(_), Some(_)) => language = None,
            (None, Some("console")) => console(&mut found, first, index + 1, text),
            (None, Some("sh")) => script(&mut found, first, index + 1, text),
            (None, _) => {}
        }
    }
    found
}

/// One more line of a `console` block.
fn console(found: &mut Vec<Line>, first: usize, number: usize, text: &str) {
    match (text.strip_prefix("$ "), found.len() > first) {
        (Some("echo $?"), true) => {}
        (Some(text), _) => found.push(Line { number, text: text.to_owned(), ..Line::default() }),
        (None, true) => {
            let last = found.last_mut().unwrap();
            if last.text.ends_with('\\') {
                last.text.push_str(&format!("\n{text}"));
            } else if let (true, Ok(status)) = (last.number + 1 < number, text.parse()) {
                last.status = Some(status);
            } else {
                last.shown.push_str(&format!("{text}\n"));
            }
        }
        (None, false) => panic!("line {number} belongs to no command: {text}"),
    }
}

/// One more line of an `sh` block: a line of its own, or more of the one before.
fn script(found: &mut Vec<Line>, first: usize, number: usize, text: &str) {
    let open = |line: &Line| line.text.ends_with('\\') || line.text.starts_with("for ") && !line.text.ends_with("done");
    match found[first..].last_mut() {
        Some(last) if open(last) => last.text.push_str(&format!("\n{text}")),
        _ if text.is_empty() || text.starts_with('#') => {}
        last => {
            let sets = last.filter(|line| line.text.starts_with("export ") || line.text.starts_with("source "));
            let set = sets.map(|line| format!("{}{}\n", line.before, line.text));
            let before = set.or_else(|| found[first..].last().map(|line| line.before.clone())).unwrap_or_default();
            found.push(Line { number, text: text.to_owned(), before, ..Line::default() });
        }
    }
}

/// Whether this is what a page shows: a line `..` stands for any lines, and `..` in a line for any text.
pub(crate) fn fits(shown: &[&str], found: &[&str]) -> bool {
    match (shown, found) {
        ([], []) => true,
        ([".."], _) => true,
        (["..", rest @ ..], _) => (0..=found.len()).any(|skipped| fits(rest, &found[skipped..])),
        ([line, shown @ ..], [text, found @ ..]) => line_fits(line, text) && fits(shown, found),
        _ => false,
    }
}

fn line_fits(shown: &str, found: &str) -> bool {
    let (mut rest, mut pieces) = (found, shown.split(".."));
    let Some(text) = rest.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    rest = text;
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    rest.is_empty() || last.is_some_and(|piece| found.ends_with(piece))
}
