//! Carries a plan for a credential out: the token cache first, then the issuer, then, where somebody is there, a browser.
//!
//! One lock for each token, so that many commands at once make one request. A token that is refused is dropped only where it is
//! still the one that is kept. What a run needs from outside comes in as [`Outside`]. Key types: [`Tokens`], [`Held`].

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::digest::of_parts;
use crate::base::disk::Lock;
use crate::base::host::{Clock, Env};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::config::{Delegation, RemoteAuthMode, SecretRef};
use crate::oauth::answer::{GrantError, is_token};
use crate::oauth::client::Client;
use crate::oauth::endpoint::{self, Endpoint};
use crate::oauth::grant::{Asked, Grant};
use crate::oauth::peek::Unproven;
use crate::oauth::scope::Scopes;
use crate::oauth::store::{Busy, Entry, Login, Store};
use crate::secrets;

use super::auth::{AuthError, Bearer, Caller, Credential, Plan, Recipe, identity_of};
use super::delegation;
use super::target::Target;

/// How long a command waits for another one that obtains the same token, besides the time of one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// What carrying a plan out needs of the world.
pub struct Outside<'a> {
    /// For secrets.
    pub env: Env,
    /// The time.
    pub clock: Clock,
    /// The way to an issuer.
    pub send: Box<endpoint::Send<'a>>,
    /// How long one request may take.
    pub limit: Duration,
    /// Tells a person something on the side.
    pub note: Box<dyn Fn(&str) + 'a>,
    /// Lets a person log in; `None` when nobody is there.
    pub person: Option<Box<dyn Person + 'a>>,
    /// Whether secrets may be printed by programs.
    pub allow_exec: bool,
}

/// A login at a browser.
pub trait Person {
    /// Logs in; the answer is a new entry with its [`Login`].
    fn log_in(&self, asked: &Asked, callback_port: Option<u16>, outside: &Outside<'_>) -> Result<Entry, AuthError>;

    /// How long that may take.
    fn limit(&self) -> Duration;
}

/// A token that can be used now, and what is known about it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The token.
    pub bearer: Bearer,
    /// When it ends, as far as it is known.
    pub expires_at: Option<SystemTime>,
    /// Its scopes, as far as they are known.
    pub scopes: Option<Scopes>,
    /// What was asked for.
    pub asked: Scopes,
    /// Whether it is renewed without a person.
    pub renewable: bool,
}

/// This caller's tokens at one runtime.
pub struct Tokens<'a> {
    /// What is to be done.
    pub plan: Plan,
    /// For which runtime.
    pub target: Target,
    /// Where tokens are kept; `None` when there is no place.
    pub store: Option<Store>,
    /// The rest of the world.
    pub outside: Outside<'a>,
    state: State,
}

#[derive(Default)]
struct State {
    held: RefCell<Option<Held>>,
    /// One silent renewal a run.
    renewed: Cell<bool>,
    /// Nobody is asked to log in.
    silent: Cell<bool>,
}

/// Which token will do.
#[derive(Clone, Copy)]
enum Wanted<'r> {
    /// Any that is fresh.
    Fresh,
    /// Another than this one, which was refused.
    Other(&'r Redacted<String>),
    /// One that nobody had before.
    New,
}

/// A token that is used itself, or exchanged.
struct Parent {
    entry: Entry,
    /// What its file is called, or would be.
    name: String,
    identity: String,
    /// Whether it was there before.
    kept: bool,
    renewable: bool,
    /// Whether it is known when the token ends.
    dated: bool,
}

impl<'a> Tokens<'a> {
    /// Nothing is asked yet.
    pub fn new(plan: Plan, target: Target, store: Option<Store>, outside: Outside<'a>) -> Self {
        Self { plan, target, store, outside, state: State::default() }
    }

    /// The token that calls carry; `None` where the plan has none.
    pub fn held(&self) -> Result<Option<Held>, AuthError> {
        let Plan::Obtain(recipe) = &self.plan else { return Ok(None) };
        if let Some(held) = &*self.state.held.borrow() {
            return Ok(Some(held.clone()));
        }
        let held = self.obtain(recipe, Wanted::Fresh)?;
        self.state.held.replace(Some(held.clone()));
        Ok(Some(held))
    }

    /// As [`Tokens::held`], but obtained now, and refused by the runtime when it is refused: there is no second try.
    pub fn log_in(&self) -> Result<Option<Held>, AuthError> {
        let Plan::Obtain(recipe) = &self.plan else { return Ok(None) };
        self.state.renewed.set(true);
        let name = self.name(recipe)?;
        // Nothing that was made from the token before outlives it.
        for child in self.store.iter().flat_map(|store| store.children(&name)) {
            self.drop_kept(&child);
        }
        let held = self.obtain(recipe, Wanted::New)?;
        self.state.held.replace(Some(held.clone()));
        Ok(Some(held))
    }

    /// For a run that goes on for long: the next call looks for the token anew, as it may have ended meanwhile.
    pub fn look_again(&self) {
        self.state.held.replace(None);
    }

    /// For a run that goes on for long: a token that was used may be renewed once more.
    pub fn renew_again(&self) {
        self.state.renewed.set(false);
    }

    /// From now on nobody is asked to log in.
    pub fn silence(&self) {
        self.state.silent.set(true);
    }

    /// Forgets this caller's tokens for this runtime; the answer is how many there were: its own, and exchanged ones.
    pub fn forget(&self) -> Result<(usize, usize), AuthError> {
        let (Plan::Obtain(recipe), Some(store)) = (&self.plan, &self.store) else { return Ok((0, 0)) };
        let name = self.name(recipe)?;
        let failed = |error: std::io::Error| AuthError::Missing(format!("a kept token cannot be removed: {error}"));
        let _lock = self.lock(&name)?;
        let mut children = 0;
        for child in store.children(&name) {
            children += usize::from(store.remove(&child).map_err(failed)?);
        }
        let own = store.remove(&name).map_err(failed)?;
        self.state.held.replace(None);
        Ok((usize::from(own), children))
    }

    fn obtain(&self, recipe: &Recipe, wanted: Wanted<'_>) -> Result<Held, AuthError> {
        let Some(delegation) = &recipe.delegation else {
            return Ok(held(self.parent(recipe, wanted)?, &recipe.asked.scopes));
        };
        let of_parent = if matches!(wanted, Wanted::New) { Wanted::New } else { Wanted::Fresh };
        let parent = self.parent(recipe, of_parent)?;
        match self.child(recipe, delegation, &parent, wanted) {
            // The issuer may have forgotten a token that was kept here.
            Err(AuthError::Grant(error)) if parent.kept && blames_the_subject(&error) => {
                let parent = self.parent(recipe, Wanted::Other(&parent.entry.token)).map_err(|_| error)?;
                self.child(recipe, delegation, &parent, wanted)
            }
            other => other,
        }
    }

    fn parent(&self, recipe: &Recipe, wanted: Wanted<'_>) -> Result<Parent, AuthError> {
        let name = self.name(recipe)?;
        match &recipe.mode {
            RemoteAuthMode::ProvidedToken(from) => self.provided(from, name),
            RemoteAuthMode::OAuthClient { token_url, .. } => {
                let obtain = |old: Option<Entry>| {
                    let client = self.client(recipe)?;
                    self.client_token(token_url, &client, &recipe.asked, old)
                };
                let (entry, kept) = self.kept(&name, &name, wanted, &|_| true, &obtain)?;
                Ok(Parent { entry, identity: format!("client:{name}"), name, kept, renewable: true, dated: true })
            }
            RemoteAuthMode::BrowserLogin { callback_port } => {
                let obtain = |old: Option<Entry>| self.login_token(&recipe.asked, *callback_port, &name, old);
                let (entry, kept) = self.kept(&name, &name, wanted, &|_| true, &obtain)?;
                let login = entry.login.as_ref().map_or("", |login| login.id.as_str());
                let renewable = entry.refresh.is_some();
                Ok(Parent { identity: format!("login:{login}"), entry, name, kept, renewable, dated: true })
            }
        }
    }

    fn name(&self, recipe: &Recipe) -> Result<String, AuthError> {
        let client = match &recipe.mode {
            RemoteAuthMode::OAuthClient { client_id, .. } => Some(self.secret(client_id)?),
            _ => None,
        };
        Ok(recipe.name(&self.target, client.as_ref().map(|id| id.expose().as_str())))
    }

    fn secret(&self, reference: &SecretRef) -> Result<Redacted<String>, AuthError> {
        secrets::resolve(reference, &self.outside.env, self.outside.allow_exec)
            .map_err(|error| AuthError::Missing(error.to_string()))
    }

    /// `providedToken`: read anew each time, never kept.
    fn provided(&self, from: &SecretRef, name: String) -> Result<Parent, AuthError> {
        let token = Redacted::new(self.secret(from)?.expose().trim().to_owned());
        if !is_token(token.expose()) {
            return Err(AuthError::Unusable);
        }
        let claims = Unproven::of(token.expose());
        let scopes = claims.as_ref().and_then(|claims| claims.scopes().ok()?.into_iter().next());
        let expires_at = claims.and_then(|claims| claims.expires_at()).map(|at| UNIX_EPOCH + Duration::from_secs(at));
        let now = self.outside.clock.now();
        let entry = Entry {
            obtained_at: now,
            // Whoever provides a token without a date renews it.
            expires_at: expires_at.unwrap_or(now + Duration::from_secs(86_400)),
            scopes,
            refresh: None,
            login: None,
            parent: None,
            token,
        };
        let renewable = matches!(from, SecretRef::File(_));
        let identity = identity_of(&entry.token);
        Ok(Parent { identity, entry, name, kept: false, renewable, dated: expires_at.is_some() })
    }

    /// The client of the config, with its secret.
    fn client(&self, recipe: &Recipe) -> Result<Client, AuthError> {
        let RemoteAuthMode::OAuthClient { client_id, client_secret, authentication, .. } = &recipe.mode else {
            return Ok(Client::unknown());
        };
        let (id, secret) = (self.secret(client_id)?, self.secret(client_secret)?);
        Ok(Client::confidential(id.expose(), secret, *authentication))
    }

    fn endpoint<'e>(&'e self, url: &'e Url, client: &'e Client) -> Endpoint<'e> {
        if let Some(warning) = unencrypted("token URL", url) {
            (self.outside.note)(&warning);
        }
        Endpoint { url, client, send: &*self.outside.send, limit: self.outside.limit }
    }

    /// `oauthClient`: a refresh token if the issuer gave one, else the client's own right.
    fn client_token(&self, url: &Url, client: &Client, asked: &Asked, old: Option<Entry>) -> Result<Entry, AuthError> {
        let endpoint = self.endpoint(url, client);
        if let Some(old) = old.filter(|old| old.refresh.is_some()) {
            match self.refreshed(&endpoint, asked, old) {
                Err(error) if error.is_transient() => return Err(error.into()),
                // A refresh token that is used up is no loss here.
                Err(_) => {}
                Ok(entry) => return Ok(entry),
            }
        }
        let granted = endpoint.ask(&Grant::ClientCredentials, asked)?;
        let entry = Entry::new(granted, &asked.scopes, self.outside.clock.now());
        self.tell_what_is_missing(&asked.scopes, entry.scopes.as_ref());
        Ok(entry)
    }

    /// `browserLogin`: the refresh token of the login, else a person.
    fn login_token(
        &self,
        asked: &Asked,
        callback_port: Option<u16>,
        name: &str,
        old: Option<Entry>,
    ) -> Result<Entry, AuthError> {
        let had_login = old.is_some();
        if let Some((login, old)) =
            old.and_then(|old| Some((old.login.clone()?, old))).filter(|(_, old)| old.refresh.is_some())
        {
            match self.refreshed_login(&login, asked, old) {
                // The login is over; whatever else is wrong, it may go on later.
                Err(AuthError::Grant(error)) if error.voids_the_grant() => self.drop_kept(name),
                other => return other,
            }
        }
        match &self.outside.person {
            Some(person) if !self.state.silent.get() => {
                let entry = person.log_in(asked, callback_port, &self.outside)?;
                self.tell_what_is_missing(&asked.scopes, entry.scopes.as_ref());
                Ok(entry)
            }
            _ => Err(AuthError::LoginNeeded(had_login)),
        }
    }

    fn refreshed_login(&self, login: &Login, asked: &Asked, old: Entry) -> Result<Entry, AuthError> {
        let garbled = |_| AuthError::Missing("the kept login names no token endpoint".to_owned());
        let url = Url::parse(&login.token_url).map_err(garbled)?;
        let client = Client::public(&login.client_id);
        Ok(self.refreshed(&self.endpoint(&url, &client), asked, old)?)
    }

    /// RFC 6749 section 6: scopes and refresh token stay what they were when the answer does not say otherwise.
    fn refreshed(&self, endpoint: &Endpoint<'_>, asked: &Asked, old: Entry) -> Result<Entry, GrantError> {
        let refresh = old.refresh.expect("only entries with a refresh token come here");
        let granted = endpoint.ask(&Grant::Refresh(&refresh), asked)?;
        let before = old.scopes.unwrap_or_default();
        let entry = Entry::new(granted, &before, self.outside.clock.now());
        self.tell_what_is_missing(&asked.scopes, entry.scopes.as_ref().filter(|scopes| **scopes != before));
        Ok(Entry { refresh: Some(entry.refresh.clone().unwrap_or(refresh)), login: old.login, ..entry })
    }

    /// RFC 8693: a narrower token in place of `parent`'s, checked before it is kept or used (H44).
    fn child(
        &self,
        recipe: &Recipe,
        delegation: &Delegation,
        parent: &Parent,
        wanted: Wanted<'_>,
    ) -> Result<Held, AuthError> {
        let lock = recipe.child_name(&parent.name, delegation);
        let name = of_parts(&[&lock, &parent.identity]);
        let asked = Asked { scopes: Scopes::parse(&delegation.scopes.join(" ")), ..recipe.asked.clone() };
        let exchange = |_| {
            let client = self.exchange_client(recipe, parent)?;
            let endpoint = self.endpoint(&delegation.token_exchange_url, &client);
            let profile = recipe.profile.as_deref();
            let grant = Grant::Exchange { subject: &parent.entry.token, actor: &recipe.actor, profile };
            let entry = Entry::new(endpoint.ask(&grant, &asked)?, &asked.scopes, self.outside.clock.now());
            delegation::check(&entry, &parent.entry, &asked.scopes)?;
            self.tell_what_is_missing(&asked.scopes, entry.scopes.as_ref());
            Ok(Entry { refresh: None, parent: Some(parent.name.clone()), ..entry })
        };
        // What was narrower than the parent that it was made from may be wider than today's.
        let is_subset = |entry: &Entry| delegation::check(entry, &parent.entry, &asked.scopes).is_ok();
        let (entry, kept) = self.kept(&name, &lock, wanted, &is_subset, &exchange)?;
        let identity = format!("child:{name}");
        let child = Parent { entry, identity, name, kept, renewable: parent.renewable, dated: true };
        Ok(held(child, &asked.scopes))
    }

    /// Who exchanges: the client of the mode.
    fn exchange_client(&self, recipe: &Recipe, parent: &Parent) -> Result<Client, AuthError> {
        match &parent.entry.login {
            Some(login) => Ok(Client::public(&login.client_id)),
            None => self.client(recipe),
        }
    }

    /// The entry of `name`, or the one that `obtain` makes under the lock `lock`; and whether it was there before.
    fn kept(
        &self,
        name: &str,
        lock: &str,
        wanted: Wanted<'_>,
        fits: &dyn Fn(&Entry) -> bool,
        obtain: &dyn Fn(Option<Entry>) -> Result<Entry, AuthError>,
    ) -> Result<(Entry, bool), AuthError> {
        let now = self.outside.clock.now();
        let will_do = |entry: &Entry| {
            let wanted = match wanted {
                Wanted::Fresh => true,
                Wanted::Other(refused) => entry.token != *refused,
                Wanted::New => false,
            };
            wanted && entry.is_fresh(now) && fits(entry)
        };
        let load = || self.store.as_ref().and_then(|store| store.load(name));
        if let Some(entry) = load().filter(&will_do) {
            return Ok((entry, true));
        }
        let _lock = self.lock(lock)?;
        let old = match (load(), wanted) {
            (Some(entry), _) if will_do(&entry) => return Ok((entry, true)),
            (_, Wanted::New) => None,
            (Some(entry), Wanted::Other(refused)) if entry.token == *refused => Some(self.spend(name, entry)),
            (old, _) => old,
        };
        match obtain(old.clone()) {
            Ok(entry) => {
                self.keep(name, &entry);
                Ok((entry, false))
            }
            // Its end is near, but it is not there yet.
            Err(AuthError::Grant(error)) if error.is_transient() => {
                let alive = old.filter(|old| old.is_alive(now) && fits(old));
                alive.map(|old| (old, true)).ok_or(AuthError::Grant(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a refused token out of use; its refresh token stays.
    fn spend(&self, name: &str, entry: Entry) -> Entry {
        let spent = entry.spent();
        match spent.refresh {
            Some(_) => self.keep(name, &spent),
            None => self.drop_kept(name),
        }
        spent
    }

    fn keep(&self, name: &str, entry: &Entry) {
        if let Some(store) = &self.store
            && let Err(error) = store.save(name, entry)
        {
            (self.outside.note)(&format!("the token cannot be kept: {error}"));
        }
    }

    fn drop_kept(&self, name: &str) {
        if let Some(store) = &self.store {
            // What cannot be removed is refused again, and costs a request.
            store.remove(name).ok();
        }
    }

    fn lock(&self, name: &str) -> Result<Option<Lock>, AuthError> {
        let Some(store) = &self.store else { return Ok(None) };
        let login = self.outside.person.as_ref().map_or(Duration::ZERO, |person| person.limit());
        store.lock(name, self.outside.limit + login + PATIENCE).map_err(|Busy| AuthError::Busy)
    }

    fn tell_what_is_missing(&self, asked: &Scopes, granted: Option<&Scopes>) {
        let missing = granted.map(|granted| asked.missing_in(granted)).filter(|missing| !missing.is_empty());
        if let Some(missing) = missing {
            (self.outside.note)(&format!("the issuer did not grant every scope that was asked for: {missing}"));
        }
    }
}

impl Caller for Tokens<'_> {
    fn credential(&self) -> Result<Credential, AuthError> {
        match &self.plan {
            Plan::Anonymous => Ok(Credential::Anonymous),
            Plan::Withheld(origin) => Ok(Credential::Withheld(origin.clone())),
            Plan::Obtain(_) => Ok(self.held()?.map_or(Credential::Anonymous, |held| Credential::Token(held.bearer))),
        }
    }

    fn renewed(&self, refused: &Bearer) -> Result<Option<Credential>, AuthError> {
        let Plan::Obtain(recipe) = &self.plan else { return Ok(None) };
        if self.state.renewed.replace(true) {
            return Ok(None);
        }
        self.silence();
        let held = self.obtain(recipe, Wanted::Other(&refused.token))?;
        // A token that is provided may still be the same.
        let other = held.bearer.token != refused.token;
        self.state.held.replace(Some(held.clone()));
        Ok(other.then_some(Credential::Token(held.bearer)))
    }

    fn identity(&self) -> Option<String> {
        let Plan::Obtain(recipe) = &self.plan else { return Some(String::new()) };
        if let Some(held) = &*self.state.held.borrow() {
            return Some(held.bearer.identity.clone());
        }
        let name = self.name(recipe).ok()?;
        let parent = match &recipe.mode {
            RemoteAuthMode::ProvidedToken(from) => self.provided(from, name.clone()).ok()?.identity,
            RemoteAuthMode::OAuthClient { .. } => format!("client:{name}"),
            RemoteAuthMode::BrowserLogin { .. } => format!("login:{}", self.store.as_ref()?.load(&name)?.login?.id),
        };
        let child = |delegation| of_parts(&[&recipe.child_name(&name, delegation), &parent]);
        Some(recipe.delegation.as_ref().map_or(parent.clone(), |delegation| format!("child:{}", child(delegation))))
    }
}

fn held(parent: Parent, asked: &Scopes) -> Held {
    let Parent { entry, identity, renewable, dated, .. } = parent;
    Held {
        bearer: Bearer { token: entry.token, identity },
        expires_at: dated.then_some(entry.expires_at),
        scopes: entry.scopes,
        asked: asked.clone(),
        renewable,
    }
}

/// Errors that a token which the issuer no longer knows leads to (RFC 8693 section 2.2.2).
fn blames_the_subject(error: &GrantError) -> bool {
    matches!(error, GrantError::Refused { error, .. } if ["invalid_request", "invalid_grant", "invalid_token"].contains(&error.as_str()))
}

/// A warning about a URL that carries secrets in the open.
pub fn unencrypted(what: &str, url: &Url) -> Option<String> {
    let open = url.scheme() == "http" && url.origin().is_some_and(|origin| !origin.is_loopback());
    open.then(|| {
        format!("the {what} {} is not encrypted: whoever is in between can read and use what is sent", url.public())
    })
}

#[cfg(test)]
mod tests;
