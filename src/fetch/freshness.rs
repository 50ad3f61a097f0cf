//! When a stored document may be used, and what an answer means for it (RFC 9111, for one private cache). Pure.
//!
//! Key types: [`Meta`], what is kept beside a body; [`Plan`], what to do before asking; [`Verdict`], what to do with the answer.
//! No heuristics: an answer that says nothing about its life is checked every time, unless the config says otherwise.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::base::time::{parse_http_date, parse_rfc3339, rfc3339};
use crate::config::Refresh;
use crate::http::Response;

/// How long a document that cannot be checked is still served.
pub const MAX_STALE: Duration = Duration::from_secs(24 * 3600);

/// Longest life that is believed.
const MAX_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Bytes of `Link` fields that are kept.
pub const MAX_LINK: usize = 16 << 10;

/// What is kept beside a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Meta {
    /// Where the document was found in the end, after redirects.
    pub final_url: String,
    /// RFC 3339: when the body was last fetched or confirmed.
    pub checked_at: String,
    /// Seconds it was old already when it came.
    pub age: u64,
    /// Seconds of life by its own headers.
    pub life: u64,
    /// `ETag`, empty for none.
    pub etag: String,
    /// `Last-Modified`, empty for none.
    pub last_modified: String,
    /// `Cache-Control`, empty for none.
    pub cache_control: String,
    /// Hex SHA-256 of the body: a pair that does not fit together is recognised.
    pub body_sha256: String,
    /// `Content-Type`, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// `Link` fields joined by commas, as many as [`MAX_LINK`] holds; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
}

/// What to do before asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Use what is stored.
    Use,
    /// Ask whether what is stored still holds.
    Revalidate,
    /// Ask for the whole.
    Fetch,
}

/// What an answer, or the lack of one, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A new document: use it, and keep it when [`may_store`] allows.
    New,
    /// What is stored still holds.
    Confirmed,
    /// What is stored is served though it could not be checked.
    Stale,
    /// There is nothing to serve; what is stored stays for another try.
    Failed,
    /// The document is gone or refused: what is stored is dropped (H31).
    Gone,
}

impl Meta {
    /// From a whole answer.
    pub fn new(answer: &Response, final_url: &str, body_sha256: String, now: SystemTime) -> Self {
        let header = |name: &str| answer.headers.get(name).unwrap_or_default().to_owned();
        let mut meta = Self {
            final_url: final_url.to_owned(),
            checked_at: String::new(),
            age: 0,
            life: 0,
            etag: header("etag"),
            last_modified: header("last-modified"),
            cache_control: String::new(),
            body_sha256,
            content_type: String::new(),
            link: String::new(),
        };
        meta.confirm(answer, now);
        meta
    }

    /// Takes the life that a 200 or 304 gives (RFC 9111 section 4.3.4). A 304 without caching headers leaves the old ones.
    pub fn confirm(&mut self, answer: &Response, now: SystemTime) {
        let all = answer.headers.all("cache-control").collect::<Vec<_>>().join(", ");
        let says_something = !all.is_empty() || answer.headers.get("expires").is_some();
        if says_something || answer.status != 304 {
            self.life = life(&all, answer, now).min(MAX_LIFE).as_secs();
            self.cache_control = all;
        }
        let fields = [
            (&mut self.etag, "etag"),
            (&mut self.last_modified, "last-modified"),
            (&mut self.content_type, "content-type"),
        ];
        for (field, name) in fields {
            if let Some(value) = answer.headers.get(name) {
                value.clone_into(field);
            }
        }
        if answer.headers.get("link").is_some() {
            self.link = links(answer);
        }
        self.age = initial_age(answer, now).min(MAX_LIFE).as_secs();
        self.checked_at = rfc3339(now);
    }

    /// Until when it may be used unchecked.
    pub fn expires_at(&self, refresh: Refresh) -> Option<SystemTime> {
        let checked = parse_rfc3339(&self.checked_at)?;
        match refresh.max_age {
            Some(max_age) => checked.checked_add(max_age.min(MAX_LIFE)),
            None => {
                checked.checked_add(Duration::from_secs(self.life.saturating_sub(self.age).min(MAX_LIFE.as_secs())))
            }
        }
    }

    fn can_be_revalidated(&self) -> bool {
        !self.etag.is_empty() || !self.last_modified.is_empty()
    }

    fn may_be_served_stale(&self, refresh: Refresh, now: SystemTime) -> bool {
        if refresh.manual_only {
            return true;
        }
        let Some(checked) = parse_rfc3339(&self.checked_at) else { return false };
        let within = now.duration_since(checked).is_ok_and(|since| since <= MAX_STALE);
        within && !has_directive(&self.cache_control, "must-revalidate")
    }
}

/// What to do before asking. A stored time in the future is not believed.
pub fn plan(stored: Option<&Meta>, refresh: Refresh, force: bool, now: SystemTime) -> Plan {
    let Some(meta) = stored else { return Plan::Fetch };
    let from_the_past = parse_rfc3339(&meta.checked_at).is_some_and(|checked| checked <= now);
    let fresh = from_the_past && meta.expires_at(refresh).is_some_and(|until| now < until);
    match force {
        false if refresh.manual_only || fresh => Plan::Use,
        _ if meta.can_be_revalidated() => Plan::Revalidate,
        _ => Plan::Fetch,
    }
}

/// What an answer's status means; `None` for no answer at all.
pub fn verdict(status: Option<u16>, stored: Option<&Meta>, refresh: Refresh, now: SystemTime) -> Verdict {
    match (status, stored) {
        (Some(200 | 203), _) => Verdict::New,
        (Some(304), Some(_)) => Verdict::Confirmed,
        (Some(401 | 403 | 404 | 410), _) => Verdict::Gone,
        (_, Some(meta)) if meta.may_be_served_stale(refresh, now) => Verdict::Stale,
        _ => Verdict::Failed,
    }
}

/// Whether an answer may be kept (RFC 9111 section 3): not `no-store`, and not one of several variants.
pub fn may_store(answer: &Response) -> bool {
    let no_store = answer.headers.all("cache-control").any(|value| has_directive(value, "no-store"));
    let varies = answer
        .headers
        .all("vary")
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .any(|name| !matches!(name.as_str(), "" | "accept-encoding" | "accept"));
    !no_store && !varies && matches!(answer.status, 200 | 203)
}

/// A field that does not fit any more is left out whole.
fn links(answer: &Response) -> String {
    let mut all = String::new();
    for field in answer.headers.all("link").filter(|field| !field.is_empty()) {
        if all.len() + field.len() + 2 <= MAX_LINK {
            all.push_str(if all.is_empty() { "" } else { ", " });
            all.push_str(field);
        }
    }
    all
}

/// RFC 9111 section 4.2.1. Several `max-age` count as the shortest.
fn life(cache_control: &str, answer: &Response, now: SystemTime) -> Duration {
    if has_directive(cache_control, "no-cache") {
        return Duration::ZERO;
    }
    let max_age = directives(cache_control)
        .filter(|(name, _)| name == "max-age")
        .map(|(_, value)| value.trim_matches('"').parse::<u64>().unwrap_or(0))
        .min();
    if let Some(seconds) = max_age {
        return Duration::from_secs(seconds);
    }
    let Some(expires) = answer.headers.get("expires").and_then(parse_http_date) else { return Duration::ZERO };
    let date = answer.headers.get("date").and_then(parse_http_date).unwrap_or(now);
    expires.duration_since(date).unwrap_or(Duration::ZERO)
}

/// RFC 9111 section 4.2.3.
fn initial_age(answer: &Response, now: SystemTime) -> Duration {
    let age = answer.headers.get("age").and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let date = answer.headers.get("date").and_then(parse_http_date);
    let apparent = date.and_then(|date| now.duration_since(date).ok()).unwrap_or(Duration::ZERO);
    apparent.max(Duration::from_secs(age))
}

fn has_directive(cache_control: &str, wanted: &str) -> bool {
    directives(cache_control).any(|(name, _)| name == wanted)
}

fn directives(cache_control: &str) -> impl Iterator<Item = (String, &str)> {
    cache_control.split(',').map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        (name.trim().to_ascii_lowercase(), value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    const NOW: &str = "2026-01-31T12:00:00.000Z";

    fn now() -> SystemTime {
        parse_rfc3339(NOW).unwrap()
    }

    fn after(seconds: u64) -> SystemTime {
        now() + Duration::from_secs(seconds)
    }

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.append(name, value).unwrap();
        }
        Response { status, headers: all, body: Vec::new(), truncated: false }
    }

    fn meta(headers: &[(&str, &str)]) -> Meta {
        Meta::new(&answer(200, headers), "https://h/d", String::new(), now())
    }

    /// How many seconds an answer with these headers is fresh.
    #[track_caller]
    fn check_life(headers: &[(&str, &str)], seconds: u64) {
        let meta = meta(headers);
        let refresh = Refresh::default();
        if seconds > 0 {
            assert_eq!(plan(Some(&meta), refresh, false, after(seconds - 1)), Plan::Use, "{headers:?}");
        }
        assert_ne!(plan(Some(&meta), refresh, false, after(seconds)), Plan::Use, "{headers:?}");
    }

    #[test]
    fn life_follows_the_headers() {
        check_life(&[], 0);
        check_life(&[("Cache-Control", "max-age=60")], 60);
        check_life(&[("Cache-Control", "public, MAX-AGE=\"60\"")], 60);
        check_life(&[("Cache-Control", "max-age=60"), ("Cache-Control", "max-age=30")], 30);
        check_life(&[("Cache-Control", "max-age=60, no-cache")], 0);
        check_life(&[("Cache-Control", "max-age=nonsense"), ("Expires", "Sat, 31 Jan 2026 13:00:00 GMT")], 0);
        check_life(&[("Cache-Control", "max-age=60"), ("Age", "50")], 10);
        check_life(&[("Cache-Control", "max-age=60"), ("Date", "Sat, 31 Jan 2026 11:59:30 GMT")], 30);
        check_life(&[("Expires", "Sat, 31 Jan 2026 12:01:00 GMT")], 60);
        check_life(&[("Expires", "0")], 0);
        check_life(&[("Expires", "Sat, 31 Jan 2026 12:01:00 GMT"), ("Date", "Sat, 31 Jan 2026 12:00:30 GMT")], 30);
        check_life(&[("Expires", "Sat, 31 Jan 2026 13:00:00 GMT"), ("Cache-Control", "max-age=5")], 5);
        check_life(&[("Cache-Control", "max-age=99999999999999999")], MAX_LIFE.as_secs());
    }

    #[track_caller]
    fn check_plan(headers: &[(&str, &str)], refresh: Refresh, force: bool, at: u64, expected: Plan) {
        assert_eq!(plan(Some(&meta(headers)), refresh, force, after(at)), expected);
    }

    #[test]
    fn the_plan_follows_config_and_force() {
        let max_age = |seconds| Refresh { max_age: Some(Duration::from_secs(seconds)), manual_only: false };
        let manual = Refresh { max_age: None, manual_only: true };
        let (etag, long) = (("ETag", "\"1\""), ("Cache-Control", "max-age=1000"));
        assert_eq!(plan(None, manual, false, now()), Plan::Fetch);
        check_plan(&[long], max_age(10), false, 11, Plan::Fetch);
        check_plan(&[long, etag], max_age(10), false, 11, Plan::Revalidate);
        check_plan(&[("Cache-Control", "no-cache")], max_age(10), false, 9, Plan::Use);
        check_plan(&[], manual, false, 1_000_000_000, Plan::Use);
        check_plan(&[etag], manual, true, 0, Plan::Revalidate);
        check_plan(&[long], Refresh::default(), true, 0, Plan::Fetch);
        check_plan(
            &[("Last-Modified", "Sat, 31 Jan 2026 10:00:00 GMT")],
            Refresh::default(),
            false,
            0,
            Plan::Revalidate,
        );
        let from_the_future = Meta { checked_at: "2027-01-01T00:00:00Z".into(), ..meta(&[long]) };
        assert_eq!(plan(Some(&from_the_future), Refresh::default(), false, now()), Plan::Fetch);
    }

    #[test]
    fn h31_stale_has_a_bound_and_gone_is_gone() {
        let stored = meta(&[]);
        let strict = meta(&[("Cache-Control", "must-revalidate")]);
        let manual = Refresh { max_age: None, manual_only: true };
        let day = MAX_STALE.as_secs();
        for (status, stored, refresh, at, expected) in [
            (Some(200), Some(&stored), Refresh::default(), 0, Verdict::New),
            (Some(304), Some(&stored), Refresh::default(), 0, Verdict::Confirmed),
            (Some(304), None, Refresh::default(), 0, Verdict::Failed),
            (Some(503), Some(&stored), Refresh::default(), day, Verdict::Stale),
            (None, Some(&stored), Refresh::default(), day, Verdict::Stale),
            (Some(503), Some(&stored), Refresh::default(), day + 1, Verdict::Failed),
            (None, Some(&stored), manual, day * 400, Verdict::Stale),
            (Some(500), Some(&strict), Refresh::default(), 1, Verdict::Failed),
            (Some(500), None, Refresh::default(), 0, Verdict::Failed),
            (Some(204), None, Refresh::default(), 0, Verdict::Failed),
            (Some(401), Some(&stored), manual, 0, Verdict::Gone),
            (Some(403), Some(&stored), manual, 0, Verdict::Gone),
            (Some(404), Some(&stored), Refresh::default(), 0, Verdict::Gone),
            (Some(410), Some(&stored), Refresh::default(), 0, Verdict::Gone),
        ] {
            assert_eq!(verdict(status, stored, refresh, after(at)), expected, "{status:?} at {at}");
        }
    }

    #[test]
    fn h31_no_store_and_variants_are_not_kept() {
        for (headers, expected) in [
            (&[][..], true),
            (&[("Cache-Control", "no-store")], false),
            (&[("Cache-Control", "private, No-Store")], false),
            (&[("Vary", "Accept-Encoding, accept")], true),
            (&[("Vary", "Authorization")], false),
            (&[("Vary", "*")], false),
        ] {
            assert_eq!(may_store(&answer(200, headers)), expected, "{headers:?}");
        }
        assert!(!may_store(&answer(500, &[])));
    }

    #[test]
    fn a_confirmation_renews_the_life() {
        let mut meta = meta(&[("Cache-Control", "max-age=10"), ("ETag", "\"1\"")]);
        meta.confirm(&answer(304, &[]), after(20));
        assert_eq!(plan(Some(&meta), Refresh::default(), false, after(29)), Plan::Use);
        meta.confirm(&answer(304, &[("Cache-Control", "max-age=100"), ("ETag", "\"2\"")]), after(30));
        assert_eq!(plan(Some(&meta), Refresh::default(), false, after(129)), Plan::Use);
        assert_eq!(meta.etag, "\"2\"");
    }

    #[test]
    fn links_and_media_type_are_kept_until_an_answer_gives_others() {
        let mut meta = meta(&[("Link", "<a>; rel=x"), ("link", "<b>; rel=y"), ("Content-Type", "text/x")]);
        assert_eq!((meta.link.as_str(), meta.content_type.as_str()), ("<a>; rel=x, <b>; rel=y", "text/x"));
        meta.confirm(&answer(304, &[]), now());
        assert_eq!((meta.link.len(), meta.content_type.as_str()), (22, "text/x"));
        let long = "x".repeat(MAX_LINK);
        meta.confirm(&answer(304, &[("Link", &long), ("Link", "<c>")]), now());
        assert_eq!(meta.link, "<c>", "what does not fit is left out");
    }
}
