//! Logins of two people at one issuer, and what becomes of their tokens.

use std::path::Path;

use super::super::people::redirect_uri;
use super::*;
use crate::base::log::Log;
use crate::base::seal::StateKey;
use crate::config::TokenStorage;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

fn settings() -> OAuthSecret {
    OAuthSecret {
        client_id: Some(SecretRef::Literal(Redacted::new("people".to_owned()))),
        token_url: url("https://login.example/t"),
        authorization_url: url("https://login.example/a?tenant=x"),
        scopes: vec!["read".to_owned()],
        ..OAuthSecret::new(OAuthMode::AuthorizationCode)
    }
}

fn caller(holder: &str) -> Caller<'_> {
    Caller { holder, ..Caller::NOBODY }
}

impl World {
    /// As an issuer that grants this life, with refresh tokens.
    fn renewing(life: u64) -> Self {
        Self::new(move |_, number| Ok((200, renewable(number, life))))
    }

    fn kept_in(mut self, directory: &Path, key: u8) -> Self {
        let key = StateKey::parse(&BASE64_STANDARD.encode([key; 32])).unwrap();
        self.upstream.vault = Some(Vault::new(directory, &key, "one", Log::silent()));
        self
    }

    fn start(&self, settings: &OAuthSecret, holder: &str, wish: Wish<'_>) -> Result<Started, LoginError> {
        let recipe = Recipe::new("s.o", settings, &AuthRequirement::default(), false).unwrap();
        self.upstream.start(&recipe, &Api, holder, wish)
    }

    /// A whole login.
    fn log_in(&self, settings: &OAuthSecret, holder: &str, session: Option<&str>) -> Standing {
        let wish = Wish { port: Some(5), session, service: "s" };
        let started = self.start(settings, holder, wish).unwrap();
        self.finish(&started.state, holder).unwrap()
    }

    fn finish(&self, state: &str, holder: &str) -> Result<Standing, LoginError> {
        let code = Redacted::new("c0de".to_owned());
        self.upstream.finish(state, &code, caller(holder)).map(|(_, standing)| standing)
    }

    /// The token of a call, or why there is none.
    fn token(&self, settings: &OAuthSecret, holder: &str, refused: Option<&str>) -> Result<String, TokenError> {
        let recipe = Recipe::new("s.o", settings, &AuthRequirement::default(), false).unwrap();
        let refused = refused.map(|token| Redacted::new(token.to_owned()));
        let obtained = self.upstream.token(&recipe, &Api, caller(holder), refused.as_ref(), LIMIT);
        obtained.map(|obtained| obtained.token.expose().clone())
    }

    fn forms(&self) -> Vec<Form> {
        host::lock(&self.issuer.seen).iter().map(|(_, body, _)| Form::parse(body)).collect()
    }
}

fn renewable(number: usize, life: u64) -> String {
    format!(r#"{{"access_token":"t-{number}","token_type":"Bearer","expires_in":{life},"refresh_token":"r-{number}"}}"#)
}

fn wish() -> Wish<'static> {
    Wish { port: Some(5), session: None, service: "s" }
}

fn token(text: &str) -> Result<String, TokenError> {
    Ok(text.to_owned())
}

#[test]
fn h18_a_login_is_its_principals_alone() {
    let world = World::renewing(3600);
    assert_eq!(world.token(&settings(), "ada", None), Err(TokenError::LoginNeeded));
    let started = world.start(&settings(), "ada", wish()).unwrap();
    let form = Form::parse(started.authorization_url.query().unwrap());
    for (name, value) in [
        ("tenant", "x"),
        ("response_type", "code"),
        ("client_id", "people"),
        ("redirect_uri", "http://127.0.0.1:5/callback"),
        ("scope", "read"),
        ("code_challenge_method", "S256"),
        ("state", started.state.as_str()),
    ] {
        assert_eq!(form.get(name), Some(value), "{name}");
    }
    assert!(world.seen().is_empty(), "nobody is asked before the code is there");
    let standing = world.finish(&started.state, "ada").unwrap();
    assert_eq!((standing.scopes, standing.renewable), (vec!["read".to_owned()], true));
    let exchanged = &world.forms()[0];
    let challenge = crate::oauth::pkce::challenge(exchanged.get("code_verifier").unwrap());
    assert_eq!(form.get("code_challenge"), Some(challenge.as_str()));
    assert_eq!(
        (exchanged.get("code"), exchanged.get("redirect_uri")),
        (Some("c0de"), Some("http://127.0.0.1:5/callback"))
    );
    assert_eq!(world.token(&settings(), "ada", None), token("t-1"));
    assert_eq!(world.token(&settings(), "ben", None), Err(TokenError::LoginNeeded));
    assert_eq!(world.seen().len(), 1);
}

#[test]
fn h18_a_state_is_used_once_in_time_by_who_began() {
    let world = World::renewing(3600);
    let started = world.start(&settings(), "ada", wish()).unwrap();
    let unknown = Err(LoginError::NotYours(NotYours::Unknown));
    assert_eq!(world.finish(&started.state, "ben"), Err(LoginError::NotYours(NotYours::Foreign)), "stolen");
    assert!(world.seen().is_empty() && world.finish(&started.state, "ada").is_ok(), "the thief ended nothing");
    assert_eq!(world.finish(&started.state, "ada"), unknown, "replayed");
    assert_eq!(world.finish("0123", "ada"), unknown, "guessed");
    let late = world.start(&settings(), "ada", wish()).unwrap();
    world.later(600);
    assert_eq!(world.finish(&late.state, "ada"), unknown, "expired");
    assert_eq!(world.seen().len(), 1);
}

#[test]
fn the_number_of_logins_that_have_begun_is_bounded() {
    let world = World::renewing(3600);
    let states: Vec<String> = (0..9).map(|_| world.start(&settings(), "ada", wish()).unwrap().state).collect();
    let gone = states.iter().filter(|state| world.finish(state, "ada").is_err()).count();
    assert_eq!(gone, 1, "eight of one principal");
    for number in 0..125 {
        (0..8).for_each(|_| drop(world.start(&settings(), &format!("p{number}"), wish()).unwrap()));
    }
    assert_eq!(world.start(&settings(), "ada", wish()), Err(LoginError::Full));
    world.later(600);
    assert!(world.start(&settings(), "ada", wish()).is_ok(), "what expired makes room");
}

#[test]
fn a_token_is_refreshed_before_its_end_and_its_successor_kept() {
    let world = World::renewing(3600);
    world.log_in(&settings(), "ada", None);
    world.later(3575);
    assert_eq!(world.token(&settings(), "ada", None), token("t-2"));
    world.later(3575);
    assert_eq!(world.token(&settings(), "ada", None), token("t-3"));
    assert_eq!(world.token(&settings(), "ada", Some("t-3")), token("t-4"), "one that the upstream refused");
    let refreshes: Vec<_> =
        world.forms().iter().filter_map(|form| form.get("refresh_token").map(str::to_owned)).collect();
    assert_eq!(refreshes, ["r-1", "r-2", "r-3"], "rotated ones");
}

#[test]
fn an_issuer_that_is_down_costs_no_login_and_one_that_refuses_does() {
    let world = World::new(|_, number| match number {
        1 => Ok((200, renewable(1, 1000))),
        2 | 3 => Ok((503, String::new())),
        4 => Ok((200, granted(4, 1000))),
        _ => Ok((400, r#"{"error":"invalid_grant"}"#.to_owned())),
    });
    world.log_in(&settings(), "ada", None);
    world.later(980);
    assert_eq!(world.token(&settings(), "ada", None), token("t-1"), "it is good for a moment still");
    world.later(30);
    assert!(world.token(&settings(), "ada", None).unwrap_err().to_string().contains("HTTP 503"));
    assert_eq!(world.token(&settings(), "ada", None), token("t-4"), "the old refresh token is good still");
    world.later(1000);
    assert_eq!(world.token(&settings(), "ada", None), Err(TokenError::LoginNeeded), "the issuer takes it no more");
    assert_eq!(world.token(&settings(), "ada", None), Err(TokenError::LoginNeeded));
    assert_eq!(world.seen().len(), 5, "which is not asked again");
}

#[test]
fn a_token_without_a_successor_is_used_to_its_end() {
    let world = World::granting(1000);
    world.log_in(&settings(), "ada", None);
    world.later(999);
    assert_eq!(world.token(&settings(), "ada", None), token("t-1"));
    world.later(1);
    assert_eq!(world.token(&settings(), "ada", None), Err(TokenError::LoginNeeded));
}

#[test]
fn h17_a_token_of_other_settings_is_not_used() {
    let world = World::renewing(1000);
    world.log_in(&settings(), "ada", None);
    let moved = OAuthSecret { token_url: url("https://elsewhere.example/t"), ..settings() };
    assert_eq!(world.token(&moved, "ada", None), Err(TokenError::LoginNeeded));
    assert_eq!(world.seen().len(), 1, "no refresh token went there");
    assert_eq!(world.token(&settings(), "ada", None), token("t-1"), "nor was it lost");
}

#[test]
fn a_login_ends_with_a_logout_or_with_its_session() {
    let world = World::renewing(1000);
    let recipe_settings = settings();
    let recipe = Recipe::new("s.o", &recipe_settings, &AuthRequirement::default(), false).unwrap();
    world.log_in(&settings(), "ada", None);
    assert!(world.upstream.standing(&recipe, "ada").is_some() && world.upstream.standing(&recipe, "ben").is_none());
    assert!(!world.upstream.log_out(&recipe, "ben") && world.upstream.log_out(&recipe, "ada"));
    assert_eq!(world.token(&settings(), "ada", None), Err(TokenError::LoginNeeded));

    world.log_in(&settings(), "ada", Some("one"));
    world.log_in(&settings(), "ben", None);
    world.upstream.forget_session("ada", "two");
    world.upstream.forget_session("ben", "one");
    assert_eq!(world.token(&settings(), "ada", None), token("t-2"));
    world.upstream.forget_session("ada", "one");
    assert_eq!(world.token(&settings(), "ada", None), Err(TokenError::LoginNeeded));
    assert_eq!(world.token(&settings(), "ben", None), token("t-3"), "H10: nobody else's");
}

#[test]
fn a_login_outlives_the_process_with_the_key_alone() {
    let directory = std::env::temp_dir().join(format!("open-cli-people-{}", std::process::id()));
    let first = World::renewing(1000).kept_in(&directory, 1);
    first.log_in(&settings(), "ada", None);
    let again = |key| World::renewing(1000).kept_in(&directory, key);
    assert_eq!(again(1).token(&settings(), "ada", None), token("t-1"));
    assert_eq!(again(1).token(&settings(), "ben", None), Err(TokenError::LoginNeeded));
    let renewed = again(1);
    assert_eq!(renewed.token(&settings(), "ada", Some("t-1")), token("t-1"), "the new issuer counts anew");
    assert_eq!(renewed.forms()[0].get("refresh_token"), Some("r-1"));
    assert_eq!(again(2).token(&settings(), "ada", None), Err(TokenError::LoginNeeded), "another key");
    assert_eq!(World::renewing(1000).token(&settings(), "ada", None), Err(TokenError::LoginNeeded), "no key");

    let memory = OAuthSecret { token_storage: TokenStorage::Memory, ..settings() };
    again(1).log_in(&memory, "eve", None);
    again(1).log_in(&settings(), "eve", Some("one"));
    assert_eq!(again(1).token(&settings(), "eve", None), Err(TokenError::LoginNeeded), "neither was to be kept");
    let recipe_settings = settings();
    let recipe = Recipe::new("s.o", &recipe_settings, &AuthRequirement::default(), false).unwrap();
    assert!(again(1).upstream.log_out(&recipe, "ada"));
    assert_eq!(again(1).token(&settings(), "ada", None), Err(TokenError::LoginNeeded), "logged out on disk as well");
}

#[test]
fn what_keeps_a_login_from_beginning_is_said() {
    let world = World::renewing(1000);
    let refused =
        |settings: OAuthSecret, wish: Wish<'_>| format!("{:?}", world.start(&settings, "ada", wish).unwrap_err());
    assert!(refused(OAuthSecret { interactive: false, ..settings() }, wish()).contains("interactive: false"));
    assert!(refused(OAuthSecret { client_id: None, ..settings() }, wish()).contains("no `clientId`"));
    assert!(refused(settings(), Wish { port: None, ..wish() }).contains("callbackPort"));
    let asking = OAuthSecret { authorization_url: url("https://login.example/a?scope=all"), ..settings() };
    assert!(refused(asking, wish()).contains("sets `scope`"));
    let failed = World::new(|request, _| {
        Ok((
            400,
            format!(r#"{{"error":"invalid_grant","error_description":"{}"}}"#, String::from_utf8_lossy(&request.body)),
        ))
    });
    let started = failed.start(&settings(), "ada", wish()).unwrap();
    let error = format!("{:?}", failed.finish(&started.state, "ada").unwrap_err());
    assert!(error.contains("invalid_grant") && !error.contains("c0de"), "H24: {error}");
}

#[track_caller]
fn check_redirect(
    configured: Option<&str>,
    callback_port: Option<u16>,
    proposed: Option<u16>,
    expected: Result<&str, ()>,
) {
    let settings = OAuthSecret { redirect_uri: configured.and_then(url), callback_port, ..settings() };
    assert_eq!(redirect_uri(&settings, proposed).as_deref().map_err(drop), expected);
}

#[test]
fn the_way_back_is_the_configs_else_the_callers() {
    check_redirect(None, None, Some(5), Ok("http://127.0.0.1:5/callback"));
    check_redirect(None, Some(7), Some(5), Ok("http://127.0.0.1:7/callback"));
    check_redirect(Some("http://localhost:8/x"), Some(7), Some(5), Ok("http://localhost:8/x"));
    check_redirect(Some("http://[::1]/x"), Some(7), Some(5), Ok("http://[::1]:7/x"));
    check_redirect(Some("http://127.0.0.1/"), None, Some(5), Ok("http://127.0.0.1:5/"));
    check_redirect(None, None, None, Err(()));
}
