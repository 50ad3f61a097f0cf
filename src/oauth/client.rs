//! Who asks an issuer, and how it shows that (RFC 6749 section 2.3): one home for the credentials of token, exchange and
//! introspection requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::form::Form;
use crate::base::redacted::Redacted;
use crate::base::url::{Url, encode_query};
use crate::config::ClientAuthentication;
use crate::http::{Headers, Method, Request};

/// A client as an issuer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    id: Option<String>,
    secret: Option<(Redacted<String>, ClientAuthentication)>,
}

impl Client {
    /// With an id and a secret, and where they go.
    pub fn confidential(id: &str, secret: Redacted<String>, method: ClientAuthentication) -> Self {
        Self { id: Some(id.to_owned()), secret: Some((secret, method)) }
    }

    /// With an id alone (RFC 6749 section 2.1).
    pub fn public(id: &str) -> Self {
        Self { id: Some(id.to_owned()), secret: None }
    }

    /// Without an id.
    pub fn unknown() -> Self {
        Self { id: None, secret: None }
    }

    /// What of it must appear in no message: the secret, and what HTTP Basic makes of it.
    pub(super) fn secrets(&self) -> Vec<String> {
        let Some((secret, method)) = &self.secret else { return Vec::new() };
        let mut secrets = vec![secret.expose().clone()];
        if let (Some(id), ClientAuthentication::Basic) = (&self.id, method) {
            secrets.push(credentials(id, secret));
        }
        secrets
    }

    /// A form sent to an endpoint as this client.
    pub fn post(&self, endpoint: &Url, mut form: Form) -> Request {
        let mut headers =
            Headers::new().with("Content-Type", "application/x-www-form-urlencoded").with("Accept", "application/json");
        match (&self.id, &self.secret) {
            (Some(id), Some((secret, ClientAuthentication::Basic))) => {
                headers = headers.with("Authorization", &format!("Basic {}", credentials(id, secret)));
            }
            (Some(id), secret) => {
                form.push("client_id", id);
                if let Some((secret, ClientAuthentication::Post)) = secret {
                    form.push("client_secret", secret.expose());
                }
            }
            (None, _) => {}
        }
        Request { method: Method::Post, url: endpoint.clone(), headers, body: form.encode().into_bytes() }
    }
}

/// Id and secret are form-encoded before they are joined (RFC 6749 section 2.3.1), so that a colon in one of them is no border.
fn credentials(id: &str, secret: &Redacted<String>) -> String {
    let joined = format!("{}:{}", encode_query(id), encode_query(secret.expose()));
    STANDARD.encode(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(client: &Client) -> (String, Option<String>) {
        let request = client.post(&Url::parse("https://i.example/token").unwrap(), Form::new().with("a", "b"));
        (String::from_utf8(request.body).unwrap(), request.headers.get("Authorization").map(str::to_owned))
    }

    #[test]
    fn h07_reserved_characters_survive_both_ways() {
        let secret = || Redacted::new("p:%+&= /ü".to_owned());
        let (form, header) = post(&Client::confidential("c:1", secret(), ClientAuthentication::Post));
        assert_eq!(form, "a=b&client_id=c%3A1&client_secret=p%3A%25%2B%26%3D%20%2F%C3%BC");
        assert_eq!(header, None);
        let (form, header) = post(&Client::confidential("c:1", secret(), ClientAuthentication::Basic));
        assert_eq!(form, "a=b");
        let joined = STANDARD.decode(header.unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(joined).unwrap(), "c%3A1:p%3A%25%2B%26%3D%20%2F%C3%BC");
    }

    #[test]
    fn clients_without_a_secret_name_themselves_or_nobody() {
        assert_eq!(post(&Client::public("c")), ("a=b&client_id=c".to_owned(), None));
        assert_eq!(post(&Client::unknown()), ("a=b".to_owned(), None));
        let client = Client::confidential("c", Redacted::new("hunter2".to_owned()), ClientAuthentication::Basic);
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
