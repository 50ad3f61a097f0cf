//! `POST /v1/runtime/heartbeat` and `POST /v1/runtime/session-close`.

use crate::access::bearer::{self, Bearer};
use crate::access::validator::hash;
use crate::access::{ADMIN, TokenHash};
use crate::audit::{EventType, Verdict};
use crate::contract::{ErrorCode, HeartbeatRequest, HeartbeatResponse, SessionCloseRequest, SessionCloseResponse};

use super::super::error::Failure;
use super::super::lease::{Beat, MOST_TEXT, Refusal, text};
use super::super::router::{Exchange, Outcome};
use super::super::sessions;
use super::{body, json};

/// Opens or renews the caller's session.
pub fn heartbeat(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let ask: HeartbeatRequest = body(&exchange.request.body)?;
    app.check_config_path(ask.config_path.as_deref())?;
    let id = session_id(&ask.session_id)?;
    let beat = Beat {
        id,
        fingerprint: ask.config_fingerprint.as_deref().filter(|fingerprint| !fingerprint.is_empty()),
        principal,
        token: token(exchange),
        may_stop: exchange.is_admin(),
    };
    let active_sessions = sessions::heartbeat(app, &beat)?;
    Ok(json(&HeartbeatResponse { renewed: true, session_id: id.to_owned(), active_sessions }))
}

/// Ends a session of the caller, or with `runtime:admin` anybody's; recorded first, then done (H10).
pub fn close(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let ask = match exchange.request.body.as_slice() {
        [] => SessionCloseRequest::default(),
        bytes => body(bytes)?,
    };
    app.check_config_path(ask.config_path.as_deref())?;
    let named = ask.session_id.as_deref().filter(|id| !id.is_empty()).map(session_id).transpose()?;
    let found = app.sessions.to_close(named, principal, exchange.is_admin());
    let Some(id) = found.map_err(|refusal| not_closed(exchange, named, refusal))? else {
        return Ok(json(&SessionCloseResponse { closed: false, active_sessions: app.sessions.count() }));
    };
    let mut event = exchange.event(EventType::SessionClose, Verdict::Allowed);
    event.session_id = Some(id.clone());
    event.reason_code = Some("closed".to_owned());
    app.record(&event)?;
    let (closed, active_sessions) = sessions::close(app, &id, principal, exchange.is_admin(), token(exchange));
    Ok(json(&SessionCloseResponse { closed, active_sessions }))
}

/// Somebody else's session is a denial, which is recorded.
fn not_closed(exchange: &Exchange<'_>, id: Option<&str>, refusal: Refusal) -> Failure {
    if refusal != Refusal::Foreign {
        return refusal.into();
    }
    let detail = format!("the session is another principal's; closing it needs the scope `{ADMIN}`");
    let failure = Failure::new(ErrorCode::AuthzDenied, detail);
    let mut event = exchange.event(EventType::AuthzDenial, Verdict::Denied);
    event.session_id = id.map(str::to_owned);
    event.reason_code = Some(failure.code.to_string());
    exchange.app.record(&event).err().unwrap_or(failure)
}

pub(super) fn session_id(given: &str) -> Result<&str, Failure> {
    let needs = || format!("`sessionId` needs 1 to {MOST_TEXT} printable ASCII characters");
    text(given).ok_or_else(|| Failure::new(ErrorCode::BadRequest, needs()))
}

/// The token of a request, once it was found good.
fn token(exchange: &Exchange<'_>) -> Option<TokenHash> {
    exchange.principal.caller()?;
    match bearer::read(&exchange.request.headers) {
        Bearer::Token(text) => Some(hash(text)),
        Bearer::Absent | Bearer::Malformed => None,
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let conflict = |detail: &str| Self::new(ErrorCode::RuntimeAttachConflict, detail);
        match refusal {
            Refusal::Mismatch => Self::new(
                ErrorCode::RuntimeAttachMismatch,
                "this runtime was started for another configuration than `configFingerprint` says",
            ),
            Refusal::Held(Some(id)) => conflict(&format!("the session `{id}` has this runtime for itself")),
            Refusal::Held(None) => conflict("another session has this runtime for itself"),
            Refusal::Foreign => conflict("this session id belongs to another principal; choose another one"),
            Refusal::Over => conflict("the runtime is stopping, since its last session has ended"),
            Refusal::TooMany => Self::new(ErrorCode::Overloaded, "you have too many sessions; close one"),
            Refusal::Full => Self::new(ErrorCode::Overloaded, "there are too many sessions; try again"),
            Refusal::Several => Self::new(ErrorCode::BadRequest, "you have several sessions; name one in `sessionId`"),
        }
    }
}
