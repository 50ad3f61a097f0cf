//! Tokens from an issuer that answers from a function.

mod people;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use crate::base::form::Form;
use crate::base::host;
use crate::catalog::{AuthRequirement, OAuthFlow};
use crate::config::{ClientAuthentication, OAuthSecret};
use crate::http::{Headers, Method, Response, TransportError, TransportErrorKind};

type Answers = dyn Fn(&Request, usize) -> Result<(u16, String), TransportErrorKind> + Send + Sync;

/// Answers as told, and remembers what it was asked.
struct Issuer {
    answers: Box<Answers>,
    seen: Mutex<Vec<(String, String, Reach)>>,
}

impl Transport for Issuer {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let body = String::from_utf8(request.body.clone()).unwrap();
        let number = {
            let mut seen = host::lock(&self.seen);
            seen.push((format!("{} {}", request.method, request.url.as_str()), body, limits.reach));
            seen.len()
        };
        match (self.answers)(request, number) {
            Ok((status, body)) => {
                Ok(Response { status, headers: Headers::new(), body: body.into_bytes(), truncated: false })
            }
            Err(kind) => Err(TransportError { kind, may_have_been_sent: false, message: "it is down".to_owned() }),
        }
    }
}

/// An upstream whose issuer answers as told, at a time that the test sets.
struct World {
    issuer: Arc<Issuer>,
    upstream: Upstream,
    now: Arc<AtomicU64>,
}

impl World {
    fn new(
        answers: impl Fn(&Request, usize) -> Result<(u16, String), TransportErrorKind> + Send + Sync + 'static,
    ) -> Self {
        let issuer = Arc::new(Issuer { answers: Box::new(answers), seen: Mutex::default() });
        let now = Arc::new(AtomicU64::new(1_790_000_000));
        let told = Arc::clone(&now);
        let clock = Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(told.load(Ordering::SeqCst)));
        let env = Env::new([("SECRET".to_owned(), "s3cret".to_owned())]);
        let upstream = Upstream::new(Arc::clone(&issuer) as Arc<dyn Transport>, env, clock.clone());
        let upstream = Upstream { steady: clock, ..upstream };
        Self { issuer, upstream, now }
    }

    /// An issuer that grants a token of this life, a new one each time.
    fn granting(life: u64) -> Self {
        Self::new(move |_, number| Ok((200, granted(number, life))))
    }

    fn get(&self, settings: &OAuthSecret, refused: Option<&Obtained>) -> Result<Obtained, TokenError> {
        let recipe = Recipe::new("s.o", settings, &requirement("https://login.example/t"), false)?;
        let refused = refused.map(|obtained| &obtained.token);
        self.upstream.token(&recipe, &Api, Caller::NOBODY, refused, LIMIT)
    }

    fn seen(&self) -> Vec<String> {
        host::lock(&self.issuer.seen).iter().map(|(line, _, _)| line.clone()).collect()
    }

    fn later(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn granted(number: usize, life: u64) -> String {
    format!(r#"{{"access_token":"t-{number}","token_type":"Bearer","expires_in":{life}}}"#)
}

/// A service at `https://api.example`, whose config also names `https://named.example`.
struct Api;

impl Hosts for Api {
    fn may_receive(&self, target: &Url) -> Result<(), String> {
        let own = ["https://api.example", "https://named.example"].map(|url| Url::parse(url).unwrap());
        own.iter().any(|own| own.shares_origin(target)).then_some(()).ok_or_else(|| "not there".to_owned())
    }

    fn reach(&self, target: &Url) -> Reach {
        if target.host() == "named.example" { Reach::Named } else { Reach::PublicOnly }
    }
}

/// A scheme whose flow leads to this token URL.
fn requirement(token_url: &str) -> AuthRequirement {
    let flow =
        OAuthFlow { mode: "clientCredentials".to_owned(), token_url: token_url.to_owned(), ..OAuthFlow::default() };
    AuthRequirement { kind: "oauth2".to_owned(), oauth_flows: vec![flow], ..AuthRequirement::default() }
}

fn client() -> OAuthSecret {
    OAuthSecret {
        client_id: Some(SecretRef::Literal(Redacted::new("me".to_owned()))),
        client_secret: Some(SecretRef::Env("SECRET".to_owned())),
        ..OAuthSecret::new(OAuthMode::ClientCredentials)
    }
}

fn named() -> OAuthSecret {
    OAuthSecret { token_url: Url::parse("https://login.example/named").ok(), ..client() }
}

fn url(text: &str) -> Option<Url> {
    Some(Url::parse(text).unwrap())
}

#[test]
fn a_token_is_asked_for_as_the_config_says() {
    let world = World::granting(3600);
    let settings = OAuthSecret {
        scopes: vec!["b".to_owned(), "a".to_owned()],
        audience: Some("api".to_owned()),
        resource: Some("https://api.example/".to_owned()),
        ..named()
    };
    assert_eq!(world.get(&settings, None).unwrap().token.expose(), "t-1");
    world.get(&OAuthSecret { client_authentication: ClientAuthentication::Basic, ..settings }, None).unwrap();
    let seen = host::lock(&world.issuer.seen);
    let forms: Vec<Form> = seen.iter().map(|(_, body, _)| Form::parse(body)).collect();
    let wanted = [
        ("grant_type", "client_credentials"),
        ("scope", "a b"),
        ("audience", "api"),
        ("resource", "https://api.example/"),
    ];
    for (form, secret) in forms.iter().zip([Some("s3cret"), None]) {
        wanted.iter().for_each(|(name, value)| assert_eq!(form.get(name), Some(*value)));
        assert_eq!(form.get("client_secret"), secret);
    }
}

#[test]
fn h34_tokens_are_kept_and_asked_for_again_before_they_end() {
    let world = World::granting(3600);
    let obtained = |kept, token: &str| Obtained { token: Redacted::new(token.to_owned()), kept };
    assert_eq!(world.get(&named(), None).unwrap(), obtained(false, "t-1"));
    world.later(3500);
    assert_eq!(world.get(&named(), None).unwrap(), obtained(true, "t-1"));
    world.later(80);
    assert_eq!(world.get(&named(), None).unwrap(), obtained(false, "t-2"));
    let kept = world.get(&named(), None).unwrap();
    assert_eq!(world.get(&named(), Some(&kept)).unwrap(), obtained(false, "t-3"));
    // Who was refused the same one a little later finds the other.
    assert_eq!(world.get(&named(), Some(&kept)).unwrap(), obtained(true, "t-3"));
    let other = OAuthSecret { scopes: vec!["x".to_owned()], ..named() };
    assert_eq!(world.get(&other, None).unwrap(), obtained(false, "t-4"));
}

#[test]
fn h34_a_failure_locks_nothing_out_and_shows_no_secret() {
    let world = World::new(|request, number| match number {
        1 => Err(TransportErrorKind::Connect),
        2 => Ok((503, "busy".to_owned())),
        3 => Ok((
            401,
            format!(r#"{{"error":"invalid_client","error_description":"{}"}}"#, String::from_utf8_lossy(&request.body)),
        )),
        number => Ok((200, granted(number, 60))),
    });
    for part in ["gave no answer: it is down", "answered HTTP 503", "invalid_client"] {
        let error = world.get(&named(), None).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "H24: {error}");
    }
    assert_eq!(world.get(&named(), None).unwrap().token.expose(), "t-4");
    let missing = OAuthSecret { client_secret: Some(SecretRef::Env("NONE".to_owned())), ..named() };
    assert!(
        world
            .get(&missing, None)
            .unwrap_err()
            .to_string()
            .contains("clientSecret of secrets[\"s.o\"]: the environment")
    );
    let nobody = OAuthSecret { client_id: None, ..named() };
    assert!(world.get(&nobody, None).unwrap_err().to_string().contains("has no `clientId`"));
    assert_eq!(world.seen().len(), 4);
}

#[test]
fn h34_a_token_serves_to_its_end_while_the_issuer_is_away() {
    let world = World::new(|_, number| match number {
        1 => Ok((200, granted(1, 3600))),
        _ => Err(TransportErrorKind::Connect),
    });
    let first = world.get(&named(), None).unwrap();
    world.later(3580);
    assert_eq!(world.get(&named(), None).unwrap().token, first.token);
    assert!(world.get(&named(), Some(&first)).is_err(), "the upstream does not take it");
    world.later(20);
    assert!(world.get(&named(), None).is_err());
    assert_eq!(world.seen().len(), 4);
}

#[test]
fn many_callers_make_one_request() {
    let (come, there) = (Arc::new(AtomicU64::default()), 20);
    let waiting = Arc::clone(&come);
    let world = World::new(move |_, number| {
        let deadline = Deadline::after(Duration::from_secs(20));
        while waiting.load(Ordering::SeqCst) < there && !deadline.passed() {
            std::thread::yield_now();
        }
        Ok((200, granted(number, 3600)))
    });
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let ask = || {
            come.fetch_add(1, Ordering::SeqCst);
            world.get(&named(), None).unwrap().token.expose().clone()
        };
        let threads: Vec<_> = (0..there).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(tokens, vec!["t-1"; 20]);
    assert_eq!(world.seen(), ["POST https://login.example/named"]);
}

/// Whom a flow of the description may lead to.
#[track_caller]
fn check_flow(token_url: &str, reached: Option<Reach>) {
    let world = World::granting(60);
    let (settings, requirement) = (client(), requirement(token_url));
    let recipe = Recipe::new("s.o", &settings, &requirement, false).unwrap();
    let found = world.upstream.token(&recipe, &Api, Caller::NOBODY, None, LIMIT);
    match reached {
        Some(reach) => assert_eq!((found.is_ok(), host::lock(&world.issuer.seen)[0].2), (true, reach)),
        None => {
            assert!(
                found
                    .unwrap_err()
                    .to_string()
                    .contains("where only a fetched document leads; if that is right, set its `tokenURL`")
            );
            assert!(world.seen().is_empty(), "nothing was asked");
        }
    }
}

#[test]
fn h17_a_description_leads_a_client_to_the_services_own_hosts_only() {
    check_flow("https://api.example/t", Some(Reach::PublicOnly));
    check_flow("https://named.example/t", Some(Reach::Named));
    check_flow("https://evil.example/t", None);
    check_flow("http://api.example/t", None);
}

/// An issuer whose metadata names this token endpoint.
fn discovered(
    settings: &OAuthSecret,
    requirement: &AuthRequirement,
    issuer: &'static str,
    token: &'static str,
) -> (Result<Obtained, TokenError>, Vec<String>) {
    let world = World::new(move |request, number| match request.method {
        Method::Post => Ok((200, granted(number, 60))),
        _ if request.url.as_str().ends_with("/openid-configuration") => {
            Ok((200, format!(r#"{{"issuer":"{issuer}","token_endpoint":"{token}"}}"#)))
        }
        _ => Ok((404, String::new())),
    });
    let recipe = Recipe::new("s.o", settings, requirement, false).unwrap();
    let found = world.upstream.token(&recipe, &Api, Caller::NOBODY, None, LIMIT);
    (found, world.seen())
}

#[test]
fn h17_an_issuers_word_counts_for_its_own_origin() {
    let settings = OAuthSecret { issuer: url("https://login.example/realm"), ..client() };
    let plain = AuthRequirement::default();
    let ask = |issuer, token| discovered(&settings, &plain, issuer, token);
    let (found, seen) = ask("https://login.example/realm", "https://login.example/t");
    assert_eq!(found.unwrap().token.expose(), "t-2");
    assert_eq!(
        seen,
        ["GET https://login.example/realm/.well-known/openid-configuration", "POST https://login.example/t"]
    );
    assert!(ask("https://login.example/realm/", "https://named.example/t").0.is_ok());
    let (found, seen) = ask("https://login.example/realm", "https://evil.example/t");
    assert!(found.unwrap_err().to_string().contains("does not show itself at evil.example") && seen.len() == 1);
    let (found, _) = ask("https://other.example", "https://login.example/t");
    assert!(matches!(found, Err(TokenError::Failed(_))));
    let elsewhere = OAuthSecret { token_url: url("https://evil.example/t"), ..settings.clone() };
    assert!(discovered(&elsewhere, &plain, "", "").0.is_ok(), "the config names it");
}

#[test]
fn h17_an_openid_address_of_a_description_leads_to_the_services_own_hosts_only() {
    let at = |address: &str| AuthRequirement {
        kind: "openIdConnect".to_owned(),
        open_id_connect_url: address.to_owned(),
        ..AuthRequirement::default()
    };
    let own = at("https://login.example/.well-known/openid-configuration");
    let (found, seen) = discovered(&client(), &own, "https://login.example", "https://api.example/t");
    assert!(found.is_ok() && seen[0].ends_with("/.well-known/openid-configuration"), "{seen:?}");
    let (found, seen) = discovered(&client(), &own, "https://login.example", "https://login.example/t");
    assert!(found.unwrap_err().to_string().contains("login.example") && seen.len() == 1);
    let (found, seen) = discovered(&client(), &at("https://login.example/x"), "https://login.example", "");
    assert!(found.unwrap_err().to_string().contains("does not end in") && seen.is_empty());
}

#[test]
fn metadata_is_remembered_until_something_fails() {
    let world = World::new(|request, number| match (request.method, number) {
        (Method::Get, _) => {
            Ok((200, r#"{"issuer":"https://login.example","token_endpoint":"https://login.example/t"}"#.to_owned()))
        }
        (_, 4) => Ok((500, String::new())),
        _ => Ok((200, granted(number, 60))),
    });
    let settings = OAuthSecret { issuer: url("https://login.example"), ..client() };
    for (done, gets) in [(true, 1), (true, 1), (false, 1), (true, 2)] {
        assert_eq!(world.get(&settings, None).is_ok(), done);
        assert_eq!(world.seen().iter().filter(|line| line.starts_with("GET")).count(), gets);
        world.later(60);
    }
}

#[test]
fn the_number_of_tokens_is_bounded() {
    let table = Table::new(2);
    let entry = |token: &str| {
        let granted = Granted { token: Redacted::new(token.to_owned()), expires_in: None, scopes: None, refresh: None };
        Entry::new(granted, &crate::oauth::scope::Scopes::default(), SystemTime::UNIX_EPOCH)
    };
    table.slot("a", || Some(entry("a")));
    table.slot("b", || Some(entry("b")));
    table.slot("a", || None);
    table.slot("c", || None);
    assert!(table.slot("a", || None).entry().is_some(), "it was used after the other");
    assert!(table.slot("b", || None).entry().is_none());
}
