//! Which credentials are chosen, and which never are.

use super::*;
use crate::base::host::Clock;
use crate::base::id::ServiceId;
use crate::config::{Location, Refresh, SecretRef, Service, Source, SourceKind};
use crate::http::{Limits, Request, Response, Transport, TransportError};
use std::sync::Arc;

/// Nothing is asked here.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        panic!("{} was asked", request.url.public())
    }
}

/// Services `s` and those named, all from one document at `https://api.example`.
fn config(services: &[&str], secrets: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    let location = Location::Remote(Url::parse("https://api.example/openapi.json").unwrap());
    let kind = SourceKind::OpenApi(location);
    config
        .sources
        .insert("src".into(), Source { enabled: true, refresh: Refresh::default(), uri: String::new(), kind });
    for id in services {
        let service = Service::of("src".into());
        config.services.insert(ServiceId::from(*id), service);
    }
    for (key, value) in secrets {
        let kind = SecretKind::Value(SecretRef::Literal(Redacted::new((*value).to_owned())));
        config.secrets.insert((*key).to_owned(), Secret { services: Vec::new(), kind });
    }
    config
}

fn scheme(name: &str, kind: &str, detail: &str) -> AuthRequirement {
    let mut requirement = AuthRequirement { name: name.into(), kind: kind.into(), ..AuthRequirement::default() };
    match kind {
        "http" => requirement.scheme = detail.into(),
        _ => requirement.place = detail.into(),
    }
    requirement.param_name = "key".into();
    requirement
}

fn tool(alternatives: &[&[AuthRequirement]]) -> Tool {
    let alternative = |requirements: &&[AuthRequirement]| AuthAlternative { requirements: requirements.to_vec() };
    Tool {
        service_id: "s".into(),
        auth_alternatives: alternatives.iter().map(alternative).collect(),
        ..Tool::default()
    }
}

fn choose_for(config: &Config, tool: &Tool, target: &str) -> Result<Vec<Credential>, CredentialError> {
    let binding = Binding::new(config, tool, None);
    let env = Env::new([("TOKEN".to_owned(), "s3cret-env".to_owned())]);
    let upstream = Upstream::new(Arc::new(Nowhere), env.clone(), Clock::system());
    let asking =
        Asking { env: &env, upstream: &upstream, caller: Caller::NOBODY, dry_run: false, limit: Duration::ZERO };
    choose(config, tool, &binding, &Url::parse(target).unwrap(), asking).map(|chosen| chosen.credentials)
}

/// Compares scheme and value of what is chosen.
#[track_caller]
fn check(config: &Config, alternatives: &[&[AuthRequirement]], expected: &[(&str, &str)]) {
    let chosen = choose_for(config, &tool(alternatives), "https://api.example/v1").unwrap();
    let chosen: Vec<_> = chosen.iter().map(|c| (c.scheme.as_str(), c.value.expose().as_str())).collect();
    assert_eq!(chosen, expected);
}

#[track_caller]
fn check_fails(config: &Config, alternatives: &[&[AuthRequirement]], words: &[&str]) {
    let error = choose_for(config, &tool(alternatives), "https://api.example/v1").unwrap_err();
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!format!("{text}{error:?}").contains("s3cret"), "{text}");
}

#[test]
fn every_scheme_is_written_its_way() {
    let config = config(&["s"], &[("s.b", "s3cret"), ("s.u", "user:s3cret")]);
    let written = |requirement: AuthRequirement| {
        choose_for(&config, &tool(&[&[requirement]]), "https://api.example").unwrap().remove(0).place
    };
    let header = |name: &str, prefix| CredentialPlace::Header { name: name.into(), prefix };
    assert_eq!(written(scheme("b", "http", "Bearer")), header("Authorization", "Bearer "));
    assert_eq!(written(scheme("u", "http", "basic")), header("Authorization", "Basic "));
    assert_eq!(written(scheme("b", "oauth2", "")), header("Authorization", "Bearer "));
    assert_eq!(written(scheme("b", "openIdConnect", "")), header("Authorization", "Bearer "));
    assert_eq!(written(scheme("b", "apiKey", "header")), header("key", ""));
    assert_eq!(written(scheme("b", "apiKey", "query")), CredentialPlace::Query("key".into()));
    assert_eq!(written(scheme("b", "apiKey", "cookie")), CredentialPlace::Cookie("key".into()));
    check(&config, &[&[scheme("u", "http", "basic")]], &[("u", "dXNlcjpzM2NyZXQ=")]);
}

#[test]
fn alternatives_are_or_and_their_schemes_and() {
    let config = config(&["s"], &[("s.a", "1"), ("s.b", "2"), ("s.empty", "")]);
    let key = |name| scheme(name, "apiKey", "query");
    let (a, b) = (|| scheme("a", "http", "bearer"), || key("b"));
    check(&config, &[], &[]);
    check(&config, &[&[a()], &[b()]], &[("a", "1")]);
    check(&config, &[&[key("none")], &[b()]], &[("b", "2")]);
    check(&config, &[&[key("empty")], &[b()]], &[("b", "2")]);
    check(&config, &[&[a(), b()]], &[("a", "1"), ("b", "2")]);
    check(&config, &[&[a(), key("none")], &[b()]], &[("b", "2")]);
    check(&config, &[&[], &[a()]], &[("a", "1")]);
    check(&config, &[&[key("none")], &[]], &[]);
    check_fails(
        &config,
        &[&[a(), key("none")], &[key("empty")]],
        &["a + none: there is neither", "; empty: the literal secret is empty"],
    );
    check_fails(&config, &[&[key("b"), AuthRequirement { name: "a".into(), ..key("a") }]], &["same place"]);
}

#[test]
fn what_cannot_be_sent_fails_its_alternative() {
    let config = config(&["s"], &[("s.a", "s3cret\r\nX: y"), ("s.b", "s3cret; x=y"), ("s.c", "s3cret")]);
    check_fails(&config, &[&[scheme("a", "http", "bearer")]], &["characters that may not be sent"]);
    check_fails(&config, &[&[scheme("b", "apiKey", "cookie")]], &["no cookie may hold"]);
    check_fails(&config, &[&[scheme("c", "http", "basic")]], &["user:password"]);
    check_fails(&config, &[&[scheme("c", "http", "digest")]], &["`digest` is not supported by this version"]);
    check_fails(&config, &[&[scheme("c", "mutualTLS", "")]], &["mutual TLS is not supported by this version"]);
    check_fails(&config, &[&[scheme("c", "", "")]], &["does not define this scheme"]);
    check_fails(&config, &[&[scheme("c", "apiKey", "body")]], &["no usable place"]);
    for name in ["Host", "a b", "", "Content-Length"] {
        let requirement = AuthRequirement { param_name: name.into(), ..scheme("c", "apiKey", "header") };
        check_fails(&config, &[&[requirement]], &["no usable place"]);
    }
}

#[test]
fn a_program_runs_only_where_policy_allows() {
    let mut config = config(&["s"], &[]);
    let exec = SecretKind::Value(SecretRef::Exec(vec!["s3cret".into()]));
    config.secrets.insert("s.e".into(), Secret { services: Vec::new(), kind: exec });
    check_fails(&config, &[&[scheme("e", "http", "bearer")]], &["policy.allowExecSecrets"]);
}

#[test]
fn h45_shared_secrets_name_their_services() {
    let bearer = || scheme("b", "http", "bearer");
    check(&config(&["s"], &[("b", "shared"), ("s.b", "own")]), &[&[bearer()]], &[("b", "own")]);
    check(&config(&["s"], &[("b", "shared")]), &[&[bearer()]], &[("b", "shared")]);
    let mut two = config(&["s", "other"], &[("b", "s3cret")]);
    check_fails(&two, &[&[bearer()]], &["secrets[\"b\"] does not list service `s`"]);
    two.secrets.get_mut("b").unwrap().services = vec!["other".into()];
    check_fails(&two, &[&[bearer()]], &["does not list service `s`"]);
    two.secrets.get_mut("b").unwrap().services.push("s".into());
    check(&two, &[&[bearer()]], &[("b", "s3cret")]);
    let mut derived = config(&["s"], &[("b", "s3cret")]);
    let unused = derived.sources["src"].clone();
    derived.sources.insert("unused".into(), unused);
    check_fails(&derived, &[&[bearer()]], &["does not list service `s`"]);
}

#[test]
fn h45_a_scheme_name_cannot_reach_anothers_secret() {
    let config = config(&["s", "s.other", "third"], &[("s.other.token", "s3cret"), ("third.token", "s3cret")]);
    check_fails(&config, &[&[scheme("other.token", "http", "bearer")]], &["does not list service `s`"]);
    check_fails(&config, &[&[scheme("third.token", "http", "bearer")]], &["does not list service `s`"]);
}

#[test]
fn h17_credentials_stay_with_their_hosts() {
    let config = config(&["s"], &[("s.b", "s3cret")]);
    let tool = tool(&[&[scheme("b", "http", "bearer")]]);
    assert_eq!(choose_for(&config, &tool, "https://api.example/x").unwrap().len(), 1);
    for target in ["https://evil.example/", "http://api.example/", "https://api.example:444/"] {
        let error = choose_for(&config, &tool, target).unwrap_err().to_string();
        assert!(error.contains("set services.s.server") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn values_come_from_the_environment() {
    let mut config = config(&["s"], &[]);
    let kind = SecretKind::Value(SecretRef::Env("TOKEN".into()));
    config.secrets.insert("s.b".into(), Secret { services: Vec::new(), kind });
    check(&config, &[&[scheme("b", "http", "bearer")]], &[("b", "s3cret-env")]);
    let kind = SecretKind::Value(SecretRef::Env("MISSING".into()));
    config.secrets.insert("s.b".into(), Secret { services: Vec::new(), kind });
    check_fails(&config, &[&[scheme("b", "http", "bearer")]], &["b: the environment variable MISSING is not set"]);
}
