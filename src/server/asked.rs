//! One request on its way, as far as it is known: what the log, the audit trail and the upstream tell of it later.
//!
//! Key type: [`Asked`]. It is filled in on the way by the thread that works on the request, and costs nothing that nobody asks for.

use std::cell::{Cell, OnceCell};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::error;
use super::snapshot::Snapshot;
use crate::access::Principal;
use crate::base::serial::Serial;
use crate::base::trace::{Span, Trace};
use crate::execute::run::{ExecuteError, Outcome, Trail};
use crate::http::Headers;

/// One request.
#[derive(Debug)]
pub struct Asked {
    /// `X-Request-ID`: the caller's, or made here.
    pub id: String,
    /// The place of its path in `router::ROUTES`.
    pub route: Option<usize>,
    /// The caller's trace, when it has one.
    pub trace: Option<Trace>,
    span: NonZeroU64,
    principal: OnceCell<Principal>,
    tool: OnceCell<(Arc<Snapshot>, usize)>,
    upstream: Cell<Option<u16>>,
}

impl Asked {
    /// What its headers say.
    pub fn new(headers: &Headers, route: Option<usize>, ids: &Serial) -> Self {
        let trace = Trace::read(headers.all("traceparent"), headers.all("tracestate"));
        Self {
            id: error::request_id(headers, || ids.next()),
            route,
            // Nobody asks for the number of a step that is in no trace.
            span: if trace.is_some() { ids.number() } else { NonZeroU64::MIN },
            trace,
            principal: OnceCell::new(),
            tool: OnceCell::new(),
            upstream: Cell::new(None),
        }
    }

    /// Its caller was let in.
    pub fn let_in(&self, principal: &Principal) {
        self.principal.get_or_init(|| principal.clone());
    }

    /// It is about a tool of the catalog.
    pub fn about(&self, snapshot: &Arc<Snapshot>, index: usize) {
        self.tool.get_or_init(|| (Arc::clone(snapshot), index));
    }

    /// Its upstream was called.
    pub fn called(&self, outcome: &Result<Outcome, ExecuteError>) {
        self.upstream.set(outcome.as_ref().ok().map(|done| done.response.status_code));
    }

    /// Who asks, once let in.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.get()
    }

    /// The id of its tool; one that the catalog does not have is the caller's words alone, and not here.
    pub fn tool(&self) -> Option<&str> {
        let (snapshot, index) = self.tool.get()?;
        Some(snapshot.shelf.catalog.tool(*index).id.as_str())
    }

    /// The upstream's status, when it answered.
    pub fn upstream(&self) -> Option<u16> {
        self.upstream.get()
    }

    /// The number of this step, in a trace.
    pub fn step(&self) -> Option<Span> {
        self.trace.as_ref().map(|_| Span(self.span))
    }

    /// What goes along to the upstream.
    pub fn trail(&self) -> Trail<'_> {
        Trail { request_id: &self.id, trace: self.trace.as_ref().map(|trace| trace.below(self.span)) }
    }
}
