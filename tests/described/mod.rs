//! The real descriptions of the corpus, and what the catalog makes of one, without a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use open_cli::base::host::Clock;
use open_cli::base::id::SourceId;
use open_cli::catalog::gather::{Gathered, gather};
use open_cli::config::{Config, Location, Refresh, Source, SourceKind};
use open_cli::fetch::run::Fetcher;
use open_cli::http::{Limits, Request, Response, Transport, TransportError};

/// Nothing here goes over the network.
struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, request: &Request, _: Limits) -> Result<Response, TransportError> {
        panic!("{:?} was requested", request.url);
    }
}

/// Descriptions of the corpus, by name.
pub(crate) fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let listed = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!("the corpus is missing at {} ({error}); this test reads it from there", folder.display())
    });
    let paths = listed.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|kind| ["json", "yaml"].iter().any(|known| kind == *known)))
        .map(|path| path.canonicalize().unwrap())
        .collect();
    found.sort();
    assert!(found.len() >= 12, "the corpus has only {} descriptions", found.len());
    found
}

/// The catalog of one description as source `it`.
pub(crate) fn gathered(path: &Path) -> Gathered {
    let source = Source {
        enabled: true,
        refresh: Refresh::default(),
        uri: path.display().to_string(),
        kind: SourceKind::OpenApi(Location::File(path.to_owned())),
    };
    let mut config = Config::default();
    config.sources.insert(SourceId::new("it"), source);
    let clock = Clock::from_fn(|| UNIX_EPOCH);
    let fetcher = Fetcher::new(Arc::new(NoNetwork), None, clock.clone());
    gather(&config, &fetcher, None, false, &clock)
}
