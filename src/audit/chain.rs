//! The hash chain over audit lines (contract 11), as values.
//!
//! A line is a JSON object that ends in `,"seq":N,"prev":"..","hash":".."}`. `hash` is the lower-case hex SHA-256 of the line
//! without `,"hash":".."`; `prev` is the hash of the line before, 64 zeros for the first. The chain is not keyed: it shows edits
//! and gaps, not a rewrite of everything and not a cut end.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::base::digest;

/// Where a chain stands: its last number and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record; 0 before the first.
    pub seq: u64,
    /// Its hash in hex.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl Head {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.split_once(':')?;
        let seq = seq.parse().ok().filter(|seq| *seq > 0 && is_hash(hash))?;
        Some(Self { seq, hash: hash.to_owned() })
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for Head {
    /// `SEQ:HASH`, as `audit verify --head` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// Puts a record behind `head`, which moves on to it: appends its line, with the newline.
///
/// # Panics
/// When `record` is not the text of a JSON object. It has one member at least, and no time stamp.
pub fn seal(lines: &mut String, timestamp: &str, record: &str, head: &mut Head) {
    let start = lines.len();
    head.seq += 1;
    let members = record.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect("a record is a JSON object");
    for part in ["{\"timestamp\":\"", timestamp, "\",", members, ",\"seq\":", &head.seq.to_string()] {
        lines.push_str(part);
    }
    for part in [",\"prev\":\"", &head.hash, "\""] {
        lines.push_str(part);
    }
    head.hash = digest(&lines[start..]);
    for part in [",\"hash\":\"", &head.hash, "\"}\n"] {
        lines.push_str(part);
    }
}

/// How long the line of a record of so many bytes is at most.
pub fn sealed_length(record: usize) -> u64 {
    // Time stamp and its name, number, two hashes and their names.
    record as u64 + 42 + 27 + 2 * 76
}

fn digest(open: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(open.as_bytes());
    hasher.update(b"}");
    digest::hex(&hasher.finalize())
}

/// What a line says about its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number and hash.
    pub head: Head,
    /// Hash of the line before.
    pub prev: String,
}

impl Link {
    /// Whether it is the next one after `head`.
    pub fn follows(&self, head: &Head) -> bool {
        self.prev == head.hash && self.head.seq == head.seq + 1
    }
}

/// Reads and recomputes one line's link; `None` when it is no record or its hash does not fit its bytes.
pub fn read_link(line: &[u8]) -> Option<Link> {
    let line = std::str::from_utf8(line).ok()?;
    let (open, hash) = split(line, ",\"hash\":\"", "\"}")?;
    let (rest, prev) = split(open, ",\"prev\":\"", "\"")?;
    let (_, seq) = split(rest, ",\"seq\":", "")?;
    let fits = is_hash(hash) && is_hash(prev) && digest(open) == hash;
    // The line must be JSON too, else a reader would trip over it.
    if !fits || serde_json::from_str::<serde::de::IgnoredAny>(line).is_err() {
        return None;
    }
    Some(Link { head: Head { seq: seq.parse().ok()?, hash: hash.to_owned() }, prev: prev.to_owned() })
}

/// The number of a line that has the form of a record, whether or not its hash fits.
pub fn number(line: &[u8]) -> Option<u64> {
    // What follows the number has one length, and the number has one to twenty digits.
    let tail = &line[line.len().saturating_sub(200)..];
    let at = memchr::memmem::rfind(tail, b",\"seq\":")?;
    let digits = tail[at + 7..].split(|byte| *byte == b',').next()?;
    let text = std::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|number| *number > 0)
}

/// Splits at the last `marker`; what follows it must end in `end`.
fn split<'a>(text: &'a str, marker: &str, end: &str) -> Option<(&'a str, &'a str)> {
    let at = text.rfind(marker)?;
    Some((&text[..at], text[at + marker.len()..].strip_suffix(end)?))
}

/// Where a chain breaks first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Line of the file, from 1.
    pub line: u64,
    /// Number of the record that should stand there.
    pub seq: u64,
    /// Why.
    pub reason: BreakReason,
}

/// Why a line does not continue the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakReason {
    /// It is no record, or its bytes were changed.
    Changed,
    /// Records before it are missing or were added.
    Gap,
}

impl fmt::Display for BreakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "is no record, or was changed",
            Self::Gap => "does not follow the record before it",
        })
    }
}

/// Checks lines one by one.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    head: Head,
    line: u64,
    broken: Option<Break>,
}

impl Verifier {
    /// From the record after this one on.
    pub fn after(head: Head) -> Self {
        Self { head, ..Self::default() }
    }

    /// Takes the next line, without its newline. After a break, the chain is taken up again at the next sound line.
    pub fn take(&mut self, line: &[u8]) {
        self.take_link(read_link(line));
    }

    /// As [`Verifier::take`], what [`read_link`] has made of the line.
    pub fn take_link(&mut self, link: Option<Link>) {
        self.line += 1;
        let seq = self.head.seq + 1;
        let reason = match link {
            None => Some(BreakReason::Changed),
            Some(link) => {
                let follows = link.follows(&self.head);
                self.head = link.head;
                (!follows).then_some(BreakReason::Gap)
            }
        };
        if let (Some(reason), None) = (reason, &self.broken) {
            self.broken = Some(Break { line: self.line, seq, reason });
        }
    }

    /// Where the chain stands now, and its first break.
    pub fn finish(self) -> (Head, Option<Break>) {
        (self.head, self.broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<String> {
        let (mut lines, mut head) = (String::new(), Head::default());
        (0..count).for_each(|i| seal(&mut lines, "t", &format!("{{\"n\":{i}}}"), &mut head));
        lines.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(lines: &[String], expected: Option<(u64, BreakReason)>) {
        let mut verifier = Verifier::default();
        lines.iter().for_each(|line| verifier.take(line.as_bytes()));
        let found = verifier.finish().1.map(|broken| (broken.line, broken.reason));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_has_the_documented_form() {
        let (mut line, mut head) = (String::new(), Head::default());
        seal(&mut line, "t", "{\"a\":1}", &mut head);
        let zeros = "0".repeat(64);
        let open = format!("{{\"timestamp\":\"t\",\"a\":1,\"seq\":1,\"prev\":\"{zeros}\"");
        assert_eq!(line, format!("{open},\"hash\":\"{}\"}}\n", head.hash));
        // printf '{"timestamp":"t","a":1,"seq":1,"prev":"0..0"}' | sha256sum
        assert_eq!(head.hash, "e487f1df3a2a50d791a73ed1ba3fef51eb9d714e7e6f278567891fd8148d6bb6");
    }

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let head = Head { seq: 7, hash: "0a".repeat(32) };
        assert_eq!(Head::parse(&head.to_string()), Some(head));
        for bad in ["", "7", "7:", "7:zz", &format!("0:{}", "0a".repeat(32)), &format!("7:{}", "0A".repeat(32))] {
            assert_eq!(Head::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_line_is_no_longer_than_was_thought() {
        let (mut line, mut head) = (String::new(), Head { seq: u64::MAX - 1, ..Head::default() });
        seal(&mut line, "2026-01-01T00:00:00.000Z", "{\"a\":1}", &mut head);
        let most = sealed_length("{\"a\":1}".len());
        assert!(line.len() as u64 <= most && line.len() as u64 + 9 > most, "{} {most}", line.len());
    }

    #[test]
    fn edits_and_gaps_are_found() {
        let whole = lines(5);
        check(&whole, None);
        check(&whole[..3], None);
        check(&[], None);
        let mut edited = whole.clone();
        edited[2] = edited[2].replace("\"n\":2", "\"n\":3");
        check(&edited, Some((3, BreakReason::Changed)));
        let mut cut = whole.clone();
        cut.remove(1);
        check(&cut, Some((2, BreakReason::Gap)));
        check(&whole[1..], Some((1, BreakReason::Gap)));
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        check(&swapped, Some((2, BreakReason::Gap)));
        let mut torn = whole;
        torn[4].truncate(20);
        check(&torn, Some((5, BreakReason::Changed)));
    }

    #[test]
    fn a_record_cannot_pretend_to_be_a_chain() {
        let mut line = String::new();
        seal(&mut line, "t", "{\"a\":\"x\\\",\\\"hash\\\":\\\"y\"}", &mut Head::default());
        assert!(read_link(line.trim_end().as_bytes()).is_some());
        assert!(read_link(b"{}").is_none());
        assert!(read_link(b"\xff").is_none());
    }
}
