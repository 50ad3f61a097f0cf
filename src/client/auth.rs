//! As whom a runtime is asked: the token of `runtime.remote.oauth`, bound to the origin of `runtime.remote.url`.
//!
//! This version knows `providedToken`. Nothing here asks a token endpoint or opens a browser, and no token reaches a message.

use std::fmt;

use crate::base::host::Env;
use crate::base::redacted::Redacted;
use crate::base::url::Origin;
use crate::config::{Remote, RemoteAuthMode};
use crate::secrets;

use super::target::Target;

/// What goes into `Authorization`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Nothing is configured.
    #[default]
    Anonymous,
    /// A bearer token for this runtime.
    Token(Redacted<String>),
    /// A token is configured, but for another origin: it is not sent here.
    Withheld(Origin),
}

/// Why the configured way to a token cannot be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// A mode that this version does not know.
    NotSupported(&'static str),
    /// The token is not where the config says.
    Missing(String),
    /// The token has characters that no header can carry.
    Unusable,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported(what) => write!(f, "runtime.remote.oauth: {what} is not supported by this version"),
            Self::Missing(cause) => write!(f, "the runtime token cannot be read: {cause}"),
            Self::Unusable => f.write_str("the runtime token has characters that a header cannot carry"),
        }
    }
}

impl std::error::Error for AuthError {}

/// Finds the credential for `target`.
pub fn credential(remote: Option<&Remote>, target: &Target, env: &Env) -> Result<Credential, AuthError> {
    let Some(auth) = remote.and_then(|remote| remote.oauth.as_ref()) else { return Ok(Credential::Anonymous) };
    let bound_to = remote.and_then(|remote| remote.url.as_ref()).and_then(|url| url.origin());
    if let Some(origin) = bound_to.filter(|origin| *origin != target.origin) {
        return Ok(Credential::Withheld(origin));
    }
    if auth.delegation.is_some() {
        return Err(AuthError::NotSupported("delegation"));
    }
    match &auth.mode {
        RemoteAuthMode::OAuthClient { .. } => Err(AuthError::NotSupported("the mode oauthClient")),
        RemoteAuthMode::BrowserLogin { .. } => Err(AuthError::NotSupported("the mode browserLogin")),
        RemoteAuthMode::ProvidedToken(reference) => {
            let token =
                secrets::resolve(reference, env, false).map_err(|error| AuthError::Missing(error.to_string()))?;
            let token = Redacted::new(token.expose().trim().to_owned());
            let plain = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
            if plain && !token.expose().is_empty() { Ok(Credential::Token(token)) } else { Err(AuthError::Unusable) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::url::Url;
    use crate::client::target;
    use crate::config::{RemoteAuth, SecretRef};

    fn remote(url: Option<&str>, mode: RemoteAuthMode) -> Remote {
        Remote {
            url: url.map(|url| Url::parse(url).unwrap()),
            request_config_path: None,
            oauth: Some(RemoteAuth { mode, audience: None, scopes: Vec::new(), delegation: None }),
        }
    }

    fn ask(remote: &Remote, runtime: &str, token: &str) -> Result<Credential, AuthError> {
        let target = target::resolve(Some(runtime), None, None).unwrap();
        let env = Env::new([("TOKEN".to_owned(), token.to_owned())]);
        credential(Some(remote), &target, &env)
    }

    fn provided() -> RemoteAuthMode {
        RemoteAuthMode::ProvidedToken(SecretRef::Env("TOKEN".to_owned()))
    }

    #[test]
    fn a_provided_token_goes_to_its_own_origin_only() {
        let remote = remote(Some("https://r/x"), provided());
        assert_eq!(ask(&remote, "https://r:443/y", "t-1"), Ok(Credential::Token(Redacted::new("t-1".to_owned()))));
        for other in ["http://r/x", "https://r:444/x", "https://s/x"] {
            assert!(matches!(ask(&remote, other, "t-1"), Ok(Credential::Withheld(_))), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let remote_of = |mode| remote(Some("https://r"), mode);
        assert!(matches!(ask(&remote_of(provided()), "https://r", ""), Err(AuthError::Missing(_))));
        assert_eq!(ask(&remote_of(provided()), "https://r", "a\u{7}b"), Err(AuthError::Unusable));
        let browser = remote_of(RemoteAuthMode::BrowserLogin { callback_port: None });
        let error = ask(&browser, "https://r", "").unwrap_err();
        assert!(error.to_string().contains("browserLogin is not supported by this version"));
    }
}
