//! When a source is to be looked at again: before what it gave grows old, and at growing distances while it fails (pure).
//!
//! Time and randomness come as values. No two toolboxes that started together ask in step, and no source is asked more often than
//! [`MIN_AGE`], whatever its headers or the config say.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use super::{SourceReport, SourceState};
use crate::base::id::SourceId;
use crate::base::time::parse_rfc3339;
use crate::catalog::FetchRecord;
use crate::config::Refresh;

/// No source is looked at more often than this.
pub const MIN_AGE: Duration = Duration::from_secs(5);

/// How old a remote document may grow when neither its headers nor the config give it a life.
pub const DEFAULT_AGE: Duration = Duration::from_secs(300);

/// How soon a source that failed for the first time is looked at again; each further failure doubles it, up to [`DEFAULT_AGE`].
const FIRST_RETRY: Duration = Duration::from_secs(15);

/// Which part of a life is over when the source is looked at, in thousandths: at least, and that much more at random. Documents are
/// checked ahead of their end from three quarters of their life on (`fetch::freshness::Check::Ahead`).
const LEAST: u32 = 800;
const AT_RANDOM: u32 = 150;

/// When to look at a source again that is as `report` says; `None`: when its files change, or somebody asks for it.
pub fn next_check(report: &SourceReport, refresh: Refresh, random: u64, now: SystemTime) -> Option<SystemTime> {
    let part = part(&report.id, random);
    let earliest = now + MIN_AGE;
    match report.state {
        SourceState::Disabled => None,
        // What was never there cannot be used until somebody asks for it anew.
        SourceState::Failed => Some(now + backoff(report.failures) * part / 1000),
        _ if refresh.manual_only => None,
        SourceState::Stale => Some(now + backoff(report.failures) * part / 1000),
        SourceState::Ok => {
            let remote = report.fetches.iter().filter(|fetch| !fetch.request_method.is_empty());
            remote.map(|fetch| ahead_of_end(fetch, refresh, part, now).max(earliest)).min()
        }
    }
}

/// Whether the time has come. A clock that was set back to before the last check says nothing about it.
pub fn is_due(report: &SourceReport, now: SystemTime) -> bool {
    report.next_check.is_some_and(|next| next <= now || report.checked.is_some_and(|checked| now < checked))
}

fn backoff(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(DEFAULT_AGE)
}

fn ahead_of_end(fetch: &FetchRecord, refresh: Refresh, part: u32, now: SystemTime) -> SystemTime {
    let (from, until) = (parse_rfc3339(&fetch.fetched_at), parse_rfc3339(&fetch.expires_at));
    let life = from.zip(until).and_then(|(from, until)| until.duration_since(from).ok());
    match (from, life.filter(|life| !life.is_zero())) {
        (Some(from), Some(life)) => from + life * part / 1000,
        // Nothing is said of its life, or that it has none.
        _ => now + refresh.max_age.unwrap_or(DEFAULT_AGE) * part / 1000,
    }
}

/// The same for one source and one draw, whatever other sources there are.
fn part(id: &SourceId, random: u64) -> u32 {
    let mut hasher = DefaultHasher::new();
    (id, random).hash(&mut hasher);
    LEAST + (hasher.finish() % u64::from(AT_RANDOM + 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::rfc3339;
    use std::time::UNIX_EPOCH;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    /// A fetch `age` seconds ago with `life` seconds of life.
    fn fetch(age: u64, life: u64) -> FetchRecord {
        let at = now() - Duration::from_secs(age);
        FetchRecord {
            fetched_at: rfc3339(at),
            expires_at: rfc3339(at + Duration::from_secs(life)),
            request_method: "GET".into(),
            ..FetchRecord::default()
        }
    }

    fn report(state: SourceState, failures: u32, fetches: Vec<FetchRecord>) -> SourceReport {
        SourceReport { id: "s".into(), state, failures, fetches, ..SourceReport::default() }
    }

    /// Whatever the draw, the next look is between `least` and `most` seconds from now; draws differ.
    #[track_caller]
    fn check(report: &SourceReport, refresh: Refresh, expected: Option<(f64, f64)>) {
        let draws = (0..200).map(|random| next_check(report, refresh, random, now()));
        let waits = draws.map(|next| next.map(|next| next.duration_since(now()).unwrap().as_secs_f64()));
        let waits: Vec<Option<f64>> = waits.collect();
        let Some((least, most)) = expected else {
            assert!(waits.iter().all(Option::is_none), "{waits:?}");
            return;
        };
        let waits: Vec<f64> = waits.into_iter().map(|wait| wait.expect("there is a next look")).collect();
        assert!(waits.iter().all(|wait| (least..=most).contains(wait)), "{least} to {most}: {waits:?}");
        let spread = waits.iter().copied().fold(0.0, f64::max) - waits.iter().copied().fold(f64::MAX, f64::min);
        assert!(spread >= (most - least) * 0.8, "no two ask in step: {waits:?}");
    }

    #[test]
    fn a_source_is_looked_at_before_what_it_gave_grows_old() {
        let (none, ok) = (Refresh::default(), |fetches| report(SourceState::Ok, 0, fetches));
        check(&ok(vec![fetch(0, 1000)]), none, Some((800.0, 950.0)));
        check(&ok(vec![fetch(500, 1000)]), none, Some((300.0, 450.0)));
        check(&ok(vec![fetch(0, 1000), fetch(0, 100), fetch(0, 0)]), none, Some((80.0, 95.0)));
        check(&ok(vec![fetch(0, 0)]), none, Some((240.0, 285.0)));
        check(&ok(vec![FetchRecord { request_method: "GET".into(), ..fetch(0, 0) }]), none, Some((240.0, 285.0)));
        check(&ok(vec![fetch(2000, 1000)]), none, Some((5.0, 5.0)));
        check(&ok(vec![fetch(0, 1)]), none, Some((5.0, 5.0)));
        let max_age = |seconds| Refresh { max_age: Some(Duration::from_secs(seconds)), manual_only: false };
        check(&ok(vec![fetch(0, 60)]), max_age(60), Some((48.0, 57.0)));
        check(&ok(vec![fetch(0, 0)]), max_age(0), Some((5.0, 5.0)));
        // Files are watched.
        check(&ok(vec![FetchRecord::default()]), none, None);
    }

    #[test]
    fn a_source_that_fails_is_asked_ever_more_rarely_up_to_a_bound() {
        for (failures, seconds) in [(0, 15.0), (1, 15.0), (2, 30.0), (3, 60.0), (5, 240.0), (6, 300.0), (99, 300.0)] {
            for state in [SourceState::Stale, SourceState::Failed] {
                let bounds = Some((seconds * 0.8, seconds * 0.95));
                check(&report(state, failures, vec![fetch(0, 9000)]), Refresh::default(), bounds);
            }
        }
    }

    #[test]
    fn what_is_refreshed_by_hand_is_left_alone_while_there_is_something() {
        let manual = Refresh { max_age: None, manual_only: true };
        check(&report(SourceState::Ok, 0, vec![fetch(0, 10)]), manual, None);
        check(&report(SourceState::Stale, 1, vec![fetch(0, 10)]), manual, None);
        check(&report(SourceState::Failed, 1, vec![]), manual, Some((12.0, 14.25)));
        check(&report(SourceState::Disabled, 0, vec![]), Refresh::default(), None);
    }

    #[test]
    fn sources_of_one_toolbox_are_spread_too() {
        let parts: std::collections::BTreeSet<u32> =
            (0..200).map(|nth| part(&SourceId::new(format!("s{nth}")), 7)).collect();
        assert!(parts.len() > 75, "{parts:?}");
    }

    #[test]
    fn the_time_comes_also_when_the_clock_was_set_back() {
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(1_800_000_000_u64.saturating_add_signed(seconds));
        let report = SourceReport { checked: Some(at(0)), next_check: Some(at(60)), ..SourceReport::default() };
        for (seconds, due) in [(0, false), (59, false), (60, true), (9999, true), (-1, true), (-99_999, true)] {
            assert_eq!(is_due(&report, at(seconds)), due, "{seconds}");
        }
        assert!(!is_due(&SourceReport { next_check: None, ..report }, at(9999)));
    }
}
