//! The journal: the newest lines of the trail once more, in a file that keeps its length and its place on the disk.
//!
//! Key type: [`Journal`]. A file that grows is durable only once the file system has noted its new length and place as well, which
//! takes several writes one after the other; what is written over takes one. So lines are appended to the trail as ever and made
//! durable here, which is quicker. The trail itself is synced when the journal is full, before a file is closed, and at the end. Should
//! the machine go down in between, the next start puts back what the trail lacks ([`restore`]).
//!
//! Each write is a frame of whole blocks: a line of JSON that says how many bytes of lines follow, those lines, and newlines up to the end
//! of the block. No block that counts is written twice. Frames count from the front as long as they are of one round.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chain::{self, Head, Link};
use super::ends::{ends_a_line, last_link, set_aside};
use super::lines::{LinesForward, place_after};
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
    /// The length of the lines.
    bytes: u64,
    /// SHA-256 over all of it.
    check: String,
}

impl Label {
    fn of(round: &str, lines: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(round);
        hasher.update(b" ");
        hasher.update(lines);
        let check = digest::hex(&hasher.finalize());
        Self { round: round.to_owned(), bytes: lines.len() as u64, check }
    }
}

/// Puts lines and what is said of them into `frame`, in whole blocks.
fn seal(round: &str, lines: &str, frame: &mut Vec<u8>) {
    frame.clear();
    let label = serde_json::to_string(&Label::of(round, lines.as_bytes())).expect("texts and numbers are JSON");
    for part in [label.as_str(), "\n", lines] {
        frame.extend_from_slice(part.as_bytes());
    }
    frame.resize(frame.len().next_multiple_of(BLOCK), b'\n');
}

/// The lines of the frames that count, in their order.
pub(crate) fn frames(journal: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut place, mut round) = (Vec::new(), 0, None);
    while let Some((label, lines, length)) = journal.get(place..).and_then(frame) {
        if *round.get_or_insert_with(|| label.round.clone()) != label.round {
            break;
        }
        found.push(lines);
        place += length;
    }
    found
}

/// The lines of the frame at the front, and its length.
fn frame(journal: &[u8]) -> Option<(Label, &[u8], usize)> {
    let first = &journal[..journal.len().min(BLOCK)];
    let end = first.iter().position(|byte| *byte == b'\n')?;
    let label: Label = serde_json::from_slice(&first[..end]).ok()?;
    let after = end.checked_add(1)?.checked_add(usize::try_from(label.bytes).ok()?)?;
    let lines = journal.get(end + 1..after)?;
    let is_whole = Label::of(&label.round, lines).check == label.check;
    is_whole.then(|| (label, lines, after.next_multiple_of(BLOCK)))
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

/// Puts back into the trail's file, open for appending, what the journal holds and it lacks. `closed` tells where the chain stands before
/// the file. What is there stays where it is, unless it stands in the place of what is missing.
pub(super) fn restore(
    log: &File,
    log_path: &Path,
    closed: impl Fn() -> io::Result<Head>,
    clock: &Clock,
) -> io::Result<Restored> {
    let path = path(log_path);
    let Some(text) = disk::read_regular_if_there(&path, SIZE)? else { return Ok(Restored::default()) };
    let frames = frames(&text);
    let records = records(&frames);
    let mut restored = Restored::default();
    let Some(place) = place_before(log, &records)? else { return Ok(restored) };
    match lacking(log, place, closed, &records)? {
        Lacking::Nothing => {}
        Lacking::These(missing, from) => {
            restored.aside = put_back(log, log_path, missing, from, clock)?;
            restored.records = missing.len() as u64;
        }
        Lacking::Unknown => {
            let unfit = segments::stamped(&path, "", clock);
            disk::make_private(&disk::open(&path)?)?;
            disk::rename(&path, &unfit)?;
            restored.unfit = Some(unfit);
        }
    }
    write_again(log, log_path, place)?;
    Ok(restored)
}

/// Whether a trail's file holds all that its journal does.
pub(super) fn is_in(log: &File, log_path: &Path, closed: impl Fn() -> io::Result<Head>) -> io::Result<bool> {
    let text = disk::read_regular_if_there(&path(log_path), SIZE)?.unwrap_or_default();
    let frames = frames(&text);
    let records = records(&frames);
    let Some(place) = place_before(log, &records)? else { return Ok(true) };
    Ok(matches!(lacking(log, place, closed, &records)?, Lacking::Nothing))
}

/// Where the record before the first of these stands, or one behind it, or the end.
fn place_before(log: &File, records: &[Known<'_>]) -> io::Result<Option<u64>> {
    let Some((_, first)) = records.first() else { return Ok(None) };
    place_after(log, first.head.seq.saturating_sub(2), |line| Some(chain::read_link(line)?.head.seq)).map(Some)
}

/// A line without its newline, and its place in the chain.
type Known<'a> = (&'a [u8], Link);

/// The records of these frames, each of which follows the one before.
fn records<'a>(frames: &[&'a [u8]]) -> Vec<Known<'a>> {
    let mut records: Vec<Known<'a>> = Vec::new();
    for line in frames.iter().flat_map(|frame| frame.split(|byte| *byte == b'\n')) {
        let Some(link) = chain::read_link(line) else { continue };
        if records.last().is_some_and(|(_, before)| !link.follows(&before.head)) {
            break;
        }
        records.push((line, link));
    }
    records
}

/// The places in the chain of the records that a trail's journal holds, each of which follows the one before. Whoever may read only the
/// trail does without.
pub(super) fn links(log: &Path) -> io::Result<Vec<Link>> {
    let path = path(log);
    let text = match disk::read_regular_if_there(&path, SIZE) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Vec::new(),
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        Ok(text) => text.unwrap_or_default(),
    };
    Ok(records(&frames(&text)).into_iter().map(|(_, link)| link).collect())
}

/// What a trail lacks of the records of its journal.
enum Lacking<'a, 'b> {
    Nothing,
    /// These, and from there on it holds nothing that belongs behind what it has.
    These(&'b [Known<'a>], u64),
    /// They do not go on from what it holds.
    Unknown,
}

/// `place` is theirs by [`place_before`].
fn lacking<'a, 'b>(
    log: &File,
    place: u64,
    closed: impl Fn() -> io::Result<Head>,
    records: &'b [Known<'a>],
) -> io::Result<Lacking<'a, 'b>> {
    let mut lines = LinesForward::new(log.try_clone()?, place)?;
    let at_place = lines.next()?.and_then(chain::read_link).map(|link| link.head);
    let is_before = |head: &Head| records.first().is_some_and(|(_, first)| first.follows(head));
    let (before, mut from) = match at_place.filter(is_before) {
        Some(before) => (before, place + lines.read()),
        None => match last_link(log, place)? {
            Some(before) => (before, place),
            None => (closed()?, 0),
        },
    };
    if records.last().is_none_or(|(_, link)| link.head.seq <= before.seq) {
        return Ok(Lacking::Nothing);
    }
    let Some(mut next) = records.iter().position(|(_, link)| link.follows(&before)) else {
        return Ok(Lacking::Unknown);
    };
    let start = from;
    let mut lines = LinesForward::new(log.try_clone()?, start)?;
    while next < records.len() {
        let Some(line) = lines.next()? else { break };
        let Some(link) = chain::read_link(line) else { continue };
        let expected = &records[next].1;
        if link == *expected {
            (next, from) = (next + 1, start + lines.read());
        } else if link.head.seq == expected.head.seq {
            // The trail has gone on otherwise.
            return Ok(Lacking::Unknown);
        } else if link.head.seq > expected.head.seq {
            break;
        }
    }
    let missing = &records[next..];
    Ok(if missing.is_empty() { Lacking::Nothing } else { Lacking::These(missing, from) })
}

/// Sets aside what stands from `from` on, and appends these records.
fn put_back(
    mut log: &File,
    log_path: &Path,
    missing: &[Known<'_>],
    from: u64,
    clock: &Clock,
) -> io::Result<Option<PathBuf>> {
    let aside = if from < log.metadata()?.len() { Some(set_aside(log, log_path, from, clock)?) } else { None };
    // A line of somebody else's may be torn.
    let mut lines = if from > 0 && !ends_a_line(log, from)? { b"\n".to_vec() } else { Vec::new() };
    for (line, _) in missing {
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    if let Err(error) = log.write_all(&lines) {
        // The next start tries again.
        log.set_len(from)?;
        return Err(error);
    }
    log.sync_all()?;
    Ok(aside)
}

/// When the system failed to write a piece of a file, it shows it to readers all the same as long as it has it in memory; so what is
/// there from `place` on is written once more.
fn write_again(mut log: &File, log_path: &Path, place: u64) -> io::Result<()> {
    let mut again = disk::open_existing(log_path)?;
    if disk::Identity::of(&again)? != disk::Identity::of(log)? {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "somebody has replaced the audit file"));
    }
    let mut text = Vec::new();
    log.seek(SeekFrom::Start(place))?;
    log.take(2 * SIZE as u64).read_to_end(&mut text)?;
    again.seek(SeekFrom::Start(place))?;
    again.write_all(&text)
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
    pub(super) fn open(log: &File, log_path: &Path) -> io::Result<Option<Self>> {
        let path = path(log_path);
        let made = Self::make(log, &path).or_else(|_| {
            disk::remove(&path)?;
            Self::make(log, &path)
        });
        match made {
            Ok(journal) => Ok(Some(journal)),
            Err(_) => disk::remove(&path).map(|()| None),
        }
    }

    fn make(log: &File, path: &Path) -> io::Result<Self> {
        let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if disk::is_link(path) {
            return refused("a link");
        }
        let file = disk::open_in_place(path)?;
        let about = file.metadata()?;
        if !about.is_file() || disk::has_other_names(&about) {
            return refused("not a file of its own");
        }
        if !disk::Identity::of(&file)?.is_beside(disk::Identity::of(log)?) {
            // It would not last as long as the trail.
            return refused("on another file system");
        }
        disk::make_private(&file)?;
        let run = host::random_id()?;
        let mut journal = Self { file, run, number: 0, end: 0, is_blank: false, frame: Vec::new() };
        if about.len() == SIZE as u64 {
            journal.is_blank = journal.begins_blank()?;
            journal.clear()?;
        } else {
            // Not by setting its length: the disk would be asked for a place at the first write.
            journal.file.set_len(0)?;
            journal.clear()?;
            journal.file.sync_all()?;
        }
        Ok(journal)
    }

    /// Whether it is as a stop leaves it: frames count from the front.
    fn begins_blank(&self) -> io::Result<bool> {
        let mut first = [0; BLOCK];
        (&self.file).seek(SeekFrom::Start(0))?;
        (&self.file).read_exact(&mut first)?;
        Ok(first == [b'\n'; BLOCK])
    }

    /// Makes lines durable that stand at the end of the trail's file; `false` when there is no room, and nothing was done.
    pub(super) fn put(&mut self, lines: &str) -> io::Result<bool> {
        let mut frame = std::mem::take(&mut self.frame);
        seal(&format!("{}-{}", self.run, self.number), lines, &mut frame);
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

    /// Leaves nothing of what it holds, since the trail is durable and another file takes its place, or nobody writes any more.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if !self.is_blank {
            self.put_at(0, &vec![b'\n'; SIZE])?;
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
