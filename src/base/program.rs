//! Runs a small program and reads what it prints: no shell, an environment of its own, limits of time and length.
//!
//! The program leads a process group, and the whole group is killed at the end, however it comes: what it started in the background
//! does not outlive it. Standard error is thrown away: nobody knows what stands in it. Key types: [`Program`], [`ProgramError`].
#![expect(clippy::disallowed_methods, reason = "the one place that runs a program and waits for it")]

use std::fmt;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::host::{self, Deadline};

/// How long the end of the output may take to arrive once nobody is left to write.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// A program, and what it may do.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The program and its arguments. One without a `/` is looked for in the `PATH` of `env`.
    pub argv: &'a [String],
    /// Its whole environment.
    pub env: &'a [(String, String)],
    /// How long it may take.
    pub limit: Duration,
    /// How many bytes it may print.
    pub max_output: usize,
}

/// Why there is no output. Holds nothing that the program printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// It cannot be started.
    Start(String),
    /// It ended with another status than 0; `None`: by a signal.
    Status(Option<i32>),
    /// It was not done in time, and was killed.
    TimeUp(Duration),
    /// It printed more than it may, and was killed.
    TooLong(usize),
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(cause) => write!(f, "it cannot be started: {cause}"),
            Self::Status(Some(status)) => write!(f, "it ended with status {status}"),
            Self::Status(None) => f.write_str("it was ended by a signal"),
            Self::TimeUp(limit) => write!(f, "it was not done within {} s", limit.as_secs()),
            Self::TooLong(most) => write!(f, "it printed more than {most} bytes"),
        }
    }
}

impl std::error::Error for ProgramError {}

enum News {
    /// All that it printed, or one byte more than it may.
    Printed(io::Result<Vec<u8>>),
    /// It is at its end, but its number is still its own.
    Ended,
}

impl Program<'_> {
    /// Runs it to its end, and gives what it printed.
    pub fn output(&self) -> Result<Vec<u8>, ProgramError> {
        let (program, arguments) =
            self.argv.split_first().ok_or_else(|| ProgramError::Start("no program is named".to_owned()))?;
        if cfg!(not(unix)) {
            return Err(ProgramError::Start("programs are run on Unix systems only".to_owned()));
        }
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = |error: io::Error| {
            ProgramError::Start(match error.kind() {
                io::ErrorKind::NotFound if program.contains('/') => {
                    "there is no such file, or its interpreter is missing".to_owned()
                }
                io::ErrorKind::NotFound => "there is none of that name in `PATH`".to_owned(),
                kind => kind.to_string(),
            })
        };
        let mut child = command.spawn().map_err(started)?;
        let (news, arrivals) = mpsc::channel();
        let printed = self.watch(&mut child, news).map_err(started).and_then(|()| self.wait(&child, &arrivals));
        end(&child);
        // It may have left its group.
        child.kill().ok();
        let status = child.wait();
        let printed = printed?;
        match status.map_err(started)? {
            status if status.success() => Ok(printed),
            status => Err(ProgramError::Status(status.code())),
        }
    }

    /// Two threads: one reads, one waits for the end. Both end with the process group.
    fn watch(&self, child: &mut Child, news: Sender<News>) -> io::Result<()> {
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (most, told) = (self.max_output as u64 + 1, news.clone());
        let read = move || {
            let mut bytes = Vec::new();
            let printed = output.take(most).read_to_end(&mut bytes).map(|_| bytes);
            // Nobody listens any more when the time was up.
            drop(told.send(News::Printed(printed)));
        };
        host::spawn("program-output", read)?;
        let id = child.id();
        host::spawn("program-end", move || {
            wait_without_reaping(id);
            drop(news.send(News::Ended));
        })?;
        Ok(())
    }

    fn wait(&self, child: &Child, arrivals: &Receiver<News>) -> Result<Vec<u8>, ProgramError> {
        let deadline = Deadline::after(self.limit);
        let (mut printed, mut ended) = (None, false);
        loop {
            let left = if ended { LAST_BYTES } else { deadline.left() };
            match arrivals.recv_timeout(left) {
                Ok(News::Printed(Ok(bytes))) if bytes.len() > self.max_output => {
                    return Err(ProgramError::TooLong(self.max_output));
                }
                Ok(News::Printed(bytes)) => {
                    printed = Some(bytes.map_err(|error| ProgramError::Start(error.kind().to_string()))?);
                }
                Ok(News::Ended) => {
                    // What it left in the background may hold the other end of the pipe.
                    end(child);
                    ended = true;
                }
                Err(_) => return Err(ProgramError::TimeUp(self.limit)),
            }
            if let (true, Some(bytes)) = (ended, &mut printed) {
                return Ok(std::mem::take(bytes));
            }
        }
    }
}

/// Kills the program's group. Its leader is not reaped yet, so the number cannot be another's (H36).
#[cfg(unix)]
fn end(child: &Child) {
    if let Some(id) = process_id(child.id()) {
        // A group without processes is what is wanted.
        rustix::process::kill_process_group(id, rustix::process::Signal::KILL).ok();
    }
}

#[cfg(unix)]
fn wait_without_reaping(id: u32) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let Some(id) = process_id(id) else { return };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(id), options), Err(rustix::io::Errno::INTR)) {}
}

#[cfg(not(unix))]
fn end(_: &Child) {}

#[cfg(not(unix))]
fn wait_without_reaping(_: u32) {}

#[cfg(unix)]
fn process_id(id: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// What a line of `sh` gives, which may say 64 bytes.
    fn sh(line: &str) -> Result<String, ProgramError> {
        let argv = ["/bin/sh", "-c", line].map(str::to_owned);
        let env = [("GIVEN".to_owned(), "yes".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let program = Program { argv: &argv, env: &env, limit: Duration::from_secs(20), max_output: 64 };
        program.output().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[track_caller]
    fn check(line: &str, expected: Result<&str, &ProgramError>) {
        assert_eq!(sh(line).as_deref(), expected, "{line}");
    }

    #[test]
    fn what_a_program_prints_is_its_output() {
        check("printf 'a b\\n'; echo s3cret >&2", Ok("a b\n"));
        check("exit 3", Err(&ProgramError::Status(Some(3))));
        check("kill -9 $$", Err(&ProgramError::Status(None)));
        check("printf '%065d' 1", Err(&ProgramError::TooLong(64)));
        check("printf '%064d' 1 | tr 0 x", Ok(&format!("{}1", "x".repeat(63))));
        check("cat", Ok(""));
        check("echo $GIVEN${HOME-none}", Ok("yesnone\n"));
        for (name, cause) in [
            ("/nonexistent/program", "there is no such file, or its interpreter is missing"),
            ("no-such-program", "there is none of that name in `PATH`"),
        ] {
            let argv = [name.to_owned()];
            let missing = Program { argv: &argv, env: &[], limit: Duration::from_secs(1), max_output: 1 };
            assert_eq!(missing.output(), Err(ProgramError::Start(cause.to_owned())));
        }
    }

    #[test]
    fn h33_no_process_is_left_behind() {
        // The one in the background has no end of its own, and holds the pipe open.
        let id = sh("tail -f /dev/null & printf $!").unwrap();
        is_soon_gone(&id);
        let file = std::env::temp_dir().join(format!("open-cli-program-{}", std::process::id()));
        check(&format!("echo $$ > '{}'; exec cat /dev/zero", file.display()), Err(&ProgramError::TooLong(64)));
        is_soon_gone(std::fs::read_to_string(file).unwrap().trim());
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let argv = ["/bin/sh", "-c", "exec tail -f /dev/null"].map(str::to_owned);
        let env = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let limit = Duration::from_millis(50);
        let slow = Program { argv: &argv, env: &env, limit, max_output: 64 };
        assert_eq!(slow.output(), Err(ProgramError::TimeUp(limit)));
    }

    /// A signal is on its way for a moment.
    #[track_caller]
    fn is_soon_gone(id: &str) {
        let deadline = Deadline::after(Duration::from_secs(20));
        loop {
            let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ") {
                return;
            }
            assert!(!deadline.passed(), "{id} lives");
            std::thread::yield_now();
        }
    }
}
