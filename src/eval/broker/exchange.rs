//! Token exchange (RFC 8693): a narrower token that says for whom and by whom it is used.
//!
//! The actor is the client that asks, since that is what was proven; `actor_id` and `agent_profile`, which some clients send, are
//! accepted and not believed.

use serde_json::{Map, Value, json};

use super::clients::Client;
use super::refusal::{self, Code, Refusal};
use super::token::NewToken;
use super::{Broker, Call};
use crate::http::server::Answer;
use crate::oauth::grant::{ACCESS_TOKEN, JWT};
use crate::oauth::scope::Scopes;

/// Actors behind one another (`act` in `act`).
const MAX_DEPTH: usize = 8;

impl Broker {
    pub(super) fn exchange(&self, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
        let issued_type = types(call)?;
        let parent = self.subject(client, call)?;
        let text = |name: &str| parent.get(name).and_then(Value::as_str).unwrap_or_default();
        let granted = Scopes::parse(text("scope"));
        let asked = call.form.one("scope")?.map_or_else(|| granted.clone(), Scopes::parse);
        if !asked.is_subset_of(&granted) {
            return Err(Refusal::new(Code::InvalidScope, "a child token may show no more than its parent"));
        }
        let parent_ends = parent.get("exp").and_then(Value::as_u64).unwrap_or_default();
        let token = NewToken {
            subject: text("sub"),
            client: client.id(),
            audience: &self.target(&call.form, Some(text("aud")))?,
            scopes: &asked,
            id: format!("{}.{}", text("jti"), self.random_id()),
            expires: parent_ends.min(call.now + self.lifetime()),
            more: self.lineage(client, &parent)?,
        };
        let mut body = self.granted(&token, call.now)?;
        body["issued_token_type"] = issued_type.into();
        Ok(refusal::json(200, &body))
    }

    /// The claims of the subject token. Whatever is wrong with it is `invalid_request` (section 2.2.2).
    fn subject(&self, client: &Client, call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
        let token = call.form.one("subject_token")?.ok_or_else(|| refused("`subject_token` is missing"))?;
        let claims = self.active(token, call.now);
        let claims = claims.ok_or_else(|| refused("the subject token is not one of ours, expired or revoked"))?;
        let own = claims.get("client_id").and_then(Value::as_str) == Some(client.id());
        if client.is_public() && !own {
            return Err(refused("a client without a secret exchanges only its own tokens"));
        }
        Ok(claims)
    }

    fn lineage(&self, client: &Client, parent: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        let before = parent.get("act");
        if depth(before) >= MAX_DEPTH {
            return Err(refused("the subject token was exchanged too often"));
        }
        let mut act = json!({ "sub": client.id() });
        if let Some(before) = before {
            act["act"] = before.clone();
        }
        let mut more = Map::new();
        more.insert("act".to_owned(), act);
        more.insert("delegated_by".to_owned(), parent.get("sub").cloned().unwrap_or_default());
        more.insert("delegation_id".to_owned(), self.random_id().into());
        Ok(more)
    }
}

fn refused(description: &'static str) -> Refusal {
    Refusal::new(Code::InvalidRequest, description)
}

/// Checks the token types that a request names, and gives the one of the answer.
fn types(call: &Call<'_>) -> Result<&'static str, Refusal> {
    let given = call.form.one("subject_token_type")?.ok_or_else(|| refused("`subject_token_type` is missing"))?;
    if given != ACCESS_TOKEN && given != JWT {
        return Err(refused("`subject_token_type` must be that of an access token or a JWT"));
    }
    if call.form.one("actor_token")?.is_some() || call.form.one("actor_token_type")?.is_some() {
        return Err(refused("there is no `actor_token` here: the actor is the client that asks"));
    }
    match call.form.one("requested_token_type")? {
        None | Some(ACCESS_TOKEN) => Ok(ACCESS_TOKEN),
        Some(JWT) => Ok(JWT),
        Some(_) => Err(refused("`requested_token_type` must be that of an access token or a JWT")),
    }
}

fn depth(act: Option<&Value>) -> usize {
    let mut levels = 0;
    let mut act = act;
    while let Some(actor) = act {
        levels += 1;
        act = actor.get("act");
    }
    levels
}
