//! Which path and method is answered by what: one table (contract 4).

use std::sync::Arc;
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
use super::describe::{Operation, table};
use super::error::Failure;
use super::routes::{
    audit, catalog, description, execute, health, metrics, policy, refresh, runtime, session, sources, upstream,
};

/// One request on its way through the handlers.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The toolbox.
    pub app: &'a Arc<App>,
    /// The request.
    pub request: &'a Inbound,
    /// Its query; of several values with one name the first counts.
    pub query: Form,
    /// Who asks.
    pub principal: Principal,
    /// Its id, and what else is known of it.
    pub asked: &'a Asked,
}

impl Exchange<'_> {
    /// A record of this exchange.
    pub fn event(&self, event_type: EventType, decision: Verdict) -> Event {
        let mut event = event_of(event_type, decision, &self.principal, self.request);
        event.request_id = Some(self.asked.id.clone());
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

    /// On whose account a stream runs.
    pub fn owner_of_streams(&self) -> String {
        match self.principal.caller() {
            Some(caller) => format!("{} {}", caller.issuer, caller.value),
            None => self.request.client.ip().to_string(),
        }
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
    get: Option<Method>,
    post: Option<Method>,
}

/// What answers to a method, and what the API's description says of it: neither is there without the other.
#[derive(Clone, Copy, Debug)]
struct Method {
    call: Call,
    says: &'static Operation,
}

const fn get(path: &'static str, token: Token, call: Call, says: &'static Operation) -> Route {
    Route { path, token, get: Some(Method { call, says }), post: None }
}

const fn post(path: &'static str, token: Token, call: Call, says: &'static Operation) -> Route {
    Route { path, token, get: None, post: Some(Method { call, says }) }
}

/// The table.
pub const ROUTES: &[Route] = &[
    get(path::CATALOG, Token::Needed, catalog::effective, &table::CATALOG),
    get(path::TOOL, Token::Needed, catalog::tool, &table::TOOL),
    post(path::EXECUTE, Token::Needed, execute::execute, &table::EXECUTE),
    post(path::POLICY_EXPLAIN, Token::Needed, policy::explain, &table::POLICY_EXPLAIN),
    Route {
        path: path::REFRESH,
        token: Token::Needed,
        get: Some(Method { call: refresh::refresh, says: &table::REFRESH_BY_GET }),
        post: Some(Method { call: refresh::refresh, says: &table::REFRESH }),
    },
    get(path::SOURCES, Token::Needed, sources::list, &table::SOURCES),
    get(path::AUDIT, Token::Needed, audit::events, &table::AUDIT),
    get(path::INFO, Token::Welcome, runtime::info, &table::INFO),
    post(path::HEARTBEAT, Token::Needed, session::heartbeat, &table::HEARTBEAT),
    post(path::SESSION_CLOSE, Token::Needed, session::close, &table::SESSION_CLOSE),
    post(path::STOP, Token::Needed, runtime::stop, &table::STOP),
    get(path::BROWSER_CONFIG, Token::Ignored, runtime::browser_config, &table::BROWSER_CONFIG),
    get(path::UPSTREAM, Token::Needed, upstream::list, &table::UPSTREAM),
    post(path::UPSTREAM_START, Token::Needed, upstream::start, &table::UPSTREAM_START),
    post(path::UPSTREAM_FINISH, Token::Needed, upstream::finish, &table::UPSTREAM_FINISH),
    post(path::UPSTREAM_LOGOUT, Token::Needed, upstream::logout, &table::UPSTREAM_LOGOUT),
    get(path::PROTECTED_RESOURCE, Token::Ignored, runtime::protected_resource, &table::PROTECTED_RESOURCE),
    get(path::HEALTH, Token::Ignored, health::live, &table::HEALTH),
    get(path::READY, Token::Ignored, health::ready, &table::READY),
    get(path::METRICS, Token::Needed, metrics::page, &table::METRICS),
    get(path::DESCRIPTION, Token::Ignored, description::page, &table::DESCRIPTION),
];

/// Paths of the contract that this version does not serve; they answer as unknown ones do, with words that say so.
const LATER: &[&str] = &["/v1/workflows/run"];

impl Route {
    /// Each method of the path, with what is said of it.
    pub fn operations(&self) -> Vec<(&'static str, &'static Operation)> {
        let get = self.get.iter().flat_map(|method| [("GET", method.says), ("HEAD", method.says)]);
        get.chain(self.post.iter().map(|method| ("POST", method.says))).collect()
    }

    /// The methods of the path, as `Allow` lists them.
    pub fn methods(&self) -> Vec<&'static str> {
        self.operations().into_iter().map(|(method, _)| method).collect()
    }

    /// What a method calls; the refusal names those that there are.
    fn called(&self, method: &str) -> Result<Call, Failure> {
        let found = match method {
            "GET" | "HEAD" => self.get,
            "POST" => self.post,
            _ => None,
        };
        found.map(|method| method.call).ok_or_else(|| {
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
pub fn answer(app: &Arc<App>, request: &Inbound, asked: &Asked) -> Outcome {
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
    call(&Exchange { app, request, query, principal, asked })
}

/// As [`answer`], for a listener that answers some paths to whoever asks, and knows no others.
pub fn answer_openly(app: &Arc<App>, request: &Inbound, asked: &Asked, paths: &[&str]) -> Outcome {
    let Some(route) = ROUTES.iter().find(|route| route.path == request.path && paths.contains(&route.path)) else {
        return Err(Failure::new(ErrorCode::NotFound, "there is nothing at this path"));
    };
    let call = route.called(&request.method)?;
    let query = Form::parse(&request.query);
    call(&Exchange { app, request, query, principal: Principal::Anonymous, asked })
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
