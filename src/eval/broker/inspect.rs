//! What a token is worth now: introspection (RFC 7662) and revocation (RFC 7009).

use serde_json::{Map, Value, json};

use super::refusal::{self, Code, Refusal};
use super::{Broker, Call, State, digest};
use crate::http::server::Answer;

impl Broker {
    /// About access tokens, for clients with a secret; everything else is `active: false` (RFC 7662 section 2.2).
    pub(super) fn introspect(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        self.confidential(call)?;
        let token = named(call)?;
        let Some(mut claims) = self.active(token, call.now) else {
            return Ok(refusal::json(200, &json!({ "active": false })));
        };
        claims.insert("active".to_owned(), true.into());
        claims.insert("token_type".to_owned(), "Bearer".into());
        Ok(refusal::json(200, &claims.into()))
    }

    /// A refresh token ends its whole login; an access token ends, with what was exchanged for it. An unknown token is revoked
    /// already (RFC 7009 section 2.2).
    pub(super) fn revoke(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let client = self.authenticated(call)?;
        let token = named(call)?;
        let foreign = || Refusal::new(Code::InvalidGrant, "the token is another client's");
        let mut state = self.state();
        if let Some(login) = state.refresh.get(&digest(token), call.now).cloned() {
            if login.client != client.id() {
                return Err(foreign());
            }
            state.end_login(&login.family, call.now, self.lifetime());
        } else if let Some(claims) = state.active(token, self.issuer(), call.now) {
            let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("client_id") != client.id() {
                return Err(foreign());
            }
            let until = claims.get("exp").and_then(Value::as_u64).unwrap_or_default();
            state.revoked.put(digest(text("jti")), (), until, call.now);
        }
        let mut answer = Answer::empty(200);
        answer.headers = answer.headers.with("Cache-Control", "no-store");
        Ok(answer)
    }

    /// The claims of an access token that works now.
    pub(super) fn active(&self, token: &str, now: u64) -> Option<Map<String, Value>> {
        self.state().active(token, self.issuer(), now)
    }
}

impl State {
    fn active(&self, token: &str, issuer: &str, now: u64) -> Option<Map<String, Value>> {
        let claims = self.ring.read(token, now)?;
        let ours = claims.get("iss")?.as_str()? == issuer && claims.get("exp")?.as_u64()? > now;
        let id = claims.get("jti")?.as_str()?;
        // An id begins with the ids of what the token comes from.
        let ends = id.match_indices('.').map(|(at, _)| at).chain([id.len()]);
        let revoked = ends.into_iter().any(|end| self.revoked.get(&digest(&id[..end]), now).is_some());
        (ours && !revoked).then_some(claims)
    }

    /// Ends a login: its refresh tokens go, its access tokens and what was exchanged for them are revoked.
    pub(super) fn end_login(&mut self, family: &str, now: u64, lifetime: u64) {
        self.refresh.retain(|refresh| refresh.family != family);
        self.revoked.put(digest(family), (), now + lifetime, now);
    }
}

/// `token`; the hint about its type is not needed.
fn named<'a>(call: &'a Call<'_>) -> Result<&'a str, Refusal> {
    call.form.one("token")?.ok_or_else(|| Refusal::new(Code::InvalidRequest, "`token` is missing"))
}
