//! A bearer token to a [`Caller`], as `runtime.server.auth` says: by the issuer's keys, or by asking the issuer (contract 5).
//!
//! Everything that can go wrong is a [`Refused`]: the token's own fault, or trouble that lets nobody in. One validator lives as long as
//! the settings it was made from; others make another, so that nothing remembered outlives a change (H05).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::Caller;
use super::keystore::{KeySource, KeyStore, Renewal};
use super::remembered::{Remembered, TokenHash};
use crate::base::host::{Clock, Deadline, Env};
use crate::base::log::Log;
use crate::base::pace::{Pace, within};
use crate::base::places::{Place, Places};
use crate::base::url::Url;
use crate::config::{ClientAuthentication, SecretRef, ServerAuth, ValidationProfile};
use crate::http::{Limits, Reach, Transport};
use crate::oauth::claims::Claims;
use crate::oauth::client::Client;
use crate::oauth::introspection;
use crate::oauth::jwt::{Checked, MAX_TOKEN, Rejection, Rules, Unverified};
use crate::oauth::keys::Algorithm;
use crate::oauth::metadata::Metadata;
use crate::secrets;

/// How long an introspection may take.
const INTROSPECTION: Duration = Duration::from_secs(5);
/// How many questions may be under way after one had no answer, and for how long.
const CAUTIOUS: usize = 2;
const CAUTION: Duration = Duration::from_secs(10);
/// Largest introspection answer.
const MAX_ANSWER: usize = 256 << 10;
/// How often trouble is logged.
const TELL: Duration = Duration::from_secs(10);

/// What validation is done with.
#[derive(Clone)]
pub struct Tools {
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// Wall clock.
    pub clock: Clock,
    /// Where secrets may be.
    pub env: Env,
    /// The log.
    pub log: Log,
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The token is not good: 401.
    Invalid(Rejection),
    /// Nobody can tell at the moment: 503.
    Unavailable,
}

/// Who a token stands for.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The caller.
    pub caller: Arc<Caller>,
    /// Whether the token was checked just now, not remembered.
    pub fresh: bool,
}

/// Validates tokens.
pub struct Validator {
    auth: ServerAuth,
    rules: Rules,
    method: Method,
    remembered: RwLock<Remembered>,
    tools: Tools,
    trouble: Pace,
    /// `policy.allowExecSecrets`, for its own id and secret.
    allow_exec: bool,
}

enum Method {
    Keys(Box<KeyStore>),
    Introspection(Asked),
}

/// The introspection endpoint and who asks it.
struct Asked {
    endpoint: Url,
    id: Option<SecretRef>,
    secret: Option<SecretRef>,
    authentication: ClientAuthentication,
    remember: Duration,
    /// Questions under way.
    under_way: Places,
    /// When the last question had no answer; `None` once one has.
    failed: Mutex<Option<SystemTime>>,
}

/// What a token is remembered by.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validator({})", self.auth.profile.as_str())
    }
}

impl Validator {
    /// Prepares; asks nobody yet. The error is what the configuration refers to and is not there.
    pub fn new(auth: ServerAuth, tools: Tools) -> Result<Self, String> {
        Self::with_programs(auth, tools, false)
    }

    /// As [`Validator::new`]; where programs are allowed, they may print the toolbox's own id and secret.
    pub fn with_programs(auth: ServerAuth, tools: Tools, allow_exec: bool) -> Result<Self, String> {
        let Tools { transport, clock, log, env } = tools.clone();
        let (issuer, method) = match &auth.profile {
            ValidationProfile::OidcJwks { issuer, jwks_url } => {
                let source = KeySource { issuer: issuer.clone(), jwks: jwks_url.clone() };
                let store = KeyStore::new(source, transport, clock, log);
                (issuer.clone(), Method::Keys(Box::new(store)))
            }
            ValidationProfile::OAuth2Introspection {
                introspection_url,
                issuer,
                client_id,
                client_secret,
                client_authentication,
                cache,
            } => {
                let asked = Asked {
                    endpoint: introspection_url.clone(),
                    id: client_id.clone(),
                    secret: client_secret.clone(),
                    authentication: *client_authentication,
                    remember: *cache,
                    under_way: Places::default(),
                    failed: Mutex::default(),
                };
                // Better at the start than with the first caller.
                asked.client(&env, allow_exec).map_err(|cause| format!("runtime.server.auth: {cause}"))?;
                (issuer.clone().unwrap_or_default(), Method::Introspection(asked))
            }
        };
        let rules = Rules {
            issuer,
            audience: auth.audience.clone(),
            algorithms: auth.algorithms.iter().filter_map(|name| Algorithm::parse(name)).collect(),
            skew: auth.clock_skew,
        };
        let remembered = RwLock::default();
        Ok(Self { auth, rules, method, remembered, tools, trouble: Pace::new(TELL), allow_exec })
    }

    /// Whether it is such that these settings ask for.
    pub fn fits(&self, auth: &ServerAuth, allow_exec: bool) -> bool {
        self.auth == *auth && self.allow_exec == allow_exec
    }

    /// The settings it was made from.
    pub fn auth(&self) -> &ServerAuth {
        &self.auth
    }

    /// What the issuer said about itself, when its keys had to be discovered.
    pub fn metadata(&self) -> Option<Arc<Metadata>> {
        match &self.method {
            Method::Keys(store) => store.metadata(),
            Method::Introspection(_) => None,
        }
    }

    /// Who a token stands for.
    pub fn authenticate(&self, token: &str) -> Result<Admitted, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Invalid(Rejection::TooLong));
        }
        let now = self.tools.clock.now();
        let hash = hash(token);
        if let Some(caller) = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(&hash, now) {
            return Ok(Admitted { caller: Arc::clone(caller), fresh: false });
        }
        let caller = match &self.method {
            Method::Keys(store) => self.by_keys(store, token, hash, now)?,
            Method::Introspection(asked) => self.by_asking(asked, token, hash, now)?,
        };
        Ok(Admitted { caller, fresh: true })
    }

    /// How many tokens are known to be good.
    pub fn remembered(&self) -> usize {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Keeps keys young and forgets tokens that expired; called every few seconds.
    pub fn tend(&self) {
        let now = self.tools.clock.now();
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        remembered.drop_expired(now);
        drop(remembered);
        if let Method::Keys(store) = &self.method
            && store.tend()
        {
            self.forget_lost_keys(store);
        }
    }

    /// Forgets that some tokens were found good, so that they are checked again.
    pub fn forget(&self, tokens: &[TokenHash]) {
        if !tokens.is_empty() {
            self.remembered.write().unwrap_or_else(PoisonError::into_inner).forget(tokens);
        }
    }

    /// Whether the issuer can be asked as configured; the error is why not. For `--check`, which lets nobody in.
    pub fn probe(&self) -> Result<(), String> {
        match &self.method {
            Method::Keys(store) => match store.renew() {
                Renewal::Fetched | Renewal::Recent => Ok(()),
                Renewal::Unavailable => Err("the issuer's keys could not be fetched; the warning says why".to_owned()),
            },
            // No issuer gave this out, so all that can be answered is that it is not active.
            Method::Introspection(asked) => self.ask(asked, "open-cli-check", self.tools.clock.now()).map(drop),
        }
    }

    fn forget_lost_keys(&self, store: &KeyStore) {
        if let Some(keys) = store.keys() {
            self.remembered.write().unwrap_or_else(PoisonError::into_inner).keep_keys_of(&keys);
        }
    }

    fn by_keys(&self, store: &KeyStore, token: &str, hash: TokenHash, now: SystemTime) -> Result<Arc<Caller>, Refused> {
        let read = Unverified::read(token, &self.rules, now).map_err(Refused::Invalid)?;
        let check = |read: &Unverified<'_>| store.keys().map_or(Checked::NoKey, |keys| read.check(&keys));
        let mut checked = check(&read);
        if checked == Checked::NoKey {
            match store.renew() {
                Renewal::Fetched => {
                    self.forget_lost_keys(store);
                    checked = check(&read);
                }
                Renewal::Recent => {}
                Renewal::Unavailable => return Err(Refused::Unavailable),
            }
        }
        let key = match checked {
            Checked::Good(key) => key,
            Checked::Forged => return Err(Refused::Invalid(Rejection::Signature)),
            Checked::NoKey => return Err(Refused::Invalid(Rejection::UnknownKey)),
        };
        let claims = read.into_claims();
        let until = claims.expires_at.and_then(|at| at.checked_add(self.rules.skew)).unwrap_or(now);
        let caller = self.caller(claims);
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        // The set may have changed since the signature was checked, and what was forgotten then must stay so.
        if store.keys().is_some_and(|keys| keys.has(&key)) {
            remembered.put(hash, Arc::clone(&caller), until, Some(key));
        }
        Ok(caller)
    }

    fn by_asking(&self, asked: &Asked, token: &str, hash: TokenHash, now: SystemTime) -> Result<Arc<Caller>, Refused> {
        let _place = asked.place(now).ok_or(Refused::Unavailable)?;
        let answer = self.ask(asked, token, now);
        asked.note(answer.is_ok(), self.tools.clock.now());
        let claims = answer.map_err(|cause| {
            if self.trouble.take(now) {
                self.tools.log.warn("tokens cannot be checked", &[("cause", &cause)]);
            }
            Refused::Unavailable
        })?;
        let claims = claims.map_err(Refused::Invalid)?;
        let until = now.checked_add(asked.remember).unwrap_or(now);
        let until = claims.expires_at.map_or(until, |expires| until.min(expires));
        let caller = self.caller(claims);
        if !asked.remember.is_zero() {
            let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
            remembered.put(hash, Arc::clone(&caller), until, None);
        }
        Ok(caller)
    }

    fn ask(&self, asked: &Asked, token: &str, now: SystemTime) -> Result<Result<Claims, Rejection>, String> {
        // What no header may carry is no token, and need not be asked about.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Err(Rejection::Malformed));
        }
        let request = introspection::request(&asked.endpoint, token, &asked.client(&self.tools.env, self.allow_exec)?);
        let limits = Limits { deadline: Deadline::after(INTROSPECTION), max_body: MAX_ANSWER, reach: Reach::Named };
        let answer = self.tools.transport.send(&request, limits).map_err(|error| error.to_string())?;
        introspection::read(&answer, &self.rules, now).map_err(|trouble| trouble.to_string())
    }

    /// Principals are keyed by issuer, so a token whose issuer is not told belongs to the configured one, or to the endpoint.
    fn caller(&self, claims: Claims) -> Arc<Caller> {
        let otherwise = || match &self.method {
            Method::Introspection(asked) if self.rules.issuer.is_empty() => asked.endpoint.public().to_owned(),
            _ => self.rules.issuer.clone(),
        };
        let issuer = claims.issuer.clone().unwrap_or_else(otherwise);
        Arc::new(Caller::new(issuer, claims))
    }
}

impl Asked {
    /// Room for one question. After one without an answer few are let through for a while: each may hold a worker until its time is
    /// up, and callers who need no answer want workers, too.
    fn place(&self, now: SystemTime) -> Option<Place<'_>> {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let troubled = failed.is_some_and(|failed| within(failed, now, CAUTION));
        self.under_way.take(if troubled { CAUTIOUS } else { usize::MAX })
    }

    fn note(&self, answered: bool, now: SystemTime) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = if answered { None } else { Some(now) };
    }

    /// Read anew each time, so that a secret in a file can be changed.
    fn client(&self, env: &Env, allow_exec: bool) -> Result<Client, String> {
        let value =
            |reference: &SecretRef| secrets::resolve(reference, env, allow_exec).map_err(|error| error.to_string());
        Ok(match (&self.id, &self.secret) {
            (Some(id), Some(secret)) => Client::confidential(value(id)?.expose(), value(secret)?, self.authentication),
            (Some(id), None) => Client::public(value(id)?.expose()),
            (None, _) => Client::unknown(),
        })
    }
}

#[cfg(test)]
mod tests;
