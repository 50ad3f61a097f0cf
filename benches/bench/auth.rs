//! A token to a principal and its envelope, in this process: remembered, and seen for the first time.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use open_cli::access::Principal;
use open_cli::access::validator::{Tools, Validator};
use open_cli::base::host::{Clock, Env};
use open_cli::base::log::Log;
use open_cli::base::url::Url;
use open_cli::catalog::view::ReadyCatalog;
use open_cli::config::{Config, Policy, ServerAuth, ValidationProfile};
use open_cli::http::{Headers, Limits, Request, Response, Transport, TransportError};
use open_cli::oauth::keys::{Algorithm, SigningKey, VerifyingKey};
use open_cli::server::snapshot::Shelf;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::catalog::github;
use crate::measure::{Row, Samples, as_millis, interleaved};
use crate::scene::Scene;

pub(crate) const ISSUER: &str = "https://issuer.example";
/// Calls of one sample: one alone is too short for the clock.
const CALLS: u32 = 20_000;
const ROUNDS: usize = 15;
/// Tokens seen for the first time.
const TOKENS: usize = 300;

/// An issuer that is a value.
struct Issuer(Vec<u8>);

impl Transport for Issuer {
    fn send(&self, _: &Request, _: Limits) -> Result<Response, TransportError> {
        Ok(Response { status: 200, headers: Headers::new(), body: self.0.clone(), truncated: false })
    }
}

/// Both, on the GitHub catalog, whose envelope masks are the largest at hand.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let key = SigningKey::generate(Algorithm::Rs256, "bench").expect("an RSA key can be made");
    let jwk = key.public_jwk();
    let keys = json!({ "keys": [jwk] }).to_string().into_bytes();
    let tools =
        Tools { transport: Arc::new(Issuer(keys)), clock: Clock::system(), env: Env::default(), log: Log::silent() };
    let validator = Validator::new(auth(), tools).unwrap();
    let shelf = Shelf::new(ReadyCatalog::new(github(scene)), &Config::default());
    let scopes = scopes(&shelf);
    let tokens: Vec<String> = (0..=TOKENS).map(|number| token(&key, &scopes, number)).collect();
    vec![remembered(&validator, &shelf, &tokens[0]), first_sight(&validator, &tokens[1..], &jwk)]
}

/// One service, and three of its tools.
fn scopes(shelf: &Shelf) -> String {
    let tools = (0..3).map(|at| format!("tool:{}", shelf.catalog.tool(at).id));
    let service = format!("bundle:{}", shelf.catalog.tool(0).service_id);
    std::iter::once(service).chain(tools).collect::<Vec<_>>().join(" ")
}

fn remembered(validator: &Validator, shelf: &Shelf, token: &str) -> Row {
    let policy = Policy::default();
    let reach = || {
        let admitted = validator.authenticate(token).unwrap();
        shelf.envelope(&Principal::Token(admitted.caller), &policy)
    };
    assert!(reach().count() > 0 && reach().count() < shelf.catalog.len(), "the scopes reach a part of the catalog");
    let per_call = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..CALLS).for_each(|_| work());
        as_millis(start.elapsed()) * 1e3 / f64::from(CALLS)
    };
    let [samples, hash] = interleaved(
        ROUNDS,
        [&mut || per_call(&mut || drop(std::hint::black_box(reach()))), &mut || {
            per_call(&mut || {
                std::hint::black_box(Sha256::digest(token.as_bytes()));
            })
        }],
    );
    let row = Row::new("remembered token to principal and mask", "us", samples).peer("its SHA-256 alone", hash);
    let median = row.median();
    row.at_most("us", median, 3.0)
}

fn first_sight(validator: &Validator, tokens: &[String], jwk: &Value) -> Row {
    let bare = VerifyingKey::from_jwk(jwk).unwrap();
    let (mut seen, mut verified) = (Vec::new(), Vec::new());
    for token in tokens {
        let start = Instant::now();
        assert!(validator.authenticate(token).unwrap().fresh);
        seen.push(as_millis(start.elapsed()));
        let start = Instant::now();
        bare.verify(token, Algorithm::Rs256).unwrap();
        verified.push(as_millis(start.elapsed()));
    }
    let row = Row::new("RS256 token seen for the first time", "ms", Samples::new(seen))
        .peer("its signature alone", Samples::new(verified));
    let median = row.median();
    row.at_most("ms", median, 0.5)
}

fn auth() -> ServerAuth {
    ServerAuth {
        profile: ValidationProfile::OidcJwks {
            issuer: ISSUER.to_owned(),
            jwks_url: Some(Url::parse("https://issuer.example/keys").unwrap()),
        },
        audience: "open-cli-toolbox".to_owned(),
        authorization_url: None,
        token_url: None,
        browser_client_id: None,
        algorithms: vec!["RS256".to_owned()],
        clock_skew: Duration::from_secs(60),
    }
}

pub(crate) fn token(key: &SigningKey, scopes: &str, number: usize) -> String {
    let now = Clock::system().now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims: Map<String, Value> = json!({
        "iss": ISSUER, "sub": "agent-1", "client_id": "agent-1", "aud": "open-cli-toolbox", "jti": number.to_string(),
        "scope": scopes, "iat": now, "exp": now + 3600,
    })
    .as_object()
    .unwrap()
    .clone();
    key.sign(&claims, "at+jwt").unwrap()
}
