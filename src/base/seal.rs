//! Sealing what lies where others can reach it: AES-256-GCM with keys derived from one secret (RFC 5116, RFC 5869).
//!
//! Key types: [`StateKey`], the secret; [`Seal`], a key of one purpose. Nothing that was sealed for one purpose, or bound to one thing, opens
//! for another. The one place that names ring.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use super::host::{self, Env};
use super::redacted::Redacted;

/// The variable that holds the secret: 32 bytes as base64.
pub const VARIABLE: &str = "OPEN_CLI_STATE_KEY";

/// Bytes that tell the keys of different secrets apart.
pub const ID_LENGTH: usize = 4;

/// Bytes that sealing adds.
pub const ADDED: usize = NONCE_LEN + 16;

/// A secret that keys are derived from.
#[derive(Debug)]
pub struct StateKey(Redacted<[u8; 32]>);

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The variable does not hold 32 bytes as base64.
    Malformed,
    /// The operating system gives no random bytes.
    Random,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                write!(f, "{VARIABLE} must hold 32 bytes as base64, as `openssl rand -base64 32` prints them")
            }
            Self::Random => f.write_str("the operating system gives no random bytes"),
        }
    }
}

impl std::error::Error for KeyError {}

impl StateKey {
    /// The one of the environment, if there is one.
    pub fn from_env(env: &Env) -> Result<Option<Self>, KeyError> {
        env.var(VARIABLE).map(|text| Self::parse(text).ok_or(KeyError::Malformed)).transpose()
    }

    /// As the variable holds it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
        Some(Self(Redacted::new(bytes.try_into().ok()?)))
    }

    /// One that ends with this process.
    pub fn random() -> Result<Self, KeyError> {
        host::random().map(|bytes| Self(Redacted::new(bytes))).map_err(|_| KeyError::Random)
    }

    /// The key of a purpose.
    pub fn derive(&self, purpose: &str) -> Seal {
        const FITS: &str = "the length is the algorithm's own";
        let secret = Salt::new(HKDF_SHA256, b"").extract(self.0.expose());
        let key = UnboundKey::from(secret.expand(&[purpose.as_bytes(), b" key"], &AES_256_GCM).expect(FITS));
        let mut long = [0; 32];
        secret.expand(&[purpose.as_bytes(), b" id"], HKDF_SHA256).and_then(|id| id.fill(&mut long)).expect(FITS);
        let mut id = [0; ID_LENGTH];
        id.copy_from_slice(&long[..ID_LENGTH]);
        Seal { key: LessSafeKey::new(key), id }
    }
}

/// A key of one purpose.
pub struct Seal {
    key: LessSafeKey,
    id: [u8; ID_LENGTH],
}

impl fmt::Debug for Seal {
    /// Nothing of the key (H24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// What tells it apart from keys of other secrets; says nothing of the key.
    pub fn id(&self) -> [u8; ID_LENGTH] {
        self.id
    }

    /// Seals bytes and binds them to `bound`; `None` when the operating system gives no random bytes. Random nonces of 96 bits may be used
    /// for 2^32 messages of one key (NIST SP 800-38D section 8.3).
    pub fn seal(&self, bound: &[u8], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = host::random().ok()?;
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut bytes).ok()?;
        Some([nonce.as_slice(), &bytes].concat())
    }

    /// What was sealed with this key and bound to `bound`; `None` for everything else.
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = rest.to_vec();
        let length = {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            self.key.open_in_place(nonce, Aad::from(bound), &mut bytes).ok()?.len()
        };
        bytes.truncate(length);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StateKey {
        StateKey::parse(&BASE64_STANDARD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_for_its_purpose_and_what_it_is_bound_to() {
        let seal = key(1).derive("a");
        let sealed = seal.seal(b"x", b"s3cret".to_vec()).unwrap();
        assert_eq!(sealed.len(), 6 + ADDED);
        assert_eq!(key(1).derive("a").open(b"x", &sealed).unwrap(), b"s3cret");
        assert_eq!(seal.open(b"y", &sealed), None);
        assert_eq!(key(1).derive("b").open(b"x", &sealed), None);
        assert_eq!(key(2).derive("a").open(b"x", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(b"x", &changed), None, "byte {at}");
            assert_eq!(seal.open(b"x", &sealed[..at]), None, "cut at {at}");
        }
        assert_ne!(seal.seal(b"x", b"s3cret".to_vec()).unwrap(), sealed, "each has its own nonce");
        assert_ne!(key(1).derive("a").id(), key(2).derive("a").id());
    }

    #[test]
    fn h24_a_key_that_is_none_is_an_error_that_does_not_show_it() {
        let from = |text: &str| StateKey::from_env(&Env::new([(VARIABLE.to_owned(), text.to_owned())]));
        assert!(StateKey::from_env(&Env::default()).unwrap().is_none());
        assert!(from(&BASE64_STANDARD.encode([7; 32])).unwrap().is_some());
        for wrong in ["short", &BASE64_STANDARD.encode([7; 31]), &BASE64_STANDARD.encode([7; 33])] {
            let error = from(wrong).unwrap_err();
            assert_eq!(error, KeyError::Malformed, "{wrong}");
            assert!(!error.to_string().contains(wrong));
        }
        assert!(!format!("{:?} {:?}", key(7), key(7).derive("a")).contains('7'));
    }
}
