//! What `init` writes: the configuration as a document, with what the contract knows and nothing else. Pure.

use std::path::{Component, Path};

use serde_json::{Map, Value, json};

use super::secrets::Needed;
use crate::base::name::slug;
use crate::base::url::Url;
use crate::config::{Location, SourceKind};

/// The kinds of source that describe HTTP APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiKind {
    OpenApi,
    ServiceRoot,
    ApiCatalog,
}

impl ApiKind {
    pub(super) const ALL: [Self; 3] = [Self::OpenApi, Self::ServiceRoot, Self::ApiCatalog];

    /// The value of `type`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::ServiceRoot => "serviceRoot",
            Self::ApiCatalog => "apiCatalog",
        }
    }

    pub(super) fn at(self, location: Location) -> SourceKind {
        match self {
            Self::OpenApi => SourceKind::OpenApi(location),
            Self::ServiceRoot => SourceKind::ServiceRoot(location),
            Self::ApiCatalog => SourceKind::ApiCatalog(location),
        }
    }
}

/// The whole configuration. A source whose services are many, or may become many, has no entry under `services`: their ids are derived.
pub(super) fn document(
    source: (&str, Value),
    service: Option<&str>,
    secrets: &[Needed],
    runtime: &str,
) -> Map<String, Value> {
    let (id, source) = source;
    let mut config = Map::new();
    let mut put = |key: &str, value: Value| config.insert(key.to_owned(), value);
    put("cli", json!("1.0.0"));
    put("mode", json!({"default": "discover"}));
    put("sources", json!({ id: source }));
    if let Some(service) = service {
        put("services", json!({ service: {"source": id} }));
    }
    if !secrets.is_empty() {
        let entries: Map<String, Value> = secrets.iter().map(|one| (one.key.clone(), one.entry.clone())).collect();
        put("secrets", Value::Object(entries));
    }
    put("runtime", json!({"mode": "remote", "remote": {"url": runtime}}));
    config
}

/// How a location is written in a file of `directory`; files by a relative path, so that the project can be moved.
pub(super) fn uri(location: &Location, directory: Option<&Path>) -> String {
    match (location, directory) {
        (Location::Remote(url), _) => url.as_str().to_owned(),
        (Location::File(path), Some(directory)) => relative(path, directory),
        (Location::File(path), None) => path.to_string_lossy().into_owned(),
    }
}

/// `path` as seen from `directory`; both absolute and clean.
fn relative(path: &Path, directory: &Path) -> String {
    let (to, from): (Vec<_>, Vec<_>) = (path.components().collect(), directory.components().collect());
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    let steps: std::path::PathBuf = up.chain(to[shared..].iter().copied()).collect();
    steps.to_string_lossy().into_owned()
}

/// An id for a source with several services: its host, else its file.
pub(super) fn source_id(location: &Location) -> String {
    let name = match location {
        Location::Remote(url) => slug(url.host()),
        Location::File(path) => slug(&path.file_stem().unwrap_or_default().to_string_lossy()),
    };
    if name.is_empty() { "apis".to_owned() } else { name }
}

/// The commands that come next; `unplaced` is a service that nobody says the address of.
pub(super) fn next(config: Option<&str>, runtime: &Url, service: Option<&str>, unplaced: Option<&str>) -> Vec<String> {
    let named = config.map(|path| format!(" --config {path}")).unwrap_or_default();
    let toolbox = config.unwrap_or(".cli.json");
    let is_here = runtime.origin().is_some_and(|origin| origin.is_loopback());
    let start = match (is_here, runtime.port()) {
        (true, 8765) => format!("open-cli-toolbox --config {toolbox}"),
        (true, port) => format!("open-cli-toolbox --config {toolbox} --addr 127.0.0.1:{port}"),
        (false, _) => format!("open-cli-toolbox --config {toolbox}   (where {} leads to)", runtime.public()),
    };
    let place = |service: &str| format!("open-cli{named} config set services.{service}.server https://ADDRESS");
    let mut commands: Vec<String> = unplaced.map(place).into_iter().collect();
    commands.extend([start, format!("open-cli{named} catalog list")]);
    commands.extend(service.map(|service| format!("open-cli{named} {service} --help")));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, directory: &str, expected: &str) {
        assert_eq!(relative(Path::new(path), Path::new(directory)), expected);
    }

    #[test]
    fn files_are_written_relative_to_the_configuration() {
        check("/a/b/api.yaml", "/a/b", "api.yaml");
        check("/a/b/c/api.yaml", "/a/b", "c/api.yaml");
        check("/a/api.yaml", "/a/b/c", "../../api.yaml");
        check("/x/api.yaml", "/a", "../x/api.yaml");
        check("/api.yaml", "/", "api.yaml");
    }

    #[test]
    fn sources_of_many_services_are_called_by_their_host_or_file() {
        let remote = |text: &str| Location::Remote(Url::parse(text).unwrap());
        for (location, expected) in [
            (remote("https://api.example.com/x"), "api-example-com"),
            (Location::File("/a/My Apis.json".into()), "my-apis"),
            (Location::File("/a/日本.json".into()), "apis"),
        ] {
            assert_eq!(source_id(&location), expected);
        }
    }

    #[test]
    fn the_next_commands_fit_the_place() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert_eq!(
            next(None, &url("http://127.0.0.1:8765"), Some("pets"), None),
            ["open-cli-toolbox --config .cli.json", "open-cli catalog list", "open-cli pets --help"]
        );
        assert_eq!(
            next(Some("a.json"), &url("http://localhost:9000"), None, None),
            ["open-cli-toolbox --config a.json --addr 127.0.0.1:9000", "open-cli --config a.json catalog list"]
        );
        assert!(next(None, &url("https://t.example"), None, None)[0].contains("(where https://t.example leads to)"));
        let unplaced = next(Some("a.json"), &url("http://127.0.0.1:8765"), Some("pets"), Some("pets"));
        assert_eq!(unplaced[0], "open-cli --config a.json config set services.pets.server https://ADDRESS");
    }
}
