//! The broker's keys: one signs, those before it stay published until what they signed has expired.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::oauth::jwt::MAX_TOKEN;
use crate::oauth::keys::{Algorithm, SigningKey, VerifyingKey};

/// More keys than this are not kept, however often they are rotated.
const MOST: usize = 8;

/// Media type of an access token in its header (RFC 9068 section 2.1).
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

#[derive(Debug)]
pub(super) struct KeyRing {
    /// The newest one first; the first one signs.
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    signing: Arc<SigningKey>,
    verifying: VerifyingKey,
    jwk: Value,
    /// Published until then; the one that signs has no end.
    until: u64,
}

impl KeyRing {
    /// With one key; `None` when it cannot be made.
    pub(super) fn new(algorithm: Algorithm, id: &str) -> Option<Self> {
        Some(Self { keys: vec![Key::new(SigningKey::generate(algorithm, id)?)?] })
    }

    /// From now on `next` signs, and the key before it stays until `until`.
    pub(super) fn rotate(&mut self, next: SigningKey, until: u64, now: u64) -> Option<()> {
        let next = Key::new(next)?;
        self.keys[0].until = until;
        self.keys.retain(|key| key.until > now);
        self.keys.insert(0, next);
        self.keys.truncate(MOST);
        Some(())
    }

    /// The key that signs.
    pub(super) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.keys[0].signing)
    }

    /// The key set (RFC 7517 section 5).
    pub(super) fn public(&self, now: u64) -> Value {
        json!({ "keys": self.published(now).map(|key| &key.jwk).collect::<Vec<_>>() })
    }

    /// The claims of an access token that was signed here; time and revocation are not looked at.
    pub(super) fn read(&self, token: &str, now: u64) -> Option<Map<String, Value>> {
        let mut parts = token.split('.');
        let (header, payload) = (parts.next()?, parts.next()?);
        if token.len() > MAX_TOKEN {
            return None;
        }
        let header = object(header)?;
        let id = header.get("kid")?.as_str()?;
        let key = self.published(now).find(|key| key.signing.id() == id)?;
        key.verifying.verify(token, key.signing.algorithm()).ok()?;
        // An id token is signed with the same key (H05).
        object(payload).filter(|_| header.get("typ").and_then(Value::as_str) == Some(ACCESS_TOKEN))
    }

    fn published(&self, now: u64) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.until > now)
    }
}

impl Key {
    fn new(signing: SigningKey) -> Option<Self> {
        let jwk = signing.public_jwk();
        let verifying = VerifyingKey::from_jwk(&jwk).ok()?;
        Some(Self { signing: Arc::new(signing), verifying, jwk, until: u64::MAX })
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
