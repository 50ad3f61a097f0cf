//! What an issuer says about itself (OpenID Connect Discovery 1.0 section 4, RFC 8414): where to ask, and which of it counts.

use std::fmt;

use serde_json::Value;

use crate::base::url::Url;

/// The endpoints that are used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `issuer`, as it was asked for.
    pub issuer: String,
    /// `jwks_uri`
    pub jwks: Option<Url>,
    /// `authorization_endpoint`
    pub authorization: Option<Url>,
    /// `token_endpoint`
    pub token: Option<Url>,
}

/// Why a document is not this issuer's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// It is no JSON object with an `issuer`.
    Malformed,
    /// It speaks for another issuer (RFC 8414 section 3.3). Holds what it names, cut.
    OtherIssuer(String),
    /// An endpoint is no http or https URL.
    Endpoint(&'static str),
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is no issuer's metadata"),
            Self::OtherIssuer(other) => write!(f, "it names another issuer: {}", other.escape_debug()),
            Self::Endpoint(name) => write!(f, "its `{name}` is no http or https URL"),
        }
    }
}

impl std::error::Error for MetadataError {}

/// Where an issuer's metadata may be, in the order to ask: behind the issuer's path as OpenID Connect has it, then between host
/// and path as RFC 8414 has it.
pub fn locations(issuer: &Url) -> Vec<Url> {
    let whole = issuer.public().trim_end_matches('/');
    let path = issuer.path().trim_end_matches('/');
    let origin = whole.strip_suffix(path).unwrap_or(whole);
    let mut texts = vec![format!("{whole}/.well-known/openid-configuration")];
    texts.push(format!("{origin}/.well-known/oauth-authorization-server{path}"));
    texts.iter().filter_map(|text| Url::parse(text).ok()).collect()
}

impl Metadata {
    /// Reads a document that was asked of `issuer`, whose name must stand in it to the letter.
    pub fn read(bytes: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        let document: Value = serde_json::from_slice(bytes).map_err(|_| MetadataError::Malformed)?;
        let named = document.get("issuer").and_then(Value::as_str).ok_or(MetadataError::Malformed)?;
        if named != issuer {
            return Err(MetadataError::OtherIssuer(named.chars().take(200).collect()));
        }
        let endpoint = |name: &'static str| match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let url = value.as_str().and_then(|text| Url::parse(text).ok()).filter(Url::is_http);
                url.map(Some).ok_or(MetadataError::Endpoint(name))
            }
        };
        Ok(Self {
            issuer: issuer.to_owned(),
            jwks: endpoint("jwks_uri")?,
            authorization: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issuer: &str, expected: [&str; 2]) {
        let found: Vec<String> =
            locations(&Url::parse(issuer).unwrap()).iter().map(|url| url.as_str().to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn metadata_is_looked_for_in_both_places() {
        check(
            "https://login.example",
            [
                "https://login.example/.well-known/openid-configuration",
                "https://login.example/.well-known/oauth-authorization-server",
            ],
        );
        check(
            "https://login.example:8443/realms/a/",
            [
                "https://login.example:8443/realms/a/.well-known/openid-configuration",
                "https://login.example:8443/.well-known/oauth-authorization-server/realms/a",
            ],
        );
    }

    #[test]
    fn only_the_issuer_itself_is_believed() {
        let read = |text: &str| Metadata::read(text.as_bytes(), "https://i.example");
        let good = read(r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/keys","token_endpoint":null}"#);
        assert_eq!(good.unwrap().jwks.unwrap().as_str(), "https://i.example/keys");
        assert_eq!(
            read(r#"{"issuer":"https://i.example/"}"#),
            Err(MetadataError::OtherIssuer("https://i.example/".to_owned()))
        );
        assert_eq!(read("{}"), Err(MetadataError::Malformed));
        assert_eq!(read("<html>"), Err(MetadataError::Malformed));
        assert_eq!(
            read(r#"{"issuer":"https://i.example","jwks_uri":"file:///etc/keys"}"#),
            Err(MetadataError::Endpoint("jwks_uri"))
        );
    }
}
