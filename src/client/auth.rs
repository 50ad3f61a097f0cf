//! As whom a runtime is asked: what `runtime.remote.oauth` plans, and the credential that comes of it.
//!
//! Pure. A token belongs to the origin of `runtime.remote.url` and is planned for no other. `tokens` carries a plan out; nothing here
//! asks a token endpoint, and no token reaches a message. Key types: [`Plan`], [`Credential`], [`Caller`].

use std::fmt;

use crate::base::digest::of_parts;
use crate::base::redacted::Redacted;
use crate::base::url::Origin;
use crate::config::{Delegation, Remote, RemoteAuthMode, SecretRef};
use crate::oauth::answer::GrantError;
use crate::oauth::grant::Asked;
use crate::oauth::peek::Unproven;
use crate::oauth::scope::Scopes;

use super::runtime::ClientError;
use super::target::Target;

/// A token, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The token.
    pub token: Redacted<String>,
    /// Tells one caller from another, and stays the same when the token is renewed. Holds nothing of the token.
    pub identity: String,
}

/// What goes into `Authorization`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Nothing is configured.
    #[default]
    Anonymous,
    /// A bearer token for this runtime.
    Token(Bearer),
    /// A token is configured, but for another origin: it is not sent here.
    Withheld(Origin),
}

impl Credential {
    /// Whose catalog is whose; empty for those without a token.
    pub fn identity(&self) -> &str {
        match self {
            Self::Token(bearer) => &bearer.identity,
            Self::Anonymous | Self::Withheld(_) => "",
        }
    }
}

/// Who asks a runtime: has a credential before each call, and perhaps another one after it was refused.
pub trait Caller {
    /// The credential.
    fn credential(&self) -> Result<Credential, AuthError>;

    /// Another credential in place of one that the runtime refused; `None` when there is none to be had.
    fn renewed(&self, refused: &Bearer) -> Result<Option<Credential>, AuthError>;

    /// [`Credential::identity`] as far as it is known without asking anybody.
    fn identity(&self) -> Option<String>;
}

/// A credential that is what it is.
impl Caller for Credential {
    fn credential(&self) -> Result<Credential, AuthError> {
        Ok(self.clone())
    }

    fn renewed(&self, _: &Bearer) -> Result<Option<Credential>, AuthError> {
        Ok(None)
    }

    fn identity(&self) -> Option<String> {
        Some(Self::identity(self).to_owned())
    }
}

/// Why the configured way to a token cannot be gone.
#[derive(Clone, Debug)]
pub enum AuthError {
    /// The token or a secret is not where the config says.
    Missing(String),
    /// The token has characters that no header can carry, or is too long.
    Unusable,
    /// The issuer gave no token.
    Grant(GrantError),
    /// The issuer did not narrow the token, so it is not used.
    NotASubset {
        /// Scopes that the token has or may have; `None` when nobody says.
        child: Option<Scopes>,
        /// Scopes of the token it was made from; `None` when nobody says.
        parent: Option<Scopes>,
    },
    /// The issuer gave more than it was asked for, so the token is not used.
    NotNarrowed {
        /// Scopes of the token.
        child: Scopes,
        /// What was asked for.
        asked: Scopes,
    },
    /// Another command has been obtaining the same token for too long.
    Busy,
    /// A person has to log in; `true` when a login has ended.
    LoginNeeded(bool),
    /// The runtime does not say how to log in.
    NoBrowserLogin(String),
    /// The login at a browser came to nothing.
    Login(String),
    /// The runtime could not be asked how to log in.
    Runtime(Box<ClientError>),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |scopes: &Option<Scopes>| match scopes {
            Some(scopes) if scopes.is_empty() => "none".to_owned(),
            Some(scopes) => scopes.to_string(),
            None => "unknown".to_owned(),
        };
        match self {
            Self::Missing(cause) => write!(f, "the runtime token cannot be obtained: {cause}"),
            Self::Unusable => {
                f.write_str("the runtime token has characters that a header cannot carry, or is too long")
            }
            Self::Grant(error) => error.fmt(f),
            Self::NotASubset { child, parent } => write!(
                f,
                "the delegated token is not used, since its scopes are no subset of its parent's: delegated {}, parent {}",
                shown(child),
                shown(parent)
            ),
            Self::NotNarrowed { child, asked } => write!(
                f,
                "the delegated token is not used, since it has scopes beyond those asked for: delegated {child}, asked {asked}"
            ),
            Self::Busy => f.write_str("another command has been obtaining this token for too long"),
            Self::LoginNeeded(false) => f.write_str("nobody is logged in at this runtime"),
            Self::LoginNeeded(true) => f.write_str("the login at this runtime has ended"),
            Self::NoBrowserLogin(cause) => write!(f, "the runtime does not say how to log in: {cause}"),
            Self::Login(cause) => write!(f, "the login failed: {cause}"),
            Self::Runtime(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AuthError {}

impl From<GrantError> for AuthError {
    fn from(error: GrantError) -> Self {
        Self::Grant(error)
    }
}

/// What is to be done for a credential.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Nothing is configured.
    Anonymous,
    /// What is configured belongs to another origin.
    Withheld(Origin),
    /// Obtain a token.
    Obtain(Box<Recipe>),
}

/// How a token is obtained.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Which of the three ways.
    pub mode: RemoteAuthMode,
    /// For what.
    pub asked: Asked,
    /// Exchanged for a narrower one.
    pub delegation: Option<Delegation>,
    /// `actor_id` of an exchange.
    pub actor: String,
    /// `agent_profile` of an exchange.
    pub profile: Option<String>,
}

/// Plans for `target`. `actor` and `profile` name who will use an exchanged token.
pub fn plan(remote: Option<&Remote>, target: &Target, actor: &str, profile: Option<&str>) -> Plan {
    let Some(auth) = remote.and_then(|remote| remote.oauth.as_ref()) else { return Plan::Anonymous };
    let bound_to = remote.and_then(|remote| remote.url.as_ref()).and_then(|url| url.origin());
    if let Some(origin) = bound_to.filter(|origin| *origin != target.origin) {
        return Plan::Withheld(origin);
    }
    Plan::Obtain(Box::new(Recipe {
        mode: auth.mode.clone(),
        asked: Asked {
            scopes: Scopes::parse(&auth.scopes.join(" ")),
            audience: auth.audience.clone(),
            resource: auth.resource.clone(),
        },
        delegation: auth.delegation.clone(),
        actor: actor.to_owned(),
        profile: profile.map(str::to_owned),
    }))
}

impl Plan {
    /// Whether a person may have to log in.
    pub fn wants_a_browser(&self) -> bool {
        matches!(self, Self::Obtain(recipe) if matches!(recipe.mode, RemoteAuthMode::BrowserLogin { .. }))
    }
}

impl Recipe {
    /// Whether a program has to be run to know whose token it is; one may ask a person for something, as a keychain does.
    pub fn needs_a_program(&self) -> bool {
        let named = match &self.mode {
            RemoteAuthMode::ProvidedToken(from) => from,
            RemoteAuthMode::OAuthClient { client_id, .. } => client_id,
            RemoteAuthMode::BrowserLogin { .. } => return false,
        };
        matches!(named, SecretRef::Exec(_) | SecretRef::OsKeychain(_))
    }

    /// The name that a token of this recipe is kept under: the hash of all that it depends on. `client` is the client's id where
    /// the config names one.
    pub fn name(&self, target: &Target, client: Option<&str>) -> String {
        let origin = target.origin.to_string();
        let reference;
        let (mode, place, whose) = match &self.mode {
            RemoteAuthMode::ProvidedToken(from) => {
                reference = told(from);
                ("providedToken", origin.as_str(), reference.as_str())
            }
            RemoteAuthMode::OAuthClient { token_url, .. } => ("oauthClient", origin.as_str(), token_url.as_str()),
            // Where to log in is the runtime's to say, and runtimes of one origin may say different things.
            RemoteAuthMode::BrowserLogin { .. } => ("browserLogin", target.as_str(), ""),
        };
        let [audience, resource] = [&self.asked.audience, &self.asked.resource].map(|part| optional(part.as_deref()));
        let scopes = self.asked.scopes.to_string();
        of_parts(&[mode, place, whose, client.unwrap_or(""), &audience, &resource, &scopes])
    }

    /// The name that tokens exchanged by this recipe share; the parent's identity makes it a file's name.
    pub fn child_name(&self, parent: &str, delegation: &Delegation) -> String {
        let [audience, resource, profile] =
            [&self.asked.audience, &self.asked.resource, &self.profile].map(|part| optional(part.as_deref()));
        let scopes = Scopes::parse(&delegation.scopes.join(" ")).to_string();
        let endpoint = delegation.token_exchange_url.as_str();
        of_parts(&["delegation", parent, endpoint, &audience, &resource, &scopes, &self.actor, &profile])
    }
}

fn optional(part: Option<&str>) -> String {
    part.map_or_else(String::new, |part| format!("={part}"))
}

/// Where a provided token is, as the config says it.
pub fn told(from: &SecretRef) -> String {
    match from {
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => format!("file:{}", path.display()),
        SecretRef::Literal(_) | SecretRef::OsKeychain(_) | SecretRef::Exec(_) => "a secret".to_owned(),
    }
}

/// Whose a token is that came from outside: what it says about itself, unverified, or the hash of all of it. A wrong claim leads
/// to no more than a question whether a catalog is still the same.
pub fn identity_of(token: &Redacted<String>) -> String {
    let Some(claims) = Unproven::of(token.expose()) else { return format!("token:{}", of_parts(&[token.expose()])) };
    let [issuer, subject, client] = ["iss", "sub", "client_id"].map(|name| optional(claims.text(name)));
    let scope = claims.scopes().map_or_else(|_| String::new(), |said| format!("{said:?}"));
    if subject.is_empty() && client.is_empty() {
        return format!("token:{}", of_parts(&[token.expose()]));
    }
    format!("claims:{}", of_parts(&[&issuer, &subject, &client, &scope]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::url::Url;
    use crate::client::target;
    use crate::config::{ClientAuthentication, RemoteAuth};

    fn remote(url: Option<&str>, mode: RemoteAuthMode) -> Remote {
        Remote {
            url: url.map(|url| Url::parse(url).unwrap()),
            request_config_path: None,
            oauth: Some(RemoteAuth { mode, audience: None, resource: None, scopes: Vec::new(), delegation: None }),
        }
    }

    fn provided() -> RemoteAuthMode {
        RemoteAuthMode::ProvidedToken(SecretRef::Env("TOKEN".to_owned()))
    }

    fn plan_for(remote: &Remote, runtime: &str) -> Plan {
        plan(Some(remote), &target::resolve(Some(runtime), None, None).unwrap(), "me", None)
    }

    #[test]
    fn h18_a_token_goes_to_its_own_origin_only() {
        let bound = remote(Some("https://r/x"), provided());
        assert!(matches!(plan_for(&bound, "https://r:443/y"), Plan::Obtain(_)));
        for other in ["http://r/x", "https://r:444/x", "https://s/x"] {
            assert!(matches!(plan_for(&bound, other), Plan::Withheld(_)), "{other}");
        }
        assert!(matches!(
            plan(None, &target::resolve(Some("http://r"), None, None).unwrap(), "me", None),
            Plan::Anonymous
        ));
    }

    fn recipe(change: impl FnOnce(&mut Recipe)) -> Recipe {
        let mode = RemoteAuthMode::OAuthClient {
            token_url: Url::parse("https://i/t").unwrap(),
            client_id: SecretRef::Env("ID".to_owned()),
            client_secret: SecretRef::Env("SECRET".to_owned()),
            authentication: ClientAuthentication::Post,
        };
        let asked = Asked { scopes: Scopes::parse("a"), ..Asked::default() };
        let mut recipe = Recipe { mode, asked, delegation: None, actor: "me".to_owned(), profile: None };
        change(&mut recipe);
        recipe
    }

    #[test]
    fn h18_every_difference_is_another_file() {
        let at = |url: &str| target::resolve(Some(url), None, None).unwrap();
        let (r, s) = (at("https://r/x"), at("https://s/x"));
        let browser = RemoteAuthMode::BrowserLogin { callback_port: None };
        let names = [
            recipe(|_| {}).name(&r, Some("c")),
            recipe(|_| {}).name(&s, Some("c")),
            recipe(|_| {}).name(&r, Some("d")),
            recipe(|recipe| recipe.asked.scopes = Scopes::parse("a b")).name(&r, Some("c")),
            recipe(|recipe| recipe.asked.audience = Some(String::new())).name(&r, Some("c")),
            recipe(|recipe| recipe.asked.resource = Some(String::new())).name(&r, Some("c")),
            recipe(|recipe| recipe.mode = browser.clone()).name(&r, None),
            recipe(|recipe| recipe.mode = browser).name(&at("https://r/y"), None),
            recipe(|recipe| recipe.mode = provided()).name(&r, None),
        ];
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(recipe(|_| {}).name(&r, Some("c")), recipe(|_| {}).name(&at("https://r/y"), Some("c")));

        let delegation = |url: &str, scope: &str| Delegation {
            token_exchange_url: Url::parse(url).unwrap(),
            scopes: vec![scope.to_owned()],
        };
        let d = delegation("https://i/x", "a");
        let names = [
            recipe(|_| {}).child_name("p", &d),
            recipe(|_| {}).child_name("q", &d),
            recipe(|_| {}).child_name("p", &delegation("https://i/y", "a")),
            recipe(|_| {}).child_name("p", &delegation("https://i/x", "b")),
            recipe(|recipe| recipe.actor = "you".to_owned()).child_name("p", &d),
            recipe(|recipe| recipe.profile = Some("p".to_owned())).child_name("p", &d),
        ];
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn a_renewed_token_is_the_same_caller() {
        let token = |text: &str| identity_of(&Redacted::new(text.to_owned()));
        // {"sub":"ada","exp":1}, {"sub":"ada","exp":2}, {"sub":"ben","exp":1}
        let (one, two, other) = (
            "e30.eyJzdWIiOiJhZGEiLCJleHAiOjF9.x",
            "e30.eyJzdWIiOiJhZGEiLCJleHAiOjJ9.y",
            "e30.eyJzdWIiOiJiZW4iLCJleHAiOjF9.x",
        );
        assert_eq!(token(one), token(two));
        assert_ne!(token(one), token(other));
        assert_ne!(token("opaque-1"), token("opaque-2"));
        assert_ne!(token("e30.e30.x"), token("e30.e30.y"), "a JWT that names nobody");
        assert!(!token("opaque-1").contains("opaque"));
    }
}
