//! Which files are watched, and whether they were changed.
//!
//! Key type: [`Watched`]. Whoever reads files looks at them before: a change while reading is then seen at the next look.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::base::disk;
use crate::base::id::SourceId;
use crate::base::url::Url;
use crate::catalog::gather::SourceReport;
use crate::config::load::Surroundings;
use crate::config::{Config, Location, Source, scope};

/// Files and when they were last changed; `None` for those that do not exist.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Watched(Vec<(PathBuf, Option<SystemTime>)>);

impl Watched {
    /// As they are now.
    pub(super) fn look(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (disk::modified(&path).ok(), path)).map(|(at, path)| (path, at)).collect())
    }

    /// Those that were changed since.
    pub(super) fn changed(&self) -> Vec<&Path> {
        let changed = self.0.iter().filter(|(path, at)| disk::modified(path).ok() != *at);
        changed.map(|(path, _)| path.as_path()).collect()
    }

    /// When a file was changed last, as far as it is known.
    fn at(&self, path: &Path) -> Option<Option<SystemTime>> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, at)| *at)
    }

    /// With the times that were known before: of `fresh`, else of `old`. What changed since then is still seen to have changed.
    pub(super) fn known_since(mut self, fresh: &Self, old: &Self) -> Self {
        for (path, at) in &mut self.0 {
            *at = fresh.at(path).or_else(|| old.at(path)).unwrap_or(*at);
        }
        self
    }
}

/// Where configuration may be.
pub(super) fn config_files(surroundings: &Surroundings) -> Vec<PathBuf> {
    scope::candidates(surroundings).into_iter().map(|candidate| candidate.file.path).collect()
}

/// Local documents of some sources: those that the config names, for them or for their services, whether they are there or not, and those
/// that were read on the way.
pub(super) fn source_files(
    config: &Config,
    report: &[SourceReport],
    wanted: impl Fn(&SourceId) -> bool,
) -> Vec<PathBuf> {
    let watched = |source: &Source| source.enabled && !source.refresh.manual_only;
    let sources = config.sources.iter().filter(|(id, source)| watched(source) && wanted(id));
    let described = sources.filter_map(|(_, source)| source.kind.location());
    let services = config
        .services
        .values()
        .filter(|service| wanted(&service.source) && config.sources.get(&service.source).is_some_and(watched));
    let guides = services.flat_map(|service| service.overlays.iter().chain(&service.skills).chain(&service.workflows));
    let named = described.chain(guides).filter_map(|location| match location {
        Location::File(path) => Some(path.clone()),
        Location::Remote(_) => None,
    });
    let known =
        |report: &&SourceReport| wanted(&report.id) && config.sources.get(report.id.as_str()).is_some_and(watched);
    let read = report.iter().filter(known).flat_map(|report| &report.fetches);
    let read = read.filter_map(|fetch| Url::parse(&fetch.url).ok()?.to_file_path());
    let mut all: Vec<PathBuf> = named.chain(read).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Refresh, Service, SourceKind};

    #[test]
    fn what_a_service_names_is_watched_before_it_was_ever_read() {
        let file = |name: &str| Location::File(PathBuf::from(name));
        let refresh = |manual_only| Refresh { manual_only, ..Refresh::default() };
        let source = |name: &str, manual_only| Source {
            enabled: true,
            refresh: refresh(manual_only),
            uri: name.to_owned(),
            kind: SourceKind::OpenApi(file(name)),
        };
        let service = |source: &str| Service {
            overlays: vec![file("/overlay")],
            skills: vec![file("/skills")],
            workflows: vec![file("/workflows")],
            ..Service::of(SourceId::from(source))
        };
        let mut config = Config::default();
        config.sources.insert(SourceId::from("a"), source("/a", false));
        config.services.insert("a".into(), service("a"));
        let watched = |config: &Config, wanted: bool| source_files(config, &[], |_| wanted);
        let all = ["/a", "/overlay", "/skills", "/workflows"].map(PathBuf::from);
        assert_eq!(watched(&config, true), all);
        assert_eq!(watched(&config, false), Vec::<PathBuf>::new());
        config.sources.insert(SourceId::from("a"), source("/a", true));
        assert_eq!(watched(&config, true), Vec::<PathBuf>::new());
    }
}
