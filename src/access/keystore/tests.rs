//! An issuer as a value: what it serves, and how often it is asked (H04). Time is set by hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::*;
use crate::http::{Headers, TransportError, TransportErrorKind};
use crate::oauth::keys::{Algorithm, SigningKey};

/// Answers by URL; a URL that is not there cannot be reached.
#[derive(Default)]
pub(super) struct Web {
    pages: Mutex<Vec<(String, u16, String)>>,
    asked: Mutex<Vec<(String, Reach)>>,
    /// Held while an answer is made, so that a test can keep a fetch under way.
    gate: Mutex<()>,
}

impl Transport for Web {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let url = request.url.as_str().to_owned();
        self.asked.lock().unwrap().push((url.clone(), limits.reach));
        drop(self.gate.lock().unwrap());
        let pages = self.pages.lock().unwrap();
        match pages.iter().find(|(at, ..)| *at == url) {
            Some((_, status, body)) => {
                Ok(Response { status: *status, headers: Headers::new(), body: body.clone().into(), truncated: false })
            }
            None => Err(TransportError {
                kind: TransportErrorKind::Connect,
                may_have_been_sent: false,
                message: "nobody answers".to_owned(),
            }),
        }
    }
}

impl Web {
    fn serve(&self, url: &str, status: u16, body: &Value) {
        let mut pages = self.pages.lock().unwrap();
        pages.retain(|(at, ..)| at != url);
        pages.push((url.to_owned(), status, body.to_string()));
    }

    fn close(&self) {
        self.pages.lock().unwrap().clear();
    }

    fn count(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == url).count()
    }
}

const ISSUER: &str = "https://i.example/realm";
const KEYS: &str = "https://i.example/keys";
const DISCOVERY: &str = "https://i.example/realm/.well-known/openid-configuration";
const OLDER_DISCOVERY: &str = "https://i.example/.well-known/oauth-authorization-server/realm";

struct World {
    web: Arc<Web>,
    time: Arc<AtomicU64>,
    store: KeyStore,
}

impl World {
    fn new(jwks: Option<&str>) -> Self {
        let (web, time) = (Arc::new(Web::default()), Arc::new(AtomicU64::new(1_000_000)));
        let now = Arc::clone(&time);
        let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst)));
        let source = KeySource { issuer: ISSUER.to_owned(), jwks: jwks.map(|url| Url::parse(url).unwrap()) };
        let store = KeyStore::new(source, Arc::clone(&web) as Arc<dyn Transport>, clock, Log::silent());
        Self { web, time, store }
    }

    fn pass(&self, seconds: u64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }

    fn known(&self) -> Vec<String> {
        let keys = self.store.keys().unwrap_or_default();
        keys.candidates(None, Algorithm::EdDsa).map(|key| key.id.clone().unwrap_or_default()).collect()
    }
}

fn set(ids: &[&str]) -> Value {
    let key = |id: &&str| SigningKey::generate(Algorithm::EdDsa, id).unwrap().public_jwk();
    json!({"keys": ids.iter().map(key).collect::<Vec<_>>()})
}

#[test]
fn h04_made_up_key_ids_ask_the_issuer_once_in_ten_seconds() {
    let world = World::new(Some(KEYS));
    world.web.serve(KEYS, 200, &set(&["a"]));
    assert_eq!(world.store.renew(), Renewal::Fetched);
    world.pass(60);
    for second in 0..30 {
        for _ in 0..334 {
            let expected = if second % 10 == 0 { None } else { Some(Renewal::Recent) };
            let found = world.store.renew();
            assert!(expected.is_none_or(|expected| expected == found), "second {second}: {found:?}");
        }
        world.pass(1);
    }
    assert_eq!(world.web.count(KEYS), 4, "10,020 tokens in 30 seconds, and one before");
}

#[test]
fn h04_known_keys_serve_while_the_issuer_is_down() {
    let world = World::new(Some(KEYS));
    world.web.serve(KEYS, 200, &set(&["a"]));
    world.store.tend();
    world.web.close();
    world.pass(100_000);
    world.store.tend();
    assert_eq!(world.known(), ["a"]);
    world.pass(10);
    assert_eq!(world.store.renew(), Renewal::Unavailable, "an unknown key is nobody's fault then");
    assert_eq!(world.store.renew(), Renewal::Unavailable);
    world.web.serve(KEYS, 200, &json!({"keys": []}));
    world.pass(10);
    assert_eq!(world.store.renew(), Renewal::Unavailable, "a set without usable keys is trouble, too");
    world.web.serve(KEYS, 503, &set(&["b"]));
    world.pass(10);
    assert_eq!(world.store.renew(), Renewal::Unavailable);
    assert_eq!(world.known(), ["a"]);
}

#[test]
fn h04_rotation_is_picked_up_by_age_and_on_demand() {
    let world = World::new(Some(KEYS));
    world.web.serve(KEYS, 200, &set(&["a"]));
    world.store.tend();
    world.web.serve(KEYS, 200, &set(&["a", "b"]));
    world.pass(299);
    world.store.tend();
    assert_eq!(world.known(), ["a"], "young keys are not fetched again");
    world.pass(1);
    world.store.tend();
    assert_eq!(world.known(), ["a", "b"]);
    world.web.serve(KEYS, 200, &set(&["c"]));
    world.pass(10);
    assert_eq!(world.store.renew(), Renewal::Fetched);
    assert_eq!(world.known(), ["c"]);
}

#[test]
fn an_issuer_that_comes_late_is_asked_again_soon() {
    let world = World::new(Some(KEYS));
    world.store.tend();
    world.store.tend();
    world.pass(2);
    world.store.tend();
    assert_eq!(world.web.count(KEYS), 2);
    world.web.serve(KEYS, 200, &set(&["a"]));
    world.pass(2);
    world.store.tend();
    assert_eq!(world.known(), ["a"]);
}

#[test]
fn without_an_address_the_keys_are_discovered() {
    let world = World::new(None);
    world.web.serve(DISCOVERY, 404, &json!({}));
    world.web.serve(OLDER_DISCOVERY, 200, &json!({"issuer": ISSUER, "jwks_uri": KEYS}));
    world.web.serve(KEYS, 200, &set(&["a"]));
    world.store.tend();
    assert_eq!(world.known(), ["a"]);
    world.pass(300);
    world.store.tend();
    assert_eq!((world.web.count(OLDER_DISCOVERY), world.web.count(KEYS)), (1, 2));
    world.pass(3600);
    world.store.tend();
    assert_eq!(world.web.count(OLDER_DISCOVERY), 2);
}

#[test]
fn h27_an_issuer_leads_only_to_its_own_host_or_the_public() {
    for (jwks, reach) in [("https://i.example:8443/k", Reach::Named), ("https://keys.example/k", Reach::PublicOnly)] {
        let world = World::new(None);
        world.web.serve(DISCOVERY, 200, &json!({"issuer": ISSUER, "jwks_uri": jwks}));
        world.web.serve(jwks, 200, &set(&["a"]));
        world.store.tend();
        let asked = world.web.asked.lock().unwrap().clone();
        assert_eq!(asked.last(), Some(&(jwks.to_owned(), reach)));
    }
}

#[test]
fn another_issuers_metadata_is_not_believed() {
    let world = World::new(None);
    for url in [DISCOVERY, OLDER_DISCOVERY] {
        world.web.serve(url, 200, &json!({"issuer": "https://evil.example", "jwks_uri": KEYS}));
    }
    world.web.serve(KEYS, 200, &set(&["a"]));
    world.store.tend();
    assert_eq!((world.store.keys().is_none(), world.web.count(KEYS)), (true, 0));
}

#[test]
fn h04_a_fetch_that_hangs_holds_few_callers() {
    let world = World::new(Some(KEYS));
    world.web.serve(KEYS, 200, &set(&["a"]));
    let gate = world.web.gate.lock().unwrap();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(|| world.store.renew())).collect();
        // One fetches, some wait for it, and everybody else has been turned away by now.
        while callers.iter().filter(|caller| caller.is_finished()).count() < 20 - 1 - MAX_WAITING {
            std::thread::yield_now();
        }
        drop(gate);
        let outcomes: Vec<Renewal> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        let count = |renewal| outcomes.iter().filter(|outcome| **outcome == renewal).count();
        assert_eq!((count(Renewal::Fetched), count(Renewal::Unavailable)), (1 + MAX_WAITING, 20 - 1 - MAX_WAITING));
    });
    assert_eq!(world.web.count(KEYS), 1);
}
