//! Which requests the log tells, and what of each.
//!
//! Key type: [`Requests`], the choice of `--log-requests`. A line holds words of this program, the caller's name and ids; never a query, a
//! header, a body, an argument, nor a path that is not in the table of routes (H24). Callers who are not let in get no lines of their
//! own but with `all`, so that they cannot fill a disk (H37); those are counted, and the log tells of them in sum.

use std::fmt::Display;
use std::time::Duration;

use super::asked::Asked;
use super::router::{ROUTES, Token};
use crate::base::log::Log;
use crate::contract::{ErrorCode, path};

/// Which requests are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requests {
    /// None.
    Off,
    /// Those that were refused or failed, of callers who were let in.
    #[default]
    Failures,
    /// These, and every execution.
    Executions,
    /// Every request that reaches a handler.
    All,
}

impl Requests {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Off, Self::Failures, Self::Executions, Self::All];

    /// As the flag has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Failures => "failures",
            Self::Executions => "executions",
            Self::All => "all",
        }
    }

    /// Reads the flag's value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|requests| requests.as_str() == text)
    }

    /// Whether one is told.
    fn include(self, asked: &Asked, failed: bool) -> bool {
        let route = asked.route.map(|at| &ROUTES[at]);
        let known = asked.principal().is_some() && route.is_some_and(|route| route.token == Token::Needed);
        let executed = route.is_some_and(|route| route.path == path::EXECUTE);
        match self {
            Self::Off => false,
            Self::Failures => known && failed,
            Self::Executions => known && (failed || executed),
            Self::All => true,
        }
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The method, if it is one that the table knows.
    pub method: &'a str,
    /// The status.
    pub status: u16,
    /// The code of a failure.
    pub code: Option<ErrorCode>,
    /// From a worker to the whole answer.
    pub took: Duration,
}

/// Tells of a request, if it is one to be told.
pub fn tell(log: &Log, which: Requests, asked: &Asked, answered: Answered<'_>) {
    if !which.include(asked, answered.code.is_some()) {
        return;
    }
    let Answered { method, status, code, took } = answered;
    let route = asked.route.map_or("other", |at| ROUTES[at].path);
    let method = if ["GET", "HEAD", "POST"].contains(&method) { method } else { "other" };
    let (code, took) = (code.map(ErrorCode::as_str), format!("{:.3}", took.as_secs_f64() * 1e3));
    let (principal, tool, upstream) = (asked.principal().and_then(|who| who.name()), asked.tool(), asked.upstream());
    let (trace, span) = (asked.trace.as_ref(), asked.step());
    let (trace_id, parent) = (trace.map(|trace| trace.id()), trace.map(|trace| trace.parent()));
    let mut fields: Vec<(&str, &dyn Display)> =
        vec![("requestId", &asked.id), ("method", &method), ("route", &route), ("status", &status)];
    fields.extend(code.as_ref().map(|code| ("code", code as _)));
    fields.push(("ms", &took));
    fields.extend(principal.as_ref().map(|principal| ("principal", principal as _)));
    fields.extend(tool.as_ref().map(|tool| ("tool", tool as _)));
    fields.extend(upstream.as_ref().map(|status| ("upstreamStatus", status as _)));
    fields.extend(trace_id.as_ref().map(|id| ("traceId", id as _)));
    fields.extend(parent.as_ref().map(|id| ("parentId", id as _)));
    fields.extend(span.as_ref().map(|id| ("spanId", id as _)));
    if status >= 500 {
        log.warn("request", &fields);
    } else {
        log.info("request", &fields);
    }
}
