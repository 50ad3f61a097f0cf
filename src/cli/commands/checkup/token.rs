//! The token: whether one is needed, can be obtained and is accepted, with which scopes, and until when. The token itself is never shown.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::report::Check;
use crate::base::time::rfc3339;
use crate::cli::commands::auth;
use crate::cli::report::{self, Failure};
use crate::cli::world::Connection;
use crate::client::auth::Plan;
use crate::client::runtime::{ClientError, Runtime};
use crate::client::tokens::Held;
use crate::contract::{AuthInfo, ErrorCode};
use crate::oauth::peek::Unproven;
use crate::oauth::scope::Scopes;

/// A token that is not renewed by itself is told of when it ends before that.
const SOON: Duration = Duration::from_secs(300);

/// What is known of a token.
struct Facts {
    issuer: Option<String>,
    audiences: Vec<String>,
    expires_at: Option<SystemTime>,
    renewable: bool,
    scopes: Option<Scopes>,
    missing: Scopes,
}

/// Obtains the token as a call would, and shows it to the runtime. With it come its scopes, as far as they are known.
pub fn check(
    connection: &Connection<'_>,
    runtime: &Runtime<'_>,
    asked: &AuthInfo,
    now: SystemTime,
) -> (Check, Option<Scopes>) {
    let tokens = &connection.tokens;
    let mode = auth::described(&tokens.plan);
    let check = match (&tokens.plan, asked.required) {
        (Plan::Anonymous, false) => Check::ok("token", "none is needed, and none is configured"),
        (Plan::Anonymous, true) => {
            Check::failed("token", report::AUTH, "token_missing", "the runtime wants a token, and none is configured")
        }
        (Plan::Withheld(_), false) => Check::ok("token", format!("none is needed; the configured one is {mode}")),
        (Plan::Withheld(_), true) => Check::failed(
            "token",
            report::AUTH,
            "token_withheld",
            format!("the runtime wants a token; the configured one is {mode}"),
        ),
        (Plan::Obtain(_), _) => {
            tokens.silence();
            let held = match tokens.held() {
                Ok(Some(held)) => held,
                Ok(None) => return (Check::ok("token", "none is configured"), None),
                Err(error) => return (Check::failure("token", &Failure::from(error)).with("mode", mode), None),
            };
            let shown = runtime.info();
            // A token that was refused may have been replaced meanwhile.
            let held = tokens.held().ok().flatten().unwrap_or(held);
            let facts = facts(&held);
            let principal = shown.map(|(info, _)| info.auth.principal);
            let check = judged(&facts, principal, asked, now);
            return (told(check, &facts, &mode), facts.scopes);
        }
    };
    (check.with("mode", mode), None)
}

fn facts(held: &Held) -> Facts {
    let claims = Unproven::of(held.bearer.token.expose());
    let claims = claims.as_ref();
    let missing = held.scopes.as_ref().map(|scopes| held.asked.missing_in(scopes)).unwrap_or_default();
    Facts {
        issuer: claims.and_then(|claims| claims.text("iss")).map(str::to_owned),
        audiences: claims.map(Unproven::audiences).unwrap_or_default().into_iter().map(str::to_owned).collect(),
        expires_at: held.expires_at,
        renewable: held.renewable,
        scopes: held.scopes.clone(),
        missing,
    }
}

/// What the runtime's word and the token's own come to.
fn judged(facts: &Facts, principal: Result<Option<String>, ClientError>, asked: &AuthInfo, now: SystemTime) -> Check {
    let principal = match principal {
        Ok(principal) => principal,
        Err(error) if is_refused(&error) => return refused(facts, &error, asked, now),
        Err(error) => return Check::failure("token", &Failure::from(error)),
    };
    let until = facts.expires_at.map_or_else(String::new, |at| format!(", until {}", rfc3339(at)));
    let whose = principal.as_deref().map_or_else(|| "it is accepted".to_owned(), |name| format!("accepted as {name}"));
    let check = if !asked.required {
        Check::ok("token", "there is one; this runtime lets everybody in and does not look at it")
    } else if !facts.missing.is_empty() {
        Check::warning("token", "token_scopes", format!("{whose}{until}, without the scopes {}", facts.missing))
    } else if !facts.renewable && facts.expires_at.is_some_and(|at| at < now + SOON) {
        Check::warning("token", "token_ends_soon", format!("{whose}{until}"))
    } else {
        Check::ok("token", format!("{whose}{until}"))
    };
    check.with("principal", principal)
}

fn is_refused(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refusal) if refusal.code == Some(ErrorCode::AuthnFailed))
}

/// Why it may have been refused, by what the token says of itself.
fn refused(facts: &Facts, error: &ClientError, asked: &AuthInfo, now: SystemTime) -> Check {
    let failed = |code, found| Check::failed("token", report::AUTH, code, found);
    match facts.expires_at.filter(|at| *at <= now) {
        Some(at) => return failed("token_expired", format!("it is refused: it ended at {}", rfc3339(at))),
        None if !asked.audience.is_empty()
            && !facts.audiences.is_empty()
            && !facts.audiences.contains(&asked.audience) =>
        {
            let found = format!(
                "it is refused: it is for {}, and the runtime is {}",
                facts.audiences.join(", "),
                asked.audience
            );
            return failed("token_audience", found);
        }
        None => {}
    }
    let issuer = facts.issuer.as_ref().map_or_else(String::new, |issuer| format!("; it says it is of {issuer}"));
    failed("token_refused", format!("it is refused: {error}{issuer}"))
}

fn told(check: Check, facts: &Facts, mode: &str) -> Check {
    let list = |scopes: &Scopes| Value::from(scopes.iter().collect::<Vec<_>>());
    check
        .with("mode", mode)
        .with("issuer", facts.issuer.as_deref())
        .with("audience", facts.audiences.as_slice())
        .with("scopes", facts.scopes.as_ref().map_or(Value::Null, list))
        .with("notGranted", list(&facts.missing))
        .with("expiresAt", facts.expires_at.map(rfc3339))
        .with("renewable", facts.renewable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::runtime::Refusal;
    use std::time::UNIX_EPOCH;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn facts() -> Facts {
        Facts {
            issuer: Some("https://issuer.test".to_owned()),
            audiences: vec!["toolbox".to_owned()],
            expires_at: Some(now() + Duration::from_secs(3600)),
            renewable: false,
            scopes: Some(Scopes::parse("bundle:a")),
            missing: Scopes::default(),
        }
    }

    fn refusal(code: ErrorCode) -> ClientError {
        ClientError::Refused(Box::new(Refusal {
            status: 401,
            code: Some(code),
            code_text: "authn_failed".to_owned(),
            detail: String::new(),
            request_id: None,
            withheld: None,
        }))
    }

    #[track_caller]
    fn check(facts: &Facts, refused: Option<ErrorCode>, code: Option<&str>, part: &str) {
        let asked = AuthInfo { required: true, audience: "toolbox".to_owned(), ..AuthInfo::default() };
        let principal = refused.map_or_else(|| Ok(Some("ada".to_owned())), |code| Err(refusal(code)));
        let check = told(judged(facts, principal, &asked, now()), facts, "provided token");
        assert_eq!(check.code.as_deref(), code, "{check:?}");
        assert!(check.found.contains(part), "{check:?}");
        assert_eq!(check.remedy.is_some(), code.is_some(), "{check:?}");
    }

    #[test]
    fn a_refused_token_says_why_it_may_have_been() {
        let no = Some(ErrorCode::AuthnFailed);
        let over = Facts { expires_at: Some(now()), ..facts() };
        check(&over, no, Some("token_expired"), "it ended at 2026-09-21T14:13:20.000Z");
        let other = Facts { audiences: vec!["a".to_owned(), "b".to_owned()], ..facts() };
        check(&other, no, Some("token_audience"), "it is for a, b, and the runtime is toolbox");
        check(&facts(), no, Some("token_refused"), "of https://issuer.test");
        let opaque = Facts { audiences: Vec::new(), issuer: None, expires_at: None, ..facts() };
        check(&opaque, no, Some("token_refused"), "it is refused: ");
        check(&facts(), Some(ErrorCode::AuthnUnavailable), Some("authn_failed"), "");
    }

    #[test]
    fn an_accepted_token_may_want_a_look() {
        check(&facts(), None, None, "accepted as ada, until 2026-09-21T15:13:20.000Z");
        let narrow = Facts { missing: Scopes::parse("bundle:b"), ..facts() };
        check(&narrow, None, Some("token_scopes"), "without the scopes bundle:b");
        let soon = Facts { expires_at: Some(now() + Duration::from_secs(60)), ..facts() };
        check(&soon, None, Some("token_ends_soon"), "until 2026-09-21T14:14:20.000Z");
        check(&Facts { renewable: true, ..soon }, None, None, "accepted");
    }
}
