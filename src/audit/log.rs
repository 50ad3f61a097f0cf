//! The audit file: one writer, records durable when it says so, locked for life (H37, H39).
//!
//! Writers append under one lock and wait together for one `fdatasync` (group commit). A record that cannot be written whole is
//! cut off again, so that the file always ends in a whole line; after a failed sync nothing is promised any more and every
//! further record is refused until a restart. Frequent events are counted in memory and written now and then.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::chain::{self, Head};
use super::event::Event;
use super::tail::LinesBackward;
use crate::base::disk;
use crate::base::host::Clock;
use crate::base::time::rfc3339;

/// Why a record was not kept, or the file not opened.
#[derive(Debug)]
pub enum AuditError {
    /// The file cannot be opened or read.
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Another process has it.
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The record could not be written or synced.
    Write(io::Error),
    /// A sync failed earlier; what the file holds is uncertain.
    Uncertain,
    /// The file was removed, replaced or cut while it was written.
    Gone {
        /// Where it was.
        path: PathBuf,
    },
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => write!(f, "the audit file {} cannot be opened", path.display()),
            Self::Locked { path } => {
                write!(f, "another process writes the audit file {}; give each toolbox its own", path.display())
            }
            Self::Write(_) => f.write_str("the audit record could not be written"),
            Self::Gone { path } => write!(
                f,
                "the audit file {} was removed, replaced or cut by somebody; restart the toolbox to begin another",
                path.display()
            ),
            Self::Uncertain => {
                f.write_str("an audit record could not be made durable earlier; check the disk and restart the toolbox")
            }
        }
    }
}

impl std::error::Error for AuditError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { cause, .. } | Self::Write(cause) => Some(cause),
            Self::Locked { .. } | Self::Gone { .. } | Self::Uncertain => None,
        }
    }
}

/// What was found when the file was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Where a torn last line was put.
    pub torn: Option<PathBuf>,
    /// Lines at the end that are no records of the chain; it goes on from the one before them.
    pub skipped: u64,
}

/// How far back a record is looked for to go on from.
const MAX_SKIPPED: u64 = 100_000;

/// At most so many different frequent events of one type are counted apart; more are counted together. Each type has room of its
/// own, so that callers who are not let in cannot crowd out the names of those who are.
const MAX_COALESCED: usize = 64;

/// The audit file, open and locked; shared by all threads.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    identity: disk::Identity,
    clock: Clock,
    /// For syncing without the lock.
    handle: Arc<File>,
    state: Mutex<State>,
    synced: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<File>,
    length: u64,
    head: Head,
    /// Number of the last record that is durable.
    durable: u64,
    syncing: bool,
    /// Threads that wait for the one that syncs.
    waiting: usize,
    uncertain: bool,
    counted: BTreeMap<Event, u64>,
}

impl AuditLog {
    /// Opens or creates the file with mode 0600, locks it for as long as the value lives, and finds the chain's end.
    pub fn open(path: &Path, clock: Clock) -> Result<(Self, Opened), AuditError> {
        let failed = |cause| AuditError::Open { path: path.to_owned(), cause };
        let file = disk::open_append(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(failed)?;
        let torn = set_torn_end_aside(&file, path, &clock).map_err(failed)?;
        let (head, skipped) = chain_end(&file).map_err(failed)?;
        if let Some(parent) = path.parent() {
            disk::sync_directory(parent).map_err(failed)?;
        }
        let length = file.metadata().map_err(failed)?.len();
        let identity = disk::Identity::of(&file).map_err(failed)?;
        let file = Arc::new(file);
        let durable = head.seq;
        let state = State {
            file: Arc::clone(&file),
            length,
            head,
            durable,
            syncing: false,
            waiting: 0,
            uncertain: false,
            counted: BTreeMap::new(),
        };
        let log = Self {
            path: path.to_owned(),
            identity,
            clock,
            handle: file,
            state: Mutex::new(state),
            synced: Condvar::new(),
        };
        Ok((log, Opened { torn, skipped }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record and returns when it is on disk.
    pub fn record(&self, event: &Event) -> Result<(), AuditError> {
        let mut state = self.lock();
        let number = self.append(&mut state, event)?;
        self.wait_durable(state, number)
    }

    /// Counts a frequent event; it is written by the next [`AuditLog::flush`], not at once.
    pub fn count(&self, event: Event) {
        let mut state = self.lock();
        let alike = |known: &&Event| known.event_type == event.event_type;
        let known = state.counted.contains_key(&event) || state.counted.keys().filter(alike).count() < MAX_COALESCED;
        let key = if known { event } else { Event::new(event.event_type) };
        *state.counted.entry(key).or_insert(0) += 1;
    }

    /// Writes what was counted, and returns where the chain stands when that is on disk.
    pub fn flush(&self) -> Result<Head, AuditError> {
        let mut state = self.lock();
        while let Some((event, count)) = state.counted.pop_first() {
            let counted = Event { count: (count > 1).then_some(count), ..event.clone() };
            if let Err(error) = self.append(&mut state, &counted) {
                state.counted.insert(event, count);
                return Err(error);
            }
        }
        let head = state.head.clone();
        self.wait_durable(state, head.seq)?;
        Ok(head)
    }

    /// Whether records can be kept, as far as is known without writing one.
    pub fn is_sound(&self) -> bool {
        let state = self.lock();
        !state.uncertain && self.is_there(&state)
    }

    /// Whether the file is still where it was and as long as it was: a record in a file that nobody can find, or behind a gap, is
    /// not kept (H37).
    fn is_there(&self, state: &State) -> bool {
        self.identity.is_at(&self.path, state.length)
    }

    /// As after a sync that failed.
    #[cfg(test)]
    pub(crate) fn break_for_tests(&self) {
        self.lock().uncertain = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, state: &mut State, event: &Event) -> Result<u64, AuditError> {
        if state.uncertain {
            return Err(AuditError::Uncertain);
        }
        if !self.is_there(state) {
            return Err(AuditError::Gone { path: self.path.clone() });
        }
        let record = event.to_json(&rfc3339(self.clock.now()));
        let (mut line, head) = chain::seal(record, &state.head);
        line.push('\n');
        if let Err(error) = (&*state.file).write_all(line.as_bytes()) {
            // A disk that filled up may have taken a part of the line.
            state.uncertain = state.file.set_len(state.length).is_err();
            return Err(AuditError::Write(error));
        }
        state.length += line.len() as u64;
        state.head = head;
        Ok(state.head.seq)
    }

    /// One waiter syncs for all records written so far, the others wait for it.
    fn wait_durable<'a>(&'a self, mut state: MutexGuard<'a, State>, number: u64) -> Result<(), AuditError> {
        while state.durable < number {
            if state.uncertain {
                return Err(AuditError::Uncertain);
            }
            if state.syncing {
                state.waiting += 1;
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
                continue;
            }
            state.syncing = true;
            let reached = state.head.seq;
            drop(state);
            let outcome = self.handle.sync_data();
            state = self.lock();
            state.syncing = false;
            match outcome {
                Ok(()) => state.durable = state.durable.max(reached),
                Err(_) => state.uncertain = true,
            }
            if state.waiting > 0 {
                self.synced.notify_all();
            }
        }
        Ok(())
    }
}

/// What stands behind the last newline was never acknowledged; it is kept beside the file, for whoever wants to look.
fn set_torn_end_aside(file: &File, path: &Path, clock: &Clock) -> io::Result<Option<PathBuf>> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut reader = file;
    let mut block = [0; 4096];
    while end > 0 {
        let size = end.min(block.len() as u64);
        let piece = &mut block[..usize::try_from(size).unwrap_or(0)];
        reader.seek(SeekFrom::Start(end - size))?;
        reader.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = end - size + at as u64 + 1;
            break;
        }
        end -= size;
    }
    if end == length {
        return Ok(None);
    }
    reader.seek(SeekFrom::Start(end))?;
    let mut torn = Vec::new();
    reader.take(1 << 20).read_to_end(&mut torn)?;
    let stamp = rfc3339(clock.now()).replace([':', '.'], "-");
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".torn-{stamp}"));
    let aside = path.with_file_name(name);
    disk::write_private(&aside, &torn)?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(Some(aside))
}

/// The last sound record, and how many lines after it are none.
fn chain_end(file: &File) -> io::Result<(Head, u64)> {
    let mut lines = LinesBackward::new(file.try_clone()?)?;
    let mut skipped = 0;
    while let Some(line) = lines.next()? {
        if let Some(link) = line.as_deref().and_then(chain::read_link) {
            return Ok((link.head, skipped));
        }
        skipped += 1;
        if skipped > MAX_SKIPPED {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its last 100,000 lines are no audit records"));
        }
    }
    Ok((Head::default(), skipped))
}

#[cfg(test)]
mod tests {
    use super::super::chain::{Break, Verifier};
    use super::super::event::EventType;
    use super::*;
    use crate::base::host;
    use std::os::unix::fs::PermissionsExt;

    fn scratch() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("open-cli-audit-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        dir.join("audit.log")
    }

    fn open(path: &Path) -> (AuditLog, Opened) {
        AuditLog::open(path, Clock::from_fn(|| std::time::UNIX_EPOCH)).unwrap()
    }

    #[test]
    fn h37_a_file_that_was_removed_or_cut_keeps_nothing_more() {
        let path = scratch();
        let (log, _) = open(&path);
        log.record(&started()).unwrap();
        assert!(log.is_sound());
        disk::remove(&path).unwrap();
        assert!(!log.is_sound(), "a read is not begun either");
        assert!(matches!(log.record(&started()), Err(AuditError::Gone { .. })));
        let cut = scratch();
        let (log, _) = open(&cut);
        log.record(&started()).unwrap();
        disk::open_append(&cut).unwrap().set_len(3).unwrap();
        assert!(matches!(log.record(&started()), Err(AuditError::Gone { .. })));
    }

    fn started() -> Event {
        Event::new(EventType::RuntimeStart)
    }

    fn verify(path: &Path) -> (u64, Option<Break>) {
        let text = disk::read(path, 1 << 24).unwrap();
        let mut verifier = Verifier::default();
        for line in text.strip_suffix(b"\n").unwrap_or(&text).split(|byte| *byte == b'\n') {
            verifier.take(line);
        }
        let (head, broken) = verifier.finish();
        (head.seq, broken)
    }

    #[test]
    fn the_chain_goes_on_over_restarts() {
        let path = scratch();
        for _ in 0..3 {
            let (log, opened) = open(&path);
            assert_eq!((opened.torn, opened.skipped), (None, 0));
            log.record(&started()).unwrap();
            log.record(&started()).unwrap();
        }
        assert_eq!(verify(&path), (6, None));
    }

    #[test]
    fn h38_h39_the_file_is_private_and_has_one_writer() {
        let path = scratch();
        disk::open_append(&path).unwrap().set_permissions(PermissionsExt::from_mode(0o666)).unwrap();
        let (log, _) = open(&path);
        assert_eq!(disk::open(&path).unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(AuditLog::open(&path, Clock::system()), Err(AuditError::Locked { .. })));
        drop(log);
        open(&path);
    }

    #[test]
    fn h37_a_torn_end_is_set_aside_and_the_chain_goes_on() {
        let path = scratch();
        open(&path).0.record(&started()).unwrap();
        disk::open_append(&path).unwrap().write_all(b"{\"timestamp\":\"20").unwrap();
        let (log, opened) = open(&path);
        let aside = opened.torn.unwrap();
        assert_eq!(disk::read(&aside, 99).unwrap(), b"{\"timestamp\":\"20");
        log.record(&started()).unwrap();
        assert_eq!(verify(&path), (2, None));
    }

    #[test]
    fn h37_corrupt_lines_at_the_end_do_not_stop_the_log() {
        let path = scratch();
        open(&path).0.record(&started()).unwrap();
        let mut file = disk::open_append(&path).unwrap();
        file.write_all(&vec![b'x'; 300_000]).unwrap();
        file.write_all(b"\n{\"seq\":7}\n").unwrap();
        let (log, opened) = open(&path);
        assert_eq!(opened.skipped, 2);
        log.record(&started()).unwrap();
        let (seq, broken) = verify(&path);
        assert_eq!((seq, broken.unwrap().line), (2, 2));
    }

    #[test]
    fn frequent_events_are_counted() {
        let path = scratch();
        let (log, _) = open(&path);
        let failure =
            |n: usize| Event { client_addr: Some(format!("127.0.0.{n}")), ..Event::new(EventType::AuthnFailure) };
        for n in 0..MAX_COALESCED * 4 {
            log.count(failure(n));
            log.count(failure(n));
        }
        assert_eq!(log.flush().unwrap().seq as usize, MAX_COALESCED + 1);
        let text = String::from_utf8(disk::read(&path, 1 << 24).unwrap()).unwrap();
        assert!(text.lines().next().unwrap().contains(&format!("\"count\":{}", MAX_COALESCED * 6)), "{text}");
        assert_eq!(verify(&path).1, None);
    }

    #[test]
    fn strangers_do_not_crowd_out_the_names_of_callers() {
        let path = scratch();
        let (log, _) = open(&path);
        for n in 0..MAX_COALESCED * 2 {
            log.count(Event { client_addr: Some(format!("127.0.0.{n}")), ..Event::new(EventType::AuthnFailure) });
        }
        log.count(Event { principal: Some("ada".to_owned()), ..Event::new(EventType::AuthenticatedConnect) });
        log.flush().unwrap();
        let text = String::from_utf8(disk::read(&path, 1 << 24).unwrap()).unwrap();
        assert!(text.contains("\"principal\":\"ada\""), "{text}");
    }

    #[test]
    fn many_threads_keep_one_chain() {
        let path = scratch();
        let (log, _) = open(&path);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| log.record(&started()).unwrap()));
            }
        });
        assert_eq!(verify(&path), (160, None));
    }

    #[test]
    fn h37_a_record_that_cannot_be_kept_is_an_error() {
        let path = scratch();
        let (log, _) = open(&path);
        log.record(&started()).unwrap();
        // A descriptor that only reads stands for a disk that takes nothing.
        log.lock().file = Arc::new(disk::open(&path).unwrap());
        assert!(matches!(log.record(&started()), Err(AuditError::Write(_))));
        assert_eq!(verify(&path), (1, None));
        assert!(matches!(AuditLog::open(Path::new("/dev/null"), Clock::system()), Err(AuditError::Open { .. })));
    }
}
