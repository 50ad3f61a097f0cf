//! Sessions of this runtime: the table of leases behind its lock, and what happens when one ends.
//!
//! Everything that hangs on a session is let go in `let_go`, the one way out for sessions that were closed and those that ran out.
//! These are the runtime tokens that the session's heartbeats came with, which the validator remembers, and the tokens of upstreams
//! that it logged in for.

use std::sync::Mutex;

use super::app::{App, Order, event_by};
use super::lease::{Beat, Ended, Leases, Refusal, Terms};
use crate::access::{Principal, TokenHash};
use crate::audit::{Event, EventType};
use crate::base::host::{Clock, lock};
use crate::contract::Lifecycle;

/// The sessions there are.
#[derive(Debug)]
pub struct Sessions {
    /// `None` when no lease flag was given.
    terms: Option<Terms>,
    leases: Mutex<Leases>,
    /// Does not jump, so that setting the time ends no session.
    clock: Clock,
}

impl Sessions {
    /// None yet. Without lease flags, sessions are taken on the default terms, and `runtime/info` does not tell of them.
    pub fn new(terms: Option<Terms>, clock: Clock) -> Self {
        let leases = Mutex::new(Leases::new(terms.clone().unwrap_or_default()));
        Self { terms, leases, clock }
    }

    /// `lifecycle` of `runtime/info`.
    pub fn lifecycle(&self) -> Option<Lifecycle> {
        let terms = self.terms.as_ref()?;
        Some(Lifecycle {
            capabilities: ["heartbeat", "session-close"].map(str::to_owned).into(),
            heartbeat_seconds: terms.heartbeat_seconds,
            missed_heartbeat_limit: terms.missed_heartbeat_limit,
            shutdown: terms.shutdown.as_str().to_owned(),
            session_scope: terms.session_scope.clone(),
            share_mode: terms.share.as_str().to_owned(),
            share_key_present: terms.share_key_present,
            config_fingerprint: terms.config_fingerprint.clone(),
            active_sessions: self.count(),
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        lock(&self.leases).count()
    }

    /// Which session a caller may close, see [`Leases::to_close`].
    pub fn to_close(&self, id: Option<&str>, who: &Principal, may_stop: bool) -> Result<Option<String>, Refusal> {
        lock(&self.leases).to_close(id, who, may_stop)
    }
}

/// Opens or renews a session, and says how many there are.
pub fn heartbeat(app: &App, beat: &Beat<'_>) -> Result<usize, Refusal> {
    let now = app.sessions.clock.now();
    let mut leases = lock(&app.sessions.leases);
    let expired = leases.expire(now, Some(beat));
    let outcome = leases.renew(beat, now);
    let active = leases.count();
    drop(leases);
    expire(app, &expired);
    forget(app, &outcome?);
    Ok(active)
}

/// Ends a session that [`Sessions::to_close`] found, unless the id is another principal's by now; says whether it did, and how many
/// are left.
pub fn close(app: &App, id: &str, who: &Principal, may_stop: bool, token: Option<TokenHash>) -> (bool, usize) {
    let mut leases = lock(&app.sessions.leases);
    let found = leases.to_close(Some(id), who, may_stop).ok().flatten();
    let ended = found.and_then(|id| leases.end(&id, token.map(|token| (who, token))));
    let active = leases.count();
    drop(leases);
    ended.iter().for_each(|ended| let_go(app, ended));
    (ended.is_some(), active)
}

/// Ends the sessions whose time is up; called every few seconds.
pub fn tend(app: &App) {
    let now = app.sessions.clock.now();
    let expired = lock(&app.sessions.leases).expire(now, None);
    expire(app, &expired);
}

fn expire(app: &App, expired: &[Ended]) {
    for ended in expired {
        let mut event = event_by(EventType::SessionExpiry, &ended.principal);
        event.session_id = Some(ended.id.clone());
        event.reason_code = Some("missed_heartbeats".to_owned());
        // The session is over whether that is kept or not; it was logged why not.
        app.record(&event).ok();
        app.log.info("a session ran out", &[("session", &ended.id), ("principal", &ended.principal)]);
        let_go(app, ended);
    }
}

/// All that hangs on a session goes with it.
fn let_go(app: &App, ended: &Ended) {
    forget(app, &ended.tokens);
    app.executor.upstream().forget_session(&ended.principal.holder(), &ended.id);
    if ended.last {
        app.log.info("the last session has ended, and with it the runtime", &[("session", &ended.id)]);
        let mut event = Event::new(EventType::RuntimeStop);
        event.session_id = Some(ended.id.clone());
        event.reason_code = Some("owner_exited".to_owned());
        // It was logged why not.
        app.record_stop(&event).ok();
        // The receiver lives as long as the runtime; without it there is nothing left to stop.
        app.orders.send(Order::Stop).ok();
    }
}

fn forget(app: &App, tokens: &[TokenHash]) {
    if let Some(validator) = app.state.served().validator.as_ref() {
        validator.forget(tokens);
    }
}
