//! Requests to a token endpoint, as values (RFC 6749 sections 4 and 6, RFC 7636, RFC 8693).
//!
//! Key types: [`Grant`] (on what grounds), [`Asked`] (for what); [`request`] puts them together with the [`Client`] that asks. A
//! parameter that is not set is not sent. Nothing here sends anything; answers are read in `answer`.

use crate::base::form::Form;
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::http::Request;

use super::client::Client;
use super::scope::Scopes;

/// RFC 8693 section 3: the kind of token that is handed in and asked for.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// An access token that says of itself that it is a JWT.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// RFC 8693 section 2.1: the value of `grant_type`.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// On what grounds a token is asked for.
#[derive(Clone, Debug)]
pub enum Grant<'a> {
    /// The client's own right.
    ClientCredentials,
    /// A person's consent.
    Code {
        /// From the redirect.
        code: &'a Redacted<String>,
        /// PKCE (RFC 7636).
        verifier: &'a Redacted<String>,
        /// As it was in the authorization request.
        redirect_uri: &'a str,
    },
    /// An earlier grant.
    Refresh(&'a Redacted<String>),
    /// Another token (RFC 8693).
    Exchange {
        /// The token to be narrowed.
        subject: &'a Redacted<String>,
        /// Who will use the new one (`actor_id`).
        actor: &'a str,
        /// The profile in force (`agent_profile`).
        profile: Option<&'a str>,
    },
}

/// What is asked for; only what is set is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `scope`
    pub scopes: Scopes,
    /// `audience`
    pub audience: Option<String>,
    /// `resource` (RFC 8707)
    pub resource: Option<String>,
}

/// The request for a token.
pub fn request(endpoint: &Url, client: &Client, grant: &Grant<'_>, asked: &Asked) -> Request {
    let mut form = grant.form();
    // A refreshed token has the scopes of the first one (RFC 6749 section 6), a code those of its authorization request.
    if !matches!(grant, Grant::Refresh(_) | Grant::Code { .. }) && !asked.scopes.is_empty() {
        form.push("scope", &asked.scopes.to_string());
    }
    asked.place(&mut form);
    client.post(endpoint, form)
}

impl Asked {
    /// Adds `audience` and `resource`.
    pub(super) fn place(&self, form: &mut Form) {
        for (name, value) in [("audience", &self.audience), ("resource", &self.resource)] {
            if let Some(value) = value {
                form.push(name, value);
            }
        }
    }
}

impl Grant<'_> {
    fn form(&self) -> Form {
        match self {
            Self::ClientCredentials => Form::new().with("grant_type", "client_credentials"),
            Self::Code { code, verifier, redirect_uri } => Form::new()
                .with("grant_type", "authorization_code")
                .with("code", code.expose())
                .with("redirect_uri", redirect_uri)
                .with("code_verifier", verifier.expose()),
            Self::Refresh(token) => {
                Form::new().with("grant_type", "refresh_token").with("refresh_token", token.expose())
            }
            Self::Exchange { subject, actor, profile } => {
                let form = Form::new()
                    .with("grant_type", TOKEN_EXCHANGE)
                    .with("subject_token", subject.expose())
                    .with("subject_token_type", ACCESS_TOKEN)
                    .with("requested_token_type", ACCESS_TOKEN)
                    .with("actor_id", actor);
                match profile {
                    Some(profile) => form.with("agent_profile", profile),
                    None => form,
                }
            }
        }
    }

    /// What of it must appear in no message.
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::ClientCredentials => Vec::new(),
            Self::Code { code, verifier, .. } => vec![code.expose(), verifier.expose()],
            Self::Refresh(token) => vec![token.expose()],
            Self::Exchange { subject, .. } => vec![subject.expose()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientAuthentication;
    use crate::http::Method;

    fn secret(text: &str) -> Redacted<String> {
        Redacted::new(text.to_owned())
    }

    #[track_caller]
    fn check(client: &Client, grant: &Grant<'_>, asked: &Asked, body: &str) {
        let request = request(&Url::parse("https://i/token").unwrap(), client, grant, asked);
        assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://i/token"));
        assert_eq!(String::from_utf8(request.body).unwrap(), body);
    }

    fn all() -> Asked {
        Asked {
            scopes: Scopes::parse("bundle:b bundle:a"),
            audience: Some("toolbox".to_owned()),
            resource: Some("https://t/".to_owned()),
        }
    }

    #[test]
    fn h44_every_grant_says_what_its_rfc_says() {
        let none = Asked::default();
        let confidential = Client::confidential("cli:1", secret("s&1"), ClientAuthentication::Post);
        check(
            &confidential,
            &Grant::ClientCredentials,
            &all(),
            "grant_type=client_credentials&scope=bundle%3Aa%20bundle%3Ab&audience=toolbox&resource=https%3A%2F%2Ft%2F&client_id=cli%3A1&client_secret=s%261",
        );
        let (code, verifier) = (secret("c/1"), secret("v"));
        let code = Grant::Code { code: &code, verifier: &verifier, redirect_uri: "http://127.0.0.1:5/callback" };
        check(
            &Client::public("cli:1"),
            &code,
            &Asked { scopes: Scopes::parse("a"), ..none.clone() },
            "grant_type=authorization_code&code=c%2F1&redirect_uri=http%3A%2F%2F127.0.0.1%3A5%2Fcallback&code_verifier=v&client_id=cli%3A1",
        );
        check(
            &Client::public("cli:1"),
            &Grant::Refresh(&secret("r")),
            &Asked { scopes: Scopes::parse("a"), ..none.clone() },
            "grant_type=refresh_token&refresh_token=r&client_id=cli%3A1",
        );
        let subject = secret("t");
        let plain = Grant::Exchange { subject: &subject, actor: "me", profile: None };
        let exchange = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=t\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
             &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&actor_id=me";
        check(&Client::unknown(), &plain, &none, exchange);
        let with_profile = Grant::Exchange { subject: &subject, actor: "me", profile: Some("reader") };
        let more = "&agent_profile=reader&scope=bundle%3Aa%20bundle%3Ab&audience=toolbox&resource=https%3A%2F%2Ft%2F";
        check(&Client::unknown(), &with_profile, &all(), &format!("{exchange}{more}"));
    }

    #[test]
    fn h24_debug_shows_no_secret() {
        let (code, verifier) = (secret("hunter2"), secret("hunter2"));
        let grant = Grant::Code { code: &code, verifier: &verifier, redirect_uri: "x" };
        assert!(!format!("{grant:?} {:?}", Grant::Refresh(&code)).contains("hunter2"));
    }
}
