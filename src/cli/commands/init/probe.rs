//! Finds out what is at a location: fetches it, looks at what it is, and reads it as the toolbox would.
//!
//! The same code makes the catalog here and in the toolbox, under the same rules of what may be fetched, so that what `init` saw is what
//! the toolbox will see.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::ApiKind;
use crate::base::host::Deadline;
use crate::base::id::{ServiceId, SourceId};
use crate::base::url::{Url, is_loopback_host};
use crate::catalog::Catalog;
use crate::catalog::gather::{self, Gathered, SourceState};
use crate::cli::output::sanitize;
use crate::cli::report::Failure;
use crate::cli::world::World;
use crate::config::{Config, Location, Refresh, Service, Source};
use crate::discovery::api_catalog::WELL_KNOWN;
use crate::discovery::{Kind, classify};
use crate::fetch::freshness::Check;
use crate::fetch::run::{Ask, FetchError, Fetched, Fetcher};
use crate::http::Reach;
use crate::openapi::page;

/// How long the first document may take, unless `--timeout` says otherwise.
const FIRST: Duration = Duration::from_secs(30);

/// How much of a page is searched.
const MAX_PAGE: usize = 4 << 20;

/// What a description is called beside an API, mostly.
const USUAL: [&str; 3] = ["openapi.json", "openapi.yaml", "swagger.json"];

/// What the source is called while it is looked at; never written.
const PROBED: &str = "probed";

/// What was found.
pub(super) struct Found {
    pub(super) kind: ApiKind,
    pub(super) location: Location,
    pub(super) catalog: Catalog,
    /// What is not quite as published, or left out.
    pub(super) problems: Vec<String>,
}

/// Looks at `location`, as `kind` when that is given; `service` is the id that was asked for.
pub(super) fn probe(
    world: &World<'_>,
    location: &Location,
    kind: Option<ApiKind>,
    service: Option<&str>,
) -> Result<Found, Failure> {
    let fetcher = Fetcher::new(world.way_out()?, None, world.host.clock.clone());
    let mut looked = Looked::default();
    let candidates = match kind {
        Some(kind) => vec![(kind, location.clone())],
        None => candidates(world, &fetcher, location, &mut looked)?,
    };
    for (kind, location) in candidates {
        let config = config(kind, &location, service);
        let Gathered { catalog, report, problems } = gather::gather(&config, &fetcher, None, true, &world.host.clock);
        for fetch in report.iter().flat_map(|source| &source.fetches) {
            let status = fetch.status_code.map_or("no answer".to_owned(), |status| status.to_string());
            world.console.tell(&format!("{} {} -> {status}", fetch.request_method, fetch.url));
        }
        let failed = report.iter().find(|source| source.state != SourceState::Ok);
        if let Some(failed) = failed {
            let cause = failed.error.clone().unwrap_or_default();
            looked.note(&format!("as `{}`: {cause}", kind.as_str()));
        } else if catalog.services.is_empty() {
            looked.note(&format!("as `{}`: there is no API", kind.as_str()));
        } else {
            let problems = problems.iter().map(|problem| said(&problem.message, &problem.place)).collect();
            looked.tell_detour(world, &location);
            return Ok(Found { kind, location, catalog, problems });
        }
    }
    Err(looked.failure(location))
}

fn said(message: &str, place: &str) -> String {
    if place.is_empty() { message.to_owned() } else { format!("{message} (at {place})") }
}

/// What was looked at, and what was wrong with it.
#[derive(Default)]
struct Looked {
    lines: Vec<String>,
    /// Why the very address that was named gave nothing, when it should have.
    amiss: Option<String>,
}

impl Looked {
    fn note(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    /// Whoever mistypes an address should see that something else was found.
    fn tell_detour(&self, world: &World<'_>, found: &Location) {
        if let (Some(amiss), Some(url)) = (&self.amiss, found.url()) {
            world.console.note(&sanitize::line(&format!("{amiss}; {} is taken instead", url.public())));
        }
    }

    fn failure(&self, location: &Location) -> Failure {
        let place = location.url().map(|url| url.public().to_owned()).unwrap_or_default();
        let lines: String = self.lines.iter().map(|line| format!("\n  {line}")).collect();
        Failure::other("nothing_found", format!("no API description was found at {place}:{lines}"))
            .hint("name the description itself, a file or a URL; --type says what it is when that cannot be seen")
    }
}

/// What the first document may be, most likely first.
fn candidates(
    world: &World<'_>,
    fetcher: &Fetcher,
    location: &Location,
    looked: &mut Looked,
) -> Result<Vec<(ApiKind, Location)>, Failure> {
    let deadline = Deadline::after(world.globals.timeout.unwrap_or(FIRST));
    let bring = |location: &Location, reach: Reach| {
        let refresh = Refresh::default();
        fetcher.fetch(&Ask { location, refresh, check: Check::Now, reach, method: "explicit", head: false, deadline })
    };
    let fetched = match bring(location, Reach::Named) {
        Ok(fetched) => fetched,
        Err(error) if answered(&error) => {
            looked.note(&error.message);
            looked.amiss = Some(error.message).filter(|_| !is_folder(location));
            return Ok(around(location));
        }
        Err(error) => {
            return Err(Failure::other("nothing_found", error.message)
                .hint("check the address; --timeout gives it longer, --ca-cert adds an authority"));
        }
    };
    let begin = fetched.bytes[..fetched.bytes.len().min(MAX_PAGE)].to_vec();
    let seen = classify(fetched.bytes, &fetched.head.content_type);
    match seen.kind {
        Kind::OpenApi | Kind::Swagger => Ok(vec![(ApiKind::OpenApi, location.clone())]),
        Kind::Linkset | Kind::LinksetText => Ok(vec![(ApiKind::ApiCatalog, location.clone())]),
        Kind::McpServers => {
            Err(Failure::other("nothing_found", "this is a list of MCP servers, not an API description")
                .hint("put its `mcpServers` into .cli.json as it is"))
        }
        other => {
            // What neither parser takes comes with the place where it breaks.
            let why = Some(seen.text).filter(|text| other == Kind::Other && !text.is_empty());
            let why = why.map(|text| format!(": {text}")).unwrap_or_default();
            looked.note(&format!("what is there is {}{why}", other.as_str()));
            if let (Kind::Other, false, Some(url)) = (other, is_folder(location), location.url()) {
                looked.amiss = Some(format!("{} is {}{why}", url.public(), other.as_str()));
            }
            let mut found = Vec::new();
            if other == Kind::Html {
                let bring = |url: &Url| bring(&place(url), reach(url, &fetched.url));
                found.extend(shown(&begin, &fetched.url, bring, looked));
            }
            found.extend(around(location));
            Ok(found)
        }
    }
}

/// The description that a page shows. It is fetched as what a document leads to: nothing a page says reaches an address that only
/// a person may name (H27).
fn shown(
    page: &[u8],
    at: &Url,
    bring: impl Fn(&Url) -> Result<Fetched, FetchError>,
    looked: &mut Looked,
) -> Option<(ApiKind, Location)> {
    let written = page::description_url(page, at).or_else(|| {
        let script = bring(&page::script_url(page, at)?).ok()?;
        // What a script names is relative to the page that runs it.
        page::description_url(&script.bytes, at)
    })?;
    match bring(&written) {
        Ok(_) => Some((ApiKind::OpenApi, place(&written))),
        Err(error) => {
            looked.note(&format!("it shows {}: {}", written.public(), error.message));
            None
        }
    }
}

fn place(url: &Url) -> Location {
    url.to_file_path().map_or_else(|| Location::Remote(url.clone()), Location::File)
}

/// Addresses that what stands at `from` may lead to (contract 7).
fn reach(url: &Url, from: &Url) -> Reach {
    let at_home = !from.is_http() || is_loopback_host(from.host());
    if at_home || url.shares_origin(from) { Reach::Named } else { Reach::PublicOnly }
}

/// Whether somebody is there at all: then other addresses of the same host are worth a look.
fn answered(error: &FetchError) -> bool {
    error.record.as_ref().is_some_and(|record| record.status_code.is_some())
}

/// Who names a host or a folder expects that what it offers stands beside.
fn is_folder(location: &Location) -> bool {
    location.url().is_some_and(|url| url.join("./").is_ok_and(|folder| folder == url))
}

/// A service tells by its links what describes it, and its host keeps a catalog in a known place; many do neither, but call their
/// description what most do.
fn around(location: &Location) -> Vec<(ApiKind, Location)> {
    let Location::Remote(url) = location else { return Vec::new() };
    let mut found = vec![(ApiKind::ServiceRoot, location.clone())];
    let at = |kind: ApiKind, reference: &str| Some((kind, Location::Remote(url.join(reference).ok()?)));
    found.extend(at(ApiKind::ApiCatalog, WELL_KNOWN));
    found.extend(USUAL.iter().filter_map(|name| at(ApiKind::OpenApi, name)));
    found
}

fn config(kind: ApiKind, location: &Location, service: Option<&str>) -> Config {
    let id = SourceId::from(PROBED);
    let uri = match location {
        Location::Remote(url) => url.public().to_owned(),
        Location::File(path) => path.to_string_lossy().into_owned(),
    };
    let source = Source { enabled: true, refresh: Refresh::default(), uri, kind: kind.at(location.clone()) };
    let services = service.map(|service| {
        let entry = Service::of(id.clone());
        (ServiceId::new(service), entry)
    });
    Config { sources: BTreeMap::from([(id, source)]), services: services.into_iter().collect(), ..Config::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, expected: Reach) {
        let url = |text: &str| Url::parse(text).unwrap();
        assert_eq!(reach(&url(to), &url(from)), expected, "{from} {to}");
    }

    #[test]
    fn h27_a_page_leads_to_no_address_that_only_a_person_may_name() {
        check("https://a.example/docs", "https://a.example/openapi.json", Reach::Named);
        check("https://a.example/docs", "http://a.example/openapi.json", Reach::PublicOnly);
        check("https://a.example/docs", "http://127.0.0.1:8080/openapi.json", Reach::PublicOnly);
        check("https://a.example/docs", "http://169.254.169.254/", Reach::PublicOnly);
        check("http://127.0.0.1:3000/docs", "http://127.0.0.1:8080/openapi.json", Reach::Named);
        check("file:///docs.html", "http://127.0.0.1:8080/openapi.json", Reach::Named);
    }

    #[test]
    fn around_an_address_are_its_links_and_the_catalog_of_its_host() {
        let at = |text: &str| Location::Remote(Url::parse(text).unwrap());
        let location = at("https://a.example/v1/x?y");
        let found = around(&location);
        let begin = [
            (ApiKind::ServiceRoot, location),
            (ApiKind::ApiCatalog, at("https://a.example/.well-known/api-catalog")),
            (ApiKind::OpenApi, at("https://a.example/v1/openapi.json")),
        ];
        assert_eq!((&found[..3], found.len()), (&begin[..], 5));
        assert!(around(&Location::File("/a".into())).is_empty());
    }
}
