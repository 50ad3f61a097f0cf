//! Tokens that were found good, by their SHA-256, so that a signature is checked once a token and not once a request.
//!
//! Pure: the present time is a value. Bounded; the oldest make room. What is remembered here is forgotten when it expires and when
//! its key leaves the issuer's set; a change of the settings makes a new table.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use super::Caller;
use crate::oauth::jwks::KeySet;

/// How many tokens are remembered.
const MAX: usize = 10_000;

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// The table.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    table: HashMap<TokenHash, Entry>,
    /// Oldest first; holds exactly the keys of `table`.
    order: VecDeque<TokenHash>,
}

#[derive(Debug)]
struct Entry {
    caller: Arc<Caller>,
    until: SystemTime,
    /// Thumbprint of the key that signed it; `None` when the issuer was asked.
    key: Option<[u8; 32]>,
}

impl Remembered {
    /// Who a token stands for, while that is still known to be so.
    pub(super) fn get(&self, hash: &TokenHash, now: SystemTime) -> Option<&Arc<Caller>> {
        self.table.get(hash).filter(|entry| now < entry.until).map(|entry| &entry.caller)
    }

    /// Remembers a token until a moment.
    pub(super) fn put(&mut self, hash: TokenHash, caller: Arc<Caller>, until: SystemTime, key: Option<[u8; 32]>) {
        if self.table.insert(hash, Entry { caller, until, key }).is_some() {
            return;
        }
        self.order.push_back(hash);
        while self.order.len() > MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.table.remove(&oldest);
            }
        }
    }

    /// Forgets tokens whose key is in the set no more.
    pub(super) fn keep_keys_of(&mut self, keys: &KeySet) {
        self.table.retain(|_, entry| entry.key.is_none_or(|key| keys.has(&key)));
        self.order.retain(|hash| self.table.contains_key(hash));
    }

    /// Forgets tokens that have expired.
    pub(super) fn drop_expired(&mut self, now: SystemTime) {
        self.table.retain(|_, entry| now < entry.until);
        self.order.retain(|hash| self.table.contains_key(hash));
    }

    /// Forgets some tokens.
    pub(super) fn forget(&mut self, hashes: &[TokenHash]) {
        if hashes.iter().filter(|hash| self.table.remove(*hash).is_some()).count() > 0 {
            self.order.retain(|hash| self.table.contains_key(hash));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::caller;
    use super::*;
    use crate::oauth::keys::{Algorithm, SigningKey};
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    fn hash(n: u32) -> TokenHash {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_le_bytes());
        hash
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn h05_what_expired_or_lost_its_key_is_forgotten() {
        let keys = |id: &str| {
            let key = SigningKey::generate(Algorithm::EdDsa, id).unwrap().public_jwk();
            KeySet::read(json!({"keys": [key]}).to_string().as_bytes()).unwrap().0
        };
        let (old, new) = (keys("a"), keys("b"));
        let thumbprint = old.candidates(None, Algorithm::EdDsa).next().unwrap().thumbprint;
        let mut remembered = Remembered::default();
        remembered.put(hash(1), caller(&[]), at(100), Some(thumbprint));
        remembered.put(hash(2), caller(&[]), at(200), None);
        assert!(remembered.get(&hash(1), at(99)).is_some());
        assert!(remembered.get(&hash(1), at(100)).is_none());
        remembered.keep_keys_of(&old);
        assert!(remembered.get(&hash(1), at(99)).is_some());
        remembered.keep_keys_of(&new);
        assert!(remembered.get(&hash(1), at(99)).is_none());
        assert!(remembered.get(&hash(2), at(99)).is_some());
        remembered.drop_expired(at(200));
        assert_eq!((remembered.len(), remembered.order.len()), (0, 0));
    }

    #[test]
    fn h10_what_is_forgotten_is_nobody_elses() {
        let mut remembered = Remembered::default();
        for n in 1..=3 {
            remembered.put(hash(n), caller(&[]), at(100), None);
        }
        remembered.forget(&[hash(1), hash(3), hash(4)]);
        assert_eq!([1, 2, 3].map(|n| remembered.get(&hash(n), at(1)).is_some()), [false, true, false]);
        assert_eq!((remembered.len(), remembered.order.len()), (1, 1));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut remembered = Remembered::default();
        let most = u32::try_from(MAX).unwrap();
        for n in 0..most + 10 {
            remembered.put(hash(n), caller(&[]), at(100), None);
            remembered.put(hash(n), caller(&[]), at(200), None);
        }
        assert_eq!((remembered.len(), remembered.order.len()), (MAX, MAX));
        assert!(remembered.get(&hash(9), at(1)).is_none());
        assert!(remembered.get(&hash(10), at(150)).is_some());
    }
}
