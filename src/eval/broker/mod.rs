//! The evaluation broker: a small OpenID provider, so that runtime auth can be tried on one machine. Not for production.
//!
//! Key types: [`Broker`], which answers requests, [`Settings`], and [`Reply`], an answer that may also ask for a stop. `clients`
//! knows who may ask, `token`, `exchange` and `inspect` hold the endpoints for programs, `authorize` and `page` the one for
//! people, `control` that of the stack around it, `ring` the keys, `shelf` what is remembered. Pure: it never waits, reads a clock
//! or opens anything; everything it keeps is in memory, bounded, and gone at its end.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::base::form::Form;
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::http::server::{Answer, Inbound};
use crate::oauth::keys::Algorithm;
use crate::oauth::scope::Scopes;
use crate::server::guard::{self, Reach};

mod authorize;
mod clients;
mod control;
mod exchange;
mod inspect;
mod page;
mod refusal;
mod ring;
mod shelf;
mod token;

pub use clients::{AGENT, BROWSER, Client, TOOLBOX};

use authorize::LoginCode;
use clients::GrantType;
use refusal::{Code, Refusal};
use ring::KeyRing;
use shelf::Shelf;

/// Bodies beyond this many bytes are refused before they come here.
pub const MAX_BODY: usize = 64 << 10;

/// How long a refresh token and its successors work, in seconds.
const REFRESH_LIFETIME: u64 = 8 * 3600;

/// SHA-256 of something secret: what is kept and compared instead of it.
type Digest = [u8; 32];

/// Where randomness comes from; tests hand in their own.
pub type Entropy = Box<dyn Fn() -> [u8; 32] + Send + Sync>;

/// What a broker is set up with.
#[derive(Debug)]
pub struct Settings {
    /// Its own origin, without a slash at the end; `iss` of every token.
    pub issuer: Url,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// How long an access token works.
    pub token_lifetime: Duration,
    /// What `aud` may be; the first one when a request names none.
    pub audiences: Vec<String>,
    /// Resource indicators (RFC 8707) that stand for the first audience.
    pub resources: Vec<String>,
    /// Who may ask.
    pub clients: Vec<Client>,
    /// Who may log in.
    pub users: Vec<User>,
    /// The bearer token of `/control`.
    pub control_secret: Redacted<String>,
    /// Since when it is there, for whoever asks `/control/status`.
    pub started: SystemTime,
}

/// A person of the evaluation. There are no passwords: whoever reads the terminal may be any of them.
#[derive(Clone, Debug)]
pub struct User {
    /// `sub` of this person's tokens.
    pub name: String,
    /// The most this person's tokens may have.
    pub scopes: Scopes,
}

impl User {
    /// The two users of the evaluation stack.
    pub fn of_evaluation() -> Vec<Self> {
        let user = |name: &str, scopes: &str| Self { name: name.to_owned(), scopes: Scopes::parse(scopes) };
        vec![user("ada", "bundle:demo runtime:admin"), user("ben", "profile:reader")]
    }
}

/// What the broker decides: an answer, and whether everything around it is to end.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// Whoever holds the control secret asked for a stop.
    pub stop: bool,
}

/// A broker with its keys, codes and tokens.
pub struct Broker {
    settings: Settings,
    control: Digest,
    entropy: Entropy,
    state: Mutex<State>,
}

/// Everything that changes.
struct State {
    ring: KeyRing,
    login: LoginCode,
    pending: Shelf<authorize::Pending>,
    codes: Shelf<authorize::Issued>,
    refresh: Shelf<token::Refresh>,
    /// Token ids and beginnings of them.
    revoked: Shelf<()>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({})", self.settings.issuer)
    }
}

/// One request, with its body or query read.
struct Call<'a> {
    request: &'a Inbound,
    /// The query of a GET, the body of a POST.
    form: Form,
    /// Seconds since 1970.
    now: u64,
}

type Handle = fn(&Broker, &Call<'_>) -> Result<Answer, Refusal>;

/// Method, path, handler.
const ROUTES: &[(&str, &str, Handle)] = &[
    ("GET", "/.well-known/openid-configuration", |broker, _| Ok(refusal::json(200, &broker.metadata()))),
    ("GET", "/.well-known/oauth-authorization-server", |broker, _| Ok(refusal::json(200, &broker.metadata()))),
    ("GET", "/jwks", |broker, call| Ok(refusal::json(200, &broker.state().ring.public(call.now)))),
    ("GET", "/authorize", Broker::authorize),
    ("POST", "/authorize", Broker::consent),
    ("POST", "/token", Broker::token),
    ("POST", "/introspect", Broker::introspect),
    ("POST", "/revoke", Broker::revoke),
    ("GET", "/control/status", Broker::control_status),
    ("POST", "/control/rotate", Broker::control_rotate),
    ("POST", STOP, Broker::control_stop),
];

const STOP: &str = "/control/stop";

impl Broker {
    /// A broker with a first key; `None` when that cannot be made.
    pub fn new(settings: Settings, entropy: Entropy) -> Option<Self> {
        let ring = KeyRing::new(settings.algorithm, &text(&entropy()[..12]))?;
        let state = State {
            ring,
            login: LoginCode::new(&entropy()),
            pending: Shelf::new(100),
            codes: Shelf::new(1000),
            refresh: Shelf::new(1000),
            revoked: Shelf::new(4000),
        };
        let control = digest(settings.control_secret.expose());
        Some(Self { settings, control, entropy, state: Mutex::new(state) })
    }

    /// Answers one request.
    pub fn answer(&self, request: &Inbound, now: SystemTime) -> Reply {
        let answer = self.route(request, now).unwrap_or_else(|refusal| refusal.answer());
        let stop = request.path == STOP && answer.status == 200;
        Reply { answer, stop }
    }

    fn route(&self, request: &Inbound, now: SystemTime) -> Result<Answer, Refusal> {
        if !guard::allows(&request.headers, self.settings.issuer.port(), None, Reach::Loopback) {
            return Err(Refusal::of(403, Code::AccessDenied, "requests of foreign web pages are not answered"));
        }
        let method = if request.method == "HEAD" { "GET" } else { &request.method };
        let there: Vec<_> = ROUTES.iter().filter(|(_, path, _)| *path == request.path).collect();
        let Some((_, _, handle)) = there.iter().find(|(found, ..)| *found == method) else {
            let allowed: BTreeSet<&str> = there.iter().map(|(method, ..)| *method).collect();
            return Ok(refusal::no_route(&Vec::from_iter(allowed).join(", ")));
        };
        let form = if method == "GET" { Form::parse(&request.query) } else { refusal::body(request)? };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        handle(self, &Call { request, form, now })
    }

    /// The code that people type to log in.
    pub fn login_code(&self) -> String {
        self.state().login.text().to_owned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 256 random bits as text.
    fn random(&self) -> String {
        text(&(self.entropy)())
    }

    /// 128 random bits as text: the pieces of token ids.
    fn random_id(&self) -> String {
        text(&(self.entropy)()[..16])
    }

    fn lifetime(&self) -> u64 {
        self.settings.token_lifetime.as_secs()
    }

    /// RFC 8414 and OpenID Connect Discovery 1.0.
    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.settings.issuer.as_str().trim_end_matches('/'));
        let scopes = self.settings.clients.iter().flat_map(|client| client.scopes().iter());
        let methods = ["client_secret_basic", "client_secret_post"];
        json!({
            "issuer": at(""),
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "introspection_endpoint": at("/introspect"),
            "revocation_endpoint": at("/revoke"),
            "scopes_supported": scopes.collect::<BTreeSet<_>>(),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.settings.algorithm.as_str()],
            "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
            "token_endpoint_auth_methods_supported": [methods[0], methods[1], "none"],
            "introspection_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": [methods[0], methods[1], "none"],
        })
    }

    /// `iss`.
    fn issuer(&self) -> &str {
        self.settings.issuer.as_str().trim_end_matches('/')
    }

    /// The audience that `audience` and `resource` name together (RFC 8693 section 2.1, RFC 8707 section 2).
    fn target(&self, form: &Form, absent: Option<&str>) -> Result<String, Refusal> {
        let known = |audience: &str| self.settings.audiences.iter().find(|known| *known == audience);
        let first = self.settings.audiences.first();
        let resource = |resource: &str| first.filter(|_| self.settings.resources.iter().any(|known| known == resource));
        let named = form.all("audience").map(known);
        let asked: Option<BTreeSet<_>> = named.chain(form.all("resource").map(resource)).collect();
        let Some(asked) = asked else {
            return Err(Refusal::new(Code::InvalidTarget, "an `audience` or `resource` is unknown here"));
        };
        let mut asked = asked.into_iter();
        match (asked.next(), asked.next()) {
            (None, _) => absent.or(first.map(String::as_str)).map(str::to_owned),
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
        .ok_or_else(|| Refusal::new(Code::InvalidTarget, "a token is for one audience"))
    }
}

fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares in a time that does not depend on where two digests differ.
fn same(one: &Digest, other: &Digest) -> bool {
    one.iter().zip(other).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests;
