//! Tokens of people: a login at the issuer, by principal and secret, and what comes of it (H18).
//!
//! The toolbox makes `state` and PKCE verifier and keeps both; the caller's browser carries the code to the caller, who hands it in under
//! its own runtime token. No browser is opened here.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::base::digest::of_parts;
use crate::base::host::{self, Deadline};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::config::{OAuthSecret, TokenStorage};
use crate::oauth::grant::Grant;
use crate::oauth::pkce::Pkce;
use crate::oauth::redirect;
use crate::oauth::store::{Entry, Login};

use super::pending::{Begun, LIFE, NotYours};
use super::recipe::Recipe;
use super::table::{Flight, Slot};
use super::{Asking, Caller, Hosts, LIMIT, News, Obtained, TokenError, Upstream};

/// A login that has begun, as its caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// What to open in a browser.
    pub authorization_url: Url,
    /// Comes back with the code.
    pub state: String,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// Who answers (RFC 9207), when that is known.
    pub issuer: Option<String>,
    /// How long the person may take.
    pub expires_in: Duration,
}

/// What the caller of a login says about itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// A port that it listens on, for configurations that name none.
    pub port: Option<u16>,
    /// The session that the token is to end with.
    pub session: Option<&'a str>,
    /// What the login is for, in the caller's words.
    pub service: &'a str,
}

/// Why there is no login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The caller has to ask otherwise.
    Wrong(String),
    /// Too many logins have begun.
    Full,
    /// It cannot be gone on with.
    NotYours(NotYours),
    /// Issuer or configuration; the text says what, never a secret.
    Failed(String),
}

/// A token of a person, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The key of `secrets`.
    pub secret: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// When the token ends.
    pub expires_at: SystemTime,
    /// Whether another follows it without a login.
    pub renewable: bool,
}

impl Upstream {
    /// The token of a principal.
    pub(super) fn of_person(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        caller: Caller<'_>,
        refused: Option<&Redacted<String>>,
        limit: Duration,
    ) -> Result<Obtained, TokenError> {
        let slot = self.slot_of(caller.holder, recipe).ok_or(TokenError::LoginNeeded)?;
        // A token of other settings stays: they may be those of another service that shares the secret, or come back.
        if slot.entry().is_some_and(|entry| !is_of(&entry, &recipe.identity())) {
            return Err(TokenError::LoginNeeded);
        }
        let usable = |entry: &Entry| {
            let now = self.clock.now();
            let good = entry.is_fresh(now) || (entry.refresh.is_none() && entry.is_alive(now));
            good && refused != Some(&entry.token)
        };
        let fetch = |before: Option<&Entry>| {
            let before = before.ok_or(TokenError::LoginNeeded)?;
            match self.refreshed(recipe, hosts, caller, before, limit) {
                Err(TokenError::Failed(_)) if self.serves(before, refused) => Ok(before.clone()),
                Ok(entry) => {
                    let at_rest = || slot.is_at_rest() && recipe.settings.token_storage == TokenStorage::Instance;
                    self.keep(caller.holder, recipe.id, &entry, at_rest());
                    if !at_rest() {
                        // Who logged out meanwhile stays logged out.
                        self.remove_at_rest(caller.holder, recipe.id);
                    }
                    Ok(entry)
                }
                Err(error) => Err(error),
            }
        };
        let obtained = slot.obtain(Flight { patience: limit, usable: &usable, fetch: &fetch });
        // Another login may have put one there meanwhile.
        if obtained == Err(TokenError::LoginNeeded) && self.people.remove(&name(caller.holder, recipe.id), true) {
            self.remove_at_rest(caller.holder, recipe.id);
        }
        obtained
    }

    fn refreshed(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        caller: Caller<'_>,
        before: &Entry,
        limit: Duration,
    ) -> Result<Entry, TokenError> {
        let (Some(refresh), Some(login)) = (&before.refresh, &before.login) else {
            return Err(TokenError::LoginNeeded);
        };
        let granted = self.ask(recipe, hosts, caller, Asking { word: "refreshed", limit }, |endpoints| {
            // A refresh token goes to the endpoint that gave it, and nowhere else.
            match endpoints.token.as_str() == login.token_url {
                true => Ok(Grant::Refresh(refresh)),
                false => Err(TokenError::LoginNeeded),
            }
        })?;
        let scopes = granted.scopes.clone().or_else(|| before.scopes.clone());
        let next = granted.refresh.clone().or_else(|| before.refresh.clone());
        let entry = Entry::new(granted, &recipe.scopes, self.clock.now());
        Ok(Entry { scopes, refresh: next, login: before.login.clone(), ..entry })
    }

    /// Begins a login; what belongs to it is kept here.
    pub fn start(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        holder: &str,
        wish: Wish<'_>,
    ) -> Result<Started, LoginError> {
        if !recipe.settings.interactive {
            return Err(LoginError::Wrong(format!("secrets[\"{}\"] says `interactive: false`", recipe.id)));
        }
        let redirect_uri = redirect_uri(recipe.settings, wish.port)?;
        let client = self.client(recipe).map_err(LoginError::Failed)?;
        let deadline = Deadline::after(LIMIT);
        let endpoints = self.issuers.endpoints(recipe, hosts, self.transport.as_ref(), self.clock.now(), deadline);
        let endpoints = endpoints.map_err(LoginError::Failed)?;
        let missing =
            || LoginError::Failed(format!("no authorization endpoint is known for secrets[\"{}\"]", recipe.id));
        let authorization = endpoints.authorization.clone().ok_or_else(missing)?;
        if let Some(name) = redirect::asks_by_itself(&authorization) {
            return Err(LoginError::Failed(format!(
                "the authorization endpoint sets `{name}`, which is for the client to say"
            )));
        }
        let system = |error: std::io::Error| LoginError::Failed(format!("there is no randomness: {error}"));
        let pkce = Pkce::new(&host::random().map_err(system)?);
        let state = host::random_id().map_err(system)?;
        let (asked, issuer) = (recipe.asked(), endpoints.issuer.clone());
        let request = redirect::Request {
            endpoint: &authorization,
            client_id: &client.1,
            redirect_uri: &redirect_uri,
            state: &state,
            challenge: &pkce.challenge,
            asked: &asked,
        };
        let authorization_url = request.url().map_err(|error| LoginError::Failed(error.to_string()))?;
        let begun = Begun {
            holder: holder.to_owned(),
            service: wish.service.to_owned(),
            secret: recipe.id.to_owned(),
            identity: recipe.identity(),
            endpoints,
            client,
            asked,
            verifier: pkce.verifier,
            redirect_uri: redirect_uri.clone(),
            session: wish.session.map(str::to_owned),
            at_rest: wish.session.is_none() && recipe.settings.token_storage == TokenStorage::Instance,
            at: self.steady.now(),
        };
        match self.logins.begin(state.clone(), begun) {
            true => Ok(Started { authorization_url, state, redirect_uri, issuer, expires_in: LIFE }),
            false => Err(LoginError::Full),
        }
    }

    /// Ends a login: the code becomes a token of the principal that began it. Gives also what the login was for.
    pub fn finish(
        &self,
        state: &str,
        code: &Redacted<String>,
        caller: Caller<'_>,
    ) -> Result<(String, Standing), LoginError> {
        let begun = self.logins.take(state, caller.holder, self.steady.now()).map_err(LoginError::NotYours)?;
        let (client, client_id) = &begun.client;
        let grant = Grant::Code { code, verifier: &begun.verifier, redirect_uri: &begun.redirect_uri };
        let granted = self.exchange(&begun.endpoints, client, &grant, &begun.asked, Deadline::after(LIMIT));
        let endpoint = &begun.endpoints.token;
        (caller.note)(&News { secret: &begun.secret, endpoint, word: "logged_in", done: granted.is_ok() });
        let granted = granted.map_err(|error| LoginError::Failed(error.to_string()))?;
        let login =
            Login { id: begun.identity.clone(), token_url: endpoint.as_str().to_owned(), client_id: client_id.clone() };
        let entry = Entry::new(granted, &begun.asked.scopes, self.clock.now());
        let entry = Entry { login: Some(login), ..entry };
        let tag = begun.session.as_deref().map(|session| of_parts(&[caller.holder, session]));
        self.people.put(&name(caller.holder, &begun.secret), entry.clone(), tag, begun.at_rest);
        if begun.at_rest {
            self.keep(caller.holder, &begun.secret, &entry, true);
        } else {
            self.remove_at_rest(caller.holder, &begun.secret);
        }
        Ok((begun.service, standing(&begun.secret, &entry)))
    }

    /// The token that a principal has for a recipe, dead ones without a successor not.
    pub fn standing(&self, recipe: &Recipe<'_>, holder: &str) -> Option<Standing> {
        let entry = self.slot_of(holder, recipe)?.entry()?;
        let of_use = entry.refresh.is_some() || entry.is_alive(self.clock.now());
        (of_use && is_of(&entry, &recipe.identity())).then(|| standing(recipe.id, &entry))
    }

    /// Forgets a principal's token; says whether there was one.
    pub fn log_out(&self, recipe: &Recipe<'_>, holder: &str) -> bool {
        let there = self.slot_of(holder, recipe).and_then(|slot| slot.entry()).is_some();
        self.drop_token(holder, recipe.id);
        there
    }

    /// Forgets what a session of a principal has logged in for, and nothing else.
    pub fn forget_session(&self, holder: &str, session: &str) {
        self.logins.forget(holder, session);
        self.people.forget(&of_parts(&[holder, session]));
    }

    /// The slot of a principal's token, when there is one, here or at rest.
    fn slot_of(&self, holder: &str, recipe: &Recipe<'_>) -> Option<Arc<Slot>> {
        let name = name(holder, recipe.id);
        self.people.find(&name).or_else(|| {
            let vault = self.vault.as_ref().filter(|_| recipe.settings.token_storage == TokenStorage::Instance)?;
            let entry = vault.load(holder, recipe.id)?;
            Some(self.people.slot(&name, || Some(entry)))
        })
    }

    fn keep(&self, holder: &str, secret: &str, entry: &Entry, at_rest: bool) {
        if let Some(vault) = self.vault.as_ref().filter(|_| at_rest) {
            vault.save(holder, secret, entry);
        }
    }

    fn drop_token(&self, holder: &str, secret: &str) {
        self.people.remove(&name(holder, secret), false);
        self.remove_at_rest(holder, secret);
    }

    fn remove_at_rest(&self, holder: &str, secret: &str) {
        if let Some(vault) = &self.vault {
            vault.remove(holder, secret);
        }
    }
}

fn name(holder: &str, secret: &str) -> String {
    of_parts(&[holder, secret])
}

/// Whether a token was obtained under these settings.
fn is_of(entry: &Entry, identity: &str) -> bool {
    entry.login.as_ref().is_some_and(|login| login.id == identity)
}

fn standing(secret: &str, entry: &Entry) -> Standing {
    let scopes = entry.scopes.iter().flat_map(|scopes| scopes.iter()).map(str::to_owned).collect();
    Standing { secret: secret.to_owned(), scopes, expires_at: entry.expires_at, renewable: entry.refresh.is_some() }
}

/// Where the browser comes back to, always on the caller's own machine (RFC 8252 section 7.3): the config's address, with the
/// config's port or else the caller's.
pub(super) fn redirect_uri(settings: &OAuthSecret, proposed: Option<u16>) -> Result<String, LoginError> {
    let configured = settings.redirect_uri.as_ref();
    let host = configured.map_or("127.0.0.1", |url| url.host());
    let path = configured.map_or("/callback", |url| url.path());
    let written = configured.filter(|url| has_port(url)).map(Url::port);
    let port = written.or(settings.callback_port).or(proposed);
    let port = port.ok_or_else(|| LoginError::Wrong("name the port you listen on in `callbackPort`".to_owned()))?;
    Ok(format!("http://{host}:{port}{path}"))
}

/// Whether an address says its port, be it the scheme's own.
fn has_port(url: &Url) -> bool {
    let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty())
}
