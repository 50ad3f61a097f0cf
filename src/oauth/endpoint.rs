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
        let mut secrets = grant.secrets();
        secrets.extend(self.client.secret());
        let expected = if matches!(grant, Grant::Exchange { .. }) { Expected::Exchanged } else { Expected::Token };
        answer::read(endpoint, &response, expected, &secrets)
    }
}
