//! The token endpoint (RFC 6749 section 3.2): client credentials and refresh, and the one place where a token is made.

use serde_json::{Map, Value, json};

use super::clients::{Client, GrantType};
use super::refusal::{self, Code, Refusal};
use super::ring::ACCESS_TOKEN;
use super::{Broker, Call, digest};
use crate::http::server::Answer;
use crate::oauth::scope::Scopes;

/// A refresh token, kept by its digest. A used one is kept too, so that its reuse is seen.
#[derive(Clone, Debug)]
pub(super) struct Refresh {
    /// The beginning of the ids of all tokens of one login.
    pub(super) family: String,
    pub(super) client: String,
    pub(super) subject: String,
    pub(super) audience: String,
    /// What was granted at the login.
    pub(super) scopes: Scopes,
    pub(super) used: bool,
    /// The end of the login, in seconds since 1970.
    pub(super) until: u64,
}

/// What goes into a new access token.
#[derive(Debug)]
pub(super) struct NewToken<'a> {
    pub(super) subject: &'a str,
    pub(super) client: &'a str,
    pub(super) audience: &'a str,
    pub(super) scopes: &'a Scopes,
    /// `jti`: the id of what it comes from, a dot, and a piece of its own. Whoever revokes a beginning revokes what follows.
    pub(super) id: String,
    pub(super) expires: u64,
    /// Claims of delegation.
    pub(super) more: Map<String, Value>,
}

impl Broker {
    pub(super) fn token(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let client = self.authenticated(call)?;
        let needed = || Refusal::new(Code::InvalidRequest, "`grant_type` is missing");
        let grant = GrantType::parse(call.form.one("grant_type")?.ok_or_else(needed)?)
            .ok_or_else(|| Refusal::new(Code::UnsupportedGrantType, "there is no such grant here"))?;
        client.may(grant)?;
        match grant {
            GrantType::ClientCredentials => self.client_credentials(client, call),
            GrantType::AuthorizationCode => self.authorization_code(client, call),
            GrantType::RefreshToken => self.refresh(client, call),
            GrantType::TokenExchange => self.exchange(client, call),
        }
    }

    fn client_credentials(&self, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
        let scopes = client.asked(call.form.one("scope")?)?;
        let token = NewToken {
            subject: client.id(),
            client: client.id(),
            audience: &self.target(&call.form, None)?,
            scopes: &scopes,
            id: self.random_id(),
            expires: call.now + self.lifetime(),
            more: Map::new(),
        };
        Ok(refusal::json(200, &self.granted(&token, call.now)?))
    }

    /// RFC 6749 section 6, with rotation: each refresh token works once, and the second use ends the login (RFC 9700 section
    /// 4.14.2).
    fn refresh(&self, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
        let refused =
            || Refusal::new(Code::InvalidGrant, "the refresh token is unknown, used, expired or another client's");
        let needed = || Refusal::new(Code::InvalidRequest, "`refresh_token` is missing");
        let key = digest(call.form.one("refresh_token")?.ok_or_else(needed)?);
        let asked = call.form.one("scope")?.map(Scopes::parse);
        let login = {
            let mut state = self.state();
            let known = state.refresh.get_mut(&key, call.now).filter(|known| known.client == client.id());
            let known = known.ok_or_else(refused)?;
            if known.used {
                let family = known.family.clone();
                state.end_login(&family, call.now, self.lifetime());
                return Err(refused());
            }
            if asked.as_ref().is_some_and(|asked| !asked.is_subset_of(&known.scopes)) {
                return Err(Refusal::new(Code::InvalidScope, "the login did not grant one of these scopes"));
            }
            known.used = true;
            known.clone()
        };
        self.logged_in(&login, asked.as_ref(), call.now).map(|body| refusal::json(200, &body))
    }

    /// An access token and the next refresh token of a login.
    pub(super) fn logged_in(&self, login: &Refresh, asked: Option<&Scopes>, now: u64) -> Result<Value, Refusal> {
        let token = NewToken {
            subject: &login.subject,
            client: &login.client,
            audience: &login.audience,
            scopes: asked.unwrap_or(&login.scopes),
            id: format!("{}.{}", login.family, self.random_id()),
            expires: now + self.lifetime(),
            more: Map::new(),
        };
        let mut body = self.granted(&token, now)?;
        let refresh = self.random();
        body["refresh_token"] = refresh.as_str().into();
        let next = Refresh { used: false, ..login.clone() };
        let mut state = self.state();
        // A replay at the same moment may have ended the login.
        if state.revoked.get(&digest(&login.family), now).is_some() {
            return Err(Refusal::new(Code::InvalidGrant, "the login has ended"));
        }
        state.refresh.put(digest(&refresh), next, login.until, now);
        Ok(body)
    }

    /// Makes the token and what is said about it (RFC 6749 section 5.1).
    pub(super) fn granted(&self, token: &NewToken<'_>, now: u64) -> Result<Value, Refusal> {
        let scope = token.scopes.to_string();
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), self.issuer().into());
        claims.insert("sub".to_owned(), token.subject.into());
        claims.insert("client_id".to_owned(), token.client.into());
        claims.insert("aud".to_owned(), token.audience.into());
        claims.insert("scope".to_owned(), scope.as_str().into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), token.expires.into());
        claims.insert("jti".to_owned(), token.id.as_str().into());
        claims.extend(token.more.clone());
        Ok(json!({
            "access_token": self.sign(&claims, ACCESS_TOKEN)?,
            "token_type": "Bearer",
            "expires_in": token.expires.saturating_sub(now),
            "scope": scope,
        }))
    }

    pub(super) fn sign(&self, claims: &Map<String, Value>, typ: &str) -> Result<String, Refusal> {
        let key = self.state().ring.current();
        key.sign(claims, typ).ok_or_else(|| Refusal::new(Code::ServerError, "the token could not be signed"))
    }
}
