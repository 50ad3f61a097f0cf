//! The contract's calls, one method each (contract 4), over one [`Transport`].
//!
//! A runtime that answers an error is an [`ClientError::Refused`] with its code. Only what was refused for its token is sent again,
//! once, with another token if there is one; nothing is cached, and redirects are not followed.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::form::Form;
use crate::base::host::{Deadline, Stopwatch};
use crate::base::serial::Serial;
use crate::base::trace::Trace;
use crate::base::url::Url;
use crate::contract::policy::{PolicyExplainRequest, PolicyExplainResponse};
use crate::contract::{
    BrowserConfig, DryRunResponse, ErrorCode, ExecuteRequest, ExecuteResponse, Problem, RefreshResponse, RuntimeInfo,
    STREAM_TYPE, SessionCloseRequest, SourcesResponse, UpstreamFinishRequest, UpstreamLogin, UpstreamLogoutRequest,
    UpstreamStartRequest, UpstreamStarted, path,
};
use crate::http::{
    self, Headers, Limits, Method, Opened, Reach, Request, Response, StreamLimits, Transport, TransportError,
    TransportErrorKind,
};

use super::auth::{AuthError, Caller, Credential};
use super::streaming::Streaming;
use super::target::Target;

/// The largest answer that is read.
const MAX_BODY: usize = 256 << 20;

/// How much of an answer is read that is no stream.
const MAX_REFUSAL: u64 = 1 << 20;

/// The longest stream that is followed: longer than a toolbox lets one last.
const LONGEST_STREAM: Duration = Duration::from_secs(24 * 3600);

/// The largest part of an error answer that is looked at and shown.
const MAX_DETAIL: usize = 2000;

/// A runtime, and what every call to it carries.
#[derive(Clone)]
pub struct Runtime<'a> {
    /// The way out.
    pub transport: &'a dyn Transport,
    /// Where.
    pub target: &'a Target,
    /// As whom.
    pub caller: &'a dyn Caller,
    /// What says which calls these are; without it the runtime makes their ids.
    pub trail: Option<&'a Trail>,
    /// How long one call may take.
    pub timeouts: Timeouts,
    /// Sees each exchange once it is over; for `--verbose`.
    pub watch: Option<&'a dyn Fn(&Exchange<'_>)>,
}

/// What goes along with calls, so that they are found again.
#[derive(Debug)]
pub struct Trail {
    /// Makes `X-Request-ID`s: an answer that never comes is found by what was sent.
    pub ids: Serial,
    /// The trace that the calls belong to, passed on as it is.
    pub trace: Option<Trace>,
}

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Executions and refreshes, which wait for others.
    pub work: Duration,
    /// Everything else.
    pub ask: Duration,
}

impl Timeouts {
    /// Executions get five minutes, since the runtime has deadlines of its own; the rest 30 s.
    pub const DEFAULT: Self = Self { work: Duration::from_secs(300), ask: Duration::from_secs(30) };

    /// One limit for all, as `--timeout` sets it.
    pub fn all(limit: Duration) -> Self {
        Self { work: limit, ask: limit }
    }
}

/// One exchange that is over; holds no header and no query.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: Method,
    /// Without query.
    pub url: &'a str,
    /// `None` when no answer came.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the answer's body.
    pub received: usize,
    /// `X-Request-ID` of the answer.
    pub request_id: Option<&'a str>,
}

/// Why a call gave nothing.
#[derive(Clone, Debug)]
pub enum ClientError {
    /// No answer came.
    Unreachable {
        /// The runtime's base URL.
        runtime: String,
        /// Whether the time was up.
        timeout: bool,
        /// Whether the request may have arrived.
        may_have_been_sent: bool,
        /// Why.
        cause: String,
        /// The id that the request had.
        request_id: Option<String>,
    },
    /// The runtime said no.
    Refused(Box<Refusal>),
    /// What answers speaks another contract, or none.
    Mismatch(String),
    /// The answer cannot be understood.
    Garbled {
        /// Method and path.
        call: String,
        /// Why.
        cause: String,
    },
    /// The configured credential cannot be used.
    Auth(AuthError),
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// When it is one of the contract's.
    pub code: Option<ErrorCode>,
    /// As it came; empty when none came.
    pub code_text: String,
    /// What the runtime says about it.
    pub detail: String,
    /// `X-Request-ID` of the exchange.
    pub request_id: Option<String>,
    /// The origin that a configured token belongs to, when it was not sent here.
    pub withheld: Option<String>,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { runtime, timeout: false, cause, .. } => {
                write!(f, "the runtime at {runtime} cannot be reached: {cause}")
            }
            Self::Unreachable { runtime, cause, .. } => {
                write!(f, "the runtime at {runtime} did not answer in time: {cause}")
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Mismatch(cause) => write!(f, "contract_mismatch: {cause}"),
            Self::Garbled { call, cause } => write!(f, "the runtime's answer to {call} cannot be understood: {cause}"),
            Self::Auth(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.code.map(|code| code.row().title);
        let said = if self.detail.is_empty() { title.unwrap_or("the runtime refused") } else { &self.detail };
        match self.code_text.as_str() {
            "" => write!(f, "no answer of a toolbox: {said} (HTTP {})", self.status),
            code => write!(f, "{code}: {said}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<AuthError> for ClientError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

/// The number in the address of the next page. Only that is taken from it: the address itself is the runtime's word.
fn cursor(link: &str) -> Option<u64> {
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    let query = Form::parse(target.split_once('?')?.1);
    let number = query.get("after").or_else(|| query.get("before"))?;
    relation.contains("rel=\"next\"").then(|| number.parse().ok())?
}

/// What part of the catalog is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogAsk {
    /// `config`, only when `requestConfigPath` is set.
    pub config: Option<String>,
    /// `mode`
    pub mode: Option<String>,
    /// `agentProfile`
    pub agent_profile: Option<String>,
    /// Whether `detail=summary` is understood.
    pub summary: bool,
}

/// A catalog, or the word that it is the same.
#[derive(Debug)]
pub enum CatalogAnswer {
    /// 304
    Unchanged,
    /// 200
    Whole {
        /// Its `ETag`.
        etag: Option<String>,
        /// `{catalog, view}`
        body: Vec<u8>,
    },
}

impl Runtime<'_> {
    /// `GET /v1/runtime/info`, as it came and read.
    pub fn info(&self) -> Result<(RuntimeInfo, Vec<u8>), ClientError> {
        let call = Call::get(path::INFO);
        let response = self.send(&call, &[], self.timeouts.ask)?;
        let info = serde_json::from_slice(&response.body).map_err(|_| {
            ClientError::Mismatch(format!("{} answers, but not as an open-cli runtime does", self.target.as_str()))
        })?;
        Ok((info, response.body))
    }

    /// `GET /v1/auth/browser-config`
    pub fn browser_config(&self) -> Result<BrowserConfig, ClientError> {
        let call = Call::get(path::BROWSER_CONFIG);
        let response = self.send(&call, &[], self.timeouts.ask)?;
        read(&call, &response.body)
    }

    /// `GET /v1/catalog/effective`
    pub fn catalog(&self, ask: &CatalogAsk, etag: Option<&str>) -> Result<CatalogAnswer, ClientError> {
        let mut query = Vec::new();
        for (name, value) in [("config", &ask.config), ("mode", &ask.mode), ("agentProfile", &ask.agent_profile)] {
            query.extend(value.as_deref().map(|value| (name, value)));
        }
        if ask.summary {
            query.push(("detail", "summary"));
        }
        let mut call = Call::get(path::CATALOG);
        call.etag = etag;
        let response = self.send(&call, &query, self.timeouts.ask)?;
        if response.status == 304 {
            return Ok(CatalogAnswer::Unchanged);
        }
        Ok(CatalogAnswer::Whole { etag: response.headers.get("etag").map(str::to_owned), body: response.body })
    }

    /// `GET /v1/tools?id=`: the tool as it came.
    pub fn tool(&self, id: &str, ask: &CatalogAsk) -> Result<Vec<u8>, ClientError> {
        let mut query = vec![("id", id)];
        for (name, value) in [("config", &ask.config), ("mode", &ask.mode), ("agentProfile", &ask.agent_profile)] {
            query.extend(value.as_deref().map(|value| (name, value)));
        }
        Ok(self.send(&Call::get(path::TOOL), &query, self.timeouts.ask)?.body)
    }

    /// `POST /v1/tools/execute`, with the id of the exchange.
    pub fn execute(&self, request: &ExecuteRequest) -> Result<(ExecuteResponse, Option<String>), ClientError> {
        let call = Call::post(path::EXECUTE, json(request));
        let response = self.send(&call, &[], self.timeouts.work)?;
        Ok((read(&call, &response.body)?, response.headers.get("x-request-id").map(str::to_owned)))
    }

    /// `POST /v1/tools/execute` with `dryRun`; the caller has seen the capability.
    pub fn dry_run(&self, request: &ExecuteRequest) -> Result<(DryRunResponse, Vec<u8>), ClientError> {
        let call = Call::post(path::EXECUTE, json(&ExecuteRequest { dry_run: true, ..request.clone() }));
        let response = self.send(&call, &[], self.timeouts.work)?;
        Ok((read(&call, &response.body)?, response.body))
    }

    /// `POST /v1/policy/explain`, as it came and read; the caller has seen the capability.
    pub fn explain_policy(
        &self,
        request: &PolicyExplainRequest,
    ) -> Result<(PolicyExplainResponse, Vec<u8>), ClientError> {
        let call = Call::post(path::POLICY_EXPLAIN, json(request));
        let response = self.send(&call, &[], self.timeouts.ask)?;
        Ok((read(&call, &response.body)?, response.body))
    }

    /// `POST /v1/refresh`, as it came and read.
    pub fn refresh(&self, config: Option<&str>) -> Result<(RefreshResponse, Vec<u8>), ClientError> {
        let query: Vec<_> = config.map(|config| ("config", config)).into_iter().collect();
        let call = Call::post(path::REFRESH, Vec::new());
        let response = self.send(&call, &query, self.timeouts.work)?;
        Ok((read(&call, &response.body)?, response.body))
    }

    /// `GET /v1/sources`; the caller has seen the capability.
    pub fn sources(&self, config: Option<&str>) -> Result<SourcesResponse, ClientError> {
        let query: Vec<_> = config.map(|config| ("config", config)).into_iter().collect();
        let call = Call::get(path::SOURCES);
        read(&call, &self.send(&call, &query, self.timeouts.ask)?.body)
    }

    /// `GET /v1/audit/events`: a JSON array, as it came, and the number with which the next page's `Link` goes on.
    pub fn audit_events(&self, query: &[(&str, &str)]) -> Result<(Vec<u8>, Option<u64>), ClientError> {
        let response = self.send(&Call::get(path::AUDIT), query, self.timeouts.ask)?;
        let next = response.headers.get("link").and_then(cursor);
        Ok((response.body, next))
    }

    /// `POST /v1/runtime/stop`, as it came.
    pub fn stop(&self) -> Result<Vec<u8>, ClientError> {
        Ok(self.send(&Call::post(path::STOP, Vec::new()), &[], self.timeouts.ask)?.body)
    }

    /// `POST /v1/runtime/session-close`, as it came.
    pub fn session_close(&self, id: Option<&str>) -> Result<Vec<u8>, ClientError> {
        let request = SessionCloseRequest { session_id: id.map(str::to_owned), ..SessionCloseRequest::default() };
        Ok(self.send(&Call::post(path::SESSION_CLOSE, json(&request)), &[], self.timeouts.ask)?.body)
    }

    /// `GET /v1/auth/upstream`, as it came.
    pub fn upstream_logins(&self) -> Result<Vec<u8>, ClientError> {
        Ok(self.send(&Call::get(path::UPSTREAM), &[], self.timeouts.ask)?.body)
    }

    /// `POST /v1/auth/upstream/start`
    pub fn start_upstream_login(&self, request: &UpstreamStartRequest) -> Result<UpstreamStarted, ClientError> {
        let call = Call::post(path::UPSTREAM_START, json(request));
        read(&call, &self.send(&call, &[], self.timeouts.ask)?.body)
    }

    /// `POST /v1/auth/upstream/finish`
    pub fn finish_upstream_login(&self, request: &UpstreamFinishRequest) -> Result<UpstreamLogin, ClientError> {
        let call = Call::post(path::UPSTREAM_FINISH, json(request));
        read(&call, &self.send(&call, &[], self.timeouts.ask)?.body)
    }

    /// `POST /v1/auth/upstream/logout`, as it came.
    pub fn upstream_logout(&self, request: &UpstreamLogoutRequest) -> Result<Vec<u8>, ClientError> {
        Ok(self.send(&Call::post(path::UPSTREAM_LOGOUT, json(request)), &[], self.timeouts.ask)?.body)
    }

    /// `POST /v1/tools/execute` with `stream`; the caller has seen the capability. A silence may last as long as a call may.
    pub fn execute_stream(&self, request: &ExecuteRequest) -> Result<Streaming, ClientError> {
        let call = Call::post(path::EXECUTE, json(&ExecuteRequest { stream: true, ..request.clone() }));
        self.with_credential(|credential| self.open(&call, credential))
    }

    fn open(&self, call: &Call<'_>, credential: &Credential) -> Result<Streaming, ClientError> {
        let mut request = request(call, self.target.endpoint(call.path, &[]), credential)?;
        let request_id = self.trail.map(|trail| trail.mark(&mut request.headers));
        let work = self.timeouts.work;
        let limits =
            StreamLimits { head: Deadline::after(work), idle: work, whole: LONGEST_STREAM, reach: Reach::Named };
        let stopwatch = Stopwatch::start();
        let opened = self.transport.open(&request, limits);
        if let Some(see) = self.watch {
            let opened = opened.as_ref().ok();
            see(&Exchange {
                method: request.method,
                url: request.url.public(),
                status: opened.map(|opened| opened.status),
                took: stopwatch.elapsed(),
                received: 0,
                request_id: opened.and_then(|opened| opened.headers.get("x-request-id")),
            });
        }
        let opened = opened.map_err(|error| self.unreachable(error, request_id))?;
        let content_type = opened.headers.get("content-type").unwrap_or_default();
        if opened.status == 200 && http::media_type(content_type) == STREAM_TYPE {
            return Streaming::begin(opened);
        }
        let Opened { status, headers, body, .. } = opened;
        let mut bytes = Vec::new();
        body.take(MAX_REFUSAL).read_to_end(&mut bytes).ok();
        let response = Response { status, headers, body: bytes, truncated: false };
        match status {
            200 => Err(call.garbled("it is no stream".to_owned())),
            _ => Err(ClientError::Refused(Box::new(refusal(&response, credential)))),
        }
    }

    fn unreachable(&self, error: TransportError, request_id: Option<String>) -> ClientError {
        ClientError::Unreachable {
            runtime: self.target.as_str().to_owned(),
            timeout: error.kind == TransportErrorKind::Timeout,
            may_have_been_sent: error.may_have_been_sent,
            cause: error.message,
            request_id: request_id.filter(|_| error.may_have_been_sent),
        }
    }

    fn send(&self, call: &Call<'_>, query: &[(&str, &str)], limit: Duration) -> Result<Response, ClientError> {
        self.with_credential(|credential| self.exchange(call, query, limit, credential))
    }

    fn with_credential<T>(&self, go: impl Fn(&Credential) -> Result<T, ClientError>) -> Result<T, ClientError> {
        let credential = self.caller.credential()?;
        match (go(&credential), &credential) {
            // A refused request was not carried out, so it may be sent again.
            (Err(ClientError::Refused(refusal)), Credential::Token(refused))
                if refusal.status == 401 && refusal.code == Some(ErrorCode::AuthnFailed) =>
            {
                match self.caller.renewed(refused)? {
                    Some(other) => go(&other),
                    None => Err(ClientError::Refused(refusal)),
                }
            }
            (result, _) => result,
        }
    }

    fn exchange(
        &self,
        call: &Call<'_>,
        query: &[(&str, &str)],
        limit: Duration,
        credential: &Credential,
    ) -> Result<Response, ClientError> {
        let url = self.target.endpoint(call.path, query);
        let mut request = request(call, url, credential)?;
        let request_id = self.trail.map(|trail| trail.mark(&mut request.headers));
        let limits = Limits { deadline: Deadline::after(limit), max_body: MAX_BODY, reach: Reach::Named };
        let response =
            send(self.transport, &request, limits, self.watch).map_err(|error| self.unreachable(error, request_id))?;
        if response.truncated {
            return Err(call.garbled(format!("it is larger than {MAX_BODY} bytes")));
        }
        match response.status {
            200 => Ok(response),
            304 if call.etag.is_some() => Ok(response),
            _ => Err(ClientError::Refused(Box::new(refusal(&response, credential)))),
        }
    }
}

/// Sends one request and lets `watch` see it once it is over.
pub fn send(
    transport: &dyn Transport,
    request: &Request,
    limits: Limits,
    watch: Option<&dyn Fn(&Exchange<'_>)>,
) -> Result<Response, TransportError> {
    let stopwatch = Stopwatch::start();
    let answer = transport.send(request, limits);
    if let Some(see) = watch {
        see(&Exchange {
            method: request.method,
            url: request.url.public(),
            status: answer.as_ref().ok().map(|response| response.status),
            took: stopwatch.elapsed(),
            received: answer.as_ref().map_or(0, |response| response.body.len()),
            request_id: answer.as_ref().ok().and_then(|response| response.headers.get("x-request-id")),
        });
    }
    answer
}

impl Trail {
    /// Marks a request, and gives its id.
    fn mark(&self, headers: &mut Headers) -> String {
        let id = self.ids.next();
        let trace = self.trace.as_ref();
        let (parent, state) = (trace.map(Trace::traceparent), trace.and_then(Trace::tracestate));
        let marks = [("X-Request-ID", Some(id.as_str())), ("traceparent", parent.as_deref()), ("tracestate", state)];
        for (name, value) in marks {
            // What was made or read here can be written.
            value.map(|value| headers.append(name, value).ok());
        }
        id
    }
}

fn request(call: &Call<'_>, url: Url, credential: &Credential) -> Result<Request, ClientError> {
    let mut headers = Headers::new().with("Accept", "application/json, application/problem+json");
    if let Credential::Token(bearer) = credential {
        headers.set("Authorization", &format!("Bearer {}", bearer.token.expose())).map_err(|_| AuthError::Unusable)?;
    }
    if !call.body.is_empty() {
        headers = headers.with("Content-Type", "application/json");
    }
    if let Some(etag) = call.etag {
        // An ETag that cannot be sent back asks for the whole catalog.
        headers.set("If-None-Match", etag).ok();
    }
    Ok(Request { method: call.method, url, headers, body: call.body.clone() })
}

fn refusal(response: &Response, credential: &Credential) -> Refusal {
    let content_type = response.headers.get("content-type").unwrap_or("");
    let request_id = response.headers.get("x-request-id").map(str::to_owned);
    let withheld = match credential {
        Credential::Withheld(origin) => Some(origin.to_string()),
        _ => None,
    };
    let problem: Option<Problem> =
        http::is_json(content_type).then(|| serde_json::from_slice(&response.body).ok()).flatten();
    let (code_text, detail, id) = match problem {
        Some(problem) => (problem.code, problem.detail, Some(problem.request_id).filter(|id| !id.is_empty())),
        None => others_problem(&response.body).unwrap_or_else(|| bare(&response.body)),
    };
    Refusal {
        status: response.status,
        code: ErrorCode::parse(&code_text),
        code_text,
        detail: cut(&detail),
        request_id: id.or(request_id),
        withheld,
    }
}

/// What a problem of somebody else says, that knows nothing of codes.
fn others_problem(body: &[u8]) -> Option<(String, String, Option<String>)> {
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    let said = ["detail", "title", "message"].into_iter().find_map(|name| problem.get(name)?.as_str());
    Some((String::new(), said?.lines().next().unwrap_or("").to_owned(), None))
}

/// A bare code as text, or the first line of whatever else answered.
fn bare(body: &[u8]) -> (String, String, Option<String>) {
    let head = String::from_utf8_lossy(&body[..body.len().min(MAX_DETAIL)]);
    let text = head.trim();
    let is_code = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_code {
        return (text.to_owned(), String::new(), None);
    }
    (String::new(), text.lines().next().unwrap_or("").to_owned(), None)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}

struct Call<'a> {
    method: Method,
    path: &'static str,
    body: Vec<u8>,
    etag: Option<&'a str>,
}

impl Call<'_> {
    fn get(path: &'static str) -> Self {
        Self { method: Method::Get, path, body: Vec::new(), etag: None }
    }

    fn post(path: &'static str, body: Vec<u8>) -> Self {
        Self { method: Method::Post, path, body, etag: None }
    }

    fn garbled(&self, cause: String) -> ClientError {
        ClientError::Garbled { call: format!("{} {}", self.method, self.path), cause }
    }
}

fn json(request: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(request).expect("a request is JSON")
}

fn read<T: DeserializeOwned>(call: &Call<'_>, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| call.garbled(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::redacted::Redacted;
    use crate::client::auth::Bearer;
    use crate::client::target;
    use std::sync::Mutex;

    struct Canned {
        answer: Result<Response, TransportError>,
        seen: Mutex<Vec<Request>>,
    }

    impl Transport for Canned {
        fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
            self.seen.lock().unwrap().push(request.clone());
            self.answer.clone()
        }
    }

    fn canned(status: u16, content_type: &str, body: &str) -> Canned {
        let headers = Headers::new().with("Content-Type", content_type).with("X-Request-ID", "r-1");
        let response = Response { status, headers, body: body.as_bytes().to_vec(), truncated: false };
        Canned { answer: Ok(response), seen: Mutex::default() }
    }

    fn call<T>(transport: &Canned, caller: &Credential, work: impl FnOnce(&Runtime<'_>) -> T) -> T {
        let target = target::resolve(Some("http://r:1/p"), None, None).unwrap();
        let runtime =
            Runtime { transport, target: &target, caller, trail: None, timeouts: Timeouts::DEFAULT, watch: None };
        work(&runtime)
    }

    #[test]
    fn what_may_have_arrived_is_found_by_the_id_it_had() {
        let target = target::resolve(Some("http://r:1"), None, None).unwrap();
        for may_have_been_sent in [false, true] {
            let error =
                TransportError { kind: TransportErrorKind::Timeout, may_have_been_sent, message: String::new() };
            let transport = Canned { answer: Err(error), seen: Mutex::default() };
            let runtime = Runtime {
                transport: &transport,
                target: &target,
                caller: &Credential::Anonymous,
                trail: Some(&Trail { ids: Serial::new([1; 16]), trace: None }),
                timeouts: Timeouts::DEFAULT,
                watch: None,
            };
            let Err(ClientError::Unreachable { request_id, .. }) = runtime.stop() else { panic!("no answer came") };
            let seen = transport.seen.lock().unwrap();
            let sent = seen[0].headers.get("X-Request-ID").map(str::to_owned);
            assert!(sent.is_some());
            assert_eq!(request_id, sent.filter(|_| may_have_been_sent));
        }
    }

    #[track_caller]
    fn refused(status: u16, content_type: &str, body: &str) -> Refusal {
        match call(&canned(status, content_type, body), &Credential::Anonymous, |runtime| runtime.stop()) {
            Err(ClientError::Refused(refusal)) => *refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn error_answers_are_read_in_both_forms() {
        let problem = r#"{"type":"about:blank","title":"t","status":403,"detail":"the tool a:b is denied","code":"policy_deny","requestId":"r-9"}"#;
        let refusal = refused(403, "application/problem+json", problem);
        assert_eq!((refusal.code, refusal.request_id.as_deref()), (Some(ErrorCode::PolicyDeny), Some("r-9")));
        assert_eq!(refusal.to_string(), "policy_deny: the tool a:b is denied");
        let refusal = refused(401, "text/plain", "authn_failed\n");
        assert_eq!((refusal.code, refusal.request_id.as_deref()), (Some(ErrorCode::AuthnFailed), Some("r-1")));
        let refusal = refused(404, "application/problem+json", r#"{"title":"Not found","detail":"no such path"}"#);
        assert_eq!(
            (refusal.code, refusal.to_string().as_str()),
            (None, "no answer of a toolbox: no such path (HTTP 404)")
        );
        let refusal = refused(502, "text/html", "<html>bad gateway</html>\nmore");
        assert_eq!(refusal.to_string(), "no answer of a toolbox: <html>bad gateway</html> (HTTP 502)");
        assert_eq!(refused(409, "text/plain", "some_new_code").to_string(), "some_new_code: the runtime refused");
    }

    #[test]
    fn calls_carry_what_the_contract_says() {
        let transport = canned(200, "application/json", "{}");
        let token = Credential::Token(Bearer { token: Redacted::new("t-1".to_owned()), identity: "i".to_owned() });
        let ask = CatalogAsk { summary: true, mode: Some("curated".to_owned()), ..CatalogAsk::default() };
        call(&transport, &token, |runtime| runtime.catalog(&ask, Some("\"e\""))).unwrap();
        let seen = transport.seen.lock().unwrap();
        assert_eq!(seen[0].url.as_str(), "http://r:1/p/v1/catalog/effective?mode=curated&detail=summary");
        for (name, value) in [
            ("authorization", "Bearer t-1"),
            ("if-none-match", "\"e\""),
            ("accept", "application/json, application/problem+json"),
        ] {
            assert_eq!(seen[0].headers.get(name), Some(value));
        }
        assert_eq!(seen[0].headers.get("content-type"), None);
    }

    #[test]
    fn silence_is_told_from_nonsense() {
        let message = "r:1 refused the connection".to_owned();
        let error = TransportError { kind: TransportErrorKind::Connect, may_have_been_sent: false, message };
        let silent = Canned { answer: Err(error), seen: Mutex::default() };
        let error = call(&silent, &Credential::Anonymous, |runtime| runtime.info()).unwrap_err();
        assert_eq!(error.to_string(), "the runtime at http://r:1/p cannot be reached: r:1 refused the connection");
        let nonsense = canned(200, "text/html", "<html>");
        let error = call(&nonsense, &Credential::Anonymous, |runtime| runtime.info()).unwrap_err();
        assert!(matches!(error, ClientError::Mismatch(_)), "{error}");
    }
}
