//! Brings a document: from disk, from the cache, or over HTTP.
//!
//! Redirects are followed here, one judged hop at a time: never to a file, never down from https, and to another origin only at
//! public addresses unless the config names that host (H27).

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::FetchRecord;
use super::freshness::{self, Check, Meta, Plan, Verdict};
use super::store::Store;
use crate::base::digest::of_bytes;
use crate::base::disk;
use crate::base::document::MAX_BYTES;
use crate::base::host::{Clock, Deadline};
use crate::base::time::rfc3339;
use crate::base::url::Url;
use crate::config::{HostPattern, Location, Refresh};
use crate::http::{CODINGS, Headers, Limits, Method, Reach, Request, Response, Transport, TransportErrorKind};

/// Redirects followed for one document.
const MAX_REDIRECTS: usize = 5;

/// Headers that carry the `ETag` and the `Last-Modified` of what is stored.
const VALIDATORS: [&str; 2] = ["If-None-Match", "If-Modified-Since"];

const ACCEPT: &str =
    "application/json, application/linkset+json;q=0.9, application/yaml;q=0.9, application/linkset;q=0.8, */*;q=0.5";

/// Brings documents; shared by the threads of a catalog build.
pub struct Fetcher {
    transport: Arc<dyn Transport>,
    store: Option<Store>,
    clock: Clock,
    named: Vec<HostPattern>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("store", &self.store).finish_non_exhaustive()
    }
}

/// What is wanted.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Where it is.
    pub location: &'a Location,
    /// How long a stored one is good.
    pub refresh: Refresh,
    /// When a stored one is checked.
    pub check: Check,
    /// Which addresses the location itself may have.
    pub reach: Reach,
    /// `explicit`, `rfc9727` or `rfc8631`, for the record.
    pub method: &'static str,
    /// Whether header fields are enough (HEAD); a file has none.
    pub head: bool,
    /// When it must be here.
    pub deadline: Deadline,
}

impl Ask<'_> {
    fn request_method(&self) -> Method {
        if self.head { Method::Head } else { Method::Get }
    }
}

/// A document.
#[derive(Debug)]
pub struct Fetched {
    /// At most [`MAX_BYTES`].
    pub bytes: Vec<u8>,
    /// What tells it from another one ([`Meta::identity`]): for a file the hex SHA-256 of its bytes.
    pub digest: String,
    /// Where it was found in the end: the base of its references.
    pub url: Url,
    /// For the catalog.
    pub record: FetchRecord,
    /// What else its answer said.
    pub head: Head,
}

/// Header fields that discovery follows; empty for files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `Content-Type`; empty for none.
    pub content_type: String,
    /// `Link` fields, joined by commas; empty for none.
    pub link: String,
}

impl Head {
    fn of(meta: &Meta) -> Self {
        Self { content_type: meta.content_type.clone(), link: meta.link.clone() }
    }
}

/// What became of a document that is known already.
#[derive(Debug)]
pub enum Look {
    /// It is as it was, and stands where it stood.
    Same(FetchRecord),
    /// It is another one.
    Other(Fetched),
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// What failed and why; no query of a URL.
    pub message: String,
    /// What was tried, when anything was asked.
    pub record: Option<FetchRecord>,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}

impl Fetcher {
    /// Keeps documents in `cache_dir`; `None` keeps nothing.
    pub fn new(transport: Arc<dyn Transport>, cache_dir: Option<std::path::PathBuf>, clock: Clock) -> Self {
        Self { transport, store: cache_dir.map(Store::new), clock, named: Vec::new() }
    }

    /// Hosts that redirects may lead to at any address: `policy.egress.allow`.
    #[must_use]
    pub fn naming(mut self, hosts: Vec<HostPattern>) -> Self {
        self.named = hosts;
        self
    }

    /// Brings one document.
    pub fn fetch(&self, ask: &Ask) -> Result<Fetched, FetchError> {
        let Found { bytes, digest, url, record, head } = self.bring(ask, None)?;
        let bytes = bytes.expect("bytes are left out only where they were said to be known");
        Ok(Fetched { bytes, digest, url, record, head })
    }

    /// Looks whether a document is still the one that was brought from `url` before. Where an answer or the store says that it is,
    /// its bytes are not read again.
    pub fn look(&self, ask: &Ask, url: &Url, digest: &str) -> Result<Look, FetchError> {
        let Found { bytes, digest: present, url: at, record, head } = self.bring(ask, Some(digest))?;
        Ok(match bytes {
            Some(bytes) if present != digest || at != *url => {
                Look::Other(Fetched { bytes, digest: present, url: at, record, head })
            }
            None if at != *url || present != digest => Look::Other(self.fetch(&Ask { check: Check::WhenOld, ..*ask })?),
            _ => Look::Same(record),
        })
    }

    /// The stored bytes of a document that was looked at and found to be the same.
    pub fn stored(&self, ask: &Ask, digest: &str, record: &FetchRecord) -> Option<Fetched> {
        let Location::Remote(url) = ask.location else { return None };
        let stored = self.store.as_ref()?.load(&Self::entry(url, ask));
        let (meta, bytes) = stored.filter(|(meta, _)| meta.identity() == digest)?;
        let at = Url::parse(&meta.final_url).ok()?;
        Some(Fetched { bytes, digest: meta.identity(), url: at, record: record.clone(), head: Head::of(&meta) })
    }

    fn bring(&self, ask: &Ask, known: Option<&str>) -> Result<Found, FetchError> {
        match ask.location {
            Location::File(path) => self.file(path, ask),
            Location::Remote(url) if url.is_http() => self.remote(url, ask, known),
            Location::Remote(_) => {
                Err(FetchError { message: "only http and https addresses are fetched".to_owned(), record: None })
            }
        }
    }

    fn file(&self, path: &Path, ask: &Ask) -> Result<Found, FetchError> {
        let failed = |message| FetchError { message, record: None };
        let bytes = disk::read_regular(path, MAX_BYTES).map_err(|error| failed(unreadable(path, &error)))?;
        let url = Url::from_file_path(path).ok_or_else(|| failed(format!("{} is no absolute path", path.display())))?;
        let record = FetchRecord {
            url: url.public().to_owned(),
            fetched_at: rfc3339(self.clock.now()),
            method: ask.method.to_owned(),
            ..FetchRecord::default()
        };
        let (digest, head) = (of_bytes(&bytes), Head::default());
        Ok(Found { digest, bytes: Some(bytes), url, record, head })
    }

    fn remote(&self, url: &Url, ask: &Ask, known: Option<&str>) -> Result<Found, FetchError> {
        let asked_at = self.clock.now();
        let stored = self.stored_entry(&Self::entry(url, ask), known);
        let meta = stored.as_ref().map(|stored| &stored.meta);
        let plan = freshness::plan(meta, &headers(), ask.refresh, ask.check, asked_at);
        if let (Plan::Use, Some(Stored { meta, body })) = (plan, &stored) {
            return Ok(self.serve(url, ask, meta, body.clone(), "fresh_hit"));
        }
        let validators = meta.filter(|_| plan == Plan::Revalidate);
        let asked = self.follow(url, ask, validators);
        self.settle(url, ask, stored, asked, asked_at)
    }

    /// What the store has; no body when it is the known one. Another variant is as good as nothing, also when nobody answers.
    fn stored_entry(&self, url: &Url, known: Option<&str>) -> Option<Stored> {
        let store = self.store.as_ref()?;
        let peeked = known.and_then(|known| store.peek(url).filter(|meta| meta.identity() == known));
        let stored = match peeked {
            Some(meta) => Stored { meta, body: None },
            None => store.load(url).map(|(meta, body)| Stored { meta, body: Some(body) })?,
        };
        stored.meta.answers(&headers()).then_some(stored)
    }

    /// What an answer is stored under. HEAD's is apart from GET's: no document that is asked for has the address of a file.
    fn entry(url: &Url, ask: &Ask) -> Url {
        let head = || Url::from_file_path(Path::new(&format!("/HEAD/{}", url.without_fragment())));
        ask.head.then(head).flatten().unwrap_or_else(|| url.clone())
    }

    /// Asks, and follows redirects.
    fn follow(&self, url: &Url, ask: &Ask, stored: Option<&Meta>) -> Result<Reply, Trouble> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let limits = Limits { deadline: ask.deadline, max_body: MAX_BYTES, reach: self.reach(url, &at, ask.reach) };
            let request = request(ask.request_method(), &at, stored);
            let answer = self.transport.send(&request, limits).map_err(|error| Trouble {
                forbidden: error.kind == TransportErrorKind::Forbidden,
                message: error.message,
            })?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                let asked_whether = VALIDATORS.iter().any(|name| request.headers.get(name).is_some());
                return Ok(Reply { answer, at, asked_whether });
            }
            at = next_hop(&at, &answer).map_err(|message| Trouble { forbidden: true, message })?;
        }
        Err(Trouble { forbidden: false, message: format!("more than {MAX_REDIRECTS} redirects") })
    }

    /// Addresses that a hop may have.
    fn reach(&self, asked: &Url, hop: &Url, reach: Reach) -> Reach {
        let is_named = self.named.iter().any(|pattern| pattern.matches(hop.host(), hop.port()));
        if asked.origin() == hop.origin() {
            reach
        } else if is_named {
            Reach::Named
        } else {
            Reach::PublicOnly
        }
    }

    /// Decides what is served, and keeps the cache right.
    fn settle(
        &self,
        url: &Url,
        ask: &Ask,
        stored: Option<Stored>,
        asked: Result<Reply, Trouble>,
        asked_at: SystemTime,
    ) -> Result<Found, FetchError> {
        let now = self.clock.now();
        let meta = stored.as_ref().map(|stored| &stored.meta);
        let (verdict, answer, message) = match asked {
            Ok(Reply { answer, .. }) if answer.status == 200 && answer.truncated => {
                (Verdict::Failed, Some(answer), "the document is larger than 64 MiB".to_owned())
            }
            Ok(Reply { answer, at, asked_whether }) => {
                let verdict = freshness::verdict(Some(answer.status), asked_whether, meta, ask.refresh, now);
                if verdict == Verdict::New {
                    return Ok(self.take(url, ask, answer, at, stored.is_some(), asked_at));
                }
                let message = format!("it answered {}", answer.status);
                (verdict, Some(answer), message)
            }
            Err(trouble) if trouble.forbidden => (Verdict::Failed, None, trouble.message),
            Err(trouble) => (freshness::verdict(None, false, meta, ask.refresh, now), None, trouble.message),
        };
        match (verdict, stored, &answer, &self.store) {
            (Verdict::Confirmed, Some(Stored { mut meta, body }), Some(answer), Some(store)) => {
                meta.confirm(answer, asked_at);
                store.confirm(&Self::entry(url, ask), &meta);
                return Ok(self.serve(url, ask, &meta, body, "revalidated_hit").with_status(304));
            }
            (Verdict::Stale, Some(Stored { meta, body }), answer, _) => {
                let served = self.serve(url, ask, &meta, body, "stale_hit");
                return Ok(match answer {
                    Some(answer) => served.with_status(answer.status),
                    None => served.without_status(),
                });
            }
            (Verdict::Gone, _, _, Some(store)) => store.forget(&Self::entry(url, ask)),
            _ => {}
        }
        let mut record = record(url, ask, now, "miss");
        record.status_code = answer.map(|answer| answer.status);
        Err(FetchError { message: format!("{} cannot be fetched: {message}", url.public()), record: Some(record) })
    }

    /// A new document.
    fn take(&self, url: &Url, ask: &Ask, answer: Response, at: Url, replaces: bool, asked_at: SystemTime) -> Found {
        let variant = freshness::variant(&answer, &headers());
        let meta = Meta::new(&answer, at.as_str(), variant, of_bytes(&answer.body), asked_at);
        if let Some(store) = &self.store {
            match freshness::may_store(&answer) {
                true => store.keep(&Self::entry(url, ask), &meta, &answer.body, self.clock.now()),
                false => store.forget(&Self::entry(url, ask)),
            }
        }
        let outcome = if replaces { "refreshed" } else { "miss" };
        let mut found = self.serve(url, ask, &meta, Some(answer.body), outcome).with_status(answer.status);
        found.url = at;
        found
    }

    fn serve(&self, url: &Url, ask: &Ask, meta: &Meta, bytes: Option<Vec<u8>>, outcome: &str) -> Found {
        let now = self.clock.now();
        let mut record = record(url, ask, now, outcome);
        record.status_code = Some(200);
        record.etag.clone_from(&meta.etag);
        record.last_modified.clone_from(&meta.last_modified);
        record.cache_control.clone_from(&meta.cache_control);
        record.expires_at = meta.expires_at(ask.refresh).map(rfc3339).unwrap_or_default();
        record.stale = outcome == "stale_hit";
        if outcome == "fresh_hit" || outcome == "stale_hit" {
            record.fetched_at.clone_from(&meta.checked_at);
        }
        let url = Url::parse(&meta.final_url).unwrap_or_else(|_| url.clone());
        let (digest, head) = (meta.identity(), Head::of(meta));
        Found { bytes, digest, url, record, head }
    }
}

/// A document, or that it is the known one.
struct Found {
    /// Absent when the known one still holds.
    bytes: Option<Vec<u8>>,
    digest: String,
    url: Url,
    record: FetchRecord,
    head: Head,
}

impl Found {
    fn with_status(mut self, status: u16) -> Self {
        self.record.status_code = Some(status);
        self
    }

    /// Nobody answered.
    fn without_status(mut self) -> Self {
        self.record.status_code = None;
        self
    }
}

/// What the store has.
struct Stored {
    meta: Meta,
    /// Absent when it is the known one.
    body: Option<Vec<u8>>,
}

/// The answer at the end of all redirects.
struct Reply {
    answer: Response,
    at: Url,
    /// Whether validators were sent there.
    asked_whether: bool,
}

/// Why nothing usable came; what is forbidden is not papered over with a stored document.
struct Trouble {
    message: String,
    forbidden: bool,
}

fn record(url: &Url, ask: &Ask, now: SystemTime, outcome: &str) -> FetchRecord {
    FetchRecord {
        url: url.public().to_owned(),
        fetched_at: rfc3339(now),
        method: ask.method.to_owned(),
        request_method: ask.request_method().as_str().to_owned(),
        cache_outcome: outcome.to_owned(),
        ..FetchRecord::default()
    }
}

/// What every request says, besides what the transport adds; never who asks.
fn headers() -> Headers {
    Headers::new().with("Accept", ACCEPT).with("Accept-Encoding", CODINGS)
}

/// Validators go only to the URL that gave them: another one may use the same tag for something else.
fn request(method: Method, at: &Url, stored: Option<&Meta>) -> Request {
    let mut request = Request { method, ..Request::get(at.document()) };
    request.headers = headers();
    if let Some(meta) = stored.filter(|meta| meta.final_url == at.as_str()) {
        for (name, value) in VALIDATORS.into_iter().zip([&meta.etag, &meta.last_modified]) {
            if !value.is_empty() {
                // A stored value that cannot be sent only costs the saving.
                request.headers.append(name, value).ok();
            }
        }
    }
    request
}

fn next_hop(at: &Url, answer: &Response) -> Result<Url, String> {
    let location = answer.headers.get("location").ok_or("a redirect without a Location")?;
    let next = at.join(location).map_err(|error| format!("a redirect to what is no usable address: {error}"))?;
    if !next.is_http() {
        return Err("a redirect to something that is not http".to_owned());
    }
    if at.scheme() == "https" && next.scheme() != "https" {
        return Err(format!("a redirect from https down to http at {}", next.host()));
    }
    Ok(next.document())
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("the file {} does not exist", path.display()),
        io::ErrorKind::FileTooLarge => format!("the file {} is larger than 64 MiB", path.display()),
        _ => format!("the file {} cannot be read: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests;
