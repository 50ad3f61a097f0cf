//! Pages of the documentation whose examples are run: each command of a `console` block, with what stands below it.
//!
//! A page is the truth about what is run and what is shown; with `PAGES=write` in the environment what commands print is written into the
//! page instead of compared, for review.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::world::World;

/// Where the pages say that the toolbox listens.
const RUNTIME: &str = "http://127.0.0.1:8765";

/// In the place of each id of a request.
const ID: &str = "3f2a9c5e81b04d7f96e2c1a0587d43b6";

/// A run of one page.
pub(crate) struct Reading<'a> {
    world: &'a mut World,
    /// What the page calls by another name: the name, and what it is here.
    names: Vec<(String, String)>,
}

impl<'a> Reading<'a> {
    /// In a world without a toolbox; the page starts it. Names are the page's, and what they are here.
    pub(crate) fn new(world: &'a mut World, names: &[(&str, &str)]) -> Self {
        let names = names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { world, names }
    }

    /// Runs the page, and compares what it shows.
    /// `PAGES=write` writes it instead.
    #[track_caller]
    pub(crate) fn check(&mut self, page: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let text = fs::read_to_string(&path).unwrap();
        let (found, commands) = self.run(&text);
        assert!(commands > 0, "{page} has commands");
        if std::env::var_os("PAGES").is_some_and(|what| what == "write") {
            fs::write(&path, &found).unwrap();
        }
        let differs = text.lines().zip(found.lines()).position(|(said, is)| said != is);
        let at = differs.or_else(|| (text != found).then(|| text.lines().count().min(found.lines().count())));
        let line = |text: &str, at: usize| text.lines().nth(at).unwrap_or("(the end)").to_owned();
        if let Some(at) = at {
            panic!("{page}:{}\n  says  {}\n  it is {}\n(PAGES=write)", at + 1, line(&text, at), line(&found, at));
        }
    }

    /// The page as it should be, and how many commands it has.
    fn run(&mut self, text: &str) -> (String, usize) {
        let (mut out, mut commands) = (String::new(), 0);
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            writeln!(out, "{line}").unwrap();
            if line != "```console" {
                continue;
            }
            while let Some(line) = lines.next_if(|line| *line != "```") {
                // What stands before the first command, and behind a command, is what the commands print.
                let Some(command) = line.strip_prefix("$ ") else { continue };
                let mut command = command.to_owned();
                writeln!(out, "{line}").unwrap();
                while command.ends_with('\\') {
                    let more = lines.next().expect("a line that goes on");
                    writeln!(out, "{more}").unwrap();
                    command = format!("{command}\n{more}");
                }
                commands += 1;
                out.push_str(&self.one(&command));
            }
        }
        (out, commands)
    }

    /// What one command prints, both streams together, with a line that says how it ended unless that was well.
    fn one(&mut self, command: &str) -> String {
        if let Some((name, value)) = command.strip_prefix("export ").and_then(|pair| pair.split_once('=')) {
            let value = self.fill(value);
            self.world.set_env(name, &value);
            return String::new();
        }
        if command.starts_with("open-cli-toolbox ") && command.ends_with('&') {
            self.world.start_toolbox_with(&[]);
            return String::new();
        }
        // The scene has one already.
        if command.starts_with("open-cli-eval demo-api ") && command.ends_with('&') {
            return String::new();
        }
        let programs = PathBuf::from(env!("CARGO_BIN_EXE_open-cli"));
        let path = format!("{}:{}", programs.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let script = format!("exec 2>&1\n{}\n", self.fill(command));
        let mut bash = self.world.command("bash");
        let bash = bash.args(["-c", &script]).env("PATH", path).env("OPEN_CLI_FORMAT", "table").stdin(Stdio::null());
        let output = bash.output().unwrap();
        let mut printed = self.unfill(&String::from_utf8(output.stdout).unwrap());
        if !printed.is_empty() && !printed.ends_with('\n') {
            printed.push('\n');
        }
        let code = output.status.code().unwrap();
        if code != 0 {
            writeln!(printed, "[exit {code}]").unwrap();
        }
        printed
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn unfill(&self, text: &str) -> String {
        let authority = |origin: &str| origin.trim_start_matches("http://").to_owned();
        let text = self.names.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(value, name).replace(&authority(value), &authority(name))
        });
        let text = match &self.world.toolbox {
            Some(_) => text.replace(self.world.name("[RUNTIME]"), RUNTIME),
            None => text,
        };
        let project = self.world.path("").to_string_lossy().trim_end_matches('/').to_owned();
        let home = self.world.root().to_string_lossy().into_owned();
        of_each_run(&text.replace(&project, "/home/me/project").replace(&home, "/home/me"))
    }
}

/// The same text with the id of a request that is in the pages.
fn of_each_run(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = word.len() == 32 && word.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        out.push_str(&if is_id { piece.replace(word, ID) } else { piece.to_owned() });
    }
    out
}
