//! Time stamps as text: RFC 3339 for people and records, IMF-fixdate for HTTP headers.
//!
//! Nothing here reads a clock; `base::host::Clock` does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.
pub fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// Reads an RFC 3339 time stamp in UTC (`Z`).
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

/// Reads an HTTP date (RFC 9110 section 5.6.7, all three forms).
pub fn parse_http_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// An HTTP date (RFC 9110 section 5.6.7), in whole seconds.
pub fn http_date(at: SystemTime) -> String {
    // Dates after the year 9999 cannot be written.
    httpdate::fmt_http_date(at.min(UNIX_EPOCH + Duration::from_secs(253_402_300_799)))
}

/// Reads a span of time as people write it, with its unit: `90s`, `15m`, `24h`, `7d`.
pub fn parse_span(text: &str) -> Option<Duration> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let (unit, seconds) = units.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let digits = text.strip_suffix(unit)?;
    let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Milliseconds since 1970, 0 for times before.
pub fn unix_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        let seconds = |text| parse_span(text).map(|span| span.as_secs());
        assert_eq!(["0s", "90s", "15m", "24h", "7d"].map(seconds), [0, 90, 900, 86_400, 604_800].map(Some));
        assert_eq!(["", "s", "5", "-1s", "+1s", "1.5h", "1w", "ü", "99999999999999999d"].map(seconds), [None; 9]);
    }

    #[test]
    fn time_stamps_round_trip() {
        let at = UNIX_EPOCH + Duration::from_millis(1_790_000_000_123);
        assert_eq!(rfc3339(at), "2026-09-21T14:13:20.123Z");
        assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(parse_rfc3339("yesterday"), None);
        assert_eq!(http_date(at), "Mon, 21 Sep 2026 14:13:20 GMT");
        assert_eq!(parse_http_date(&http_date(at)), Some(at - Duration::from_millis(123)));
        assert_eq!(http_date(at + Duration::from_secs(1 << 40)), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(unix_millis(at), 1_790_000_000_123);
    }
}
