//! The broker, request by request: every grant, refusal and bound.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::engine::general_purpose::STANDARD;
use serde_json::Map;

use super::*;
use crate::http::server::{Admission, Body};
use crate::http::{Headers, Response};
use crate::oauth::introspection;
use crate::oauth::jwks::KeySet;
use crate::oauth::jwt::{Checked, Rejection, Rules, Unverified};
use crate::oauth::keys::VerifyingKey;
use crate::oauth::metadata::Metadata;

const START: u64 = 1_800_000_000;
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Of [`VERIFIER`] (RFC 7636 appendix B).
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http://127.0.0.1:7777/callback";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A broker and its time.
struct Scene {
    broker: Broker,
    now: Cell<u64>,
}

struct Seen {
    status: u16,
    headers: Headers,
    text: String,
    stop: bool,
}

impl Scene {
    fn new() -> Self {
        Self::signing(Algorithm::EdDsa)
    }

    fn signing(algorithm: Algorithm) -> Self {
        let settings = Settings {
            issuer: Url::parse("http://127.0.0.1:9100").unwrap(),
            algorithm,
            token_lifetime: Duration::from_secs(300),
            audiences: vec!["open-cli-toolbox".to_owned(), "other".to_owned()],
            resources: vec!["http://127.0.0.1:8765".to_owned()],
            clients: vec![
                Client::agent("a:g%e+n t", "bundle:demo profile:reader runtime:admin", "bundle:demo"),
                Client::browser("openid bundle:demo profile:reader runtime:admin"),
                Client::toolbox("box"),
            ],
            users: User::of_evaluation(),
            control_secret: Redacted::new("control".to_owned()),
            started: UNIX_EPOCH + Duration::from_secs(START),
        };
        let count = AtomicU64::new(0);
        let entropy = move || digest(&count.fetch_add(1, Ordering::Relaxed).to_string());
        Self { broker: Broker::new(settings, Box::new(entropy)).unwrap(), now: Cell::new(START) }
    }

    fn ask(&self, call: &str, headers: &[(&str, &str)], body: &str) -> Seen {
        let (method, target) = call.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut sent = Headers::new().with("Host", "127.0.0.1:9100");
        if !body.is_empty() {
            sent = sent.with("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        }
        for (name, value) in headers {
            sent.set(name, value).unwrap();
        }
        let request = Inbound {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: sent,
            body: body.as_bytes().to_vec(),
            client: ([127, 0, 0, 1], 1).into(),
            streams: Admission::default(),
        };
        let reply = self.broker.answer(&request, UNIX_EPOCH + Duration::from_secs(self.now.get()));
        let Body::Bytes(bytes) = reply.answer.body else { panic!("the broker streams nothing") };
        Seen {
            status: reply.answer.status,
            headers: reply.answer.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
            stop: reply.stop,
        }
    }

    /// A POST of the agent, which authenticates by HTTP Basic.
    fn agent(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let secret = STANDARD.encode("open-cli-agent:a%3Ag%25e%2Bn+t");
        self.ask(&format!("POST {path}"), &[("Authorization", &format!("Basic {secret}"))], &form(fields))
    }

    /// A POST of the browser client, which only says its name.
    fn browser(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        self.ask(&format!("POST {path}"), &[], &form(&[&[("client_id", BROWSER)], fields].concat()))
    }

    fn introspect(&self, token: &str) -> Value {
        let fields = [("client_id", TOOLBOX), ("client_secret", "box"), ("token", token)];
        self.ask("POST /introspect", &[], &form(&fields)).json()
    }

    #[track_caller]
    fn is_active(&self, token: &str) -> bool {
        self.introspect(token)["active"].as_bool().unwrap()
    }

    #[track_caller]
    fn agent_token(&self, scope: &str) -> String {
        self.agent("/token", &[("grant_type", "client_credentials"), ("scope", scope)]).token()
    }

    #[track_caller]
    fn exchange(&self, parent: &str, more: &[(&str, &str)]) -> Seen {
        let fields = [("grant_type", EXCHANGE), ("subject_token", parent), ("subject_token_type", ACCESS)];
        self.agent("/token", &[&fields, more].concat())
    }

    /// Opens the login page, with some parameters instead of the usual ones.
    fn open(&self, other: &[(&str, &str)]) -> Seen {
        let usual = [
            ("response_type", "code"),
            ("client_id", BROWSER),
            ("redirect_uri", CALLBACK),
            ("state", "s t&a"),
            ("scope", "openid bundle:demo profile:reader"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = usual.into_iter().filter(|(name, _)| !other.iter().any(|(replaced, _)| replaced == name));
        let fields: Vec<_> = kept.chain(other.iter().copied()).collect();
        self.ask(&format!("GET /authorize?{}", form(&fields)), &[], "")
    }

    /// Sends the form of a page.
    fn submit(&self, page: &Seen, user: &str, code: &str, decision: &str) -> Seen {
        let hidden = |name: &str| {
            let from = page.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
            from.split_once('"').unwrap().0.to_owned()
        };
        let (request, token) = (hidden("request"), hidden("form"));
        let fields = [("request", &*request), ("form", &token), ("user", user), ("code", code), ("decision", decision)];
        self.ask("POST /authorize", &[("Origin", "http://127.0.0.1:9100")], &form(&fields))
    }

    /// Logs in, and gives the code.
    #[track_caller]
    fn code(&self, user: &str) -> String {
        let back = self.submit(&self.open(&[]), user, &self.broker.login_code(), "allow").back();
        back.get("code").expect("there is a code").to_owned()
    }

    fn redeem(&self, code: &str, other: &[(&str, &str)]) -> Seen {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let kept = usual.into_iter().filter(|(name, _)| !other.iter().any(|(replaced, _)| replaced == name));
        self.browser("/token", &kept.chain(other.iter().copied()).collect::<Vec<_>>())
    }

    fn control(&self, call: &str, secret: &str) -> Seen {
        self.ask(call, &[("Authorization", &format!("Bearer {secret}"))], "")
    }
}

impl Seen {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    fn token(&self) -> String {
        let found = self.json()["access_token"].as_str().map(str::to_owned);
        found.unwrap_or_else(|| panic!("no token: {}", self.text))
    }

    #[track_caller]
    fn refresh(&self) -> String {
        self.json()["refresh_token"].as_str().expect("there is a refresh token").to_owned()
    }

    /// The query that the browser is sent back with.
    #[track_caller]
    fn back(&self) -> Form {
        assert_eq!(self.status, 303, "{}", self.text);
        let location = self.headers.get("Location").unwrap();
        Form::parse(location.strip_prefix(CALLBACK).unwrap().strip_prefix('?').unwrap())
    }

    /// Status and error, as RFC 6749 section 5.2 wants them; an empty error stands for success.
    #[track_caller]
    fn is(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers.get("Cache-Control"), Some("no-store"), "{}", self.text);
        let found = serde_json::from_str::<Value>(&self.text).unwrap_or_default();
        assert_eq!(found["error"].as_str().unwrap_or_default(), error, "{}", self.text);
        assert_eq!(self.headers.get("WWW-Authenticate").is_some(), status == 401, "{}", self.text);
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().fold(Form::new(), |form, (name, value)| form.with(name, value)).encode()
}

fn part(token: &str, number: usize) -> Map<String, Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

fn claims(token: &str) -> Map<String, Value> {
    part(token, 1)
}

#[test]
fn both_metadata_documents_say_what_there_is() {
    let scene = Scene::new();
    let openid = scene.ask("GET /.well-known/openid-configuration", &[], "").json();
    assert_eq!(scene.ask("GET /.well-known/oauth-authorization-server", &[], "").json(), openid);
    assert_eq!(openid["issuer"], "http://127.0.0.1:9100");
    assert_eq!(openid["authorization_response_iss_parameter_supported"], true);
    assert_eq!(openid["code_challenge_methods_supported"], json!(["S256"]));
    for (name, path) in openid.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
        let path = path.as_str().unwrap().strip_prefix("http://127.0.0.1:9100").unwrap();
        assert!(ROUTES.iter().any(|(_, route, _)| *route == path), "{name}");
    }
    let page = include_str!("../../../docs/evaluation.md");
    for (method, path, _) in ROUTES {
        assert!(page.contains(&format!("`{method} {path}`")), "{method} {path} is not described");
    }
    assert_eq!(scene.ask("GET /token", &[], "").headers.get("Allow"), Some("POST"));
    assert_eq!(scene.ask("DELETE /authorize", &[], "").headers.get("Allow"), Some("GET, POST"));
    assert_eq!(scene.ask("GET /", &[], "").status, 404);
    assert_eq!(scene.ask("HEAD /jwks", &[], "").status, 200);
}

#[test]
fn every_algorithm_signs_what_its_published_key_checks() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let scene = Scene::signing(algorithm);
        let token = scene.agent_token("bundle:demo");
        let header = part(&token, 0);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm.as_str()), &json!("at+jwt")));
        let keys = scene.ask("GET /jwks", &[], "").json();
        assert_eq!(keys["keys"][0]["kid"], header["kid"]);
        let key = VerifyingKey::from_jwk(&keys["keys"][0]).unwrap();
        assert_eq!(key.verify(&token, algorithm), Ok(()));
        assert!(scene.is_active(&token));
    }
}

#[test]
fn a_client_credentials_token_has_the_agreed_claims() {
    let scene = Scene::new();
    let seen = scene.agent("/token", &[("grant_type", "client_credentials")]);
    let body = seen.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!((&body["scope"], body.get("refresh_token")), (&json!("bundle:demo"), None));
    let claims = claims(&seen.token());
    let expected = json!({
        "iss": "http://127.0.0.1:9100", "sub": AGENT, "client_id": AGENT, "aud": "open-cli-toolbox",
        "scope": "bundle:demo", "iat": START, "exp": START + 300, "jti": claims["jti"],
    });
    assert_eq!(Value::from(claims), expected);
}

#[test]
fn clients_show_who_they_are_in_one_way() {
    let scene = Scene::new();
    let check = |authorization: &str, fields: &[(&str, &str)], status: u16, error: &str| {
        let headers = [("Authorization", authorization)];
        let headers = if authorization.is_empty() { &headers[..0] } else { &headers };
        let body = form(&[&[("grant_type", "client_credentials")], fields].concat());
        scene.ask("POST /token", headers, &body).is(status, error);
    };
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let (id, secret) = (("client_id", AGENT), ("client_secret", "a:g%e+n t"));
    let good = basic("open-cli-agent:a%3Ag%25e%2Bn+t");
    check(&good, &[], 200, "");
    check(&good.replace("Basic", "bAsIc"), &[id], 200, "");
    check("", &[id, secret], 200, "");
    check(&good, &[secret], 400, "invalid_request");
    check(&good, &[("client_id", TOOLBOX)], 400, "invalid_request");
    check("", &[id, id, secret], 400, "invalid_request");
    check("", &[], 401, "invalid_client");
    check("", &[id], 401, "invalid_client");
    check("", &[id, ("client_secret", "")], 401, "invalid_client");
    check("", &[id, ("client_secret", "box")], 401, "invalid_client");
    check("", &[("client_id", "nobody"), secret], 401, "invalid_client");
    check("", &[("client_id", BROWSER), secret], 401, "invalid_client");
    check("", &[("client_id", BROWSER)], 400, "unauthorized_client");
    check("", &[("client_id", TOOLBOX), ("client_secret", "box")], 400, "unauthorized_client");
    check(&basic("open-cli-agent"), &[], 401, "invalid_client");
    check(&basic("open-cli-agent:a:g%25e%2Bn+t"), &[], 200, "");
    check(&basic("open-cli-agent:a:g%25e+n t"), &[], 401, "invalid_client");
    check("Basic !!!", &[], 401, "invalid_client");
    check("Basic", &[], 401, "invalid_client");
    check("Bearer x", &[id, secret], 401, "invalid_client");
}

#[test]
fn client_credentials_stay_inside_what_the_client_may() {
    let scene = Scene::new();
    let check = |fields: &[(&str, &str)], status: u16, error: &str| {
        let seen = scene.agent("/token", &[&[("grant_type", "client_credentials")], fields].concat());
        seen.is(status, error);
        seen.json()
    };
    assert_eq!(check(&[("scope", "runtime:admin bundle:demo")], 200, "")["scope"], "bundle:demo runtime:admin");
    assert_eq!(check(&[("scope", "tool:demo:listItems")], 200, "")["scope"], "tool:demo:listItems");
    check(&[("scope", "bundle:other")], 400, "invalid_scope");
    check(&[("scope", "tool:other:x")], 400, "invalid_scope");
    check(&[("scope", "openid")], 400, "invalid_scope");
    check(&[("scope", "a"), ("scope", "b")], 400, "invalid_request");
    let audience =
        |fields: &[(&str, &str)]| claims(check(fields, 200, "")["access_token"].as_str().unwrap())["aud"].clone();
    assert_eq!(audience(&[("audience", "other")]), "other");
    assert_eq!(audience(&[("resource", "http://127.0.0.1:8765")]), "open-cli-toolbox");
    let both = [("audience", "open-cli-toolbox"), ("resource", "http://127.0.0.1:8765")];
    assert_eq!(audience(&both), "open-cli-toolbox");
    check(&[("audience", "nobody")], 400, "invalid_target");
    check(&[("resource", "http://127.0.0.1:8765/#x")], 400, "invalid_target");
    check(&[("audience", "open-cli-toolbox"), ("audience", "other")], 400, "invalid_target");
}

#[test]
fn the_token_endpoint_takes_forms_with_a_known_grant() {
    let scene = Scene::new();
    scene.agent("/token", &[("grant_type", "password")]).is(400, "unsupported_grant_type");
    scene.agent("/token", &[("scope", "bundle:demo")]).is(400, "invalid_request");
    scene.agent("/token", &[("grant_type", "refresh_token")]).is(400, "unauthorized_client");
    scene.agent("/token", &[("grant_type", "client_credentials"), ("grant_type", "x")]).is(400, "invalid_request");
    let json = [("Content-Type", "application/json")];
    scene.ask("POST /token", &json, "{}").is(400, "invalid_request");
    scene.ask("POST /token", &[], "").is(401, "invalid_client");
}

#[test]
fn a_person_logs_in_with_the_code_of_the_terminal() {
    let scene = Scene::new();
    let page = scene.open(&[("nonce", "n1")]);
    assert_eq!(page.status, 200, "{}", page.text);
    for text in ["not for production", "open-cli-browser", "bundle:demo", "profile:reader", "ada", "ben", CALLBACK] {
        assert!(page.text.contains(text), "{text}");
    }
    assert_eq!(page.headers.get("Referrer-Policy"), Some("same-origin"));
    let back = scene.submit(&page, "ada", &scene.broker.login_code().to_lowercase(), "allow").back();
    assert_eq!((back.get("state"), back.get("iss")), (Some("s t&a"), Some("http://127.0.0.1:9100")));
    let seen = scene.redeem(back.get("code").unwrap(), &[]);
    seen.is(200, "");
    let claims = claims(&seen.token());
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("ada"), &json!(BROWSER)));
    assert_eq!(claims["scope"], "bundle:demo openid");
    assert_eq!(seen.json()["scope"], "bundle:demo openid");
    let id_token = seen.json()["id_token"].as_str().unwrap().to_owned();
    let about = part(&id_token, 1);
    assert_eq!((&about["aud"], &about["nonce"], &about["sub"]), (&json!(BROWSER), &json!("n1"), &json!("ada")));
    assert_eq!(part(&id_token, 0)["typ"], "JWT");
    assert!(!scene.is_active(&id_token), "an id token is no access token");
    scene.submit(&page, "ada", &scene.broker.login_code(), "allow").is(400, "");
}

#[test]
fn ben_gets_what_ben_may_have() {
    let scene = Scene::new();
    let seen = scene.redeem(&scene.code("ben"), &[]);
    assert_eq!(claims(&seen.token())["scope"], "openid profile:reader");
    let page = scene.open(&[("scope", "bundle:demo")]);
    let back = scene.submit(&page, "ben", &scene.broker.login_code(), "allow").back();
    assert_eq!((back.get("error"), back.get("code")), (Some("invalid_scope"), None));
}

#[test]
fn who_may_not_be_trusted_is_not_sent_back_to() {
    let scene = Scene::new();
    let check = |other: &[(&str, &str)]| {
        let seen = scene.open(other);
        assert_eq!((seen.status, seen.headers.get("Location")), (400, None), "{other:?}");
    };
    check(&[("client_id", "nobody")]);
    check(&[("client_id", AGENT)]);
    check(&[("client_id", "")]);
    check(&[("client_id", BROWSER), ("client_id", BROWSER)]);
    check(&[("redirect_uri", "http://localhost:7777/callback")]);
    check(&[("redirect_uri", "https://evil.example/callback")]);
    check(&[("redirect_uri", "")]);
    check(&[("redirect_uri", CALLBACK), ("redirect_uri", CALLBACK)]);
}

#[test]
fn authorization_requests_are_complete_or_refused() {
    let scene = Scene::new();
    let check = |other: &[(&str, &str)], error: &str| {
        let back = scene.open(other).back();
        assert_eq!(back.get("error"), Some(error), "{other:?}");
        assert_eq!((back.get("state"), back.get("iss")), (Some("s t&a"), Some("http://127.0.0.1:9100")), "{other:?}");
    };
    check(&[("response_type", "token")], "unsupported_response_type");
    check(&[("response_type", "")], "invalid_request");
    check(&[("response_mode", "fragment")], "invalid_request");
    check(&[("code_challenge", "")], "invalid_request");
    check(&[("code_challenge", "short")], "invalid_request");
    check(&[("code_challenge_method", "plain")], "invalid_request");
    check(&[("code_challenge_method", "")], "invalid_request");
    check(&[("scope", "bundle:other")], "invalid_scope");
    check(&[("audience", "nobody")], "invalid_target");
    check(&[("prompt", "none")], "login_required");
    check(&[("nonce", &"n".repeat(3000))], "invalid_request");
    check(&[("scope", "openid"), ("scope", "openid")], "invalid_request");
    assert_eq!(scene.open(&[("state", &"s".repeat(3000))]).back().get("error"), Some("invalid_request"));
}

#[test]
fn five_wrong_codes_close_the_page_until_the_code_is_a_new_one() {
    let scene = Scene::new();
    let page = scene.open(&[]);
    for _ in 0..5 {
        assert_eq!(scene.submit(&page, "ada", "WRONG", "allow").status, 403);
    }
    let locked = scene.submit(&page, "ada", &scene.broker.login_code(), "allow");
    assert!(locked.status == 403 && locked.text.contains("Too many wrong codes"), "{}", locked.text);
    assert!(scene.open(&[]).text.contains("Too many wrong codes"));
    let old = scene.broker.login_code();
    let status = scene.control("POST /control/rotate", "control").json();
    assert_eq!((&status["loginCode"], &status["loginTriesLeft"]), (&json!(scene.broker.login_code()), &json!(5)));
    assert_ne!(scene.broker.login_code(), old);
    assert!(scene.submit(&page, "ada", &scene.broker.login_code(), "allow").back().get("code").is_some());
}

#[test]
fn a_page_is_answered_by_its_own_form_once_and_in_time() {
    let scene = Scene::new();
    let code = scene.broker.login_code();
    let page = scene.open(&[]);
    let forged = Seen { text: page.text.replace("name=\"form\" value=\"", "name=\"form\" value=\"x"), ..page };
    scene.submit(&forged, "ada", &code, "allow").is(400, "");
    let page = scene.open(&[]);
    assert_eq!(scene.submit(&page, "eve", &code, "allow").status, 403, "an unknown user");
    let back = scene.submit(&page, "", "", "deny").back();
    assert_eq!((back.get("error"), back.get("state")), (Some("access_denied"), Some("s t&a")));
    scene.submit(&page, "ada", &code, "allow").is(400, "");
    let page = scene.open(&[]);
    scene.now.set(START + 600);
    scene.submit(&page, "ada", &code, "allow").is(400, "");
}

#[test]
fn foreign_pages_are_not_answered() {
    let scene = Scene::new();
    for header in [("Host", "evil.example:9100"), ("Origin", "http://evil.example"), ("Origin", "null")] {
        assert_eq!(scene.ask("GET /jwks", &[header], "").status, 403, "{header:?}");
    }
    assert_eq!(scene.ask("POST /token", &[("Sec-Fetch-Site", "cross-site")], "").status, 403);
}

#[test]
fn a_code_is_bound_to_its_request() {
    let scene = Scene::new();
    let check = |other: &[(&str, &str)], error: &str| {
        let code = scene.code("ada");
        scene.redeem(&code, other).is(400, error);
        if error == "invalid_grant" {
            scene.redeem(&code, &[]).is(400, "invalid_grant");
        }
    };
    check(&[("redirect_uri", "http://127.0.0.1:7778/callback")], "invalid_grant");
    check(&[("code_verifier", &"x".repeat(43))], "invalid_grant");
    check(&[("code_verifier", "short")], "invalid_grant");
    check(&[("redirect_uri", "")], "invalid_request");
    check(&[("code_verifier", "")], "invalid_request");
    check(&[("code", "")], "invalid_request");
    scene.redeem("unknown", &[]).is(400, "invalid_grant");
    let code = scene.code("ada");
    scene.now.set(START + 60);
    scene.redeem(&code, &[]).is(400, "invalid_grant");
}

#[test]
fn a_code_works_for_its_client_only() {
    let mut scene = Scene::new();
    let mut other = Client::browser("openid bundle:demo");
    other.id = "other".to_owned();
    scene.broker.settings.clients.push(other);
    let code = scene.code("ada");
    let fields = [
        ("client_id", "other"),
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    scene.ask("POST /token", &[], &form(&fields)).is(400, "invalid_grant");
    let refresh = scene.redeem(&code, &[]).refresh();
    let fields = [("client_id", "other"), ("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    scene.ask("POST /token", &[], &form(&fields)).is(400, "invalid_grant");
    let fields = [("client_id", "other"), ("token", &*refresh)];
    scene.ask("POST /revoke", &[], &form(&fields)).is(400, "invalid_grant");
    scene.browser("/token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).is(200, "");
}

#[test]
fn a_replayed_code_revokes_what_it_gave() {
    let scene = Scene::new();
    let code = scene.code("ada");
    let seen = scene.redeem(&code, &[]);
    let child = scene.exchange(&seen.token(), &[]).token();
    let bystander = scene.redeem(&scene.code("ada"), &[]);
    assert!(scene.is_active(&seen.token()) && scene.is_active(&child));
    scene.redeem(&code, &[]).is(400, "invalid_grant");
    assert!(!scene.is_active(&seen.token()) && !scene.is_active(&child));
    scene
        .browser("/token", &[("grant_type", "refresh_token"), ("refresh_token", &seen.refresh())])
        .is(400, "invalid_grant");
    assert!(scene.is_active(&bystander.token()));
}

#[test]
fn refresh_tokens_rotate_and_their_reuse_ends_the_login() {
    let scene = Scene::new();
    let first = scene.redeem(&scene.code("ada"), &[]);
    let again = |token: &str, more: &[(&str, &str)]| {
        scene.browser("/token", &[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat())
    };
    again(&first.refresh(), &[("scope", "runtime:admin")]).is(400, "invalid_scope");
    scene.now.set(START + 1000);
    let second = again(&first.refresh(), &[("scope", "tool:demo:listItems")]);
    assert_eq!(claims(&second.token())["scope"], "tool:demo:listItems");
    let third = again(&second.refresh(), &[]);
    assert_eq!(claims(&third.token())["scope"], "bundle:demo openid", "the login's scopes come back");
    assert_eq!(third.json().get("id_token"), None);
    again(&first.refresh(), &[]).is(400, "invalid_grant");
    again(&third.refresh(), &[]).is(400, "invalid_grant");
    assert!(!scene.is_active(&third.token()));
    again("unknown", &[]).is(400, "invalid_grant");
    again("", &[]).is(400, "invalid_request");
    let late = scene.redeem(&scene.code("ada"), &[]);
    scene.now.set(START + 1000 + REFRESH_LIFETIME);
    again(&late.refresh(), &[]).is(400, "invalid_grant");
}

#[test]
fn a_login_that_ended_meanwhile_gives_no_more_tokens() {
    let broker = Scene::new().broker;
    let login = token::Refresh {
        family: "f".to_owned(),
        client: BROWSER.to_owned(),
        subject: "ada".to_owned(),
        audience: "other".to_owned(),
        scopes: Scopes::parse("bundle:demo"),
        used: true,
        until: START + 1000,
    };
    assert!(broker.logged_in(&login, None, START).is_ok());
    broker.state().end_login("f", START, 300);
    assert_eq!(broker.logged_in(&login, None, START).unwrap_err().code, Code::InvalidGrant);
}

#[test]
fn h44_an_exchanged_token_says_for_whom_and_by_whom() {
    let scene = Scene::new();
    let parent = scene.redeem(&scene.code("ada"), &[]).token();
    scene.now.set(START + 100);
    let more = [("scope", "tool:demo:listItems"), ("actor_id", "somebody"), ("agent_profile", "reader")];
    let seen = scene.exchange(&parent, &more);
    seen.is(200, "");
    let body = seen.json();
    assert_eq!((&body["issued_token_type"], &body["token_type"]), (&json!(ACCESS), &json!("Bearer")));
    assert_eq!((&body["expires_in"], body.get("refresh_token")), (&json!(200), None));
    let child = claims(&seen.token());
    assert_eq!((&child["sub"], &child["client_id"]), (&json!("ada"), &json!(AGENT)));
    assert_eq!((&child["act"], &child["delegated_by"]), (&json!({ "sub": AGENT }), &json!("ada")));
    assert_eq!((&child["exp"], &child["scope"]), (&json!(START + 300), &json!("tool:demo:listItems")));
    assert!(child["delegation_id"].as_str().is_some_and(|id| id.len() == 22));
    let grandchild = claims(&scene.exchange(&seen.token(), &[]).token());
    assert_eq!(grandchild["act"], json!({ "sub": AGENT, "act": { "sub": AGENT } }));
    assert_eq!(grandchild["scope"], "tool:demo:listItems");
    assert_ne!(grandchild["delegation_id"], child["delegation_id"]);
    assert_eq!(scene.introspect(&seen.token())["act"], child["act"]);
}

#[test]
fn h44_exchanges_are_to_the_letter() {
    let scene = Scene::new();
    let parent = scene.agent_token("bundle:demo");
    let check = |more: &[(&str, &str)], status: u16, error: &str| scene.exchange(&parent, more).is(status, error);
    check(&[("requested_token_type", ACCESS), ("scope", "bundle:demo")], 200, "");
    check(&[("requested_token_type", "urn:ietf:params:oauth:token-type:jwt")], 200, "");
    check(&[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")], 400, "invalid_request");
    check(&[("actor_token", &parent), ("actor_token_type", ACCESS)], 400, "invalid_request");
    check(&[("actor_token_type", ACCESS)], 400, "invalid_request");
    check(&[("scope", "bundle:demo runtime:admin")], 400, "invalid_scope");
    check(&[("scope", "profile:reader")], 400, "invalid_scope");
    check(&[("scope", "tool:other:x")], 400, "invalid_scope");
    check(&[("audience", "nobody")], 400, "invalid_target");
    check(&[("audience", "other")], 200, "");
    check(&[("subject_token", "x")], 400, "invalid_request");
    let raw = |fields: &[(&str, &str)]| scene.agent("/token", &[&[("grant_type", EXCHANGE)], fields].concat());
    raw(&[("subject_token", &parent)]).is(400, "invalid_request");
    raw(&[("subject_token_type", ACCESS)]).is(400, "invalid_request");
    raw(&[("subject_token", "a.b.c"), ("subject_token_type", ACCESS)]).is(400, "invalid_request");
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    raw(&[("subject_token", &parent), ("subject_token_type", saml)]).is(400, "invalid_request");
    let narrow = scene.agent_token("bundle:demo tool:demo:a");
    scene.exchange(&narrow, &[("scope", "bundle:demo")]).is(400, "invalid_scope");
    scene.now.set(START + 300);
    check(&[], 400, "invalid_request");
}

#[test]
fn h44_exchanges_have_an_end() {
    let scene = Scene::new();
    let mut token = scene.agent_token("bundle:demo");
    for _ in 0..8 {
        token = scene.exchange(&token, &[]).token();
    }
    scene.exchange(&token, &[]).is(400, "invalid_request");
}

#[test]
fn a_public_client_exchanges_its_own_tokens_only() {
    let scene = Scene::new();
    let exchange = |token: &str| {
        let fields = [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS)];
        scene.browser("/token", &fields)
    };
    exchange(&scene.redeem(&scene.code("ada"), &[]).token()).is(200, "");
    exchange(&scene.agent_token("bundle:demo")).is(400, "invalid_request");
}

#[test]
fn introspection_is_for_clients_with_a_secret() {
    let scene = Scene::new();
    let token = scene.agent_token("bundle:demo");
    let about = scene.introspect(&token);
    assert_eq!((&about["active"], &about["aud"]), (&json!(true), &json!("open-cli-toolbox")));
    assert_eq!((&about["scope"], &about["token_type"]), (&json!("bundle:demo"), &json!("Bearer")));
    scene.agent("/introspect", &[("token", &token), ("token_type_hint", "access_token")]).is(200, "");
    scene.browser("/introspect", &[("token", &token)]).is(401, "invalid_client");
    scene.ask("POST /introspect", &[], &form(&[("token", &token)])).is(401, "invalid_client");
    scene.agent("/introspect", &[]).is(400, "invalid_request");
    let (head, tail) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}{}", if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..]);
    for unknown in ["x", "a.b.c", "..", &forged, &"a".repeat(20_000), &scene.redeem(&scene.code("ada"), &[]).refresh()]
    {
        assert_eq!(scene.introspect(unknown), json!({ "active": false }));
    }
    scene.now.set(START + 300);
    assert_eq!(scene.introspect(&token), json!({ "active": false }));
}

#[test]
fn revocation_takes_what_came_from_a_token_along() {
    let scene = Scene::new();
    let token = scene.agent_token("bundle:demo");
    let (child, other) = (scene.exchange(&token, &[]).token(), scene.agent_token("bundle:demo"));
    scene.browser("/revoke", &[("token", &token)]).is(400, "invalid_grant");
    assert!(scene.is_active(&token));
    scene.agent("/revoke", &[("token", &token), ("token_type_hint", "refresh_token")]).is(200, "");
    assert!(!scene.is_active(&token) && !scene.is_active(&child) && scene.is_active(&other));
    scene.exchange(&token, &[]).is(400, "invalid_request");
    scene.agent("/revoke", &[("token", "unknown")]).is(200, "");
    scene.agent("/revoke", &[]).is(400, "invalid_request");
    scene.ask("POST /revoke", &[], &form(&[("token", &other)])).is(401, "invalid_client");
    let login = scene.redeem(&scene.code("ada"), &[]);
    scene.browser("/revoke", &[("token", &login.refresh())]).is(200, "");
    assert!(!scene.is_active(&login.token()));
}

#[test]
fn a_new_key_signs_and_the_old_one_stays_while_it_is_needed() {
    let scene = Scene::new();
    let ids = || -> Vec<Value> {
        let keys = scene.ask("GET /jwks", &[], "").json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    let old = scene.agent_token("bundle:demo");
    scene.now.set(START + 10);
    scene.control("POST /control/rotate", "control").is(200, "");
    let new = scene.agent_token("bundle:demo");
    assert_eq!(ids(), [part(&new, 0)["kid"].clone(), part(&old, 0)["kid"].clone()]);
    assert!(scene.is_active(&old) && scene.is_active(&new));
    scene.now.set(START + 310);
    assert_eq!(ids(), [part(&new, 0)["kid"].clone()]);
    for _ in 0..20 {
        scene.control("POST /control/rotate", "control").is(200, "");
    }
    assert_eq!(ids().len(), 8);
}

#[test]
fn control_needs_its_secret() {
    let scene = Scene::new();
    for call in ["GET /control/status", "POST /control/rotate", "POST /control/stop"] {
        for authorization in ["Bearer other", "Basic control", "control", "Bearer"] {
            let seen = scene.ask(call, &[("Authorization", authorization)], "");
            seen.is(401, "invalid_token");
            assert!(!seen.stop);
        }
        scene.ask(call, &[], "").is(401, "invalid_token");
        let seen = scene.control(call, "control");
        seen.is(200, "");
        assert_eq!(seen.stop, call.ends_with("stop"));
    }
    assert_eq!(scene.control("GET /control/status", "control").json()["startedAt"], "2027-01-15T08:00:00.000Z");
}

#[test]
fn what_is_kept_is_bounded() {
    let scene = Scene::new();
    let first = scene.open(&[]);
    for _ in 0..100 {
        scene.open(&[]);
    }
    scene.submit(&first, "ada", &scene.broker.login_code(), "allow").is(400, "");
}

#[test]
fn h24_debug_shows_no_secret() {
    let scene = Scene::new();
    let shown = format!("{:?} {:?}", scene.broker, scene.broker.settings);
    let secrets = ["a:g%e+n t", "\"control\"", "\"box\"", &scene.broker.login_code()];
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
}

#[test]
fn the_toolbox_reads_what_the_broker_says() {
    let scene = Scene::signing(Algorithm::Es256);
    let now = UNIX_EPOCH + Duration::from_secs(START);
    let rules = Rules {
        issuer: "http://127.0.0.1:9100".to_owned(),
        audience: "open-cli-toolbox".to_owned(),
        algorithms: vec![Algorithm::Es256],
        skew: Duration::ZERO,
    };
    let document = scene.ask("GET /.well-known/openid-configuration", &[], "").text;
    let metadata = Metadata::read(document.as_bytes(), &rules.issuer).unwrap();
    assert_eq!(metadata.jwks.unwrap().as_str(), "http://127.0.0.1:9100/jwks");
    let (keys, unread) = KeySet::read(scene.ask("GET /jwks", &[], "").text.as_bytes()).unwrap();
    assert!(unread.is_empty());
    let login = scene.redeem(&scene.code("ada"), &[]);
    let child = scene.exchange(&login.token(), &[("scope", "tool:demo:listItems")]).token();
    let read = Unverified::read(&child, &rules, now).unwrap();
    assert!(matches!(read.check(&keys), Checked::Good(_)));
    let claims = read.into_claims();
    assert_eq!((claims.subject.as_deref(), claims.scopes.to_string()), (Some("ada"), "tool:demo:listItems".to_owned()));
    assert_eq!(
        (claims.delegation.delegated_by.as_deref(), &*claims.delegation.actors),
        (Some("ada"), &[AGENT.to_owned()][..])
    );
    let id_token = login.json()["id_token"].as_str().unwrap().to_owned();
    assert!(Unverified::read(&id_token, &rules, now).is_err());
    let answer = |token: &str| Response {
        status: 200,
        headers: Headers::new(),
        body: scene.introspect(token).to_string().into_bytes(),
        truncated: false,
    };
    assert_eq!(introspection::read(&answer(&child), &rules, now).unwrap(), Ok(claims));
    assert_eq!(introspection::read(&answer("x"), &rules, now).unwrap(), Err(Rejection::Inactive));
}
