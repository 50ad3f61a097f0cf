//! Where the endpoints of a recipe are, and whether they may be told its secrets (H17).
//!
//! What the config names is named. What an issuer says about itself counts for its own origin; another one, and whatever a description
//! leads to, must be a place that may have the service's credentials.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crate::base::host::{Deadline, lock};
use crate::base::url::Url;
use crate::http::{Limits, Reach, Request, Transport};
use crate::oauth::metadata::{self, Metadata};

use super::Hosts;
use super::recipe::{Place, Recipe};

/// The largest metadata that is read.
const MAX_BYTES: usize = 256 << 10;

/// How long an issuer's word about its endpoints is believed.
const AGE: Duration = Duration::from_secs(3600);

/// How many issuers are remembered.
const MAX_ISSUERS: usize = 100;

/// Where OpenID Connect has an issuer's metadata, behind its name.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where to ask, and which addresses that host may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) token: Url,
    pub(super) authorization: Option<Url>,
    /// Who answers (RFC 9207), when that is known.
    pub(super) issuer: Option<String>,
    pub(super) reach: Reach,
}

/// What issuers said about themselves.
#[derive(Debug, Default)]
pub(super) struct Issuers(Mutex<HashMap<String, (SystemTime, Metadata)>>);

impl Issuers {
    /// The endpoints of a recipe; asks its issuer when need be.
    pub(super) fn endpoints(
        &self,
        recipe: &Recipe<'_>,
        hosts: &dyn Hosts,
        transport: &dyn Transport,
        now: SystemTime,
        deadline: Deadline,
    ) -> Result<Endpoints, String> {
        match &recipe.place {
            Place::Named { token, authorization } => Ok(Endpoints {
                token: token.clone(),
                authorization: authorization.clone(),
                issuer: None,
                reach: Reach::Named,
            }),
            Place::Described { token, authorization } => {
                [Some(token), authorization.as_ref()]
                    .into_iter()
                    .flatten()
                    .try_for_each(|url| may_ask(recipe, hosts, url))?;
                let reach = hosts.reach(token);
                Ok(Endpoints { token: token.clone(), authorization: authorization.clone(), issuer: None, reach })
            }
            Place::Issuer(issuer) => {
                let asked = |url: &Url| get(transport, url, deadline, Reach::Named);
                let metadata = self.known_or(issuer, now, || ask_issuer(issuer, &asked))?;
                of_metadata(recipe, hosts, metadata, Some(issuer))
            }
            Place::Metadata(url) => {
                let asked = |url: &Url| get(transport, url, deadline, hosts.reach(url));
                let metadata = self.known_or(url, now, || ask_at(url, &asked))?;
                of_metadata(recipe, hosts, metadata, None)
            }
        }
    }

    /// Lets the issuer be asked again.
    pub(super) fn forget(&self, recipe: &Recipe<'_>) {
        if let Place::Issuer(url) | Place::Metadata(url) = &recipe.place {
            lock(&self.0).remove(url.as_str());
        }
    }

    fn known_or(
        &self,
        url: &Url,
        now: SystemTime,
        ask: impl FnOnce() -> Result<Metadata, String>,
    ) -> Result<Metadata, String> {
        let is_young = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age < AGE);
        if let Some((_, known)) = lock(&self.0).get(url.as_str()).filter(|(at, _)| is_young(at)) {
            return Ok(known.clone());
        }
        let metadata = ask()?;
        let mut known = lock(&self.0);
        if known.len() >= MAX_ISSUERS {
            known.clear();
        }
        known.insert(url.as_str().to_owned(), (now, metadata.clone()));
        Ok(metadata)
    }
}

/// What of the metadata counts. `issuer`: the config names it.
fn of_metadata(
    recipe: &Recipe<'_>,
    hosts: &dyn Hosts,
    metadata: Metadata,
    issuer: Option<&Url>,
) -> Result<Endpoints, String> {
    let own = |url: &Url| issuer.is_some_and(|issuer| issuer.shares_origin(url));
    let settings = recipe.settings;
    let (token, reach) = match (&settings.token_url, metadata.token) {
        (Some(token), _) => (token.clone(), Reach::Named),
        (None, None) => return Err(format!("the metadata of {} names no token endpoint", metadata.issuer)),
        (None, Some(token)) if own(&token) => (token, Reach::Named),
        (None, Some(token)) => {
            may_ask(recipe, hosts, &token)?;
            let reach = hosts.reach(&token);
            (token, reach)
        }
    };
    let authorization = settings.authorization_url.clone().or(metadata.authorization);
    // Whom the config names may send a person where it likes; where only a description leads, nobody is sent elsewhere.
    if let (None, Some(url)) = (issuer, &authorization) {
        may_ask(recipe, hosts, url)?;
    }
    Ok(Endpoints { token, authorization, issuer: Some(metadata.issuer), reach })
}

fn may_ask(recipe: &Recipe<'_>, hosts: &dyn Hosts, url: &Url) -> Result<(), String> {
    hosts.may_receive(url).map_err(|_| {
        format!(
            "the client of secrets[\"{}\"] does not show itself at {}, where only a fetched document leads; if that is right, set \
             its `tokenURL`{} or add the host to policy.egress.allow",
            recipe.id,
            url.host(),
            if recipe.settings.mode == crate::config::OAuthMode::AuthorizationCode { " and `authorizationURL`" } else { "" },
        )
    })
}

type Ask<'a> = dyn Fn(&Url) -> Result<Vec<u8>, String> + 'a;

fn ask_issuer(issuer: &Url, ask: &Ask<'_>) -> Result<Metadata, String> {
    let mut last = "the issuer's URL has no place for metadata".to_owned();
    for url in metadata::locations(issuer) {
        match ask(&url).and_then(|bytes| read(&bytes, issuer.as_str(), &url)) {
            Ok(metadata) => return Ok(metadata),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

/// Metadata at a description's address, which names its issuer (OpenID Connect Discovery 1.0 section 4).
fn ask_at(url: &Url, ask: &Ask<'_>) -> Result<Metadata, String> {
    let Some(issuer) = url.as_str().strip_suffix(WELL_KNOWN) else {
        return Err(format!("the description's openIdConnectUrl does not end in {WELL_KNOWN}; set `issuer`"));
    };
    read(&ask(url)?, issuer, url)
}

/// Some issuers' names end in a slash, which is not written twice in the address of their metadata.
fn read(bytes: &[u8], issuer: &str, url: &Url) -> Result<Metadata, String> {
    let bare = issuer.trim_end_matches('/');
    let with_slash = format!("{bare}/");
    let metadata = Metadata::read(bytes, bare).or_else(|_| Metadata::read(bytes, &with_slash));
    metadata.map_err(|_| match Metadata::read(bytes, issuer) {
        Err(error) => format!("{}: {error}", url.public()),
        Ok(_) => format!("{}: it names another issuer", url.public()),
    })
}

fn get(transport: &dyn Transport, url: &Url, deadline: Deadline, reach: Reach) -> Result<Vec<u8>, String> {
    let mut request = Request::get(url.clone());
    request.headers = request.headers.with("Accept", "application/json");
    let limits = Limits { deadline, max_body: MAX_BYTES, reach };
    let answer = transport.send(&request, limits).map_err(|error| format!("{}: {error}", url.public()))?;
    match answer.status {
        200 if !answer.truncated => Ok(answer.body),
        200 => Err(format!("{} is larger than {MAX_BYTES} bytes", url.public())),
        status => Err(format!("{} answered {status}", url.public())),
    }
}
