//! The issuer's keys: fetched, kept, fetched again when they grow old or a token names one that is not there (H04).
//!
//! Whatever callers send, the issuer is asked at most once in ten seconds on their behalf, by one thread at a time; the others
//! wait a moment for its answer, and only a few of them. Known keys serve on while the issuer is down. Time is the clock handed in.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::base::host::{Clock, Deadline};
use crate::base::log::Log;
use crate::base::pace::{Pace, within};
use crate::base::url::Url;
use crate::http::{Limits, Reach, Request, Response, Transport};
use crate::oauth::jwks::KeySet;
use crate::oauth::metadata::{self, Metadata};

/// Keys older than this are fetched again.
const AGE: Duration = Duration::from_secs(300);
/// Metadata older than this is fetched again.
const METADATA_AGE: Duration = Duration::from_secs(3600);
/// How often tokens may make the issuer be asked.
const PAUSE: Duration = Duration::from_secs(10);
/// How often an issuer that gave no keys yet is asked by the toolbox itself.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// How long fetching metadata and keys may take together.
const DEADLINE: Duration = Duration::from_secs(5);
/// How many callers wait for a fetch that is under way; each holds a worker.
const MAX_WAITING: usize = 4;
/// Largest document.
const MAX_BYTES: usize = 1 << 20;
/// How often trouble is logged.
const TELL: Duration = Duration::from_secs(60);

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeySource {
    /// `issuer` of the configuration.
    pub(super) issuer: String,
    /// `jwksURL`; discovered from the issuer when absent.
    pub(super) jwks: Option<Url>,
}

/// The keys of one issuer.
pub(super) struct KeyStore {
    source: KeySource,
    transport: Arc<dyn Transport>,
    clock: Clock,
    log: Log,
    current: RwLock<Option<Arc<KeySet>>>,
    metadata: RwLock<Option<Arc<Metadata>>>,
    state: Mutex<State>,
    news: Condvar,
    trouble: Pace,
}

#[derive(Debug, Default)]
struct State {
    fetching: bool,
    waiting: usize,
    /// When the last fetch was begun.
    tried: Option<SystemTime>,
    /// Whether it brought keys.
    well: bool,
    /// When the present keys came.
    fetched: Option<SystemTime>,
    discovered: Option<SystemTime>,
}

/// What a look for newer keys came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// Keys were fetched since the caller looked.
    Fetched,
    /// They were fetched a moment ago; there is nothing newer.
    Recent,
    /// The issuer could not be asked.
    Unavailable,
}

impl KeyStore {
    pub(super) fn new(source: KeySource, transport: Arc<dyn Transport>, clock: Clock, log: Log) -> Self {
        Self {
            source,
            transport,
            clock,
            log,
            current: RwLock::new(None),
            metadata: RwLock::new(None),
            state: Mutex::default(),
            news: Condvar::new(),
            trouble: Pace::new(TELL),
        }
    }

    /// The keys that are known; `None` before the first fetch.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the issuer said about itself, when it was asked.
    pub(super) fn metadata(&self) -> Option<Arc<Metadata>> {
        self.metadata.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A token leads to no key that is known: fetches, waits for a fetch that is under way, or says that it is too early.
    pub(super) fn renew(&self) -> Renewal {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.fetching {
            return self.wait(state);
        }
        if state.tried.is_some_and(|tried| within(tried, now, PAUSE)) {
            return if state.well { Renewal::Recent } else { Renewal::Unavailable };
        }
        state.fetching = true;
        state.tried = Some(now);
        drop(state);
        if self.fetch(now) { Renewal::Fetched } else { Renewal::Unavailable }
    }

    /// Fetches when keys are missing or old; called now and then, by nobody's token. Says whether there are new ones.
    pub(super) fn tend(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.lock();
        let pause = if state.fetched.is_some() { PAUSE } else { FIRST_PAUSE };
        let young = state.fetched.is_some_and(|fetched| within(fetched, now, AGE));
        if state.fetching || young || state.tried.is_some_and(|tried| within(tried, now, pause)) {
            return false;
        }
        state.fetching = true;
        state.tried = Some(now);
        drop(state);
        self.fetch(now)
    }

    fn wait(&self, mut state: MutexGuard<'_, State>) -> Renewal {
        if state.waiting >= MAX_WAITING {
            return Renewal::Unavailable;
        }
        state.waiting += 1;
        let (mut state, _) = self
            .news
            .wait_timeout_while(state, DEADLINE, |state| state.fetching)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        if !state.fetching && state.well { Renewal::Fetched } else { Renewal::Unavailable }
    }

    /// Only the thread that set `fetching` comes here. Ends it whatever happens.
    fn fetch(&self, now: SystemTime) -> bool {
        let outcome = {
            let done = Done(self);
            let outcome = self.bring(now);
            let mut state = self.lock();
            state.well = outcome.is_ok();
            if outcome.is_ok() {
                state.fetched = Some(now);
            }
            drop(state);
            drop(done);
            outcome
        };
        match outcome {
            Ok(()) => true,
            Err(cause) => {
                if self.trouble.take(now) {
                    let known = self.keys().map_or(0, |keys| keys.len());
                    let fields: &[(&str, &dyn std::fmt::Display)] = &[("cause", &cause), ("knownKeys", &known)];
                    self.log.warn("the issuer's keys could not be fetched", fields);
                }
                false
            }
        }
    }

    fn bring(&self, now: SystemTime) -> Result<(), String> {
        let deadline = Deadline::after(DEADLINE);
        let (url, reach) = match &self.source.jwks {
            Some(url) => (url.clone(), Reach::Named),
            None => self.discover(now, deadline)?,
        };
        let answer = self.get(&url, deadline, reach)?;
        let (keys, unused) =
            KeySet::read(&answer.body).map_err(|_| format!("{} is no JSON Web Key Set", url.public()))?;
        for (at, reason) in unused {
            self.log.info("a key of the issuer is not used", &[("place", &at), ("reason", &reason)]);
        }
        if keys.is_empty() {
            return Err(format!("{} has no key that can be used", url.public()));
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
        Ok(())
    }

    /// Where the issuer says its keys are, and whether the configuration vouches for that host.
    fn discover(&self, now: SystemTime, deadline: Deadline) -> Result<(Url, Reach), String> {
        let issuer = Url::parse(&self.source.issuer).map_err(|error| format!("the issuer is no URL: {error}"))?;
        let age = self.lock().discovered;
        let known = self.metadata().filter(|_| age.is_some_and(|at| within(at, now, METADATA_AGE)) && self.lock().well);
        let metadata = match known {
            Some(metadata) => metadata,
            None => {
                let metadata = Arc::new(self.ask_issuer(&issuer, deadline)?);
                *self.metadata.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&metadata));
                self.lock().discovered = Some(now);
                metadata
            }
        };
        let jwks = metadata.jwks.clone().ok_or("the issuer's metadata has no `jwks_uri`")?;
        let reach = if jwks.host() == issuer.host() { Reach::Named } else { Reach::PublicOnly };
        Ok((jwks, reach))
    }

    fn ask_issuer(&self, issuer: &Url, deadline: Deadline) -> Result<Metadata, String> {
        let mut last = "the issuer's URL has no place for metadata".to_owned();
        for url in metadata::locations(issuer) {
            match self.get(&url, deadline, Reach::Named) {
                Ok(answer) => match Metadata::read(&answer.body, &self.source.issuer) {
                    Ok(metadata) => return Ok(metadata),
                    Err(error) => last = format!("{}: {error}", url.public()),
                },
                Err(cause) => last = cause,
            }
        }
        Err(last)
    }

    fn get(&self, url: &Url, deadline: Deadline, reach: Reach) -> Result<Response, String> {
        let mut request = Request::get(url.clone());
        request.headers = request.headers.with("Accept", "application/json");
        let limits = Limits { deadline, max_body: MAX_BYTES, reach };
        let answer = self.transport.send(&request, limits).map_err(|error| format!("{}: {error}", url.public()))?;
        match answer.status {
            200 if !answer.truncated => Ok(answer),
            200 => Err(format!("{} is larger than {MAX_BYTES} bytes", url.public())),
            status => Err(format!("{} answered {status}", url.public())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the fetch is over, also when it ends in a panic: nobody else would fetch again.
struct Done<'a>(&'a KeyStore);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.lock().fetching = false;
        self.0.news.notify_all();
    }
}

#[cfg(test)]
mod tests;
