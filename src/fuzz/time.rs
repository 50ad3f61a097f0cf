//! Time stamps (`base::time`): a text as RFC 3339 and as an HTTP date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::time::{parse_http_date, parse_rfc3339, rfc3339, unix_millis};

pub(super) fn time(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for at in [parse_rfc3339(text), parse_http_date(text)].into_iter().flatten() {
        check(at);
    }
}

/// What was read is written, and read back to the millisecond.
fn check(at: SystemTime) {
    let written = rfc3339(at);
    let again = parse_rfc3339(&written).expect("what is written is read");
    assert_eq!(again, UNIX_EPOCH + Duration::from_millis(unix_millis(at)), "{written}");
    assert_eq!(rfc3339(again), written);
    let shape: String = written.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
}
