//! `secrets.<id>`, and the secret references and OAuth settings that stand elsewhere.
//!
//! Only references are read here, never the values they lead to; a literal is taken in as `Redacted` at once.

use std::collections::BTreeMap;

use super::reader::{Fields, Reader, name_error};
use crate::base::id::ServiceId;
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::config::node::Node;
use crate::config::scope::Scope;
use crate::config::variant;
use crate::config::{ClientAuthentication, OAuthMode, OAuthSecret, Secret, SecretKind, SecretRef, TokenStorage};

#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretType {
    Env,
    File,
    OsKeychain,
    Exec,
    Literal,
    OAuth2,
}

const SECRET_TYPES: &[(&str, SecretType)] = &[
    ("env", SecretType::Env),
    ("file", SecretType::File),
    ("osKeychain", SecretType::OsKeychain),
    ("exec", SecretType::Exec),
    ("literal", SecretType::Literal),
    ("oauth2", SecretType::OAuth2),
];

const OAUTH_MODES: &[(&str, OAuthMode)] =
    &[("clientCredentials", OAuthMode::ClientCredentials), ("authorizationCode", OAuthMode::AuthorizationCode)];

const STORAGES: &[(&str, TokenStorage)] = &[("instance", TokenStorage::Instance), ("memory", TokenStorage::Memory)];

pub(super) const CLIENT_AUTHENTICATIONS: &[(&str, ClientAuthentication)] =
    &[("client_secret_post", ClientAuthentication::Post), ("client_secret_basic", ClientAuthentication::Basic)];

/// Fields of both homes of OAuth settings.
const OAUTH: &[&str] = &[
    "mode",
    "issuer",
    "authorizationURL",
    "tokenURL",
    "clientId",
    "clientSecret",
    "scopes",
    "audience",
    "resource",
    "interactive",
    "callbackPort",
    "redirectURI",
    "tokenStorage",
    "tokenEndpointAuthMethod",
];

impl Reader<'_, '_> {
    pub(super) fn secrets(&mut self, root: Fields<'_>) -> BTreeMap<String, Secret> {
        let secrets =
            root.get("secrets").and_then(|node| self.map(node, name_error, |reader, _, node| reader.secret(node)));
        secrets.unwrap_or_default()
    }

    fn secret(&mut self, node: &Node) -> Option<Secret> {
        let kind = node.get("type").and_then(Node::text);
        if kind != Some("oauth2") {
            let fields = self.fields(node, &["type", "value", "command", "services"])?;
            let services = self.secret_services(fields);
            let reference = self.reference_fields(fields, SECRET_TYPES)?;
            self.warn_of_literal(node, &reference);
            return Some(Secret { services, kind: SecretKind::Value(reference) });
        }
        let known: Vec<&str> = ["type", "services"].iter().chain(OAUTH).copied().collect();
        let fields = self.fields(node, &known)?;
        let services = self.secret_services(fields);
        // Secrets are replaced whole, so nothing of them can come from another file.
        self.needed(fields, "mode");
        Some(Secret { services, kind: SecretKind::OAuth2(Box::new(self.oauth(fields)?)) })
    }

    fn secret_services(&mut self, fields: Fields<'_>) -> Vec<ServiceId> {
        let services = fields.get("services").and_then(|node| self.list(node, 1000, Self::id)).unwrap_or_default();
        services.into_iter().map(ServiceId::new).collect()
    }

    /// A secret reference outside `secrets`: `clientSecret`.
    pub(super) fn reference(&mut self, node: &Node) -> Option<SecretRef> {
        let reference = self.client_id(node)?;
        self.warn_of_literal(node, &reference);
        Some(reference)
    }

    /// `clientId`: a reference too, but what it leads to is no secret (RFC 6749 section 2.2) and may stand anywhere.
    pub(super) fn client_id(&mut self, node: &Node) -> Option<SecretRef> {
        let fields = self.fields(node, &["type", "value", "command"])?;
        let values: Vec<_> = SECRET_TYPES.iter().copied().filter(|(_, kind)| *kind != SecretType::OAuth2).collect();
        self.reference_fields(fields, &values)
    }

    fn reference_fields(&mut self, fields: Fields<'_>, types: &[(&str, SecretType)]) -> Option<SecretRef> {
        let kind = self.needed(fields, "type").and_then(|node| self.choice(node, types))?;
        let command = fields.get("command").map(|node| (node, self.list(node, 1000, Self::any_text)));
        if kind == SecretType::Exec {
            return self.exec(fields, command.map(|(_, command)| command));
        }
        if let Some((node, _)) = command {
            self.problems.error(&node.origin, "`command` belongs to type `exec`");
        }
        let node = self.needed(fields, "value")?;
        let value = self.text(node)?;
        Some(match kind {
            SecretType::Env => SecretRef::Env(value),
            SecretType::File => SecretRef::File(self.beside(&node.origin, &value)),
            SecretType::OsKeychain => SecretRef::OsKeychain(value),
            _ => SecretRef::Literal(Redacted::new(value)),
        })
    }

    /// `command`, or `value` as the path of a program; exactly one of them. A relative path lies beside the file.
    fn exec(&mut self, fields: Fields<'_>, command: Option<Option<Vec<String>>>) -> Option<SecretRef> {
        match (command, fields.get("value")) {
            (Some(command), None) => {
                let command = command?;
                if command.first().is_none_or(String::is_empty) {
                    let node = fields.get("command").unwrap_or(fields.node);
                    self.problems.error(&node.origin, "`command` must begin with a program");
                    return None;
                }
                Some(SecretRef::Exec(command))
            }
            (None, Some(node)) => {
                let program = self.text(node)?;
                let program = self.beside(&node.origin, &program).to_string_lossy().into_owned();
                Some(SecretRef::Exec(vec![program]))
            }
            _ => {
                self.problems.error(&fields.node.origin, "type `exec` needs either `command` or `value`");
                None
            }
        }
    }

    fn warn_of_literal(&mut self, node: &Node, reference: &SecretRef) {
        if let (SecretRef::Literal(_), Some(node)) = (reference, node.get("value"))
            && self.problems.file(&node.origin).scope != Scope::Local
        {
            self.problems.warning(
                &node.origin,
                "a literal secret stands in a file that is likely to be shared",
                "move it to .cli.local.json, or refer to it by `env` or `file`",
            );
        }
    }

    /// `sources.<id>.oauth`
    pub(super) fn client_credentials(&mut self, node: &Node) -> Option<OAuthSecret> {
        let fields = self.fields(node, OAUTH)?;
        if let Some(mode) = fields.get("mode")
            && mode.text() == Some("authorizationCode")
        {
            self.problems.error(&mode.origin, "an MCP source knows `clientCredentials` only");
        }
        self.required(fields, "mode");
        self.oauth(fields)
    }

    fn oauth(&mut self, fields: Fields<'_>) -> Option<OAuthSecret> {
        variant::OAUTH.refuse_foreign(fields.node, self.problems);
        let mode = fields.get("mode").and_then(|node| self.choice(node, OAUTH_MODES));
        let url = |reader: &mut Self, key: &str| fields.get(key).and_then(|node| reader.url(node));
        let text = |reader: &mut Self, key: &str| fields.get(key).and_then(|node| reader.text(node));
        let issuer = url(self, "issuer");
        let authorization_url = url(self, "authorizationURL");
        let token_url = url(self, "tokenURL");
        let client_id = fields.get("clientId").and_then(|node| self.client_id(node));
        let client_secret = fields.get("clientSecret").and_then(|node| self.reference(node));
        let (audience, resource) = (text(self, "audience"), text(self, "resource"));
        let redirect_uri = fields.get("redirectURI").and_then(|node| self.loopback_url(node));
        let storage = fields.get("tokenStorage").and_then(|node| self.choice(node, STORAGES));
        let authentication =
            fields.get("tokenEndpointAuthMethod").and_then(|node| self.choice(node, CLIENT_AUTHENTICATIONS));
        let interactive = fields.get("interactive").and_then(|node| self.boolean(node));
        let callback_port = fields.get("callbackPort").and_then(|node| self.port(node));
        let scopes = self.texts(fields.get("scopes"));
        let mode = mode?;
        Some(OAuthSecret {
            mode,
            issuer,
            authorization_url,
            token_url,
            client_id,
            client_secret,
            scopes,
            audience,
            resource,
            interactive: interactive.unwrap_or(mode == OAuthMode::AuthorizationCode),
            callback_port,
            redirect_uri,
            token_storage: storage.unwrap_or_default(),
            client_authentication: authentication.unwrap_or_default(),
        })
    }

    fn loopback_url(&mut self, node: &Node) -> Option<Url> {
        let url = self.url(node)?;
        if url.scheme() != "http" || !matches!(url.host(), "127.0.0.1" | "localhost" | "[::1]") {
            let message = "must be an http URL on 127.0.0.1, [::1] or localhost";
            self.problems.error(&node.origin, message);
            return None;
        }
        Some(url)
    }
}
