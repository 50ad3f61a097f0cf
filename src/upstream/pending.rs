//! Logins that have begun: what the toolbox keeps of them until the person comes back. Pure but for its lock.
//!
//! A state is used once, by the principal that began, within ten minutes. Key types: [`Logins`], [`Begun`].

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crate::base::host::lock;
use crate::base::redacted::Redacted;
use crate::oauth::client::Client;
use crate::oauth::grant::Asked;

use super::endpoints::Endpoints;

/// How long a person may take.
pub(super) const LIFE: Duration = Duration::from_secs(600);

/// How many there may be, and how many of one principal.
const MOST: usize = 1_000;
const MOST_OF_ONE: usize = 8;

/// A login that has begun.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// Who began.
    pub(super) holder: String,
    /// What it is for, in the caller's words.
    pub(super) service: String,
    /// The key of `secrets`.
    pub(super) secret: String,
    /// [`super::Recipe::identity`]
    pub(super) identity: String,
    /// Where the code is exchanged.
    pub(super) endpoints: Endpoints,
    /// As whom, and its id.
    pub(super) client: (Client, String),
    pub(super) asked: Asked,
    pub(super) verifier: Redacted<String>,
    pub(super) redirect_uri: String,
    /// The session that the token ends with.
    pub(super) session: Option<String>,
    /// Whether the token may be kept at rest.
    pub(super) at_rest: bool,
    pub(super) at: SystemTime,
}

/// Why a login does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotYours {
    /// There is no such state: never was, no more, or it has been used.
    Unknown,
    /// Another principal began it (H18).
    Foreign,
}

/// All that have begun.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<HashMap<String, Begun>>);

impl Logins {
    /// Keeps a login under its state. Of too many of one principal its oldest goes; `false`: there are too many in all.
    pub(super) fn begin(&self, state: String, begun: Begun) -> bool {
        let mut logins = lock(&self.0);
        logins.retain(|_, other| is_alive(other, begun.at));
        let own = logins.iter().filter(|(_, other)| other.holder == begun.holder);
        let own: Vec<(SystemTime, String)> = own.map(|(state, other)| (other.at, state.clone())).collect();
        if own.len() >= MOST_OF_ONE
            && let Some((_, oldest)) = own.into_iter().min()
        {
            logins.remove(&oldest);
        }
        if logins.len() >= MOST {
            return false;
        }
        logins.insert(state, begun);
        true
    }

    /// Takes a login out for the principal that began it. Another one learns nothing of it, and does not end it.
    pub(super) fn take(&self, state: &str, holder: &str, now: SystemTime) -> Result<Begun, NotYours> {
        let mut logins = lock(&self.0);
        match logins.get(state) {
            Some(begun) if !is_alive(begun, now) => {
                logins.remove(state);
                Err(NotYours::Unknown)
            }
            Some(begun) if begun.holder != holder => Err(NotYours::Foreign),
            _ => logins.remove(state).ok_or(NotYours::Unknown),
        }
    }

    /// Forgets what a session has begun.
    pub(super) fn forget(&self, holder: &str, session: &str) {
        lock(&self.0).retain(|_, begun| begun.holder != holder || begun.session.as_deref() != Some(session));
    }
}

/// A clock that went back says nothing about how long it has been.
fn is_alive(begun: &Begun, now: SystemTime) -> bool {
    now.duration_since(begun.at).unwrap_or_default() < LIFE
}
