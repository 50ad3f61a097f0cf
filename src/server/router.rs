//! Which path and method is answered by what: one table (contract 4).

use std::time::Duration;

use crate::access::{ADMIN, Principal};
use crate::audit::{Event, EventType, Verdict};
use crate::base::form::Form;
use crate::contract::{ErrorCode, path};
use crate::execute::run::{ExecuteError, Outcome as Executed};
use crate::http::server::{Answer, Inbound};
use crate::http::{Headers, is_json};

use super::app::{App, event_of};
use super::asked::Asked;
use super::error::Failure;
use super::routes::{audit, catalog, execute, health, metrics, refresh, runtime, session};

/// One request on its way through the handlers.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The toolbox.
    pub app: &'a App,
    /// The request.
    pub request: &'a Inbound,
    /// Its query; of several values with one name the first counts.
    pub query: Form,
    /// Who asks.
    pub principal: Principal,
    /// `X-Request-ID`.
    pub id: &'a str,
    /// What else is known of it.
    pub asked: &'a Asked,
}

impl Exchange<'_> {
    /// A record of this exchange.
    pub fn event(&self, event_type: EventType, decision: Verdict) -> Event {
        let mut event = event_of(event_type, decision, &self.principal, self.request);
        event.request_id = Some(self.id.to_owned());
        event
    }

    /// Whether the caller may stop the runtime, and do to others what it may do to itself; without auth everybody may (H10).
    pub fn is_admin(&self) -> bool {
        self.principal == Principal::Anonymous || self.principal.has_scope(ADMIN)
    }

    /// Counts and notes that a tool's upstream was called.
    pub fn called(&self, outcome: &Result<Executed, ExecuteError>, took: Duration) {
        self.app.metrics.called(outcome, took);
        self.asked.called(outcome);
    }

    /// Refuses, and records it, whoever has a token without `runtime:admin`.
    pub fn admin_only(&self, what: &str) -> Result<(), Failure> {
        if self.is_admin() {
            return Ok(());
        }
        let failure = Failure::new(ErrorCode::AuthzDenied, format!("{what} needs the scope `{ADMIN}`"));
        let mut event = self.event(EventType::AuthzDenial, Verdict::Denied);
        event.reason_code = Some(failure.code.to_string());
        self.app.record(&event)?;
        Err(failure)
    }
}

/// What a handler gives.
pub type Outcome = Result<Answer, Failure>;

type Call = fn(&Exchange<'_>) -> Outcome;

/// What a token is to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Nothing goes without one.
    Needed,
    /// It goes without one; a bad one is refused.
    Welcome,
    /// It is not looked at.
    Ignored,
}

/// One path.
#[derive(Debug)]
pub struct Route {
    /// The path.
    pub path: &'static str,
    /// What a token is to it when the configuration asks for tokens.
    pub token: Token,
    get: Option<Call>,
    post: Option<Call>,
}

const fn route(path: &'static str, token: Token, get: Option<Call>, post: Option<Call>) -> Route {
    Route { path, token, get, post }
}

/// The table.
pub const ROUTES: &[Route] = &[
    route(path::CATALOG, Token::Needed, Some(catalog::effective), None),
    route(path::TOOL, Token::Needed, Some(catalog::tool), None),
    route(path::EXECUTE, Token::Needed, None, Some(execute::execute)),
    route(path::REFRESH, Token::Needed, Some(refresh::refresh), Some(refresh::refresh)),
    route(path::AUDIT, Token::Needed, Some(audit::events), None),
    route(path::INFO, Token::Welcome, Some(runtime::info), None),
    route(path::HEARTBEAT, Token::Needed, None, Some(session::heartbeat)),
    route(path::SESSION_CLOSE, Token::Needed, None, Some(session::close)),
    route(path::STOP, Token::Needed, None, Some(runtime::stop)),
    route(path::BROWSER_CONFIG, Token::Ignored, Some(runtime::browser_config), None),
    route(path::PROTECTED_RESOURCE, Token::Ignored, Some(runtime::protected_resource), None),
    route(path::HEALTH, Token::Ignored, Some(health::live), None),
    route(path::READY, Token::Ignored, Some(health::ready), None),
    route(path::METRICS, Token::Needed, Some(metrics::page), None),
];

/// Paths of the contract that this version does not serve; they answer as unknown ones do, with words that say so.
const LATER: &[&str] = &["/v1/workflows/run", "/openapi.json"];

impl Route {
    /// The methods of the path, as `Allow` lists them.
    pub fn methods(&self) -> Vec<&'static str> {
        let mut methods = Vec::new();
        if self.get.is_some() {
            methods.extend(["GET", "HEAD"]);
        }
        if self.post.is_some() {
            methods.push("POST");
        }
        methods
    }

    /// What a method calls; the refusal names those that there are.
    fn called(&self, method: &str) -> Result<Call, Failure> {
        let call = match method {
            "GET" | "HEAD" => self.get,
            "POST" => self.post,
            _ => None,
        };
        call.ok_or_else(|| {
            let allow = self.methods().join(", ");
            let failure = Failure::new(ErrorCode::MethodNotAllowed, format!("this path answers to {allow}"));
            Failure { allow: Some(allow), ..failure }
        })
    }
}

/// The place of a path in the table.
pub fn find(path: &str) -> Option<usize> {
    ROUTES.iter().position(|route| route.path == path)
}

/// Finds the handler of a request, and asks it. Nothing is loaded, fetched or looked up before the caller is known (H02).
pub fn answer(app: &App, request: &Inbound, asked: &Asked) -> Outcome {
    let Some(route) = asked.route.map(|at| &ROUTES[at]) else {
        let later = LATER.contains(&request.path.as_str());
        let detail = if later { "not supported by this version" } else { "there is nothing at this path" };
        return Err(Failure::new(ErrorCode::NotFound, detail));
    };
    let call = route.called(&request.method)?;
    let principal = app.authenticate(route.token, request)?;
    asked.let_in(&principal);
    let query = Form::parse(&request.query);
    if route.token == Token::Needed {
        for path in query.all("config") {
            app.check_config_path(Some(path))?;
        }
    }
    if !request.body.is_empty() && !says_json(&request.headers) {
        return Err(Failure::new(ErrorCode::BadRequest, "a body must be sent as `Content-Type: application/json`"));
    }
    call(&Exchange { app, request, query, principal, id: &asked.id, asked })
}

/// As [`answer`], for a listener that answers some paths to whoever asks, and knows no others.
pub fn answer_openly(app: &App, request: &Inbound, asked: &Asked, paths: &[&str]) -> Outcome {
    let Some(route) = ROUTES.iter().find(|route| route.path == request.path && paths.contains(&route.path)) else {
        return Err(Failure::new(ErrorCode::NotFound, "there is nothing at this path"));
    };
    let call = route.called(&request.method)?;
    let query = Form::parse(&request.query);
    call(&Exchange { app, request, query, principal: Principal::Anonymous, id: &asked.id, asked })
}

/// Whether every `Content-Type` there is names JSON, and there is one.
fn says_json(headers: &Headers) -> bool {
    let mut types = headers.all("Content-Type").peekable();
    types.peek().is_some() && types.all(is_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h11_every_content_type_must_say_json() {
        let headers = |types: &[&str]| {
            let mut headers = Headers::new();
            types.iter().for_each(|text| headers.append("Content-Type", text).unwrap());
            headers
        };
        assert!(says_json(&headers(&["application/json"])));
        assert!(!says_json(&headers(&[])));
        assert!(!says_json(&headers(&["application/json", "text/plain"])));
    }

    #[test]
    fn h01_every_config_of_a_query_counts() {
        let query = Form::parse("config=a&config=b&config=&mode=x");
        assert_eq!(query.all("config").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn every_path_stands_once() {
        for (at, route) in ROUTES.iter().enumerate() {
            assert!(!route.methods().is_empty());
            assert!(!LATER.contains(&route.path));
            assert!(ROUTES[at + 1..].iter().all(|other| other.path != route.path), "{}", route.path);
        }
    }
}
