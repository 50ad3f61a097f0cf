//! The hash chain over audit lines (pure).
//!
//! A record ends in `"seq":N,"prev":"<hex>","hash":"<hex>"}`. `hash` is the lower-case hex SHA-256 of the line's bytes without
//! the member `,"hash":"<hex>"` (the closing brace stays); `prev` is the `hash` of the record before, 64 zeros for the first. The
//! chain is not keyed: it shows edits and gaps, not a full rewrite or a cut tail.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::event::Event;

/// Lines beyond this many bytes are no records.
pub const MAX_LINE: usize = 64 << 10;

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record's number; 0 before the first.
    pub seq: u64,
    /// The last record's hash.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// The line of an event behind `head`, without its newline, and the head after it.
pub fn seal(event: &Event, head: &Head) -> (String, Head) {
    let mut line = serde_json::to_string(event).expect("an event holds only text and numbers");
    line.truncate(line.len() - 1);
    let seq = head.seq + 1;
    line.push_str(&format!(",\"seq\":{seq},\"prev\":\"{}\"}}", head.hash));
    let hash = digest(line.as_bytes());
    line.truncate(line.len() - 1);
    line.push_str(&format!(",\"hash\":\"{hash}\"}}"));
    (line, Head { seq, hash })
}

/// What a line says of its place in the chain, when it is a whole record whose hash fits its bytes.
pub fn read(line: &[u8]) -> Option<Link> {
    if line.len() > MAX_LINE {
        return None;
    }
    let link: Link = serde_json::from_slice(line).ok()?;
    let ending = format!(",\"hash\":\"{}\"}}", link.hash);
    let mut content = line.strip_suffix(ending.as_bytes())?.to_vec();
    content.push(b'}');
    (digest(&content) == link.hash).then_some(link)
}

/// A record's place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// Its number, from 1.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: String,
    /// Its own.
    pub hash: String,
}

impl Link {
    /// The chain's head after this record.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash.clone() }
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not a whole record, or its hash does not fit: torn or edited.
    Unreadable,
    /// A whole record that does not follow the one before.
    OutOfOrder {
        /// The number that should stand here.
        expected: u64,
        /// The number that does.
        found: u64,
    },
}

/// Checks lines from `head` on; gives the last head and every flaw with its line number, from 1.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a [u8]>, head: Head) -> (Head, Vec<(usize, Flaw)>) {
    let (mut head, mut flaws) = (head, Vec::new());
    for (index, line) in lines.into_iter().enumerate() {
        match read(line) {
            None => flaws.push((index + 1, Flaw::Unreadable)),
            Some(link) => {
                if link.seq != head.seq + 1 || link.prev != head.hash {
                    flaws.push((index + 1, Flaw::OutOfOrder { expected: head.seq + 1, found: link.seq }));
                }
                head = link.head();
            }
        }
    }
    (head, flaws)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::event::EventType;
    use super::*;

    fn chain() -> Vec<String> {
        let mut head = Head::default();
        let mut lines = Vec::new();
        for n in 0..4 {
            let mut event = Event::new(format!("2026-01-0{}T00:00:00.000Z", n + 1), EventType::ToolExecution);
            event.tool_id = Some(format!("svc:\"t{n}\""));
            let (line, next) = seal(&event, &head);
            lines.push(line);
            head = next;
        }
        lines
    }

    #[track_caller]
    fn check(lines: &[String], expected: &[(usize, Flaw)]) {
        let (_, flaws) = verify(lines.iter().map(String::as_bytes), Head::default());
        assert_eq!(flaws, expected);
    }

    #[test]
    fn the_format_is_final() {
        let event = Event::new("2026-01-01T00:00:00.000Z".to_owned(), EventType::RuntimeStart);
        let (line, head) = seal(&event, &Head::default());
        let zeros = "0".repeat(64);
        let content = format!(
            "{{\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"eventType\":\"runtime_start\",\"seq\":1,\"prev\":\"{zeros}\"}}"
        );
        assert_eq!(line, format!("{},\"hash\":\"{}\"}}", &content[..content.len() - 1], digest(content.as_bytes())));
        assert_eq!(head.seq, 1);
    }

    #[test]
    fn an_untouched_chain_has_no_flaws() {
        check(&chain(), &[]);
    }

    #[test]
    fn edits_gaps_and_torn_lines_show() {
        let mut edited = chain();
        edited[1] = edited[1].replace("t1", "t9");
        check(&edited, &[(2, Flaw::Unreadable), (3, Flaw::OutOfOrder { expected: 2, found: 3 })]);
        let mut gap = chain();
        gap.remove(2);
        check(&gap, &[(3, Flaw::OutOfOrder { expected: 3, found: 4 })]);
        let mut torn = chain();
        torn.insert(2, "{\"timestamp\":\"2026-".to_owned());
        check(&torn, &[(3, Flaw::Unreadable)]);
        check(&["x".repeat(MAX_LINE + 1)], &[(1, Flaw::Unreadable)]);
    }
}
