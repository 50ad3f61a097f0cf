//! The audit trail: one writer, records durable when it says so, locked for life (H37, H39).
//!
//! Records that come at once are written and made durable together (`commit`, `journal`). What cannot be written whole is cut off again,
//! so that the file always ends in a whole line; after a failed sync nothing is promised any more and every further record is refused
//! until a restart. A file that is large or old enough is closed and another one begun (`segments`). Frequent events are counted in
//! memory and written now and then.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::chain::{self, Head};
use super::commit::{Commits, Outcomes, Record};
use super::ends::{ends_a_line, set_torn_end_aside};
use super::error::AuditError;
use super::event::Event;
use super::journal::{self, Restored};
use super::room::Room;
use super::segments::{self, Entry, Fate, Manifest};
use super::written::{End, Unwritten, put_behind};
use crate::base::disk;
use crate::base::host::{Clock, Stopwatch, lock};
use crate::base::pace::Pace;
use crate::base::time::rfc3339;

/// When files are closed, and when closed ones are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A file that is so long is closed.
    pub file_bytes: u64,
    /// A file whose first record is so old is closed.
    pub file_age: Option<Duration>,
    /// Closed files whose last record is older go; without it and the next one all are kept.
    pub keep_for: Option<Duration>,
    /// While closed files are longer together, the oldest goes.
    pub keep_bytes: Option<u64>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { file_bytes: 64 << 20, file_age: None, keep_for: None, keep_bytes: None }
    }
}

/// What was found when the trail was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Where a torn last line was put.
    pub torn: Option<PathBuf>,
    /// How many records the file lacked after the machine went down; they were put back.
    pub put_back: u64,
    /// Where that was put which stood in their place.
    pub replaced: Option<PathBuf>,
    /// Where records were put that do not go on from what the file holds: it was cut or replaced after a crash.
    pub unfit: Option<PathBuf>,
    /// Lines at the end that are no records of the chain; it goes on from the one before them.
    pub skipped: u64,
}

/// What [`AuditLog::tend`] has done.
#[derive(Debug)]
pub enum Upkeep {
    /// A file is complete, and in the manifest.
    Closed(Entry),
    /// A file was old enough to go.
    Removed(Entry),
    /// Something did not work; it is tried again.
    Failed(AuditError),
}

/// Room for lines that is kept from one time to the next.
const MOST_ROOM: usize = 64 << 10;

/// At most so many different frequent events of one type are counted apart; more are counted together. Each type has room of its
/// own, so that callers who are not let in cannot crowd out the names of those who are.
const MAX_COALESCED: usize = 64;

/// For so long a look at the file counts.
const TRUST: Duration = Duration::from_millis(10);

/// Whether this build only shows, in a benchmark, what the trail costs.
pub const WRITES_NOTHING: bool = cfg!(feature = "measure-without-audit");

/// Closed files are looked at this often, besides whenever one is closed: what they hold is read through for the manifest, and on a full disk
/// that may not get anywhere.
const TENDED: Duration = Duration::from_secs(60);

/// A file that could not be closed grows by so much before that is tried again.
const NEXT_TRY: u64 = 1 << 20;

/// The audit trail, open and locked; shared by all threads.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    rotation: Rotation,
    clock: Clock,
    /// Whether a file is in memory, where a journal is of no use.
    is_in_memory: fn(&File) -> bool,
    /// Held for life; the file that is written is locked too, but changes.
    _lock: disk::Lock,
    commits: Commits,
    room: Room,
    /// Whether whoever writes is one of those that have records, not the thread that writes for others.
    is_led: AtomicBool,
    /// Whether there was none when some was wanted last.
    full: AtomicBool,
    /// For whoever writes.
    end: Mutex<End>,
    standing: Mutex<Standing>,
    /// For whoever waits for records.
    grown: Condvar,
    /// For whoever only lets time go by until there are more.
    over: Condvar,
    /// For so long it is taken for granted that the file is where it was seen.
    trust: Duration,
    counted: Mutex<BTreeMap<Event, u64>>,
    /// For whoever writes what was counted, so that nobody else believes it written before it is.
    flushing: Mutex<()>,
    /// For whoever tends.
    manifest: Mutex<Manifest>,
    /// Whether a file was closed since closed files were looked at.
    untended: AtomicBool,
    /// How often they are looked at besides.
    tended: Pace,
    /// Why a file could not be closed, or its journal not be written, until somebody is told.
    trouble: Mutex<Option<AuditError>>,
}

/// What is known of the file without waiting for whoever writes.
#[derive(Clone, Copy, Debug)]
struct Standing {
    uncertain: bool,
    identity: disk::Identity,
    length: u64,
    /// Since it was last seen where it should be.
    seen: Option<Stopwatch>,
    /// Number of the last record.
    seq: u64,
    /// Whether anybody may wait for records.
    following: bool,
    /// Whether the end has come.
    closed: bool,
}

/// Room for one record, held until it is written or not needed any more.
#[derive(Debug)]
pub struct Promise {
    log: Arc<AuditLog>,
    bytes: u64,
}

impl Promise {
    /// As [`AuditLog::record`], on a disk that may be full by now.
    pub fn record(self, event: &Event) -> Result<(), AuditError> {
        if WRITES_NOTHING {
            return Ok(());
        }
        let json = event.to_json();
        let fits = chain::sealed_length(json.len()) <= self.bytes;
        self.log.commit([json], fits)
    }

    /// As [`Promise::record`], for whoever does not wait: `then` is told how it went, from some thread, and must not block.
    pub fn record_then(self, event: Event, then: impl FnOnce(Event, Result<(), AuditError>) + Send + 'static) {
        if WRITES_NOTHING {
            return then(event, Ok(()));
        }
        let json = event.to_json();
        let fits = chain::sealed_length(json.len()) <= self.bytes;
        let log = Arc::clone(&self.log);
        // The room is kept until the record is in it.
        let then = Box::new(move |kept| {
            drop(self);
            then(event, kept);
        });
        log.commits.commit_then(json, fits, &log.clock, |records| log.lead(records), then);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if WRITES_NOTHING {
            return;
        }
        self.log.commits.is_settled();
        self.log.room.give_back(self.bytes);
    }
}

/// Room that is kept while records are written that nobody was promised any for.
struct Claim<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

impl AuditLog {
    /// Opens or creates the trail with mode 0600, locks it for as long as the value lives, and finds the chain's end.
    pub fn open(path: &Path, rotation: Rotation, clock: Clock) -> Result<(Self, Opened), AuditError> {
        Self::open_on(path, rotation, clock, disk::is_in_memory)
    }

    /// The same, where `is_in_memory` says whether a file is.
    pub(super) fn open_on(
        path: &Path,
        rotation: Rotation,
        clock: Clock,
        is_in_memory: fn(&File) -> bool,
    ) -> Result<(Self, Opened), AuditError> {
        let failed = |cause| AuditError::Open { path: path.to_owned(), cause: Arc::new(cause) };
        let locked = || AuditError::Locked { path: path.to_owned() };
        let guard = disk::Lock::try_take(&segments::beside(path, ".lock")).map_err(failed)?.ok_or_else(locked)?;
        let file = disk::open_append(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked()),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        disk::make_private(&file).map_err(failed)?;
        let journal = journal::path(path);
        let failed_journal = |cause| AuditError::Open { path: journal.clone(), cause: Arc::new(cause) };
        let manifest = Manifest::read(path).map_err(failed)?;
        let closed = || End::of_closed(path, &manifest);
        let restored = journal::restore(&file, path, closed, &clock).map_err(failed_journal)?;
        let torn = set_torn_end_aside(&file, path, &clock).map_err(failed)?;
        // What a process that was killed has left may be in memory alone.
        file.sync_all().map_err(failed)?;
        disk::remove(&next_path(path)).map_err(failed)?;
        let (mut end, skipped) = End::find(file, closed, rotation).map_err(failed)?;
        end.open_journal(path, is_in_memory).map_err(failed_journal)?;
        if let Some(parent) = path.parent() {
            disk::sync_directory(parent).map_err(failed)?;
        }
        let standing = Standing {
            uncertain: false,
            identity: end.identity,
            length: end.length,
            seen: None,
            seq: end.head.seq,
            following: true,
            closed: false,
        };
        let log = Self {
            path: path.to_owned(),
            rotation,
            clock,
            is_in_memory,
            _lock: guard,
            commits: Commits::default(),
            room: Room::new(Arc::clone(&end.file), end.length),
            is_led: AtomicBool::new(false),
            full: AtomicBool::new(false),
            standing: Mutex::new(standing),
            grown: Condvar::new(),
            over: Condvar::new(),
            end: Mutex::new(end),
            trust: TRUST,
            counted: Mutex::default(),
            flushing: Mutex::default(),
            manifest: Mutex::new(manifest),
            untended: AtomicBool::new(true),
            tended: Pace::new(TENDED),
            trouble: Mutex::default(),
        };
        let Restored { records: put_back, aside: replaced, unfit } = restored;
        Ok((log, Opened { torn, put_back, replaced, unfit, skipped }))
    }

    /// How many of those that have records wait for the disk at present.
    pub fn waiting(&self) -> usize {
        self.commits.asleep() + usize::from(self.is_led.load(Ordering::Relaxed))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record and returns when it is on disk.
    pub fn record(&self, event: &Event) -> Result<(), AuditError> {
        if WRITES_NOTHING {
            return Ok(());
        }
        self.commit([event.to_json()], false)
    }

    /// Keeps room for the record of an outcome, so that it can be written although the disk fills up meanwhile. An error says that
    /// records cannot be kept at the moment, as far as is known without writing one.
    pub fn promise(self: &Arc<Self>, event: &Event) -> Result<Promise, AuditError> {
        if WRITES_NOTHING {
            return Ok(Promise { log: Arc::clone(self), bytes: 0 });
        }
        self.check()?;
        let bytes = chain::sealed_length(event.most_bytes());
        self.found_room(self.room.promise(bytes))?;
        self.commits.expect();
        Ok(Promise { log: Arc::clone(self), bytes })
    }

    /// Whether records can be kept, as far as is known without writing one; whether there is room for them is what the last one found.
    pub fn is_sound(&self) -> bool {
        self.check().is_ok() && !self.full.load(Ordering::Relaxed)
    }

    /// Notes whether there was room.
    fn found_room(&self, outcome: io::Result<()>) -> Result<(), AuditError> {
        self.full.store(outcome.is_err(), Ordering::Relaxed);
        outcome.map_err(failed_write)
    }

    fn check(&self) -> Result<(), AuditError> {
        let standing = self.open_standing()?;
        let is_fresh = standing.seen.is_some_and(|seen| seen.elapsed() < self.trust);
        if is_fresh || self.found(standing.identity, standing.length).is_some() {
            return Ok(());
        }
        // Another file may take the place of this one just now: who writes knows which it is, and is waited for.
        let end = lock(&self.end);
        let found = self.found(end.identity, end.length);
        found.map(drop).ok_or_else(|| AuditError::Gone { path: self.path.clone() })
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
            && let Err(error) = self.commit(records, false)
        {
            let mut all = lock(&self.counted);
            counted.into_iter().for_each(|(event, times)| count(&mut all, event, times));
            return Err(error);
        }
        // Held while somebody writes, so what it says is on disk.
        let head = lock(&self.end).head.clone();
        self.open_standing().map(|_| head)
    }

    /// Takes no more records; where the chain stands. What was counted is to be written before. An error says that the file does not hold
    /// all of it; then the journal stays as it is, for the next start.
    pub fn close(&self) -> Result<Head, AuditError> {
        // Held while somebody writes, so that what it says is the end.
        let mut end = lock(&self.end);
        let standing = self.open_standing();
        lock(&self.standing).closed = true;
        self.commits.end();
        standing?;
        end.file.sync_data().map_err(failed_write)?;
        if !self.is_whole(&end).map_err(failed_write)? {
            return Err(AuditError::Gone { path: self.path.clone() });
        }
        // Should it fail, the next start finds in the journal what the file holds too.
        end.leave_journal(&self.path).ok();
        Ok(end.head.clone())
    }

    /// Whether the file is still where it was, and holds what the journal does.
    fn is_whole(&self, end: &End) -> io::Result<bool> {
        let is_there = self.found(end.identity, end.length).is_some();
        let closed = || End::of_closed(&self.path, &lock(&self.manifest));
        Ok(is_there && (end.journal.is_none() || journal::is_in(&end.file, &self.path, closed)?))
    }

    /// Lets everybody go who waits for records, now and later.
    pub fn end_following(&self) {
        lock(&self.standing).following = false;
        self.grown.notify_all();
        self.over.notify_all();
    }

    /// Number of the last record that is on disk.
    pub fn last(&self) -> u64 {
        lock(&self.standing).seq
    }

    /// Waits until there is a record with a greater number, but not longer than `most`. `None` when there is nothing to wait for any
    /// more.
    pub fn wait_beyond(&self, seq: u64, most: Duration) -> Option<bool> {
        let waits = |standing: &mut Standing| standing.seq <= seq && standing.following;
        let waited = self.grown.wait_timeout_while(lock(&self.standing), most, waits);
        let (standing, _) = waited.unwrap_or_else(PoisonError::into_inner);
        standing.following.then_some(standing.seq > seq)
    }

    /// Lets this much time go by, so that more records come together; less when nobody may wait any more.
    pub fn gather(&self, span: Duration) {
        let waited = self.over.wait_timeout_while(lock(&self.standing), span, |standing| standing.following);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Closes a file that has grown too old, brings the manifest up to date, removes closed files that need not be kept. To be called
    /// now and then.
    pub fn tend(&self) -> Vec<Upkeep> {
        let mut done = Vec::new();
        self.close_when_old();
        done.extend(lock(&self.trouble).take().map(Upkeep::Failed));
        let due = self.untended.swap(false, Ordering::SeqCst) || self.tended.take(self.clock.now());
        if due && let Err(error) = self.tend_closed(&mut done) {
            done.push(Upkeep::Failed(failed_write(error)));
        }
        done
    }

    fn close_when_old(&self) {
        let mut end = lock(&self.end);
        let now = self.clock.now();
        if self.open_standing().is_ok() && end.is_old(self.rotation.file_age, now) {
            self.close_file(&mut end);
        }
    }

    fn tend_closed(&self, done: &mut Vec<Upkeep>) -> io::Result<()> {
        let mut manifest = lock(&self.manifest);
        let (path, now) = (&self.path, self.clock.now());
        let files = segments::closed(path)?;
        let (closed, removed) = (manifest.names(Fate::Closed), manifest.names(Fate::Removed));
        for file in &files {
            let name = file.name();
            if removed.contains(&name) {
                // A crash came between the line and the removal.
                disk::remove(&file.path)?;
            } else if !closed.contains(&name)
                && let Some(entry) = segments::describe(file)?
            {
                manifest.add(path, now, entry.clone())?;
                done.push(Upkeep::Closed(entry));
            }
        }
        let older_than = self.rotation.keep_for.and_then(|age| now.checked_sub(age)).map(rfc3339);
        for file in segments::outdated(&files, &manifest, older_than.as_deref(), self.rotation.keep_bytes) {
            if removed.contains(&file.name()) {
                continue;
            }
            let Some(entry) = manifest.entry(&file.name(), Fate::Closed).cloned() else { continue };
            let entry = Entry { event: Fate::Removed, ..entry };
            // First the line, so that nobody wonders where the file is.
            manifest.add(path, now, entry.clone())?;
            disk::remove(&file.path)?;
            done.push(Upkeep::Removed(entry));
        }
        Ok(())
    }

    /// What is known of the file, if records can be written at all. Nobody knows what it holds after a sync that failed, or a panic in the
    /// middle of writing.
    fn open_standing(&self) -> Result<Standing, AuditError> {
        let standing = *lock(&self.standing);
        match standing {
            Standing { closed: true, .. } => Err(AuditError::Closed),
            Standing { uncertain: true, .. } => Err(AuditError::Uncertain),
            _ if self.end.is_poisoned() => Err(AuditError::Uncertain),
            standing => Ok(standing),
        }
    }

    /// How long the file is, if it is still where it was and as long as it was at least: a record in a file that nobody can find, or
    /// behind a gap, is not kept (H37).
    fn found(&self, identity: disk::Identity, length: u64) -> Option<u64> {
        identity.length_at(&self.path).filter(|found| *found >= length)
    }

    /// As after a sync that failed.
    #[cfg(test)]
    pub(crate) fn break_for_tests(&self) {
        lock(&self.standing).uncertain = true;
    }

    /// Nothing can be written into the journal any more.
    #[cfg(test)]
    pub(super) fn break_journal_for_tests(&self) {
        if let Some(journal) = &mut lock(&self.end).journal {
            journal.break_for_tests(&self.path);
        }
    }

    fn commit(&self, records: impl IntoIterator<Item = String>, promised: bool) -> Result<(), AuditError> {
        self.commits.commit(records, promised, &self.clock, |records| self.lead(records))
    }

    /// Writes records that nobody waits for ([`Promise::record_then`]) until [`AuditLog::close`]; for a thread of its own.
    pub fn write_for_others(&self) {
        self.commits.write_for_others(|records| self.write(records));
    }

    /// As [`AuditLog::write`], for a thread that others may want to have back.
    fn lead(&self, records: Vec<Record>) -> Outcomes {
        self.is_led.store(true, Ordering::Relaxed);
        let outcomes = self.write(records);
        self.is_led.store(false, Ordering::Relaxed);
        outcomes
    }

    fn write(&self, records: Vec<Record>) -> Outcomes {
        self.append(records).unwrap_or_else(|error| Outcomes::all(Err(error)))
    }

    /// Puts records behind the chain's end, all or none but for those that find no room, and returns when they are on disk. What somebody
    /// else has put there stays, and is a line of its own.
    fn append(&self, mut records: Vec<Record>) -> Result<Outcomes, AuditError> {
        let mut end = lock(&self.end);
        let mut seen = self.open_standing()?.seen;
        let mut start = end.length;
        // Whoever was promised room has looked at the file; where it ends is seen when it is written.
        let is_known =
            records.iter().all(|record| record.promised) && seen.is_some_and(|seen| seen.elapsed() < self.trust);
        if !is_known {
            seen = Some(Stopwatch::start());
            let Some(found) = self.found(end.identity, end.length) else {
                lock(&self.standing).seen = None;
                return Err(AuditError::Gone { path: self.path.clone() });
            };
            start = found;
        }
        if start >= end.close_at {
            start = if self.close_file(&mut end) { 0 } else { start };
            // It may have turned out that nothing can be promised any more.
            self.open_standing()?;
        }
        let end = &mut *end;
        // Kept until the end has moved, so that nobody else is promised the same room.
        let (others, _kept) = match self.make_room(&records) {
            Ok(kept) => (Ok(()), Some(kept)),
            Err(error) => {
                records.retain(|record| record.promised);
                (Err(error), None)
            }
        };
        end.lines.clear();
        if start > end.length && !ends_a_line(&end.file, start).map_err(failed_write)? {
            end.lines.push('\n');
        }
        let mut head = end.head.clone();
        for record in &records {
            chain::seal(&mut end.lines, &rfc3339(record.at), &record.json, &mut head);
        }
        let Some(first) = records.first() else { return Ok(Outcomes { promised: Ok(()), others }) };
        let written = put_behind(&end.file, start, &end.lines);
        let length = match written {
            Ok(length) => length,
            Err(Unwritten { error, is_whole }) => {
                lock(&self.standing).uncertain = !is_whole;
                self.room.ends_at(start, true);
                return Err(failed_write(error));
            }
        };
        let durable = end.make_durable(&self.path);
        let uncertain = durable.is_err();
        if let Ok(Some(error)) = durable {
            *lock(&self.trouble) = Some(failed_write(error));
        }
        end.first.get_or_insert((end.head.seq + 1, first.at));
        (end.length, end.head) = (length, head);
        end.lines.shrink_to(MOST_ROOM);
        self.room.ends_at(end.length, false);
        let mut standing = lock(&self.standing);
        (standing.uncertain, standing.length) = (uncertain, end.length);
        (standing.seen, standing.seq) = (seen, end.head.seq);
        drop(standing);
        self.grown.notify_all();
        if uncertain { Err(AuditError::Uncertain) } else { Ok(Outcomes { promised: Ok(()), others }) }
    }

    /// For the records that nobody was promised room for.
    fn make_room(&self, records: &[Record]) -> Result<Claim<'_>, AuditError> {
        let others = records.iter().filter(|record| !record.promised);
        let bytes: u64 = others.map(|record| chain::sealed_length(record.json.len())).sum();
        if bytes > 0 {
            self.found_room(self.room.promise(bytes))?;
        }
        Ok(Claim { room: &self.room, bytes })
    }

    /// Whether another file was begun; when that did not work, the present one goes on for a while.
    fn close_file(&self, end: &mut End) -> bool {
        match self.try_close(end) {
            Ok(()) => true,
            Err(error) => {
                end.close_at = end.length.max(end.close_at) + NEXT_TRY;
                *lock(&self.trouble) = Some(failed_write(error));
                false
            }
        }
    }

    fn try_close(&self, end: &mut End) -> io::Result<()> {
        let first = end.first.map_or(end.head.seq + 1, |(number, _)| number);
        let (next, closed) = (next_path(&self.path), segments::closed_path(&self.path, first));
        if disk::exists(&closed) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is in the way", closed.display())));
        }
        disk::remove(&next)?;
        end.file.sync_data().inspect_err(|_| lock(&self.standing).uncertain = true)?;
        end.leave_journal(&self.path)?;
        let file = Arc::new(disk::open_append(&next)?);
        file.try_lock().map_err(io::Error::from)?;
        let identity = disk::Identity::of(&file)?;
        self.room.move_to(Arc::clone(&file), || {
            disk::rename(&self.path, &closed)?;
            disk::rename(&next, &self.path).inspect_err(|_| {
                // Back to where it was; if that fails too, the next record says that the file is gone.
                disk::rename(&closed, &self.path).ok();
            })
        })?;
        // What was reserved behind its end is given back; should that fail, the file takes a little more of the disk.
        end.file.metadata().and_then(|about| end.file.set_len(about.len())).ok();
        (end.file, end.identity, end.length, end.first) = (file, identity, 0, None);
        end.close_at = self.rotation.file_bytes;
        if end.journal.is_none()
            && let Err(error) = end.open_journal(&self.path, self.is_in_memory)
        {
            *lock(&self.trouble) = Some(failed_write(error));
        }
        self.untended.store(true, Ordering::SeqCst);
        let mut standing = lock(&self.standing);
        (standing.identity, standing.length, standing.seen) = (identity, 0, None);
        drop(standing);
        // A crash that loses the names loses no record: the next start finds the files under the old ones or the new.
        if let Err(error) = self.path.parent().map_or(Ok(()), disk::sync_directory) {
            *lock(&self.trouble) = Some(failed_write(error));
            // Syncing the file itself makes its name durable as well.
            end.give_up_journal(&self.path).ok();
        }
        Ok(())
    }
}

/// Where the next file is made before it takes the place of the present one.
fn next_path(path: &Path) -> PathBuf {
    segments::beside(path, ".next")
}

fn failed_write(error: io::Error) -> AuditError {
    AuditError::Write(Arc::new(error))
}

/// Adds to what was counted.
fn count(counted: &mut BTreeMap<Event, u64>, event: Event, times: u64) {
    let alike = |known: &&Event| known.event_type == event.event_type;
    let known = counted.contains_key(&event) || counted.keys().filter(alike).count() < MAX_COALESCED;
    let key = if known { event } else { Event::new(event.event_type) };
    *counted.entry(key).or_insert(0) += times;
}

#[cfg(test)]
mod tests;
