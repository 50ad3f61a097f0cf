//! Which secrets a catalog's tools need, as entries of `secrets`, and what a person has to set for each. Pure.
//!
//! Key type: [`Needed`]. Names of variables come from names that a publisher chose; a variable that is set already is never taken, so
//! that a description cannot ask for what somebody keeps in the environment for another purpose (H17).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::base::name::{Unique, kebab};
use crate::base::url::Url;
use crate::catalog::{AuthRequirement, Catalog, OAuthFlow};

/// Secrets of one configuration; no source that a person looks at has more.
const MAX_SECRETS: usize = 200;

/// The longest key that the configuration takes.
const MAX_KEY: usize = 256;

/// Variables with settings and keys of these programs begin so; a description never gets one of them.
const OURS: &str = "OPEN_CLI_";

/// Stands before the name of a variable that is taken; nothing of ours begins so.
const OWN: &str = "OPEN_CLI_SECRET_";

/// One entry of `secrets`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Needed {
    /// `<service>.<scheme>`
    pub(super) key: String,
    /// The entry.
    pub(super) entry: Value,
    /// Variables to set, with what each holds.
    pub(super) variables: Vec<(String, &'static str)>,
    /// How it is sent, and where to.
    pub(super) use_of_it: String,
}

/// What the tools of a catalog need.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Secrets {
    /// By service, then by scheme.
    pub(super) needed: Vec<Needed>,
    /// A sentence for each scheme that cannot be met by an entry.
    pub(super) others: Vec<String>,
}

/// Collects every scheme of every alternative, each once a service. `taken` says which variables are set for other purposes.
pub(super) fn of(catalog: &Catalog, taken: &dyn Fn(&str) -> bool) -> Secrets {
    let mut schemes: BTreeMap<(&str, &str), &AuthRequirement> = BTreeMap::new();
    for tool in &catalog.tools {
        for requirement in tool.auth_alternatives.iter().flat_map(|alternative| &alternative.requirements) {
            schemes.entry((tool.service_id.as_str(), &requirement.name)).or_insert(requirement);
        }
    }
    let mut found = Secrets::default();
    let mut names = Names { taken, unique: Unique::default() };
    let mut refused = BTreeSet::new();
    for ((service, scheme), requirement) in schemes {
        let key = format!("{service}.{scheme}");
        let usable = key.chars().count() <= MAX_KEY && !key.chars().any(char::is_control);
        if found.needed.len() == MAX_SECRETS || !usable {
            refused.insert(
                "more schemes than are written down, or such with unusable names; add them to `secrets` by hand"
                    .to_owned(),
            );
            continue;
        }
        match entry(requirement, &format!("{service}-{scheme}"), &mut names) {
            Ok((entry, variables, how)) => {
                let host = host(catalog, service);
                found.needed.push(Needed { key, entry, variables, use_of_it: format!("{how}{host}") });
            }
            Err(reason) => found.others.push(format!("{key}: {reason}")),
        }
    }
    found.others.extend(refused);
    found
}

/// Where a service's requests go, for people.
fn host(catalog: &Catalog, service: &str) -> String {
    let record = catalog.services.iter().find(|record| record.id.as_str() == service);
    let first = record.and_then(|record| Url::parse(record.servers.first()?).ok()?.origin());
    first.map(|origin| format!(", to {origin}")).unwrap_or_default()
}

type Entry = (Value, Vec<(String, &'static str)>, String);

fn entry(requirement: &AuthRequirement, name: &str, names: &mut Names<'_>) -> Result<Entry, String> {
    let scheme = requirement.scheme.to_ascii_lowercase();
    let (what, how) = match (requirement.kind.as_str(), scheme.as_str()) {
        ("apiKey", _) if requirement.param_name.is_empty() => {
            return Err("the description names no place for it".to_owned());
        }
        // The description tells no word such as `Bearer`, which most want before the key there.
        ("apiKey", _) if requirement.param_name.eq_ignore_ascii_case("authorization") => (
            "all that the header holds, such as `Bearer KEY`",
            format!("sent as {} {}", requirement.place, requirement.param_name),
        ),
        ("apiKey", _) => ("the API key", format!("sent as {} {}", requirement.place, requirement.param_name)),
        ("http", "bearer") => ("the token", "sent as a bearer token".to_owned()),
        ("http", "basic") => ("user:password", "sent as user and password".to_owned()),
        ("oauth2" | "openIdConnect", _) => return Ok(oauth(requirement, name, names)),
        ("http", other) => return Err(format!("the HTTP scheme `{other}` has no entry")),
        ("", _) => return Err("the description does not define this scheme".to_owned()),
        (other, _) => return Err(format!("schemes of type `{other}` have no entry")),
    };
    let variable = names.take(name);
    Ok((json!({"type": "env", "value": variable}), vec![(variable, what)], how))
}

/// Client credentials where the publisher has them, since no person is needed then; else a login; else a token that somebody
/// obtained.
fn oauth(requirement: &AuthRequirement, name: &str, names: &mut Names<'_>) -> Entry {
    let flow = |mode: &str| requirement.oauth_flows.iter().find(|flow| flow.mode == mode);
    let (client, code) = (flow("clientCredentials"), flow("authorizationCode"));
    let is_oidc = requirement.kind == "openIdConnect";
    if client.is_none() && code.is_none() && !is_oidc {
        let variable = names.take(name);
        let entry = json!({"type": "env", "value": variable});
        return (entry, vec![(variable, "the access token")], "sent as a bearer token".to_owned());
    }
    let mut entry = json!({"type": "oauth2"});
    let mode = if client.is_some() { "clientCredentials" } else { "authorizationCode" };
    entry["mode"] = json!(mode);
    let place = match client.or(code) {
        Some(flow) => endpoints(&mut entry, flow, mode),
        None => issuer(&mut entry, requirement),
    };
    let id = names.take(&format!("{name}-client-id"));
    entry["clientId"] = json!({"type": "env", "value": id});
    let mut variables = vec![(id, "the client's id")];
    if client.is_none() {
        return (entry, variables, format!("for logins at {place}"));
    }
    let secret = names.take(&format!("{name}-client-secret"));
    entry["clientSecret"] = json!({"type": "env", "value": secret});
    variables.push((secret, "the client's secret"));
    (entry, variables, format!("sent to {place} for a token, which is sent as a bearer token"))
}

/// What the description says, as far as it is a URL.
fn endpoints(entry: &mut Value, flow: &OAuthFlow, mode: &str) -> String {
    let url = |text: &str| Url::parse(text).ok().filter(Url::is_http);
    let (token, authorization) = (url(&flow.token_url), url(&flow.authorization_url));
    let shown = if mode == "clientCredentials" { &token } else { &authorization };
    let place = shown.as_ref().map_or("an address that the description does not tell", Url::public).to_owned();
    if let (Some(authorization), "authorizationCode") = (&authorization, mode) {
        entry["authorizationURL"] = json!(authorization.as_str());
    }
    if let Some(token) = token {
        entry["tokenURL"] = json!(token.as_str());
    }
    place
}

fn issuer(entry: &mut Value, requirement: &AuthRequirement) -> String {
    let written = requirement.open_id_connect_url.strip_suffix("/.well-known/openid-configuration");
    match written.and_then(|text| Url::parse(text).ok()).filter(Url::is_http) {
        Some(_) => {
            // An issuer is compared as text: what normal form adds would be another one.
            let issuer = written.unwrap_or_default();
            entry["issuer"] = json!(issuer);
            issuer.to_owned()
        }
        None => "the issuer that the description names".to_owned(),
    }
}

/// Names of variables, no two the same.
struct Names<'a> {
    taken: &'a dyn Fn(&str) -> bool,
    unique: Unique,
}

impl Names<'_> {
    /// `petstore-api_key` -> `PETSTORE_API_KEY`
    fn take(&mut self, from: &str) -> String {
        // `OAuth2` is one word, whatever its letters say.
        let name = kebab(from).replace("o-auth", "oauth").replace('-', "_").to_ascii_uppercase();
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_taken = |name: &str| (self.taken)(name);
        let may_be_plain = begins && !name.starts_with(OURS) && !is_taken(&name);
        let name = if may_be_plain { name } else { format!("{OWN}{name}") };
        loop {
            // A name with a number may be set for another purpose as well.
            let found = self.unique.take(&name, '_');
            if !is_taken(&found) {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{AuthAlternative, Tool};

    fn catalog(schemes: Value) -> Catalog {
        let requirements: Vec<AuthRequirement> = serde_json::from_value(schemes).unwrap();
        let auth_alternatives =
            requirements.into_iter().map(|one| AuthAlternative { requirements: vec![one] }).collect();
        let tool = Tool { id: "pets:a".into(), service_id: "pets".into(), auth_alternatives, ..Tool::default() };
        let services = serde_json::from_value(json!([
            {"id": "pets", "alias": "pets", "sourceId": "pets", "title": "", "servers": ["https://pets.example/v1"]}
        ]));
        Catalog { tools: vec![tool.clone(), tool], services: services.unwrap(), ..Catalog::default() }
    }

    #[track_caller]
    fn check(scheme: &Value, entry: &Value, variables: &[&str], how: &str) {
        let found = of(&catalog(json!([scheme])), &|_| false);
        let [one] = found.needed.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.entry, *entry);
        assert_eq!(one.variables.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), variables);
        assert_eq!(one.use_of_it, how);
    }

    #[test]
    fn every_kind_of_scheme_has_its_entry() {
        let env = |name: &str| json!({"type": "env", "value": name});
        check(
            &json!({"name": "api_key", "type": "apiKey", "in": "header", "paramName": "X-Key"}),
            &env("PETS_API_KEY"),
            &["PETS_API_KEY"],
            "sent as header X-Key, to https://pets.example",
        );
        check(
            &json!({"name": "bearerAuth", "type": "http", "scheme": "Bearer"}),
            &env("PETS_BEARER_AUTH"),
            &["PETS_BEARER_AUTH"],
            "sent as a bearer token, to https://pets.example",
        );
        check(
            &json!({"name": "b", "type": "http", "scheme": "basic"}),
            &env("PETS_B"),
            &["PETS_B"],
            "sent as user and password, to https://pets.example",
        );
        check(
            &json!({"name": "OAuth2", "type": "oauth2", "oauthFlows": [{"mode": "implicit", "authorizationUrl": "https://i.example"}]}),
            &env("PETS_OAUTH2"),
            &["PETS_OAUTH2"],
            "sent as a bearer token, to https://pets.example",
        );
        check(
            &json!({"name": "o", "type": "oauth2", "oauthFlows": [
                {"mode": "authorizationCode", "authorizationUrl": "https://i.example/a", "tokenUrl": "https://i.example/t"},
                {"mode": "clientCredentials", "tokenUrl": "https://i.example/t"}
            ]}),
            &json!({"type": "oauth2", "mode": "clientCredentials", "tokenURL": "https://i.example/t",
                "clientId": env("PETS_O_CLIENT_ID"), "clientSecret": env("PETS_O_CLIENT_SECRET")}),
            &["PETS_O_CLIENT_ID", "PETS_O_CLIENT_SECRET"],
            "sent to https://i.example/t for a token, which is sent as a bearer token, to https://pets.example",
        );
        check(
            &json!({"name": "o", "type": "oauth2", "oauthFlows": [
                {"mode": "authorizationCode", "authorizationUrl": "https://i.example/a", "tokenUrl": "https://i.example/t"}
            ]}),
            &json!({"type": "oauth2", "mode": "authorizationCode", "authorizationURL": "https://i.example/a",
                "tokenURL": "https://i.example/t", "clientId": env("PETS_O_CLIENT_ID")}),
            &["PETS_O_CLIENT_ID"],
            "for logins at https://i.example/a, to https://pets.example",
        );
        check(
            &json!({"name": "id", "type": "openIdConnect",
                "openIdConnectUrl": "https://i.example/realm/.well-known/openid-configuration"}),
            &json!({"type": "oauth2", "mode": "authorizationCode", "issuer": "https://i.example/realm",
                "clientId": env("PETS_ID_CLIENT_ID")}),
            &["PETS_ID_CLIENT_ID"],
            "for logins at https://i.example/realm, to https://pets.example",
        );
    }

    #[test]
    fn a_key_that_is_the_authorization_itself_is_told_to_be_all_of_it() {
        let scheme = json!([{"name": "k", "type": "apiKey", "in": "header", "paramName": "Authorization"}]);
        let found = of(&catalog(scheme), &|_| false);
        assert!(found.needed[0].variables[0].1.contains("`Bearer KEY`"), "{found:?}");
    }

    #[test]
    fn what_has_no_entry_is_told() {
        let schemes = json!([
            {"name": "m", "type": "mutualTLS"}, {"name": "d", "type": "http", "scheme": "digest"}, {"name": "u", "type": ""},
            {"name": "k", "type": "apiKey", "in": "header"}, {"name": "a\nb", "type": "http", "scheme": "bearer"}
        ]);
        let found = of(&catalog(schemes), &|_| false);
        assert!(found.needed.is_empty(), "{found:?}");
        assert_eq!(found.others.len(), 5);
        assert!(found.others[0].contains("pets.d: the HTTP scheme `digest`"), "{found:?}");
    }

    #[test]
    fn h17_a_variable_that_is_set_is_never_taken() {
        let schemes = json!([{"name": "token", "type": "http", "scheme": "bearer"}, {"name": "Token", "type": "http", "scheme": "bearer"}]);
        let found = of(&catalog(schemes.clone()), &|name| name == "PETS_TOKEN");
        let names: Vec<_> = found.needed.iter().map(|one| one.variables[0].0.as_str()).collect();
        assert_eq!(names, ["OPEN_CLI_SECRET_PETS_TOKEN", "OPEN_CLI_SECRET_PETS_TOKEN_2"]);
        let found =
            of(&catalog(schemes), &|name| name.ends_with("PETS_TOKEN") || name == "OPEN_CLI_SECRET_PETS_TOKEN_2");
        let names: Vec<_> = found.needed.iter().map(|one| one.variables[0].0.as_str()).collect();
        assert_eq!(names, ["OPEN_CLI_SECRET_PETS_TOKEN_3", "OPEN_CLI_SECRET_PETS_TOKEN_4"]);
        // Nor is one that is ours, set or not.
        let mut names = Names { taken: &|_| false, unique: Unique::default() };
        assert_eq!(names.take("open-cli-state_key"), "OPEN_CLI_SECRET_OPEN_CLI_STATE_KEY");
        let mut names = Names { taken: &|name| name == "STATE_KEY", unique: Unique::default() };
        assert_eq!(names.take("state-key"), "OPEN_CLI_SECRET_STATE_KEY");
    }

    #[test]
    fn many_schemes_are_bounded() {
        let schemes: Vec<Value> =
            (0..1000).map(|nth| json!({"name": format!("s{nth}"), "type": "http", "scheme": "bearer"})).collect();
        let found = of(&catalog(json!(schemes)), &|_| false);
        assert_eq!((found.needed.len(), found.others.len()), (MAX_SECRETS, 1));
    }
}
