//! The terminal of standard input: read without echo, and without what was typed before a question.
//!
//! While it is quiet it edits no lines and sends no signals, so that no key ends the program before the echo is back: whoever reads has
//! to do what keys mean.

use std::io;

/// A terminal without echo. It is as before once this is dropped.
#[derive(Debug)]
pub struct Quiet {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Quiet {
    /// Nothing that would have to be quiet, as in tests.
    pub fn nothing() -> Self {
        Self {
            #[cfg(unix)]
            before: None,
        }
    }
}

/// What a terminal is asked for beside its text; tests have one of their own.
pub trait Keyboard {
    /// Turns the echo off until what it gives is dropped; an error when that cannot be done.
    fn quiet(&self) -> io::Result<Quiet>;

    /// Drops what was typed and not yet read. What is no terminal keeps what it has.
    fn forget(&self);
}

/// That of this process.
#[derive(Debug)]
pub struct Own;

impl Keyboard for Own {
    fn quiet(&self) -> io::Result<Quiet> {
        quiet()
    }

    fn forget(&self) {
        #[cfg(unix)]
        rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush).ok();
    }
}

#[cfg(unix)]
fn quiet() -> io::Result<Quiet> {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
    let input = io::stdin();
    let before = tcgetattr(&input)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(&input, OptionalActions::Now, &quiet)?;
    Ok(Quiet { before: Some(before) })
}

#[cfg(not(unix))]
fn quiet() -> io::Result<Quiet> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "the echo of this terminal cannot be turned off"))
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.before {
            // A terminal that has gone away needs nothing.
            tcsetattr(io::stdin(), OptionalActions::Now, before).ok();
        }
    }
}
