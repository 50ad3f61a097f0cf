//! The GitHub description to a catalog, in this process, beside the bare parse of the same bytes.

use std::fs;
use std::sync::Arc;

use open_cli::base::host::Clock;
use open_cli::base::id::SourceId;
use open_cli::catalog::Catalog;
use open_cli::catalog::gather::gather;
use open_cli::catalog::view::ReadyCatalog;
use open_cli::config::{Config, Location, Mode, Refresh, Source, SourceKind};
use open_cli::fetch::run::Fetcher;
use open_cli::http::client::{ClientOptions, HttpClient};
use serde_json::Value;

use crate::measure::{Row, Samples, interleaved, millis};
use crate::scene::Scene;

const ROUNDS: usize = 15;

/// The build (read, parse, operations, tools, views), and making its bytes ready, each beside the parse.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let bytes = fs::read(&scene.github).unwrap();
    let config = config(scene);
    let transport = Arc::new(HttpClient::new(ClientOptions::default()).unwrap());
    let clock = Clock::system();
    let fetcher = Fetcher::new(transport, None, clock.clone());
    let build = || gather(&config, &fetcher, None, false, &clock);
    assert!(build().catalog.tools.len() > 1_000, "the whole description is catalogued");

    let mut ready = Vec::new();
    let [parse, built] = interleaved(
        ROUNDS,
        [&mut || millis(|| serde_json::from_slice::<Value>(&bytes).unwrap()), &mut || {
            let mut built = None;
            let taken = millis(|| built = Some(build().catalog));
            ready.push(millis(|| ReadyCatalog::new(built.take().expect("it was built"))));
            taken
        }],
    );
    let row = Row::new("GitHub catalog, built", "ms", built).peer("serde_json parse of the file", parse.clone());
    let ratio = row.ratio();
    let ready = Row::new("GitHub catalog, made ready to serve", "ms", Samples::new(ready));
    vec![row.at_most("ratio", ratio, 4.0), ready.peer("serde_json parse of the file", parse)]
}

/// The catalog itself, for whoever measures something on it.
pub(crate) fn github(scene: &Scene) -> Catalog {
    let clock = Clock::system();
    let fetcher = Fetcher::new(Arc::new(HttpClient::new(ClientOptions::default()).unwrap()), None, clock.clone());
    gather(&config(scene), &fetcher, None, false, &clock).catalog
}

fn config(scene: &Scene) -> Config {
    let source = Source {
        enabled: true,
        refresh: Refresh::default(),
        uri: scene.github.display().to_string(),
        kind: SourceKind::OpenApi(Location::File(fs::canonicalize(&scene.github).unwrap())),
    };
    let sources = [(SourceId::new("github"), source)].into();
    Config { mode: Some(Mode::Discover), sources, ..Config::default() }
}
