//! Performs an execution: prepares everything, sends, waits between attempts, follows what may be followed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::answer::{self, WITHHELD, answer};
use super::binding::Binding;
use super::body::BodyError;
use super::check::Checks;
use super::continuation::Kind;
use super::credentials::{self, Asking, Token};
use super::echo;
use super::idempotency;
use super::paging::{self, Page};
use super::polling::{self, Progress};
use super::redact::Redactions;
use super::request::follow::follow;
use super::request::{self, Credential, Draft, RequestError};
use super::retry::{self, Ended, Nature, Step};
use super::stream::{self, Answering};
use crate::base::host::{self, Clock, Deadline, Env};
use crate::base::id::SourceId;
use crate::base::trace::Trace;
use crate::base::url::Url;
use crate::catalog::Tool;
use crate::config::Config;
use crate::contract::{DryRunResponse, ErrorCode, ExecuteRequest, ExecuteResponse};
use crate::http::{
    Halt, Headers, Limits, Method, Opened, Reach, Request, Response, StreamLimits, Transport, TransportError,
    TransportErrorKind,
};
use crate::upstream::{Caller, Upstream};

/// Deadline of an execution when the config says nothing.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest answer that is passed on; the rest is cut.
pub const MAX_ANSWER: usize = 10 << 20;

/// What tells the upstream which call this is.
const REQUEST_ID: &str = "X-Request-ID";

/// Redirects followed for one attempt.
const MAX_REDIRECTS: usize = 5;

/// Runs tools; shared by all workers.
pub struct Executor {
    transport: Arc<dyn Transport>,
    env: Env,
    clock: Clock,
    wait: fn(Duration),
    upstream: Arc<Upstream>,
    checks: Checks,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Executor")
    }
}

/// An execution that is checked to the end and has its secrets, but is not sent yet.
pub struct Prepared<'a> {
    /// Bytes of body.
    pub request_size: usize,
    /// Names of the security schemes used, joined by ` + `; empty for none.
    pub auth_scheme: String,
    /// The base URL, without query.
    pub target: String,
    tool: &'a Tool,
    /// What this continues, when it does.
    continues: Option<Kind>,
    pub(super) draft: Draft,
    pub(super) credentials: Vec<Credential>,
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) request: Request,
    pub(super) binding: Binding<'a>,
    caller: Caller<'a>,
    reach: Reach,
    nature: Nature,
    timeout: Duration,
    redactions: Redactions,
}

impl fmt::Debug for Prepared<'_> {
    /// Nothing of the request, which holds credentials (H24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("tool", &self.tool.id).field("target", &self.target).finish_non_exhaustive()
    }
}

/// What tells the upstream which call this is.
#[derive(Clone, Debug)]
pub struct Trail<'a> {
    /// `X-Request-ID` of the exchange.
    pub request_id: &'a str,
    /// Its place in the caller's trace.
    pub trace: Option<Trace>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What the upstream said, whatever its status.
    pub response: ExecuteResponse,
    /// How often the request was repeated.
    pub retries: u32,
    /// Where the answer leads, as far as it may be followed.
    pub leads: Vec<(Kind, Url)>,
}

/// The rest of an answer that is passed on as it comes.
pub struct Coming {
    /// The wire's lines: the head, the pieces, the end.
    pub source: Answering,
    /// Ends the exchange with the upstream.
    pub halt: Halt,
}

/// What is known of an answer once its head is there.
trait Answered {
    fn status(&self) -> u16;
    fn headers(&self) -> &Headers;
}

impl Answered for Response {
    fn status(&self) -> u16 {
        self.status
    }

    fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl Answered for Opened {
    fn status(&self) -> u16 {
        self.status
    }

    fn headers(&self) -> &Headers {
        &self.headers
    }
}

/// Sends one request to addresses within reach.
type Send<'a, A> = &'a dyn Fn(&Request, Reach) -> Result<A, TransportError>;

/// Why there is no answer of the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteError {
    /// `bad_request`, `body_too_large`, `execution_error` or `execution_timeout`.
    pub code: ErrorCode,
    /// What failed, why, what to do; never a secret.
    pub detail: String,
    /// How often the request was repeated.
    pub retries: u32,
}

impl fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for ExecuteError {}

impl ExecuteError {
    fn failed(detail: impl Into<String>) -> Self {
        Self { code: ErrorCode::ExecutionError, detail: detail.into(), retries: 0 }
    }
}

impl From<RequestError> for ExecuteError {
    fn from(error: RequestError) -> Self {
        let code = match error {
            RequestError::Body(BodyError::TooLarge) => ErrorCode::BodyTooLarge,
            _ => ErrorCode::BadRequest,
        };
        Self { code, detail: error.to_string(), retries: 0 }
    }
}

impl Executor {
    /// Sends through `transport`; secrets of type `env` come from `env`.
    pub fn new(transport: Arc<dyn Transport>, env: Env, clock: Clock) -> Self {
        let upstream = Arc::new(Upstream::new(Arc::clone(&transport), env.clone(), clock.clone()));
        Self { transport, env, clock, wait: host::sleep, upstream, checks: Checks::new() }
    }

    /// With tokens that are kept elsewhere too.
    #[must_use]
    pub fn with_upstream(self, upstream: Arc<Upstream>) -> Self {
        Self { upstream, ..self }
    }

    /// Who has the tokens.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Checks everything, builds the request and reads the secrets; sends nothing.
    pub fn prepare<'a>(
        &self,
        config: &'a Config,
        tool: &'a Tool,
        request: &ExecuteRequest,
    ) -> Result<Prepared<'a>, ExecuteError> {
        self.prepare_from(config, None, tool, request, Caller::NOBODY, None)
    }

    /// As [`Executor::prepare`], told which source the tool's service comes from (the catalog's `services[].sourceId`). That matters
    /// where the config has several sources without a service: without it no credentials leave for such a service. Tokens are the
    /// caller's. `continued` is where an earlier answer led; the arguments then fill headers and cookies alone.
    pub fn prepare_from<'a>(
        &self,
        config: &'a Config,
        source: Option<&SourceId>,
        tool: &'a Tool,
        arguments: &ExecuteRequest,
        caller: Caller<'a>,
        continued: Option<(Kind, &Url)>,
    ) -> Result<Prepared<'a>, ExecuteError> {
        if let Some(backend) = &tool.backend {
            return Err(ExecuteError::failed(format!(
                "tools behind `{}` are not supported by this version",
                backend.kind
            )));
        }
        let binding = Binding::new(config, tool, source);
        let base = binding.base().map_err(ExecuteError::failed)?;
        let (draft, bare, is_keyed) = draft(tool, arguments, &base, &self.checks, continued)?;
        let timeout = config.services.get(&tool.service_id).and_then(|service| service.timeout).unwrap_or(TIMEOUT);
        let asking = Asking { dry_run: arguments.dry_run, ..self.asking(caller, timeout) };
        let credentials::Chosen { credentials, tokens } = credentials::choose(config, tool, &binding, &base, asking)
            .map_err(|error| ExecuteError {
                code: if error.login { ErrorCode::UpstreamLoginRequired } else { ErrorCode::ExecutionError },
                ..ExecuteError::failed(error.to_string())
            })?;
        let method = draft.method();
        let request = if credentials.is_empty() { bare } else { draft.finish(&credentials)? };
        if !request.url.shares_origin(&base) {
            return Err(ExecuteError::failed("the request would go to another host than its base URL"));
        }
        Ok(Prepared {
            request_size: draft.body_size(),
            auth_scheme: credentials.iter().map(|used| used.scheme.as_str()).collect::<Vec<_>>().join(" + "),
            target: base.public().to_owned(),
            tool,
            continues: continued.map(|(kind, _)| kind),
            request,
            draft,
            credentials,
            tokens,
            caller,
            reach: binding.reach(&base),
            binding,
            nature: Nature {
                // The publisher may take idempotence away, but not give it.
                idempotent: is_keyed || continued.is_some() || (method.is_idempotent() && tool.safety.idempotent),
                recommended: tool.retry.as_ref().is_some_and(|retry| retry.recommended),
            },
            timeout,
            redactions: Redactions::of(&tool.output.redactions),
        })
    }

    /// Sends, and repeats where that is right; an answer of any status is an outcome.
    pub fn send(&self, prepared: &Prepared<'_>) -> Result<Outcome, ExecuteError> {
        let deadline = Deadline::after(prepared.timeout);
        let send =
            |request: &Request, reach| self.transport.send(request, Limits { deadline, max_body: MAX_ANSWER, reach });
        let (response, moved, retries) = self.answered(prepared, deadline, &send)?;
        let place = polling::place(prepared.tool, response.status, &response.headers).map(str::to_owned);
        let mut response = answer(response, retries);
        // What is hidden from callers may say what the toolbox alone follows.
        let leads = leads(prepared, &response, place.as_deref(), moved.as_ref());
        answer::hide(&mut response, &prepared.redactions);
        echo::hide(&mut response.headers, &prepared.credentials);
        Ok(Outcome { response, retries, leads })
    }

    /// As [`Executor::send`], but what is after the head of the answer comes later. The deadline is that of the head.
    pub fn open(&self, prepared: &Prepared<'_>) -> Result<(Outcome, Coming), ExecuteError> {
        let head = Deadline::after(prepared.timeout);
        let idle = stream::IDLE.max(prepared.timeout);
        let send = |request: &Request, reach| {
            self.transport.open(request, StreamLimits { head, idle, whole: stream::WHOLE, reach })
        };
        let (opened, _, retries) = self.answered(prepared, head, &send)?;
        let mut response = answer::head(opened.status, &opened.headers, retries);
        echo::hide(&mut response.headers, &prepared.credentials);
        let source = Answering::new(&response, opened.body, prepared.redactions.clone());
        Ok((Outcome { response, retries, leads: Vec::new() }, Coming { source, halt: opened.halt }))
    }

    fn answered<A: Answered>(
        &self,
        prepared: &Prepared<'_>,
        deadline: Deadline,
        send: Send<'_, A>,
    ) -> Result<(A, Option<Url>, u32), ExecuteError> {
        let (mut attempts, mut renewals) = (1, 0);
        let mut request = Cow::Borrowed(&prepared.request);
        loop {
            let ended = attempt(prepared, &request, send);
            if renewals == 0
                && ended.as_ref().is_ok_and(|(answer, _)| answer.status() == 401)
                && let Some(renewed) = prepared.renewed(self.asking(prepared.caller, deadline.left()))
            {
                request = Cow::Owned(renewed);
                renewals = 1;
                continue;
            }
            let seen = match &ended {
                Ok((answer, _)) => {
                    Ended::Answer { status: answer.status(), retry_after: answer.headers().get("retry-after") }
                }
                Err(error) => Ended::Failure(error),
            };
            let now = self.clock.now();
            match retry::next(prepared.nature, attempts, seen, deadline.left(), jitter, now) {
                Step::Wait(duration) => {
                    // What is not taken is not kept open meanwhile.
                    drop(ended);
                    (self.wait)(duration);
                }
                Step::Done => {
                    let retries = attempts - 1 + renewals;
                    return ended
                        .map(|(answer, moved)| (answer, moved, retries))
                        .map_err(|error| failed(error, retries));
                }
            }
            attempts += 1;
        }
    }

    fn asking<'b>(&'b self, caller: Caller<'b>, limit: Duration) -> Asking<'b> {
        Asking { env: &self.env, upstream: &self.upstream, caller, dry_run: false, limit }
    }
}

/// One exchange, with the redirects that may be followed; any other redirect is the answer. With the address that answered, when it
/// is another one.
fn attempt<A: Answered>(
    prepared: &Prepared<'_>,
    request: &Request,
    send: Send<'_, A>,
) -> Result<(A, Option<Url>), TransportError> {
    let mut reach = prepared.reach;
    let mut answer = send(request, reach)?;
    if !matches!(request.method, Method::Get | Method::Head) {
        return Ok((answer, None));
    }
    let mut request = Cow::Borrowed(request);
    for _ in 0..MAX_REDIRECTS {
        let Some(next) = redirect(&request.url, &answer) else { break };
        reach = prepared.binding.reach_of_redirect(&request.url, &next, reach);
        if !next.shares_origin(&request.url) {
            request = Cow::Owned(stripped(&request));
        }
        request.to_mut().url = next;
        answer = send(&request, reach)?;
    }
    let moved = match request {
        Cow::Borrowed(_) => None,
        Cow::Owned(request) => Some(request.url),
    };
    Ok((answer, moved))
}

/// Between 0 and 1; without randomness all wait alike, which does no harm.
fn jitter() -> f64 {
    host::random::<1>().map_or(0.5, |[byte]| f64::from(byte) / 255.0)
}

fn failed(error: TransportError, retries: u32) -> ExecuteError {
    let code = match error.kind {
        TransportErrorKind::Timeout => ErrorCode::ExecutionTimeout,
        _ => ErrorCode::ExecutionError,
    };
    ExecuteError { code, detail: error.message, retries }
}

/// The request without credentials, and whether an idempotency key goes with it.
fn draft(
    tool: &Tool,
    arguments: &ExecuteRequest,
    base: &Url,
    checks: &Checks,
    continued: Option<(Kind, &Url)>,
) -> Result<(Draft, Request, bool), ExecuteError> {
    if let Some((_, url)) = continued {
        // The config may be another one than when the URL was sealed (H17).
        if !url.shares_origin(base) {
            let detail = "`continue` leads to another origin than the tool's requests go to now; begin again";
            return Err(ExecuteError { code: ErrorCode::BadRequest, detail: detail.to_owned(), retries: 0 });
        }
        let (draft, bare) = follow(tool, arguments, url, checks)?;
        return Ok((draft, bare, false));
    }
    let key = idempotency::key(tool, arguments)?;
    let value = key.as_ref().and_then(|key| Some((key.parameter, Value::from(key.value.as_deref()?))));
    let value = value.as_ref().map(|(parameter, value)| (*parameter, value));
    let (mut draft, bare) = request::build_with_key(tool, arguments, base, checks, value)?;
    if let Some(key) = key.as_ref().filter(|key| arguments.dry_run && key.is_made) {
        draft.stand_in(&key.parameter.original_name, idempotency::PLACEHOLDER);
    }
    Ok((draft, bare, key.is_some()))
}

/// Where an answer leads: to the next page of what changes nothing, and to what an operation has become. Never to another origin, where
/// the tool's credentials do not belong (H17). `place` is where its headers say that the operation is.
fn leads(
    prepared: &Prepared<'_>,
    answer: &ExecuteResponse,
    place: Option<&str>,
    moved: Option<&Url>,
) -> Vec<(Kind, Url)> {
    let (tool, asked, status) = (prepared.tool, &prepared.request.url, answer.status_code);
    let body = answer.body.as_ref().map(|body| body.get());
    let checked = |reference: &str| {
        let url = moved.unwrap_or(asked).join(reference).ok()?.document();
        url.shares_origin(asked).then_some(url)
    };
    let may_page = prepared.request.method == Method::Get
        && tool.safety.read_only
        && prepared.continues != Some(Kind::Operation)
        && (200..300).contains(&status);
    let link = answer.headers.get("link").and_then(Value::as_str);
    let next = may_page.then(|| paging::address(tool, Page { link, body })).flatten();
    let next = next.and_then(|reference| checked(&reference)).map(|url| (Kind::Next, url));
    let named = place.and_then(checked);
    let operation = match prepared.continues {
        Some(Kind::Next) => None,
        None => named,
        Some(Kind::Operation) if polling::progress(status, body) != Progress::Running => None,
        // It may move while it runs.
        Some(Kind::Operation) => named.or_else(|| Some(asked.clone())),
    };
    next.into_iter().chain(operation.map(|url| (Kind::Operation, url))).collect()
}

/// Where a redirect leads when it may be followed: http to http or https, https to https.
fn redirect(from: &Url, answer: &impl Answered) -> Option<Url> {
    if !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = from.join(answer.headers().get("location")?).ok()?.document();
    let keeps_safe = to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    keeps_safe.then_some(to)
}

/// What may go to another origin: nothing that a caller or a credential put in, and no body (H17).
fn stripped(request: &Request) -> Request {
    let mut headers = Headers::new();
    for name in ["Accept", "Accept-Encoding", "User-Agent"] {
        if let Some(value) = request.headers.get(name) {
            headers = headers.with(name, value);
        }
    }
    Request { method: request.method, url: request.url.clone(), headers, body: Vec::new() }
}

impl Prepared<'_> {
    /// Lets the trail go along with every attempt. What the tool has under these names by a parameter or a credential stays, and a trace
    /// goes as a whole or not at all.
    pub fn carry(&mut self, trail: &Trail<'_>) {
        let headers = &mut self.request.headers;
        let mut put = |name: &str, value: &str| {
            // An id has been checked to be printable, a trace is read to the letter.
            headers.get(name).is_none() && headers.append(name, value).is_ok()
        };
        put(REQUEST_ID, trail.request_id);
        if let Some(trace) = &trail.trace
            && put("traceparent", &trace.traceparent())
            && let Some(state) = trace.tracestate()
        {
            put("tracestate", state);
        }
    }

    /// The whole request with credentials replaced by the names of their schemes, the tool's redactions in its body (H24), and the id
    /// that each call has of its own by a placeholder.
    pub fn dry_run(&self) -> DryRunResponse {
        let (url, headers) =
            self.draft.shown(&self.credentials).expect("the same request was put together when it was prepared");
        let own_id = headers.get(REQUEST_ID).is_none().then_some((REQUEST_ID, "<request-id>"));
        let hides = !self.redactions.is_empty();
        let (mut body, mut body_base64) = (None, None);
        match self.draft.body().map(std::str::from_utf8) {
            Some(Ok(text)) if hides => body = self.redactions.of_json(text).map(Cow::into_owned),
            Some(Ok(text)) => body = Some(text.to_owned()),
            Some(Err(_)) if !hides => body_base64 = self.draft.body().map(|bytes| BASE64_STANDARD.encode(bytes)),
            _ => {}
        }
        let is_withheld = self.draft.body().is_some() && body.is_none() && body_base64.is_none();
        DryRunResponse {
            dry_run: true,
            tool_id: self.tool.id.clone(),
            method: self.draft.method().to_string(),
            url,
            headers: headers.iter().chain(own_id).map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body,
            body_base64,
            withheld: is_withheld.then(|| WITHHELD.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
