//! Standard output and error of one run.
//!
//! Answers go out in one piece; notes and errors are made safe for a terminal here, whatever text they hold. A reader that went
//! away is not an error.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};

use crate::base::host::{Host, Terminal};
use crate::base::page::Page;

use super::output::sanitize;
use super::report::Failure;

/// Where a run writes.
pub struct Console {
    out: RefCell<Box<dyn Write + Send>>,
    err: RefCell<Box<dyn Write + Send>>,
    /// Whether whoever read the answers has gone away.
    pub gone: Cell<bool>,
    /// What is a terminal.
    pub terminal: Terminal,
    /// Whether notes are left out.
    pub quiet: Cell<bool>,
    /// Whether requests are told.
    pub verbose: Cell<bool>,
    /// Whether standard error is coloured.
    pub colour: Cell<bool>,
    /// Whether headings on standard output are bold, where that is a terminal.
    pub bold: Cell<bool>,
}

/// Terminals that do not say how wide they are, and what is none.
const COLUMNS: usize = 80;

impl Console {
    /// Takes the streams of `host`.
    pub fn of(host: &mut Host) -> Self {
        let wanted = host.env.var("NO_COLOR").is_none() && host.env.var("TERM") != Some("dumb");
        let colour = host.terminal.stderr && wanted;
        Self {
            out: RefCell::new(std::mem::replace(&mut host.stdout, Box::new(io::sink()))),
            err: RefCell::new(std::mem::replace(&mut host.stderr, Box::new(io::sink()))),
            gone: Cell::new(false),
            terminal: host.terminal,
            quiet: Cell::new(false),
            verbose: Cell::new(false),
            colour: Cell::new(colour),
            bold: Cell::new(wanted),
        }
    }

    /// Writes an answer. `Ok` also when the reader is gone.
    pub fn answer(&self, bytes: &[u8]) -> Result<(), Failure> {
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
        let bold = self.terminal.stdout && self.bold.get();
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

    /// What `--verbose` tells; `--quiet` is stronger.
    pub fn tell(&self, text: &str) {
        if self.verbose.get() && !self.quiet.get() {
            self.write_error(&format!("{}\n", sanitize::line(text)));
        }
    }

    /// One line of an error, with its label.
    pub fn error_line(&self, label: &str, colour: &str, text: &str) {
        let text = sanitize::lines(text);
        let line = match self.colour.get() {
            true => format!("\u{1b}[{colour}m{label}:\u{1b}[0m {text}\n"),
            false => format!("{label}: {text}\n"),
        };
        self.write_error(&line);
    }

    /// One line of JSON on standard error.
    pub fn error_json(&self, json: &str) {
        self.write_error(&format!("{}\n", sanitize::json(json)));
    }

    /// There is no place to tell that standard error is gone.
    fn write_error(&self, text: &str) {
        let mut err = self.err.borrow_mut();
        err.write_all(text.as_bytes()).and_then(|()| err.flush()).ok();
    }
}
