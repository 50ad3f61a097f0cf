//! How many streams there may be, in all and for each owner: each holds a worker for as long as it lasts.
//!
//! Key types: [`Streams`] and [`Permit`], which is given back when it is dropped; [`Admission`], by which a handler asks for one before it
//! does what a stream will tell of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::counts::Counts;

/// The count of those that run.
#[derive(Debug)]
pub(super) struct Streams {
    cap: usize,
    running: Mutex<BTreeMap<String, usize>>,
}

/// The right to one stream.
#[derive(Debug)]
pub struct Permit {
    /// None where nothing is counted.
    streams: Option<Arc<Streams>>,
    owner: String,
}

/// Where a right to a stream is had.
#[derive(Clone, Debug, Default)]
pub struct Admission(Option<(Arc<Streams>, Arc<Counts>)>);

impl Admission {
    pub(super) fn to(streams: &Arc<Streams>, counts: &Arc<Counts>) -> Self {
        Self(Some((Arc::clone(streams), Arc::clone(counts))))
    }

    /// The right to one stream on this account, if there is one left.
    pub fn admit(&self, owner: &str) -> Option<Permit> {
        let Some((streams, counts)) = &self.0 else {
            return Some(Permit { streams: None, owner: String::new() });
        };
        let permit = streams.admit(owner);
        if permit.is_none() {
            counts.streams_refused.bump();
        }
        permit
    }
}

impl Streams {
    /// At most `cap` in all, and a quarter of them for each owner.
    pub(super) fn new(cap: usize) -> Arc<Self> {
        Arc::new(Self { cap, running: Mutex::new(BTreeMap::new()) })
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// One more, if there may be.
    pub(super) fn admit(self: &Arc<Self>, owner: &str) -> Option<Permit> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (running.values().sum::<usize>(), running.get(owner).copied().unwrap_or(0));
        if all >= self.cap || own >= self.cap.div_ceil(4) {
            return None;
        }
        running.insert(owner.to_owned(), own + 1);
        Some(Permit { streams: Some(Arc::clone(self)), owner: owner.to_owned() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(streams) = &self.streams else { return };
        let mut running = streams.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get_mut(&self.owner) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(running.remove(&self.owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_a_part_and_all_have_a_bound() {
        let streams = Streams::new(8);
        let mut permits: Vec<Permit> = (0..2).map(|_| streams.admit("ada").unwrap()).collect();
        assert!(streams.admit("ada").is_none());
        for owner in ["ben", "cy", "di"] {
            permits.extend((0..2).map(|_| streams.admit(owner).unwrap()));
        }
        assert!(streams.admit("eve").is_none());
        permits.remove(0);
        assert!(streams.admit("eve").is_some());
        drop(permits);
        assert!(streams.running.lock().unwrap().is_empty());
    }
}
