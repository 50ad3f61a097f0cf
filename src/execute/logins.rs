//! Which logins of a person some tools need: one for each service and secret (pure).

use std::collections::BTreeMap;

use super::credentials::find;
use crate::catalog::{AuthRequirement, Tool};
use crate::config::{Config, OAuthMode, OAuthSecret, SecretKind};
use crate::upstream::Recipe;

/// A login that a service's tools need.
#[derive(Clone, Debug)]
pub struct Needed<'a> {
    /// One of the tools.
    pub tool: &'a Tool,
    /// The key of `secrets`.
    pub secret: &'a str,
    settings: &'a OAuthSecret,
    /// The scheme, with the scopes of all of the tools.
    requirement: AuthRequirement,
}

impl<'a> Needed<'a> {
    /// What the login gives.
    pub fn recipe(&self, config: &Config) -> Result<Recipe<'a>, String> {
        Recipe::new(self.secret, self.settings, &self.requirement, config.policy.allow_exec_secrets)
    }
}

/// The logins that tools need, ordered by service and secret.
pub fn needed<'a>(config: &'a Config, tools: impl Iterator<Item = &'a Tool>) -> Vec<Needed<'a>> {
    let mut found: BTreeMap<(&str, &str), Needed<'a>> = BTreeMap::new();
    for tool in tools {
        for requirement in tool.auth_alternatives.iter().flat_map(|alternative| &alternative.requirements) {
            let Ok((secret, kind)) = find(config, tool, &requirement.name).map(|(key, secret)| (key, &secret.kind))
            else {
                continue;
            };
            let SecretKind::OAuth2(settings) = kind else { continue };
            if settings.mode != OAuthMode::AuthorizationCode {
                continue;
            }
            let first = || Needed {
                tool,
                secret,
                settings,
                requirement: AuthRequirement { scopes: vec![], ..requirement.clone() },
            };
            let scopes = &mut found.entry((tool.service_id.as_str(), secret)).or_insert_with(first).requirement.scopes;
            for scope in &requirement.scopes {
                if !scopes.contains(scope) {
                    scopes.push(scope.clone());
                }
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::url::Url;
    use crate::catalog::AuthAlternative;
    use crate::config::Secret;

    fn tool(service: &str, schemes: &[(&str, &str)]) -> Tool {
        let requirement = |(name, scope): &(&str, &str)| AuthRequirement {
            name: (*name).to_owned(),
            kind: "oauth2".to_owned(),
            scopes: vec![(*scope).to_owned()],
            ..AuthRequirement::default()
        };
        let requirements = schemes.iter().map(requirement).collect();
        Tool {
            service_id: service.into(),
            auth_alternatives: vec![AuthAlternative { requirements }],
            ..Tool::default()
        }
    }

    #[test]
    fn a_login_stands_once_with_the_scopes_of_all_tools() {
        let mut config = Config::default();
        for (key, mode) in [
            ("a.login", OAuthMode::AuthorizationCode),
            ("a.other", OAuthMode::AuthorizationCode),
            ("a.client", OAuthMode::ClientCredentials),
            ("b.login", OAuthMode::AuthorizationCode),
        ] {
            let settings = OAuthSecret { issuer: Url::parse("https://i").ok(), ..OAuthSecret::new(mode) };
            let kind = SecretKind::OAuth2(Box::new(settings));
            config.secrets.insert(key.to_owned(), Secret { services: Vec::new(), kind });
        }
        let tools = [
            tool("b", &[("login", "z")]),
            tool("a", &[("login", "x"), ("client", "q"), ("unknown", "q")]),
            tool("a", &[("login", "y")]),
            tool("a", &[("login", "x")]),
        ];
        let found = needed(&config, tools.iter());
        let told = |needed: &Needed<'_>| {
            let scopes = needed.recipe(&config).unwrap().scopes.to_string();
            format!("{} {} {scopes}", needed.tool.service_id, needed.secret)
        };
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), ["a a.login x y", "b b.login z"]);
    }
}
