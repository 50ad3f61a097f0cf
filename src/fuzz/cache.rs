//! What a publisher's headers say about keeping a document (`fetch::freshness`): lines of fields, the first line being the status.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::time::rfc3339;
use crate::config::Refresh;
use crate::fetch::freshness::{Check, MAX_STALE, Meta, Plan, Verdict, may_store, plan, variant, verdict};
use crate::http::{Headers, Response};

/// Longest life of a document.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn cache(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(200);
    let mut headers = Headers::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        // What may not be sent is no field of an answer either.
        headers.append(name, value).ok();
    }
    let answer = Response { status, headers, body: Vec::new(), truncated: false };
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    check(&answer, now);
}

fn check(answer: &Response, now: SystemTime) {
    let meta = Meta::new(answer, "https://h/d", variant(answer, &Headers::new()), String::new(), now);
    let until = meta.expires_at(Refresh::default()).expect("a life has an end");
    assert!(until >= now && until <= now + YEAR, "{meta:?}");
    assert!(rfc3339(until).ends_with('Z'));
    let stored = serde_json::to_string(&meta).expect("a record is JSON");
    assert_eq!(serde_json::from_str::<Meta>(&stored).ok().as_ref(), Some(&meta), "{stored}");
    check_directives(answer, &meta);
    check_plans(&meta, until, now);
    let mut confirmed = meta.clone();
    confirmed.confirm(&Response { status: 304, headers: Headers::new(), body: Vec::new(), truncated: false }, now);
    assert_eq!((confirmed.life, &confirmed.cache_control), (meta.life, &meta.cache_control), "a bare 304 says nothing");
}

/// The words that forbid something are looked for once more, more plainly.
fn check_directives(answer: &Response, meta: &Meta) {
    let all = answer.headers.all("cache-control").collect::<Vec<_>>().join(",").to_ascii_lowercase();
    let says = |word: &str| all.split(',').any(|part| part.split('=').next().unwrap_or_default().trim() == word);
    if says("no-store") || answer.headers.get("vary").is_some_and(|names| names.contains('*')) {
        assert!(!may_store(answer), "{all}");
    }
    if says("no-cache") {
        assert_eq!(meta.life, 0, "{all}");
    }
}

fn check_plans(meta: &Meta, until: SystemTime, now: SystemTime) {
    let refresh = Refresh::default();
    let planned = |check, at| plan(Some(meta), &Headers::new(), refresh, check, at);
    assert!(meta.answers(&Headers::new()), "the same request again: {meta:?}");
    assert_eq!(planned(Check::WhenOld, now) == Plan::Use, now < until, "{meta:?}");
    assert_ne!(planned(Check::WhenOld, until), Plan::Use, "{meta:?}");
    assert!(planned(Check::Ahead, now) != Plan::Use || planned(Check::WhenOld, now) == Plan::Use, "{meta:?}");
    assert_ne!(planned(Check::Now, now), Plan::Use, "a forced refresh asks");
    for status in [401, 403, 404, 410] {
        assert_eq!(verdict(Some(status), true, Some(meta), refresh, now), Verdict::Gone, "{status}");
    }
    let late = now + MAX_STALE + Duration::from_millis(1);
    assert_eq!(verdict(None, false, Some(meta), refresh, late), Verdict::Failed, "served after a day");
}
