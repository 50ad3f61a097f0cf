//! The authorization endpoint (RFC 6749 section 4.1, with PKCE, RFC 7636) and the login and consent behind it.
//!
//! There is no password and no session: each login is one page, and whoever reads the code in the terminal may be any user.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::clients::{Client, GrantType};
use super::page::{self, Consent};
use super::refusal::{self, Code, Refusal};
use super::token::Refresh;
use super::{Broker, Call, REFRESH_LIFETIME, User, digest, same, text};
use crate::base::form::{Form, Repeated};
use crate::base::url::Url;
use crate::http::server::Answer;
use crate::oauth::scope::Scopes;

/// How long a page may stay open, in seconds.
const PAGE_LIFETIME: u64 = 600;
/// How long a code works (RFC 6749 section 4.1.2 wants no more than ten minutes).
const CODE_LIFETIME: u64 = 60;
/// Wrong login codes before none is taken any more.
const MAX_WRONG: u32 = 5;
/// Longest `state` and `nonce`.
const MAX_ECHO: usize = 2048;

/// Granted to whoever logs in; an id token comes with it.
const OPENID: &str = "openid";

/// What a client asked for, once it is known where an answer may go.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    client: String,
    redirect: String,
    state: Option<String>,
    nonce: Option<String>,
    challenge: String,
    audience: String,
    scopes: Scopes,
    /// Digest of the anti-forgery token in the page's form.
    form: [u8; 32],
}

/// What one showing of a page has besides what was asked for.
struct Shown<'a> {
    id: &'a str,
    form: &'a str,
    user: &'a str,
    problem: Option<&'a str>,
}

/// An authorization code, kept by its digest; a used one too, so that its replay is seen.
#[derive(Debug)]
pub(super) struct Issued {
    asked: Pending,
    login: Refresh,
    used: bool,
    until: u64,
}

/// The code that is printed in the terminal.
pub(super) struct LoginCode {
    code: String,
    wrong: u32,
}

impl LoginCode {
    /// Eight letters, none of them a vowel or easily taken for another (RFC 8628 section 6.1).
    pub(super) fn new(random: &[u8; 32]) -> Self {
        const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
        // 240 is the largest multiple of 20 in a byte: what is above would favour some letters.
        let fair = random.iter().filter(|byte| **byte < 240);
        let letters: Vec<char> = fair.map(|byte| char::from(LETTERS[usize::from(byte % 20)])).take(8).collect();
        let (front, back) = letters.split_at(letters.len() / 2);
        Self { code: format!("{}-{}", String::from_iter(front), String::from_iter(back)), wrong: 0 }
    }

    pub(super) fn text(&self) -> &str {
        &self.code
    }

    pub(super) fn tries_left(&self) -> u32 {
        MAX_WRONG.saturating_sub(self.wrong)
    }

    /// Whether this is the code. A wrong one counts, and at the limit even the right one is refused.
    fn accepts(&mut self, typed: &str) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
        };
        let fits = self.tries_left() > 0 && same(&digest(&plain(typed)), &digest(&plain(&self.code)));
        self.wrong = if fits { 0 } else { self.wrong.saturating_add(1) };
        fits
    }
}

impl Broker {
    /// Shows the page, or sends the refusal back to the client; without a client to trust, to the reader.
    pub(super) fn authorize(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let (client, redirect) = match self.asking(&call.form) {
            Ok(found) => found,
            Err(problem) => return Ok(page::problem(400, problem)),
        };
        let form = self.random();
        match self.pending(client, redirect, &call.form, &form) {
            Ok(pending) => {
                let id = self.random();
                let shown = self.page(&pending, &Shown { id: &id, form: &form, user: "", problem: None });
                self.state().pending.put(digest(&id), pending, call.now + PAGE_LIFETIME, call.now);
                Ok(shown)
            }
            Err(refusal) => {
                let state = call.form.one("state").ok().flatten().filter(|state| state.len() <= MAX_ECHO);
                Ok(self.refused(redirect, state, &refusal))
            }
        }
    }

    /// Takes the page's form.
    pub(super) fn consent(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let field = |name: &str| call.form.one(name).ok().flatten().unwrap_or_default();
        let id = digest(field("request"));
        let known = self.state().pending.get(&id, call.now).cloned();
        let Some(asked) = known.filter(|asked| same(&asked.form, &digest(field("form")))) else {
            return Ok(page::problem(400, "this page is no longer valid; start the login again"));
        };
        let state = asked.state.as_deref();
        if field("decision") != "allow" {
            self.state().pending.take(&id, call.now);
            let denied = Refusal::new(Code::AccessDenied, "the person said no");
            return Ok(self.refused(&asked.redirect, state, &denied));
        }
        let again = |problem| {
            let (id, form, user) = (field("request"), field("form"), field("user"));
            self.page(&asked, &Shown { id, form, user, problem: Some(problem) })
        };
        let Some(user) = self.settings.users.iter().find(|user| user.name == field("user")) else {
            return Ok(again("Choose who you are."));
        };
        let (accepted, left) = {
            let mut state = self.state();
            (state.login.accepts(field("code")), state.login.tries_left())
        };
        if !accepted {
            let message = if left > 0 { "That is not the code in the terminal." } else { LOCKED };
            return Ok(again(message));
        }
        // Two submissions of one page are one login.
        if self.state().pending.take(&id, call.now).is_none() {
            return Ok(page::problem(400, "this page was used already; start the login again"));
        }
        let Some(scopes) = granted(&asked.scopes, user) else {
            let refused = Refusal::new(Code::InvalidScope, "this person may have none of these scopes");
            return Ok(self.refused(&asked.redirect, state, &refused));
        };
        let code = self.issue(&asked, user, scopes, call.now);
        Ok(self.redirect(&asked.redirect, state, &[("code", &code)]))
    }

    /// The client, and where its answers go.
    fn asking<'a>(&self, form: &'a Form) -> Result<(&Client, &'a str), &'static str> {
        let twice = |_: Repeated| "a parameter of the request stands there twice";
        let id = form.one("client_id").map_err(twice)?;
        let client =
            id.and_then(|id| self.client(id)).filter(|client| client.may(GrantType::AuthorizationCode).is_ok());
        let client = client.ok_or("the program that sent you here is not known as one that people log in with")?;
        let redirect = form.one("redirect_uri").map_err(twice)?.filter(|redirect| is_callback(redirect));
        redirect
            .map(|redirect| (client, redirect))
            .ok_or("the address to return to is none of http://127.0.0.1:PORT/callback and http://[::1]:PORT/callback")
    }

    fn pending(&self, client: &Client, redirect: &str, form: &Form, token: &str) -> Result<Pending, Refusal> {
        let refused = |description| Err(Refusal::new(Code::InvalidRequest, description));
        match form.one("response_type")? {
            Some("code") => {}
            None => return refused("`response_type` is missing"),
            Some(_) => return Err(Refusal::new(Code::UnsupportedResponseType, "`response_type` must be `code`")),
        }
        if form.one("response_mode")?.is_some_and(|mode| mode != "query") {
            return refused("`response_mode` must be `query`");
        }
        let challenge = match (form.one("code_challenge")?, form.one("code_challenge_method")?) {
            (Some(challenge), Some("S256")) if is_unreserved(challenge, 43, 43) => challenge,
            _ => return refused("PKCE with `code_challenge_method` S256 is needed"),
        };
        let echoed = |name: &'static str| match form.one(name)? {
            Some(text) if text.len() > MAX_ECHO => {
                Err(Refusal::new(Code::InvalidRequest, "`state` or `nonce` is too long"))
            }
            text => Ok(text.map(str::to_owned)),
        };
        if form.one("prompt")? == Some("none") {
            return Err(Refusal::new(Code::LoginRequired, "every login asks a person"));
        }
        Ok(Pending {
            client: client.id().to_owned(),
            redirect: redirect.to_owned(),
            state: echoed("state")?,
            nonce: echoed("nonce")?,
            challenge: challenge.to_owned(),
            audience: self.target(form, None)?,
            scopes: client.asked(form.one("scope")?)?,
            form: digest(token),
        })
    }

    fn page(&self, asked: &Pending, shown: &Shown<'_>) -> Answer {
        let locked = self.state().login.tries_left() == 0;
        page::consent(&Consent {
            client: &asked.client,
            redirect: &asked.redirect,
            audience: &asked.audience,
            scopes: &asked.scopes,
            users: &self.settings.users,
            chosen: shown.user,
            request: shown.id,
            form: shown.form,
            problem: if locked { Some(LOCKED) } else { shown.problem },
        })
    }

    fn issue(&self, asked: &Pending, user: &User, scopes: Scopes, now: u64) -> String {
        let login = Refresh {
            family: self.random_id(),
            client: asked.client.clone(),
            subject: user.name.clone(),
            audience: asked.audience.clone(),
            scopes,
            used: false,
            until: now + REFRESH_LIFETIME,
        };
        let code = self.random();
        let until = login.until;
        let issued = Issued { asked: asked.clone(), login, used: false, until: now + CODE_LIFETIME };
        self.state().codes.put(digest(&code), issued, until, now);
        code
    }

    fn refused(&self, to: &str, state: Option<&str>, refusal: &Refusal) -> Answer {
        let fields = [("error", refusal.code.as_str()), ("error_description", refusal.description)];
        self.redirect(to, state, &fields)
    }

    /// Sends the browser back, with `state` and `iss` (RFC 9207).
    fn redirect(&self, to: &str, state: Option<&str>, fields: &[(&str, &str)]) -> Answer {
        let mut query = fields.iter().fold(Form::new(), |query, (name, value)| query.with(name, value));
        if let Some(state) = state {
            query.push("state", state);
        }
        query.push("iss", self.issuer());
        page::see_other(&format!("{to}?{}", query.encode()))
    }

    /// The grant `authorization_code`: a code works once, for its client, its redirect URI and its verifier.
    pub(super) fn authorization_code(&self, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
        let needed = |name: &'static str, description| {
            call.form.one(name)?.ok_or_else(|| Refusal::new(Code::InvalidRequest, description))
        };
        let code = digest(needed("code", "`code` is missing")?);
        let redirect = needed("redirect_uri", "`redirect_uri` is missing")?;
        let verifier = needed("code_verifier", "`code_verifier` is missing")?;
        let (asked, login) = self.redeem(&code, client, call.now)?;
        if asked.redirect != redirect {
            return Err(Refusal::new(Code::InvalidGrant, "the code was made for another `redirect_uri`"));
        }
        let shown = text(&Sha256::digest(verifier.as_bytes()));
        if !is_unreserved(verifier, 43, 128) || !same(&digest(&shown), &digest(&asked.challenge)) {
            return Err(Refusal::new(Code::InvalidGrant, "`code_verifier` does not fit the code"));
        }
        let mut body = self.logged_in(&login, None, call.now)?;
        if login.scopes.has(OPENID) {
            body["id_token"] = self.id_token(&asked, &login, call.now)?.into();
        }
        Ok(refusal::json(200, &body))
    }

    /// Takes a code, which is spent by that; its replay revokes what it gave (RFC 6749 section 4.1.2).
    fn redeem(&self, code: &[u8; 32], client: &Client, now: u64) -> Result<(Pending, Refresh), Refusal> {
        let refused = || Refusal::new(Code::InvalidGrant, "the code is unknown, used, expired or another client's");
        let mut state = self.state();
        let issued = state.codes.get_mut(code, now).filter(|issued| issued.asked.client == client.id());
        let issued = issued.ok_or_else(refused)?;
        if issued.used {
            let family = issued.login.family.clone();
            state.end_login(&family, now, self.lifetime());
            return Err(refused());
        }
        issued.used = true;
        if issued.until <= now {
            return Err(refused());
        }
        Ok((issued.asked.clone(), issued.login.clone()))
    }

    /// OpenID Connect Core 1.0 section 2.
    fn id_token(&self, asked: &Pending, login: &Refresh, now: u64) -> Result<String, Refusal> {
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), self.issuer().into());
        claims.insert("sub".to_owned(), login.subject.as_str().into());
        claims.insert("aud".to_owned(), login.client.as_str().into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + self.lifetime()).into());
        if let Some(nonce) = &asked.nonce {
            claims.insert("nonce".to_owned(), Value::from(nonce.as_str()));
        }
        self.sign(&claims, "JWT")
    }
}

const LOCKED: &str =
    "Too many wrong codes: log in after `open-cli-eval rotate`, or after the broker was started again.";

/// What a person gets of what was asked for; `None` when that is nothing, or would show more than was asked: leaving out a
/// `tool:` scope widens.
fn granted(asked: &Scopes, user: &User) -> Option<Scopes> {
    let may = |scope: &&str| *scope == OPENID || Scopes::parse(scope).is_subset_of(&user.scopes);
    let granted: Scopes = asked.iter().filter(may).collect();
    let about_tools: Scopes = granted.iter().filter(|scope| *scope != OPENID).collect();
    let fits = !about_tools.is_empty() && about_tools.is_subset_of(&user.scopes) && granted.is_subset_of(asked);
    fits.then_some(granted)
}

/// The loopback redirect of a native application (RFC 8252 section 7.3), whatever its port, and nothing but it.
fn is_callback(text: &str) -> bool {
    let rest = text.strip_prefix("http://127.0.0.1:").or_else(|| text.strip_prefix("http://[::1]:"));
    let port = rest.and_then(|rest| rest.strip_suffix("/callback"));
    port.is_some_and(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    }) && Url::parse(text).is_ok()
}

/// Characters of PKCE (RFC 7636 section 4.1) in a number within bounds.
fn is_unreserved(text: &str, least: usize, most: usize) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (least..=most).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_callbacks_are_returned_to() {
        for good in ["http://127.0.0.1:1/callback", "http://[::1]:65535/callback"] {
            assert!(is_callback(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:+1/callback",
            "http://127.0.0.1:1/callback/",
            "http://127.0.0.1:1/callback?x=1",
            "http://127.0.0.1:1/callback#x",
            "http://127.0.0.1:1@evil.example/callback",
            "http://127.0.0.1:1/../callback",
            "https://127.0.0.1:1/callback",
            "http://localhost:1/callback",
            "http://127.0.0.2:1/callback",
            "HTTP://127.0.0.1:1/callback",
            "http://evil.example:1/callback",
            "",
        ] {
            assert!(!is_callback(bad), "{bad}");
        }
    }

    #[track_caller]
    fn check(asked: &str, user: &str, expected: Option<&str>) {
        let user = User { name: "u".to_owned(), scopes: Scopes::parse(user) };
        let found = granted(&Scopes::parse(asked), &user).map(|scopes| scopes.to_string());
        assert_eq!(found.as_deref(), expected, "{asked:?} for {user:?}");
    }

    #[test]
    fn a_person_grants_what_they_have_and_never_more_than_was_asked() {
        check("bundle:demo profile:reader openid", "bundle:demo runtime:admin", Some("bundle:demo openid"));
        check("bundle:demo profile:reader", "profile:reader", Some("profile:reader"));
        check("bundle:demo tool:demo:a", "bundle:demo", Some("bundle:demo tool:demo:a"));
        check("tool:demo:a", "bundle:demo", Some("tool:demo:a"));
        check("profile:reader tool:demo:a", "profile:reader", None);
        check("bundle:demo", "profile:reader", None);
        check("openid", "bundle:demo", None);
        check("", "bundle:demo", None);
    }

    #[test]
    fn five_wrong_codes_end_it() {
        let mut login = LoginCode::new(&[
            0, 1, 2, 3, 250, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
        ]);
        assert_eq!(login.text(), "BCDF-GHJK");
        for _ in 0..4 {
            assert!(!login.accepts("BCDF-GHJL"));
        }
        assert!(login.accepts(" bcdf ghjk"), "a right one in time starts the count again");
        for _ in 0..5 {
            assert!(!login.accepts(""));
        }
        assert_eq!((login.tries_left(), login.accepts("BCDF-GHJK")), (0, false));
    }
}
