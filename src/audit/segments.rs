//! The files of a trail: the one that is written, closed ones beside it, and the manifest that lists them.
//!
//! A closed file is named after the one that is written and the number of its first record: `audit.log.000000000001`. The manifest,
//! `audit.log.manifest`, has a line for each file that was closed and for each that was removed; its lines are a chain of their own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chain::{self, Head};
use super::ends::chain_start;
use super::lines::LinesForward;
use crate::base::disk;
use crate::base::host::Clock;
use crate::base::time::rfc3339;

/// Beyond this a manifest is not read; it has a line of some hundred bytes for each closed file.
const MAX_MANIFEST: usize = 64 << 20;

/// What a line of the manifest tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// The file is complete.
    Closed,
    /// The file was old enough to go.
    Removed,
}

/// One line of the manifest, without its time stamp and chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What happened to the file.
    pub event: Fate,
    /// Its name, without directory.
    pub file: String,
    /// Number of its first record.
    pub first_seq: u64,
    /// Number of its last record.
    pub last_seq: u64,
    /// Hash before its first record.
    pub before: String,
    /// Hash of its last record.
    pub head: String,
    /// Its length.
    pub bytes: u64,
    /// The earliest time stamp in it.
    pub from: String,
    /// The latest one.
    pub to: String,
}

/// A closed file on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Where.
    pub path: PathBuf,
    /// Number of its first record, as its name says.
    pub first: u64,
    /// Bytes.
    pub size: u64,
}

impl Closed {
    /// Without its directory.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }
}

/// The name of a file, for people and manifests.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A path beside the trail's: its name with something behind it.
pub fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    log.with_file_name(name)
}

/// A path beside a file's: its name with something and the time behind it.
pub(super) fn stamped(file: &Path, ending: &str, clock: &Clock) -> PathBuf {
    beside(file, &format!("{ending}-{}", rfc3339(clock.now()).replace([':', '.'], "-")))
}

/// What a closed file is called.
pub fn closed_path(log: &Path, first: u64) -> PathBuf {
    beside(log, &format!(".{first:012}"))
}

/// The manifest's path.
pub fn manifest_path(log: &Path) -> PathBuf {
    beside(log, ".manifest")
}

/// The trail that a file belongs to whose name is that of a closed one.
pub fn trail_of(closed: &Path) -> Option<PathBuf> {
    let name = file_name(closed);
    number(&name).map(|(written, _)| closed.with_file_name(written))
}

/// The name of the file that is written, and the number behind it in a closed one's name.
fn number(name: &str) -> Option<(&str, u64)> {
    let (written, digits) = name.rsplit_once('.')?;
    let is_number = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((written, digits.parse().ok().filter(|_| is_number)?))
}

/// The closed files there are, oldest first.
pub fn closed(log: &Path) -> io::Result<Vec<Closed>> {
    let directory = log.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let written = file_name(log);
    let mut found = Vec::new();
    for file in disk::files(directory)? {
        let of_this = number(&file_name(&file.path)).filter(|(name, _)| *name == written).map(|(_, first)| first);
        if let Some(first) = of_this {
            found.push(Closed { path: file.path, first, size: file.size });
        }
    }
    found.sort_by_key(|file| file.first);
    Ok(found)
}

/// A file of the trail.
#[derive(Debug)]
pub struct Part {
    /// Where it was when it was found.
    pub path: PathBuf,
    /// The one that is written is open, so that it stays the same when it is closed meanwhile.
    written: Option<File>,
}

impl Part {
    /// Its bytes, also when it is renamed or removed from now on; `None` when it was old enough to go meanwhile.
    pub fn open(&self) -> io::Result<Option<File>> {
        match &self.written {
            Some(file) => file.try_clone().map(Some),
            None => there(disk::open(&self.path)),
        }
    }
}

/// All files of the trail, oldest first; the last one is the one that is written, if it is there. They are one whole although files are
/// closed meanwhile. Closed ones are opened when they are wanted: there may be more than a process may have open.
pub fn parts(log: &Path) -> io::Result<Vec<Part>> {
    // First the one that is written: what is closed after that is either this one, or newer than it.
    let written = there(disk::open(log))?;
    let first = written.as_ref().map(chain_start).transpose()?.flatten().map_or(u64::MAX, |(number, _)| number);
    let listed = there(closed(log))?.unwrap_or_default().into_iter().filter(|file| file.first < first);
    let mut parts: Vec<Part> = listed.map(|file| Part { path: file.path, written: None }).collect();
    parts.extend(written.map(|file| Part { path: log.to_owned(), written: Some(file) }));
    Ok(parts)
}

/// What is not there is no error.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is known of the closed files.
#[derive(Debug, Default)]
pub struct Manifest {
    /// Its lines, oldest first.
    pub entries: Vec<Entry>,
    /// Where its chain stands.
    pub head: Head,
    /// The first line, from 1, that is none or does not follow the one before it.
    pub broken: Option<u64>,
    /// Where its last whole line ends. What stands behind that was never acknowledged.
    end: u64,
}

impl Manifest {
    /// Reads it; one that is not there is empty. A line that is torn counts for nothing.
    pub fn read(log: &Path) -> io::Result<Self> {
        let bytes = disk::read_if_there(&manifest_path(log), MAX_MANIFEST)?.unwrap_or_default();
        let mut manifest = Self::default();
        for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            let Some(line) = line.strip_suffix(b"\n") else { break };
            manifest.end += line.len() as u64 + 1;
            let link = chain::read_link(line);
            let follows = link.as_ref().is_some_and(|link| link.follows(&manifest.head));
            if !follows {
                manifest.broken.get_or_insert(number);
            }
            if let (Some(link), Ok(entry)) = (link, serde_json::from_slice(line)) {
                manifest.head = link.head;
                manifest.entries.push(entry);
            }
        }
        Ok(manifest)
    }

    /// The files of which it says that.
    pub fn names(&self, fate: Fate) -> BTreeSet<String> {
        self.entries.iter().filter(|entry| entry.event == fate).map(|entry| entry.file.clone()).collect()
    }

    /// The last word on a file.
    pub fn entry(&self, name: &str, fate: Fate) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.file == name && entry.event == fate)
    }

    /// Adds a line, and returns when it is on disk.
    pub fn add(&mut self, log: &Path, at: std::time::SystemTime, entry: Entry) -> io::Result<()> {
        let mut file = disk::open_append(&manifest_path(log))?;
        if file.metadata()?.len() > self.end {
            file.set_len(self.end)?;
        }
        let (mut line, mut head) = (String::new(), self.head.clone());
        let json = serde_json::to_string(&entry).map_err(io::Error::other)?;
        chain::seal(&mut line, &rfc3339(at), &json, &mut head);
        io::Write::write_all(&mut file, line.as_bytes())?;
        file.sync_all()?;
        (self.head, self.end) = (head, self.end + line.len() as u64);
        self.entries.push(entry);
        Ok(())
    }
}

/// Reads a closed file through, for its line in the manifest. `None` when it holds no record.
pub fn describe(file: &Closed) -> io::Result<Option<Entry>> {
    let mut lines = LinesForward::new(disk::open(&file.path)?, 0)?;
    let mut entry: Option<Entry> = None;
    while let Some(line) = lines.next()? {
        let Some((link, at)) = chain::read_link(line).zip(time_stamp(line)) else { continue };
        let entry = entry.get_or_insert_with(|| Entry {
            event: Fate::Closed,
            file: file.name(),
            first_seq: link.head.seq,
            last_seq: link.head.seq,
            before: link.prev.clone(),
            head: link.head.hash.clone(),
            bytes: file.size,
            from: at.to_owned(),
            to: at.to_owned(),
        });
        (entry.last_seq, entry.head) = (link.head.seq, link.head.hash);
        // Time stamps have one form and length, so they compare as text.
        if at < entry.from.as_str() {
            entry.from = at.to_owned();
        }
        if at > entry.to.as_str() {
            entry.to = at.to_owned();
        }
    }
    Ok(entry)
}

/// The time stamp of one of our lines, which begin with it.
pub(super) fn time_stamp(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(b"{\"timestamp\":\"")?;
    std::str::from_utf8(rest.get(..24)?).ok()
}

/// Which closed files have to go: those that are older than may be, and the oldest ones while all together are larger than may be.
pub fn outdated<'a>(
    files: &'a [Closed],
    manifest: &Manifest,
    older_than: Option<&str>,
    most_bytes: Option<u64>,
) -> Vec<&'a Closed> {
    let mut total: u64 = files.iter().map(|file| file.size).sum();
    let mut going = Vec::new();
    for file in files {
        // What is not in the manifest yet stays; what goes is always an unbroken beginning.
        let Some(entry) = manifest.entry(&file.name(), Fate::Closed) else { break };
        let too_old = older_than.is_some_and(|limit| entry.to.as_str() < limit);
        let too_much = most_bytes.is_some_and(|most| total > most);
        if !too_old && !too_much {
            break;
        }
        total -= file.size;
        going.push(file);
    }
    going
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host;

    fn scratch() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("open-cli-segments-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        dir.join("audit.log")
    }

    fn entry(file: &str, to: &str) -> Entry {
        let hash = "0".repeat(64);
        let [file, from, to] = [file, to, to].map(str::to_owned);
        Entry {
            event: Fate::Closed,
            file,
            first_seq: 1,
            last_seq: 2,
            before: hash.clone(),
            head: hash,
            bytes: 1,
            from,
            to,
        }
    }

    #[test]
    fn closed_files_are_told_from_others_and_ordered_by_number() {
        let log = scratch();
        for name in [
            ".000000000010",
            ".000000000002",
            ".1000000000000",
            ".torn-000000000001",
            ".2",
            ".manifest",
            ".00000000000x",
        ] {
            disk::write_private(&beside(&log, name), b"").unwrap();
        }
        let found: Vec<u64> = closed(&log).unwrap().iter().map(|file| file.first).collect();
        assert_eq!(found, [2, 10, 1_000_000_000_000]);
        assert_eq!(closed_path(&log, 2), beside(&log, ".000000000002"));
    }

    #[test]
    fn a_file_that_was_closed_while_it_was_listed_is_read_once() {
        let log = scratch();
        let mut line = String::new();
        chain::seal(&mut line, &rfc3339(std::time::UNIX_EPOCH), "{\"a\":1}", &mut Head { seq: 4, ..Head::default() });
        disk::write_private(&closed_path(&log, 1), b"old").unwrap();
        disk::write_private(&log, line.as_bytes()).unwrap();
        let names = || parts(&log).unwrap().iter().map(|part| file_name(&part.path)).collect::<Vec<_>>();
        assert_eq!(names(), ["audit.log.000000000001", "audit.log"]);
        // As if it were renamed, and one more closed, between opening and listing.
        disk::write_private(&closed_path(&log, 5), line.as_bytes()).unwrap();
        disk::write_private(&closed_path(&log, 9), b"newer").unwrap();
        assert_eq!(names(), ["audit.log.000000000001", "audit.log"]);
        disk::remove(&log).unwrap();
        assert_eq!(names().len(), 3);
        let all = parts(&log).unwrap();
        disk::remove(&closed_path(&log, 1)).unwrap();
        assert!(all[0].open().unwrap().is_none() && all[1].open().unwrap().is_some(), "one grew too old meanwhile");
    }

    #[test]
    fn a_manifest_is_a_chain_and_survives_a_torn_line() {
        let log = scratch();
        let mut manifest = Manifest::read(&log).unwrap();
        manifest.add(&log, std::time::UNIX_EPOCH, entry("a", "2026")).unwrap();
        io::Write::write_all(&mut disk::open_append(&manifest_path(&log)).unwrap(), b"{\"timestamp").unwrap();
        let mut manifest = Manifest::read(&log).unwrap();
        assert_eq!((manifest.entries.len(), manifest.broken), (1, None));
        manifest.add(&log, std::time::UNIX_EPOCH, entry("b", "2026")).unwrap();
        let manifest = Manifest::read(&log).unwrap();
        assert_eq!((manifest.entries.len(), manifest.head.seq, manifest.broken), (2, 2, None));
        assert!(manifest.entry("b", Fate::Closed).is_some() && manifest.entry("b", Fate::Removed).is_none());
    }

    #[test]
    fn only_a_beginning_goes() {
        let files: Vec<Closed> =
            (1..=4).map(|first| Closed { path: PathBuf::from(format!("f{first}")), first, size: 10 }).collect();
        let entries = vec![entry("f1", "2026-01"), entry("f2", "2026-03"), entry("f3", "2026-02")];
        let manifest = Manifest { entries, ..Manifest::default() };
        let going =
            |older, most| outdated(&files, &manifest, older, most).iter().map(|file| file.first).collect::<Vec<_>>();
        assert_eq!(going(None, None), [0; 0]);
        assert_eq!(going(Some("2026-02"), None), [1]);
        assert_eq!(going(Some("2026-04"), None), [1, 2, 3], "the fourth is not in the manifest");
        assert_eq!(going(None, Some(25)), [1, 2]);
        assert_eq!(going(None, Some(0)), [1, 2, 3]);
    }
}
