//! Every field arrives in its type.

use std::time::Duration;

use super::super::world::World;
use super::super::{
    ClientAuthentication, Location, McpTransport, OAuthMode, RemoteAuthMode, SecretKind, SecretRef, SourceKind,
    TokenStorage, ValidationProfile,
};
use super::*;

#[track_caller]
fn parsed(text: &str) -> Config {
    World::new().project(text).loaded().config
}

#[test]
fn sources_of_every_type() {
    let config = parsed(
        r#"{"sources": {
            "file": {"type": "openapi", "uri": "file:///srv/a%20b.json", "enabled": false, "refresh": {"maxAgeSeconds": 60, "manualOnly": true}},
            "root": {"type": "serviceRoot", "uri": "https://h/?token=x"},
            "catalog": {"type": "apiCatalog", "uri": "/srv/catalog.json"}
        }}"#,
    );
    let file = &config.sources["file"];
    assert!(matches!(&file.kind, SourceKind::OpenApi(Location::File(path)) if path.to_str() == Some("/srv/a b.json")));
    assert_eq!(
        (file.enabled, file.refresh.max_age, file.refresh.manual_only),
        (false, Some(Duration::from_secs(60)), true)
    );
    let root = &config.sources["root"];
    assert!(matches!(&root.kind, SourceKind::ServiceRoot(Location::Remote(url)) if url.query() == Some("token=x")));
    assert_eq!((root.uri.as_str(), root.enabled), ("https://h/", true));
    assert!(matches!(&config.sources["catalog"].kind, SourceKind::ApiCatalog(Location::File(_))));
}

#[test]
fn mcp_servers_become_source_and_service() {
    let config = parsed(
        r#"{"mcpServers": {
            "files": {"command": "server", "args": ["-x"], "env": {"K": "v"}, "disabledTools": ["rm"]},
            "web": {"url": "https://h/mcp", "headers": {"X": "y"}, "headerSecrets": {"Z": "k"},
                    "oauth": {"mode": "clientCredentials", "issuer": "https://i/"}},
            "old": {"type": "sse", "url": "https://h/sse"}
        }, "services": {"web": {"alias": "www"}}, "secrets": {"k": {"type": "env", "value": "K"}}}"#,
    );
    let mcp = |id: &str| match &config.sources[id].kind {
        SourceKind::Mcp(mcp) => (**mcp).clone(),
        other => panic!("{other:?}"),
    };
    let files = mcp("files");
    assert_eq!(files.disabled_tools, ["rm"]);
    assert!(matches!(&files.transport, McpTransport::Stdio { command, args, env }
        if command == "server" && args == &["-x"] && env["K"].expose() == "v"));
    let web = mcp("web");
    assert!(matches!(&web.transport, McpTransport::StreamableHttp(to)
        if to.url.as_str() == "https://h/mcp" && to.headers["X"].expose() == "y" && to.header_secrets["Z"] == "k"));
    assert_eq!(web.oauth.unwrap().mode, OAuthMode::ClientCredentials);
    assert!(matches!(mcp("old").transport, McpTransport::Sse(_)));
    assert_eq!(config.services["files"].source.as_str(), "files");
    assert_eq!((config.services["web"].source.as_str(), config.services["web"].alias.as_deref()), ("web", Some("www")));
}

#[test]
fn services_tool_sets_profiles_and_policy() {
    let config = parsed(
        r#"{"sources": {"a": {"type": "openapi", "uri": "a"}},
            "services": {"s": {"source": "a", "alias": "t", "overlays": ["https://h/o.json"], "skills": ["/k"], "workflows": ["/w"],
                         "server": "https://h/v1", "timeoutSeconds": 5}},
            "curation": {"toolSets": {"set": {"allow": ["s:*"], "deny": ["s:x"]}}},
            "agents": {"defaultProfile": "p", "profiles": {"p": {"mode": "curated", "toolSet": "set"}}},
            "policy": {"deny": ["s:a"], "approvalRequired": ["s:b"], "egress": {"allow": ["*.Example.com:443", "[::1]"]}}}"#,
    );
    let service = &config.services["s"];
    assert_eq!(
        (service.server.as_ref().unwrap().as_str(), service.timeout),
        ("https://h/v1", Some(Duration::from_secs(5)))
    );
    assert_eq!([service.overlays.len(), service.skills.len(), service.workflows.len()], [1, 1, 1]);
    assert!(config.tool_sets["set"].allow[0].matches("s:y") && config.tool_sets["set"].deny[0].matches("s:x"));
    assert_eq!(config.default_profile.as_deref(), Some("p"));
    assert_eq!(
        (config.profiles["p"].mode, config.profiles["p"].tool_set.as_deref()),
        (Some(Mode::Curated), Some("set"))
    );
    let hosts = config.policy.egress_allow.unwrap();
    assert!(
        hosts[0].matches("api.example.com", 443)
            && !hosts[0].matches("api.example.com", 80)
            && hosts[1].matches("[::1]", 80)
    );
    assert!(!config.policy.allow_exec_secrets && config.policy.managed_deny.is_empty());
}

#[test]
fn secrets_of_every_type() {
    let config = parsed(
        r#"{"policy": {"allowExecSecrets": true}, "sources": {"a": {"type": "openapi", "uri": "a"}}, "services": {"s": {"source": "a"}},
            "secrets": {
            "env": {"type": "env", "value": "NAME", "services": ["s"]},
            "chain": {"type": "osKeychain", "value": "entry"},
            "exec": {"type": "exec", "command": ["pass", "show"]},
            "program": {"type": "exec", "value": "/usr/bin/token"},
            "literal": {"type": "literal", "value": "v"},
            "code": {"type": "oauth2", "mode": "authorizationCode", "authorizationURL": "https://i/a", "callbackPort": 8400,
                     "redirectURI": "http://localhost:8400/cb", "tokenStorage": "memory", "tokenEndpointAuthMethod": "client_secret_basic",
                     "clientId": {"type": "env", "value": "ID"}, "scopes": ["a", "b"], "resource": "r", "audience": "x"},
            "machine": {"type": "oauth2", "mode": "clientCredentials", "tokenURL": "https://i/t"}
        }}"#,
    );
    let value = |id: &str| match &config.secrets[id].kind {
        SecretKind::Value(reference) => reference.clone(),
        other @ SecretKind::OAuth2(_) => panic!("{other:?}"),
    };
    assert!(matches!(value("env"), SecretRef::Env(name) if name == "NAME"));
    assert_eq!(config.secrets["env"].services, [ServiceId::from("s")]);
    assert!(matches!(value("chain"), SecretRef::OsKeychain(entry) if entry == "entry"));
    assert!(matches!(value("exec"), SecretRef::Exec(command) if command == ["pass", "show"]));
    assert!(matches!(value("program"), SecretRef::Exec(command) if command == ["/usr/bin/token"]));
    assert!(matches!(value("literal"), SecretRef::Literal(text) if text.expose() == "v"));
    let oauth = |id: &str| match &config.secrets[id].kind {
        SecretKind::OAuth2(oauth) => (**oauth).clone(),
        other @ SecretKind::Value(_) => panic!("{other:?}"),
    };
    let code = oauth("code");
    assert_eq!((code.mode, code.callback_port, code.interactive), (OAuthMode::AuthorizationCode, Some(8400), true));
    assert_eq!((code.token_storage, code.client_authentication), (TokenStorage::Memory, ClientAuthentication::Basic));
    assert_eq!((code.scopes.len(), code.resource.as_deref(), code.audience.as_deref()), (2, Some("r"), Some("x")));
    assert!(matches!(code.client_id, Some(SecretRef::Env(_))) && code.redirect_uri.is_some());
    let machine = oauth("machine");
    assert_eq!((machine.mode, machine.interactive), (OAuthMode::ClientCredentials, false));
    assert_eq!(
        (machine.token_storage, machine.client_authentication),
        (TokenStorage::Instance, ClientAuthentication::Post)
    );
}

#[test]
fn the_three_ways_to_a_runtime_token() {
    let auth = |oauth: &str| {
        let text = format!(
            r#"{{"runtime": {{"mode": "remote", "remote": {{"url": "https://t/", "requestConfigPath": "/srv/c", "oauth": {oauth}}}}}}}"#
        );
        let remote = parsed(&text).remote.unwrap();
        assert_eq!(
            (remote.url.unwrap().as_str(), remote.request_config_path.as_deref()),
            ("https://t/", Some("/srv/c"))
        );
        remote.oauth.unwrap()
    };
    let provided = auth(r#"{"mode": "providedToken", "tokenRef": "env:TOKEN", "audience": "a", "scopes": ["x"]}"#);
    assert!(matches!(provided.mode, RemoteAuthMode::ProvidedToken(SecretRef::Env(name)) if name == "TOKEN"));
    assert_eq!(
        (provided.audience.as_deref(), provided.scopes.len(), provided.delegation.is_none()),
        (Some("a"), 1, true)
    );
    let from_file = auth(r#"{"mode": "providedToken", "tokenRef": "file:/run/token"}"#);
    assert!(
        matches!(from_file.mode, RemoteAuthMode::ProvidedToken(SecretRef::File(path)) if path.to_str() == Some("/run/token"))
    );
    let client = auth(
        r#"{"mode": "oauthClient", "client": {"tokenURL": "https://i/t", "clientId": {"type": "env", "value": "A"},
            "clientSecret": {"type": "env", "value": "B"}, "tokenEndpointAuthMethod": "client_secret_basic"},
            "resource": "https://t/", "delegation": {"enabled": true, "tokenExchangeURL": "https://b/x", "scopes": ["tool:a:b"]}}"#,
    );
    assert!(
        matches!(client.mode, RemoteAuthMode::OAuthClient { token_url, authentication: ClientAuthentication::Basic, .. } if token_url.as_str() == "https://i/t")
    );
    assert_eq!(client.resource.as_deref(), Some("https://t/"));
    assert_eq!(client.delegation.unwrap().token_exchange_url.as_str(), "https://b/x");
    let browser = auth(
        r#"{"mode": "browserLogin", "browserLogin": {"callbackPort": 8400}, "delegation": {"tokenExchangeURL": "https://b/x"}}"#,
    );
    assert!(matches!(browser.mode, RemoteAuthMode::BrowserLogin { callback_port: Some(8400) }));
    assert!(browser.delegation.is_none(), "only `enabled` turns it on");
}

#[test]
fn what_the_merged_runtime_lacks_is_named() {
    for (oauth, words) in [
        (r"{}", "`mode` is missing"),
        (r#"{"mode": "providedToken"}"#, "`tokenRef` is missing"),
        (r#"{"mode": "oauthClient"}"#, "`client` is missing"),
        (
            r#"{"mode": "oauthClient", "client": {"tokenURL": "https://i/t", "clientId": {"type": "env", "value": "A"}}}"#,
            "`clientSecret` is missing",
        ),
        (r#"{"mode": "browserLogin", "delegation": {"enabled": true}}"#, "`tokenExchangeURL` is missing"),
    ] {
        let text = format!(r#"{{"runtime": {{"remote": {{"oauth": {oauth}}}}}}}"#);
        let errors = World::new().project(&text).errors(crate::config::Consumer::Cli);
        assert!(errors.contains(words), "{errors}");
    }
    for (auth, words) in [
        (r#"{"audience": "a"}"#, "`validationProfile` is missing"),
        (r#"{"validationProfile": "oidc_jwks", "audience": "a"}"#, "`issuer` is missing"),
        (r#"{"validationProfile": "oidc_jwks", "issuer": "https://i/"}"#, "`audience` is missing"),
        (r#"{"mode": "oauth2Introspection", "audience": "a"}"#, "`introspectionURL` is missing"),
    ] {
        let text = format!(r#"{{"runtime": {{"server": {{"auth": {auth}}}}}}}"#);
        let errors = World::new().project(&text).errors(crate::config::Consumer::Cli);
        assert!(errors.contains(words), "{errors}");
    }
}

#[test]
fn local_runtime_modes_are_refused_in_one_line() {
    for text in [
        r#"{"runtime": {"mode": "local"}}"#,
        r#"{"runtime": {"mode": 7}}"#,
        r#"{"runtime": {"local": {"share": true}}}"#,
    ] {
        let errors = World::new().project(text).errors(crate::config::Consumer::Cli);
        assert!(errors.lines().count() == 1 && errors.contains("there are no local runtime modes"), "{errors}");
    }
}

#[test]
fn validation_profiles_and_their_defaults() {
    let auth = |text: &str| {
        parsed(&format!(r#"{{"runtime": {{"server": {{"publicURL": "https://t/", "auth": {text}}}}}}}"#)).server
    };
    let server = auth(r#"{"validationProfile": "oidc_jwks", "issuer": "https://i/tenant", "audience": "a"}"#);
    assert_eq!(server.public_url.unwrap().as_str(), "https://t/");
    let oidc = server.auth.unwrap();
    assert!(
        matches!(&oidc.profile, ValidationProfile::OidcJwks { issuer, jwks_url: None } if issuer == "https://i/tenant")
    );
    assert_eq!(oidc.algorithms, ["RS256", "PS256", "ES256", "ES384", "EdDSA"]);
    assert_eq!((oidc.audience.as_str(), oidc.clock_skew), ("a", Duration::from_secs(60)));
    let legacy = auth(
        r#"{"mode": "oauth2Introspection", "audience": "a", "introspectionURL": "https://i/x", "clientId": {"type": "env", "value": "A"},
            "introspectionCacheSeconds": 9, "clockSkewSeconds": 0, "browserClientId": "b"}"#,
    );
    let legacy = legacy.auth.unwrap();
    assert!(
        matches!(&legacy.profile, ValidationProfile::OAuth2Introspection { cache, client_id: Some(_), client_secret: None, .. }
        if *cache == Duration::from_secs(9))
    );
    assert_eq!((legacy.clock_skew, legacy.browser_client_id.as_deref()), (Duration::ZERO, Some("b")));
}
