//! The file that is written: where the trail goes on in it, how lines get into it, and how they become durable.
//!
//! Key type: [`End`], for whoever writes.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::chain::Head;
use super::ends::{chain_end, chain_start, ends_a_line};
use super::journal::{self, Journal};
use super::log::Rotation;
use super::segments::{self, Entry, Manifest};
use crate::base::disk;
use crate::base::time::parse_rfc3339;

/// How often lines are written until they stand alone in a file that somebody else writes to as well.
const FOREIGN_TRIES: u32 = 3;

/// Where the trail goes on.
#[derive(Debug)]
pub(super) struct End {
    pub(super) file: Arc<File>,
    pub(super) identity: disk::Identity,
    pub(super) length: u64,
    pub(super) head: Head,
    /// Number and time of the file's first record.
    pub(super) first: Option<(u64, SystemTime)>,
    /// Closed when it is so long.
    pub(super) close_at: u64,
    /// Room for lines.
    pub(super) lines: String,
    /// What makes them durable; without it the file is synced.
    pub(super) journal: Option<Journal>,
}

impl End {
    /// Where the chain stands before the file that is written: behind the last record of the newest closed one that has any, or by what the
    /// manifest says of files that are gone.
    pub(super) fn of_closed(path: &Path, manifest: &Manifest) -> io::Result<Head> {
        for closed in segments::closed(path)?.iter().rev() {
            if let (Some(head), _) = chain_end(&disk::open(&closed.path)?)? {
                return Ok(head);
            }
        }
        let of_manifest = |entry: &Entry| Head { seq: entry.last_seq, hash: entry.head.clone() };
        Ok(manifest.entries.iter().max_by_key(|entry| entry.last_seq).map(of_manifest).unwrap_or_default())
    }

    /// The chain goes on from the last record of the file, or from `closed`.
    pub(super) fn find(
        file: File,
        closed: impl Fn() -> io::Result<Head>,
        rotation: Rotation,
    ) -> io::Result<(Self, u64)> {
        let (found, skipped) = chain_end(&file)?;
        let head = found.map_or_else(closed, Ok)?;
        let first = chain_start(&file)?.and_then(|(number, at)| Some((number, parse_rfc3339(&at)?)));
        let (length, identity) = (file.metadata()?.len(), disk::Identity::of(&file)?);
        let file = Arc::new(file);
        let close_at = rotation.file_bytes;
        Ok((Self { file, identity, length, head, first, close_at, lines: String::new(), journal: None }, skipped))
    }

    /// Where it is of use: what is in memory does not outlive the machine anyway.
    pub(super) fn open_journal(&mut self, path: &Path, is_in_memory: fn(&File) -> bool) -> io::Result<()> {
        self.journal = if is_in_memory(&self.file) { None } else { Journal::open(&self.file, path)? };
        Ok(())
    }

    /// Makes the lines durable that were put at the end. When only the journal failed, why: from then on the file itself is synced.
    pub(super) fn make_durable(&mut self, path: &Path) -> io::Result<Option<io::Error>> {
        match self.journal.as_mut().map(|journal| journal.put(&self.lines)) {
            Some(Ok(true)) => return Ok(None),
            // The file itself may be sound.
            Some(Err(error)) => {
                self.file.sync_data()?;
                // Should that fail too, it is tried again before another file is begun.
                self.give_up_journal(path).ok();
                return Ok(Some(error));
            }
            Some(Ok(false)) | None => {}
        }
        self.file.sync_data()?;
        if let Some(journal) = &mut self.journal {
            journal.begin_anew();
        }
        Ok(None)
    }

    /// Nothing counts any more that is in the journal. The file is durable by itself.
    pub(super) fn leave_journal(&mut self, path: &Path) -> io::Result<()> {
        match self.journal.as_mut().map(Journal::clear) {
            Some(Ok(())) => Ok(()),
            // One that failed before may still be there.
            Some(Err(_)) | None => self.give_up_journal(path),
        }
    }

    pub(super) fn give_up_journal(&mut self, path: &Path) -> io::Result<()> {
        self.journal = None;
        disk::remove(&journal::path(path))
    }

    pub(super) fn is_old(&self, age: Option<Duration>, now: SystemTime) -> bool {
        let since = self.first.and_then(|(_, first)| now.duration_since(first).ok());
        age.zip(since).is_some_and(|(age, since)| since >= age)
    }
}

/// Lines that were not written.
pub(super) struct Unwritten {
    pub(super) error: io::Error,
    /// Whether the file is as it was before.
    pub(super) is_whole: bool,
}

/// Appends lines to a file that ended in a whole line at `start` when that was looked at; where it ends now. Should somebody else have
/// written a piece of a line since then, they are written once more on lines of their own.
pub(super) fn put_behind(mut file: &File, start: u64, lines: &str) -> Result<u64, Unwritten> {
    let mut place = start;
    for _ in 0..FOREIGN_TRIES {
        let put = file.write_all(lines.as_bytes()).and_then(|()| file.stream_position());
        let end = match put {
            Ok(end) => end,
            Err(error) => {
                // A disk that filled up may have taken a part of it; what others have written since is not ours to cut off, nor is what
                // they have cut off to be filled up.
                let more = file.metadata().ok().and_then(|about| about.len().checked_sub(place));
                let is_ours = more.is_some_and(|more| more <= lines.len() as u64);
                return Err(Unwritten { error, is_whole: is_ours && file.set_len(place).is_ok() });
            }
        };
        let began = end.saturating_sub(lines.len() as u64);
        if began < place {
            let error = io::Error::new(io::ErrorKind::InvalidData, "somebody has cut the file");
            return Err(Unwritten { error, is_whole: false });
        }
        // Appending moves the place in the file behind what was written.
        if began == place || ends_a_line(file, began).unwrap_or(false) {
            return Ok(end);
        }
        place = end;
    }
    let error = io::Error::new(io::ErrorKind::ResourceBusy, "somebody else keeps writing into the file");
    Err(Unwritten { error, is_whole: false })
}
