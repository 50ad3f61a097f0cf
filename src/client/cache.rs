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
/// How many tools are kept whole.
const MAX_WHOLE: usize = 256;

/// Bytes of one of them.
const MAX_WHOLE_BYTES: usize = 1 << 20;

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
        self.prune(&path, "index", MAX_INDEXES);
    }

    /// What can be searched of the catalog that `ask` asks for.
    pub fn searchable(&self, target: &Target, who: &str, ask: &CatalogAsk) -> Option<Searchable> {
        Searchable::from_bytes(&disk::read(&self.search_file(target, who, ask), MAX_SEARCHABLE).ok()?)
    }

    /// Remembers it.
    pub fn keep_searchable(&self, target: &Target, who: &str, ask: &CatalogAsk, bytes: &[u8]) {
        let path = self.search_file(target, who, ask);
        self.keep(&path, bytes);
        self.prune(&path, "search", MAX_INDEXES);
    }

    /// A tool with all that a summary leaves out, as it was when the catalog was the one that `state` names.
    pub fn tool(&self, target: &Target, who: &str, ask: &CatalogAsk, state: &str, id: &str) -> Option<Vec<u8>> {
        disk::read(&self.tool_file(target, who, ask, state, id), MAX_WHOLE_BYTES).ok()
    }

    /// Remembers a tool, unless it is very long.
    pub fn keep_tool(&self, target: &Target, who: &str, ask: &CatalogAsk, state: &str, id: &str, bytes: &[u8]) {
        if bytes.len() <= MAX_WHOLE_BYTES {
            let path = self.tool_file(target, who, ask, state, id);
            self.keep(&path, bytes);
            self.prune(&path, "tool", MAX_WHOLE);
        }
    }

    /// Removes the oldest files of a kind beyond so many, never the one just written.
    fn prune(&self, newest: &Path, kind: &str, most: usize) {
        let files = disk::files(&self.directory).unwrap_or_default();
        let mut found: Vec<_> =
            files.into_iter().filter(|file| file.path.extension().is_some_and(|end| end == kind)).collect();
        found.sort_by_key(|file| std::cmp::Reverse((file.path == newest, file.modified)));
        for file in found.iter().skip(most) {
            disk::remove(&file.path).ok();
        }
    }

    fn contract_file(&self, target: &Target) -> PathBuf {
        self.directory.join(format!("{}.contract", of_parts(&[target.as_str()])))
    }

    fn index_file(&self, target: &Target, who: &str, ask: &CatalogAsk) -> PathBuf {
        let detail = if ask.summary { "summary" } else { "full" };
        self.directory.join(format!("{}.index", name(target, who, ask, &[detail])))
    }

    fn search_file(&self, target: &Target, who: &str, ask: &CatalogAsk) -> PathBuf {
        self.directory.join(format!("{}.search", name(target, who, ask, &["search"])))
    }

    fn tool_file(&self, target: &Target, who: &str, ask: &CatalogAsk, state: &str, id: &str) -> PathBuf {
        self.directory.join(format!("{}.tool", name(target, who, ask, &["tool", state, id])))
    }

    fn keep(&self, path: &Path, bytes: &[u8]) {
        let kept = disk::create_private_dir(&self.directory).and_then(|()| disk::write_private(path, bytes));
        // A cache that cannot be written costs time, nothing else.
        kept.ok();
    }
}

/// What a file's content depends on, as a name.
fn name(target: &Target, who: &str, ask: &CatalogAsk, more: &[&str]) -> String {
    let part = |value: &Option<String>| value.clone().map_or_else(String::new, |value| format!("={value}"));
    let (config, mode, profile) = (part(&ask.config), part(&ask.mode), part(&ask.agent_profile));
    of_parts(&[&[target.as_str(), who, &config, &mode, &profile], more].concat())
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
            cache().tool_file(&a, "", &ask(), "1", "s:a"),
            cache().tool_file(&a, "", &ask(), "2", "s:a"),
            cache().tool_file(&a, "", &ask(), "1", "s:b"),
            cache().tool_file(&a, "1", &ask(), "1", "s:a"),
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
