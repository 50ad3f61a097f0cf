//! Which token a secret of type `oauth2` stands for, and where that is asked for. Pure.
//!
//! What the config says comes before what a description says; the two are not mixed, so that a description cannot lead a person to
//! one place and the code to another.

use crate::base::digest::{of_bytes, of_parts};
use crate::base::url::Url;
use crate::catalog::AuthRequirement;
use crate::config::{ClientAuthentication, OAuthMode, OAuthSecret, SecretRef};
use crate::oauth::grant::Asked;
use crate::oauth::scope::Scopes;

/// One token that is meant.
#[derive(Clone, Debug)]
pub struct Recipe<'a> {
    /// The key of `secrets`.
    pub id: &'a str,
    /// What stands there.
    pub settings: &'a OAuthSecret,
    /// Those of the config, else those that the operation needs.
    pub scopes: Scopes,
    /// Who says where to ask.
    pub place: Place,
    /// `policy.allowExecSecrets`, for the client's id and secret.
    pub allow_exec: bool,
}

/// Who says where the endpoints are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The config.
    Named {
        /// `tokenURL`
        token: Url,
        /// `authorizationURL`
        authorization: Option<Url>,
    },
    /// The metadata of the issuer that the config names.
    Issuer(Url),
    /// The flow of the description.
    Described {
        /// `tokenUrl`
        token: Url,
        /// `authorizationUrl`
        authorization: Option<Url>,
    },
    /// `openIdConnectUrl` of the description.
    Metadata(Url),
}

impl<'a> Recipe<'a> {
    /// What a secret means to a security scheme; the error says what is missing where.
    pub fn new(
        id: &'a str,
        settings: &'a OAuthSecret,
        requirement: &AuthRequirement,
        allow_exec: bool,
    ) -> Result<Self, String> {
        let place =
            named(settings).or_else(|| described(settings, requirement)).ok_or_else(|| missing(id, settings.mode))?;
        let configured = Scopes::parse(&settings.scopes.join(" "));
        let scopes = match configured.is_empty() {
            true => requirement.scopes.iter().map(String::as_str).collect(),
            false => configured,
        };
        Ok(Self { id, settings, scopes, place, allow_exec })
    }

    /// What the token is asked for.
    pub fn asked(&self) -> Asked {
        let OAuthSecret { audience, resource, .. } = self.settings;
        Asked { scopes: self.scopes.clone(), audience: audience.clone(), resource: resource.clone() }
    }

    /// The hash of all that a token depends on, but for scopes that the operation asks for: where it comes from, who asks, for what. A
    /// token that was obtained under other settings is none of these.
    pub fn identity(&self) -> String {
        let s = self.settings;
        let (kind, place) = match &self.place {
            Place::Named { .. } => ("named", ["", ""]),
            Place::Issuer(issuer) => ("issuer", [issuer.as_str(), ""]),
            Place::Described { token, authorization } => ("described", [token.as_str(), text(authorization.as_ref())]),
            Place::Metadata(url) => ("metadata", [url.as_str(), ""]),
        };
        let urls = [text(s.token_url.as_ref()), text(s.authorization_url.as_ref())];
        let [id, secret] = [&s.client_id, &s.client_secret].map(|part| part.as_ref().map_or_else(String::new, told));
        let [audience, resource] =
            [&s.audience, &s.resource].map(|part| part.as_deref().map_or_else(String::new, |part| format!("={part}")));
        let method = if s.client_authentication == ClientAuthentication::Basic { "basic" } else { "post" };
        let mode = if s.mode == OAuthMode::ClientCredentials { "client" } else { "code" };
        let scopes = s.scopes.join(" ");
        of_parts(&[
            self.id, mode, kind, place[0], place[1], urls[0], urls[1], &id, &secret, method, &audience, &resource,
            &scopes,
        ])
    }
}

fn text(url: Option<&Url>) -> &str {
    url.map_or("", Url::as_str)
}

/// Where the config leads, when it says all that the mode needs.
fn named(settings: &OAuthSecret) -> Option<Place> {
    let OAuthSecret { mode, issuer, token_url, authorization_url, .. } = settings;
    match (token_url, authorization_url, issuer) {
        (Some(token), authorization, _) if authorization.is_some() || *mode == OAuthMode::ClientCredentials => {
            Some(Place::Named { token: token.clone(), authorization: authorization.clone() })
        }
        (_, _, Some(issuer)) => Some(Place::Issuer(issuer.clone())),
        _ => None,
    }
}

/// Where the description leads; not where the config names one endpoint of two.
fn described(settings: &OAuthSecret, requirement: &AuthRequirement) -> Option<Place> {
    if settings.token_url.is_some() || settings.authorization_url.is_some() {
        return None;
    }
    let mode = settings.mode;
    let url = |text: &str| Url::parse(text).ok().filter(Url::is_http);
    if requirement.kind == "openIdConnect" {
        return url(&requirement.open_id_connect_url).map(Place::Metadata);
    }
    let wanted = match mode {
        OAuthMode::ClientCredentials => "clientCredentials",
        OAuthMode::AuthorizationCode => "authorizationCode",
    };
    let flow = requirement.oauth_flows.iter().find(|flow| flow.mode == wanted)?;
    let (token, authorization) = (url(&flow.token_url)?, url(&flow.authorization_url));
    (mode == OAuthMode::ClientCredentials || authorization.is_some())
        .then_some(Place::Described { token, authorization })
}

fn missing(id: &str, mode: OAuthMode) -> String {
    match mode {
        OAuthMode::ClientCredentials => format!(
            "secrets[\"{id}\"] has neither `tokenURL` nor `issuer`, and the description has no flow `clientCredentials` with a token URL"
        ),
        OAuthMode::AuthorizationCode => format!(
            "secrets[\"{id}\"] has neither `authorizationURL` and `tokenURL` nor `issuer`, and the description has no flow \
             `authorizationCode` with both"
        ),
    }
}

/// A reference as a text of its own; a literal by its hash.
fn told(from: &SecretRef) -> String {
    match from {
        SecretRef::Env(name) => format!("env:{name}"),
        SecretRef::File(path) => format!("file:{}", path.display()),
        SecretRef::Literal(value) => format!("literal:{}", of_bytes(value.expose().as_bytes())),
        SecretRef::OsKeychain(entry) => format!("osKeychain:{entry}"),
        SecretRef::Exec(argv) => format!("exec:{}", of_parts(&argv.iter().map(String::as_str).collect::<Vec<_>>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::OAuthFlow;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn settings(mode: OAuthMode, [issuer, token, authorization]: [&str; 3]) -> OAuthSecret {
        let url = |text: &str| Url::parse(text).ok();
        OAuthSecret {
            issuer: url(issuer),
            token_url: url(token),
            authorization_url: url(authorization),
            ..OAuthSecret::new(mode)
        }
    }

    fn requirement() -> AuthRequirement {
        let flow = |mode: &str| OAuthFlow {
            mode: mode.to_owned(),
            authorization_url: "https://d/a".to_owned(),
            token_url: format!("https://d/{mode}"),
            refresh_url: String::new(),
        };
        AuthRequirement {
            name: "o".to_owned(),
            kind: "oauth2".to_owned(),
            scopes: vec!["read".to_owned()],
            oauth_flows: vec![flow("authorizationCode"), flow("clientCredentials")],
            ..AuthRequirement::default()
        }
    }

    #[track_caller]
    fn check(mode: OAuthMode, configured: [&str; 3], requirement: &AuthRequirement, expected: Result<Place, &str>) {
        let settings = settings(mode, configured);
        match (Recipe::new("s.o", &settings, requirement, false), expected) {
            (Ok(recipe), Ok(place)) => assert_eq!(recipe.place, place),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn the_config_comes_before_the_description_and_is_not_mixed_with_it() {
        let (client, code) = (OAuthMode::ClientCredentials, OAuthMode::AuthorizationCode);
        let (plain, bare) = (requirement(), AuthRequirement::default());
        let named = |authorization: Option<&str>| {
            Ok(Place::Named { token: url("https://c/t"), authorization: authorization.map(url) })
        };
        check(client, ["https://i", "https://c/t", ""], &plain, named(None));
        check(client, ["https://i", "", ""], &plain, Ok(Place::Issuer(url("https://i"))));
        let flow =
            Place::Described { token: url("https://d/clientCredentials"), authorization: Some(url("https://d/a")) };
        check(client, ["", "", ""], &plain, Ok(flow));
        check(client, ["", "", ""], &bare, Err("neither `tokenURL` nor `issuer`"));
        check(code, ["", "https://c/t", "https://c/a"], &plain, named(Some("https://c/a")));
        check(code, ["https://i", "https://c/t", ""], &plain, Ok(Place::Issuer(url("https://i"))));
        check(code, ["", "https://c/t", ""], &plain, Err("neither `authorizationURL` and `tokenURL` nor `issuer`"));
        let flow =
            Place::Described { token: url("https://d/authorizationCode"), authorization: Some(url("https://d/a")) };
        check(code, ["", "", ""], &plain, Ok(flow));
        let oidc = AuthRequirement {
            kind: "openIdConnect".to_owned(),
            open_id_connect_url: "https://d/.well-known/openid-configuration".to_owned(),
            ..AuthRequirement::default()
        };
        check(code, ["", "", ""], &oidc, Ok(Place::Metadata(url("https://d/.well-known/openid-configuration"))));
    }

    #[test]
    fn scopes_are_the_configs_else_the_operations() {
        let mut settings = settings(OAuthMode::ClientCredentials, ["https://i", "", ""]);
        let scopes =
            |settings: &OAuthSecret| Recipe::new("x", settings, &requirement(), false).unwrap().scopes.to_string();
        assert_eq!(scopes(&settings), "read");
        settings.scopes = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(scopes(&settings), "a b");
    }

    #[test]
    fn h18_every_setting_makes_another_token() {
        let base = || settings(OAuthMode::ClientCredentials, ["https://i", "https://c/t", ""]);
        let literal = |text: &str| Some(SecretRef::Literal(crate::base::redacted::Redacted::new(text.to_owned())));
        let all = [
            base(),
            OAuthSecret { mode: OAuthMode::AuthorizationCode, ..base() },
            OAuthSecret { token_url: Some(url("https://c/u")), ..base() },
            OAuthSecret { token_url: None, ..base() },
            OAuthSecret { client_id: literal("a"), ..base() },
            OAuthSecret { client_id: literal("b"), ..base() },
            OAuthSecret { client_secret: literal("a"), ..base() },
            OAuthSecret { client_id: Some(SecretRef::Env("A".to_owned())), ..base() },
            OAuthSecret { audience: Some(String::new()), ..base() },
            OAuthSecret { resource: Some(String::new()), ..base() },
            OAuthSecret { scopes: vec!["a".to_owned()], ..base() },
            OAuthSecret { client_authentication: ClientAuthentication::Basic, ..base() },
        ];
        let names: std::collections::BTreeSet<String> = all
            .iter()
            .map(|settings| Recipe::new("x", settings, &requirement(), false).unwrap().identity())
            .chain([Recipe::new("y", &base(), &requirement(), false).unwrap().identity()])
            .collect();
        assert_eq!(names.len(), all.len() + 1);
    }
}
