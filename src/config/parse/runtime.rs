//! `runtime`: where the CLI finds its runtime, and how the toolbox lets callers in.

use std::time::Duration;

use super::reader::{Extent, Fields, Reader};
use super::secrets::CLIENT_AUTHENTICATIONS;
use crate::config::node::Node;
use crate::config::variant;
use crate::config::{
    ClientAuthentication, Delegation, Remote, RemoteAuth, RemoteAuthMode, SecretRef, ServerAuth, ServerConfig,
    ValidationProfile,
};

/// Signature algorithms when the config names none.
const DEFAULT_ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256", "ES384", "EdDSA"];

/// Signature algorithms that can be named: asymmetric ones only.
const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Largest `clockSkewSeconds`.
const MAX_SKEW: u64 = 3600;

/// Largest `introspectionCacheSeconds`.
const MAX_CACHE: u64 = 3600;

#[derive(Clone, Copy)]
enum RemoteMode {
    ProvidedToken,
    OAuthClient,
    BrowserLogin,
}

const REMOTE_MODES: &[(&str, RemoteMode)] = &[
    ("providedToken", RemoteMode::ProvidedToken),
    ("oauthClient", RemoteMode::OAuthClient),
    ("browserLogin", RemoteMode::BrowserLogin),
];

#[derive(Clone, Copy)]
enum Profile {
    OidcJwks,
    Introspection,
}

const PROFILES: &[(&str, Profile)] =
    &[("oidc_jwks", Profile::OidcJwks), ("oauth2_introspection", Profile::Introspection)];

impl Reader<'_, '_> {
    pub(super) fn runtime(&mut self, root: Fields<'_>) -> (Option<Remote>, ServerConfig) {
        let Some(node) = root.get("runtime") else { return Default::default() };
        // `local` is known only to say that it is not.
        let Some(fields) = self.fields(node, &["mode", "remote", "server", "local"]) else { return Default::default() };
        const ONLY_REMOTE: &str = "there are no local runtime modes: the CLI always talks to a toolbox over HTTP";
        if let Some(mode) = fields.get("mode").filter(|mode| mode.text() != Some("remote")) {
            self.problems.error_with(&mode.origin, ONLY_REMOTE, "say `remote`, or leave `mode` out");
        }
        if let Some(local) = fields.get("local") {
            self.problems.error_with(&local.origin, ONLY_REMOTE, "remove `local` and set `remote.url`");
        }
        let remote = fields.get("remote").and_then(|node| self.remote(node));
        let server = fields.get("server").and_then(|node| self.server(node));
        (remote, server.unwrap_or_default())
    }

    fn remote(&mut self, node: &Node) -> Option<Remote> {
        let fields = self.fields(node, &["url", "requestConfigPath", "oauth"])?;
        Some(Remote {
            url: fields.get("url").and_then(|node| self.url(node)),
            request_config_path: fields.get("requestConfigPath").and_then(|node| self.text(node)),
            oauth: fields.get("oauth").and_then(|node| self.remote_auth(node)),
        })
    }

    fn remote_auth(&mut self, node: &Node) -> Option<RemoteAuth> {
        const KNOWN: &[&str] =
            &["mode", "tokenRef", "client", "browserLogin", "audience", "resource", "scopes", "delegation"];
        let fields = self.fields(node, KNOWN)?;
        variant::REMOTE_AUTH.refuse_foreign(node, self.problems);
        let mode = self.required(fields, "mode").and_then(|node| self.choice(node, REMOTE_MODES));
        let token = fields.get("tokenRef").and_then(|node| self.token_ref(node));
        let client = fields.get("client").and_then(|node| self.oauth_client(node));
        let callback_port = fields.get("browserLogin").and_then(|node| self.browser_login(node));
        let audience = fields.get("audience").and_then(|node| self.text(node));
        let resource = fields.get("resource").and_then(|node| self.text(node));
        let scopes = self.texts(fields.get("scopes"));
        let delegation = fields.get("delegation").and_then(|node| self.delegation(node));
        let mode = match mode? {
            RemoteMode::ProvidedToken => {
                self.required(fields, "tokenRef")?;
                RemoteAuthMode::ProvidedToken(token?)
            }
            RemoteMode::OAuthClient => {
                self.required(fields, "client")?;
                client?
            }
            RemoteMode::BrowserLogin => RemoteAuthMode::BrowserLogin { callback_port },
        };
        Some(RemoteAuth { mode, audience, resource, scopes, delegation })
    }

    /// `env:NAME` or `file:PATH`.
    fn token_ref(&mut self, node: &Node) -> Option<SecretRef> {
        let text = self.any_text(node)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Some(SecretRef::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Some(SecretRef::File(self.beside(&node.origin, path))),
            _ => {
                self.problems.error(&node.origin, "must be `env:NAME` or `file:PATH`");
                None
            }
        }
    }

    fn oauth_client(&mut self, node: &Node) -> Option<RemoteAuthMode> {
        let fields = self.fields(node, &["tokenURL", "clientId", "clientSecret", "tokenEndpointAuthMethod"])?;
        let token_url = self.required(fields, "tokenURL").and_then(|node| self.url(node));
        let client_id = self.required(fields, "clientId").and_then(|node| self.client_id(node));
        let client_secret = self.required(fields, "clientSecret").and_then(|node| self.reference(node));
        let authentication =
            fields.get("tokenEndpointAuthMethod").and_then(|node| self.choice(node, CLIENT_AUTHENTICATIONS));
        Some(RemoteAuthMode::OAuthClient {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            authentication: authentication.unwrap_or_default(),
        })
    }

    fn browser_login(&mut self, node: &Node) -> Option<u16> {
        let fields = self.fields(node, &["callbackPort"])?;
        fields.get("callbackPort").and_then(|node| self.port(node))
    }

    fn delegation(&mut self, node: &Node) -> Option<Delegation> {
        let fields = self.fields(node, &["enabled", "tokenExchangeURL", "scopes"])?;
        let enabled = fields.get("enabled").and_then(|node| self.boolean(node)).unwrap_or(false);
        let token_exchange_url = fields.get("tokenExchangeURL").and_then(|node| self.url(node));
        let scopes = self.texts(fields.get("scopes"));
        if !enabled {
            return None;
        }
        self.required(fields, "tokenExchangeURL")?;
        Some(Delegation { token_exchange_url: token_exchange_url?, scopes })
    }

    fn server(&mut self, node: &Node) -> Option<ServerConfig> {
        let fields = self.fields(node, &["auth", "publicURL"])?;
        Some(ServerConfig {
            auth: fields.get("auth").and_then(|node| self.server_auth(node)),
            public_url: fields.get("publicURL").and_then(|node| self.origin(node)),
        })
    }

    fn server_auth(&mut self, node: &Node) -> Option<ServerAuth> {
        const KNOWN: &[&str] = &[
            "validationProfile",
            "mode",
            "issuer",
            "jwksURL",
            "audience",
            "introspectionURL",
            "clientId",
            "clientSecret",
            "authorizationURL",
            "tokenURL",
            "browserClientId",
            "algorithms",
            "clockSkewSeconds",
            "introspectionCacheSeconds",
            "introspectionAuthMethod",
        ];
        let fields = self.fields(node, KNOWN)?;
        variant::SERVER_AUTH.refuse_foreign(node, self.problems);
        if let Some(mode) = fields.get("mode") {
            // A valid one was rewritten to `validationProfile`; beside `oidc_jwks` it is refused as foreign.
            self.choice(mode, &[("oauth2Introspection", ())]);
        }
        let audience = self.required(fields, "audience").and_then(|node| self.text(node));
        let authorization_url = fields.get("authorizationURL").and_then(|node| self.url(node));
        let token_url = fields.get("tokenURL").and_then(|node| self.url(node));
        let browser_client_id = fields.get("browserClientId").and_then(|node| self.text(node));
        let clock_skew = fields.get("clockSkewSeconds").and_then(|node| self.seconds(node, 0, MAX_SKEW));
        let algorithms = fields.get("algorithms").and_then(|node| self.algorithms(node));
        let profile = self.validation_profile(fields);
        Some(ServerAuth {
            profile: profile?,
            audience: audience?,
            authorization_url,
            token_url,
            browser_client_id,
            algorithms: algorithms.unwrap_or_else(|| DEFAULT_ALGORITHMS.iter().map(|&name| name.to_owned()).collect()),
            clock_skew: clock_skew.unwrap_or(Duration::from_secs(60)),
        })
    }

    fn algorithms(&mut self, node: &Node) -> Option<Vec<String>> {
        let words: Vec<_> = ALGORITHMS.iter().map(|&name| (name, name)).collect();
        let found = self.list(node, ALGORITHMS.len(), |reader, node| reader.choice(node, &words))?;
        if node.items().is_some_and(<[Node]>::is_empty) {
            self.problems.error(&node.origin, "may not be empty; leave it out for the defaults");
            return None;
        }
        Some(found.into_iter().map(str::to_owned).collect())
    }

    fn validation_profile(&mut self, fields: Fields<'_>) -> Option<ValidationProfile> {
        let profile = self.required(fields, "validationProfile").and_then(|node| self.choice(node, PROFILES));
        // The issuer is compared as text, so it is kept as written.
        let issuer = fields.get("issuer").and_then(|node| self.url(node).and(node.text())).map(str::to_owned);
        let jwks_url = fields.get("jwksURL").and_then(|node| self.url(node));
        let introspection_url = fields.get("introspectionURL").and_then(|node| self.url(node));
        let client_id = fields.get("clientId").and_then(|node| self.client_id(node));
        let client_secret = fields.get("clientSecret").and_then(|node| self.reference(node));
        let cache = fields.get("introspectionCacheSeconds").and_then(|node| self.seconds(node, 0, MAX_CACHE));
        let authentication =
            fields.get("introspectionAuthMethod").and_then(|node| self.choice(node, CLIENT_AUTHENTICATIONS));
        match profile? {
            Profile::OidcJwks => {
                self.required(fields, "issuer")?;
                Some(ValidationProfile::OidcJwks { issuer: issuer?, jwks_url })
            }
            Profile::Introspection => {
                self.required(fields, "introspectionURL")?;
                if let (Extent::Whole, Some(secret), None) =
                    (self.extent, fields.get("clientSecret"), fields.get("clientId"))
                {
                    self.problems.error(&secret.origin, "`clientSecret` needs `clientId` beside it");
                }
                Some(ValidationProfile::OAuth2Introspection {
                    introspection_url: introspection_url?,
                    issuer,
                    client_id,
                    client_secret,
                    // What introspection endpoints take most often (RFC 7662 section 2.1).
                    client_authentication: authentication.unwrap_or(ClientAuthentication::Basic),
                    cache: cache.unwrap_or_default(),
                })
            }
        }
    }
}
