//! Bearer tokens (`access::bearer`, `oauth::jwt`, `oauth::peek`): a text as a token and as an `Authorization` header.
//!
//! Whatever is signed by the keys here is known, since nobody has their private halves. So nothing else may pass.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::access::bearer::{self, Bearer};
use crate::http::Headers;
use crate::oauth::jwks::KeySet;
use crate::oauth::jwt::{Checked, Rules, Unverified};
use crate::oauth::keys::Algorithm;
use crate::oauth::peek::Unproven;

/// The issuer's public keys; their private halves are not kept anywhere.
pub(super) const KEYS: &str = include_str!("keys.json");

/// All tokens that were ever signed with them, one a line.
const SIGNED: &str = include_str!("signed.txt");

/// A later end is cut by the client, which does not live to see it.
const FAR: u64 = 100_000_000_000;

static KNOWN: LazyLock<KeySet> = LazyLock::new(|| KeySet::read(KEYS.as_bytes()).expect("keys.json is a key set").0);

/// The tokens that are good.
pub(super) fn signed() -> impl Iterator<Item = &'static str> + Clone {
    SIGNED.lines()
}

pub(super) fn rules() -> Rules {
    Rules {
        issuer: "https://issuer.example".to_owned(),
        audience: "open-cli".to_owned(),
        algorithms: Algorithm::ALL.to_vec(),
        skew: Duration::from_secs(60),
    }
}

pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(super) fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    check(text);
    check_header(text);
    let parts: Vec<&str> = text.split('.').collect();
    if let [header, payload, signature] = parts.as_slice() {
        check_mixed(header, payload, signature);
    }
}

/// Its parts beside parts of a good one; which one depends on all of it.
fn check_mixed(header: &str, payload: &str, signature: &str) {
    let sum: usize = [header, payload, signature].iter().flat_map(|part| part.bytes()).map(usize::from).sum();
    let good = signed().cycle().nth(sum % 6).expect("there are good ones");
    let own: Vec<&str> = good.split('.').collect();
    check(&[header, own[1], own[2]].join("."));
    check(&[own[0], payload, own[2]].join("."));
    check(&[own[0], own[1], signature].join("."));
    check(&[header, payload, own[2]].join("."));
}

/// Nothing passes that was not signed (H05).
fn check(token: &str) {
    let read = match Unverified::read(token, &rules(), now()) {
        Ok(read) => read,
        Err(reason) => return assert!(!reason.word().is_empty() && !reason.to_string().is_empty()),
    };
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    for part in &parts {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("a part is base64url");
        assert_eq!(URL_SAFE_NO_PAD.encode(bytes), *part, "a part has two spellings");
    }
    let input = |token: &str| token.rsplit_once('.').map(|(input, _)| input.to_owned());
    if matches!(read.check(&KNOWN), Checked::Good(_)) {
        assert!(signed().any(|known| input(known) == input(token)), "{token} was never signed");
    }
    assert_eq!(read.check(&KeySet::default()), Checked::NoKey, "a token vouches for itself");
    let claims = read.into_claims();
    assert!(claims.is_for("open-cli") && claims.issuer.as_deref() == Some("https://issuer.example"));
    assert!(claims.subject.is_some() || claims.client.is_some(), "nobody");
    let end = claims.expires_at.expect("a token ends");
    assert!(end + Duration::from_secs(60) > now(), "{end:?} has passed");
    let peeked = Unproven::of(token).expect("what the toolbox reads, the client reads");
    let seconds = end.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    assert_eq!(peeked.expires_at(), Some(seconds.min(FAR)));
    let scopes = peeked.scopes().expect("what the toolbox reads, the client reads");
    assert_eq!(scopes.first().cloned().unwrap_or_default(), claims.scopes);
}

/// One header field has at most one token, and that is all of it behind the scheme.
fn check_header(text: &str) {
    let mut headers = Headers::new();
    if headers.append("Authorization", text).is_err() {
        return;
    }
    if let Bearer::Token(token) = bearer::read(&headers) {
        let (scheme, rest) = text.trim().split_once(' ').expect("a scheme stands before a token");
        assert!(scheme.eq_ignore_ascii_case("bearer") && rest.trim() == token, "{text:?} has the token {token:?}");
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && !b",;\"\\".contains(&byte)), "{token:?}");
    }
    headers.append("authorization", "Bearer x").expect("this can be sent");
    assert_eq!(bearer::read(&headers), Bearer::Malformed, "one of two fields is believed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_passes() {
        for token in signed() {
            let read = Unverified::read(token, &rules(), now()).unwrap();
            assert!(matches!(read.check(&KNOWN), Checked::Good(_)), "{token}");
        }
        assert_eq!((KNOWN.len(), signed().count()), (4, 6));
    }
}
