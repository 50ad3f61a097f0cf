//! Hostile tokens, each refused for a reason of its own (H05), and the good ones that must pass.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::oauth::keys::SigningKey;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const NOW: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

/// An issuer with one key for each kind of signature, and a stranger's key of the same id.
pub(crate) struct Issuer {
    es256: SigningKey,
    es384: SigningKey,
    eddsa: SigningKey,
    stranger: SigningKey,
    keys: KeySet,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = |algorithm, id| SigningKey::generate(algorithm, id).unwrap();
        let (es256, es384, eddsa) =
            (key(Algorithm::Es256, "es256"), key(Algorithm::Es384, "es384"), key(Algorithm::EdDsa, "eddsa"));
        let document = key_set([&es256, &es384, &eddsa]);
        let keys = KeySet::read(document.to_string().as_bytes()).unwrap().0;
        Self { es256, es384, eddsa, stranger: key(Algorithm::EdDsa, "eddsa"), keys }
    }

    /// What it publishes.
    pub(crate) fn document(&self) -> Value {
        key_set([&self.es256, &self.es384, &self.eddsa])
    }

    /// A token that nothing is wrong with.
    pub(crate) fn good(&self) -> String {
        self.es256.sign(&claims(), "at+jwt").unwrap()
    }

    fn judge(&self, token: &str) -> Result<Claims, Rejection> {
        let read = Unverified::read(token, &rules(), now())?;
        match read.check(&self.keys) {
            Checked::Good(_) => Ok(read.into_claims()),
            Checked::Forged => Err(Rejection::Signature),
            Checked::NoKey => Err(Rejection::UnknownKey),
        }
    }
}

fn key_set(keys: [&SigningKey; 3]) -> Value {
    json!({"keys": keys.map(SigningKey::public_jwk)})
}

pub(crate) fn rules() -> Rules {
    Rules {
        issuer: ISSUER.to_owned(),
        audience: "open-cli".to_owned(),
        algorithms: vec![Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256],
        skew: Duration::from_secs(60),
    }
}

fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": ISSUER, "sub": "agent", "aud": "open-cli", "scope": "bundle:a", "iat": NOW, "exp": NOW + 300, "jti": "1",
    });
    claims.as_object().unwrap().clone()
}

fn with(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    let mut claims = claims();
    claims.insert(name.to_owned(), value.into());
    claims
}

fn without(name: &str) -> Map<String, Value> {
    let mut claims = claims();
    claims.remove(name);
    claims
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A good token with another header, whose signature can therefore not be right: what is refused for its header is refused before.
fn headed(issuer: &Issuer, header: &str) -> String {
    let good = issuer.eddsa.sign(&claims(), "at+jwt").unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    format!("{}.{rest}", encoded(header))
}

/// A token whose payload is this text, under a good header and a signature of something else.
fn saying(issuer: &Issuer, payload: &str) -> String {
    let good = issuer.eddsa.sign(&claims(), "at+jwt").unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    format!("{}.{}.{}", parts[0], encoded(payload), parts[2])
}

/// HMAC-SHA256 (RFC 2104) with a public key as the secret: the oldest trick of all.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let pad = |byte: u8| (0..64).map(|i| key.get(i).unwrap_or(&0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

fn hs256(issuer: &Issuer) -> String {
    let signed = format!(
        "{}.{}",
        encoded(r#"{"alg":"HS256","typ":"at+jwt","kid":"eddsa"}"#),
        encoded(&Value::Object(claims()).to_string())
    );
    let public = issuer.eddsa.public_jwk()["x"].as_str().unwrap().to_owned();
    let tag = hmac(&URL_SAFE_NO_PAD.decode(public).unwrap(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The signature of a good token, changed.
fn resigned(good: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let changed = change(URL_SAFE_NO_PAD.decode(signature).unwrap());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(changed))
}

/// An ECDSA signature in the other encoding (SEC 1, DER).
fn der(raw: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let mut bytes: Vec<u8> = half.iter().copied().skip_while(|byte| *byte == 0).collect();
        if bytes.first().is_none_or(|first| first & 0x80 != 0) {
            bytes.insert(0, 0);
        }
        [vec![2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    };
    let both = [integer(&raw[..raw.len() / 2]), integer(&raw[raw.len() / 2..])].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

/// Name, token, reason.
pub(crate) fn hostile(issuer: &Issuer) -> Vec<(&'static str, String, Rejection)> {
    [by_form(issuer), by_header(issuer), by_claims(issuer), by_signature(issuer)].concat()
}

fn by_form(issuer: &Issuer) -> Vec<(&'static str, String, Rejection)> {
    use Rejection::{Duplicate, Malformed, TooLong};
    let good = issuer.eddsa.sign(&claims(), "at+jwt").unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let body = Value::Object(claims()).to_string();
    vec![
        ("nothing", String::new(), Malformed),
        ("one part", header.to_owned(), Malformed),
        ("two parts", format!("{header}.{payload}"), Malformed),
        ("four parts", format!("{good}.{signature}"), Malformed),
        ("five parts, as if encrypted", format!("{good}.x.y"), Malformed),
        ("no signature", format!("{header}.{payload}."), Malformed),
        ("no header", format!(".{payload}.{signature}"), Malformed),
        ("no payload", format!("{header}..{signature}"), Malformed),
        ("padded", format!("{header}=.{payload}.{signature}"), Malformed),
        ("padded signature", format!("{good}=="), Malformed),
        ("base64 of the other alphabet", format!("{header}.{payload}.+/{}", &signature[2..]), Malformed),
        ("a space inside", format!("{header}. {payload}.{signature}"), Malformed),
        ("a newline at the end", format!("{good}\n"), Malformed),
        ("a header that is no JSON", format!("{}.{payload}.{signature}", encoded("alg=EdDSA")), Malformed),
        ("a header that is a list", format!("{}.{payload}.{signature}", encoded("[\"EdDSA\"]")), Malformed),
        ("a payload that is a text", saying(issuer, "\"agent\""), Malformed),
        ("a payload that is a list", saying(issuer, "[]"), Malformed),
        ("a payload that ends early", saying(issuer, &body[..body.len() - 1]), Malformed),
        ("a payload with more behind it", saying(issuer, &format!("{body}{{}}")), Malformed),
        ("a payload nested too deep", saying(issuer, &format!("{{\"a\":{}", "[".repeat(3000))), Malformed),
        (
            "a payload that is no UTF-8",
            {
                let bytes = [body.replace("agent", "ag").as_bytes(), b"\xff"].concat();
                format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(bytes))
            },
            Malformed,
        ),
        ("`alg` twice", headed(issuer, r#"{"alg":"EdDSA","alg":"none"}"#), Duplicate),
        ("`scope` twice", saying(issuer, &body.replace("\"jti\":\"1\"", "\"scope\":\"bundle:b\"")), Duplicate),
        ("`exp` twice, once escaped", saying(issuer, &body.replace("\"jti\":\"1\"", "\"e\\u0078p\":1")), Duplicate),
        (
            "a member inside `act` twice",
            saying(issuer, &body.replace("\"jti\":\"1\"", r#""act":{"sub":"a","sub":"b"}"#)),
            Duplicate,
        ),
        ("17 kB", issuer.eddsa.sign(&with("pad", "x".repeat(13_000)), "at+jwt").unwrap(), TooLong),
        ("a megabyte of dots", ".".repeat(1 << 20), TooLong),
    ]
}

fn by_header(issuer: &Issuer) -> Vec<(&'static str, String, Rejection)> {
    use Rejection::{Algorithm as Alg, Critical, EmbeddedKey, Malformed, Type};
    let unsigned = |alg: &str| {
        let body = encoded(&Value::Object(claims()).to_string());
        format!("{}.{body}.", encoded(&format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#)))
    };
    let head = |text: &str| headed(issuer, text);
    let own = issuer.stranger.public_jwk();
    vec![
        ("alg none", unsigned("none"), Alg),
        ("alg None", unsigned("None"), Alg),
        ("alg nOnE with a signature", head(r#"{"alg":"nOnE","kid":"eddsa"}"#), Alg),
        ("alg empty", head(r#"{"alg":""}"#), Alg),
        ("no alg", head(r#"{"kid":"eddsa"}"#), Alg),
        ("alg as a list", head(r#"{"alg":["EdDSA"]}"#), Alg),
        ("alg null", head(r#"{"alg":null}"#), Alg),
        ("alg in another case", head(r#"{"alg":"EDDSA","kid":"eddsa"}"#), Alg),
        ("HMAC with the public key", hs256(issuer), Alg),
        ("HS512", head(r#"{"alg":"HS512","kid":"eddsa"}"#), Alg),
        ("ES256K", head(r#"{"alg":"ES256K","kid":"es256"}"#), Alg),
        ("an algorithm that is not accepted here", head(r#"{"alg":"RS512","kid":"eddsa"}"#), Alg),
        ("an encryption algorithm", head(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#), Alg),
        ("typ of an id token's cousin", issuer.eddsa.sign(&claims(), "id+jwt").unwrap(), Type),
        ("typ of a logout token", issuer.eddsa.sign(&claims(), "logout+jwt").unwrap(), Type),
        ("typ of a proof", issuer.eddsa.sign(&claims(), "dpop+jwt").unwrap(), Type),
        ("typ that is no text", head(r#"{"alg":"EdDSA","typ":1}"#), Type),
        ("an embedded key", head(&json!({"alg": "EdDSA", "jwk": own}).to_string()), EmbeddedKey),
        ("an address of keys", head(r#"{"alg":"EdDSA","jku":"https://evil.example/jwks"}"#), EmbeddedKey),
        ("certificates", head(r#"{"alg":"EdDSA","x5c":["MII"]}"#), EmbeddedKey),
        ("an address of certificates", head(r#"{"alg":"EdDSA","x5u":"https://evil.example/c"}"#), EmbeddedKey),
        ("an unknown critical extension", head(r#"{"alg":"EdDSA","crit":["exp2"],"exp2":1}"#), Critical),
        ("an empty list of critical extensions", head(r#"{"alg":"EdDSA","crit":[]}"#), Critical),
        ("an unencoded payload", head(r#"{"alg":"EdDSA","b64":false}"#), Critical),
        ("kid that is no text", head(r#"{"alg":"EdDSA","kid":1}"#), Malformed),
    ]
}

fn by_claims(issuer: &Issuer) -> Vec<(&'static str, String, Rejection)> {
    use Rejection::{Audience, Claim, Expired, FromTheFuture, IdToken, Issuer as Iss, NoExpiry, NoPrincipal, NotYet};
    let sign = |claims: Map<String, Value>| issuer.eddsa.sign(&claims, "at+jwt").unwrap();
    let nobody = {
        let mut claims = without("sub");
        claims.insert("name".to_owned(), "agent".into());
        claims
    };
    vec![
        ("no issuer", sign(without("iss")), Iss),
        ("another issuer", sign(with("iss", "https://other.example")), Iss),
        ("the issuer with a slash", sign(with("iss", format!("{ISSUER}/"))), Iss),
        ("the issuer in capitals", sign(with("iss", ISSUER.to_uppercase())), Iss),
        ("issuers as a list", sign(with("iss", json!([ISSUER]))), Claim),
        ("no audience", sign(without("aud")), Audience),
        ("another audience", sign(with("aud", "billing")), Audience),
        ("an audience that begins alike", sign(with("aud", "open-cli-2")), Audience),
        ("an empty audience", sign(with("aud", "")), Audience),
        ("an empty list of audiences", sign(with("aud", json!([]))), Audience),
        ("audiences joined by a space", sign(with("aud", "billing open-cli")), Audience),
        ("an audience that is an object", sign(with("aud", json!({"open-cli": true}))), Claim),
        ("no expiry", sign(without("exp")), NoExpiry),
        ("an expiry that is null", sign(with("exp", Value::Null)), NoExpiry),
        ("an expiry that is a text", sign(with("exp", (NOW + 300).to_string())), Claim),
        ("an expiry before 1970", sign(with("exp", -1)), Claim),
        ("an expiry beyond all time", sign(with("exp", 1e300)), Claim),
        ("expired a minute ago", sign(with("exp", NOW - 60)), Expired),
        ("expired long ago", sign(with("exp", 1)), Expired),
        ("valid in an hour", sign(with("nbf", NOW + 3600)), NotYet),
        ("a beginning that is a text", sign(with("nbf", "now")), Claim),
        ("issued in an hour", sign(with("iat", NOW + 3600)), FromTheFuture),
        ("an id token by its hash", sign(with("at_hash", "x")), IdToken),
        ("an id token by its code hash", sign(with("c_hash", "x")), IdToken),
        ("an id token by its nonce", sign(with("nonce", "x")), IdToken),
        ("an id token by its use", sign(with("token_use", "id")), IdToken),
        ("an id token by its type", sign(with("typ", "ID")), IdToken),
        ("a refresh token", sign(with("typ", "Refresh")), IdToken),
        ("nobody", sign(nobody), NoPrincipal),
        ("an empty subject", sign(with("sub", "")), NoPrincipal),
        ("a subject that is a number", sign(with("sub", 7)), Claim),
        ("a subject without end", sign(with("sub", "x".repeat(600))), Claim),
        ("a scope that is a number", sign(with("scope", 7)), Claim),
        ("an actor that is a text", sign(with("act", "b")), Claim),
    ]
}

fn by_signature(issuer: &Issuer) -> Vec<(&'static str, String, Rejection)> {
    use Rejection::{Signature, UnknownKey};
    let good = issuer.es256.sign(&claims(), "at+jwt").unwrap();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = issuer.es256.sign(&with("scope", "bundle:b"), "at+jwt").unwrap();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    let renamed = SigningKey::generate(Algorithm::EdDsa, "nobody").unwrap();
    vec![
        ("a stranger's key of the same id", issuer.stranger.sign(&claims(), "at+jwt").unwrap(), Signature),
        ("the signature of another token", format!("{signed}.{foreign}"), Signature),
        (
            "more scopes under the old signature",
            {
                let parts: Vec<&str> = good.split('.').collect();
                let body = Value::Object(with("scope", "bundle:a runtime:admin")).to_string();
                format!("{}.{}.{}", parts[0], encoded(&body), parts[2])
            },
            Signature,
        ),
        ("a truncated signature", resigned(&good, |bytes| bytes[..63].to_vec()), Signature),
        ("half a signature", resigned(&good, |bytes| bytes[..32].to_vec()), Signature),
        ("a longer signature", resigned(&good, |bytes| [bytes, vec![0]].concat()), Signature),
        ("a signature in DER", resigned(&good, |bytes| der(&bytes)), Signature),
        ("a signature of zeros", resigned(&good, |bytes| vec![0; bytes.len()]), Signature),
        ("a signature of ones", resigned(&good, |bytes| vec![0xff; bytes.len()]), Signature),
        (
            "one bit of the signature",
            resigned(&good, |mut bytes| {
                bytes[10] ^= 1;
                bytes
            }),
            Signature,
        ),
        ("an unknown key", renamed.sign(&claims(), "at+jwt").unwrap(), UnknownKey),
        ("a key of another kind", headed(issuer, r#"{"alg":"EdDSA","typ":"at+jwt","kid":"es256"}"#), UnknownKey),
        ("a key id that is a path", headed(issuer, r#"{"alg":"EdDSA","kid":"../../dev/null"}"#), UnknownKey),
        (
            "no key id and a stranger's key",
            {
                let token = issuer.stranger.sign(&claims(), "at+jwt").unwrap();
                let (_, rest) = token.split_once('.').unwrap();
                format!("{}.{rest}", encoded(r#"{"alg":"EdDSA","typ":"at+jwt"}"#))
            },
            UnknownKey,
        ),
    ]
}

#[test]
fn h05_every_hostile_token_is_refused_for_its_own_reason() {
    let issuer = Issuer::new();
    let table = hostile(&issuer);
    assert!(table.len() >= 60, "{}", table.len());
    let names: BTreeSet<&str> = table.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), table.len(), "every row has its own name");
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(name, token, reason)| match issuer.judge(token) {
            Err(found) if found == *reason => None,
            found => Some(format!("{name}: {:?}, not {reason:?}", found.map(|_| "accepted"))),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_tokens_pass() {
    let issuer = Issuer::new();
    let keys = [&issuer.es256, &issuer.es384, &issuer.eddsa];
    for key in keys {
        for typ in ["at+jwt", "JWT", "application/at+jwt"] {
            let claims = issuer.judge(&key.sign(&claims(), typ).unwrap()).unwrap();
            assert_eq!((claims.subject.as_deref(), claims.scopes.has("bundle:a")), (Some("agent"), true));
        }
    }
    for more in [
        with("exp", NOW as f64 + 0.5),
        with("exp", NOW - 59),
        with("exp", 9_999_999_999_u64),
        with("aud", json!(["billing", "open-cli"])),
        with("act", json!({"sub": "b", "act": {"sub": "a"}})),
        with("nbf", NOW + 60),
        with("scope", json!(["bundle:a", "bundle:b"])),
    ] {
        let outcome = issuer.judge(&issuer.eddsa.sign(&more, "at+jwt").unwrap());
        assert!(outcome.is_ok(), "{more:?}: {outcome:?}");
    }
    let mut by_client = without("sub");
    by_client.insert("client_id".to_owned(), "ci".into());
    let claims = issuer.judge(&issuer.eddsa.sign(&by_client, "at+jwt").unwrap()).unwrap();
    assert_eq!((claims.subject, claims.client.as_deref()), (None, Some("ci")));
}

#[test]
fn a_token_without_a_key_id_is_checked_with_every_key_that_fits() {
    let issuer = Issuer::new();
    let mut nameless = issuer.eddsa.public_jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    let document = json!({"keys": [issuer.stranger.public_jwk(), nameless]});
    let keys = KeySet::read(document.to_string().as_bytes()).unwrap().0;
    let rules = rules();
    let token = issuer.eddsa.sign(&claims(), "at+jwt").unwrap();
    let read = Unverified::read(&token, &rules, now()).unwrap();
    assert_eq!(read.check(&keys), Checked::Forged, "the key of that id is the stranger's");
    assert_eq!(read.check(&KeySet::default()), Checked::NoKey);
}

#[test]
fn every_reason_has_its_own_word() {
    use Rejection as R;
    let all = [
        R::TooLong,
        R::Malformed,
        R::Duplicate,
        R::Algorithm,
        R::Type,
        R::EmbeddedKey,
        R::Critical,
        R::IdToken,
        R::Claim,
        R::Issuer,
        R::Audience,
        R::NoExpiry,
        R::Expired,
        R::NotYet,
        R::FromTheFuture,
        R::NoPrincipal,
        R::UnknownKey,
        R::Signature,
        R::Inactive,
    ];
    let words: BTreeSet<&str> = all.iter().map(|reason| reason.word()).collect();
    let texts: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!((words.len(), texts.len()), (all.len(), all.len()));
}
