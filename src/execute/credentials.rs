//! Chooses an auth alternative and reads its secrets (contract 7).
//!
//! The outer list is OR, the requirements inside one are AND; alternatives that need a person's login come after the others. An
//! alternative fails when a secret is missing, empty, bound to other hosts, or a token that cannot be had; when all fail the error
//! names each and why, and nothing is sent.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::binding::{Binding, service_count};
use super::request::{Credential, CredentialPlace, is_framing};
use super::style::{is_cookie_value, is_token};
use crate::base::host::Env;
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::catalog::{AuthAlternative, AuthRequirement, Tool};
use crate::config::{Config, OAuthMode, Secret, SecretKind};
use crate::secrets;
use crate::upstream::{Caller, Obtained, Recipe, TokenError, Upstream};

/// No alternative can be met. Holds names and reasons, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialError {
    /// For each alternative: its schemes, and why it failed.
    pub alternatives: Vec<(String, String)>,
    /// Whether a login of the caller's would help.
    pub login: bool,
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

/// With what values are come by.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Where secrets may be.
    pub env: &'a Env,
    /// Has tokens.
    pub upstream: &'a Upstream,
    /// On whose behalf.
    pub caller: Caller<'a>,
    /// Shows what would be sent: no token is asked for, and none is needed.
    pub dry_run: bool,
    /// How long asking for a token may take.
    pub limit: Duration,
}

/// What goes along with a request.
#[derive(Debug, Default)]
pub struct Chosen<'a> {
    /// In the order of the alternative.
    pub credentials: Vec<Credential>,
    /// Those of them that are tokens.
    pub tokens: Vec<Token<'a>>,
}

/// A credential that an issuer gave, and can give again.
#[derive(Debug)]
pub struct Token<'a> {
    /// Its place among the credentials.
    at: usize,
    form: Form,
    recipe: Recipe<'a>,
    obtained: Obtained,
}

impl Token<'_> {
    /// Replaces what the upstream refused, when it was not brand new; says whether there is another now.
    pub fn renew(&self, credentials: &mut [Credential], binding: &Binding<'_>, asking: Asking<'_>) -> bool {
        let Some(credential) = credentials.get_mut(self.at).filter(|_| self.obtained.kept) else { return false };
        let refused = Some(&self.obtained.token);
        let Ok(other) = asking.upstream.token(&self.recipe, binding, asking.caller, refused, asking.limit) else {
            return false;
        };
        match self.form.write(&other.token) {
            Ok(value) if value != credential.value => credential.value = value,
            _ => return false,
        }
        true
    }
}

/// Why an alternative cannot be met.
enum Unmet {
    Reason(String),
    /// A login of the caller's is missing, for this secret.
    Login(String),
}

impl From<String> for Unmet {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

/// The credentials of the first alternative that can be met: none for a tool without auth. Alternatives that need nothing come
/// last, so that a configured credential is used where auth is optional.
pub fn choose<'a>(
    config: &'a Config,
    tool: &'a Tool,
    binding: &Binding<'_>,
    target: &Url,
    asking: Asking<'_>,
) -> Result<Chosen<'a>, CredentialError> {
    if tool.auth_alternatives.is_empty() {
        return Ok(Chosen::default());
    }
    let mut alternatives: Vec<_> = tool.auth_alternatives.iter().filter(|one| !one.requirements.is_empty()).collect();
    alternatives.sort_by_key(|one| needs_a_person(config, tool, one));
    let mut failed = CredentialError { alternatives: Vec::new(), login: false };
    for alternative in alternatives {
        match meet(config, tool, binding, target, asking, alternative) {
            Ok(chosen) => return Ok(chosen),
            Err(Unmet::Reason(reason)) => failed.alternatives.push((schemes(alternative), reason)),
            Err(Unmet::Login(secret)) => {
                let service = &tool.service_id;
                let reason = format!(
                    "secrets[\"{secret}\"] needs a login of yours; run `open-cli auth upstream login {service}`, then try again"
                );
                failed.alternatives.push((schemes(alternative), reason));
                failed.login = true;
            }
        }
    }
    match tool.auth_alternatives.iter().any(|alternative| alternative.requirements.is_empty()) {
        true => Ok(Chosen::default()),
        false => Err(failed),
    }
}

fn schemes(alternative: &AuthAlternative) -> String {
    alternative.requirements.iter().map(|requirement| requirement.name.as_str()).collect::<Vec<_>>().join(" + ")
}

fn needs_a_person(config: &Config, tool: &Tool, alternative: &AuthAlternative) -> bool {
    alternative.requirements.iter().any(|requirement| {
        find(config, tool, &requirement.name).is_ok_and(|(_, secret)| match &secret.kind {
            SecretKind::OAuth2(settings) => settings.mode == OAuthMode::AuthorizationCode,
            SecretKind::Value(_) => false,
        })
    })
}

fn meet<'a>(
    config: &'a Config,
    tool: &'a Tool,
    binding: &Binding<'_>,
    target: &Url,
    asking: Asking<'_>,
    alternative: &'a AuthAlternative,
) -> Result<Chosen<'a>, Unmet> {
    let mut chosen = Chosen::default();
    for requirement in &alternative.requirements {
        let form = form(requirement)?;
        let (id, secret) = find(config, tool, &requirement.name)?;
        binding.may_receive(target)?;
        let allow_exec = config.policy.allow_exec_secrets;
        let value = match &secret.kind {
            SecretKind::Value(reference) => {
                secrets::resolve(reference, asking.env, allow_exec).map_err(|error| error.to_string())?
            }
            SecretKind::OAuth2(settings) => {
                let recipe = Recipe::new(id, settings, requirement, allow_exec)?;
                let obtained = token(&recipe, binding, asking)?;
                let (at, value) = (chosen.credentials.len(), obtained.token.clone());
                chosen.tokens.push(Token { at, form: form.clone(), recipe, obtained });
                value
            }
        };
        let credential =
            Credential { scheme: requirement.name.clone(), place: form.place(), value: form.write(&value)? };
        if chosen.credentials.iter().any(|other| same_place(&other.place, &credential.place)) {
            return Err(Unmet::Reason("two of its schemes stand in the same place of the request".to_owned()));
        }
        chosen.credentials.push(credential);
    }
    Ok(chosen)
}

fn token(recipe: &Recipe<'_>, binding: &Binding<'_>, asking: Asking<'_>) -> Result<Obtained, Unmet> {
    if asking.dry_run {
        return Ok(Obtained { token: Redacted::new("token:dry-run".to_owned()), kept: false });
    }
    asking.upstream.token(recipe, binding, asking.caller, None, asking.limit).map_err(|error| match error {
        TokenError::LoginNeeded => Unmet::Login(recipe.id.to_owned()),
        TokenError::Failed(cause) => Unmet::Reason(cause),
    })
}

/// How a scheme is written.
#[derive(Clone, Debug)]
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
pub(super) fn find<'a>(config: &'a Config, tool: &Tool, scheme: &str) -> Result<(&'a str, &'a Secret), String> {
    let service = &tool.service_id;
    let own = format!("{service}.{scheme}");
    if let Some((key, secret)) = config.secrets.get_key_value(&own) {
        let serves = secret.services.contains(service);
        return match serves || (secret.services.is_empty() && !reads_as_anothers(config, tool, &own)) {
            true => Ok((key, secret)),
            false => Err(format!("secrets[\"{own}\"] does not list service `{service}` in its `services`")),
        };
    }
    match config.secrets.get_key_value(scheme) {
        Some((key, secret)) if secret.services.contains(service) => Ok((key, secret)),
        Some((key, secret)) if secret.services.is_empty() && service_count(config) == 1 => Ok((key, secret)),
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

#[cfg(test)]
mod tests;
