//! The audit file: append, make durable, read back.
//!
//! One process writes a file, held by an operating-system lock for life (H39). A record is one `write`; many waiting callers share
//! one `fdatasync` (group commit). What cannot be kept is an error to the caller, who then does not begin, or does not answer.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::chain::{self, Head, MAX_LINE};
use super::event::Event;
use super::query::Query;
use crate::base::disk;

/// The open audit file of one instance.
pub struct AuditLog {
    path: PathBuf,
    file: File,
    state: Mutex<State>,
    synced: Condvar,
}

struct State {
    head: Head,
    length: u64,
    written: u64,
    durable: u64,
    syncing: bool,
    /// Set by a failed sync: what is on disk is unknown from then on, so nothing is kept until a restart reads it again.
    broken: Option<String>,
}

/// Why a record was not kept, or the file not opened.
#[derive(Debug)]
pub enum AuditError {
    /// Another process holds the file.
    Held(PathBuf),
    /// The file cannot be opened or read.
    Open(PathBuf, io::Error),
    /// The record could not be written or made durable.
    Write(String),
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(path) => write!(
                f,
                "the audit file {} is held by another process; give each toolbox its own --audit-path",
                path.display()
            ),
            Self::Open(path, error) => write!(f, "the audit file {} cannot be opened: {error}", path.display()),
            Self::Write(message) => write!(f, "the audit record cannot be kept: {message}"),
        }
    }
}

impl std::error::Error for AuditError {}

/// Whether a caller waits until a record is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On disk before the call returns: executions, denials, approvals, start and stop.
    Durable,
    /// Handed to the operating system: frequent events.
    Written,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Where the chain goes on.
    pub head: Head,
    /// Whether the file ended in a torn line, which stays as it is, ended by a newline.
    pub torn: bool,
}

impl AuditLog {
    /// Opens or creates the file (0600), locks it, and finds where its chain stands.
    pub fn open(path: &Path) -> Result<(Self, Recovery), AuditError> {
        let failed = |error| AuditError::Open(path.to_owned(), error);
        let mut file = disk::open_append(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::Held(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let recovery = recover(&mut file).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok((Self::on(path, file, recovery.head.clone(), length), recovery))
    }

    fn on(path: &Path, file: File, head: Head, length: u64) -> Self {
        let state = State { head, length, written: 0, durable: 0, syncing: false, broken: None };
        Self { path: path.to_owned(), file, state: Mutex::new(state), synced: Condvar::new() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the chain stands.
    pub fn head(&self) -> Head {
        self.state().head.clone()
    }

    /// Appends one record.
    pub fn append(&self, event: &Event, durability: Durability) -> Result<(), AuditError> {
        let mut state = self.state();
        if let Some(message) = &state.broken {
            return Err(AuditError::Write(message.clone()));
        }
        let (mut line, head) = chain::seal(event, &state.head);
        if line.len() > MAX_LINE {
            return Err(AuditError::Write("the record is longer than 64 KiB".to_owned()));
        }
        line.push('\n');
        if let Err(error) = (&self.file).write_all(line.as_bytes()) {
            // A torn line would end up in the middle of the file.
            let restored = self.file.set_len(state.length);
            if let Err(error) = restored {
                state.broken = Some(format!("a torn record could not be taken back: {error}"));
            }
            return Err(AuditError::Write(error.to_string()));
        }
        state.head = head;
        state.length += line.len() as u64;
        state.written += 1;
        match durability {
            Durability::Written => Ok(()),
            Durability::Durable => {
                let mine = state.written;
                self.make_durable(state, mine)
            }
        }
    }

    /// Waits until record `mine` is on disk; whoever finds no sync under way does one for all.
    fn make_durable<'a>(&'a self, mut state: MutexGuard<'a, State>, mine: u64) -> Result<(), AuditError> {
        loop {
            if state.durable >= mine {
                return Ok(());
            }
            if let Some(message) = &state.broken {
                return Err(AuditError::Write(message.clone()));
            }
            if state.syncing {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let reached = state.written;
            drop(state);
            let outcome = self.file.sync_data();
            state = self.state();
            state.syncing = false;
            match outcome {
                Ok(()) => state.durable = reached,
                Err(error) => state.broken = Some(format!("the file could not be made durable: {error}")),
            }
            self.synced.notify_all();
        }
    }

    /// The records that fit, oldest first. Does not block writers.
    pub fn read(&self, query: &Query) -> io::Result<Vec<String>> {
        read(&self.path, query)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditLog({})", self.path.display())
    }
}

/// The records of a file that fit, oldest first; lines that are no records are passed over (H37).
pub fn read(path: &Path, query: &Query) -> io::Result<Vec<String>> {
    let mut lines = Lines::new(BufReader::new(disk::open(path)?));
    let mut found: VecDeque<String> = VecDeque::new();
    let limit = query.limit();
    while let Some(line) = lines.next_line()? {
        if !query.fits(line) {
            continue;
        }
        if found.len() == limit {
            if query.after.is_some() || limit == 0 {
                break;
            }
            found.pop_front();
        }
        if let Ok(text) = std::str::from_utf8(line) {
            found.push_back(text.to_owned());
        }
    }
    Ok(found.into())
}

/// Lines of bounded length; a longer one is passed over in pieces.
struct Lines<R> {
    input: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self { input, line: Vec::new() }
    }

    fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        let mut overlong = false;
        loop {
            self.line.clear();
            let taken = self.input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.line)?;
            if taken == 0 {
                return Ok(None);
            }
            let ended = self.line.last() == Some(&b'\n');
            if ended && !overlong {
                self.line.pop();
                return Ok(Some(&self.line));
            }
            // The end of an overlong line is no line of its own.
            overlong = !ended;
        }
    }
}

/// Finds the last whole record, looking at the file's end first.
fn recover(file: &mut File) -> io::Result<Recovery> {
    let length = file.metadata()?.len();
    let mut window = 1u64 << 20;
    loop {
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        Read::by_ref(file).take(window).read_to_end(&mut tail)?;
        let torn = !tail.is_empty() && tail.last() != Some(&b'\n');
        let head = tail.split(|&byte| byte == b'\n').rev().find_map(chain::read).map(|link| link.head());
        if head.is_some() || start == 0 {
            if torn {
                file.write_all(b"\n")?;
            }
            file.sync_all()?;
            return Ok(Recovery { head: head.unwrap_or_default(), torn });
        }
        window = window.saturating_mul(8);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests set up and read their own scratch files")]

    use super::super::event::EventType;
    use super::*;
    use std::sync::Arc;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("open-cli-audit-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&dir).ok();
        disk::create_private_dir(&dir).unwrap();
        dir.join("audit.log")
    }

    fn event(tool: &str) -> Event {
        let mut event = Event::new("2026-01-01T00:00:00.000Z".to_owned(), EventType::ToolExecution);
        event.tool_id = Some(tool.to_owned());
        event
    }

    fn flaws(path: &Path) -> Vec<(usize, chain::Flaw)> {
        let bytes = std::fs::read(path).unwrap();
        let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|&byte| byte == b'\n');
        chain::verify(lines, Head::default()).1
    }

    #[test]
    fn the_chain_goes_on_after_a_restart() {
        let path = scratch("restart");
        for run in 0..3u64 {
            let (log, recovery) = AuditLog::open(&path).unwrap();
            assert_eq!((recovery.head.seq, recovery.torn), (run * 2, false));
            log.append(&event("a"), Durability::Durable).unwrap();
            log.append(&event("b"), Durability::Written).unwrap();
            assert_eq!(log.head().seq, run * 2 + 2);
        }
        assert_eq!(flaws(&path), []);
    }

    #[test]
    fn h37_a_torn_end_costs_only_itself() {
        let path = scratch("torn");
        AuditLog::open(&path).unwrap().0.append(&event("a"), Durability::Durable).unwrap();
        let mut file = disk::open_append(&path).unwrap();
        file.write_all(b"{\"timestamp\":\"2026-01-01T0").unwrap();
        drop(file);
        let (log, recovery) = AuditLog::open(&path).unwrap();
        assert_eq!((recovery.head.seq, recovery.torn), (1, true));
        log.append(&event("b"), Durability::Durable).unwrap();
        assert_eq!(flaws(&path), [(2, chain::Flaw::Unreadable)]);
        assert_eq!(log.read(&Query::default()).unwrap().len(), 2);
    }

    #[test]
    fn h37_corrupt_and_overlong_lines_do_not_hide_the_rest() {
        let path = scratch("corrupt");
        let (log, _) = AuditLog::open(&path).unwrap();
        log.append(&event("a"), Durability::Durable).unwrap();
        let mut other = disk::open_append(&path).unwrap();
        other.write_all(format!("not json\n{}\n\0\0\n", "x".repeat(MAX_LINE * 40)).as_bytes()).unwrap();
        log.append(&event("b"), Durability::Durable).unwrap();
        let records = log.read(&Query::default()).unwrap();
        assert_eq!(records.len(), 2);
        assert!(records[1].contains("\"seq\":2"));
        drop(log);
        assert_eq!(AuditLog::open(&path).unwrap().1.head.seq, 2);
    }

    #[test]
    fn h39_one_process_writes_a_file() {
        let path = scratch("held");
        let (log, _) = AuditLog::open(&path).unwrap();
        assert!(matches!(AuditLog::open(&path), Err(AuditError::Held(_))));
        drop(log);
        assert!(AuditLog::open(&path).is_ok());
    }

    #[test]
    fn parallel_writers_make_one_chain() {
        let path = scratch("parallel");
        let log = Arc::new(AuditLog::open(&path).unwrap().0);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let log = Arc::clone(&log);
                scope.spawn(move || {
                    for _ in 0..20 {
                        log.append(&event(&format!("t{n}")), Durability::Durable).unwrap();
                    }
                });
            }
        });
        assert_eq!((log.head().seq, flaws(&path)), (160, vec![]));
    }

    #[test]
    fn limits_and_cursors_page_through() {
        let path = scratch("pages");
        let (log, _) = AuditLog::open(&path).unwrap();
        for n in 0..5 {
            log.append(&event(&format!("t{n}")), Durability::Written).unwrap();
        }
        let seqs = |query: Query| -> Vec<u64> {
            let records = log.read(&query).unwrap();
            records.iter().map(|record| chain::read(record.as_bytes()).unwrap().seq).collect()
        };
        assert_eq!(seqs(Query { limit: Some(2), ..Query::default() }), [4, 5]);
        assert_eq!(seqs(Query { limit: Some(2), after: Some(1), ..Query::default() }), [2, 3]);
        assert_eq!(seqs(Query { limit: Some(0), ..Query::default() }), [0u64; 0]);
    }

    #[test]
    fn h37_what_cannot_be_written_is_an_error() {
        let path = scratch("unwritable");
        std::fs::write(&path, "").unwrap();
        let log = AuditLog::on(&path, disk::open(&path).unwrap(), Head::default(), 0);
        for _ in 0..2 {
            assert!(matches!(log.append(&event("a"), Durability::Durable), Err(AuditError::Write(_))));
        }
        assert_eq!(log.head().seq, 0, "a record that was not kept is not counted");
        let device = Path::new("/dev/null");
        assert!(matches!(AuditLog::open(device), Err(AuditError::Open(..))));
    }
}
