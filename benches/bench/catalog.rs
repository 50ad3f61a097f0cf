//! Descriptions to catalogs, in this process, each beside the bare parse of the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use open_cli::base::host::Clock;
use open_cli::base::id::SourceId;
use open_cli::catalog::Catalog;
use open_cli::catalog::gather::{SourceState, gather};
use open_cli::catalog::view::ReadyCatalog;
use open_cli::cli::output::{node::Node, yaml};
use open_cli::config::{Config, Location, Mode, Refresh, Service, Source, SourceKind};
use open_cli::fetch::run::Fetcher;
use open_cli::http::client::{ClientOptions, HttpClient};
use serde_json::Value;

use crate::measure::{Row, Samples, interleaved, millis};
use crate::scene::Scene;

const ROUNDS: usize = 15;

/// The build (read, parse, operations, tools, views) of several descriptions, and making one's bytes ready, each beside the parse.
pub(crate) fn measure(scene: &Scene) -> Vec<Row> {
    let yaml = yaml_of(scene);
    let kubernetes = scene.github.with_file_name("kubernetes-v2.json");
    let [github, ready] = json(&scene.github, "GitHub", 1_223, 3.0);
    let [kubernetes, _] = json(&kubernetes, "Kubernetes (Swagger 2.0)", 904, 5.0);
    vec![github, ready, kubernetes, in_yaml(&yaml)]
}

/// A description in JSON: built, and made ready to serve.
fn json(path: &Path, name: &str, tools: usize, most: f64) -> [Row; 2] {
    let bytes = fs::read(path).unwrap();
    assert!(build(path).tools.len() >= tools, "the whole description is catalogued");
    let mut ready = Vec::new();
    let [parse, built] = interleaved(
        ROUNDS,
        [&mut || millis(|| serde_json::from_slice::<Value>(&bytes).unwrap()), &mut || {
            let mut built = None;
            let taken = millis(|| built = Some(build(path)));
            ready.push(millis(|| ReadyCatalog::new(built.take().expect("it was built"))));
            taken
        }],
    );
    let row =
        Row::new(&format!("{name} catalog, built"), "ms", built).peer("serde_json parse of the file", parse.clone());
    let ratio = row.ratio();
    let ready = Row::new(&format!("{name} catalog, made ready to serve"), "ms", Samples::new(ready));
    [row.at_most("ratio", ratio, most), ready.peer("serde_json parse of the file", parse)]
}

/// The GitHub description in YAML, which is about 10 MB.
fn yaml_of(scene: &Scene) -> PathBuf {
    let tree: Value = serde_json::from_slice(&fs::read(&scene.github).unwrap()).unwrap();
    let path = scene.scratch.join("github.yaml");
    fs::write(&path, yaml::write(&Node::from_value(&tree))).unwrap();
    path
}

fn in_yaml(path: &Path) -> Row {
    let text = fs::read_to_string(path).unwrap();
    assert!(build(path).tools.len() > 1_000, "the whole description is catalogued");
    let bare = || {
        let mut options = serde_saphyr::Options::default();
        options.budget = None;
        serde_saphyr::from_str_with_options::<Value>(&text, options).unwrap()
    };
    let [parse, built] = interleaved(5, [&mut || millis(bare), &mut || millis(|| build(path))]);
    let name = format!("GitHub in YAML ({:.1} MB), built", text.len() as f64 / 1e6);
    let row = Row::new(&name, "ms", built).peer("serde-saphyr parse of the file", parse);
    let ratio = row.ratio();
    row.at_most("ratio", ratio, 1.6)
}

/// The GitHub catalog itself, for whoever measures something on it.
pub(crate) fn github(scene: &Scene) -> Catalog {
    build(&scene.github)
}

fn build(path: &Path) -> Catalog {
    gathered(&[path.to_owned()])
}

/// The catalog of descriptions in files, each a source and a service.
pub(crate) fn gathered(paths: &[PathBuf]) -> Catalog {
    let clock = Clock::system();
    let fetcher = Fetcher::new(Arc::new(HttpClient::new(ClientOptions::default()).unwrap()), None, clock.clone());
    let gathered = gather(&config(paths), &fetcher, None, false, &clock);
    let failed = gathered.report.iter().find(|report| report.state != SourceState::Ok);
    assert!(failed.is_none(), "{failed:?}");
    gathered.catalog
}

fn config(paths: &[PathBuf]) -> Config {
    let source = |path: &PathBuf| Source {
        enabled: true,
        refresh: Refresh::default(),
        uri: path.display().to_string(),
        kind: SourceKind::OpenApi(Location::File(fs::canonicalize(path).unwrap())),
    };
    let service = |id: &SourceId| Service::of(id.clone());
    let ids: Vec<SourceId> = (0..paths.len()).map(|nth| SourceId::new(format!("source-{nth}"))).collect();
    Config {
        mode: Some(Mode::Discover),
        services: ids.iter().map(|id| (id.as_str().into(), service(id))).collect(),
        sources: ids.iter().cloned().zip(paths.iter().map(source)).collect(),
        ..Config::default()
    }
}
