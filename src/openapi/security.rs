//! What credentials an operation needs: alternatives (OR) of requirements (AND), each in full shape.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::document::Version;
use super::refs::{Node, Object, Reading};
use super::{Severity, swagger2};

/// Requirements that hold together (AND).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthAlternative {
    /// All of them are needed; none means anonymous is fine.
    pub requirements: Vec<AuthRequirement>,
}

/// One security scheme an operation needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthRequirement {
    /// Key in `components.securitySchemes`, or `securityDefinitions`.
    pub name: String,
    /// `http`, `apiKey`, `oauth2`, `openIdConnect`, `mutualTLS`; empty when the document does not define the scheme.
    #[serde(rename = "type")]
    pub kind: String,
    /// `bearer`, `basic`, .. for `http`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// `header`, `query`, `cookie` for `apiKey`.
    #[serde(default, rename = "in", skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Name of the header, query parameter or cookie for `apiKey`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub param_name: String,
    /// What the operation needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// OAuth 2 flows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oauth_flows: Vec<OAuthFlow>,
    /// OpenID Connect discovery document.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub open_id_connect_url: String,
}

/// One OAuth 2 flow of a security scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuthFlow {
    /// `clientCredentials`, `authorizationCode`, `implicit`, `password`, `deviceAuthorization`.
    pub mode: String,
    /// Absolute.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authorization_url: String,
    /// Absolute.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    /// Absolute.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refresh_url: String,
}

/// The flows of OAuth 2 in the order they are listed.
const FLOWS: [&str; 5] = ["clientCredentials", "authorizationCode", "deviceAuthorization", "password", "implicit"];

/// Reads security; each scheme once.
pub(super) struct Security<'r> {
    reading: &'r Reading<'r>,
    schemes: Option<Object<'r>>,
    known: RefCell<HashMap<String, AuthRequirement>>,
}

impl<'r> Security<'r> {
    pub(super) fn new(reading: &'r Reading<'r>, root: &Object<'r>) -> Self {
        let schemes = match reading.version(&root.node) {
            Version::V20 => root.object("securityDefinitions"),
            _ => root.object("components").and_then(|components| components.object("securitySchemes")),
        };
        Self { reading, schemes, known: RefCell::default() }
    }

    /// The alternatives that `holder` (an operation, or the document) names; `None` when it says nothing.
    pub(super) fn alternatives(&self, holder: &Object<'r>) -> Option<Vec<AuthAlternative>> {
        let node = holder.get("security")?;
        if !node.text.starts_with('[') {
            self.reading.report(Severity::Warning, &node, "`security` is no list; it is ignored".to_owned());
            return None;
        }
        let mut found = Vec::new();
        for alternative in node.items() {
            match alternative.object() {
                Some(object) => found.push(self.alternative(&object)),
                None => {
                    let message = "the security requirement is no object; it is ignored".to_owned();
                    self.reading.report(Severity::Warning, &alternative, message);
                }
            }
        }
        Some(found)
    }

    /// The order of schemes that must hold together means nothing, so it is by name.
    fn alternative(&self, object: &Object<'r>) -> AuthAlternative {
        let named = object.iter().map(|(name, scopes)| {
            let scopes = scopes.items().iter().filter_map(|scope| scope.value()?.as_str().map(str::to_owned)).collect();
            AuthRequirement { scopes, ..self.scheme(name, &object.node) }
        });
        let mut requirements: Vec<_> = named.collect();
        requirements.sort_by(|a, b| a.name.cmp(&b.name));
        AuthAlternative { requirements }
    }

    fn scheme(&self, name: &str, used: &Node<'r>) -> AuthRequirement {
        if let Some(known) = self.known.borrow().get(name) {
            return known.clone();
        }
        let scheme = self.define(name, used);
        self.known.borrow_mut().insert(name.to_owned(), scheme.clone());
        scheme
    }

    fn define(&self, name: &str, used: &Node<'r>) -> AuthRequirement {
        let undefined = |message: String| {
            self.reading.report(Severity::Warning, used, message);
            AuthRequirement { name: name.to_owned(), ..AuthRequirement::default() }
        };
        let Some(node) = self.schemes.as_ref().and_then(|schemes| schemes.get(name)) else {
            return undefined(format!("the security scheme `{}` is not defined", name.escape_debug()));
        };
        let scheme = match self.reading.resolve(&node) {
            Ok(scheme) => scheme,
            Err(error) => {
                return undefined(format!("the security scheme `{}` cannot be read: {error}", name.escape_debug()));
            }
        };
        let is_old = self.reading.version(&scheme.node) == Version::V20;
        let kind = match scheme.string("type").unwrap_or_default() {
            kind if is_old && kind == "basic" => "http".to_owned(),
            kind => kind,
        };
        let for_kind = |wanted: &str, member: &str| {
            if kind == wanted { scheme.string(member).unwrap_or_default() } else { String::new() }
        };
        let requirement = AuthRequirement {
            name: name.to_owned(),
            scheme: match is_old && kind == "http" {
                true => "basic".to_owned(),
                false => for_kind("http", "scheme").to_ascii_lowercase(),
            },
            place: for_kind("apiKey", "in"),
            param_name: for_kind("apiKey", "name"),
            scopes: Vec::new(),
            oauth_flows: match (kind.as_str(), is_old) {
                ("oauth2", true) => self.old_flow(&scheme),
                ("oauth2", false) => self.flows(&scheme),
                _ => Vec::new(),
            },
            open_id_connect_url: self.address(&scheme, "openIdConnectUrl"),
            kind,
        };
        if !is_complete(&requirement) {
            let message = format!("the security scheme `{}` is incomplete", name.escape_debug());
            self.reading.report(Severity::Warning, &scheme.node, message);
        }
        requirement
    }

    fn flows(&self, scheme: &Object<'r>) -> Vec<OAuthFlow> {
        let Some(flows) = scheme.object("flows") else { return Vec::new() };
        FLOWS.iter().filter_map(|mode| Some(self.flow(mode, &flows.object(mode)?))).collect()
    }

    /// Swagger 2.0 has one flow a scheme, written into the scheme itself.
    fn old_flow(&self, scheme: &Object<'r>) -> Vec<OAuthFlow> {
        let mode = scheme.string("flow").and_then(|flow| swagger2::flow(&flow));
        mode.map(|mode| self.flow(mode, scheme)).into_iter().collect()
    }

    fn flow(&self, mode: &str, holder: &Object<'r>) -> OAuthFlow {
        OAuthFlow {
            mode: mode.to_owned(),
            authorization_url: self.address(holder, "authorizationUrl"),
            token_url: self.address(holder, "tokenUrl"),
            refresh_url: self.address(holder, "refreshUrl"),
        }
    }

    /// An address resolved against the document; empty when it is missing, or no http(s) address.
    fn address(&self, holder: &Object<'r>, name: &str) -> String {
        let Some(written) = holder.string(name).filter(|written| !written.is_empty()) else { return String::new() };
        match self.reading.base(&holder.node).join(&written) {
            Ok(url) if url.is_http() => url.as_str().to_owned(),
            _ => {
                let message = format!("`{name}` is no usable http or https address; it is ignored");
                self.reading.report(Severity::Warning, &holder.node, message);
                String::new()
            }
        }
    }
}

fn is_complete(requirement: &AuthRequirement) -> bool {
    match requirement.kind.as_str() {
        "http" => !requirement.scheme.is_empty(),
        "apiKey" => {
            matches!(requirement.place.as_str(), "header" | "query" | "cookie") && !requirement.param_name.is_empty()
        }
        "oauth2" => !requirement.oauth_flows.is_empty(),
        "openIdConnect" => !requirement.open_id_connect_url.is_empty(),
        "mutualTLS" => true,
        _ => false,
    }
}
