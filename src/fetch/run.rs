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
use super::freshness::{self, Meta, Plan, Verdict};
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
    /// Whether to ask even if a stored one is good.
    pub force: bool,
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
    /// Where it was found in the end: the base of its references.
    pub url: Url,
    /// For the catalog.
    pub record: FetchRecord,
    /// `Content-Type`; empty for files and for none.
    pub content_type: String,
    /// `Link` fields, joined by commas; empty for none.
    pub link: String,
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
        match ask.location {
            Location::File(path) => self.file(path, ask),
            Location::Remote(url) if url.is_http() => self.remote(url, ask),
            Location::Remote(_) => {
                Err(FetchError { message: "only http and https addresses are fetched".to_owned(), record: None })
            }
        }
    }

    fn file(&self, path: &Path, ask: &Ask) -> Result<Fetched, FetchError> {
        let failed = |message| FetchError { message, record: None };
        let bytes = disk::read_regular(path, MAX_BYTES).map_err(|error| failed(unreadable(path, &error)))?;
        let url = Url::from_file_path(path).ok_or_else(|| failed(format!("{} is no absolute path", path.display())))?;
        let record = FetchRecord {
            url: url.public().to_owned(),
            fetched_at: rfc3339(self.clock.now()),
            method: ask.method.to_owned(),
            ..FetchRecord::default()
        };
        Ok(Fetched { bytes, url, record, content_type: String::new(), link: String::new() })
    }

    fn remote(&self, url: &Url, ask: &Ask) -> Result<Fetched, FetchError> {
        let now = self.clock.now();
        let stored = self.store.as_ref().and_then(|store| store.load(&Self::entry(url, ask)));
        let plan = freshness::plan(stored.as_ref().map(|(meta, _)| meta), ask.refresh, ask.force, now);
        if let (Plan::Use, Some((meta, body))) = (plan, &stored) {
            return Ok(self.serve(url, ask, meta, body.clone(), "fresh_hit"));
        }
        let validators = stored.as_ref().map(|(meta, _)| meta).filter(|_| plan == Plan::Revalidate);
        let asked = self.follow(url, ask, validators);
        self.settle(url, ask, stored, asked)
    }

    /// What an answer is stored under. HEAD's is apart from GET's: no document that is asked for has the address of a file.
    fn entry(url: &Url, ask: &Ask) -> Url {
        let head = || Url::from_file_path(Path::new(&format!("/HEAD/{}", url.without_fragment())));
        ask.head.then(head).flatten().unwrap_or_else(|| url.clone())
    }

    /// Asks, and follows redirects.
    fn follow(&self, url: &Url, ask: &Ask, stored: Option<&Meta>) -> Result<(Response, Url), Trouble> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let limits = Limits { deadline: ask.deadline, max_body: MAX_BYTES, reach: self.reach(url, &at, ask.reach) };
            let answer = self.transport.send(&request(ask.request_method(), &at, stored), limits).map_err(|error| {
                Trouble { forbidden: error.kind == TransportErrorKind::Forbidden, message: error.message }
            })?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok((answer, at));
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
        stored: Option<(Meta, Vec<u8>)>,
        asked: Result<(Response, Url), Trouble>,
    ) -> Result<Fetched, FetchError> {
        let now = self.clock.now();
        let meta = stored.as_ref().map(|(meta, _)| meta);
        let (verdict, answer, message) = match asked {
            Ok((answer, _)) if answer.status == 200 && answer.truncated => {
                (Verdict::Failed, Some(answer), "the document is larger than 64 MiB".to_owned())
            }
            Ok((answer, at)) => {
                let verdict = freshness::verdict(Some(answer.status), meta, ask.refresh, now);
                if verdict == Verdict::New {
                    return Ok(self.take(url, ask, answer, at, stored.is_some()));
                }
                let message = format!("it answered {}", answer.status);
                (verdict, Some(answer), message)
            }
            Err(trouble) if trouble.forbidden => (Verdict::Failed, None, trouble.message),
            Err(trouble) => (freshness::verdict(None, meta, ask.refresh, now), None, trouble.message),
        };
        match (verdict, stored, &answer, &self.store) {
            (Verdict::Confirmed, Some((mut meta, body)), Some(answer), Some(store)) => {
                meta.confirm(answer, now);
                store.confirm(&Self::entry(url, ask), &meta);
                return Ok(self.serve(url, ask, &meta, body, "revalidated_hit").with_status(304));
            }
            (Verdict::Stale, Some((meta, body)), answer, _) => {
                let served = self.serve(url, ask, &meta, body, "stale_hit");
                return Ok(match answer {
                    Some(answer) => served.with_status(answer.status),
                    None => served,
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
    fn take(&self, url: &Url, ask: &Ask, answer: Response, at: Url, replaces: bool) -> Fetched {
        let now = self.clock.now();
        let meta = Meta::new(&answer, at.as_str(), of_bytes(&answer.body), now);
        if let Some(store) = &self.store {
            match freshness::may_store(&answer) {
                true => store.keep(&Self::entry(url, ask), &meta, &answer.body, now),
                false => store.forget(&Self::entry(url, ask)),
            }
        }
        let outcome = if replaces { "refreshed" } else { "miss" };
        let mut fetched = self.serve(url, ask, &meta, answer.body, outcome).with_status(answer.status);
        fetched.url = at;
        fetched
    }

    fn serve(&self, url: &Url, ask: &Ask, meta: &Meta, bytes: Vec<u8>, outcome: &str) -> Fetched {
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
        Fetched { bytes, url, record, content_type: meta.content_type.clone(), link: meta.link.clone() }
    }
}

impl Fetched {
    fn with_status(mut self, status: u16) -> Self {
        self.record.status_code = Some(status);
        self
    }
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

/// Validators go only to the URL that gave them: another one may use the same tag for something else.
fn request(method: Method, at: &Url, stored: Option<&Meta>) -> Request {
    let mut request = Request { method, ..Request::get(at.document()) };
    request.headers = Headers::new().with("Accept", ACCEPT).with("Accept-Encoding", CODINGS);
    if let Some(meta) = stored.filter(|meta| meta.final_url == at.as_str()) {
        for (name, value) in [("If-None-Match", &meta.etag), ("If-Modified-Since", &meta.last_modified)] {
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
