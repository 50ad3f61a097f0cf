//! PKCE with S256 (RFC 7636): a secret that only who began a login can know. `plain` does not exist here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::base::redacted::Redacted;

/// What is kept until the code comes, and what goes out before.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// `code_verifier`: 43 characters.
    pub verifier: Redacted<String>,
    /// `code_challenge`
    pub challenge: String,
}

impl Pkce {
    /// From randomness.
    pub fn new(random: &[u8; 32]) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(random);
        let challenge = challenge(&verifier);
        Self { verifier: Redacted::new(verifier), challenge }
    }
}

/// `BASE64URL(SHA256(verifier))` (section 4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn h24_a_verifier_is_long_enough_and_not_shown() {
        let pkce = Pkce::new(&[7; 32]);
        assert_eq!(pkce.verifier.expose().len(), 43);
        assert!(!format!("{pkce:?}").contains(pkce.verifier.expose()));
    }
}
