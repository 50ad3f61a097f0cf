//! Lines of an audit file (`audit::chain`): any line, and a record that is put into a chain here, by the documented form.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::audit::chain::read_link;
use crate::audit::journal::frames;
use crate::base::digest::hex;

pub(super) fn audit(bytes: &[u8]) {
    check_line(bytes);
    check_frames(bytes);
    let Ok(record) = std::str::from_utf8(bytes) else { return };
    let Ok(Value::Object(members)) = serde_json::from_str(record) else { return };
    if !members.is_empty() {
        check_record(record.trim(), bytes.len() as u64);
    }
}

/// A link is taken from nothing but a line whose hash fits.
fn check_line(line: &[u8]) {
    let Some(link) = read_link(line) else { return };
    let text = std::str::from_utf8(line).expect("a record is text");
    let end = format!(",\"hash\":\"{}\"}}", link.head.hash);
    let open = text.strip_suffix(&end).expect("the hash stands last");
    assert_eq!(sum(open), link.head.hash, "the hash of another line");
    let said: Value = serde_json::from_str(text).expect("a record is JSON");
    assert_eq!(said["seq"].as_u64(), Some(link.head.seq), "{text}");
    assert_eq!(said["prev"].as_str(), Some(link.prev.as_str()), "{text}");
    assert_eq!(said["hash"].as_str(), Some(link.head.hash.as_str()), "{text}");
}

/// Nothing is put back that does not stand in the journal, and no more than that.
fn check_frames(journal: &[u8]) {
    let lines: usize = frames(journal).iter().map(|frame| frame.len()).sum();
    assert!(lines <= journal.len(), "{lines} bytes of {}", journal.len());
}

/// What stands in a record neither hides its link nor takes its place, and no change of a byte goes unseen.
fn check_record(record: &str, number: u64) {
    let members = &record[1..record.len() - 1];
    let prev = sum(record);
    let open = format!("{{\"timestamp\":\"t\",{members},\"seq\":{number},\"prev\":\"{prev}\"");
    let hash = sum(&open);
    let line = format!("{open},\"hash\":\"{hash}\"}}");
    let link = read_link(line.as_bytes()).expect("a line of the documented form is one");
    assert_eq!((link.head.seq, &link.head.hash, &link.prev), (number, &hash, &prev), "{line}");
    check_line(line.as_bytes());
    let first = usize::from(Sha256::digest(record.as_bytes())[0]);
    for at in (first % line.len()..line.len()).step_by(97) {
        let mut changed = line.clone().into_bytes();
        changed[at] ^= 1;
        assert_eq!(read_link(&changed), None, "byte {at} of {line} is changed");
    }
    assert_eq!(read_link(&line.as_bytes()[..line.len() - 1]), None, "{line} is cut");
}

/// The hash of a record that lacks its own.
fn sum(open: &str) -> String {
    hex(&Sha256::digest(format!("{open}}}")))
}
