//! Who may ask the broker, and how a client shows that it is that client (RFC 6749 sections 2.3 and 3.2.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::{Code, Refusal};
use super::{Broker, Call, Digest, digest, same};
use crate::base::url::decode;
use crate::http::Headers;
use crate::oauth::grant::TOKEN_EXCHANGE;
use crate::oauth::scope::Scopes;

/// The confidential client of programs: client credentials and token exchange.
pub const AGENT: &str = "open-cli-agent";
/// The public client of people: authorization code and refresh.
pub const BROWSER: &str = "open-cli-browser";
/// The confidential client that the toolbox introspects with.
pub const TOOLBOX: &str = "open-cli-toolbox";

/// Grants, as `grant_type` says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GrantType {
    ClientCredentials,
    AuthorizationCode,
    RefreshToken,
    /// RFC 8693.
    TokenExchange,
}

impl GrantType {
    pub(super) const ALL: [Self; 4] =
        [Self::ClientCredentials, Self::AuthorizationCode, Self::RefreshToken, Self::TokenExchange];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::TokenExchange => TOKEN_EXCHANGE,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// A registered client.
#[derive(Clone)]
pub struct Client {
    pub(super) id: String,
    /// `None`: public.
    secret: Option<Digest>,
    grants: &'static [GrantType],
    scopes: Scopes,
    default_scopes: Scopes,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.id)
    }
}

impl Client {
    /// A program that acts for itself: gets `default_scopes` unless it asks for others inside `scopes`.
    pub fn agent(secret: &str, scopes: &str, default_scopes: &str) -> Self {
        Self {
            id: AGENT.to_owned(),
            secret: Some(digest(secret)),
            grants: &[GrantType::ClientCredentials, GrantType::TokenExchange],
            scopes: Scopes::parse(scopes),
            default_scopes: Scopes::parse(default_scopes),
        }
    }

    /// A program that a person logs in with; what it gets depends on the person too. It may exchange its own tokens.
    pub fn browser(scopes: &str) -> Self {
        Self {
            id: BROWSER.to_owned(),
            secret: None,
            grants: &[GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::TokenExchange],
            scopes: Scopes::parse(scopes),
            default_scopes: Scopes::parse(scopes),
        }
    }

    /// A runtime that asks about tokens and gets none.
    pub fn toolbox(secret: &str) -> Self {
        Self {
            id: TOOLBOX.to_owned(),
            secret: Some(digest(secret)),
            grants: &[],
            scopes: Scopes::default(),
            default_scopes: Scopes::default(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_public(&self) -> bool {
        self.secret.is_none()
    }

    /// The most it may ask for.
    pub(super) fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The scopes of a request: those it names, else the client's own.
    pub(super) fn asked(&self, scope: Option<&str>) -> Result<Scopes, Refusal> {
        let asked = scope.map_or_else(|| self.default_scopes.clone(), Scopes::parse);
        if asked.is_subset_of(&self.scopes) {
            Ok(asked)
        } else {
            Err(Refusal::new(Code::InvalidScope, "the client may not ask for one of these scopes"))
        }
    }

    pub(super) fn may(&self, grant: GrantType) -> Result<(), Refusal> {
        if self.grants.contains(&grant) {
            Ok(())
        } else {
            Err(Refusal::new(Code::UnauthorizedClient, "the client may not use this grant"))
        }
    }
}

impl Broker {
    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.settings.clients.iter().find(|client| client.id == id)
    }

    /// The client that a request shows itself to be; a public one does so by its name alone.
    pub(super) fn authenticated(&self, call: &Call<'_>) -> Result<&Client, Refusal> {
        let (id, secret) = (call.form.one("client_id")?, call.form.one("client_secret")?);
        let shown = match basic(&call.request.headers)? {
            Some(_) if secret.is_some() => {
                return Err(Refusal::new(Code::InvalidRequest, "the client authenticates in two ways at once"));
            }
            Some((found, _)) if id.is_some_and(|id| id != found) => {
                return Err(Refusal::new(Code::InvalidRequest, "`client_id` is another one than in the header"));
            }
            Some((found, secret)) => Some((found, Some(secret))),
            None => id.map(|id| (id.to_owned(), secret.map(str::to_owned))),
        };
        let (id, secret) = shown.ok_or_else(|| refused("the client does not say who it is"))?;
        let unknown = || refused("the client is unknown, or its secret is another one");
        let client = self.client(&id).ok_or_else(unknown)?;
        let fits = match (&client.secret, &secret) {
            (None, None) => true,
            (Some(expected), Some(secret)) => same(expected, &digest(secret)),
            _ => false,
        };
        if fits { Ok(client) } else { Err(unknown()) }
    }

    /// As [`Broker::authenticated`], for clients with a secret only.
    pub(super) fn confidential(&self, call: &Call<'_>) -> Result<&Client, Refusal> {
        let client = self.authenticated(call)?;
        if client.is_public() { Err(refused("only a client with a secret may ask here")) } else { Ok(client) }
    }
}

fn refused(description: &'static str) -> Refusal {
    Refusal::new(Code::InvalidClient, description)
}

/// Id and secret of HTTP Basic, both form-encoded before they were joined (RFC 6749 section 2.3.1).
fn basic(headers: &Headers) -> Result<Option<(String, String)>, Refusal> {
    let mut sent = headers.all("Authorization");
    let Some(header) = sent.next() else { return Ok(None) };
    let malformed = || refused("the Authorization header holds no client id and secret");
    let (scheme, rest) = header.split_once(' ').ok_or_else(malformed)?;
    if sent.next().is_some() || !scheme.eq_ignore_ascii_case("Basic") {
        return Err(malformed());
    }
    let bytes = STANDARD.decode(rest.trim()).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (id, secret) = text.split_once(':').ok_or_else(malformed)?;
    let read = |part: &str| decode(&part.replace('+', " "));
    Ok(Some((read(id), read(secret))))
}
