//! The journal: the newest lines of the trail once more, in a file that keeps its length and its place on the disk.
//!
//! Key type: [`Journal`]. A file that grows is durable only once the file system has noted its new length and place as well, which
//! takes several writes one after the other; what is written over takes one. So lines are appended to the trail as ever and made
//! durable here, which is quicker. The trail itself is synced when the journal is full, before a file is closed, and at the end. Should
//! the machine go down in between, the next start puts back what the trail lacks ([`restore`]).
//!
//! Each write is a frame of whole blocks: a line of JSON that says which lines follow and where they stand in the trail, those lines, and
//! newlines up to the end of the block. No block that counts is written twice. Frames count from the front as long as they are of one round.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chain;
use super::ends::{ends_a_line, last_link, set_aside};
use super::segments;
use crate::base::host::{self, Clock};
use crate::base::{digest, disk};

/// Its length. A frame takes a block at least, so that a caller alone fills it with 256 records; many at once with some thousand.
const SIZE: usize = 1 << 20;

/// What a disk writes whole or not at all is no larger.
const BLOCK: usize = 4096;

/// Room for a frame that is kept from one time to the next.
const MOST_ROOM: usize = 64 << 10;

/// The journal's path beside the trail's.
pub(super) fn path(log: &Path) -> PathBuf {
    segments::beside(log, ".journal")
}

/// What a frame says of its lines.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    /// Frames of one round follow each other from the front on.
    round: String,
    /// Where the lines begin in the trail's file.
    at: u64,
    /// Their length.
    bytes: u64,
    /// SHA-256 over all of it.
    check: String,
}

impl Label {
    fn of(round: &str, at: u64, lines: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(format!("{round} {at} "));
        hasher.update(lines);
        let check = digest::hex(&hasher.finalize());
        Self { round: round.to_owned(), at, bytes: lines.len() as u64, check }
    }
}

/// Lines that were made durable, and where they stand in the trail's file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    at: u64,
    pub(crate) lines: &'a [u8],
}

/// Puts lines and what is said of them into `frame`, in whole blocks.
fn seal(round: &str, at: u64, lines: &str, frame: &mut Vec<u8>) {
    frame.clear();
    let label = serde_json::to_string(&Label::of(round, at, lines.as_bytes())).unwrap_or_default();
    for part in [label.as_str(), "\n", lines] {
        frame.extend_from_slice(part.as_bytes());
    }
    frame.resize(frame.len().next_multiple_of(BLOCK), b'\n');
}

/// The frames that count, in their order.
pub(crate) fn frames(journal: &[u8]) -> Vec<Frame<'_>> {
    let (mut found, mut place, mut round) = (Vec::new(), 0, None);
    while let Some((label, frame, length)) = journal.get(place..).and_then(frame) {
        if *round.get_or_insert_with(|| label.round.clone()) != label.round {
            break;
        }
        found.push(frame);
        place += length;
    }
    found
}

/// The frame at the front, and its length.
fn frame(journal: &[u8]) -> Option<(Label, Frame<'_>, usize)> {
    let first = &journal[..journal.len().min(BLOCK)];
    let end = first.iter().position(|byte| *byte == b'\n')?;
    let label: Label = serde_json::from_slice(&first[..end]).ok()?;
    let after = end.checked_add(1)?.checked_add(usize::try_from(label.bytes).ok()?)?;
    let lines = journal.get(end + 1..after)?;
    let is_whole = Label::of(&label.round, label.at, lines).check == label.check;
    let frame = Frame { at: label.at, lines };
    is_whole.then(|| (label, frame, after.next_multiple_of(BLOCK)))
}

/// What became of the frames of a run before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Restored {
    /// How many lines the trail lacked; they are in it now.
    pub(super) records: u64,
    /// Where that was put which stood in their place.
    pub(super) aside: Option<PathBuf>,
    /// Where the journal was put whose lines do not go on from what the trail holds.
    pub(super) unfit: Option<PathBuf>,
}

/// Puts back into the trail's file, open for appending, what the journal holds and it lacks, and makes the file durable.
pub(super) fn restore(log: &File, log_path: &Path, clock: &Clock) -> io::Result<Restored> {
    let path = path(log_path);
    let Some(text) = disk::read_regular_if_there(&path, SIZE)? else { return Ok(Restored::default()) };
    let frames = frames(&text);
    let mut restored = Restored::default();
    let mut standing = 0;
    while standing < frames.len() && stands(log, &frames[standing])? {
        standing += 1;
    }
    if standing < frames.len() && !fits(log, &frames, standing)? {
        let unfit = segments::stamped(&path, "", clock);
        disk::rename(&path, &unfit)?;
        restored.unfit = Some(unfit);
    } else if standing < frames.len() {
        (restored.records, restored.aside) = put_back(log, log_path, &frames[standing..], clock)?;
    }
    if restored.unfit.is_none() && !frames.is_empty() {
        write_again(log_path, &frames[..standing])?;
    }
    Ok(restored)
}

/// When the system failed to write a piece of a file, it shows it to readers all the same as long as it has it in memory; so what is
/// there is written once more.
fn write_again(log_path: &Path, standing: &[Frame<'_>]) -> io::Result<()> {
    let mut log = disk::open_in_place(log_path)?;
    for frame in standing {
        log.seek(SeekFrom::Start(frame.at))?;
        log.write_all(frame.lines)?;
    }
    log.sync_data()
}

/// Whether the trail's file holds these lines where they should be.
fn stands(mut log: &File, frame: &Frame<'_>) -> io::Result<bool> {
    log.seek(SeekFrom::Start(frame.at))?;
    let mut there = Vec::with_capacity(frame.lines.len());
    log.take(frame.lines.len() as u64).read_to_end(&mut there)?;
    Ok(there == frame.lines)
}

/// Whether the trail is the one that these frames are of: it ends in one of their records or the one before, and lacks nothing that was
/// durable before the journal began anew. The frames before `missing` stand where they should.
fn fits(log: &File, frames: &[Frame<'_>], missing: usize) -> io::Result<bool> {
    let Some(first) = frames.first() else { return Ok(false) };
    let length = log.metadata()?.len();
    if missing == 0 && first.at > 0 && (length < first.at || !ends_a_line(log, first.at)?) {
        return Ok(false);
    }
    let Some(last) = last_link(log, length)? else { return Ok(first.at == 0) };
    let lines = frames.iter().flat_map(|frame| frame.lines.split(|byte| *byte == b'\n'));
    let is_one = |link: chain::Link| link.head == last || link.follows(&last);
    Ok(lines.filter_map(chain::read_link).any(is_one))
}

/// Sets aside what stands from the first of these frames on, and appends their lines; how many there are.
fn put_back(
    mut log: &File,
    log_path: &Path,
    frames: &[Frame<'_>],
    clock: &Clock,
) -> io::Result<(u64, Option<PathBuf>)> {
    let length = log.metadata()?.len();
    let from = frames.first().map_or(length, |frame| frame.at.min(length));
    let aside = if from < length { Some(set_aside(log, log_path, from, clock)?) } else { None };
    // Somebody else's line may have been before them, and be torn.
    let mut lines = if from > 0 && !ends_a_line(log, from)? { b"\n".to_vec() } else { Vec::new() };
    frames.iter().for_each(|frame| lines.extend_from_slice(frame.lines));
    log.write_all(&lines)?;
    log.sync_all()?;
    let records = frames.iter().flat_map(|frame| frame.lines).filter(|byte| **byte == b'\n').count() as u64;
    Ok((records, aside))
}

/// See the module. Whoever has it has locked the trail.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Names rounds that no other run has.
    run: String,
    number: u64,
    /// Where the next frame goes.
    end: usize,
    /// Whether no frame counts.
    is_blank: bool,
    /// Room for a frame.
    frame: Vec<u8>,
}

impl Journal {
    /// For a trail that is durable as it stands. `None` where there is no use or no room for one; then none is left of a run before either.
    pub(super) fn open(log: &Path) -> io::Result<Option<Self>> {
        let path = path(log);
        match Self::make(&path) {
            Ok(journal) => Ok(Some(journal)),
            Err(_) => disk::remove(&path).map(|()| None),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let file = disk::open_in_place(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        disk::make_private(&file)?;
        let run = host::random_id()?;
        let mut journal = Self { file, run, number: 0, end: 0, is_blank: false, frame: Vec::new() };
        if about.len() == SIZE as u64 {
            journal.clear()?;
        } else {
            // Not by setting its length: the disk would be asked for a place at the first write.
            journal.file.set_len(0)?;
            journal.put_at(0, &vec![b'\n'; SIZE])?;
            journal.file.sync_all()?;
            journal.is_blank = true;
        }
        Ok(journal)
    }

    /// Makes lines durable that stand at `at` in the trail's file; `false` when there is no room, and nothing was done.
    pub(super) fn put(&mut self, at: u64, lines: &str) -> io::Result<bool> {
        let mut frame = std::mem::take(&mut self.frame);
        seal(&format!("{}-{}", self.run, self.number), at, lines, &mut frame);
        let fits = self.end + frame.len() <= SIZE;
        if fits {
            self.is_blank = false;
            self.put_at(self.end as u64, &frame)?;
            self.file.sync_data()?;
            self.end += frame.len();
        }
        frame.shrink_to(MOST_ROOM);
        self.frame = frame;
        Ok(fits)
    }

    /// Begins at the front again: the trail is durable as it stands. Until something is put, the frames that are there still count.
    pub(super) fn begin_anew(&mut self) {
        (self.number, self.end) = (self.number + 1, 0);
    }

    /// Lets no frame count any more, since the trail is durable and another file takes its place.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if !self.is_blank {
            self.put_at(0, &[b'\n'; BLOCK])?;
            self.file.sync_data()?;
        }
        self.begin_anew();
        self.is_blank = true;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn break_for_tests(&mut self, log: &Path) {
        self.file = disk::open(&path(log)).unwrap();
    }

    fn put_at(&self, place: u64, bytes: &[u8]) -> io::Result<()> {
        (&self.file).seek(SeekFrom::Start(place))?;
        (&self.file).write_all(bytes)
    }
}

#[cfg(test)]
mod tests;
