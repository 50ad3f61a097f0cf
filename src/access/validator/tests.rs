//! Whole validators over an issuer that is a value.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use super::*;
use crate::base::host;
use crate::base::redacted::Redacted;
use crate::http::{Headers, Request, Response, TransportError, TransportErrorKind};
use crate::oauth::keys::SigningKey;

const ISSUER: &str = "https://i.example";
const START: u64 = 1_800_000_000;

/// One answer for every request; `None`: nobody answers.
#[derive(Default)]
struct Web {
    answer: Mutex<Option<(u16, String)>>,
    asked: Mutex<Vec<Request>>,
    /// Held while an answer is made, so that a test can keep callers waiting.
    gate: Mutex<()>,
}

impl Transport for Web {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        self.asked.lock().unwrap().push(request.clone());
        drop(self.gate.lock().unwrap());
        match &*self.answer.lock().unwrap() {
            Some((status, body)) => {
                Ok(Response { status: *status, headers: Headers::new(), body: body.clone().into(), truncated: false })
            }
            None => Err(TransportError {
                kind: TransportErrorKind::Timeout,
                may_have_been_sent: true,
                message: "i.example did not answer in time".to_owned(),
            }),
        }
    }
}

struct World {
    web: Arc<Web>,
    time: Arc<AtomicU64>,
    tools: Tools,
}

impl World {
    fn new() -> Self {
        let (web, time) = (Arc::new(Web::default()), Arc::new(AtomicU64::new(START)));
        let now = Arc::clone(&time);
        let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst)));
        let transport = Arc::clone(&web) as Arc<dyn Transport>;
        let env = Env::new([("SECRET".to_owned(), "hunter2".to_owned())]);
        Self { web, time, tools: Tools { transport, clock, env, log: Log::silent() } }
    }

    fn answers(&self, status: u16, body: &Value) {
        *self.web.answer.lock().unwrap() = Some((status, body.to_string()));
    }

    fn is_down(&self) {
        *self.web.answer.lock().unwrap() = None;
    }

    fn pass(&self, seconds: u64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.web.asked.lock().unwrap().len()
    }

    fn validator(&self, profile: ValidationProfile) -> Validator {
        Validator::new(auth(profile), self.tools.clone()).unwrap()
    }
}

fn auth(profile: ValidationProfile) -> ServerAuth {
    ServerAuth {
        profile,
        audience: "open-cli".to_owned(),
        authorization_url: None,
        token_url: None,
        browser_client_id: None,
        algorithms: vec!["EdDSA".to_owned(), "ES256".to_owned()],
        clock_skew: Duration::from_secs(60),
    }
}

fn by_keys() -> ValidationProfile {
    ValidationProfile::OidcJwks {
        issuer: ISSUER.to_owned(),
        jwks_url: Some(Url::parse("https://i.example/keys").unwrap()),
    }
}

fn by_asking(remember: u64) -> ValidationProfile {
    ValidationProfile::OAuth2Introspection {
        introspection_url: Url::parse("https://i.example/introspect").unwrap(),
        issuer: None,
        client_id: Some(SecretRef::Literal(Redacted::new("toolbox".to_owned()))),
        client_secret: Some(SecretRef::Env("SECRET".to_owned())),
        client_authentication: ClientAuthentication::Basic,
        cache: Duration::from_secs(remember),
    }
}

fn key(id: &str) -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa, id).unwrap()
}

fn keys(of: &[&SigningKey]) -> Value {
    json!({"keys": of.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()})
}

fn token(key: &SigningKey, life: u64) -> String {
    let claims: Map<String, Value> = json!({
        "iss": ISSUER, "sub": "ada", "aud": "open-cli", "scope": "bundle:a", "iat": START, "exp": START + life,
    })
    .as_object()
    .unwrap()
    .clone();
    key.sign(&claims, "at+jwt").unwrap()
}

fn outcome(validator: &Validator, token: &str) -> Result<(String, bool), Refused> {
    validator.authenticate(token).map(|admitted| (admitted.caller.value.clone(), admitted.fresh))
}

#[test]
fn h05_a_good_token_is_checked_once_and_forgotten_in_time() {
    let (world, key) = (World::new(), key("a"));
    let validator = world.validator(by_keys());
    world.answers(200, &keys(&[&key]));
    let good = token(&key, 300);
    assert_eq!(outcome(&validator, &good), Ok(("ada".to_owned(), true)));
    assert_eq!(outcome(&validator, &good), Ok(("ada".to_owned(), false)));
    world.pass(359);
    assert_eq!(outcome(&validator, &good), Ok(("ada".to_owned(), false)), "within the tolerance");
    world.pass(1);
    assert_eq!(outcome(&validator, &good), Err(Refused::Invalid(Rejection::Expired)));
    validator.tend();
    assert_eq!(validator.remembered.read().unwrap().len(), 0);
}

#[test]
fn h04_a_withdrawn_key_takes_its_tokens_along() {
    let (world, old, new) = (World::new(), key("old"), key("new"));
    let validator = world.validator(by_keys());
    world.answers(200, &keys(&[&old]));
    let (first, second) = (token(&old, 3000), token(&new, 3000));
    assert_eq!(outcome(&validator, &first), Ok(("ada".to_owned(), true)));
    assert_eq!(outcome(&validator, &second), Err(Refused::Invalid(Rejection::UnknownKey)));
    world.answers(200, &keys(&[&new]));
    world.pass(10);
    assert_eq!(outcome(&validator, &second), Ok(("ada".to_owned(), true)), "rotation needs no restart");
    assert_eq!(outcome(&validator, &first), Err(Refused::Invalid(Rejection::UnknownKey)));
}

#[test]
fn h04_the_issuer_may_be_down() {
    let (world, key) = (World::new(), key("a"));
    let validator = world.validator(by_keys());
    let good = token(&key, 3000);
    world.is_down();
    assert_eq!(outcome(&validator, &good), Err(Refused::Unavailable), "never let in, never called bad");
    world.answers(200, &keys(&[&key]));
    world.pass(10);
    assert_eq!(outcome(&validator, &good), Ok(("ada".to_owned(), true)));
    world.is_down();
    world.pass(1000);
    validator.tend();
    assert_eq!(outcome(&validator, &good), Ok(("ada".to_owned(), false)));
    assert_eq!(outcome(&validator, &token(&key, 2999)), Ok(("ada".to_owned(), true)), "its key is known");
}

#[test]
fn h04_hopeless_tokens_never_reach_the_issuer() {
    let (world, key) = (World::new(), key("a"));
    let validator = world.validator(by_keys());
    world.answers(200, &keys(&[&key]));
    for hopeless in ["", "a.b.c", &"x".repeat(20_000), &token(&key, 300).replace('.', "")] {
        assert!(matches!(outcome(&validator, hopeless), Err(Refused::Invalid(_))));
    }
    world.pass(1000);
    assert_eq!(outcome(&validator, &token(&key, 300)), Err(Refused::Invalid(Rejection::Expired)));
    assert_eq!(world.asked(), 0);
}

#[test]
fn h07_introspection_lets_in_whom_the_issuer_vouches_for() {
    let world = World::new();
    let validator = world.validator(by_asking(0));
    world.answers(200, &json!({"active": true, "sub": "ada", "aud": "open-cli", "scope": "bundle:a"}));
    assert_eq!(outcome(&validator, "opaque"), Ok(("ada".to_owned(), true)));
    assert_eq!(outcome(&validator, "opaque"), Ok(("ada".to_owned(), true)), "nothing is remembered unless asked for");
    assert_eq!(world.asked(), 2);
    let sent = world.web.asked.lock().unwrap()[0].clone();
    assert!(sent.headers.get("Authorization").unwrap().starts_with("Basic "));
    assert_eq!(validator.authenticate("opaque").unwrap().caller.issuer, "https://i.example/introspect");
    world.answers(200, &json!({"active": false}));
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Invalid(Rejection::Inactive)));
    world.answers(401, &json!({}));
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Unavailable));
    world.answers(500, &json!({"active": true, "sub": "ada", "aud": "open-cli"}));
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Unavailable));
    world.is_down();
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Unavailable));
}

#[test]
fn h07_only_good_answers_are_remembered_and_never_beyond_the_expiry() {
    let world = World::new();
    let validator = world.validator(by_asking(100));
    world.is_down();
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Unavailable));
    world.answers(200, &json!({"active": false}));
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Invalid(Rejection::Inactive)));
    world.answers(200, &json!({"active": true, "sub": "ada", "aud": "open-cli", "exp": START + 30}));
    assert_eq!(outcome(&validator, "opaque"), Ok(("ada".to_owned(), true)));
    world.answers(200, &json!({"active": false}));
    world.pass(29);
    assert_eq!(outcome(&validator, "opaque"), Ok(("ada".to_owned(), false)));
    world.pass(1);
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Invalid(Rejection::Inactive)));
    world.answers(200, &json!({"active": true, "client_id": "ci", "aud": ["open-cli"]}));
    assert_eq!(outcome(&validator, "other"), Ok(("ci".to_owned(), true)));
    world.pass(99);
    assert_eq!(outcome(&validator, "other"), Ok(("ci".to_owned(), false)));
    world.pass(1);
    assert_eq!(outcome(&validator, "other"), Ok(("ci".to_owned(), true)));
}

#[test]
fn h07_a_silent_endpoint_holds_few_callers() {
    let world = World::new();
    let validator = world.validator(by_asking(0));
    world.is_down();
    assert_eq!(outcome(&validator, "opaque"), Err(Refused::Unavailable));
    world.answers(200, &json!({"active": true, "sub": "ada", "aud": "open-cli"}));
    let gate = world.web.gate.lock().unwrap();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(|| outcome(&validator, "opaque"))).collect();
        // Everybody but the few who wait has been turned away by now.
        while callers.iter().filter(|caller| caller.is_finished()).count() < 20 - MAX_ASKING {
            host::sleep(Duration::from_millis(1));
        }
        drop(gate);
        let outcomes: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), MAX_ASKING);
    });
    let gate = world.web.gate.lock().unwrap();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(|| outcome(&validator, "opaque"))).collect();
        while world.asked() < 1 + MAX_ASKING + 20 {
            host::sleep(Duration::from_millis(1));
        }
        drop(gate);
        assert!(callers.into_iter().all(|caller| caller.join().unwrap().is_ok()), "it answers again");
    });
}

#[test]
fn a_secret_that_is_not_there_is_told_at_the_start() {
    let world = World::new();
    let ValidationProfile::OAuth2Introspection { introspection_url, .. } = by_asking(0) else { unreachable!() };
    let profile = ValidationProfile::OAuth2Introspection {
        introspection_url,
        issuer: None,
        client_id: Some(SecretRef::Env("NOT_SET".to_owned())),
        client_secret: None,
        client_authentication: ClientAuthentication::Post,
        cache: Duration::ZERO,
    };
    let error = Validator::new(auth(profile), world.tools).unwrap_err();
    assert!(error.contains("NOT_SET"), "{error}");
}
