//! The audit file: one writer, records durable when it says so, locked for life (H37, H39).
//!
//! Records that come at once are written and synced together (`commit`). What cannot be written whole is cut off again, so that the file
//! always ends in a whole line; after a failed sync nothing is promised any more and every further record is refused until a restart.
//! Frequent events are counted in memory and written now and then.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::chain::{self, Head};
use super::commit::{Commits, Record};
use super::event::Event;
use super::tail::LinesBackward;
use crate::base::disk;
use crate::base::host::{Clock, Stopwatch, lock};
use crate::base::time::rfc3339;

/// Why a record was not kept, or the file not opened.
#[derive(Clone, Debug)]
pub enum AuditError {
    /// The file cannot be opened or read.
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: Arc<io::Error>,
    },
    /// Another process has it.
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The record could not be written.
    Write(Arc<io::Error>),
    /// A sync failed, now or earlier; what the file holds is uncertain.
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
            Self::Open { cause, .. } | Self::Write(cause) => Some(&**cause),
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

/// Room for lines that is kept from one time to the next.
const MOST_ROOM: usize = 64 << 10;

/// How far back a record is looked for to go on from.
const MAX_SKIPPED: u64 = 100_000;

/// At most so many different frequent events of one type are counted apart; more are counted together. Each type has room of its
/// own, so that callers who are not let in cannot crowd out the names of those who are.
const MAX_COALESCED: usize = 64;

/// For so long a look at the file counts.
const TRUST: Duration = Duration::from_millis(10);

/// The audit file, open and locked; shared by all threads.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    identity: disk::Identity,
    clock: Clock,
    commits: Commits,
    /// For whoever writes.
    end: Mutex<End>,
    standing: Mutex<Standing>,
    /// For so long it is taken for granted that the file is where it was seen.
    trust: Duration,
    counted: Mutex<BTreeMap<Event, u64>>,
    /// For whoever writes what was counted, so that nobody else believes it written before it is.
    flushing: Mutex<()>,
}

/// Where the file goes on.
#[derive(Debug)]
struct End {
    file: File,
    length: u64,
    head: Head,
    /// Room for lines.
    lines: String,
}

/// What is known of the file without waiting for whoever writes.
#[derive(Clone, Copy, Debug)]
struct Standing {
    uncertain: bool,
    length: u64,
    /// Since it was last seen where it should be.
    seen: Option<Stopwatch>,
}

impl AuditLog {
    /// Opens or creates the file with mode 0600, locks it for as long as the value lives, and finds the chain's end.
    pub fn open(path: &Path, clock: Clock) -> Result<(Self, Opened), AuditError> {
        let failed = |cause| AuditError::Open { path: path.to_owned(), cause: Arc::new(cause) };
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
        let log = Self {
            path: path.to_owned(),
            identity,
            clock,
            commits: Commits::default(),
            end: Mutex::new(End { file, length, head, lines: String::new() }),
            standing: Mutex::new(Standing { uncertain: false, length, seen: None }),
            trust: TRUST,
            counted: Mutex::default(),
            flushing: Mutex::default(),
        };
        Ok((log, Opened { torn, skipped }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record and returns when it is on disk.
    pub fn record(&self, event: &Event) -> Result<(), AuditError> {
        self.commit([event.to_json()])
    }

    /// Counts a frequent event; it is written by the next [`AuditLog::flush`], not at once.
    pub fn count(&self, event: Event) {
        count(&mut lock(&self.counted), event, 1);
    }

    /// Writes what was counted, and returns where the chain stands when that is on disk.
    pub fn flush(&self) -> Result<Head, AuditError> {
        let _flushing = lock(&self.flushing);
        let counted = std::mem::take(&mut *lock(&self.counted));
        let summed = |(event, count): (&Event, &u64)| Event { count: (*count > 1).then_some(*count), ..event.clone() };
        let records: Vec<String> = counted.iter().map(summed).map(|event| event.to_json()).collect();
        if !records.is_empty()
            && let Err(error) = self.commit(records)
        {
            let mut all = lock(&self.counted);
            counted.into_iter().for_each(|(event, times)| count(&mut all, event, times));
            return Err(error);
        }
        // Held while somebody writes, so what it says is on disk.
        let head = lock(&self.end).head.clone();
        if self.is_uncertain() { Err(AuditError::Uncertain) } else { Ok(head) }
    }

    /// Whether records can be kept, as far as is known without writing one.
    pub fn is_sound(&self) -> bool {
        let standing = *lock(&self.standing);
        let is_fresh = standing.seen.is_some_and(|seen| seen.elapsed() < self.trust);
        !self.is_uncertain() && (is_fresh || self.found(standing.length).is_some())
    }

    /// Whether nobody knows what the file holds: after a sync that failed, or a panic in the middle of writing.
    fn is_uncertain(&self) -> bool {
        self.end.is_poisoned() || lock(&self.standing).uncertain
    }

    /// How long the file is, if it is still where it was and as long as it was at least: a record in a file that nobody can find, or
    /// behind a gap, is not kept (H37).
    fn found(&self, length: u64) -> Option<u64> {
        self.identity.length_at(&self.path).filter(|found| *found >= length)
    }

    /// As after a sync that failed.
    #[cfg(test)]
    pub(crate) fn break_for_tests(&self) {
        lock(&self.standing).uncertain = true;
    }

    fn commit(&self, records: impl IntoIterator<Item = String>) -> Result<(), AuditError> {
        self.commits.commit(records, &self.clock, |records| self.append(&records))
    }

    /// Puts records behind the chain's end, all or none, and returns when they are on disk. What somebody else has put there stays, and is
    /// a line of its own.
    fn append(&self, records: &[Record]) -> Result<(), AuditError> {
        let mut end = lock(&self.end);
        if self.is_uncertain() {
            return Err(AuditError::Uncertain);
        }
        let end = &mut *end;
        let seen = Some(Stopwatch::start());
        let Some(start) = self.found(end.length) else {
            lock(&self.standing).seen = None;
            return Err(AuditError::Gone { path: self.path.clone() });
        };
        end.lines.clear();
        if start > end.length && !ends_a_line(&end.file, start).map_err(failed_write)? {
            end.lines.push('\n');
        }
        let mut head = end.head.clone();
        for record in records {
            chain::seal(&mut end.lines, &rfc3339(record.at), &record.json, &mut head);
        }
        if let Err(error) = end.file.write_all(end.lines.as_bytes()) {
            // A disk that filled up may have taken a part of it.
            lock(&self.standing).uncertain = end.file.set_len(start).is_err();
            return Err(failed_write(error));
        }
        let uncertain = end.file.sync_data().is_err();
        (end.length, end.head) = (start + end.lines.len() as u64, head);
        end.lines.shrink_to(MOST_ROOM);
        *lock(&self.standing) = Standing { uncertain, length: end.length, seen };
        if uncertain { Err(AuditError::Uncertain) } else { Ok(()) }
    }
}

fn failed_write(error: io::Error) -> AuditError {
    AuditError::Write(Arc::new(error))
}

/// Whether the last of so many bytes is a newline.
fn ends_a_line(mut file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Adds to what was counted.
fn count(counted: &mut BTreeMap<Event, u64>, event: Event, times: u64) {
    let alike = |known: &&Event| known.event_type == event.event_type;
    let known = counted.contains_key(&event) || counted.keys().filter(alike).count() < MAX_COALESCED;
    let key = if known { event } else { Event::new(event.event_type) };
    *counted.entry(key).or_insert(0) += times;
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
    use std::time::SystemTime;

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
        let (mut log, _) = open(&path);
        log.record(&started()).unwrap();
        assert!(log.is_sound());
        disk::remove(&path).unwrap();
        log.trust = Duration::ZERO;
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
    fn h37_what_somebody_else_appends_costs_no_record() {
        for foreign in ["note", "note\n", "one\ntwo"] {
            let path = scratch();
            let (log, _) = open(&path);
            log.record(&started()).unwrap();
            disk::open_append(&path).unwrap().write_all(foreign.as_bytes()).unwrap();
            assert!(log.is_sound(), "{foreign:?}");
            log.record(&started()).unwrap();
            log.record(&started()).unwrap();
            let text = String::from_utf8(disk::read(&path, 1 << 24).unwrap()).unwrap();
            let links: Vec<u64> =
                text.lines().filter_map(|line| chain::read_link(line.as_bytes())).map(|link| link.head.seq).collect();
            assert_eq!(links, [1, 2, 3], "{foreign:?}");
        }
    }

    #[test]
    fn a_flush_waits_for_what_another_one_has_begun() {
        let path = scratch();
        let (asked, asks) = std::sync::mpsc::channel();
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        let may_go = Mutex::new(may_go);
        let clock = Clock::from_fn(move || {
            // Only the first one waits; all the others find the channel closed.
            asked.send(()).ok();
            lock(&may_go).recv().ok();
            SystemTime::UNIX_EPOCH
        });
        let log = Arc::new(AuditLog::open(&path, clock).unwrap().0);
        log.count(started());
        let flush = |name| {
            let log = Arc::clone(&log);
            host::spawn(name, move || log.flush().unwrap().seq).unwrap()
        };
        let first = flush("first");
        asks.recv().unwrap();
        let second = flush("second");
        for _ in 0..10_000 {
            if second.is_finished() {
                break;
            }
            std::thread::yield_now();
        }
        drop(go);
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 1));
    }

    #[test]
    fn h37_what_a_failed_write_is_cut_back_to_holds_all_records() {
        let path = scratch();
        let (log, _) = open(&path);
        log.record(&started()).unwrap();
        disk::open_append(&path).unwrap().write_all(b"foreign\n").unwrap();
        log.record(&started()).unwrap();
        assert_eq!(lock(&log.end).length, disk::read(&path, 1 << 24).unwrap().len() as u64);
    }

    #[test]
    fn after_a_panic_in_the_middle_of_writing_nothing_is_promised() {
        let (log, _) = open(&scratch());
        let panics = || log.commit(["no object".to_owned()]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert!(!log.is_sound());
        assert!(matches!(log.record(&started()), Err(AuditError::Uncertain)));
        assert!(matches!(log.flush(), Err(AuditError::Uncertain)));
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
        lock(&log.end).file = disk::open(&path).unwrap();
        assert!(matches!(log.record(&started()), Err(AuditError::Write(_))));
        assert_eq!(verify(&path), (1, None));
        assert!(matches!(AuditLog::open(Path::new("/dev/null"), Clock::system()), Err(AuditError::Open { .. })));
    }
}
