//! Refusals as OAuth says them (RFC 6749 section 5.2), and the JSON answers of the endpoints for programs.

use serde_json::{Value, json};

use crate::base::form::{Form, Repeated};
use crate::http::media_type;
use crate::http::server::{Answer, Inbound};

/// `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    /// RFC 8707 section 2.
    InvalidTarget,
    AccessDenied,
    /// OpenID Connect Core 1.0 section 3.1.2.6.
    LoginRequired,
    /// RFC 6750 section 3.1.
    InvalidToken,
    ServerError,
}

impl Code {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::LoginRequired => "login_required",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
        }
    }
}

/// Why a request is not granted. The description is written here and never repeats what was sent.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    pub(super) code: Code,
    pub(super) description: &'static str,
}

impl Refusal {
    /// 401 for a client or bearer token that does not fit, else 400.
    pub(super) fn new(code: Code, description: &'static str) -> Self {
        let status = match code {
            Code::InvalidClient | Code::InvalidToken => 401,
            Code::ServerError => 500,
            _ => 400,
        };
        Self { status, code, description }
    }

    pub(super) fn of(status: u16, code: Code, description: &'static str) -> Self {
        Self { status, code, description }
    }

    pub(super) fn answer(&self) -> Answer {
        let mut answer =
            json(self.status, &json!({ "error": self.code.as_str(), "error_description": self.description }));
        match self.code {
            Code::InvalidClient => answer.headers = answer.headers.with("WWW-Authenticate", "Basic realm=\"broker\""),
            Code::InvalidToken => answer.headers = answer.headers.with("WWW-Authenticate", "Bearer realm=\"control\""),
            _ => {}
        }
        answer
    }
}

impl From<Repeated> for Refusal {
    fn from(_: Repeated) -> Self {
        Self::new(Code::InvalidRequest, "a parameter stands there twice")
    }
}

/// JSON that nobody may keep.
pub(super) fn json(status: u16, value: &Value) -> Answer {
    let mut answer = Answer::new(status, "application/json", value.to_string().into_bytes());
    answer.headers = answer.headers.with("Cache-Control", "no-store").with("X-Content-Type-Options", "nosniff");
    answer
}

/// 404, or 405 with the methods that a path takes.
pub(super) fn no_route(allowed: &str) -> Answer {
    if allowed.is_empty() {
        return json(404, &json!({ "error": "not_found" }));
    }
    let mut answer = json(405, &json!({ "error": "method_not_allowed" }));
    answer.headers.append("Allow", allowed).expect("methods are tokens");
    answer
}

/// The body of a POST, which is a form or nothing.
pub(super) fn body(request: &Inbound) -> Result<Form, Refusal> {
    if request.body.is_empty() {
        return Ok(Form::new());
    }
    let refused = |description| Refusal::new(Code::InvalidRequest, description);
    let media = request.headers.get("Content-Type").map(media_type);
    if media.as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(refused("the body must be application/x-www-form-urlencoded"));
    }
    let text = std::str::from_utf8(&request.body).map_err(|_| refused("the body is not UTF-8"))?;
    Ok(Form::parse(text))
}
