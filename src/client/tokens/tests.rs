//! Plans carried out against an issuer of values, with a clock that is told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::base::form::Form;
use crate::client::target;
use crate::config::ClientAuthentication;
use crate::http::{Headers, Limits, Request, Response, TransportError, TransportErrorKind};

/// An issuer that answers what it was given to answer, in order; after that it is away.
#[derive(Clone, Default)]
struct Issuer {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    forms: Arc<Mutex<Vec<Form>>>,
    notes: Arc<Mutex<Vec<String>>>,
    now: Arc<Mutex<u64>>,
}

impl Issuer {
    fn says(&self, status: u16, body: &'static str) -> &Self {
        self.answers.lock().unwrap().push_back((status, body));
        self
    }

    fn at(&self, seconds: u64) -> &Self {
        *self.now.lock().unwrap() = seconds;
        self
    }

    fn asked(&self) -> usize {
        self.forms.lock().unwrap().len()
    }

    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.forms.lock().unwrap().push(Form::parse(std::str::from_utf8(&request.body).unwrap()));
        match self.answers.lock().unwrap().pop_front() {
            Some((status, body)) => {
                Ok(Response { status, headers: Headers::new(), body: body.as_bytes().to_vec(), truncated: false })
            }
            None => {
                let (kind, message) = (TransportErrorKind::Connect, "it is away".to_owned());
                Err(TransportError { kind, may_have_been_sent: false, message })
            }
        }
    }

    /// One run of a command.
    fn run(&self, recipe: &Recipe, store: Option<&Store>, person: Option<Box<dyn Person>>) -> Tokens<'static> {
        let (sender, noted, now) = (self.clone(), Arc::clone(&self.notes), Arc::clone(&self.now));
        let outside = Outside {
            env: Env::new([("ID".to_owned(), "c".to_owned()), ("SECRET".to_owned(), "hunter2".to_owned())]),
            clock: Clock::from_fn(move || UNIX_EPOCH + Duration::from_secs(1_790_000_000 + *now.lock().unwrap())),
            send: Box::new(move |request: &Request, _: Limits| sender.send(request)),
            limit: Duration::from_secs(1),
            note: Box::new(move |text| noted.lock().unwrap().push(text.to_owned())),
            person,
            allow_exec: false,
        };
        let target = target::resolve(Some("https://r"), None, None).unwrap();
        Tokens::new(Plan::Obtain(Box::new(recipe.clone())), target, store.cloned(), outside)
    }

    #[track_caller]
    fn token(&self, recipe: &Recipe, store: &Store, expected: &str) {
        let held = self.run(recipe, Some(store), None).held().unwrap().unwrap();
        assert_eq!(held.bearer.token.expose(), expected);
    }

    fn error(&self, recipe: &Recipe, store: &Store) -> AuthError {
        self.run(recipe, Some(store), None).held().unwrap_err()
    }
}

fn store(name: &str) -> Store {
    let directory = std::env::temp_dir().join(format!("open-cli-plans-{}-{name}", std::process::id()));
    let store = Store::new(Path::new(&directory));
    for file in crate::base::disk::files(&directory).unwrap_or_default() {
        crate::base::disk::remove(&file.path).unwrap();
    }
    store
}

fn recipe(mode: RemoteAuthMode, delegation: Option<&str>) -> Recipe {
    let delegation = delegation.map(|scopes| Delegation {
        token_exchange_url: Url::parse("https://i/exchange").unwrap(),
        scopes: vec![scopes.to_owned()],
    });
    let asked = Asked { scopes: Scopes::parse("bundle:a bundle:b"), ..Asked::default() };
    Recipe { mode, asked, delegation, actor: "me".to_owned(), profile: None }
}

fn client(url: &str) -> RemoteAuthMode {
    RemoteAuthMode::OAuthClient {
        token_url: Url::parse(url).unwrap(),
        client_id: SecretRef::Env("ID".to_owned()),
        client_secret: SecretRef::Env("SECRET".to_owned()),
        authentication: ClientAuthentication::Post,
    }
}

fn browser() -> RemoteAuthMode {
    RemoteAuthMode::BrowserLogin { callback_port: None }
}

/// A person who logs in at once.
struct Quick(&'static str);

impl Person for Quick {
    fn log_in(&self, asked: &Asked, _: Option<u16>, outside: &Outside<'_>) -> Result<Entry, AuthError> {
        let login =
            Login { id: self.0.to_owned(), token_url: "https://i/t".to_owned(), client_id: "people".to_owned() };
        let granted = crate::oauth::answer::Granted {
            token: Redacted::new(format!("token-of-{}", self.0)),
            expires_in: Some(Duration::from_secs(100)),
            scopes: None,
            refresh: Some(Redacted::new("r-1".to_owned())),
        };
        Ok(Entry { login: Some(login), ..Entry::new(granted, &asked.scopes, outside.clock.now()) })
    }

    fn limit(&self) -> Duration {
        Duration::ZERO
    }
}

const ONE: &str = r#"{"access_token":"one","token_type":"Bearer","expires_in":100}"#;
const TWO: &str = r#"{"access_token":"two","token_type":"Bearer","expires_in":100}"#;

#[test]
fn a_token_near_its_end_is_used_while_the_issuer_is_away() {
    let (issuer, store, recipe) = (Issuer::default(), store("away"), recipe(client("https://i/t"), None));
    issuer.says(200, ONE).at(0).token(&recipe, &store, "one");
    issuer.at(89).token(&recipe, &store, "one");
    assert_eq!(issuer.asked(), 1);
    issuer.at(95).token(&recipe, &store, "one");
    assert_eq!(issuer.asked(), 2);
    assert!(matches!(issuer.at(100).error(&recipe, &store), AuthError::Grant(error) if error.is_transient()));
    issuer.says(200, TWO).token(&recipe, &store, "two");
}

#[test]
fn a_refused_token_goes_only_where_it_is_still_the_one() {
    let (issuer, store, recipe) = (Issuer::default(), store("refused"), recipe(client("https://i/t"), None));
    issuer.says(200, ONE).token(&recipe, &store, "one");
    let slow = issuer.run(&recipe, Some(&store), None);
    let refused = slow.held().unwrap().unwrap().bearer;
    let quick = issuer.says(200, TWO).run(&recipe, Some(&store), None);
    let renewed = |tokens: &Tokens<'_>| match tokens.renewed(&refused).unwrap() {
        Some(Credential::Token(bearer)) => Some(bearer.token.expose().clone()),
        _ => None,
    };
    assert_eq!(renewed(&quick).as_deref(), Some("two"));
    assert_eq!(renewed(&slow).as_deref(), Some("two"), "somebody else renewed it meanwhile");
    assert_eq!((renewed(&slow), issuer.asked()), (None, 2), "once a run");
    let alone = issuer.run(&recipe, Some(&store), None);
    let refused = alone.held().unwrap().unwrap().bearer;
    assert!(alone.renewed(&refused).is_err());
    issuer.says(200, ONE).token(&recipe, &store, "one");
}

#[test]
fn a_login_is_the_same_caller_over_its_tokens() {
    let (issuer, store, recipe) = (Issuer::default(), store("login"), recipe(browser(), None));
    assert!(matches!(issuer.at(0).error(&recipe, &store), AuthError::LoginNeeded(false)));
    let first = issuer.run(&recipe, Some(&store), Some(Box::new(Quick("ada")))).held().unwrap().unwrap();
    assert_eq!(first.bearer.identity, "login:ada");
    issuer.says(200, TWO).at(95);
    let run = issuer.run(&recipe, Some(&store), None);
    assert_eq!(run.identity().as_deref(), Some("login:ada"));
    let second = run.held().unwrap().unwrap();
    assert_eq!((second.bearer.token.expose().as_str(), second.bearer.identity.as_str()), ("two", "login:ada"));
    assert_eq!(second.scopes, first.scopes);
    let again = issuer.run(&recipe, Some(&store), Some(Box::new(Quick("ben")))).log_in().unwrap().unwrap();
    assert_eq!(again.bearer.identity, "login:ben");
}

#[test]
fn trouble_does_not_end_a_login_but_its_issuer_does() {
    let (issuer, store, recipe) = (Issuer::default(), store("trouble"), recipe(browser(), None));
    issuer.at(0).run(&recipe, Some(&store), Some(Box::new(Quick("ada")))).held().unwrap();
    issuer.at(200);
    let is_transient = |error| matches!(error, AuthError::Grant(error) if error.is_transient());
    assert!(is_transient(issuer.error(&recipe, &store)));
    assert!(is_transient(issuer.says(503, "").error(&recipe, &store)));
    assert!(!is_transient(issuer.says(401, r#"{"error":"invalid_client"}"#).error(&recipe, &store)));
    issuer.says(200, TWO).token(&recipe, &store, "two");
    issuer.at(400).says(400, r#"{"error":"invalid_grant"}"#);
    assert!(matches!(issuer.error(&recipe, &store), AuthError::LoginNeeded(true)));
    assert!(matches!(issuer.error(&recipe, &store), AuthError::LoginNeeded(false)));
    let grants: Vec<_> =
        issuer.forms.lock().unwrap().iter().map(|form| form.get("refresh_token").map(str::to_owned)).collect();
    assert_eq!(grants, vec![Some("r-1".to_owned()); 5]);
}

#[test]
fn a_silent_renewal_asks_nobody() {
    let (issuer, store, recipe) = (Issuer::default(), store("silent"), recipe(browser(), None));
    let run = issuer.at(0).run(&recipe, Some(&store), Some(Box::new(Quick("ada"))));
    let refused = run.held().unwrap().unwrap().bearer;
    issuer.says(400, r#"{"error":"invalid_grant"}"#);
    assert!(matches!(run.renewed(&refused), Err(AuthError::LoginNeeded(true))));
}

#[test]
fn h44_a_parent_that_the_issuer_forgot_is_obtained_anew() {
    let (issuer, store, recipe) = (Issuer::default(), store("forgot"), recipe(client("https://i/t"), Some("bundle:a")));
    let child = r#"{"access_token":"child","token_type":"Bearer","expires_in":10,"issued_token_type":"urn:ietf:params:oauth:token-type:jwt"}"#;
    issuer.at(0).says(200, ONE).says(200, child).token(&recipe, &store, "child");
    issuer.at(20).says(400, r#"{"error":"invalid_request"}"#).says(200, TWO).says(200, child);
    issuer.token(&recipe, &store, "child");
    let subjects: Vec<_> =
        issuer.forms.lock().unwrap().iter().map(|form| form.get("subject_token").map(str::to_owned)).collect();
    let exchanged = [None, Some("one"), Some("one"), None, Some("two")].map(|subject| subject.map(str::to_owned));
    assert_eq!(subjects, exchanged);
    // A parent that was obtained just now is not to blame.
    issuer.at(200).says(200, ONE).says(400, r#"{"error":"invalid_request"}"#);
    assert!(matches!(issuer.error(&recipe, &store), AuthError::Grant(GrantError::Refused { .. })));
    assert_eq!(issuer.asked(), 7);
}

#[test]
fn h44_a_kept_child_is_measured_by_todays_parent() {
    let (issuer, store, recipe) =
        (Issuer::default(), store("narrowed"), recipe(client("https://i/t"), Some("bundle:a")));
    let child = r#"{"access_token":"child","token_type":"Bearer","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:jwt"}"#;
    issuer.at(0).says(200, ONE).says(200, child).token(&recipe, &store, "child");
    let narrower = r#"{"access_token":"two","token_type":"Bearer","expires_in":100,"scope":"bundle:b"}"#;
    issuer.at(95).says(200, narrower).says(200, child);
    assert!(matches!(issuer.error(&recipe, &store), AuthError::NotASubset { .. }));
}

#[test]
fn what_is_sent_in_the_open_is_warned_of() {
    for (url, warned) in [("http://i.example/t", true), ("https://i/t", false), ("http://127.0.0.1/t", false)] {
        let issuer = Issuer::default();
        issuer.says(200, ONE).run(&recipe(client(url), None), None, None).held().unwrap();
        assert_eq!(issuer.notes.lock().unwrap().iter().any(|note| note.contains("not encrypted")), warned, "{url}");
    }
}

#[test]
fn h24_no_error_holds_a_secret() {
    let (issuer, recipe) = (Issuer::default(), recipe(client("https://i/t?key=hunter3"), None));
    let refusal = r#"{"error":"invalid_client","error_description":"hunter2 is wrong"}"#;
    let error = issuer.says(401, refusal).run(&recipe, None, None).held().unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter"), "{text}");
}
