//! What the toolbox counts about its work, and how a monitor reads it.
//!
//! Key types: [`Metrics`], bumped by every request without a lock or an allocation; [`table::METRICS`], one row a metric, which the
//! page and the documentation are held to; `text`, the format; `window`, the listener of `--metrics-addr`. Labels are words of this
//! program (a route of the table, a code, an outcome) or keys of `sources`. Nothing that a caller chose becomes one, nor a principal, nor
//! a tool (H09, H24).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::router::ROUTES;
use crate::audit::{Event, EventType};
use crate::base::count::Counter;
use crate::base::histogram::Histogram;
use crate::catalog::gather::SourceReport;
use crate::contract::{CODES, ErrorCode};
use crate::execute::run::{ExecuteError, Outcome};
use crate::http::counts::Counts;

pub mod table;
#[cfg(test)]
pub(in crate::server) mod tests;
mod text;
pub mod window;

/// The media type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is counted here; what others count is read from them.
#[derive(Debug)]
pub struct Metrics {
    /// One for each row of [`ROUTES`], and one for all other paths.
    routes: Vec<RouteTally>,
    upstream: [Histogram; Upstream::ALL.len()],
    retries: Counter,
    allowed: Counter,
    denied: ByCode,
    failed: ByCode,
    tokens: [Counter; TokenCheck::ALL.len()],
    audit: AuditTally,
    reloads: [Counter; 2],
    last_reload_failed: AtomicBool,
    /// What the front counts, known once it is there.
    front: OnceLock<Arc<Counts>>,
    started: SystemTime,
}

/// Requests to one route.
#[derive(Debug, Default)]
struct RouteTally {
    ok: Counter,
    not_modified: Counter,
    refused: ByCode,
    took: Histogram,
}

/// Records that were to be kept before an answer left.
#[derive(Debug, Default)]
struct AuditTally {
    kept: Counter,
    refused: Counter,
    waited: Histogram,
}

/// A counter for each code of the contract.
#[derive(Debug)]
struct ByCode(Vec<Counter>);

impl Default for ByCode {
    fn default() -> Self {
        Self(CODES.iter().map(|_| Counter::default()).collect())
    }
}

impl ByCode {
    fn bump(&self, code: ErrorCode) {
        // Rows of the table stand in the order of the codes.
        if let Some(counter) = self.0.get(code as usize) {
            counter.bump();
        }
    }

    /// Codes that were counted.
    fn rows(&self) -> impl Iterator<Item = (ErrorCode, u64)> {
        CODES.iter().zip(&self.0).map(|(row, counter)| (row.code, counter.value())).filter(|(_, count)| *count > 0)
    }
}

/// How an upstream took a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upstream {
    Informed,
    Ok,
    Redirected,
    ClientError,
    ServerError,
    Timeout,
    Failed,
}

impl Upstream {
    const ALL: [Self; 7] =
        [Self::Informed, Self::Ok, Self::Redirected, Self::ClientError, Self::ServerError, Self::Timeout, Self::Failed];

    fn of(outcome: &Result<Outcome, ExecuteError>) -> Self {
        match outcome {
            Ok(done) => match done.response.status_code / 100 {
                1 => Self::Informed,
                2 => Self::Ok,
                3 => Self::Redirected,
                4 => Self::ClientError,
                _ => Self::ServerError,
            },
            Err(error) if error.code == ErrorCode::ExecutionTimeout => Self::Timeout,
            Err(_) => Self::Failed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Informed => "1xx",
            Self::Ok => "2xx",
            Self::Redirected => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
        }
    }
}

/// What came of looking at a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCheck {
    /// It was in the table of those that were found good.
    Remembered,
    /// It was checked, and is good.
    Checked,
    /// There was none, or it is not good.
    Refused,
    /// Nobody can tell at the moment.
    Unavailable,
}

impl TokenCheck {
    const ALL: [Self; 4] = [Self::Remembered, Self::Checked, Self::Refused, Self::Unavailable];

    fn as_str(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::Checked => "checked",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new(started: SystemTime) -> Self {
        Self {
            routes: (0..=ROUTES.len()).map(|_| RouteTally::default()).collect(),
            upstream: Default::default(),
            retries: Counter::default(),
            allowed: Counter::default(),
            denied: ByCode::default(),
            failed: ByCode::default(),
            tokens: Default::default(),
            audit: AuditTally::default(),
            reloads: Default::default(),
            last_reload_failed: AtomicBool::new(false),
            front: OnceLock::new(),
            started,
        }
    }

    /// A request was answered. `route` is the place of its path in [`ROUTES`], `code` that of a failure.
    pub fn answered(&self, route: Option<usize>, status: u16, code: Option<ErrorCode>, took: Duration) {
        let tally = &self.routes[route.unwrap_or(ROUTES.len())];
        match code {
            Some(code) => tally.refused.bump(code),
            None if status == 304 => tally.not_modified.bump(),
            None => tally.ok.bump(),
        }
        tally.took.observe(took);
    }

    /// A tool call came back from its upstream.
    pub fn called(&self, outcome: &Result<Outcome, ExecuteError>, took: Duration) {
        self.upstream[Upstream::of(outcome) as usize].observe(took);
        let retries = outcome.as_ref().map_or_else(|error| error.retries, |done| done.retries);
        if retries > 0 {
            self.retries.add(u64::from(retries));
        }
    }

    /// A token was looked at.
    pub fn looked_at_token(&self, check: TokenCheck) {
        self.tokens[check as usize].bump();
    }

    /// A record was to be kept before an answer leaves. What it says about a decision is counted whether it was kept or not.
    pub fn recorded(&self, event: &Event, kept: bool, took: Duration) {
        let count = if kept { &self.audit.kept } else { &self.audit.refused };
        count.bump();
        self.audit.waited.observe(took);
        self.decided(event);
    }

    /// Something was not begun, since there was no room for its record.
    pub fn not_recordable(&self) {
        self.audit.refused.bump();
    }

    fn decided(&self, event: &Event) {
        let code = || event.reason_code.as_deref().and_then(ErrorCode::parse).unwrap_or(ErrorCode::Internal);
        match event.event_type {
            EventType::ToolExecution => self.allowed.bump(),
            // Others are about no tool: a stop, a look at the metrics.
            EventType::AuthzDenial if event.tool_id.is_some() => self.denied.bump(code()),
            EventType::ExecutionError => self.failed.bump(code()),
            _ => {}
        }
    }

    /// The configuration was read again, and is in force or was refused.
    pub fn reloaded(&self, in_force: bool) {
        self.reloads[usize::from(in_force)].bump();
        self.last_reload_failed.store(!in_force, Ordering::Relaxed);
    }

    /// The front is there.
    pub fn watch_front(&self, counts: &Arc<Counts>) {
        self.front.get_or_init(|| Arc::clone(counts));
    }
}

/// What catalog builds did.
#[derive(Debug, Default)]
pub struct Builds {
    took: Histogram,
    fetches: [Counter; FETCHED.len()],
}

/// Outcomes of the document cache (`fetch::FetchRecord::cache_outcome`), and that of a fetch that brought nothing.
const FETCHED: [&str; 6] = ["miss", "fresh_hit", "revalidated_hit", "refreshed", "stale_hit", "failed"];

impl Builds {
    /// A build is done.
    pub fn ended(&self, took: Duration) {
        self.took.observe(took);
    }

    /// Sources were looked at.
    pub fn visited<'a>(&self, report: impl Iterator<Item = &'a SourceReport>) {
        // Files have no cache, and no method.
        let remote = report.flat_map(|source| &source.fetches).filter(|fetch| !fetch.request_method.is_empty());
        for fetch in remote {
            let brought = fetch.cache_outcome != "miss" || fetch.status_code == Some(200);
            let at = FETCHED.iter().position(|outcome| brought && *outcome == fetch.cache_outcome);
            self.fetches[at.unwrap_or(FETCHED.len() - 1)].bump();
        }
    }
}
