//! `POST /v1/tools/execute`: decide, record what is begun, send, record what came of it, answer. What came of a stream is the head of its
//! answer; the rest is passed on as it comes.

use std::sync::Arc;

use crate::access::policy::{self, Selection, Standing};
use crate::audit::log::Promise;
use crate::audit::{Event, EventType, Verdict};
use crate::base::host::Stopwatch;
use crate::base::url::Url;
use crate::catalog::Tool;
use crate::contract::{ErrorCode, ExecuteRequest, ExecuteResponse, STREAM_TYPE};
use crate::execute::continuation::{Kind, Owner};
use crate::execute::run::{Coming, ExecuteError, Outcome as Executed, Prepared};
use crate::http::server::{Answer, Body, Held, Permit, Stream};
use crate::upstream::{Caller, News};

use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use super::super::snapshot::Snapshot;
use super::{body, json, json_of_size, upstream};

/// Runs one tool.
pub fn execute(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, request, principal, .. } = exchange;
    let ask: ExecuteRequest = body(&request.body)?;
    app.check_config_path(ask.config_path.as_deref())?;
    let snapshot = app.snapshot()?;
    let config = &snapshot.served.config;
    let selection = snapshot.select(principal, ask.mode.as_deref(), ask.agent_profile.as_deref())?;
    let Some(index) = snapshot.shelf.catalog.find(ask.tool_id.as_str()) else {
        let failure = Failure::from(policy::unknown_tool(principal));
        let mut event = as_asked(exchange, &selection, ask.tool_id.as_str());
        event.reason_code = Some(failure.code.to_string());
        app.record(&event)?;
        return Err(failure);
    };
    exchange.asked.about(&snapshot, index);
    let tool = snapshot.shelf.catalog.tool(index);
    let call = Call { exchange, tool, selection: &selection };
    call.decide(&snapshot, index, &ask)?;
    let continued = ask.continued.as_deref().map(|text| call.opened(text, &ask)).transpose()?;
    let services = &snapshot.shelf.catalog.catalog().services;
    let source = services.iter().find(|service| service.id == tool.service_id).map(|service| &service.source_id);
    let (holder, note) = (principal.holder(), |news: &News<'_>| upstream::note(exchange, Some(tool), news));
    let caller = Caller { holder: &holder, note: &note };
    let leads_to = continued.as_ref().map(|(kind, url)| (*kind, url));
    let prepared = app.executor.prepare_from(config, source, tool, &ask, caller, leads_to);
    let mut prepared = prepared.map_err(|error| call.not_begun(error))?;
    if ask.dry_run {
        return Ok(json(&prepared.dry_run()));
    }
    prepared.carry(&exchange.asked.trail());
    let permit = ask.stream.then(|| call.admit()).transpose()?;
    let (event, promise) = call.begin(&prepared, continued.map(|(kind, _)| kind))?;
    let watch = Stopwatch::start();
    let (outcome, coming) = match permit {
        None => (app.executor.send(&prepared).map(|done| call.sealed(done)), None),
        Some(permit) => match app.executor.open(&prepared) {
            Ok((outcome, coming)) => (Ok(outcome), Some((coming, permit))),
            Err(error) => (Err(error), None),
        },
    };
    exchange.called(&outcome, watch.elapsed());
    let event = ended(event, &outcome, &watch);
    match (outcome, coming) {
        (Ok(done), None) => Ok(call.answered(event, promise, &done)),
        (Ok(_), Some((coming, permit))) => {
            app.record_promised(promise, &event).map_err(|_| withheld())?;
            Ok(streamed(coming, permit, exchange.owner_of_streams()))
        }
        (Err(error), _) => {
            app.record_promised(promise, &event).map_err(|_| withheld())?;
            Err(Failure::new(error.code, error.detail))
        }
    }
}

/// The record of an outcome.
fn ended(mut event: Event, outcome: &Result<Executed, ExecuteError>, watch: &Stopwatch) -> Event {
    match outcome {
        Ok(done) => {
            event.event_type = EventType::ToolExecution;
            event.status_code = Some(done.response.status_code);
            event.retry_count = Some(done.retries);
        }
        Err(error) => {
            (event.event_type, event.decision) = (EventType::ExecutionError, Some(Verdict::Error));
            event.reason_code = Some(error.code.to_string());
            event.retry_count = Some(error.retries);
        }
    }
    event.latency_ms = Some(u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX));
    event
}

fn withheld() -> Failure {
    let detail = "the request was sent, but its audit record could not be kept, so its answer is withheld";
    Failure::new(ErrorCode::Internal, detail)
}

/// An answer that is passed on as it comes. What it begins with is on record.
fn streamed(coming: Coming, permit: Permit, owner: String) -> Answer {
    let Coming { source, halt } = coming;
    let mut answer = Answer::new(200, STREAM_TYPE, []);
    answer.body =
        Body::Stream(Stream { permit: Some(permit), halt: Some(halt), ..Stream::new(Box::new(source), owner) });
    answer.headers = std::mem::take(&mut answer.headers).with("Cache-Control", "no-store");
    answer
}

/// About how long an answer will be: what carries the upstream's body, and the rest.
fn size(response: &ExecuteResponse) -> usize {
    const REST: usize = 256;
    let body = response.body.as_ref().map_or(0, |body| body.get().len());
    let text = [&response.text, &response.body_base64, &response.next, &response.operation]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>();
    body + text + REST
}

/// A denial in the caller's own words: who asks may read its record, which must not tell a hidden tool from an unknown one (H09).
fn as_asked(exchange: &Exchange<'_>, selection: &Selection, tool: &str) -> Event {
    let mut event = exchange.event(EventType::AuthzDenial, Verdict::Denied);
    event.agent_profile.clone_from(&selection.profile);
    event.tool_id = Some(tool.to_owned());
    event
}

/// One call of one tool.
struct Call<'a> {
    exchange: &'a Exchange<'a>,
    tool: &'a Tool,
    selection: &'a Selection,
}

impl Call<'_> {
    fn event(&self, event_type: EventType, decision: Verdict) -> Event {
        let mut event = self.exchange.event(event_type, decision);
        event.agent_profile.clone_from(&self.selection.profile);
        event.tool_id = Some(self.tool.id.to_string());
        event.service_id = Some(self.tool.service_id.to_string());
        event.method = Some(self.tool.method.clone());
        event.path = Some(self.tool.path.clone());
        event
    }

    /// A denial is on disk before its answer leaves. Trying a call out sends nothing, so it needs no approval.
    fn decide(&self, snapshot: &Snapshot, index: usize, ask: &ExecuteRequest) -> Result<(), Failure> {
        let (shelf, policy) = (&snapshot.shelf, &snapshot.served.config.policy);
        let envelope = shelf.envelope(&self.exchange.principal, policy);
        let standing = Standing::of(&shelf.catalog, index, &envelope, self.selection, ask.approval || ask.dry_run);
        policy::decide(policy, self.tool, self.selection, standing).or_else(|refusal| {
            let mut event = match refusal.code {
                ErrorCode::AuthzDenied => as_asked(self.exchange, self.selection, self.tool.id.as_str()),
                _ => self.event(EventType::AuthzDenial, Verdict::Denied),
            };
            event.reason_code = Some(refusal.code.to_string());
            self.exchange.app.record(&event)?;
            Err(refusal.into())
        })
    }

    /// Whose continuations those of this call are.
    fn with_owner<T>(&self, work: impl FnOnce(Owner<'_>) -> T) -> T {
        work(Owner { tool: self.tool.id.as_str(), principal: &self.exchange.principal.holder() })
    }

    /// Where the continuation that the caller sent leads. Somebody else's is a denial, and recorded as one.
    fn opened(&self, text: &str, ask: &ExecuteRequest) -> Result<(Kind, Url), Failure> {
        if ask.dry_run {
            let detail = "`continue` cannot be tried out: where it leads is the toolbox's to know";
            return Err(Failure::new(ErrorCode::BadRequest, detail));
        }
        let app = self.exchange.app;
        let opened = self.with_owner(|owner| app.continuations.open(text, owner, app.clock.now()));
        opened.map_err(|error| {
            let failure = Failure::new(error.code(), error.to_string());
            if error.code() != ErrorCode::AuthzDenied {
                return failure;
            }
            let mut event = self.event(EventType::AuthzDenial, Verdict::Denied);
            event.reason_code = Some(error.code().to_string());
            app.record(&event).err().unwrap_or(failure)
        })
    }

    /// The answer with what leads on, for this caller and this tool alone.
    fn sealed(&self, mut done: Executed) -> Executed {
        let app = self.exchange.app;
        for (kind, url) in &done.leads {
            let text = self.with_owner(|owner| app.continuations.seal(*kind, url, owner, app.clock.now()));
            match kind {
                Kind::Next => done.response.next = text,
                Kind::Operation => done.response.operation = text,
            }
        }
        done
    }

    /// Nothing was sent. What the caller got wrong is between the two; what went wrong here is recorded.
    fn not_begun(&self, error: ExecuteError) -> Failure {
        let failure = Failure::new(error.code, error.detail);
        if matches!(error.code, ErrorCode::BadRequest | ErrorCode::BodyTooLarge) {
            return failure;
        }
        let mut event = self.event(EventType::ExecutionError, Verdict::Error);
        event.reason_code = Some(error.code.to_string());
        self.exchange.app.record(&event).err().unwrap_or(failure)
    }

    /// The right to a stream is had before anything is sent: afterwards it would be too late to say no.
    fn admit(&self) -> Result<Permit, Failure> {
        let owner = self.exchange.owner_of_streams();
        self.exchange.request.streams.admit(&owner).ok_or_else(|| {
            Failure::new(
                ErrorCode::Overloaded,
                "as many streams run as may at once, so nothing was sent; try again later",
            )
        })
    }

    /// The record of the outcome, as far as it is known before anything is sent, and room for it. What may change something leaves a
    /// trace before it does; what continues only reads.
    fn begin(&self, prepared: &Prepared<'_>, continued: Option<Kind>) -> Result<(Event, Promise), Failure> {
        let app = self.exchange.app;
        let mut event = self.event_of_sending(prepared);
        if let Some(kind) = continued {
            event.method = Some("GET".to_owned());
            event.continuation = Some(kind.as_str());
        }
        let promise = app.promise(&event)?;
        if !self.tool.safety.read_only && continued.is_none() {
            event.event_type = EventType::ExecutionStarted;
            app.record(&event)?;
        }
        Ok((event, promise))
    }

    /// What is known before anything is sent.
    fn event_of_sending(&self, prepared: &Prepared<'_>) -> Event {
        let mut event = self.event(EventType::ToolExecution, Verdict::Allowed);
        event.target_base_url = Some(prepared.target.clone());
        event.auth_scheme = Some(prepared.auth_scheme.clone()).filter(|scheme| !scheme.is_empty());
        event.request_size = Some(prepared.request_size as u64);
        event
    }

    /// The answer, which leaves once its record is on disk; no worker waits for that.
    fn answered(&self, event: Event, promise: Promise, done: &Executed) -> Answer {
        let Exchange { app, request, asked, .. } = self.exchange;
        let mut answer = json_of_size(&done.response, size(&done.response));
        let (app, id) = (Arc::clone(app), asked.id.clone());
        let accept = request.headers.get("Accept").map(str::to_owned);
        answer.held = Some(Held::until(move |answer, release| {
            app.record_then(promise, event, move |kept| {
                release.send(match kept {
                    Ok(()) => answer,
                    Err(_) => withheld().answer(accept.as_deref(), &id, None),
                });
            });
        }));
        answer
    }
}
