//! Where a file goes on: its last sound record, and what stands behind its last whole line.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::chain::{self, Head};
use super::lines::{LinesBackward, LinesForward};
use super::segments;
use crate::base::disk;
use crate::base::host::Clock;

/// How far back a record is looked for to go on from, and how far on one to name a file after.
const MAX_SKIPPED: u64 = 100_000;

/// Whether the last of so many bytes is a newline.
pub(super) fn ends_a_line(mut file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// What stands behind the last newline was never acknowledged; it is kept beside the file, for whoever wants to look.
pub(super) fn set_torn_end_aside(file: &File, path: &Path, clock: &Clock) -> io::Result<Option<PathBuf>> {
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
    if end == length { Ok(None) } else { set_aside(file, path, end, clock).map(Some) }
}

/// Moves what stands from `from` on out of the trail's file into one of its own; where that is.
pub(super) fn set_aside(file: &File, path: &Path, from: u64, clock: &Clock) -> io::Result<PathBuf> {
    let mut reader = file;
    reader.seek(SeekFrom::Start(from))?;
    let aside = segments::stamped(path, ".torn", clock);
    let mut copy = disk::open_append(&aside)?;
    io::copy(&mut reader.take(file.metadata()?.len().saturating_sub(from)), &mut copy)?;
    copy.sync_all()?;
    file.set_len(from)?;
    file.sync_all()?;
    Ok(aside)
}

/// The last sound record before this place, where a line begins.
pub(super) fn last_link(file: &File, end: u64) -> io::Result<Option<Head>> {
    Ok(end_of_chain(LinesBackward::before(file.try_clone()?, end))?.0)
}

/// The last sound record, if there is one, and how many lines after it are none.
pub(super) fn chain_end(file: &File) -> io::Result<(Option<Head>, u64)> {
    end_of_chain(LinesBackward::new(file.try_clone()?)?)
}

fn end_of_chain(mut lines: LinesBackward) -> io::Result<(Option<Head>, u64)> {
    let mut skipped = 0;
    while let Some(line) = lines.next()? {
        if let Some(link) = line.as_deref().and_then(chain::read_link) {
            return Ok((Some(link.head), skipped));
        }
        skipped += 1;
        if skipped > MAX_SKIPPED {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its last 100,000 lines are no audit records"));
        }
    }
    Ok((None, skipped))
}

/// The first sound record: its number and its time stamp.
pub(super) fn chain_start(file: &File) -> io::Result<Option<(u64, String)>> {
    let mut lines = LinesForward::short(file.try_clone()?, 0)?;
    for _ in 0..MAX_SKIPPED {
        let Some(line) = lines.next()? else { return Ok(None) };
        if let (Some(link), Some(at)) = (chain::read_link(line), segments::time_stamp(line)) {
            return Ok(Some((link.head.seq, at.to_owned())));
        }
    }
    Ok(None)
}
