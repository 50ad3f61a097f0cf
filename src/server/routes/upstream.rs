//! `/v1/auth/upstream`: a caller's own logins at upstreams, and what is recorded of tokens (H18).
//!
//! What the envelope hides does not exist here either (H09): the secrets of a service are named to whoever may use its tools.

use std::num::NonZeroU16;

use crate::audit::{EventType, Verdict};
use crate::base::id::SourceId;
use crate::base::redacted::Redacted;
use crate::base::time::rfc3339;
use crate::catalog::Tool;
use crate::config::Config;
use crate::contract::{
    ErrorCode, UpstreamFinishRequest, UpstreamLoggedOut, UpstreamLogin, UpstreamLogins, UpstreamLogoutRequest,
    UpstreamStartRequest, UpstreamStarted,
};
use crate::execute::binding::Binding;
use crate::execute::logins::{Needed, needed};
use crate::upstream::{Caller, LoginError, News, NotYours, Recipe, Standing, Wish};

use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use super::super::snapshot::Snapshot;
use super::session::session_id;
use super::{body, json};

/// The logins that the caller's tools need, and how it stands with them.
pub fn list(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let snapshot = app.snapshot()?;
    let (config, holder) = (&snapshot.served.config, principal.holder());
    let upstream = app.executor.upstream();
    let told = |login: &Needed<'_>| {
        let standing = login.recipe(config).ok().and_then(|recipe| upstream.standing(&recipe, &holder));
        told(login, standing)
    };
    let logins = visible(exchange, &snapshot).iter().map(told).collect();
    Ok(json(&UpstreamLogins { logins }))
}

/// Begins a login; its state and PKCE verifier stay here.
pub fn start(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let ask: UpstreamStartRequest = body(&exchange.request.body)?;
    app.check_config_path(ask.config_path.as_deref())?;
    let session = ask.session_id.as_deref().map(session_id).transpose()?;
    let snapshot = app.snapshot()?;
    let config = &snapshot.served.config;
    let logins = match (&ask.service, &ask.tool_id) {
        (Some(service), None) => of_service(exchange, &snapshot, service),
        (None, Some(id)) => {
            let visible = visible_tools(exchange, &snapshot).find(|tool| tool.id.as_str() == id);
            needed(config, visible.into_iter())
        }
        _ => return Err(Failure::new(ErrorCode::BadRequest, "name either `service` or `toolId`")),
    };
    let login = chosen(logins, ask.secret.as_deref())?;
    let recipe = recipe(&login, config)?;
    let binding = Binding::new(config, login.tool, source(&snapshot, login.tool));
    let service = login.tool.service_id.as_str();
    let wish = Wish { port: ask.callback_port.map(NonZeroU16::get), session, service };
    let started = app.executor.upstream().start(&recipe, &binding, &principal.holder(), wish)?;
    Ok(json(&UpstreamStarted {
        service: service.to_owned(),
        secret: login.secret.to_owned(),
        authorization_url: started.authorization_url.as_str().to_owned(),
        state: started.state,
        redirect_uri: started.redirect_uri,
        expires_in: started.expires_in.as_secs(),
        issuer: started.issuer,
    }))
}

/// Ends a login: under the token of whoever began it, and nobody else's.
pub fn finish(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let ask: UpstreamFinishRequest = body(&exchange.request.body)?;
    app.check_config_path(ask.config_path.as_deref())?;
    let (holder, note) = (principal.holder(), |news: &News<'_>| note(exchange, None, news));
    let caller = Caller { holder: &holder, note: &note };
    let code = Redacted::new(ask.code);
    let finished = app.executor.upstream().finish(&ask.state, &code, caller);
    let (service, standing) = finished.map_err(|error| match error {
        LoginError::NotYours(NotYours::Foreign) => foreign(exchange),
        error => error.into(),
    })?;
    Ok(json(&told_of(service, standing.secret.clone(), Some(standing))))
}

/// Forgets the caller's tokens for a service.
pub fn logout(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let ask: UpstreamLogoutRequest = body(&exchange.request.body)?;
    app.check_config_path(ask.config_path.as_deref())?;
    let snapshot = app.snapshot()?;
    let (config, holder) = (&snapshot.served.config, principal.holder());
    let mut logins = of_service(exchange, &snapshot, &ask.service);
    if let Some(secret) = &ask.secret {
        logins.retain(|login| login.secret == secret);
    }
    if logins.is_empty() {
        return Err(nothing_needs_one());
    }
    let recipes = logins.iter().filter_map(|login| login.recipe(config).ok());
    let logged_out = recipes.filter(|recipe| app.executor.upstream().log_out(recipe, &holder)).count();
    Ok(json(&UpstreamLoggedOut { logged_out }))
}

fn visible_tools<'a>(exchange: &Exchange<'_>, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Tool> {
    let (shelf, policy) = (&snapshot.shelf, &snapshot.served.config.policy);
    let indexes: Vec<usize> = shelf.visible(&exchange.principal, policy).indexes().collect();
    indexes.into_iter().map(|index| shelf.catalog.tool(index))
}

fn visible<'a>(exchange: &Exchange<'_>, snapshot: &'a Snapshot) -> Vec<Needed<'a>> {
    needed(&snapshot.served.config, visible_tools(exchange, snapshot))
}

fn of_service<'a>(exchange: &Exchange<'_>, snapshot: &'a Snapshot, name: &str) -> Vec<Needed<'a>> {
    let services = &snapshot.shelf.catalog.catalog().services;
    let is_named = |tool: &&Tool| {
        tool.service_id.as_str() == name
            || services.iter().any(|service| service.id == tool.service_id && service.alias == name)
    };
    needed(&snapshot.served.config, visible_tools(exchange, snapshot).filter(is_named))
}

/// The one login that is meant.
fn chosen<'a>(mut logins: Vec<Needed<'a>>, secret: Option<&str>) -> Result<Needed<'a>, Failure> {
    if let Some(secret) = secret {
        logins.retain(|login| login.secret == secret);
    }
    match logins.len() {
        0 => Err(nothing_needs_one()),
        1 => Ok(logins.remove(0)),
        _ => {
            let names: Vec<_> = logins.iter().map(|login| login.secret).collect();
            let detail = format!("several logins are needed there; name one in `secret`: {}", names.join(", "));
            Err(Failure::new(ErrorCode::BadRequest, detail))
        }
    }
}

/// What does not exist and what the caller may not see answer alike (H09).
fn nothing_needs_one() -> Failure {
    Failure::new(
        ErrorCode::BadRequest,
        "no tool of yours there needs a login; `open-cli auth upstream status` (`GET /v1/auth/upstream`) lists those that do",
    )
}

fn recipe<'a>(login: &Needed<'a>, config: &Config) -> Result<Recipe<'a>, Failure> {
    login.recipe(config).map_err(|cause| Failure::new(ErrorCode::ExecutionError, cause))
}

fn source<'a>(snapshot: &'a Snapshot, tool: &Tool) -> Option<&'a SourceId> {
    let mut services = snapshot.shelf.catalog.catalog().services.iter();
    services.find(|service| service.id == tool.service_id).map(|service| &service.source_id)
}

fn told(login: &Needed<'_>, standing: Option<Standing>) -> UpstreamLogin {
    told_of(login.tool.service_id.to_string(), login.secret.to_owned(), standing)
}

fn told_of(service: String, secret: String, standing: Option<Standing>) -> UpstreamLogin {
    let Some(standing) = standing else { return UpstreamLogin { service, secret, ..UpstreamLogin::default() } };
    let Standing { scopes, expires_at, renewable, .. } = standing;
    UpstreamLogin { service, secret, logged_in: true, scopes, expires_at: Some(rfc3339(expires_at)), renewable }
}

/// Somebody came with the state of another principal's login: that is refused and recorded.
fn foreign(exchange: &Exchange<'_>) -> Failure {
    let failure = Failure::new(ErrorCode::AuthzDenied, "this login was begun by another principal");
    let mut event = exchange.event(EventType::AuthzDenial, Verdict::Denied);
    event.reason_code = Some(failure.code.to_string());
    exchange.app.record(&event).err().unwrap_or(failure)
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong(detail) => Self::new(ErrorCode::BadRequest, detail),
            LoginError::Failed(detail) => Self::new(ErrorCode::ExecutionError, detail),
            LoginError::Full => Self::new(ErrorCode::Overloaded, "too many logins have begun; try again"),
            LoginError::NotYours(_) => {
                let detail =
                    "there is no login with this `state`: it took more than ten minutes, or was used; begin again";
                Self::new(ErrorCode::BadRequest, detail)
            }
        }
    }
}

/// Records that a token was asked for, never the token.
pub(super) fn note(exchange: &Exchange<'_>, tool: Option<&Tool>, news: &News<'_>) {
    let verdict = if news.done { Verdict::Allowed } else { Verdict::Error };
    let mut event = exchange.event(EventType::TokenRefresh, verdict);
    event.tool_id = tool.map(|tool| tool.id.to_string());
    event.service_id = tool.map(|tool| tool.service_id.to_string());
    event.target_base_url = news.endpoint.origin().map(|origin| origin.to_string());
    event.auth_scheme = Some(news.secret.to_owned());
    event.reason_code = Some(news.word.to_owned());
    // It is logged when it cannot be kept; the token is there all the same.
    exchange.app.record(&event).ok();
}
