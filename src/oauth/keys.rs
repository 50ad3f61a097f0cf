//! Keys of JSON Web Tokens (RFC 7515, 7517, 7518, 8037): the one file that names jwt-simple.
//!
//! Key types: [`VerifyingKey`], read from a JWK and able to check a signature; [`SigningKey`], which the evaluation broker and tests
//! sign with. Only asymmetric algorithms exist here, and a key checks only those its own members allow (H04). What a token says
//! is read in `jwt`; the signature crate's own opinion about claims is switched off.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::claims::{JWTClaims, NoCustomClaims};
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude as jwt;
use jwt_simple::prelude::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ECDSAP384KeyPairLike as _, ECDSAP384PublicKeyLike as _,
    EdDSAKeyPairLike as _, EdDSAPublicKeyLike as _, RSAKeyPairLike as _, RSAPublicKeyLike as _,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Smallest RSA modulus, in bits (NIST SP 800-131A).
const MIN_RSA_BITS: usize = 2048;
/// Largest one: verification time grows with its square.
const MAX_RSA_BITS: usize = 4096;

/// Signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1). There is no `none` and no HMAC to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// As in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads a name, which compares with case (RFC 7515 section 4.1.1). `Ed25519` is the same as `EdDSA` here (RFC 9864).
    pub fn parse(text: &str) -> Option<Self> {
        let text = if text == "Ed25519" { "EdDSA" } else { text };
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    fn is_rsa(self) -> bool {
        !matches!(self, Self::Es256 | Self::Es384 | Self::EdDsa)
    }
}

/// Why a JWK is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// A member is missing or has another type or form.
    Malformed,
    /// `kty` or `crv` that no algorithm here works with; symmetric keys among them.
    Kind,
    /// `use` or `key_ops` say that it is not for checking signatures.
    Use,
    /// `alg` does not fit `kty` and `crv`, or is unknown.
    Algorithm,
    /// RSA with less than 2048 bits.
    Weak,
    /// RSA with more than 4096 bits.
    Large,
    /// It holds private members, so everybody who can read the set can sign.
    Private,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a member is missing or malformed",
            Self::Kind => "its `kty` or `crv` is not supported",
            Self::Use => "its `use` or `key_ops` is not for signatures",
            Self::Algorithm => "its `alg` does not fit its kind",
            Self::Weak => "an RSA key of less than 2048 bits",
            Self::Large => "an RSA key of more than 4096 bits",
            Self::Private => "it holds private members",
        })
    }
}

impl std::error::Error for KeyError {}

/// The signature is not this key's, or the token is not of a form that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

#[derive(Clone)]
enum Material {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    P256(Box<jwt::ES256PublicKey>),
    P384(Box<jwt::ES384PublicKey>),
    Ed25519(Box<jwt::Ed25519PublicKey>),
}

/// A public key that checks signatures.
#[derive(Clone)]
pub struct VerifyingKey {
    /// `kid`
    pub id: Option<String>,
    /// `alg`, when the JWK names one: the only algorithm it is used with.
    only: Option<Algorithm>,
    material: Material,
    /// SHA-256 over what makes the key (RFC 7638).
    pub thumbprint: [u8; 32],
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?}, {:?})", self.id, self.only)
    }
}

impl VerifyingKey {
    /// Reads one JWK.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let text = |name: &str| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(KeyError::Malformed),
        };
        if !fit_for_signatures(jwk, text("use")?) {
            return Err(KeyError::Use);
        }
        if ["d", "p", "q", "dp", "dq", "qi"].iter().any(|name| jwk.get(name).is_some()) {
            return Err(KeyError::Private);
        }
        let only = match text("alg")? {
            Some(name) => Some(Algorithm::parse(name).ok_or(KeyError::Algorithm)?),
            None => None,
        };
        let needed = |name: &str| text(name)?.ok_or(KeyError::Malformed);
        let (material, essence) = match (needed("kty")?, text("crv")?) {
            ("RSA", _) => rsa(needed("n")?, needed("e")?)?,
            ("EC", Some("P-256")) => {
                let minimal = json!({"crv": "P-256", "kty": "EC", "x": needed("x")?, "y": needed("y")?}).to_string();
                let key = jwt::ES256PublicKey::from_jwk(&minimal).map_err(|_| KeyError::Malformed)?;
                (Material::P256(Box::new(key)), minimal)
            }
            ("EC", Some("P-384")) => {
                let minimal = json!({"crv": "P-384", "kty": "EC", "x": needed("x")?, "y": needed("y")?}).to_string();
                let key = jwt::ES384PublicKey::from_jwk(&minimal).map_err(|_| KeyError::Malformed)?;
                (Material::P384(Box::new(key)), minimal)
            }
            ("OKP", Some("Ed25519")) => {
                let minimal = json!({"crv": "Ed25519", "kty": "OKP", "x": needed("x")?}).to_string();
                let key = jwt::Ed25519PublicKey::from_jwk(&minimal).map_err(|_| KeyError::Malformed)?;
                (Material::Ed25519(Box::new(key)), minimal)
            }
            _ => return Err(KeyError::Kind),
        };
        let thumbprint = Sha256::digest(essence.as_bytes()).into();
        let key = Self { id: text("kid")?.map(str::to_owned), only: None, material, thumbprint };
        match only {
            Some(algorithm) if !key.fits(algorithm) => Err(KeyError::Algorithm),
            only => Ok(Self { only, ..key }),
        }
    }

    /// Whether the key is used with an algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let of_kind = match self.material {
            Material::Rsa(..) => algorithm.is_rsa(),
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::P384(_) => algorithm == Algorithm::Es384,
            Material::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        of_kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Checks the signature over a compact token whose header says `algorithm`; looks at nothing else.
    pub fn verify(&self, token: &str, algorithm: Algorithm) -> Result<(), BadSignature> {
        if !self.fits(algorithm) {
            return Err(BadSignature);
        }
        let options = || Some(signature_only(token.len()));
        macro_rules! rsa {
            ($kind:ident, $n:expr, $e:expr) => {
                jwt::$kind::from_components($n, $e).and_then(|key| key.verify_token::<NoCustomClaims>(token, options()))
            };
        }
        let outcome = match &self.material {
            Material::P256(key) => key.verify_token::<NoCustomClaims>(token, options()),
            Material::P384(key) => key.verify_token::<NoCustomClaims>(token, options()),
            Material::Ed25519(key) => key.verify_token::<NoCustomClaims>(token, options()),
            Material::Rsa(n, e) => match algorithm {
                Algorithm::Rs256 => rsa!(RS256PublicKey, n, e),
                Algorithm::Rs384 => rsa!(RS384PublicKey, n, e),
                Algorithm::Rs512 => rsa!(RS512PublicKey, n, e),
                Algorithm::Ps256 => rsa!(PS256PublicKey, n, e),
                Algorithm::Ps384 => rsa!(PS384PublicKey, n, e),
                Algorithm::Ps512 => rsa!(PS512PublicKey, n, e),
                Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return Err(BadSignature),
            },
        };
        outcome.map(drop).map_err(|_| BadSignature)
    }
}

fn fit_for_signatures(jwk: &Value, key_use: Option<&str>) -> bool {
    let operations_fit = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    key_use.is_none_or(|key_use| key_use == "sig") && operations_fit
}

fn rsa(n: &str, e: &str) -> Result<(Material, String), KeyError> {
    let number = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Malformed)?;
        // Some issuers write a leading zero byte, as in DER.
        let start = bytes.iter().position(|byte| *byte != 0).ok_or(KeyError::Malformed)?;
        Ok(bytes[start..].to_vec())
    };
    let (n, e) = (number(n)?, number(e)?);
    let bits = n.len() * 8 - n[0].leading_zeros() as usize;
    if bits < MIN_RSA_BITS {
        return Err(KeyError::Weak);
    }
    if bits > MAX_RSA_BITS {
        return Err(KeyError::Large);
    }
    jwt::RS256PublicKey::from_components(&n, &e).map_err(|_| KeyError::Malformed)?;
    let essence = format!(
        "{{\"e\":\"{}\",\"kty\":\"RSA\",\"n\":\"{}\"}}",
        URL_SAFE_NO_PAD.encode(&e),
        URL_SAFE_NO_PAD.encode(&n)
    );
    Ok((Material::Rsa(n, e), essence))
}

/// Time is 1970 and the future is accepted, so that no claim about time matters here: `jwt` judges all of them by its own clock.
fn signature_only(length: usize) -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        time_tolerance: None,
        artificial_time: Some(jwt::UnixTimeStamp::from_secs(0)),
        max_token_length: Some(length),
        max_header_length: Some(length),
        ..VerificationOptions::default()
    }
}

enum Pair {
    Rs256(Box<jwt::RS256KeyPair>),
    Ps256(Box<jwt::PS256KeyPair>),
    P256(Box<jwt::ES256KeyPair>),
    P384(Box<jwt::ES384KeyPair>),
    Ed25519(Box<jwt::Ed25519KeyPair>),
}

/// A key pair that signs. For evaluation and tests: the toolbox itself signs nothing.
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    pair: Pair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.id, self.algorithm.as_str())
    }
}

impl SigningKey {
    /// Makes a key of RS256 (2048 bits), PS256, ES256, ES384 or EdDSA; `None` for other algorithms, or when no randomness can be
    /// had. An RSA key takes its time.
    pub fn generate(algorithm: Algorithm, id: &str) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::Rs256 => Pair::Rs256(Box::new(jwt::RS256KeyPair::generate(MIN_RSA_BITS).ok()?.with_key_id(id))),
            Algorithm::Ps256 => Pair::Ps256(Box::new(jwt::PS256KeyPair::generate(MIN_RSA_BITS).ok()?.with_key_id(id))),
            Algorithm::Es256 => Pair::P256(Box::new(jwt::ES256KeyPair::generate().with_key_id(id))),
            Algorithm::Es384 => Pair::P384(Box::new(jwt::ES384KeyPair::generate().with_key_id(id))),
            Algorithm::EdDsa => Pair::Ed25519(Box::new(jwt::Ed25519KeyPair::generate().with_key_id(id))),
            Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps384 | Algorithm::Ps512 => return None,
        };
        Some(Self { id: id.to_owned(), algorithm, pair })
    }

    /// `kid` of what it signs.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `alg` of what it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs claims as they are; `typ` goes into the header. `None`: the claims cannot be written, or the key refuses.
    pub fn sign(&self, claims: &Map<String, Value>, typ: &str) -> Option<String> {
        let options = HeaderOptions { signature_type: Some(typ.to_owned()), content_type: None };
        let mut wrapped = JWTClaims::<Map<String, Value>>::new();
        wrapped.custom.clone_from(claims);
        match &self.pair {
            Pair::Rs256(pair) => pair.sign_with_options(wrapped, &options),
            Pair::Ps256(pair) => pair.sign_with_options(wrapped, &options),
            Pair::P256(pair) => pair.sign_with_options(wrapped, &options),
            Pair::P384(pair) => pair.sign_with_options(wrapped, &options),
            Pair::Ed25519(pair) => pair.sign_with_options(wrapped, &options),
        }
        .ok()
    }

    /// The public half, with `kid`, `alg` and `use`.
    pub fn public_jwk(&self) -> Value {
        let text = match &self.pair {
            Pair::Rs256(pair) => pair.public_key().to_jwk(),
            Pair::Ps256(pair) => pair.public_key().to_jwk(),
            Pair::P256(pair) => pair.public_key().to_jwk(),
            Pair::P384(pair) => pair.public_key().to_jwk(),
            Pair::Ed25519(pair) => pair.public_key().to_jwk(),
        };
        let mut jwk: Value = serde_json::from_str(&text).expect("the crate writes JSON");
        jwk["kid"] = self.id.clone().into();
        jwk["alg"] = self.algorithm.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Map<String, Value> {
        let Value::Object(claims) = json!({"sub": "a", "exp": 9_999_999_999_u64, "scope": "b", "aud": ["x"]}) else {
            unreachable!()
        };
        claims
    }

    #[track_caller]
    fn refused(jwk: &Value, error: KeyError) {
        assert_eq!(VerifyingKey::from_jwk(jwk).unwrap_err(), error, "{jwk}");
    }

    fn with(jwk: &Value, name: &str, value: impl Into<Value>) -> Value {
        let mut jwk = jwk.clone();
        jwk[name] = value.into();
        jwk
    }

    #[test]
    fn each_algorithm_signs_and_verifies() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
            let key = SigningKey::generate(algorithm, "k1").unwrap();
            let token = key.sign(&claims(), "at+jwt").unwrap();
            let public = VerifyingKey::from_jwk(&key.public_jwk()).unwrap();
            assert_eq!(public.id.as_deref(), Some("k1"));
            assert_eq!(public.verify(&token, algorithm), Ok(()), "{algorithm:?}");
            let payload = token.split('.').nth(1).unwrap();
            let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
            assert_eq!(payload, Value::Object(claims()), "claims are written as they are");
            let other = SigningKey::generate(Algorithm::EdDsa, "k1").unwrap().sign(&claims(), "at+jwt").unwrap();
            assert_eq!(public.verify(&other, algorithm), Err(BadSignature));
            for wrong in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                assert_eq!(public.verify(&token, wrong), Err(BadSignature), "{algorithm:?} as {wrong:?}");
            }
        }
    }

    #[test]
    fn h04_keys_that_do_not_fit_are_not_used() {
        let ec = SigningKey::generate(Algorithm::Es256, "k").unwrap().public_jwk();
        let ed = SigningKey::generate(Algorithm::EdDsa, "k").unwrap().public_jwk();
        refused(&with(&ec, "use", "enc"), KeyError::Use);
        refused(&with(&ec, "key_ops", json!(["sign"])), KeyError::Use);
        refused(&with(&ec, "key_ops", "verify"), KeyError::Use);
        refused(&with(&ec, "alg", "ES384"), KeyError::Algorithm);
        refused(&with(&ec, "alg", "RS256"), KeyError::Algorithm);
        refused(&with(&ec, "alg", "HS256"), KeyError::Algorithm);
        refused(&with(&ec, "alg", "none"), KeyError::Algorithm);
        refused(&with(&ec, "crv", "P-384"), KeyError::Malformed);
        refused(&with(&ec, "crv", "secp256k1"), KeyError::Kind);
        refused(&with(&ec, "kty", "OKP"), KeyError::Kind);
        refused(&with(&ec, "d", "AAAA"), KeyError::Private);
        refused(&with(&ec, "x", "AAAA"), KeyError::Malformed);
        refused(&with(&ec, "kid", 7), KeyError::Malformed);
        refused(&with(&ed, "crv", "X25519"), KeyError::Kind);
        refused(&json!({"kty": "oct", "k": "AAAA"}), KeyError::Kind);
        refused(&json!({"kty": "RSA", "n": "AAAA"}), KeyError::Malformed);
        let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        refused(&json!({"kty": "RSA", "n": modulus(128), "e": "AQAB"}), KeyError::Weak);
        refused(&json!({"kty": "RSA", "n": modulus(1024), "e": "AQAB"}), KeyError::Large);
        refused(&json!({"kty": "RSA", "n": modulus(256), "e": "Ag"}), KeyError::Malformed);
        refused(&json!("text"), KeyError::Malformed);
    }

    #[test]
    fn thumbprints_are_those_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = VerifyingKey::from_jwk(&json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256"})).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
