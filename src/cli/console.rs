//! Standard output and error of one run.
//!
//! Answers go out in one piece; notes and errors are made safe for a terminal here, whatever text they hold. A reader that went
//! away is not an error. Whether there are colours, and a line that tells what is waited for, is decided here too.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::base::host::{self, Clock, Env, Host, Terminal};
use crate::base::page::Page;

use super::output::sanitize;
use super::progress::{Progress, Screen};
use super::report::Failure;

/// Terminals that do not say how wide they are.
pub const COLUMNS: usize = 80;

/// Where a run writes.
pub struct Console {
    out: RefCell<Box<dyn Write + Send>>,
    err: Arc<Mutex<Screen>>,
    clock: Clock,
    /// Whether standard error is a terminal that can take back what was written.
    erases: bool,
    /// Whether whoever read the answers has gone away.
    pub gone: Cell<bool>,
    /// What is a terminal.
    pub terminal: Terminal,
    /// Whether notes are left out.
    pub quiet: Cell<bool>,
    /// Whether requests are told.
    pub verbose: Cell<bool>,
    /// Whether standard output is coloured.
    pub out_colour: Cell<bool>,
    /// Whether standard error is coloured.
    pub err_colour: Cell<bool>,
}

/// Whether a stream is coloured: never with `NO_COLOR`, always with `CLICOLOR_FORCE`, else on a terminal that can, unless `CLICOLOR` is 0.
/// The one place that decides it.
fn wants_colour(env: &Env, is_terminal: bool) -> bool {
    let zero = |name: &str| env.var(name) == Some("0");
    if env.var("NO_COLOR").is_some() {
        return false;
    }
    if env.var("CLICOLOR_FORCE").is_some() && !zero("CLICOLOR_FORCE") {
        return true;
    }
    is_terminal && !zero("CLICOLOR") && env.var("TERM") != Some("dumb")
}

impl Console {
    /// Takes the streams of `host`.
    pub fn of(host: &mut Host) -> Self {
        let out_colour = wants_colour(&host.env, host.terminal.stdout);
        let err_colour = wants_colour(&host.env, host.terminal.stderr);
        let stderr = std::mem::replace(&mut host.stderr, Box::new(io::sink()));
        Self {
            out: RefCell::new(std::mem::replace(&mut host.stdout, Box::new(io::sink()))),
            err: Arc::new(Mutex::new(Screen::new(stderr, host.terminal.columns.unwrap_or(COLUMNS)))),
            clock: host.clock.clone(),
            erases: host.terminal.stderr && host.env.var("TERM") != Some("dumb"),
            gone: Cell::new(false),
            terminal: host.terminal,
            quiet: Cell::new(false),
            verbose: Cell::new(false),
            out_colour: Cell::new(out_colour),
            err_colour: Cell::new(err_colour),
        }
    }

    /// From now on without colours, as `--no-color` wants it.
    pub fn uncoloured(&self) {
        self.out_colour.set(false);
        self.err_colour.set(false);
    }

    /// Writes an answer. `Ok` also when the reader is gone.
    pub fn answer(&self, bytes: &[u8]) -> Result<(), Failure> {
        // Both may be the same terminal.
        host::lock(&self.err).erase();
        let mut out = self.out.borrow_mut();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::other("output_failed", format!("the answer cannot be written: {error}")))
            }
            outcome => {
                self.gone.set(self.gone.get() || outcome.is_err());
                Ok(())
            }
        }
    }

    /// Writes the answer of an upstream that failed beside the answers, as text that is safe for a terminal.
    pub fn answer_aside(&self, text: &str) {
        self.write_error(&format!("{}\n", sanitize::lines(text).trim_end_matches('\n')));
    }

    /// Writes text of this program that may hold foreign names.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        match self.terminal.stdout {
            true => self.answer(sanitize::lines(text).as_bytes()),
            false => self.answer(text.as_bytes()),
        }
    }

    /// Writes a page as wide as the terminal; on one, headings are bold unless colours are off. Whatever text it holds is made safe.
    pub fn page(&self, page: &Page) -> Result<(), Failure> {
        let bold = self.out_colour.get();
        let mut out = String::new();
        // A pipe gets the same whatever the terminal behind it (H40).
        let columns = self.terminal.columns.filter(|_| self.terminal.stdout).unwrap_or(COLUMNS);
        for line in page.lines(columns) {
            let text = sanitize::line(&line.text);
            match line.heading && bold {
                true => out.push_str(&format!("\u{1b}[1m{text}\u{1b}[0m\n")),
                false => out.push_str(&format!("{text}\n")),
            }
        }
        self.answer(out.as_bytes())
    }

    /// A remark beside the answer.
    pub fn note(&self, text: &str) {
        if !self.quiet.get() {
            self.error_line("note", "2", text);
        }
    }

    /// A question, whose answer stands behind it.
    pub fn ask(&self, text: &str) {
        self.write_error(&sanitize::lines(text));
    }

    /// What `--verbose` tells; `--quiet` is stronger.
    pub fn tell(&self, text: &str) {
        if self.verbose.get() && !self.quiet.get() {
            self.write_error(&format!("{}\n", sanitize::line(text)));
        }
    }

    /// One line of an error, with its label.
    pub fn error_line(&self, label: &str, colour: &str, text: &str) {
        let text = sanitize::lines(text);
        let line = match self.err_colour.get() {
            true => format!("\u{1b}[{colour}m{label}:\u{1b}[0m {text}\n"),
            false => format!("{label}: {text}\n"),
        };
        self.write_error(&line);
    }

    /// One line of JSON on standard error.
    pub fn error_json(&self, json: &str) {
        self.write_error(&format!("{}\n", sanitize::json(json)));
    }

    /// Tells on a terminal what is waited for, as long as the answer lives and once it takes long.
    pub fn progress(&self, what: &str) -> Progress {
        match self.erases && !self.quiet.get() {
            true => Progress::begin(&self.err, &self.clock, what),
            false => Progress::none(),
        }
    }

    /// Says anew what is waited for.
    pub fn waits_for(&self, what: &str) {
        host::lock(&self.err).say(what);
    }

    /// What is waited for is that somebody types.
    pub fn waits_for_a_person(&self) {
        host::lock(&self.err).mute();
    }

    fn write_error(&self, text: &str) {
        host::lock(&self.err).write(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(env: &[(&str, &str)], on_a_terminal: bool, in_a_pipe: bool) {
        let env = Env::new(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        assert_eq!((wants_colour(&env, true), wants_colour(&env, false)), (on_a_terminal, in_a_pipe), "{env:?}");
    }

    #[test]
    fn one_rule_decides_about_colours() {
        check(&[], true, false);
        check(&[("TERM", "xterm")], true, false);
        check(&[("TERM", "dumb")], false, false);
        check(&[("CLICOLOR", "0")], false, false);
        check(&[("CLICOLOR", "1")], true, false);
        check(&[("CLICOLOR_FORCE", "1")], true, true);
        check(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")], true, true);
        check(&[("CLICOLOR_FORCE", "0")], true, false);
        check(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false);
        check(&[("NO_COLOR", "")], true, false);
    }

    #[test]
    fn what_is_waited_for_is_told_on_a_terminal_that_can_take_it_back() {
        let told = |stderr: bool, term: &str, quiet: bool| {
            let env = [("TERM".to_owned(), term.to_owned())];
            let mut host = Host {
                args: Vec::new(),
                env: Env::new(env),
                cwd: "/".into(),
                stdin: Box::new(io::empty()),
                stdout: Box::new(io::sink()),
                stderr: Box::new(io::sink()),
                terminal: Terminal { stderr, ..Terminal::default() },
                clock: Clock::from_fn(|| std::time::UNIX_EPOCH),
                managed_dir: "/etc".into(),
            };
            let console = Console::of(&mut host);
            console.quiet.set(quiet);
            let progress = console.progress("waiting");
            progress.is_told()
        };
        assert!(told(true, "xterm", false));
        assert!(!told(false, "xterm", false));
        assert!(!told(true, "dumb", false));
        assert!(!told(true, "xterm", true));
    }
}
