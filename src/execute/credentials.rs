//! Chooses an auth alternative and reads its secrets (contract 7).
//!
//! The outer list is OR, the requirements inside one are AND. An alternative fails when a secret is missing, empty, of a kind that
//! is not supported, or bound to other hosts; when all fail the error names each and why, and nothing is sent.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::binding::{Binding, service_count};
use super::request::{Credential, CredentialPlace, is_framing};
use super::style::{is_cookie_value, is_token};
use crate::base::host::Env;
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::catalog::{AuthAlternative, AuthRequirement, Tool};
use crate::config::{Config, Secret, SecretKind};
use crate::secrets;

/// No alternative can be met. Holds names and reasons, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialError {
    /// For each alternative: its schemes, and why it failed.
    pub alternatives: Vec<(String, String)>,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no credentials can be sent, so nothing was")?;
        for (schemes, reason) in &self.alternatives {
            write!(f, "; {schemes}: {reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CredentialError {}

/// The credentials of the first alternative that can be met: none for a tool without auth. Alternatives that need nothing come
/// last, so that a configured credential is used where auth is optional.
pub fn choose(
    config: &Config,
    tool: &Tool,
    binding: &Binding<'_>,
    target: &Url,
    env: &Env,
) -> Result<Vec<Credential>, CredentialError> {
    if tool.auth_alternatives.is_empty() {
        return Ok(Vec::new());
    }
    let mut failed = Vec::new();
    for alternative in tool.auth_alternatives.iter().filter(|alternative| !alternative.requirements.is_empty()) {
        match meet(config, tool, binding, target, env, alternative) {
            Ok(credentials) => return Ok(credentials),
            Err(reason) => failed.push((schemes(alternative), reason)),
        }
    }
    match tool.auth_alternatives.iter().any(|alternative| alternative.requirements.is_empty()) {
        true => Ok(Vec::new()),
        false => Err(CredentialError { alternatives: failed }),
    }
}

fn schemes(alternative: &AuthAlternative) -> String {
    alternative.requirements.iter().map(|requirement| requirement.name.as_str()).collect::<Vec<_>>().join(" + ")
}

fn meet(
    config: &Config,
    tool: &Tool,
    binding: &Binding<'_>,
    target: &Url,
    env: &Env,
    alternative: &AuthAlternative,
) -> Result<Vec<Credential>, String> {
    let mut credentials: Vec<Credential> = Vec::new();
    for requirement in &alternative.requirements {
        let form = form(requirement)?;
        let secret = find(config, tool, &requirement.name)?;
        binding.may_receive(target)?;
        let value = read(config, secret, env)?;
        let credential =
            Credential { scheme: requirement.name.clone(), place: form.place(), value: form.write(&value)? };
        if credentials.iter().any(|other| same_place(&other.place, &credential.place)) {
            return Err("two of its schemes stand in the same place of the request".to_owned());
        }
        credentials.push(credential);
    }
    Ok(credentials)
}

/// How a scheme is written.
enum Form {
    Bearer,
    Basic,
    Header(String),
    Query(String),
    Cookie(String),
}

fn form(requirement: &AuthRequirement) -> Result<Form, String> {
    match (requirement.kind.as_str(), requirement.scheme.to_ascii_lowercase().as_str(), requirement.place.as_str()) {
        ("http", "bearer", _) | ("oauth2" | "openIdConnect", ..) => Ok(Form::Bearer),
        ("http", "basic", _) => Ok(Form::Basic),
        ("http", other, _) => Err(format!("the HTTP scheme `{other}` is not supported by this version")),
        ("apiKey", _, "header") if is_token(&requirement.param_name) && !is_framing(&requirement.param_name) => {
            Ok(Form::Header(requirement.param_name.clone()))
        }
        ("apiKey", _, "query") if !requirement.param_name.is_empty() => Ok(Form::Query(requirement.param_name.clone())),
        ("apiKey", _, "cookie") if is_token(&requirement.param_name) => {
            Ok(Form::Cookie(requirement.param_name.clone()))
        }
        ("apiKey", ..) => Err("the description names no usable place for the API key".to_owned()),
        ("mutualTLS", ..) => Err("mutual TLS is not supported by this version".to_owned()),
        ("", ..) => Err("the description does not define this scheme".to_owned()),
        (other, ..) => Err(format!("schemes of type `{other}` are not supported by this version")),
    }
}

impl Form {
    fn place(&self) -> CredentialPlace {
        let header = |name: &str, prefix| CredentialPlace::Header { name: name.to_owned(), prefix };
        match self {
            Self::Bearer => header("Authorization", "Bearer "),
            Self::Basic => header("Authorization", "Basic "),
            Self::Header(name) => header(name, ""),
            Self::Query(name) => CredentialPlace::Query(name.clone()),
            Self::Cookie(name) => CredentialPlace::Cookie(name.clone()),
        }
    }

    fn write(&self, value: &Redacted<String>) -> Result<Redacted<String>, String> {
        let text = value.expose();
        if text.chars().any(char::is_control) {
            return Err("its secret has characters that may not be sent, such as a line break".to_owned());
        }
        match self {
            Self::Basic if !text.contains(':') => Err("its secret is not of the form user:password".to_owned()),
            Self::Basic => Ok(Redacted::new(BASE64_STANDARD.encode(text))),
            Self::Cookie(_) if !is_cookie_value(text) => {
                Err("its secret has characters that no cookie may hold".to_owned())
            }
            _ => Ok(value.clone()),
        }
    }
}

fn same_place(a: &CredentialPlace, b: &CredentialPlace) -> bool {
    match (a, b) {
        (CredentialPlace::Header { name: a, .. }, CredentialPlace::Header { name: b, .. }) => a.eq_ignore_ascii_case(b),
        _ => a == b,
    }
}

/// `<service>.<scheme>`, then `<scheme>` where that cannot be meant for another service (H45).
fn find<'a>(config: &'a Config, tool: &Tool, scheme: &str) -> Result<&'a Secret, String> {
    let service = &tool.service_id;
    let own = format!("{service}.{scheme}");
    if let Some(secret) = config.secrets.get(&own) {
        let serves = secret.services.contains(service);
        return match serves || (secret.services.is_empty() && !reads_as_anothers(config, tool, &own)) {
            true => Ok(secret),
            false => Err(format!("secrets[\"{own}\"] does not list service `{service}` in its `services`")),
        };
    }
    match config.secrets.get(scheme) {
        Some(secret) if secret.services.contains(service) => Ok(secret),
        Some(secret) if secret.services.is_empty() && service_count(config) == 1 => Ok(secret),
        Some(_) => Err(format!(
            "secrets[\"{scheme}\"] does not list service `{service}` in its `services`, which is needed when several \
             services are configured"
        )),
        None => Err(format!("there is neither secrets[\"{own}\"] nor secrets[\"{scheme}\"] in the config")),
    }
}

/// With dots in ids, `a.b.c` may be scheme `b.c` of `a` or scheme `c` of `a.b`; a publisher chooses scheme names.
fn reads_as_anothers(config: &Config, tool: &Tool, key: &str) -> bool {
    let is_prefix = |id: &str| key.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'));
    config.services.keys().any(|id| *id != tool.service_id && is_prefix(id.as_str()))
}

fn read(config: &Config, secret: &Secret, env: &Env) -> Result<Redacted<String>, String> {
    match &secret.kind {
        SecretKind::Value(reference) => {
            secrets::resolve(reference, env, config.policy.allow_exec_secrets).map_err(|error| error.to_string())
        }
        SecretKind::OAuth2(_) => Err("secrets of type `oauth2` are not supported by this version".to_owned()),
    }
}

#[cfg(test)]
mod tests;
