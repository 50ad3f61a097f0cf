//! Fetches the documents of one source, as far as the source and the egress rule let it.

use super::load::Failure;
use super::reuse::Recorder;
use crate::base::host::Deadline;
use crate::base::url::Url;
use crate::catalog::FetchRecord;
use crate::config::{Config, Location, Source, SourceKind};
use crate::discovery::Lead;
use crate::fetch::freshness::Check;
use crate::fetch::run::{Ask, FetchError, Fetched};
use crate::http::Reach;
use crate::http::egress;
use crate::openapi::{self, Description, Document, Resolver};

/// Passes over one description; each brings at least one document that was not there.
const MAX_PASSES: usize = openapi::refs::MAX_DOCUMENTS;

/// Fetches the documents of one source; shared by its threads.
pub(super) struct Bringer<'a> {
    config: &'a Config,
    source: &'a Source,
    /// Where the config says the source is.
    start: Option<Url>,
    fetcher: &'a Recorder<'a>,
    check: Check,
}

impl<'a> Bringer<'a> {
    /// Nothing is fetched yet.
    pub(super) fn new(config: &'a Config, source: &'a Source, fetcher: &'a Recorder<'a>, check: Check) -> Self {
        let start = source.kind.location().and_then(Location::url);
        Self { config, source, start, fetcher, check }
    }

    /// The document of a description, with the address it was found at.
    pub(super) fn root(&self, lead: &Lead, records: &mut Vec<FetchRecord>) -> Result<(Url, Document), Failure> {
        match &lead.seen {
            Some((url, text)) => {
                let parsed = self.compute(|| Document::found(url, text.clone().into_bytes()));
                Ok((url.clone(), parsed.map_err(|error| Failure::keeping(&error))?))
            }
            None => self.document(&lead.url, lead.from.as_ref(), records).map_err(|error| Failure {
                keep: !is_gone(&error),
                message: error.message,
                cause: None,
            }),
        }
    }

    /// Reads a description, and again as long as it leads to documents that are not there. `servers_matter` says whether missing
    /// servers are a problem.
    pub(super) fn read(
        &self,
        url: &Url,
        document: Document,
        servers_matter: bool,
        records: &mut Vec<FetchRecord>,
    ) -> Result<Description, Failure> {
        let mut resolver = Resolver::new(url, document);
        let read = |resolver: &Resolver| self.compute(|| openapi::read(resolver, servers_matter));
        let mut description = read(&resolver).map_err(|error| Failure::keeping(&error))?;
        for _ in 0..MAX_PASSES {
            if description.wants.is_empty() {
                break;
            }
            for want in &description.wants {
                let found = self.document(&want.url, Some(&want.from), records).map_err(|error| error.message);
                resolver.supply(&want.url, found);
            }
            description = read(&resolver).map_err(|error| Failure::keeping(&error))?;
        }
        Ok(description)
    }

    /// When all of the source has to be there.
    pub(super) fn deadline(&self) -> Deadline {
        self.fetcher.deadline()
    }

    /// Does what needs the processor, when it is this source's turn.
    pub(super) fn compute<T>(&self, work: impl FnOnce() -> T) -> T {
        self.fetcher.compute(work)
    }

    fn document(
        &self,
        url: &Url,
        from: Option<&Url>,
        records: &mut Vec<FetchRecord>,
    ) -> Result<(Url, Document), FetchError> {
        let fetched = self.bytes(url, from, false).inspect_err(|error| records.extend(error.record.clone()))?;
        records.push(fetched.record);
        let parsed = self.compute(|| Document::found(&fetched.url, fetched.bytes));
        let document = parsed.map_err(|error| FetchError { message: error.to_string(), record: None })?;
        Ok((fetched.url, document))
    }

    /// One document as it is. `from` is the document that leads there, `None` for what the config names; `head` asks for its header
    /// fields only.
    pub(super) fn bytes(&self, url: &Url, from: Option<&Url>, head: bool) -> Result<Fetched, FetchError> {
        let location = match url.to_file_path() {
            Some(path) => Location::File(path),
            None => Location::Remote(url.clone()),
        };
        let is_named = from.is_none_or(|from| self.is_named(url, from));
        self.fetcher.fetch(&Ask {
            location: &location,
            refresh: self.source.refresh,
            check: self.check,
            reach: if is_named { Reach::Named } else { Reach::PublicOnly },
            method: method(&self.source.kind),
            head,
            deadline: self.deadline(),
        })
    }

    /// Whether a document that another leads to may stand at any address: beside the source, named by the config, or referred to
    /// by one that is local or itself at a private address (contract 7).
    fn is_named(&self, url: &Url, from: &Url) -> bool {
        let (host, port) = (url.host().to_ascii_lowercase(), url.port());
        let beside = self.start.as_ref().is_some_and(|start| start.shares_origin(url));
        let allowed = self.config.policy.egress_allow.iter().flatten().any(|pattern| pattern.matches(&host, port));
        let mut servers = self.config.services.values().filter_map(|service| service.server.as_ref());
        let server = servers.any(|server| server.shares_origin(url));
        !from.is_http() || beside || allowed || server || egress::is_private_host(from.host())
    }
}

/// Why documents of such a source are fetched.
pub(super) fn method(kind: &SourceKind) -> &'static str {
    match kind {
        SourceKind::ApiCatalog(_) => "rfc9727",
        SourceKind::ServiceRoot(_) => "rfc8631",
        SourceKind::OpenApi(_) | SourceKind::Mcp(_) => "explicit",
    }
}

/// The publisher took the description away, or keeps it from us: then it is not served from memory either (H31).
pub(super) fn is_gone(error: &FetchError) -> bool {
    let status = error.record.as_ref().and_then(|record| record.status_code);
    matches!(status, Some(401 | 403 | 404 | 410))
}
