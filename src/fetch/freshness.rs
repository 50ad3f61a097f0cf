//! When a stored document may be used, and what an answer means for it (RFC 9111, for one private cache). Pure.
//!
//! Key types: [`Meta`], what is kept beside a body; [`Plan`], what to do before asking; [`Verdict`], what to do with the answer.
//! No heuristics: an answer that says nothing about its life is checked every time, unless the config says otherwise.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::base::time::{parse_http_date, parse_rfc3339, rfc3339};
use crate::config::Refresh;
use crate::http::{Headers, Response};

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
    /// The request's fields that `Vary` names, with their values; empty for none. Another request gets another document.
    pub variant: String,
    /// Hex SHA-256 of the body: a pair that does not fit together is recognised.
    pub body_sha256: String,
    /// `Content-Type`, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// `Link` fields joined by commas, as many as [`MAX_LINK`] holds; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
}

/// When a stored document is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// When it is not fresh any more.
    WhenOld,
    /// Also when the last quarter of its life has begun: whoever checks in time never serves an old one.
    Ahead,
    /// Whatever its age.
    Now,
}

impl Check {
    /// As a forced refresh asks, or not.
    pub fn forced(force: bool) -> Self {
        if force { Self::Now } else { Self::WhenOld }
    }
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
    /// What tells a document from another one: its body, and the header fields that discovery follows.
    pub fn identity(&self) -> String {
        let Self { body_sha256, content_type, link, .. } = self;
        if content_type.is_empty() && link.is_empty() {
            return body_sha256.clone();
        }
        // No header field holds the end of a line.
        format!("{body_sha256}\n{content_type}\n{link}")
    }

    /// From a whole answer to a request that was sent at `now`: the time on the way counts as age (RFC 9111 section 4.2.3).
    pub fn new(answer: &Response, final_url: &str, variant: String, body_sha256: String, now: SystemTime) -> Self {
        let header = |name: &str| answer.headers.get(name).unwrap_or_default().to_owned();
        let mut meta = Self {
            final_url: final_url.to_owned(),
            checked_at: String::new(),
            age: 0,
            life: 0,
            etag: header("etag"),
            last_modified: header("last-modified"),
            cache_control: String::new(),
            variant,
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

    /// From when on it is checked by whoever keeps it fresh.
    fn ahead_at(&self, refresh: Refresh) -> Option<SystemTime> {
        let life = refresh.max_age.map_or(self.life, |max_age| max_age.as_secs()).min(MAX_LIFE.as_secs());
        self.expires_at(refresh)?.checked_sub(Duration::from_secs(life) / 4)
    }

    fn can_be_revalidated(&self) -> bool {
        !self.etag.is_empty() || !self.last_modified.is_empty()
    }

    /// Whether another request with these headers would have been answered with it (RFC 9111 section 4.1).
    pub fn answers(&self, request: &Headers) -> bool {
        let mut fields = self.variant.lines().filter_map(|line| line.split_once('='));
        fields.all(|(name, value)| field(request, name) == value)
    }

    /// RFC 9111 section 4.2.4: some answers are never used unchecked. `stale-if-error` (RFC 5861) may shorten our bound.
    fn may_be_served_stale(&self, refresh: Refresh, now: SystemTime) -> bool {
        if refresh.manual_only {
            return true;
        }
        let forbidden = ["must-revalidate", "no-cache"].iter().any(|name| has_directive(&self.cache_control, name));
        let Some(checked) = parse_rfc3339(&self.checked_at).filter(|_| !forbidden) else { return false };
        let bound = match seconds(&self.cache_control, "stale-if-error") {
            Some(stale) => MAX_STALE.min(Duration::from_secs(self.life.saturating_sub(self.age).saturating_add(stale))),
            None => MAX_STALE,
        };
        now.duration_since(checked).is_ok_and(|since| since <= bound)
    }
}

/// What to do before sending `request`. A stored time in the future is not believed.
pub fn plan(stored: Option<&Meta>, request: &Headers, refresh: Refresh, check: Check, now: SystemTime) -> Plan {
    let Some(meta) = stored.filter(|meta| meta.answers(request)) else { return Plan::Fetch };
    let from_the_past = parse_rfc3339(&meta.checked_at).is_some_and(|checked| checked <= now);
    let until = match check {
        Check::WhenOld => meta.expires_at(refresh),
        Check::Ahead => meta.ahead_at(refresh),
        Check::Now => None,
    };
    let fresh = from_the_past && until.is_some_and(|until| now < until);
    match check {
        Check::WhenOld | Check::Ahead if refresh.manual_only || fresh => Plan::Use,
        _ if meta.can_be_revalidated() => Plan::Revalidate,
        _ => Plan::Fetch,
    }
}

/// What an answer's status means; `None` for no answer at all. `asked_whether` says that validators were sent: a 304 to a request
/// without any confirms nothing.
pub fn verdict(
    status: Option<u16>,
    asked_whether: bool,
    stored: Option<&Meta>,
    refresh: Refresh,
    now: SystemTime,
) -> Verdict {
    match (status, stored) {
        (Some(200 | 203), _) => Verdict::New,
        (Some(304), Some(_)) if asked_whether => Verdict::Confirmed,
        (Some(401 | 403 | 404 | 410), _) => Verdict::Gone,
        (_, Some(meta)) if meta.may_be_served_stale(refresh, now) => Verdict::Stale,
        _ => Verdict::Failed,
    }
}

/// Whether an answer may be kept (RFC 9111 section 3): not `no-store`, and not one of unknown variants.
pub fn may_store(answer: &Response) -> bool {
    let no_store = answer.headers.all("cache-control").any(|value| has_directive(value, "no-store"));
    !no_store && !varying(answer).any(|name| name == "*") && matches!(answer.status, 200 | 203)
}

/// The fields of `request` that `answer` depends on, a line each: `name=value`. What is not sent is empty.
pub fn variant(answer: &Response, request: &Headers) -> String {
    let names: BTreeSet<String> = varying(answer).collect();
    names.iter().map(|name| format!("{name}={}\n", field(request, name))).collect()
}

/// Names in `Vary`, in lower case; what can be no name counts as everything.
fn varying(answer: &Response) -> impl Iterator<Item = String> {
    let names = answer.headers.all("vary").flat_map(|value| value.split(','));
    let names = names.map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty());
    names.map(|name| if name.contains(['*', '=']) { "*".to_owned() } else { name })
}

/// The transport adds `User-Agent` by itself, and its value changes with the version alone.
fn field<'a>(request: &'a Headers, name: &str) -> &'a str {
    if name == "user-agent" { crate::VERSION } else { request.get(name).unwrap_or_default() }
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
    if let Some(seconds) = seconds(cache_control, "max-age") {
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

/// The value of a directive; of several the shortest, and nonsense is none at all.
fn seconds(cache_control: &str, wanted: &str) -> Option<u64> {
    let values = directives(cache_control).filter(|(name, _)| name == wanted);
    values.map(|(_, value)| value.trim_matches('"').parse().unwrap_or(0)).min()
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
        Meta::new(&answer(200, headers), "https://h/d", String::new(), String::new(), now())
    }

    fn planned(meta: &Meta, refresh: Refresh, check: Check, at: SystemTime) -> Plan {
        plan(Some(meta), &Headers::new(), refresh, check, at)
    }

    /// How many seconds an answer with these headers is fresh.
    #[track_caller]
    fn check_life(headers: &[(&str, &str)], seconds: u64) {
        let meta = meta(headers);
        let refresh = Refresh::default();
        if seconds > 0 {
            assert_eq!(planned(&meta, refresh, Check::WhenOld, after(seconds - 1)), Plan::Use, "{headers:?}");
        }
        assert_ne!(planned(&meta, refresh, Check::WhenOld, after(seconds)), Plan::Use, "{headers:?}");
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
    fn check_plan(headers: &[(&str, &str)], refresh: Refresh, check: Check, at: u64, expected: Plan) {
        assert_eq!(planned(&meta(headers), refresh, check, after(at)), expected, "{headers:?} at {at}");
    }

    #[test]
    fn the_plan_follows_config_and_force() {
        let max_age = |seconds| Refresh { max_age: Some(Duration::from_secs(seconds)), manual_only: false };
        let manual = Refresh { max_age: None, manual_only: true };
        let (etag, long) = (("ETag", "\"1\""), ("Cache-Control", "max-age=1000"));
        assert_eq!(plan(None, &Headers::new(), manual, Check::WhenOld, now()), Plan::Fetch);
        check_plan(&[long], max_age(10), Check::WhenOld, 11, Plan::Fetch);
        check_plan(&[long, etag], max_age(10), Check::WhenOld, 11, Plan::Revalidate);
        check_plan(&[("Cache-Control", "no-cache")], max_age(10), Check::WhenOld, 9, Plan::Use);
        check_plan(&[], manual, Check::WhenOld, 1_000_000_000, Plan::Use);
        check_plan(&[etag], manual, Check::Now, 0, Plan::Revalidate);
        check_plan(&[long], Refresh::default(), Check::Now, 0, Plan::Fetch);
        check_plan(
            &[("Last-Modified", "Sat, 31 Jan 2026 10:00:00 GMT")],
            Refresh::default(),
            Check::WhenOld,
            0,
            Plan::Revalidate,
        );
        let from_the_future = Meta { checked_at: "2027-01-01T00:00:00Z".into(), ..meta(&[long]) };
        assert_eq!(planned(&from_the_future, Refresh::default(), Check::WhenOld, now()), Plan::Fetch);
    }

    #[test]
    fn h31_stale_has_a_bound_and_gone_is_gone() {
        let stored = meta(&[]);
        let strict = meta(&[("Cache-Control", "must-revalidate")]);
        let no_cache = meta(&[("Cache-Control", "No-Cache")]);
        let short = meta(&[("Cache-Control", "max-age=60, stale-if-error=600"), ("Age", "10")]);
        let long = meta(&[("Cache-Control", "max-age=60, stale-if-error=9999999")]);
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
            (None, Some(&no_cache), Refresh::default(), 1, Verdict::Failed),
            (None, Some(&no_cache), manual, 1, Verdict::Stale),
            (Some(500), Some(&short), Refresh::default(), 650, Verdict::Stale),
            (Some(500), Some(&short), Refresh::default(), 651, Verdict::Failed),
            (Some(500), Some(&long), Refresh::default(), day, Verdict::Stale),
            (Some(500), Some(&long), Refresh::default(), day + 1, Verdict::Failed),
            (Some(500), None, Refresh::default(), 0, Verdict::Failed),
            (Some(204), None, Refresh::default(), 0, Verdict::Failed),
            (Some(401), Some(&stored), manual, 0, Verdict::Gone),
            (Some(403), Some(&stored), manual, 0, Verdict::Gone),
            (Some(404), Some(&stored), Refresh::default(), 0, Verdict::Gone),
            (Some(410), Some(&stored), Refresh::default(), 0, Verdict::Gone),
        ] {
            assert_eq!(verdict(status, true, stored, refresh, after(at)), expected, "{status:?} at {at}");
        }
        let unasked = verdict(Some(304), false, Some(&stored), Refresh::default(), now());
        assert_eq!(unasked, Verdict::Stale, "nobody asked whether it still holds");
    }

    #[test]
    fn h31_no_store_and_unknown_variants_are_not_kept() {
        for (headers, expected) in [
            (&[][..], true),
            (&[("Cache-Control", "no-store")], false),
            (&[("Cache-Control", "private, No-Store")], false),
            (&[("Vary", "Accept-Encoding, accept")], true),
            (&[("Vary", "Origin, Authorization")], true),
            (&[("Vary", "*")], false),
            (&[("Vary", "Accept, *")], false),
        ] {
            assert_eq!(may_store(&answer(200, headers)), expected, "{headers:?}");
        }
        assert!(!may_store(&answer(500, &[])));
    }

    #[test]
    fn h31_another_variant_is_another_document() {
        let request = Headers::new().with("Accept", "a/b");
        let answer = answer(200, &[("Vary", "Origin, accept"), ("Vary", "User-Agent"), ("ETag", "\"1\"")]);
        let fields = variant(&answer, &request);
        assert_eq!(fields, format!("accept=a/b\norigin=\nuser-agent={}\n", crate::VERSION));
        let meta = Meta::new(&answer, "https://h/d", fields, String::new(), now());
        let refresh = Refresh { max_age: Some(Duration::from_secs(9)), manual_only: false };
        for (request, expected) in [
            (request.clone(), Plan::Use),
            (Headers::new().with("Accept", "a/c"), Plan::Fetch),
            (request.with("Origin", "https://o"), Plan::Fetch),
        ] {
            assert_eq!(plan(Some(&meta), &request, refresh, Check::WhenOld, now()), expected);
        }
    }

    #[test]
    fn whoever_keeps_it_fresh_asks_in_the_last_quarter_of_its_life() {
        let (etag, life) = (("ETag", "\"1\""), ("Cache-Control", "max-age=100"));
        check_plan(&[life, etag], Refresh::default(), Check::Ahead, 74, Plan::Use);
        check_plan(&[life, etag], Refresh::default(), Check::Ahead, 75, Plan::Revalidate);
        check_plan(&[life, etag], Refresh::default(), Check::WhenOld, 99, Plan::Use);
        let max_age = Refresh { max_age: Some(Duration::from_secs(40)), manual_only: false };
        check_plan(&[life, etag], max_age, Check::Ahead, 29, Plan::Use);
        check_plan(&[life, etag], max_age, Check::Ahead, 30, Plan::Revalidate);
        check_plan(&[life], Refresh { max_age: None, manual_only: true }, Check::Ahead, 9_999, Plan::Use);
    }

    #[test]
    fn a_confirmation_renews_the_life() {
        let mut meta = meta(&[("Cache-Control", "max-age=10"), ("ETag", "\"1\"")]);
        meta.confirm(&answer(304, &[]), after(20));
        assert_eq!(planned(&meta, Refresh::default(), Check::WhenOld, after(29)), Plan::Use);
        meta.confirm(&answer(304, &[("Cache-Control", "max-age=100"), ("ETag", "\"2\"")]), after(30));
        assert_eq!(planned(&meta, Refresh::default(), Check::WhenOld, after(129)), Plan::Use);
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
