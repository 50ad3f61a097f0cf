//! Tokens by name, a bounded number of them; of many who want one at the same time one asks for it, the others wait.
//!
//! Whoever waited gets what the one who asked got, a failure too: an issuer that is down is not asked by all of them in turn. The next
//! to come asks anew (H34). Key types: [`Table`], [`Slot`], [`Flight`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::base::host::{Deadline, lock};
use crate::oauth::store::Entry;

use super::{Obtained, TokenError};

/// Slots by name.
#[derive(Debug)]
pub(super) struct Table {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    most: usize,
    /// Counts uses, so that the oldest use can be told.
    uses: AtomicU64,
}

/// The place of one token.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    news: Condvar,
    used: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    entry: Option<Entry>,
    /// Somebody asks.
    flying: bool,
    /// How often somebody began to.
    flights: u64,
    /// Why there was no token the last time.
    failure: Option<TokenError>,
    /// What the token ends with.
    tag: Option<String>,
    /// It is in memory alone.
    fleeting: bool,
    /// It was taken away.
    gone: bool,
}

/// How a token is come by.
#[derive(Clone, Copy)]
pub(super) struct Flight<'a> {
    /// How long to wait for another who asks.
    pub(super) patience: Duration,
    /// Whether the one there is will do.
    pub(super) usable: &'a dyn Fn(&Entry) -> bool,
    /// Asks for another, told of the one there is.
    pub(super) fetch: &'a dyn Fn(Option<&Entry>) -> Result<Entry, TokenError>,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self { slots: Mutex::default(), most, uses: AtomicU64::default() }
    }

    /// The slot of a name, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Slot>> {
        let slot = lock(&self.slots).get(name).map(Arc::clone)?;
        slot.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(slot)
    }

    /// Takes a slot away, with `only_empty` when it holds no token; says whether it did. Whoever has it in hand finds it empty.
    pub(super) fn remove(&self, name: &str, only_empty: bool) -> bool {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.get(name) else { return true };
        let mut state = lock(&slot.state);
        if only_empty && state.entry.is_some() {
            return false;
        }
        state.entry = None;
        state.gone = true;
        drop(state);
        slots.remove(name);
        true
    }

    /// Puts a token there that came otherwise: what it ends with, and whether it is at rest as well.
    pub(super) fn put(&self, name: &str, entry: Entry, tag: Option<String>, at_rest: bool) {
        self.remove(name, false);
        let slot = self.slot(name, || None);
        let mut state = lock(&slot.state);
        state.entry = Some(entry);
        state.tag = tag;
        state.fleeting = !at_rest;
    }

    /// Takes away the slots that were put there under this tag.
    pub(super) fn forget(&self, tag: &str) {
        lock(&self.slots).retain(|_, slot| {
            let mut state = lock(&slot.state);
            let stays = state.tag.as_deref() != Some(tag);
            if !stays {
                state.entry = None;
                state.gone = true;
            }
            stays
        });
    }

    /// The slot of a name, made when there is none. Of too many the one goes that was not used for longest.
    pub(super) fn slot(&self, name: &str, first: impl FnOnce() -> Option<Entry>) -> Arc<Slot> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(name) {
            slot.used.store(now, Ordering::Relaxed);
            return Arc::clone(slot);
        }
        while slots.len() >= self.most {
            let oldest =
                slots.iter().min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed)).map(|(name, _)| name.clone());
            oldest.and_then(|name| slots.remove(&name));
        }
        let state = Mutex::new(State { entry: first(), ..State::default() });
        let slot = Arc::new(Slot { state, used: AtomicU64::new(now), ..Slot::default() });
        slots.insert(name.to_owned(), Arc::clone(&slot));
        slot
    }
}

impl Slot {
    /// Whether successors of the token are kept at rest.
    pub(super) fn is_at_rest(&self) -> bool {
        let state = lock(&self.state);
        !state.fleeting && !state.gone
    }

    /// What is there, usable or not.
    pub(super) fn entry(&self) -> Option<Entry> {
        lock(&self.state).entry.clone()
    }

    /// A token that will do: the one there is, else what is asked for. A login that is needed takes away what is there.
    pub(super) fn obtain(&self, flight: Flight<'_>) -> Result<Obtained, TokenError> {
        let deadline = Deadline::after(flight.patience);
        let mut state = lock(&self.state);
        let mut waited_for = None;
        loop {
            if let Some(entry) = state.entry.as_ref().filter(|entry| (flight.usable)(entry)) {
                return Ok(Obtained { token: entry.token.clone(), kept: waited_for.is_none() });
            }
            if !state.flying {
                // What the one who was waited for got is for all of them, also a token of no life to speak of.
                let (its, failure, entry) = (waited_for == Some(state.flights), &state.failure, &state.entry);
                match (its, failure, entry) {
                    (true, Some(failure), _) => return Err(failure.clone()),
                    (true, None, Some(entry)) => return Ok(Obtained { token: entry.token.clone(), kept: false }),
                    _ => break,
                }
            }
            waited_for = Some(state.flights);
            if deadline.passed() {
                return Err(TokenError::Failed(
                    "another call asks for the token, and no answer came in time".to_owned(),
                ));
            }
            state = self.news.wait_timeout(state, deadline.left()).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.flying = true;
        state.flights += 1;
        state.failure = None;
        let before = state.entry.clone();
        drop(state);
        let landing = Landing(self);
        let fetched = (flight.fetch)(before.as_ref());
        let mut state = lock(&self.state);
        let outcome = match fetched {
            Ok(entry) => {
                let token = entry.token.clone();
                // Who logged out meanwhile stays logged out.
                state.entry = Some(entry).filter(|_| !state.gone);
                Ok(Obtained { token, kept: false })
            }
            Err(error) => {
                if error == TokenError::LoginNeeded {
                    state.entry = None;
                }
                state.failure = Some(error.clone());
                Err(error)
            }
        };
        drop(state);
        drop(landing);
        outcome
    }
}

/// Says that nobody asks any more, also when asking ends in a panic.
struct Landing<'a>(&'a Slot);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).flying = false;
        self.0.news.notify_all();
    }
}
