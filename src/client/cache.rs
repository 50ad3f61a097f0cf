//! What the CLI remembers between two calls: catalog indexes and contract checks, each a private file of its own.
//!
//! A file's name is the hash of everything that its content depends on, so one caller's catalog is never read for another
//! (base URL, identity, mode, profile, config path). What cannot be read counts as absent; what cannot be written is not kept, and
//! neither stops a command.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::base::digest::of_parts;
use crate::base::disk;
use crate::base::time::unix_millis;

use super::index::Index;
use super::runtime::CatalogAsk;
use super::search::Searchable;
use super::target::Target;

/// How many indexes are kept: callers that come and go must not fill the disk.
const MAX_INDEXES: usize = 16;

/// The largest file for searches that is read: far beyond a hundred thousand tools.
const MAX_SEARCHABLE: usize = 256 << 20;

/// How long a contract check is believed.
const CONTRACT_AGE: Duration = Duration::from_secs(600);

/// The directory of the CLI's cache.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// What a runtime said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    /// `major.minor`
    pub version: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Unix milliseconds of the check.
    pub checked_at: u64,
}

impl Contract {
    /// Whether the runtime advertises `capability`.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }
}

impl Cache {
    /// A cache in `directory`, which is created when something is kept.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The last contract check of `target`, when it is young enough.
    pub fn contract(&self, target: &Target, now: SystemTime) -> Option<Contract> {
        let bytes = disk::read(&self.contract_file(target), 64 << 10).ok()?;
        let contract: Contract = serde_json::from_slice(&bytes).ok()?;
        let age = unix_millis(now).checked_sub(contract.checked_at)?;
        (u128::from(age) < CONTRACT_AGE.as_millis()).then_some(contract)
    }

    /// Remembers a contract check.
    pub fn keep_contract(&self, target: &Target, contract: &Contract) {
        let bytes = serde_json::to_vec(contract).expect("a contract is JSON");
        self.keep(&self.contract_file(target), &bytes);
    }

    /// Forgets it.
    pub fn drop_contract(&self, target: &Target) {
        disk::remove(&self.contract_file(target)).ok();
    }

    /// The index of what `ask` asks for, as the caller of this identity; empty for callers without a token.
    pub fn index(&self, target: &Target, who: &str, ask: &CatalogAsk) -> Option<Index> {
        Index::from_file(disk::open(&self.index_file(target, who, ask)).ok()?)
    }

    /// When the index was kept that [`Cache::index`] would read.
    pub fn kept_at(&self, target: &Target, who: &str, ask: &CatalogAsk) -> Option<SystemTime> {
        disk::open(&self.index_file(target, who, ask)).ok()?.metadata().ok()?.modified().ok()
    }

    /// As [`Cache::index`], in the form in which the runtime tells it, whichever that was.
    pub fn remembered_index(&self, target: &Target, who: &str, ask: &CatalogAsk) -> Option<Index> {
        let in_form = |summary| self.index(target, who, &CatalogAsk { summary, ..ask.clone() });
        [true, false].into_iter().find_map(in_form)
    }

    /// Remembers an index.
    pub fn keep_index(&self, target: &Target, who: &str, ask: &CatalogAsk, bytes: &[u8]) {
        let path = self.index_file(target, who, ask);
        self.keep(&path, bytes);
        self.prune(&path);
    }

    /// What can be searched of the catalog that `ask` asks for.
    pub fn searchable(&self, target: &Target, who: &str, ask: &CatalogAsk) -> Option<Searchable> {
        Searchable::from_bytes(&disk::read(&self.search_file(target, who, ask), MAX_SEARCHABLE).ok()?)
    }

    /// Remembers it.
    pub fn keep_searchable(&self, target: &Target, who: &str, ask: &CatalogAsk, bytes: &[u8]) {
        let path = self.search_file(target, who, ask);
        self.keep(&path, bytes);
        self.prune(&path);
    }

    /// Removes the oldest indexes beyond [`MAX_INDEXES`], never the one just written.
    fn prune(&self, newest: &Path) {
        let files = disk::files(&self.directory).unwrap_or_default();
        let mut indexes: Vec<_> =
            files.into_iter().filter(|file| file.path.extension().is_some_and(|end| end == "index")).collect();
        indexes.sort_by_key(|file| std::cmp::Reverse((file.path == newest, file.modified)));
        for file in indexes.iter().skip(MAX_INDEXES) {
            disk::remove(&file.path).ok();
        }
    }

    fn contract_file(&self, target: &Target) -> PathBuf {
        self.directory.join(format!("{}.contract", of_parts(&[target.as_str()])))
    }

    fn index_file(&self, target: &Target, who: &str, ask: &CatalogAsk) -> PathBuf {
        self.file(target, who, ask, if ask.summary { "summary" } else { "full" })
    }

    fn search_file(&self, target: &Target, who: &str, ask: &CatalogAsk) -> PathBuf {
        self.file(target, who, ask, "search")
    }

    fn file(&self, target: &Target, who: &str, ask: &CatalogAsk, detail: &str) -> PathBuf {
        let part = |value: &Option<String>| value.clone().map_or_else(String::new, |value| format!("={value}"));
        let (config, mode, profile) = (part(&ask.config), part(&ask.mode), part(&ask.agent_profile));
        let name = of_parts(&[target.as_str(), who, &config, &mode, &profile, detail]);
        self.directory.join(format!("{name}.index"))
    }

    fn keep(&self, path: &Path, bytes: &[u8]) {
        let kept = disk::create_private_dir(&self.directory).and_then(|()| disk::write_private(path, bytes));
        // A cache that cannot be written costs time, nothing else.
        kept.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::target;

    fn cache() -> Cache {
        Cache::new(Path::new("/c"))
    }

    #[test]
    fn every_difference_is_another_file() {
        let a = target::resolve(Some("http://a/"), None, None).unwrap();
        let b = target::resolve(Some("http://a/b"), None, None).unwrap();
        let ask = CatalogAsk::default;
        let curated = CatalogAsk { mode: Some("curated".to_owned()), ..ask() };
        let profile = CatalogAsk { agent_profile: Some("curated".to_owned()), ..ask() };
        let files = [
            cache().index_file(&a, "", &ask()),
            cache().index_file(&b, "", &ask()),
            cache().index_file(&a, "1", &ask()),
            cache().index_file(&a, "2", &ask()),
            cache().index_file(&a, "", &curated),
            cache().index_file(&a, "", &profile),
            cache().index_file(&a, "", &CatalogAsk { summary: true, ..ask() }),
            cache().search_file(&a, "", &ask()),
            cache().search_file(&a, "1", &ask()),
        ];
        let different: std::collections::BTreeSet<_> = files.iter().collect();
        assert_eq!(different.len(), files.len());
        assert!(files.iter().all(|file| !file.to_string_lossy().contains("curated")));
    }

    #[test]
    fn old_indexes_make_room() {
        let directory = std::env::temp_dir().join(format!("open-cli-indexes-{}", std::process::id()));
        let cache = Cache::new(&directory);
        let target = target::resolve(Some("http://a/"), None, None).unwrap();
        let who = |i: usize| format!("t-{i}");
        for i in 0..MAX_INDEXES + 3 {
            cache.keep_index(&target, &who(i), &CatalogAsk::default(), b"x");
        }
        let kept = disk::files(&directory).unwrap();
        assert_eq!(kept.len(), MAX_INDEXES);
        let newest = cache.index_file(&target, &who(MAX_INDEXES + 2), &CatalogAsk::default());
        assert!(kept.iter().any(|file| file.path == newest));
        kept.iter().for_each(|file| disk::remove(&file.path).unwrap());
    }

    #[test]
    fn contract_checks_grow_old() {
        let directory = std::env::temp_dir().join(format!("open-cli-contract-{}", std::process::id()));
        let cache = Cache::new(&directory);
        let target = target::resolve(Some("http://a/"), None, None).unwrap();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds);
        let contract = Contract { version: "1.1".to_owned(), checked_at: unix_millis(at(0)), ..Contract::default() };
        cache.keep_contract(&target, &contract);
        assert_eq!(cache.contract(&target, at(599)), Some(contract));
        assert_eq!(cache.contract(&target, at(601)), None);
        assert_eq!(cache.contract(&target, SystemTime::UNIX_EPOCH), None, "a clock that went back");
        cache.drop_contract(&target);
        assert_eq!(cache.contract(&target, at(1)), None);
    }
}
