//! Leases of sessions: who is attached to the runtime, until when, and when that brings the runtime to its end (contract 4 and 10).
//!
//! Pure: the present moment is a value. Key types: [`Terms`], what the flags say; [`Leases`], the table. A lease belongs to the
//! principal that opened it: nobody else renews it, and nobody else ends it but who may stop the runtime. An [`Ended`] lease says what
//! is to be forgotten with it; whatever else hangs on a session is let go where `sessions` handles these.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::access::{Principal, TokenHash};

/// How many sessions there may be.
const MOST: usize = 1_000;
/// How many sessions one principal may have. Without runtime auth everybody is the same one.
const MOST_OF_ONE: usize = 100;
/// How many tokens are known of one session; with the next one the oldest is forgotten.
const MOST_TOKENS: usize = 16;
/// Characters of a session id, and of the texts of the flags.
pub const MOST_TEXT: usize = 128;

/// Who may attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// One session at a time.
    Exclusive,
    /// Several sessions.
    #[default]
    Group,
}

impl Share {
    /// As in `lifecycle`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Group => "group",
        }
    }

    /// Reads the flag.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Exclusive, Self::Group].into_iter().find(|share| share.as_str() == text)
    }
}

/// When the runtime stops by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shutdown {
    /// Never.
    #[default]
    Manual,
    /// When no session is left, once somebody has attached who may stop the runtime.
    WhenOwnerExits,
}

impl Shutdown {
    /// As in `lifecycle`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::WhenOwnerExits => "when-owner-exits",
        }
    }

    /// Reads the flag.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Manual, Self::WhenOwnerExits].into_iter().find(|shutdown| shutdown.as_str() == text)
    }
}

/// What the lease flags say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// `--heartbeat-seconds`, from 1.
    pub heartbeat_seconds: u32,
    /// `--missed-heartbeat-limit`, from 1.
    pub missed_heartbeat_limit: u32,
    /// `--shutdown`
    pub shutdown: Shutdown,
    /// `--session-scope`, which only clients read; empty when not given.
    pub session_scope: String,
    /// `--share`
    pub share: Share,
    /// `--share-key-present`, which only clients read.
    pub share_key_present: bool,
    /// `--config-fingerprint`; empty when not given.
    pub config_fingerprint: String,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            heartbeat_seconds: 15,
            missed_heartbeat_limit: 3,
            shutdown: Shutdown::default(),
            session_scope: String::new(),
            share: Share::default(),
            share_key_present: false,
            config_fingerprint: String::new(),
        }
    }
}

impl Terms {
    /// How long a lease lives without a heartbeat.
    pub fn life(&self) -> Duration {
        Duration::from_secs(u64::from(self.heartbeat_seconds) * u64::from(self.missed_heartbeat_limit))
    }
}

/// Reads what must be short and printable; space around it does not count.
pub fn text(text: &str) -> Option<&str> {
    let text = text.trim_matches(' ');
    let good = (1..=MOST_TEXT).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    good.then_some(text)
}

/// One heartbeat.
#[derive(Clone, Copy, Debug)]
pub struct Beat<'a> {
    /// Which session, as [`text`] reads it.
    pub id: &'a str,
    /// Which configuration the session takes this runtime to serve.
    pub fingerprint: Option<&'a str>,
    /// Whose heartbeat it is.
    pub principal: &'a Principal,
    /// With which token it came.
    pub token: Option<TokenHash>,
    /// Whether the principal may stop the runtime.
    pub may_stop: bool,
}

/// Why a session is not opened, renewed or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The runtime is for another configuration.
    Mismatch,
    /// Another session has the runtime for itself; which one is said to those who may know.
    Held(Option<String>),
    /// The id belongs to another principal.
    Foreign,
    /// The last session has ended, and the runtime with it.
    Over,
    /// The principal has as many sessions as one may have.
    TooMany,
    /// There are as many sessions as there may be.
    Full,
    /// The principal has several sessions, and did not say which.
    Several,
}

/// A session that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub id: String,
    /// Whose it was.
    pub principal: Principal,
    /// Tokens that its heartbeats came with, and those of no other session.
    pub tokens: Vec<TokenHash>,
    /// Whether the runtime ends with it.
    pub last: bool,
}

/// The sessions there are.
#[derive(Debug)]
pub struct Leases {
    terms: Terms,
    held: BTreeMap<String, Lease>,
    /// Whether somebody who may stop the runtime was ever attached.
    owned: bool,
    /// Whether the runtime ends because no session is left.
    over: bool,
}

#[derive(Debug)]
struct Lease {
    principal: Principal,
    renewed: SystemTime,
    /// The latest last.
    tokens: Vec<TokenHash>,
}

impl Leases {
    /// No sessions yet.
    pub fn new(terms: Terms) -> Self {
        Self { terms, held: BTreeMap::new(), owned: false, over: false }
    }

    /// Opens or renews a session; gives tokens that are to be forgotten to make room. What has run out should be gone before.
    pub fn renew(&mut self, beat: &Beat<'_>, now: SystemTime) -> Result<Vec<TokenHash>, Refusal> {
        self.admit(beat)?;
        self.owned |= beat.may_stop;
        let lease = self.held.entry(beat.id.to_owned()).or_insert_with(|| Lease {
            principal: beat.principal.clone(),
            renewed: now,
            tokens: Vec::new(),
        });
        lease.renewed = now;
        let dropped = beat.token.and_then(|token| lease.used(token));
        Ok(self.unused(dropped.into_iter().collect()))
    }

    fn admit(&self, beat: &Beat<'_>) -> Result<(), Refusal> {
        if self.over {
            return Err(Refusal::Over);
        }
        let expected = self.terms.config_fingerprint.as_str();
        if !expected.is_empty() && beat.fingerprint.is_some_and(|fingerprint| fingerprint != expected) {
            return Err(Refusal::Mismatch);
        }
        match self.held.get(beat.id) {
            Some(lease) if lease.principal.is_same(beat.principal) => return Ok(()),
            Some(_) => return Err(Refusal::Foreign),
            None => {}
        }
        if let (Share::Exclusive, Some((id, lease))) = (self.terms.share, self.held.first_key_value()) {
            let known = beat.may_stop || lease.principal.is_same(beat.principal);
            return Err(Refusal::Held(known.then(|| id.clone())));
        }
        if self.of(beat.principal).count() >= MOST_OF_ONE {
            return Err(Refusal::TooMany);
        }
        if self.held.len() >= MOST { Err(Refusal::Full) } else { Ok(()) }
    }

    /// Ends the sessions whose time is up; `sparing` the one that this heartbeat is about to renew, late as it is.
    pub fn expire(&mut self, now: SystemTime, sparing: Option<&Beat<'_>>) -> Vec<Ended> {
        let life = self.terms.life();
        let spared = |id: &str, lease: &Lease| {
            sparing.is_some_and(|beat| beat.id == id && lease.principal.is_same(beat.principal))
        };
        let over = |lease: &Lease| now.duration_since(lease.renewed).is_ok_and(|since| since >= life);
        let due: Vec<String> = self
            .held
            .iter()
            .filter(|(id, lease)| over(lease) && !spared(id, lease))
            .map(|(id, _)| id.clone())
            .collect();
        due.iter().filter_map(|id| self.end(id, None)).collect()
    }

    /// Which session a caller may close: the one that is named, else the only one of its own. `None`: there is none.
    pub fn to_close(&self, id: Option<&str>, who: &Principal, may_stop: bool) -> Result<Option<String>, Refusal> {
        let Some(id) = id else {
            let mut own = self.of(who);
            return match (own.next(), own.next()) {
                (Some(_), Some(_)) => Err(Refusal::Several),
                (only, _) => Ok(only.cloned()),
            };
        };
        match self.held.get(id) {
            Some(lease) if !may_stop && !lease.principal.is_same(who) => Err(Refusal::Foreign),
            found => Ok(found.map(|_| id.to_owned())),
        }
    }

    /// Ends a session; `by` is who asked and the token that came with it, which counts as one of the session's when it is its own.
    pub fn end(&mut self, id: &str, by: Option<(&Principal, TokenHash)>) -> Option<Ended> {
        let mut lease = self.held.remove(id)?;
        if let Some((_, token)) = by.filter(|(who, _)| lease.principal.is_same(who)) {
            lease.tokens.push(token);
        }
        let last = self.terms.shutdown == Shutdown::WhenOwnerExits && self.owned && self.held.is_empty();
        self.over |= last;
        Some(Ended { id: id.to_owned(), tokens: self.unused(lease.tokens), principal: lease.principal, last })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.held.len()
    }

    fn of(&self, who: &Principal) -> impl Iterator<Item = &String> {
        self.held.iter().filter(|(_, lease)| lease.principal.is_same(who)).map(|(id, _)| id)
    }

    /// Without those that a session still uses.
    fn unused(&self, mut tokens: Vec<TokenHash>) -> Vec<TokenHash> {
        tokens.retain(|token| !self.held.values().any(|lease| lease.tokens.contains(token)));
        tokens
    }
}

impl Lease {
    /// Notes a token, and gives the one that has to make room for it.
    fn used(&mut self, token: TokenHash) -> Option<TokenHash> {
        self.tokens.retain(|known| *known != token);
        self.tokens.push(token);
        (self.tokens.len() > MOST_TOKENS).then(|| self.tokens.remove(0))
    }
}

#[cfg(test)]
mod tests;
