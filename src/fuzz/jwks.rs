//! JSON Web Key Sets (`oauth::jwks`, `oauth::keys`).

use serde_json::{Map, Value};

use super::token::{KEYS, now, rules, signed};
use crate::oauth::jwks::KeySet;
use crate::oauth::jwt::{Checked, Unverified};
use crate::oauth::keys::Algorithm;

/// Most keys of one set.
const MAX_KEYS: usize = 64;

pub(super) fn jwks(bytes: &[u8]) {
    let Ok((set, unused)) = KeySet::read(bytes) else { return };
    assert!(set.len() + unused.len() <= MAX_KEYS, "{} keys and {} others", set.len(), unused.len());
    let document: Value = serde_json::from_slice(bytes).expect("a key set is JSON");
    let listed = document["keys"].as_array().expect("a key set is a list");
    assert_eq!(set.len() + unused.len(), listed.len().min(MAX_KEYS));
    let used = (0..listed.len().min(MAX_KEYS)).filter(|at| unused.iter().all(|(other, _)| other != at));
    used.for_each(|at| check_used(&listed[at]));
    check_order(&set, listed);
    check_signed(&set);
}

/// Keys for something else, private ones and shared secrets check nothing (H04).
fn check_used(jwk: &Value) {
    assert!(matches!(jwk["kty"].as_str(), Some("RSA" | "EC" | "OKP")), "{jwk}");
    assert!(jwk.get("use").is_none_or(|purpose| purpose == "sig"), "{jwk}");
    assert!(["d", "p", "q", "dp", "dq", "qi"].iter().all(|name| jwk.get(name).is_none()), "{jwk}");
    let algorithm = jwk.get("alg").map(|name| name.as_str().and_then(Algorithm::parse));
    assert_ne!(algorithm, Some(None), "{jwk}");
    let alone = KeySet::read(serde_json::json!({"keys": [jwk]}).to_string().as_bytes());
    let (alone, _) = alone.expect("a list of one key is a key set");
    let fits: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|algorithm| alone.candidates(None, *algorithm).count() > 0).collect();
    assert!(!fits.is_empty(), "{jwk} is used with nothing");
    if let Some(Some(only)) = algorithm {
        assert_eq!(fits, [only], "{jwk}");
    }
}

/// The order of members says nothing.
fn check_order(set: &KeySet, listed: &[Value]) {
    let turned: Vec<Value> = listed.iter().map(turn).collect();
    let again = KeySet::read(serde_json::json!({"keys": turned}).to_string().as_bytes());
    let (again, _) = again.expect("a key set stays one");
    let prints = |set: &KeySet| -> Vec<[u8; 32]> {
        let all = Algorithm::ALL.into_iter().flat_map(|algorithm| set.candidates(None, algorithm));
        all.map(|key| key.thumbprint).collect()
    };
    assert_eq!(prints(&again), prints(set), "the order of members makes other keys");
    assert!(prints(set).iter().all(|print| set.has(print)));
}

fn turn(jwk: &Value) -> Value {
    match jwk {
        Value::Object(members) => Value::Object(
            members.iter().rev().map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

/// A key that checks a good token is the one that signed it.
fn check_signed(set: &KeySet) {
    let (own, _) = KeySet::read(KEYS.as_bytes()).expect("these are keys");
    for token in signed() {
        let read = Unverified::read(token, &rules(), now()).expect("this token is good");
        if let Checked::Good(print) = read.check(set) {
            assert!(own.has(&print) && set.has(&print), "another key checks {token}");
        }
    }
}
