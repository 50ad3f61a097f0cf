//! Objects whose fields depend on a tag (`type`, `mode`, `validationProfile`): one table for the merge, which drops what a
//! changed tag leaves behind, and for the parser, which refuses fields of another variant.

use super::node::{Node, Problems};

/// A tagged object.
#[derive(Debug)]
pub(super) struct Variant {
    /// The field that decides.
    pub(super) tag: &'static str,
    /// Its values.
    pub(super) tags: &'static [&'static str],
    /// Fields that not every variant has, with the tag values that have them.
    pub(super) owned: &'static [Owned],
}

/// A field and the tag values that have it.
type Owned = (&'static str, &'static [&'static str]);

/// `sources.<id>`
pub(super) const SOURCE: Variant = Variant {
    tag: "type",
    tags: &["openapi", "serviceRoot", "apiCatalog", "mcp"],
    owned: &[
        ("uri", &["openapi", "serviceRoot", "apiCatalog"]),
        ("transport", &["mcp"]),
        ("disabledTools", &["mcp"]),
        ("oauth", &["mcp"]),
    ],
};

/// `sources.<id>.transport`
pub(super) const TRANSPORT: Variant = Variant {
    tag: "type",
    tags: &["stdio", "sse", "streamable-http"],
    owned: &[
        ("command", &["stdio"]),
        ("args", &["stdio"]),
        ("env", &["stdio"]),
        ("url", &["sse", "streamable-http"]),
        ("headers", &["sse", "streamable-http"]),
        ("headerSecrets", &["sse", "streamable-http"]),
    ],
};

/// `secrets.<id>` of type `oauth2`, and `sources.<id>.oauth`
pub(super) const OAUTH: Variant = Variant {
    tag: "mode",
    tags: &["clientCredentials", "authorizationCode"],
    owned: &[
        ("authorizationURL", &["authorizationCode"]),
        ("callbackPort", &["authorizationCode"]),
        ("redirectURI", &["authorizationCode"]),
    ],
};

/// `runtime.remote.oauth`
pub(super) const REMOTE_AUTH: Variant = Variant {
    tag: "mode",
    tags: &["providedToken", "oauthClient", "browserLogin"],
    owned: &[("tokenRef", &["providedToken"]), ("client", &["oauthClient"]), ("browserLogin", &["browserLogin"])],
};

/// `runtime.server.auth`
pub(super) const SERVER_AUTH: Variant = Variant {
    tag: "validationProfile",
    tags: &["oidc_jwks", "oauth2_introspection"],
    owned: &[
        ("jwksURL", &["oidc_jwks"]),
        ("algorithms", &["oidc_jwks"]),
        ("mode", &["oauth2_introspection"]),
        ("introspectionURL", &["oauth2_introspection"]),
        ("introspectionCacheSeconds", &["oauth2_introspection"]),
        ("clientId", &["oauth2_introspection"]),
        ("clientSecret", &["oauth2_introspection"]),
        ("introspectionAuthMethod", &["oauth2_introspection"]),
    ],
};

impl Variant {
    fn foreign<'t>(&self, tag: &'t str) -> impl Iterator<Item = &'static Owned> + use<'t> {
        self.owned.iter().filter(move |(_, owners)| !owners.contains(&tag))
    }

    fn knows(&self, tag: &str) -> bool {
        self.tags.contains(&tag)
    }

    /// Removes the members of `old` that the tag of `new` cannot have, when `new` says another tag.
    pub(super) fn drop_left_behind(&self, old: &mut Node, new: &Node) {
        let Some(tag) = new.get(self.tag).and_then(Node::text) else { return };
        let unchanged = old.get(self.tag).and_then(Node::text).is_none_or(|before| before == tag);
        if unchanged || !self.knows(tag) {
            return;
        }
        if let Some(members) = old.members_mut() {
            for (field, _) in self.foreign(tag) {
                members.remove(*field);
            }
        }
    }

    /// Reports members that the object's tag cannot have; says nothing while there is no valid tag.
    pub(super) fn refuse_foreign(&self, node: &Node, problems: &mut Problems<'_>) {
        let Some(tag) = node.get(self.tag).and_then(Node::text).filter(|tag| self.knows(tag)) else { return };
        for (field, owners) in self.foreign(tag) {
            if let Some(member) = node.get(field) {
                let owners = owners.join("` or `");
                let message = format!("`{field}` belongs to {} `{owners}`, this one is `{tag}`", self.tag);
                problems.error(&member.origin, message);
            }
        }
    }
}
