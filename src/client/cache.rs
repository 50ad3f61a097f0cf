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

/// The largest file for searches that is read: far beyond a hundred thousand tools.
const MAX_SEARCHABLE: usize = 256 << 20;

/// Bytes of a tool that is kept whole.
const MAX_WHOLE_BYTES: usize = 1 << 20;

/// How long a contract check is believed.
const CONTRACT_AGE: Duration = Duration::from_secs(600);

/// The directory of the CLI's cache.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// Which catalog: of what runtime, as whom, and what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct CatalogKey<'a> {
    /// The runtime.
    pub target: &'a Target,
    /// The caller's identity; empty without a token.
    pub who: &'a str,
    /// Mode, profile, config path and form.
    pub ask: &'a CatalogAsk,
}

/// Files that come and go with catalogs and callers, who must not fill the disk.
#[derive(Clone, Copy)]
enum Kind {
    Index,
    Search,
    Tool,
}

impl Kind {
    fn ending(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Search => "search",
            Self::Tool => "tool",
        }
    }

    /// How many are kept.
    fn most(self) -> usize {
        match self {
            Self::Index | Self::Search => 16,
            Self::Tool => 256,
        }
    }
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

    /// The index of a catalog.
    pub fn index(&self, of: CatalogKey<'_>) -> Option<Index> {
        Index::from_file(disk::open(&self.index_file(of)).ok()?)
    }

    /// When the index was kept that [`Cache::index`] would read.
    pub fn kept_at(&self, of: CatalogKey<'_>) -> Option<SystemTime> {
        disk::open(&self.index_file(of)).ok()?.metadata().ok()?.modified().ok()
    }

    /// As [`Cache::index`], in the form in which the runtime tells it, whichever that was.
    pub fn remembered_index(&self, of: CatalogKey<'_>) -> Option<Index> {
        let in_form = |summary| self.index(CatalogKey { ask: &CatalogAsk { summary, ..of.ask.clone() }, ..of });
        [true, false].into_iter().find_map(in_form)
    }

    /// Remembers an index.
    pub fn keep_index(&self, of: CatalogKey<'_>, bytes: &[u8]) {
        self.keep_some(Kind::Index, &self.index_file(of), bytes);
    }

    /// What can be searched of a catalog.
    pub fn searchable(&self, of: CatalogKey<'_>) -> Option<Searchable> {
        Searchable::from_bytes(&disk::read(&self.search_file(of), MAX_SEARCHABLE).ok()?)
    }

    /// Remembers it.
    pub fn keep_searchable(&self, of: CatalogKey<'_>, bytes: &[u8]) {
        self.keep_some(Kind::Search, &self.search_file(of), bytes);
    }

    /// A tool with all that a summary leaves out, as it was when the catalog was the one that `state` names.
    pub fn tool(&self, of: CatalogKey<'_>, state: &str, id: &str) -> Option<Vec<u8>> {
        disk::read(&self.tool_file(of, state, id), MAX_WHOLE_BYTES).ok()
    }

    /// Remembers a tool, unless it is very long.
    pub fn keep_tool(&self, of: CatalogKey<'_>, state: &str, id: &str, bytes: &[u8]) {
        if bytes.len() <= MAX_WHOLE_BYTES {
            self.keep_some(Kind::Tool, &self.tool_file(of, state, id), bytes);
        }
    }

    /// Remembers one file of a kind; the oldest ones make room, never the one just written.
    fn keep_some(&self, kind: Kind, newest: &Path, bytes: &[u8]) {
        self.keep(newest, bytes);
        let files = disk::files(&self.directory).unwrap_or_default();
        let is_of_kind = |path: &Path| path.extension().is_some_and(|end| end == kind.ending());
        let mut found: Vec<_> = files.into_iter().filter(|file| is_of_kind(&file.path)).collect();
        found.sort_by_key(|file| std::cmp::Reverse((file.path == newest, file.modified)));
        for file in found.iter().skip(kind.most()) {
            disk::remove(&file.path).ok();
        }
    }

    fn contract_file(&self, target: &Target) -> PathBuf {
        self.directory.join(format!("{}.contract", of_parts(&[target.as_str()])))
    }

    fn index_file(&self, of: CatalogKey<'_>) -> PathBuf {
        let detail = if of.ask.summary { "summary" } else { "full" };
        self.file(Kind::Index, of, &[detail])
    }

    fn search_file(&self, of: CatalogKey<'_>) -> PathBuf {
        self.file(Kind::Search, of, &["search"])
    }

    fn tool_file(&self, of: CatalogKey<'_>, state: &str, id: &str) -> PathBuf {
        self.file(Kind::Tool, of, &["tool", state, id])
    }

    fn file(&self, kind: Kind, of: CatalogKey<'_>, more: &[&str]) -> PathBuf {
        self.directory.join(format!("{}.{}", name(of, more), kind.ending()))
    }

    fn keep(&self, path: &Path, bytes: &[u8]) {
        let kept = disk::create_private_dir(&self.directory).and_then(|()| disk::write_private(path, bytes));
        // A cache that cannot be written costs time, nothing else.
        kept.ok();
    }
}

/// What a file's content depends on, as a name.
fn name(of: CatalogKey<'_>, more: &[&str]) -> String {
    let part = |value: &Option<String>| value.clone().map_or_else(String::new, |value| format!("={value}"));
    let (config, mode, profile) = (part(&of.ask.config), part(&of.ask.mode), part(&of.ask.agent_profile));
    of_parts(&[&[of.target.as_str(), of.who, &config, &mode, &profile], more].concat())
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
        let ask = CatalogAsk::default();
        let curated = CatalogAsk { mode: Some("curated".to_owned()), ..ask.clone() };
        let profile = CatalogAsk { agent_profile: Some("curated".to_owned()), ..ask.clone() };
        let summary = CatalogAsk { summary: true, ..ask.clone() };
        let key = CatalogKey { target: &a, who: "", ask: &ask };
        let one = CatalogKey { who: "1", ..key };
        let files = [
            cache().index_file(key),
            cache().index_file(CatalogKey { target: &b, ..key }),
            cache().index_file(one),
            cache().index_file(CatalogKey { who: "2", ..key }),
            cache().index_file(CatalogKey { ask: &curated, ..key }),
            cache().index_file(CatalogKey { ask: &profile, ..key }),
            cache().index_file(CatalogKey { ask: &summary, ..key }),
            cache().search_file(key),
            cache().search_file(one),
            cache().tool_file(key, "1", "s:a"),
            cache().tool_file(key, "2", "s:a"),
            cache().tool_file(key, "1", "s:b"),
            cache().tool_file(one, "1", "s:a"),
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
        let (ask, most) = (CatalogAsk::default(), Kind::Index.most());
        let callers: Vec<String> = (0..most + 3).map(|i| format!("t-{i}")).collect();
        let key = |who| CatalogKey { target: &target, who, ask: &ask };
        callers.iter().for_each(|who| cache.keep_index(key(who), b"x"));
        let kept = disk::files(&directory).unwrap();
        assert_eq!(kept.len(), most);
        let newest = cache.index_file(key(&callers[most + 2]));
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
