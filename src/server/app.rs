//! The toolbox as one handler of requests: what all routes share, and the order in which a request is judged.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use super::error::{self, Failure};
use super::snapshot::Snapshot;
use super::state::State;
use super::{guard, router};
use crate::access::Principal;
use crate::audit::{AuditLog, Event, EventType};
use crate::base::log::Log;
use crate::base::url::Url;
use crate::config::scope::clean;
use crate::contract::ErrorCode;
use crate::execute::run::Executor;
use crate::http::Headers;
use crate::http::server::{Answer, Handler, Inbound};
use crate::instance::Instance;

/// What the toolbox is asked to do by signals and by `POST /v1/runtime/stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Come to an end.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// Everything that a request may need.
pub struct App {
    /// The present snapshot.
    pub state: State,
    /// The audit file.
    pub audit: AuditLog,
    /// Sends tool calls.
    pub executor: Executor,
    /// Who this is.
    pub instance: Instance,
    /// `--public-url`.
    pub public_url: Option<Url>,
    /// `http://address:port`, known once it listens.
    pub listening: OnceLock<std::net::SocketAddr>,
    /// The log.
    pub log: Log,
    /// Where orders go.
    pub orders: Sender<Order>,
    /// Whether `runtime_stop` is in the audit file already.
    pub stop_recorded: AtomicBool,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.instance.id)
    }
}

impl Handler for App {
    fn handle(&self, request: Inbound) -> Answer {
        let id = error::request_id(&request.headers);
        let outcome = self.admit(&request).and_then(|()| router::answer(self, &request, &id));
        let mut answer = outcome.unwrap_or_else(|failure| failure.answer(request.headers.get("Accept"), &id));
        // The id was made here, or checked to be printable.
        answer.headers.append("X-Request-ID", &id).ok();
        answer
    }
}

impl App {
    fn admit(&self, request: &Inbound) -> Result<(), Failure> {
        let port = self.listening.get().map_or(0, std::net::SocketAddr::port);
        if guard::allows(&request.headers, port, self.public_url().as_ref()) {
            return Ok(());
        }
        let detail = "the request comes from a page of another site, or names a host that is not this runtime's";
        Err(Failure::new(ErrorCode::ForbiddenOrigin, detail))
    }

    /// Who asks. Tokens are not validated by this version, and a configuration that wants them validated is not served, so
    /// every caller is the anonymous one.
    pub fn authenticate(&self, needs_token: bool, _headers: &Headers) -> Result<Principal, Failure> {
        if needs_token && self.state.served().config.server.auth.is_some() {
            return Err(Failure::new(ErrorCode::AuthnUnavailable, "token validation is not supported by this version"));
        }
        Ok(Principal::Anonymous)
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
        self.audit.record(event).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            self.log.error("audit record not kept", &[("error", &error), ("cause", &cause)]);
            Failure::new(ErrorCode::AuditUnavailable, "the audit record could not be kept, so nothing was done")
        })
    }

    /// Reads the configuration again and says how it went, in the log and in the audit file.
    pub fn reload(&self) {
        let mut event = Event::new(EventType::ConfigReload);
        match self.state.reload() {
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
        // It was logged why not.
        self.record(&event).ok();
    }

    /// Notes that the runtime stops, once.
    pub fn record_stop(&self, event: &Event) -> Result<(), Failure> {
        if self.stop_recorded.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let outcome = self.record(event);
        self.stop_recorded.store(outcome.is_ok(), Ordering::SeqCst);
        outcome
    }
}

#[cfg(test)]
mod tests;
