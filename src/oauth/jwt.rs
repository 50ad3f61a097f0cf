//! A JSON Web Token that claims to be an access token (RFC 7519, 8725, 9068): everything that can be judged without a key first, then
//! its signature.
//!
//! Pure: keys, rules and the present time are values. What is wrong becomes one [`Rejection`], each with a word of its own, which the
//! audit trail keeps. The order matters: no key is looked for, and no issuer asked, on behalf of a token that could not pass anyway.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::{Claims, Untimely};
use super::jwks::KeySet;
use super::keys::Algorithm;
use crate::base::json;

/// A longer token is refused before it is parsed (H05).
pub const MAX_TOKEN: usize = 16 << 10;
/// How many keys without a matching id are tried for one token.
const MAX_TRIES: usize = 8;

/// Members of a header that bring their own key or lead to one; no token of ours needs them, and believing them is a classic hole.
const EMBEDDED: [&str; 6] = ["jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256"];
/// Values of `typ` that an access token may have (RFC 9068 section 2.1); none is fine too.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];
/// Claims that only id tokens have (OpenID Connect Core 1.0 section 2).
const ID_TOKEN_CLAIMS: [&str; 3] = ["at_hash", "c_hash", "nonce"];

/// What a token must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `iss`, to the letter.
    pub issuer: String,
    /// What `aud` must contain.
    pub audience: String,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Tolerance of `exp`, `nbf`, `iat`.
    pub skew: Duration,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// More than [`MAX_TOKEN`] bytes.
    TooLong,
    /// Not three parts of base64url, or no JSON objects in them.
    Malformed,
    /// A member stands twice.
    Duplicate,
    /// `alg` is none of the accepted ones.
    Algorithm,
    /// `typ` is not that of an access token.
    Type,
    /// The header brings a key or leads to one.
    EmbeddedKey,
    /// `crit` names an extension, or `b64` changes what is signed.
    Critical,
    /// It is an id token.
    IdToken,
    /// A claim has a wrong type.
    Claim,
    /// `iss` is another.
    Issuer,
    /// `aud` does not contain the audience.
    Audience,
    /// There is no `exp`.
    NoExpiry,
    /// `exp` has passed.
    Expired,
    /// `nbf` is still to come.
    NotYet,
    /// `iat` lies in the future.
    FromTheFuture,
    /// Neither `sub` nor `client_id`.
    NoPrincipal,
    /// No key of the issuer has this `kid` and fits `alg`.
    UnknownKey,
    /// The signature is wrong.
    Signature,
    /// The issuer says that it is not active (introspection).
    Inactive,
}

impl Rejection {
    /// One word for records.
    pub fn word(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "token_malformed",
            Self::Duplicate => "duplicate_member",
            Self::Algorithm => "algorithm_not_accepted",
            Self::Type => "not_an_access_token",
            Self::EmbeddedKey => "embedded_key",
            Self::Critical => "critical_extension",
            Self::IdToken => "id_token",
            Self::Claim => "claim_malformed",
            Self::Issuer => "issuer_mismatch",
            Self::Audience => "audience_mismatch",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "token_expired",
            Self::NotYet => "token_not_yet_valid",
            Self::FromTheFuture => "issued_in_the_future",
            Self::NoPrincipal => "no_principal",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "bad_signature",
            Self::Inactive => "token_inactive",
        }
    }
}

impl fmt::Display for Rejection {
    /// For the caller, who knows the token; nothing here tells of the runtime.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the token is too long",
            Self::Malformed => "the token is malformed",
            Self::Duplicate => "a member of the token stands twice",
            Self::Algorithm => "the token's algorithm is not accepted",
            Self::Type => "the token is not an access token",
            Self::EmbeddedKey => "the token brings its own key",
            Self::Critical => "the token has an extension that is not understood",
            Self::IdToken => "the token is an id token, not an access token",
            Self::Claim => "a claim of the token is malformed",
            Self::Issuer => "the token is from another issuer",
            Self::Audience => "the token is for another audience",
            Self::NoExpiry => "the token does not say when it expires",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::FromTheFuture => "the token was issued in the future",
            Self::NoPrincipal => "the token names nobody",
            Self::UnknownKey => "the token is signed with an unknown key",
            Self::Signature => "the token's signature is wrong",
            Self::Inactive => "the token is not active",
        })
    }
}

impl From<Untimely> for Rejection {
    fn from(untimely: Untimely) -> Self {
        match untimely {
            Untimely::Expired => Self::Expired,
            Untimely::NotYet => Self::NotYet,
            Untimely::FromTheFuture => Self::FromTheFuture,
        }
    }
}

/// A token that passed everything but the check of its signature.
#[derive(Debug)]
pub struct Unverified<'a> {
    token: &'a str,
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Claims,
}

/// What a key set says about a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// A key with this thumbprint signed it.
    Good([u8; 32]),
    /// The key it names did not.
    Forged,
    /// No key of the set can tell; another version of the set might.
    NoKey,
}

impl<'a> Unverified<'a> {
    /// Reads a compact token and judges it by everything but its signature.
    pub fn read(token: &'a str, rules: &Rules, now: SystemTime) -> Result<Self, Rejection> {
        if token.len() > MAX_TOKEN {
            return Err(Rejection::TooLong);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Rejection::Malformed);
        };
        let (header, payload) = (object(header)?, object(payload)?);
        let algorithm = algorithm(&header, rules)?;
        check_header(&header)?;
        if signature.is_empty() || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(Rejection::Malformed);
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Rejection::Malformed),
        };
        refuse_id_token(&payload)?;
        let claims = Claims::read(&payload).map_err(|_| Rejection::Claim)?;
        check_claims(&claims, rules, now)?;
        Ok(Self { token, algorithm, key_id, claims })
    }

    /// Looks for the key and checks the signature.
    pub fn check(&self, keys: &KeySet) -> Checked {
        let mut tried = 0;
        for key in keys.candidates(self.key_id.as_deref(), self.algorithm).take(MAX_TRIES) {
            if key.verify(self.token, self.algorithm).is_ok() {
                return Checked::Good(key.thumbprint);
            }
            tried += 1;
        }
        // Without an id, all that is known is that none of these keys signed it.
        if tried > 0 && self.key_id.is_some() { Checked::Forged } else { Checked::NoKey }
    }

    /// What it says, once its signature was found to be good.
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

/// A part as a JSON object without repeated members.
fn object(part: &str) -> Result<Map<String, Value>, Rejection> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::Malformed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Rejection::Malformed)?;
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return Err(Rejection::Malformed) };
    if json::duplicate_members(text).is_empty() { Ok(members) } else { Err(Rejection::Duplicate) }
}

fn algorithm(header: &Map<String, Value>, rules: &Rules) -> Result<Algorithm, Rejection> {
    let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
    named.filter(|algorithm| rules.algorithms.contains(algorithm)).ok_or(Rejection::Algorithm)
}

fn check_header(header: &Map<String, Value>) -> Result<(), Rejection> {
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if TYPES.contains(&typ.to_ascii_lowercase().as_str()) => {}
        Some(_) => return Err(Rejection::Type),
    }
    if EMBEDDED.iter().any(|name| header.contains_key(*name)) {
        return Err(Rejection::EmbeddedKey);
    }
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Rejection::Critical);
    }
    Ok(())
}

fn refuse_id_token(payload: &Map<String, Value>) -> Result<(), Rejection> {
    let says = |name: &str, value: &str| {
        payload.get(name).and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    let is_id_token = ID_TOKEN_CLAIMS.iter().any(|name| payload.contains_key(*name))
        || says("token_use", "id")
        || says("typ", "id")
        || says("typ", "refresh");
    if is_id_token { Err(Rejection::IdToken) } else { Ok(()) }
}

fn check_claims(claims: &Claims, rules: &Rules, now: SystemTime) -> Result<(), Rejection> {
    if claims.issuer.as_deref() != Some(rules.issuer.as_str()) {
        return Err(Rejection::Issuer);
    }
    if !claims.is_for(&rules.audience) {
        return Err(Rejection::Audience);
    }
    if claims.expires_at.is_none() {
        return Err(Rejection::NoExpiry);
    }
    claims.check_time(now, rules.skew)?;
    if claims.subject.is_none() && claims.client.is_none() {
        return Err(Rejection::NoPrincipal);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
