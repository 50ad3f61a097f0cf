//! One exchange with a token endpoint: a request out, an answer read, within limits.
//!
//! Nothing is repeated, and redirects are not followed: what is sent here is worth stealing.

use std::time::Duration;

use crate::base::host::Deadline;
use crate::base::url::Url;
use crate::http::{Limits, Reach, Request, Response, TransportError};

use super::answer::{self, Expected, GrantError, Granted};
use super::client::Client;
use super::grant::{self, Asked, Grant};

/// The largest answer that is read.
const MAX_ANSWER: usize = 256 << 10;

/// How a request goes out.
pub type Send<'a> = dyn Fn(&Request, Limits) -> Result<Response, TransportError> + 'a;

/// A token endpoint, and who asks there.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    /// Where.
    pub url: &'a Url,
    /// As which client.
    pub client: &'a Client,
    /// The way out.
    pub send: &'a Send<'a>,
    /// How long one exchange may take.
    pub limit: Duration,
}

impl Endpoint<'_> {
    /// Asks for a token.
    pub fn ask(&self, grant: &Grant<'_>, asked: &Asked) -> Result<Granted, GrantError> {
        let request = grant::request(self.url, self.client, grant, asked);
        let limits = Limits { deadline: Deadline::after(self.limit), max_body: MAX_ANSWER, reach: Reach::Named };
        let endpoint = self.url.public();
        let response = (self.send)(&request, limits)
            .map_err(|error| GrantError::Unreachable { endpoint: endpoint.to_owned(), cause: error.message })?;
        let of_client = self.client.secrets();
        let mut secrets = grant.secrets();
        secrets.extend(of_client.iter().map(String::as_str));
        let expected = if matches!(grant, Grant::Exchange { .. }) { Expected::Exchanged } else { Expected::Token };
        answer::read(endpoint, &response, expected, &secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::redacted::Redacted;
    use crate::config::ClientAuthentication;
    use crate::http::Headers;
    use serde_json::json;

    /// What is shown of an error whose description is all that was sent.
    fn echoed(authentication: ClientAuthentication) -> String {
        let url = Url::parse("https://i/token").unwrap();
        let client = Client::confidential("cli", Redacted::new("hunter2/ü".to_owned()), authentication);
        let send = |request: &Request, _: Limits| {
            let header = request.headers.get("Authorization").unwrap_or("none");
            let said = format!("{header}; {}", String::from_utf8_lossy(&request.body));
            let body = json!({"error": "invalid_client", "error_description": said}).to_string().into_bytes();
            Ok(Response { status: 401, headers: Headers::new(), body, truncated: false })
        };
        let endpoint = Endpoint { url: &url, client: &client, send: &send, limit: Duration::from_secs(1) };
        endpoint.ask(&Grant::ClientCredentials, &Asked::default()).unwrap_err().to_string()
    }

    #[test]
    fn h24_a_client_that_is_echoed_is_not_shown() {
        let basic = echoed(ClientAuthentication::Basic);
        assert!(basic.contains("Basic [redacted]; grant_type"), "{basic}");
        let post = echoed(ClientAuthentication::Post);
        assert!(post.contains("client_id=cli&client_secret=[redacted]"), "{post}");
    }
}
