//! A JSON Web Key Set (RFC 7517 section 5): the keys of it that can check signatures.

use serde_json::Value;

use super::keys::{Algorithm, KeyError, VerifyingKey};

/// Most keys of one set; every key without an id may have to be tried.
const MAX_KEYS: usize = 64;

/// The usable keys of a set.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKeySet;

impl KeySet {
    /// Reads a set. Keys that cannot be used are left out and told with their place, for the log (H04).
    pub fn read(bytes: &[u8]) -> Result<(Self, Vec<(usize, KeyError)>), NoKeySet> {
        let document: Value = serde_json::from_slice(bytes).map_err(|_| NoKeySet)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or(NoKeySet)?;
        let mut set = Self::default();
        let mut unused = Vec::new();
        for (at, jwk) in listed.iter().take(MAX_KEYS).enumerate() {
            match VerifyingKey::from_jwk(jwk) {
                Ok(key) => set.keys.push(key),
                Err(error) => unused.push((at, error)),
            }
        }
        Ok((set, unused))
    }

    /// Keys that a token's `kid` and `alg` lead to; without a `kid`, all that fit the algorithm.
    pub fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a VerifyingKey> {
        let named = move |key: &VerifyingKey| id.is_none_or(|id| key.id.as_deref() == Some(id));
        self.keys.iter().filter(move |key| key.fits(algorithm) && named(key))
    }

    /// Whether a key is still in the set.
    pub fn has(&self, thumbprint: &[u8; 32]) -> bool {
        self.keys.iter().any(|key| key.thumbprint == *thumbprint)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::keys::SigningKey;
    use serde_json::json;

    #[test]
    fn h04_a_set_gives_the_keys_that_fit() {
        let key = |algorithm, id: &str| SigningKey::generate(algorithm, id).unwrap().public_jwk();
        let mut nameless = key(Algorithm::EdDsa, "");
        nameless.as_object_mut().unwrap().remove("kid");
        let document = json!({"keys": [
            key(Algorithm::Es256, "a"), {"kty": "oct", "kid": "a", "k": "AAAA"}, key(Algorithm::Es384, "a"), nameless,
        ]});
        let (set, unused) = KeySet::read(document.to_string().as_bytes()).unwrap();
        assert_eq!((set.len(), unused), (3, vec![(1, KeyError::Kind)]));
        let count = |id, algorithm| set.candidates(id, algorithm).count();
        assert_eq!((count(Some("a"), Algorithm::Es256), count(Some("a"), Algorithm::EdDsa)), (1, 0));
        assert_eq!((count(None, Algorithm::EdDsa), count(Some("b"), Algorithm::Es256)), (1, 0));
        assert_eq!(count(None, Algorithm::Rs256), 0);
    }

    #[test]
    fn other_documents_are_no_key_set() {
        for text in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
            assert_eq!(KeySet::read(text.as_bytes()).map(|_| ()), Err(NoKeySet), "{text}");
        }
        let many: Vec<Value> = (0..500).map(|_| json!({})).collect();
        assert_eq!(KeySet::read(json!({"keys": many}).to_string().as_bytes()).unwrap().1.len(), MAX_KEYS);
    }
}
