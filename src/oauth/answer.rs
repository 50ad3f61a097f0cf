//! Answers of a token endpoint, read strictly (RFC 6749 sections 5.1 and 5.2, RFC 8693 section 2.2).
//!
//! Key types: [`Granted`] and [`GrantError`]. Pure. What an issuer says about an error is shown, but without control characters, cut,
//! and without anything that was sent to it in confidence.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::base::redacted::Redacted;
use crate::base::url::encode_query;
use crate::http::Response;

use super::grant::{ACCESS_TOKEN, JWT};
use super::jwt::MAX_TOKEN;
use super::scope::Scopes;

/// The longest `error_description` that is shown.
const MAX_DESCRIPTION: usize = 300;
/// The longest `error` that is shown.
const MAX_CODE: usize = 64;
/// The longest life of a token that is believed: ten years.
const MAX_LIFE: u64 = 315_360_000;

/// A token, and what the issuer said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// `access_token`
    pub token: Redacted<String>,
    /// `expires_in`
    pub expires_in: Option<Duration>,
    /// `scope`; `None` means: as asked.
    pub scopes: Option<Scopes>,
    /// `refresh_token`
    pub refresh: Option<Redacted<String>>,
}

/// What kind of answer is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// RFC 6749.
    Token,
    /// RFC 8693: the answer says which kind of token it issued.
    Exchanged,
}

/// Why there is no token. `endpoint` is a URL without query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantError {
    /// No answer came.
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        cause: String,
    },
    /// The issuer said no (RFC 6749 section 5.2).
    Refused {
        /// Where.
        endpoint: String,
        /// HTTP status.
        status: u16,
        /// `error`
        error: String,
        /// `error_description`
        description: String,
    },
    /// A status without an error of OAuth.
    Status {
        /// Where.
        endpoint: String,
        /// HTTP status.
        status: u16,
    },
    /// The answer is none of a token endpoint, or its token is none that can be used.
    Garbled {
        /// Where.
        endpoint: String,
        /// Why.
        cause: &'static str,
    },
}

impl GrantError {
    /// Whether the grant itself is void: a code or refresh token that is used up, expired or revoked.
    pub fn voids_the_grant(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "invalid_grant")
    }

    /// Whether the same question may be answered later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } | Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Garbled { .. } => false,
        }
    }
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { endpoint, cause } => write!(f, "the token endpoint {endpoint} gave no answer: {cause}"),
            Self::Refused { endpoint, error, description, .. } if description.is_empty() => {
                write!(f, "the token endpoint {endpoint} refused: {error}")
            }
            Self::Refused { endpoint, error, description, .. } => {
                write!(f, "the token endpoint {endpoint} refused: {error}: {description}")
            }
            Self::Status { endpoint, status: status @ 300..=399 } => {
                write!(f, "the token endpoint {endpoint} leads elsewhere (HTTP {status}), and a client does not follow")
            }
            Self::Status { endpoint, status } => {
                write!(f, "the token endpoint {endpoint} answered HTTP {status}, and no error of OAuth")
            }
            Self::Garbled { endpoint, cause } => {
                write!(f, "the answer of the token endpoint {endpoint} cannot be used: {cause}")
            }
        }
    }
}

impl std::error::Error for GrantError {}

/// Members beyond these are nobody's business here. A member that stands twice is an error.
#[derive(Deserialize)]
struct Success {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    scope: Option<String>,
    refresh_token: Option<String>,
    issued_token_type: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Reads an answer. `secrets` are taken out of what the issuer says about an error.
pub fn read(endpoint: &str, response: &Response, expected: Expected, secrets: &[&str]) -> Result<Granted, GrantError> {
    let endpoint = endpoint.to_owned();
    let garbled = |cause| GrantError::Garbled { endpoint: endpoint.clone(), cause };
    if response.truncated {
        return Err(garbled("it is too large"));
    }
    if response.status != 200 {
        return Err(refusal(endpoint, response, secrets));
    }
    let said: Success =
        serde_json::from_slice(&response.body).map_err(|_| garbled("it is not the JSON object of RFC 6749"))?;
    granted(said, expected).map_err(garbled)
}

fn granted(said: Success, expected: Expected) -> Result<Granted, &'static str> {
    if said.token_type.is_none_or(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("its `token_type` is not Bearer");
    }
    if expected == Expected::Exchanged && !matches!(said.issued_token_type.as_deref(), Some(ACCESS_TOKEN | JWT)) {
        return Err("its `issued_token_type` is no access token");
    }
    let token = said.access_token.filter(|token| is_token(token)).ok_or("its `access_token` is missing or no token")?;
    let refresh = said.refresh_token.filter(|token| !token.is_empty());
    if refresh.as_ref().is_some_and(|token| !is_token(token)) {
        return Err("its `refresh_token` is no token");
    }
    let expires_in = said.expires_in.map(|value| seconds(&value).ok_or("its `expires_in` is no number of seconds"));
    Ok(Granted {
        token: Redacted::new(token),
        expires_in: expires_in.transpose()?,
        scopes: said.scope.map(|text| Scopes::parse(&text)),
        refresh: refresh.map(Redacted::new),
    })
}

/// Whether a text can be a bearer token: printable, no space, not endless.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number, or as some issuers write it, a text of digits.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))?,
        Value::String(text) if text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok()?
        }
        _ => return None,
    };
    Some(Duration::from_secs(seconds.min(MAX_LIFE)))
}

fn refusal(endpoint: String, response: &Response, secrets: &[&str]) -> GrantError {
    let status = response.status;
    match serde_json::from_slice::<Refusal>(&response.body) {
        Ok(said) if status >= 400 => GrantError::Refused {
            endpoint,
            status,
            error: shown(&said.error, MAX_CODE, secrets),
            description: shown(&said.error_description.unwrap_or_default(), MAX_DESCRIPTION, secrets),
        },
        _ => GrantError::Status { endpoint, status },
    }
}

/// Foreign text for a message: no control characters, not endless, and nothing that was told in confidence (H24).
pub fn shown(text: &str, most: usize, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[redacted]").replace(&encode_query(secret), "[redacted]");
    }
    let mut out: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        out.push_str("..");
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Headers::new(), body: body.as_bytes().to_vec(), truncated: false }
    }

    fn ask(status: u16, body: &str, expected: Expected) -> Result<Granted, GrantError> {
        read("https://i/t", &answer(status, body), expected, &["s3cret+"])
    }

    #[track_caller]
    fn check(body: &str, seconds: Option<u64>, scopes: Option<&str>, refresh: bool) {
        let granted = ask(200, body, Expected::Token).unwrap();
        let found = (granted.expires_in.map(|life| life.as_secs()), granted.scopes, granted.refresh.is_some());
        assert_eq!(found, (seconds, scopes.map(Scopes::parse), refresh), "{body}");
        assert_eq!(granted.token.expose(), "t-1");
    }

    #[track_caller]
    fn refused(status: u16, body: &str, part: &str) {
        let error = ask(status, body, Expected::Token).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains(part), "{body}: {text}");
        assert!(!text.contains("s3cret") && !text.chars().any(char::is_control), "{text:?}");
    }

    #[test]
    fn answers_give_what_they_say() {
        check(r#"{"access_token":"t-1","token_type":"Bearer"}"#, None, None, false);
        check(
            r#"{"access_token":"t-1","token_type":"bearer","expires_in":3600,"scope":"b a","refresh_token":"r","x":{}}"#,
            Some(3600),
            Some("a b"),
            true,
        );
        check(
            r#"{"access_token":"t-1","token_type":"BEARER","expires_in":"60","scope":""}"#,
            Some(60),
            Some(""),
            false,
        );
        check(r#"{"access_token":"t-1","token_type":"Bearer","expires_in":59.9,"scope":null}"#, Some(59), None, false);
        check(r#"{"access_token":"t-1","token_type":"Bearer","expires_in":1e300}"#, Some(MAX_LIFE), None, false);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (body, part) in [
            ("", "JSON"),
            ("<html>", "JSON"),
            ("[]", "JSON"),
            (r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#, "JSON"),
            (r#"{"token_type":"Bearer"}"#, "access_token"),
            (r#"{"access_token":"","token_type":"Bearer"}"#, "access_token"),
            (r#"{"access_token":"a b","token_type":"Bearer"}"#, "access_token"),
            (r#"{"access_token":"a\r\nX: y","token_type":"Bearer"}"#, "access_token"),
            (r#"{"access_token":"ü","token_type":"Bearer"}"#, "access_token"),
            (r#"{"access_token":"t"}"#, "token_type"),
            (r#"{"access_token":"t","token_type":"DPoP"}"#, "token_type"),
            (r#"{"access_token":"t","token_type":"Bearer","expires_in":-1}"#, "expires_in"),
            (r#"{"access_token":"t","token_type":"Bearer","expires_in":"soon"}"#, "expires_in"),
            (r#"{"access_token":"t","token_type":"Bearer","refresh_token":"a b"}"#, "refresh_token"),
        ] {
            refused(200, body, part);
        }
        refused(201, r#"{"access_token":"t","token_type":"Bearer"}"#, "HTTP 201");
        refused(302, "", "leads elsewhere");
        let long = format!(r#"{{"access_token":"{}","token_type":"Bearer"}}"#, "a".repeat(MAX_TOKEN + 1));
        refused(200, &long, "access_token");
    }

    #[test]
    fn h44_an_exchange_says_what_it_issued() {
        let ask = |kind: &str| {
            let body = format!(r#"{{"access_token":"t","token_type":"Bearer"{kind}}}"#);
            ask(200, &body, Expected::Exchanged).is_ok()
        };
        assert!(ask(&format!(r#","issued_token_type":"{ACCESS_TOKEN}""#)));
        assert!(ask(&format!(r#","issued_token_type":"{JWT}""#)));
        assert!(!ask(r#","issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token""#));
        assert!(!ask(""));
    }

    #[test]
    fn h24_errors_are_told_without_secrets() {
        refused(400, r#"{"error":"invalid_grant"}"#, "refused: invalid_grant");
        refused(
            401,
            r#"{"error":"invalid_client","error_description":"no \u001b[31m client s3cret+ or s3cret%2B"}"#,
            "invalid_client: no  [31m client [redacted] or [redacted]",
        );
        refused(503, "busy s3cret+", "HTTP 503");
        let long = format!(r#"{{"error":"e","error_description":"{}"}}"#, "x".repeat(1000));
        assert!(ask(400, &long, Expected::Token).unwrap_err().to_string().len() < 400);
    }

    #[test]
    fn errors_tell_what_can_be_done() {
        let error = |status, body: &str| ask(status, body, Expected::Token).unwrap_err();
        let void = error(400, r#"{"error":"invalid_grant"}"#);
        assert_eq!((void.voids_the_grant(), void.is_transient()), (true, false));
        assert!(error(503, "").is_transient() && error(429, "{}").is_transient());
        assert!(!error(400, r#"{"error":"invalid_client"}"#).voids_the_grant());
    }
}
