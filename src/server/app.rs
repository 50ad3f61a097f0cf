//! The toolbox as one handler of requests: what all routes share, and the order in which a request is judged.

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::access_log::{self, Answered, Requests};
use super::asked::Asked;
use super::error::{self, Failure};
use super::guard::Reach;
use super::metrics::{Metrics, TokenCheck};
use super::router::Token;
use super::sessions::Sessions;
use super::snapshot::Snapshot;
use super::state::State;
use super::{guard, router};
use crate::access::Principal;
use crate::access::bearer::{self, Bearer};
use crate::access::validator::{Admitted, Refused};
use crate::audit::log::Promise;
use crate::audit::{AuditError, AuditLog, Event, EventType, Verdict};
use crate::base::count::Counter;
use crate::base::host::{Clock, Stopwatch, lock};
use crate::base::log::Log;
use crate::base::pace::Pace;
use crate::base::serial::Serial;
use crate::base::url::Url;
use crate::config::scope::clean;
use crate::contract::{ErrorCode, path};
use crate::execute::continuation::Continuations;
use crate::execute::run::Executor;
use crate::http::server::{Answer, Handler, Inbound};
use crate::instance::Instance;

/// What the toolbox is asked to do by signals and by `POST /v1/runtime/stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Come to an end.
    Stop,
    /// Read the configuration again.
    Reload,
    /// Look at what there is to do; the first catalog is built.
    Look,
}

/// Everything that a request may need.
pub struct App {
    /// The present snapshot.
    pub state: Arc<State>,
    /// The audit file.
    pub audit: Arc<AuditLog>,
    /// Sends tool calls.
    pub executor: Executor,
    /// Seals what leads callers on.
    pub continuations: Continuations,
    /// Who is attached.
    pub sessions: Sessions,
    /// Who this is.
    pub instance: Instance,
    /// `--public-url`.
    pub public_url: Option<Url>,
    /// `http://address:port`, known once it listens.
    pub listening: OnceLock<std::net::SocketAddr>,
    /// The log.
    pub log: Log,
    /// Which requests it tells.
    pub log_requests: Requests,
    /// What is counted.
    pub metrics: Metrics,
    /// Where orders go.
    pub orders: Sender<Order>,
    /// Whether it is about to stop, and therefore not ready.
    pub leaving: AtomicBool,
    /// Whether `runtime_stop` is in the audit file already.
    pub stop_recorded: Mutex<bool>,
    /// Ids of requests that bring none.
    pub ids: Serial,
    /// Wall clock.
    pub clock: Clock,
    /// How many requests were not let in.
    pub failures: Counter,
    /// How often the log tells of them.
    pub failures_told: Pace,
    /// How often the log tells that records cannot be kept.
    pub unrecorded_told: Pace,
}

/// At most one line about failed authentication in this time.
pub const TELL_FAILURES: Duration = Duration::from_secs(10);

/// A record of what `principal` asked for in `request`.
pub fn event_of(event_type: EventType, decision: Verdict, principal: &Principal, request: &Inbound) -> Event {
    let mut event = event_by(event_type, principal);
    event.decision = Some(decision);
    event.client_addr = Some(request.client.ip().to_string());
    event
}

/// A record of what happened to `principal` without a request.
pub fn event_by(event_type: EventType, principal: &Principal) -> Event {
    let mut event = Event::new(event_type);
    if let Some(caller) = principal.caller() {
        event.principal = Some(caller.value.clone());
        event.principal_kind = Some(caller.kind.as_str());
        event.issuer = Some(caller.issuer.clone());
        event.lineage.clone_from(&caller.lineage);
    }
    event
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.instance.id)
    }
}

impl Handler for App {
    fn waiting(&self) -> usize {
        self.audit.waiting()
    }

    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        let watch = Stopwatch::start();
        let asked = Asked::new(&request.headers, router::find(&request.path), &self.ids);
        let outcome = self.admit(&request).and_then(|()| router::answer(&self, &request, &asked));
        let code = outcome.as_ref().err().map(|failure| failure.code);
        let mut answer = outcome.unwrap_or_else(|failure| {
            let challenge = failure.challenge(self.metadata_url().as_deref());
            failure.answer(request.headers.get("Accept"), &asked.id, challenge.as_deref())
        });
        match answer.held.take() {
            None => self.answered(answer, code, &asked, &request.method, &watch),
            Some(held) => {
                let (app, method) = (Arc::clone(&self), request.method);
                answer.held = Some(held.then(move |answer| {
                    // What it waits for is its record, and another answer says that this could not be kept.
                    let code = code.or((answer.status >= 500).then_some(ErrorCode::Internal));
                    app.answered(answer, code, &asked, &method, &watch)
                }));
                answer
            }
        }
    }
}

impl App {
    /// Counts and tells of an answer, and puts the request's id on it.
    fn answered(
        &self,
        answer: Answer,
        code: Option<ErrorCode>,
        asked: &Asked,
        method: &str,
        watch: &Stopwatch,
    ) -> Answer {
        let (status, took) = (answer.status, watch.elapsed());
        self.metrics.answered(asked.route, status, code, took);
        access_log::tell(&self.log, self.log_requests, asked, Answered { method, status, code, took });
        error::with_request_id(answer, &asked.id)
    }

    fn admit(&self, request: &Inbound) -> Result<(), Failure> {
        let listening = self.listening.get();
        let port = listening.map_or(0, std::net::SocketAddr::port);
        let reach = Reach::of(listening.map(std::net::SocketAddr::ip), self.state.served().validator.is_some());
        if guard::allows(&request.headers, port, self.public_url().as_ref(), reach) {
            return Ok(());
        }
        let detail = "the request comes from a page of another site, or names a host that is not this runtime's; \
                      --public-url names the one that clients use";
        Err(Failure::new(ErrorCode::ForbiddenOrigin, detail))
    }

    /// Who asks, found out from the configuration in force alone, before anything else is looked at (H02).
    pub fn authenticate(&self, token: Token, request: &Inbound) -> Result<Principal, Failure> {
        let served = self.state.served();
        let Some(validator) = served.validator.as_ref().filter(|_| token != Token::Ignored) else {
            return Ok(Principal::Anonymous);
        };
        match bearer::read(&request.headers) {
            Bearer::Absent if token == Token::Welcome => Ok(Principal::Anonymous),
            Bearer::Absent => {
                let detail = "a bearer token is needed: send it as `Authorization: Bearer ...`";
                let failure = Failure { no_token: true, ..Failure::new(ErrorCode::AuthnFailed, detail) };
                Err(self.not_let_in(request, failure, "no_token"))
            }
            Bearer::Malformed => {
                let failure = Failure::new(ErrorCode::AuthnFailed, "the Authorization header holds no bearer token");
                Err(self.not_let_in(request, failure, "token_malformed"))
            }
            Bearer::Token(text) => match validator.authenticate(text) {
                Ok(Admitted { caller, fresh }) => {
                    let check = if fresh { TokenCheck::Checked } else { TokenCheck::Remembered };
                    self.metrics.looked_at_token(check);
                    let principal = Principal::Token(caller);
                    if fresh {
                        let event = event_of(EventType::AuthenticatedConnect, Verdict::Allowed, &principal, request);
                        self.audit.count(event);
                    }
                    Ok(principal)
                }
                Err(Refused::Invalid(reason)) => {
                    let failure = Failure::new(ErrorCode::AuthnFailed, reason.to_string());
                    Err(self.not_let_in(request, failure, reason.word()))
                }
                Err(Refused::Unavailable) => {
                    let detail = "tokens cannot be checked at the moment; try again";
                    let failure = Failure::new(ErrorCode::AuthnUnavailable, detail);
                    Err(self.not_let_in(request, failure, ErrorCode::AuthnUnavailable.as_str()))
                }
            },
        }
    }

    /// Every failed authentication is counted in the audit file (H03); the log tells of one in ten seconds.
    fn not_let_in(&self, request: &Inbound, failure: Failure, reason: &'static str) -> Failure {
        let (verdict, check) = match failure.code {
            ErrorCode::AuthnFailed => (Verdict::Denied, TokenCheck::Refused),
            _ => (Verdict::Error, TokenCheck::Unavailable),
        };
        self.metrics.looked_at_token(check);
        let mut event = event_of(EventType::AuthnFailure, verdict, &Principal::Anonymous, request);
        event.reason_code = Some(reason.to_owned());
        self.audit.count(event);
        self.failures.bump();
        if self.failures_told.take(self.clock.now()) {
            let (client, all) = (request.client.ip(), self.failures.value());
            self.log.warn("a caller was not let in", &[("reason", &reason), ("client", &client), ("sinceStart", &all)]);
        }
        failure
    }

    /// Where RFC 9728 metadata is, when auth is on.
    fn metadata_url(&self) -> Option<String> {
        self.state.served().validator.as_ref()?;
        Some(format!("{}{}", self.url(), path::PROTECTED_RESOURCE))
    }

    /// The origin clients use: the public one, else where it listens.
    pub fn url(&self) -> String {
        match (self.public_url(), self.listening.get()) {
            (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
            (None, Some(addr)) => format!("http://{addr}"),
            (None, None) => String::new(),
        }
    }

    /// A request may repeat the served configuration's path and nothing else; no file is looked at (H01).
    pub fn check_config_path(&self, path: Option<&str>) -> Result<(), Failure> {
        let served = self.state.served();
        match path.filter(|path| !path.is_empty()) {
            Some(path) if served.path.as_deref() != Some(&clean(Path::new(path))) => {
                let detail =
                    "this runtime serves another configuration; leave the path out, or ask the runtime that serves it";
                Err(Failure::new(ErrorCode::RuntimeAttachMismatch, detail))
            }
            _ => Ok(()),
        }
    }

    /// What is served, or 503 while nothing is.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Failure> {
        let nothing = || Failure::new(ErrorCode::CatalogUnavailable, "the first catalog is being built; try again");
        self.state.snapshot().ok_or_else(nothing)
    }

    /// The origin clients use when one is set: the flag's, else the configuration's.
    pub fn public_url(&self) -> Option<Url> {
        self.public_url.clone().or_else(|| self.state.served().config.server.public_url.clone())
    }

    /// Keeps a record before an answer leaves.
    pub fn record(&self, event: &Event) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        self.kept(event, self.audit.record(event), &watch)
    }

    /// Keeps room for the record of what is about to be done.
    pub fn promise(&self, event: &Event) -> Result<Promise, Failure> {
        self.audit.promise(event).map_err(|error| {
            self.metrics.not_recordable();
            self.not_kept(&error)
        })
    }

    /// As [`App::record`], in the room that was kept for it.
    pub fn record_promised(&self, promise: Promise, event: &Event) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        self.kept(event, promise.record(event), &watch)
    }

    /// As [`App::record_promised`], for an answer that leaves without a worker that waits: `then` is told how it went.
    pub fn record_then(
        self: &Arc<Self>,
        promise: Promise,
        event: Event,
        then: impl FnOnce(Result<(), Failure>) + Send + 'static,
    ) {
        let (app, watch) = (Arc::clone(self), Stopwatch::start());
        promise.record_then(event, move |event, kept| then(app.kept(&event, kept, &watch)));
    }

    fn kept(&self, event: &Event, kept: Result<(), AuditError>, watch: &Stopwatch) -> Result<(), Failure> {
        self.metrics.recorded(event, kept.is_ok(), watch.elapsed());
        kept.map_err(|error| self.not_kept(&error))
    }

    fn not_kept(&self, error: &AuditError) -> Failure {
        if self.unrecorded_told.take(self.clock.now()) {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            self.log.error("audit records cannot be kept", &[("error", error), ("cause", &cause)]);
        }
        Failure::new(ErrorCode::AuditUnavailable, "the audit record could not be kept, so nothing was done")
    }

    /// Reads the configuration again and says how it went, in the log and in the audit file.
    pub fn reload(&self) {
        let mut event = Event::new(EventType::ConfigReload);
        let reloaded = self.state.reload();
        self.metrics.reloaded(reloaded.is_ok());
        match reloaded {
            Ok(snapshot) => {
                self.log.info("configuration reloaded", &[("fingerprint", &snapshot.served.fingerprint)]);
                event.reason_code = Some("reloaded".to_owned());
            }
            Err(problems) => {
                for problem in &problems {
                    self.log.error("configuration not reloaded, the old one stays in force", &[("problem", problem)]);
                }
                event.reason_code = Some("refused".to_owned());
            }
        }
        event.config_fingerprint = Some(self.state.served().fingerprint.clone());
        // Nothing follows the end; the log has it.
        if !*lock(&self.stop_recorded) {
            // It was logged why not.
            self.record(&event).ok();
        }
    }

    /// Notes that the runtime stops, once; who comes second waits until it is on disk.
    pub fn record_stop(&self, event: &Event) -> Result<(), Failure> {
        let mut recorded = lock(&self.stop_recorded);
        if !*recorded {
            self.record(event)?;
            *recorded = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
