//! Whether and when an exchange is tried again (contract 7, H21). Pure: outcome, time left and jitter come as values.

use std::time::{Duration, SystemTime};

use crate::base::time::parse_http_date;
use crate::http::{TransportError, TransportErrorKind};

/// Attempts in all.
pub const ATTEMPTS: u32 = 3;

/// The longest wait before the second attempt; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// What is known of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nature {
    /// Repeating it has no further effect: by its method and what the catalog says of it, or by an idempotency key.
    pub idempotent: bool,
    /// `x-cli-retry` says that a 429 or 503 means nothing was done.
    pub recommended: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// With an answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<&'a str>,
    },
    /// Without.
    Failure(&'a TransportError),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait, then try again.
    Wait(Duration),
    /// Take what there is.
    Done,
}

/// Decides after attempt number `attempts` (from 1). `left` is the time to the deadline, `jitter` gives a value in 0..1 and
/// is asked only when it matters.
pub fn next(
    nature: Nature,
    attempts: u32,
    ended: Ended,
    left: Duration,
    jitter: impl FnOnce() -> f64,
    now: SystemTime,
) -> Step {
    if attempts >= ATTEMPTS || !may_repeat(nature, ended) {
        return Step::Done;
    }
    let wait = match ended {
        Ended::Answer { retry_after: Some(text), .. } => asked_for(text, now),
        _ => None,
    };
    let wait = wait.unwrap_or_else(|| backoff(attempts, jitter()));
    if wait < left { Step::Wait(wait) } else { Step::Done }
}

fn may_repeat(nature: Nature, ended: Ended) -> bool {
    match ended {
        Ended::Answer { status: 429 | 503, .. } => nature.idempotent || nature.recommended,
        Ended::Answer { status: 502 | 504, .. } => nature.idempotent,
        Ended::Answer { .. } => false,
        Ended::Failure(error) => match error.kind {
            TransportErrorKind::Connect => !error.may_have_been_sent,
            // A kept connection may have been closed at the other end in the very moment of use.
            TransportErrorKind::Protocol => nature.idempotent || !error.may_have_been_sent,
            _ => false,
        },
    }
}

/// `Retry-After` as seconds or as a date (RFC 9110 section 10.2.3).
pub(super) fn asked_for(text: &str, now: SystemTime) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => parse_http_date(text.trim()).map(|at| at.duration_since(now).unwrap_or(Duration::ZERO)),
    }
}

/// Between half and the whole of a wait that doubles.
fn backoff(attempts: u32, jitter: f64) -> Duration {
    let whole = FIRST_WAIT * 2u32.saturating_pow(attempts.saturating_sub(1));
    whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const GET: Nature = Nature { idempotent: true, recommended: false };
    const POST: Nature = Nature { idempotent: false, recommended: false };
    const SAFE_POST: Nature = Nature { idempotent: false, recommended: true };
    const LEFT: Duration = Duration::from_secs(30);

    fn answered(status: u16) -> Ended<'static> {
        Ended::Answer { status, retry_after: None }
    }

    #[track_caller]
    fn check(nature: Nature, ended: Ended, repeats: bool) {
        let step = next(nature, 1, ended, LEFT, || 1.0, UNIX_EPOCH);
        assert_eq!(step != Step::Done, repeats, "{nature:?} {ended:?}");
    }

    #[test]
    fn h21_only_what_may_be_repeated_is() {
        for status in [200, 302, 400, 401, 404, 408, 500, 501] {
            check(GET, answered(status), false);
        }
        for (status, safe_post) in [(429, true), (503, true), (502, false), (504, false)] {
            check(GET, answered(status), true);
            check(POST, answered(status), false);
            check(SAFE_POST, answered(status), safe_post);
        }
    }

    #[test]
    fn h21_failures_repeat_when_nothing_was_sent() {
        let failed = |kind, may_have_been_sent| TransportError { kind, may_have_been_sent, message: String::new() };
        for (kind, sent, get, post) in [
            (TransportErrorKind::Connect, false, true, true),
            (TransportErrorKind::Protocol, true, true, false),
            (TransportErrorKind::Protocol, false, true, true),
            (TransportErrorKind::Resolve, false, false, false),
            (TransportErrorKind::Forbidden, false, false, false),
            (TransportErrorKind::Tls, false, false, false),
            (TransportErrorKind::Timeout, true, false, false),
            (TransportErrorKind::Timeout, false, false, false),
        ] {
            let error = failed(kind, sent);
            check(GET, Ended::Failure(&error), get);
            check(POST, Ended::Failure(&error), post);
        }
    }

    #[test]
    fn h21_no_wait_after_the_last_attempt_or_past_the_deadline() {
        assert_eq!(next(GET, ATTEMPTS, answered(503), LEFT, || 1.0, UNIX_EPOCH), Step::Done);
        assert_eq!(next(GET, 1, answered(503), Duration::from_millis(250), || 1.0, UNIX_EPOCH), Step::Done);
        let asked = |text: &'static str| Ended::Answer { status: 429, retry_after: Some(text) };
        for (text, expected) in [
            ("0", Step::Wait(Duration::ZERO)),
            ("7", Step::Wait(Duration::from_secs(7))),
            ("30", Step::Done),
            ("99999999999999", Step::Done),
            ("Thu, 01 Jan 1970 00:00:09 GMT", Step::Wait(Duration::from_secs(9))),
            ("Thu, 01 Jan 1970 00:01:00 GMT", Step::Done),
            ("soon", Step::Wait(Duration::from_millis(250))),
            ("-3", Step::Wait(Duration::from_millis(250))),
        ] {
            assert_eq!(next(GET, 1, asked(text), LEFT, || 1.0, UNIX_EPOCH), expected, "{text}");
        }
        let later = UNIX_EPOCH + Duration::from_secs(100);
        let past = asked("Thu, 01 Jan 1970 00:00:09 GMT");
        assert_eq!(next(GET, 1, past, LEFT, || 1.0, later), Step::Wait(Duration::ZERO));
    }

    #[test]
    fn waits_double_and_jitter() {
        for (attempts, jitter, millis) in [(1, 0.0, 125), (1, 1.0, 250), (2, 0.0, 250), (2, 1.0, 500), (2, 7.0, 500)] {
            assert_eq!(backoff(attempts, jitter), Duration::from_millis(millis));
        }
    }
}
