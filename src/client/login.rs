//! A person logs in at a browser: where is the runtime's to say, how is `oauth::flow`, and the code becomes a token here.

use std::cell::RefCell;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use crate::base::host;
use crate::base::url::Url;
use crate::contract::{BrowserConfig, ErrorCode};
use crate::http::Transport;
use crate::oauth::browser;
use crate::oauth::client::Client;
use crate::oauth::endpoint::Endpoint;
use crate::oauth::flow::{self, Doors};
use crate::oauth::grant::{Asked, Grant};
use crate::oauth::redirect;
use crate::oauth::store::{Entry, Login};

use super::auth::{AuthError, Credential};
use super::runtime::{ClientError, Exchange, Runtime, Timeouts};
use super::target::Target;
use super::tokens::{Outside, Person, unencrypted};

/// Somebody with a browser.
pub struct AtBrowser<'a> {
    /// The way to the runtime.
    pub transport: Arc<dyn Transport>,
    /// The runtime.
    pub target: Target,
    /// How long it may take to say where to log in.
    pub timeouts: Timeouts,
    /// Sees what is asked there.
    pub watch: Box<dyn Fn(&Exchange<'_>) + 'a>,
    /// Tells the person something.
    pub say: Box<dyn Fn(&str) + 'a>,
    /// Whether a browser is opened here.
    pub opens: bool,
    /// Where the redirected address may be pasted.
    pub pasted: RefCell<Option<Box<dyn Read + Send>>>,
}

impl Person for AtBrowser<'_> {
    fn log_in(&self, asked: &Asked, callback_port: Option<u16>, outside: &Outside<'_>) -> Result<Entry, AuthError> {
        let config = self.config()?;
        let (authorization_url, token_url) = endpoints(&config)?;
        for warning in [unencrypted("authorization URL", &authorization_url), unencrypted("token URL", &token_url)] {
            warning.iter().for_each(|warning| (outside.note)(warning));
        }
        let audience = asked.audience.clone().or_else(|| Some(config.audience.clone()).filter(|text| !text.is_empty()));
        let asked = Asked { audience, ..asked.clone() };
        let chosen = outside.env.var(browser::VARIABLE);
        let open = |url: &Url| browser::open(chosen, url);
        let doors = Doors {
            port: callback_port,
            open: self.opens.then_some(&open),
            pasted: self.pasted.take(),
            say: &*self.say,
            limit: flow::LIMIT,
        };
        let issuer = config.issuer.as_deref().filter(|issuer| !issuer.is_empty());
        let login = flow::Login { endpoint: &authorization_url, client_id: &config.client_id, issuer, asked: &asked };
        let code = flow::run(&login, doors).map_err(|error| AuthError::Login(error.to_string()))?;
        let client = Client::public(&config.client_id);
        let endpoint = Endpoint { url: &token_url, client: &client, send: &*outside.send, limit: outside.limit };
        let grant = Grant::Code { code: &code.code, verifier: &code.verifier, redirect_uri: &code.redirect_uri };
        let entry = Entry::new(endpoint.ask(&grant, &asked)?, &asked.scopes, outside.clock.now());
        let id = host::random_id().map_err(|error| AuthError::Login(error.to_string()))?;
        let login = Login { id, token_url: token_url.as_str().to_owned(), client_id: config.client_id };
        Ok(Entry { login: Some(login), ..entry })
    }

    fn limit(&self) -> Duration {
        flow::LIMIT
    }
}

impl AtBrowser<'_> {
    fn config(&self) -> Result<BrowserConfig, AuthError> {
        let runtime = Runtime {
            transport: self.transport.as_ref(),
            target: &self.target,
            caller: &Credential::Anonymous,
            trail: None,
            timeouts: self.timeouts,
            watch: Some(&*self.watch),
        };
        runtime.browser_config().map_err(|error| match error {
            ClientError::Refused(refusal) if refusal.status == 404 || refusal.code == Some(ErrorCode::NotFound) => {
                AuthError::NoBrowserLogin(format!("login at a browser is not set up at {}", self.target))
            }
            error => AuthError::Runtime(Box::new(error)),
        })
    }
}

/// Both endpoints of an issuer, which must be such that a browser and a client may be sent there.
fn endpoints(config: &BrowserConfig) -> Result<(Url, Url), AuthError> {
    let url = |name: &str, text: &str| {
        let url = Url::parse(text).ok().filter(Url::is_http);
        url.ok_or_else(|| AuthError::NoBrowserLogin(format!("its {name} is no http or https URL")))
    };
    if config.client_id.is_empty() {
        return Err(AuthError::NoBrowserLogin("it names no client".to_owned()));
    }
    let authorization = url("authorizationURL", &config.authorization_url)?;
    if let Some(name) = redirect::asks_by_itself(&authorization) {
        let cause = format!("its authorizationURL sets `{name}`, which is for the client to say");
        return Err(AuthError::NoBrowserLogin(cause));
    }
    Ok((authorization, url("tokenURL", &config.token_url)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(authorization_url: &str, token_url: &str, client_id: &str, part: Option<&str>) {
        let [authorization_url, token_url, client_id] = [authorization_url, token_url, client_id].map(str::to_owned);
        let config = BrowserConfig { authorization_url, token_url, client_id, ..BrowserConfig::default() };
        match (endpoints(&config), part) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_browser_is_sent_to_web_addresses_only() {
        check("https://i/a", "https://i/t", "c", None);
        check("file:///etc/passwd", "https://i/t", "c", Some("authorizationURL"));
        check("javascript:alert(1)", "https://i/t", "c", Some("authorizationURL"));
        check("https://i/a", "", "c", Some("tokenURL"));
        check("https://i/a?tenant=x&p=y", "https://i/t", "c", None);
        check("https://i/a?scope=payments", "https://i/t", "c", Some("`scope`"));
        check("https://i/a?x&%61udience=payments", "https://i/t", "c", Some("`audience`"));
        check("https://i/a?request_uri=urn%3Ax", "https://i/t", "c", Some("`request_uri`"));
        check("https://i/a", "https://i/t", "", Some("no client"));
    }
}
