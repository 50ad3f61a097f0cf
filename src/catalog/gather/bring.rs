//! Fetches the documents of one source, as far as the source and the egress rule let it.

use std::time::Duration;

use super::load::Failure;
use crate::base::host::Deadline;
use crate::base::id::SourceId;
use crate::base::url::Url;
use crate::catalog::FetchRecord;
use crate::catalog::build::configured;
use crate::config::{Config, Location, Source};
use crate::fetch::run::{Ask, FetchError, Fetcher};
use crate::http::Reach;
use crate::openapi::refs::Want;
use crate::openapi::{self, Description, Document, Resolver};

/// When all documents of one source must be here.
const SOURCE_DEADLINE: Duration = Duration::from_secs(60);

/// Passes over one description; each brings at least one document that was not there.
const MAX_PASSES: usize = openapi::refs::MAX_DOCUMENTS;

/// Fetches the documents of one source.
pub(super) struct Bringer<'a> {
    config: &'a Config,
    source: &'a Source,
    fetcher: &'a Fetcher,
    force: bool,
    deadline: Deadline,
    pub(super) fetches: Vec<FetchRecord>,
}

impl<'a> Bringer<'a> {
    /// Nothing is fetched yet; the time for all of it begins.
    pub(super) fn new(config: &'a Config, source: &'a Source, fetcher: &'a Fetcher, force: bool) -> Self {
        Self { config, source, fetcher, force, deadline: Deadline::after(SOURCE_DEADLINE), fetches: Vec::new() }
    }

    /// Reads the description, and again as long as it leads to documents that are not there.
    pub(super) fn description(&mut self, id: &SourceId, location: &Location) -> Result<Description, Failure> {
        let (url, document) = self
            .document(location, Reach::Named)
            .map_err(|error| Failure { keep: !is_gone(&error), message: error.message })?;
        let servers_matter = configured(self.config, id).iter().any(|(_, service)| service.server.is_none())
            || configured(self.config, id).is_empty();
        let mut resolver = Resolver::new(&url, document);
        let mut description = openapi::read(&resolver, servers_matter).map_err(|error| Failure::keeping(&error))?;
        for _ in 0..MAX_PASSES {
            if description.wants.is_empty() {
                break;
            }
            for want in &description.wants {
                let found = self.wanted(want, &url);
                resolver.supply(&want.url, found);
            }
            description = openapi::read(&resolver, servers_matter).map_err(|error| Failure::keeping(&error))?;
        }
        Ok(description)
    }

    fn wanted(&mut self, want: &Want, root: &Url) -> Result<(Url, Document), String> {
        let location = match want.url.to_file_path() {
            Some(path) => Location::File(path),
            None => Location::Remote(want.url.clone()),
        };
        let reach = if self.is_named(want, root) { Reach::Named } else { Reach::PublicOnly };
        self.document(&location, reach).map_err(|error| error.message)
    }

    /// Whether a document that another leads to may stand at any address: beside the source, named by the config, or referred to
    /// by a local file.
    fn is_named(&self, want: &Want, root: &Url) -> bool {
        let (host, port) = (want.url.host().to_ascii_lowercase(), want.url.port());
        let beside = want.url.origin().is_some() && want.url.origin() == root.origin();
        let allowed = self.config.policy.egress_allow.iter().flatten().any(|pattern| pattern.matches(&host, port));
        let mut servers = self.config.services.values().filter_map(|service| service.server.as_ref());
        let server = servers.any(|server| server.origin() == want.url.origin());
        !want.from.is_http() || beside || allowed || server
    }

    fn document(&mut self, location: &Location, reach: Reach) -> Result<(Url, Document), FetchError> {
        let ask = Ask {
            location,
            refresh: self.source.refresh,
            force: self.force,
            reach,
            method: "explicit",
            deadline: self.deadline,
        };
        let fetched = self.fetcher.fetch(&ask).inspect_err(|error| self.fetches.extend(error.record.clone()))?;
        self.fetches.push(fetched.record);
        let document = Document::found(&fetched.url, fetched.bytes)
            .map_err(|error| FetchError { message: error.to_string(), record: None })?;
        Ok((fetched.url, document))
    }
}

/// The publisher took the description away, or keeps it from us: then it is not served from memory either (H31).
fn is_gone(error: &FetchError) -> bool {
    let status = error.record.as_ref().and_then(|record| record.status_code);
    matches!(status, Some(401 | 403 | 404 | 410))
}
