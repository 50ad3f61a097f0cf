//! Every metric: one table that the page is made of, and that the documentation is held to.
//!
//! Key items: [`METRICS`]; [`page`], what they say at one moment.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::super::app::App;
use super::super::router::ROUTES;
use super::super::snapshot::Snapshot;
use super::text::{Family, seconds};
use super::{FETCHED, Metrics, RouteTally, TokenCheck, Upstream};
use crate::audit::Verdict;
use crate::base::process::Process;
use crate::base::time::parse_rfc3339;
use crate::catalog::gather::{SourceReport, SourceState};
use crate::http::counts::Counts;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// A present value.
    Gauge,
    /// Durations by bucket.
    Histogram,
}

impl Kind {
    /// As the format has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// One line.
    pub help: &'static str,
    /// Where its samples come from.
    source: Source,
}

#[cfg(test)]
impl Metric {
    /// The front's row that it shows.
    pub(super) fn front_row(&self) -> Option<&'static str> {
        match self.source {
            Source::Front(row) => Some(row),
            Source::Written(_) => None,
        }
    }
}

#[derive(Debug)]
enum Source {
    /// The front's row of this name (`http::counts`).
    Front(&'static str),
    /// Written by this.
    Written(fn(&Reading<'_>, &mut Family<'_>)),
}

type Write = fn(&Reading<'_>, &mut Family<'_>);

const fn counter(name: &'static str, help: &'static str, write: Write) -> Metric {
    Metric { name, kind: Kind::Counter, help, source: Source::Written(write) }
}

const fn gauge(name: &'static str, help: &'static str, write: Write) -> Metric {
    Metric { name, kind: Kind::Gauge, help, source: Source::Written(write) }
}

const fn histogram(name: &'static str, help: &'static str, write: Write) -> Metric {
    Metric { name, kind: Kind::Histogram, help, source: Source::Written(write) }
}

const fn front(row: &'static str, name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help, source: Source::Front(row) }
}

const fn front_now(row: &'static str, name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help, source: Source::Front(row) }
}

/// The table, in the order of the page.
pub const METRICS: &[Metric] = &[
    gauge("open_cli_build_info", "Always 1; its label says which version runs.", |_, family| {
        family.sample(&[("version", crate::VERSION)], 1);
    }),
    counter("open_cli_requests_total", "Requests that a handler answered, by route, status and code.", requests),
    histogram(
        "open_cli_request_duration_seconds",
        "Time from a worker to the whole answer, by route.",
        |reading, family| {
            reading.routes().for_each(|(route, tally)| family.histogram(&[("route", route)], &tally.took));
        },
    ),
    counter("open_cli_decisions_total", "Executions by what was decided and the code that says why.", decisions),
    histogram(
        "open_cli_upstream_duration_seconds",
        "Time of a tool call with its retries, by outcome.",
        |reading, family| {
            for (outcome, took) in Upstream::ALL.iter().zip(&reading.metrics().upstream) {
                family.histogram(&[("outcome", outcome.as_str())], took);
            }
        },
    ),
    counter("open_cli_upstream_retries_total", "Requests that were sent to upstreams again.", |reading, family| {
        family.sample(&[], reading.metrics().retries.value());
    }),
    counter(
        "open_cli_token_checks_total",
        "Bearer tokens that were looked at, by what came of it.",
        |reading, family| {
            for (check, count) in TokenCheck::ALL.iter().zip(&reading.metrics().tokens) {
                family.sample(&[("outcome", check.as_str())], count.value());
            }
        },
    ),
    gauge(
        "open_cli_tokens_remembered",
        "Tokens that are known to be good without another check.",
        |reading, family| {
            let served = reading.app.state.served();
            family.sample(&[], served.validator.as_ref().map_or(0, |validator| validator.remembered()));
        },
    ),
    counter("open_cli_audit_records_total", "Audit records that answers waited for, by outcome.", |reading, family| {
        let audit = &reading.metrics().audit;
        for (outcome, count) in [("kept", &audit.kept), ("refused", &audit.refused)] {
            family.sample(&[("outcome", outcome)], count.value());
        }
    }),
    histogram(
        "open_cli_audit_wait_seconds",
        "Time that an audit record waited until it was durable or refused.",
        |reading, family| {
            family.histogram(&[], &reading.metrics().audit.waited);
        },
    ),
    gauge("open_cli_audit_sound", "1 while audit records can be kept.", |reading, family| {
        family.truth(reading.app.audit.is_sound());
    }),
    gauge("open_cli_catalog_age_seconds", "Time since the last catalog build ended.", catalog_age),
    histogram("open_cli_catalog_build_duration_seconds", "Time of a catalog build.", |reading, family| {
        family.histogram(&[], &reading.app.state.builds().took);
    }),
    counter("open_cli_fetches_total", "Descriptions fetched over HTTP, by outcome of the cache.", |reading, family| {
        for (outcome, count) in FETCHED.iter().zip(&reading.app.state.builds().fetches) {
            family.sample(&[("outcome", outcome)], count.value());
        }
    }),
    gauge("open_cli_tools", "Tools of the catalog, by whether a deny pattern names them.", tools),
    gauge("open_cli_sources", "Sources of the configuration, by state in the last build.", sources),
    gauge("open_cli_source_state", "1 for the state that a source is in, 0 for the others.", source_state),
    gauge(
        "open_cli_source_good_age_seconds",
        "Time since what is served of a source was last known to be present.",
        source_age,
    ),
    counter(
        "open_cli_config_reloads_total",
        "Times the configuration was read again, by outcome.",
        |reading, family| {
            for (outcome, count) in ["refused", "reloaded"].iter().zip(&reading.metrics().reloads) {
                family.sample(&[("outcome", outcome)], count.value());
            }
        },
    ),
    gauge(
        "open_cli_config_last_reload_successful",
        "0 while the configuration on disk is refused.",
        |reading, family| {
            family.truth(!reading.metrics().last_reload_failed.load(std::sync::atomic::Ordering::Relaxed));
        },
    ),
    front_now("connections", "open_cli_http_connections", "Connections."),
    front_now("queued", "open_cli_http_queued", "Complete requests that wait for a worker."),
    front_now("at_work", "open_cli_http_at_work", "Requests at workers."),
    front_now("streaming", "open_cli_http_streaming", "Streams."),
    front_now("held_bytes", "open_cli_http_held_bytes", "Memory of unfinished requests and untaken answers."),
    front("accepted", "open_cli_http_accepted_total", "Connections accepted."),
    front("requests", "open_cli_http_requests_total", "Complete requests."),
    front("bytes_in", "open_cli_http_received_bytes_total", "Bytes read from clients."),
    front("bytes_out", "open_cli_http_sent_bytes_total", "Bytes written to clients."),
    front("answered", "open_cli_http_answered_total", "Answers of workers that reached their end."),
    front("malformed", "open_cli_http_malformed_total", "Requests that could not be read."),
    front("too_large", "open_cli_http_too_large_total", "Bodies beyond the limit."),
    front("too_slow", "open_cli_http_too_slow_total", "Requests that did not come in time."),
    front("idle_closed", "open_cli_http_idle_closed_total", "Connections that were silent for too long."),
    front("slow_readers", "open_cli_http_slow_readers_total", "Clients that took their answer too slowly."),
    front("gone", "open_cli_http_gone_total", "Clients that were gone before they had their answer."),
    front("evicted", "open_cli_http_evicted_total", "Connections closed to make room for new ones."),
    front("out_of_memory", "open_cli_http_out_of_memory_total", "Requests dropped for want of memory."),
    front("overloaded", "open_cli_http_overloaded_total", "Requests refused because too many waited, or for too long."),
    front("unanswered", "open_cli_http_unanswered_total", "Requests that no worker answered in time."),
    front("failed", "open_cli_http_failed_total", "Handlers that failed unexpectedly."),
    front("streams_refused", "open_cli_http_streams_refused_total", "Streams refused because there were too many."),
    front("pairs_lost", "open_cli_http_pairs_lost_total", "Private connections between front and workers given up."),
    front("pair_failures", "open_cli_http_pair_failures_total", "Private connections that could not be opened."),
    front("late_answers", "open_cli_http_late_answers_total", "Answers to requests that had been given up."),
    front("accept_failures", "open_cli_http_accept_failures_total", "Connections that could not be accepted."),
    gauge("process_start_time_seconds", "When the toolbox started, in seconds since 1970.", |reading, family| {
        family.sample(&[], seconds(reading.metrics().started.duration_since(UNIX_EPOCH).unwrap_or_default()));
    }),
    counter(
        "process_cpu_seconds_total",
        "Processor time in the program and in the system for it.",
        |reading, family| {
            reading.process.busy.into_iter().for_each(|busy| family.sample(&[], seconds(busy)));
        },
    ),
    gauge("process_resident_memory_bytes", "Memory that is resident.", |reading, family| {
        reading.process.resident.into_iter().for_each(|bytes| family.sample(&[], bytes));
    }),
    gauge("process_threads", "Threads.", |reading, family| {
        reading.process.threads.into_iter().for_each(|threads| family.sample(&[], threads));
    }),
    gauge("process_open_fds", "Open file descriptors.", |reading, family| {
        reading.process.descriptors.into_iter().for_each(|open| family.sample(&[], open));
    }),
    gauge("process_max_fds", "How many file descriptors may be open.", |reading, family| {
        reading.process.most_descriptors.into_iter().for_each(|most| family.sample(&[], most));
    }),
];

/// The whole page, as things are now.
pub fn page(app: &App) -> String {
    const USUAL: usize = 48 << 10;
    let counts = app.metrics.front.get().map(|counts| counts.rows());
    let reading = Reading {
        app,
        snapshot: app.state.snapshot(),
        process: Process::read(),
        front: counts.unwrap_or_else(|| Counts::default().rows()),
    };
    let mut page = String::with_capacity(USUAL);
    for metric in METRICS {
        let mut family = Family::new(&mut page, metric);
        match metric.source {
            Source::Front(row) => {
                let found = reading.front.iter().filter(|(name, _)| *name == row);
                found.for_each(|(_, value)| family.sample(&[], value));
            }
            Source::Written(write) => write(&reading, &mut family),
        }
    }
    page
}

/// One moment.
struct Reading<'a> {
    app: &'a App,
    snapshot: Option<Arc<Snapshot>>,
    process: Process,
    front: Vec<(&'static str, u64)>,
}

/// The label of paths that are not in the table of routes.
const OTHER: &str = "other";

impl Reading<'_> {
    fn metrics(&self) -> &Metrics {
        &self.app.metrics
    }

    fn report(&self) -> &[SourceReport] {
        self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.report)
    }

    fn routes(&self) -> impl Iterator<Item = (&'static str, &RouteTally)> {
        ROUTES.iter().map(|route| route.path).chain([OTHER]).zip(&self.metrics().routes)
    }
}

/// Rows of the table are there from the start, so that a rate can be told from the first request on; codes once they came.
fn requests(reading: &Reading<'_>, family: &mut Family<'_>) {
    for (route, tally) in reading.routes() {
        let (ok, not_modified) = (tally.ok.value(), tally.not_modified.value());
        if route != OTHER {
            family.sample(&[("route", route), ("status", "200"), ("code", "ok")], ok);
        }
        if not_modified > 0 {
            family.sample(&[("route", route), ("status", "304"), ("code", "ok")], not_modified);
        }
        for (code, count) in tally.refused.rows() {
            let status = code.status().to_string();
            family.sample(&[("route", route), ("status", &status), ("code", code.as_str())], count);
        }
    }
}

fn decisions(reading: &Reading<'_>, family: &mut Family<'_>) {
    let metrics = reading.metrics();
    family.sample(&[("decision", Verdict::Allowed.as_str()), ("code", "ok")], metrics.allowed.value());
    for (decision, by_code) in [(Verdict::Denied, &metrics.denied), (Verdict::Error, &metrics.failed)] {
        for (code, count) in by_code.rows() {
            family.sample(&[("decision", decision.as_str()), ("code", code.as_str())], count);
        }
    }
}

fn catalog_age(reading: &Reading<'_>, family: &mut Family<'_>) {
    let built = reading.snapshot.as_ref().and_then(|snapshot| parse_rfc3339(&snapshot.built_at));
    // A clock that was set back makes it young, not an error.
    let age = built.map(|built| reading.app.clock.now().duration_since(built).unwrap_or_default());
    age.into_iter().for_each(|age| family.sample(&[], seconds(age)));
}

fn tools(reading: &Reading<'_>, family: &mut Family<'_>) {
    let (all, listed) = reading.snapshot.as_ref().map_or((0, 0), |snapshot| {
        let shelf = &snapshot.shelf;
        (shelf.catalog.len(), shelf.listed.count())
    });
    family.sample(&[("state", "listed")], listed);
    family.sample(&[("state", "denied")], all - listed);
}

fn sources(reading: &Reading<'_>, family: &mut Family<'_>) {
    for state in SourceState::ALL {
        let count = reading.report().iter().filter(|source| source.state == state).count();
        family.sample(&[("state", state.as_str())], count);
    }
}

/// Keys of `sources` are the operator's words, and as many as the configuration has.
fn source_state(reading: &Reading<'_>, family: &mut Family<'_>) {
    for source in reading.report().iter().filter(|source| source.state != SourceState::Disabled) {
        for state in [SourceState::Ok, SourceState::Stale, SourceState::Failed] {
            let labels = [("source", source.id.as_str()), ("state", state.as_str())];
            family.sample(&labels, u8::from(source.state == state));
        }
    }
}

fn source_age(reading: &Reading<'_>, family: &mut Family<'_>) {
    let now = reading.app.clock.now();
    for source in reading.report() {
        let age = source.good.map(|good| now.duration_since(good).unwrap_or_default());
        age.into_iter().for_each(|age| family.sample(&[("source", source.id.as_str())], seconds(age)));
    }
}
