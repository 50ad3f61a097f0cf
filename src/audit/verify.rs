//! Checks a whole trail: every line of every file, and the manifest, from the first record that is still there to the last.

use std::fmt;
use std::io;
use std::path::Path;

use super::chain::{self, Break, BreakReason, Head, Link, Verifier};
use super::journal;
use super::lines::LinesForward;
use super::segments::{self, Entry, Fate, Manifest, Part};

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Files looked at.
    pub files: u64,
    /// Lines of them.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Number of the first record that is still there; 0 when there is none.
    pub first: u64,
    /// Records that the files lack and the journal holds, as after a crash of the machine: the next start puts them back.
    pub journaled: u64,
    /// Where the chain ends, with those.
    pub head: Head,
    /// The first thing that is wrong.
    pub broken: Option<Broken>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A line.
    Line {
        /// Name of the file.
        file: String,
        /// From 1.
        line: u64,
        /// Number that the record there has, or should have.
        seq: u64,
        /// Why.
        reason: BreakReason,
    },
    /// A closed file that the manifest names is not there, and was not removed by the toolbox.
    Missing {
        /// Name of the file.
        file: String,
    },
    /// A closed file is not as the manifest says.
    Unlike {
        /// Name of the file.
        file: String,
    },
    /// A line of the manifest.
    Manifest {
        /// From 1.
        line: u64,
    },
    /// The trail ends before the record that was given to compare.
    Cut {
        /// Number of its last record.
        last: u64,
    },
    /// The record of that number has another hash than was given.
    Other {
        /// Its number.
        seq: u64,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line, seq, reason } => write!(f, "{file} line {line} (record {seq}) {reason}"),
            Self::Missing { file } => write!(f, "{file} is missing, although it was not removed by the toolbox"),
            Self::Unlike { file } => write!(f, "{file} is not as the manifest says: its records are others, or fewer"),
            Self::Manifest { line } => {
                write!(f, "line {line} of the manifest was changed or does not follow the one before")
            }
            Self::Cut { last } => {
                write!(f, "the trail ends with record {last}, before the one given: its end was cut off")
            }
            Self::Other { seq } => {
                write!(f, "record {seq} has another hash than the one given: the trail was rewritten")
            }
        }
    }
}

/// How often a trail is read anew whose files are closed and removed while it is read.
const TRIES: u32 = 3;

/// Checks the trail at `path`; `expected` is a head that was kept elsewhere. A line that is being written is left out.
pub fn verify(path: &Path, expected: Option<&Head>) -> io::Result<Report> {
    let mut tries = 1;
    loop {
        let (report, is_still) = look(path, expected)?;
        if is_still || tries == TRIES {
            return Ok(report);
        }
        tries += 1;
    }
}

/// Checks it once; `false` when files may have been closed or removed meanwhile.
fn look(path: &Path, expected: Option<&Head>) -> io::Result<(Report, bool)> {
    // First, since what is in it by now is in the files too, unless they lack it.
    let journal = journal::links(path)?;
    let manifest = Manifest::read(path)?;
    let parts = segments::parts(path)?;
    let begins_here = journal.first().is_some_and(|link| link.follows(&Head::default()));
    if parts.is_empty() && manifest.entries.is_empty() && !begins_here {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no audit trail"));
    }
    let journal = journal.into_iter().map(|link| (link, false)).collect();
    let mut walk = Walk { manifest: &manifest, expected, is_known: false, journal, report: Report::default() };
    let missing = missing(&parts, &manifest);
    let mut is_still = missing.is_none();
    walk.note(missing);
    for part in &parts {
        is_still &= walk.file(part)?;
    }
    walk.removed();
    walk.journal(&segments::file_name(path));
    walk.note(manifest.broken.map(|line| Broken::Manifest { line }));
    let Walk { is_known, report: Report { head, .. }, .. } = &walk;
    let last = head.seq;
    // One that was removed by the toolbox meanwhile cannot be compared any more.
    let is_cut = !is_known && expected.is_some_and(|expected| expected.seq > last);
    walk.note(is_cut.then_some(Broken::Cut { last }));
    Ok((walk.report, is_still))
}

/// A file that the manifest closed and did not remove has to be there.
fn missing(parts: &[Part], manifest: &Manifest) -> Option<Broken> {
    let is_there = |name: &str| parts.iter().any(|part| segments::file_name(&part.path) == name);
    let closed = manifest.entries.iter().filter(|entry| entry.event == Fate::Closed);
    let mut gone =
        closed.filter(|entry| manifest.entry(&entry.file, Fate::Removed).is_none() && !is_there(&entry.file));
    gone.next().map(|entry| Broken::Missing { file: entry.file.clone() })
}

/// A check on its way through the files.
struct Walk<'a> {
    manifest: &'a Manifest,
    expected: Option<&'a Head>,
    /// Whether the record to compare with was met.
    is_known: bool,
    /// What the journal holds, record after record, and whether the files hold it too.
    journal: Vec<(Link, bool)>,
    report: Report,
}

impl Walk<'_> {
    /// The first thing that is wrong is told.
    fn note(&mut self, broken: Option<Broken>) {
        if self.report.broken.is_none() {
            self.report.broken = broken;
        }
    }

    /// Reads one file through; `false` when it was removed meanwhile.
    fn file(&mut self, part: &Part) -> io::Result<bool> {
        let name = segments::file_name(&part.path);
        let mut verifier = Verifier::after(self.report.head.clone());
        let Some(file) = part.open()? else { return Ok(false) };
        let mut lines = LinesForward::new(file, 0)?;
        let mut first = None;
        while let Some(line) = lines.next()? {
            let link = chain::read_link(line);
            if let Some(link) = &link {
                if self.report.first == 0 {
                    self.report.first = link.head.seq;
                    verifier = Verifier::after(self.before(link));
                }
                first.get_or_insert_with(|| link.clone());
                self.compare(&link.head);
                self.meet(link);
            }
            verifier.take_link(link);
            self.report.records += 1;
        }
        self.report.bytes += lines.read();
        self.report.files += 1;
        let (head, broken) = verifier.finish();
        self.report.head = head;
        let is_unlike = self.is_unlike(&name, first.as_ref());
        self.note(match broken {
            Some(Break { line, seq, reason }) => Some(Broken::Line { file: name, line, seq, reason }),
            None => is_unlike.then_some(Broken::Unlike { file: name }),
        });
        Ok(true)
    }

    /// Notes that the files hold this record of the journal.
    fn meet(&mut self, link: &Link) {
        let before = |(first, _): &(Link, bool)| link.head.seq.checked_sub(first.head.seq);
        let at = self.journal.first().and_then(before).and_then(|at| usize::try_from(at).ok());
        if let Some((held, is_met)) = at.and_then(|at| self.journal.get_mut(at)) {
            *is_met |= held == link;
        }
    }

    /// When no record is left, the chain stands where the toolbox has removed the last of them.
    fn removed(&mut self) {
        let removed = self.manifest.entries.iter().filter(|entry| entry.event == Fate::Removed);
        let Some(last) = removed.max_by_key(|entry| entry.last_seq).filter(|_| self.report.first == 0) else { return };
        self.report.head = Head { seq: last.last_seq, hash: last.head.clone() };
        self.compare(&self.report.head.clone());
    }

    /// Goes on with what the journal holds beyond the files, or counts what it holds and they lack where `written`, the file that is
    /// written, is broken.
    fn journal(&mut self, written: &str) {
        let journal = std::mem::take(&mut self.journal);
        let from = match &self.report.broken {
            None => journal.iter().position(|(link, _)| link.follows(&self.report.head)),
            Some(Broken::Line { file, seq, .. }) if file == written => {
                journal.iter().position(|(link, _)| link.head.seq == *seq)
            }
            Some(_) => None,
        };
        let lacking = from.map_or(&[][..], |from| &journal[from..]).iter().filter(|(_, is_met)| !is_met);
        for (link, _) in lacking {
            self.report.journaled += 1;
            if self.report.broken.is_none() {
                self.compare(&link.head);
                self.report.head = link.head.clone();
            }
        }
    }

    /// What stood before the first record that is there: nothing, or what the toolbox has removed, which is known by its last hash.
    fn before(&self, first: &Link) -> Head {
        let removed = self.manifest.entries.iter().filter(|entry| entry.event == Fate::Removed);
        let mut heads = removed.map(|entry| Head { seq: entry.last_seq, hash: entry.head.clone() });
        heads.find(|head| first.follows(head)).unwrap_or_default()
    }

    fn compare(&mut self, head: &Head) {
        let Some(expected) = self.expected.filter(|expected| expected.seq == head.seq) else { return };
        self.is_known = true;
        self.note((head != expected).then_some(Broken::Other { seq: expected.seq }));
    }

    fn is_unlike(&self, name: &str, first: Option<&Link>) -> bool {
        let is_like = |entry: &Entry| {
            let begins = first.is_some_and(|link| link.head.seq == entry.first_seq && link.prev == entry.before);
            begins && self.report.head == Head { seq: entry.last_seq, hash: entry.head.clone() }
        };
        !self.manifest.entry(name, Fate::Closed).is_none_or(is_like)
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::{AuditLog, Rotation};
    use super::super::{Event, EventType};
    use super::*;
    use crate::base::disk;
    use crate::base::host::{self, Clock};
    use std::path::PathBuf;
    use std::time::Duration;

    /// A trail of three closed files and one that is written.
    fn trail() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("open-cli-verify-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        let path = dir.join("audit.log");
        let rotation = Rotation { file_bytes: 2000, ..Rotation::default() };
        let (log, _) = AuditLog::open(&path, rotation, Clock::from_fn(|| std::time::UNIX_EPOCH)).unwrap();
        while segments::closed(&path).unwrap().len() < 3 {
            log.record(&Event::new(EventType::RuntimeStart)).unwrap();
        }
        log.record(&Event::new(EventType::RuntimeStop)).unwrap();
        log.tend();
        path
    }

    fn replace(path: &Path, from: &str, to: &str) {
        let text = String::from_utf8(disk::read(path, 1 << 20).unwrap()).unwrap();
        assert!(text.contains(from), "{text}");
        disk::write_private(path, text.replacen(from, to, 1).as_bytes()).unwrap();
    }

    fn closed(path: &Path, at: usize) -> PathBuf {
        segments::closed(path).unwrap()[at].path.clone()
    }

    #[track_caller]
    fn check(path: &Path, expected: Option<&Head>, is_right: fn(&Option<Broken>) -> bool) -> Report {
        let report = verify(path, expected).unwrap();
        assert!(is_right(&report.broken), "{report:?}");
        report
    }

    #[test]
    fn a_whole_trail_is_sound_and_names_its_head() {
        let path = trail();
        let report = check(&path, None, Option::is_none);
        assert_eq!((report.files, report.first, report.records), (4, 1, report.head.seq));
        check(&path, Some(&report.head), Option::is_none);
        let older = Head { seq: 1, ..report.head.clone() };
        check(&path, Some(&older), |broken| *broken == Some(Broken::Other { seq: 1 }));
        let newer = Head { seq: report.head.seq + 1, ..report.head };
        check(&path, Some(&newer), |broken| matches!(broken, Some(Broken::Cut { .. })));
    }

    #[test]
    fn the_first_bad_record_is_named_with_its_file() {
        let path = trail();
        replace(&closed(&path, 1), "runtime_start", "runtime_stomp");
        check(&path, None, |broken| match broken {
            Some(Broken::Line { file, line: 1, seq, reason: BreakReason::Changed }) => {
                file.ends_with(&format!("{seq:012}"))
            }
            _ => false,
        });
    }

    #[test]
    fn a_file_that_was_taken_away_shows() {
        let path = trail();
        disk::remove(&closed(&path, 1)).unwrap();
        check(&path, None, |broken| matches!(broken, Some(Broken::Missing { .. })));
        let path = trail();
        disk::remove(&segments::manifest_path(&path)).unwrap();
        check(&path, None, Option::is_none);
        disk::remove(&closed(&path, 0)).unwrap();
        check(&path, None, |broken| matches!(broken, Some(Broken::Line { reason: BreakReason::Gap, .. })));
    }

    #[test]
    fn a_closed_file_that_was_cut_shows_by_the_manifest_alone() {
        let path = trail();
        let last = closed(&path, 2);
        // The one that is written goes too, so that no link is missing.
        disk::write_private(&path, b"").unwrap();
        let text = disk::read(&last, 1 << 20).unwrap();
        let end = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        disk::write_private(&last, &text[..=end]).unwrap();
        check(&path, None, |broken| matches!(broken, Some(Broken::Unlike { .. })));
    }

    #[test]
    fn a_manifest_cannot_be_edited() {
        let path = trail();
        replace(&segments::manifest_path(&path), "\"firstSeq\":1,", "\"firstSeq\":2,");
        check(&path, None, Option::is_some);
    }

    #[test]
    fn what_the_toolbox_removed_is_no_gap() {
        let path = trail();
        let sound = verify(&path, None).unwrap();
        let rotation = Rotation { keep_bytes: Some(3000), ..Rotation::default() };
        let (log, _) = AuditLog::open(&path, rotation, Clock::system()).unwrap();
        assert!(log.tend().len() > 1);
        drop(log);
        let report = check(&path, None, Option::is_none);
        assert!(report.first > 1 && report.head == sound.head, "{report:?}");
    }

    #[test]
    fn when_all_was_removed_the_chain_stands_where_the_manifest_says() {
        let path = trail();
        let sound = verify(&path, None).unwrap();
        let rotation =
            Rotation { file_age: Some(Duration::ZERO), keep_for: Some(Duration::ZERO), ..Rotation::default() };
        let (log, _) = AuditLog::open(&path, rotation, Clock::system()).unwrap();
        log.tend();
        drop(log);
        let report = check(&path, Some(&sound.head), Option::is_none);
        assert_eq!((report.records, report.first, &report.head), (0, 0, &sound.head));
        let other = Head { seq: sound.head.seq, hash: "0".repeat(64) };
        check(&path, Some(&other), |broken| matches!(broken, Some(Broken::Other { .. })));
        let newer = Head { seq: sound.head.seq + 1, ..sound.head };
        check(&path, Some(&newer), |broken| matches!(broken, Some(Broken::Cut { .. })));
    }

    #[test]
    fn a_line_that_is_being_written_is_left_out() {
        let path = trail();
        io::Write::write_all(&mut disk::open_append(&path).unwrap(), b"{\"timestamp\":").unwrap();
        check(&path, None, Option::is_none);
        assert!(verify(Path::new("/nonexistent/audit.log"), None).is_err());
    }
}
