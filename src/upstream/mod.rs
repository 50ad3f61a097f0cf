//! Tokens for upstream calls: what a secret of type `oauth2` stands for, where it is asked for, how long it is kept, and for whom.
//!
//! Key types: [`Recipe`], which token is meant (pure); [`Upstream`], which has or obtains it; [`Caller`], on whose behalf. `endpoints` asks
//! issuers where their endpoints are, `table` keeps tokens and lets one of many askers ask; `people` has the tokens of principals, `pending`
//! their logins, `vault` what is kept of them on disk. What hosts may be told is said by whoever
//! knows the service ([`Hosts`]); nothing here knows tools, policies or the wire.

mod endpoints;
mod pending;
mod people;
pub mod recipe;
mod table;
pub mod vault;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::digest::of_parts;
use crate::base::host::{Clock, Deadline, Env};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::config::{OAuthMode, SecretRef};
use crate::http::{Limits, Reach, Request, Transport};
use crate::oauth::answer::{GrantError, Granted};
use crate::oauth::client::Client;
use crate::oauth::endpoint::Endpoint;
use crate::oauth::grant::{Asked, Grant};
use crate::oauth::store::Entry;
use crate::secrets;

use endpoints::{Endpoints, Issuers};
use pending::Logins;
pub use pending::NotYours;
pub use people::{LoginError, Standing, Started, Wish};
pub use recipe::Recipe;
use table::{Flight, Table};
use vault::Vault;

/// How long asking for a token may take in all, and how long others wait for the one who asks.
const LIMIT: Duration = Duration::from_secs(10);

/// How many tokens of clients are kept.
const MAX_CLIENTS: usize = 1_000;

/// How many tokens of people are kept in memory.
const MAX_PEOPLE: usize = 10_000;

/// What may be reached on behalf of a service, and told its credentials (H17).
pub trait Hosts {
    /// Whether its credentials may go there; the error says what to do.
    fn may_receive(&self, target: &Url) -> Result<(), String>;
    /// Which addresses that host may have.
    fn reach(&self, target: &Url) -> Reach;
}

/// What happened to a token, for the audit trail; never the token.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// The key of `secrets`.
    pub secret: &'a str,
    /// Whom the toolbox asked.
    pub endpoint: &'a Url,
    /// `obtained`, `refreshed` or `logged_in`, also of what failed.
    pub word: &'static str,
    /// Whether there is a token now.
    pub done: bool,
}

/// On whose behalf tokens are used, and who hears of new ones.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Names the principal; two that differ in kind, issuer or name have two of them (H18).
    pub holder: &'a str,
    /// Hears of what was asked.
    pub note: &'a dyn Fn(&News<'_>),
}

impl Caller<'_> {
    /// Nobody in particular, and nobody hears of anything.
    pub const NOBODY: Self = Self { holder: "", note: &|_| {} };
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

/// A token for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obtained {
    /// The token.
    pub token: Redacted<String>,
    /// Whether it was there before: an upstream that refuses such a one may take another.
    pub kept: bool,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// A person has to log in first.
    LoginNeeded,
    /// What failed, and what to do; never a secret.
    Failed(String),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginNeeded => f.write_str("it needs a login"),
            Self::Failed(cause) => f.write_str(cause),
        }
    }
}

impl std::error::Error for TokenError {}

impl From<String> for TokenError {
    fn from(cause: String) -> Self {
        Self::Failed(cause)
    }
}

/// What an exchange is called, and how long it may take.
#[derive(Clone, Copy)]
struct Asking {
    word: &'static str,
    limit: Duration,
}

/// Has the tokens, and asks for those it has not.
pub struct Upstream {
    transport: Arc<dyn Transport>,
    env: Env,
    clock: Clock,
    /// Does not jump, so that setting the time ends no login.
    steady: Clock,
    issuers: Issuers,
    clients: Table,
    people: Table,
    logins: Logins,
    vault: Option<Vault>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upstream")
    }
}

impl Upstream {
    /// With no tokens yet.
    pub fn new(transport: Arc<dyn Transport>, env: Env, clock: Clock) -> Self {
        Self {
            transport,
            env,
            clock,
            steady: Clock::steady(),
            issuers: Issuers::default(),
            clients: Table::new(MAX_CLIENTS),
            people: Table::new(MAX_PEOPLE),
            logins: Logins::default(),
            vault: None,
        }
    }

    /// That keeps tokens of people at rest, too.
    #[must_use]
    pub fn with_vault(self, vault: Option<Vault>) -> Self {
        Self { vault, ..self }
    }

    /// A token that can be used. `refused` is one that the upstream did not take: another is asked for, unless another caller
    /// has done so.
    pub fn token(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        caller: Caller<'_>,
        refused: Option<&Redacted<String>>,
        limit: Duration,
    ) -> Result<Obtained, TokenError> {
        let limit = limit.min(LIMIT);
        match recipe.settings.mode {
            OAuthMode::ClientCredentials => self.of_client(recipe, hosts, caller, refused, limit),
            OAuthMode::AuthorizationCode => self.of_person(recipe, hosts, caller, refused, limit),
        }
    }

    /// The toolbox's own token: one for all callers.
    fn of_client(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        caller: Caller<'_>,
        refused: Option<&Redacted<String>>,
        limit: Duration,
    ) -> Result<Obtained, TokenError> {
        let slot = self.clients.slot(&of_parts(&[&recipe.identity(), &recipe.scopes.to_string()]), || None);
        let usable = |entry: &Entry| entry.is_fresh(self.clock.now()) && refused != Some(&entry.token);
        let fetch = |before: Option<&Entry>| {
            let word = if before.is_some() { "refreshed" } else { "obtained" };
            match (self.ask(recipe, hosts, caller, Asking { word, limit }, |_| Ok(Grant::ClientCredentials)), before) {
                (Err(TokenError::Failed(_)), Some(before)) if self.serves(before, refused) => Ok(before.clone()),
                (asked, _) => Ok(Entry::new(asked?, &recipe.scopes, self.clock.now())),
            }
        };
        slot.obtain(Flight { patience: limit, usable: &usable, fetch: &fetch })
    }

    /// Whether a token is good for a moment still, when there is no other: the issuer may be back by then.
    fn serves(&self, entry: &Entry, refused: Option<&Redacted<String>>) -> bool {
        entry.is_alive(self.clock.now()) && refused != Some(&entry.token)
    }

    /// One exchange with a recipe's token endpoint, and the word about it.
    fn ask<'g>(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        caller: Caller<'_>,
        Asking { word, limit }: Asking,
        grant: impl FnOnce(&Endpoints) -> Result<Grant<'g>, TokenError>,
    ) -> Result<Granted, TokenError> {
        let deadline = Deadline::after(limit);
        let (client, _) = self.client(recipe)?;
        let endpoints = self.issuers.endpoints(recipe, hosts, self.transport.as_ref(), self.clock.now(), deadline)?;
        let granted = self.exchange(&endpoints, &client, &grant(&endpoints)?, &recipe.asked(), deadline);
        (caller.note)(&News { secret: recipe.id, endpoint: &endpoints.token, word, done: granted.is_ok() });
        granted.map_err(|error| {
            // Where to ask may have changed as well.
            self.issuers.forget(recipe);
            match error.voids_the_grant() && recipe.settings.mode == OAuthMode::AuthorizationCode {
                true => TokenError::LoginNeeded,
                false => TokenError::Failed(error.to_string()),
            }
        })
    }

    fn exchange(
        &self,
        endpoints: &Endpoints,
        client: &Client,
        grant: &Grant<'_>,
        asked: &Asked,
        deadline: Deadline,
    ) -> Result<Granted, GrantError> {
        let reach = endpoints.reach;
        let send = |request: &Request, limits: Limits| self.transport.send(request, Limits { reach, ..limits });
        let endpoint = Endpoint { url: &endpoints.token, client, send: &send, limit: deadline.left() };
        endpoint.ask(grant, asked)
    }

    /// Who asks, and its id. Read anew each time, so that a secret in a file can be changed.
    fn client(&self, recipe: &Recipe<'_>) -> Result<(Client, String), String> {
        let Recipe { id, settings, allow_exec, .. } = recipe;
        let value = |name: &str, reference: &SecretRef| {
            secrets::resolve(reference, &self.env, *allow_exec)
                .map_err(|error| format!("the {name} of secrets[\"{id}\"]: {error}"))
        };
        let reference = settings.client_id.as_ref().ok_or_else(|| format!("secrets[\"{id}\"] has no `clientId`"))?;
        let name = value("clientId", reference)?.expose().clone();
        let client = match &settings.client_secret {
            Some(secret) => Client::confidential(&name, value("clientSecret", secret)?, settings.client_authentication),
            None => Client::public(&name),
        };
        Ok((client, name))
    }
}

#[cfg(test)]
mod tests;
