//! Stored documents: `<sha256 of the URL>.json` and `.body` in one private directory.
//!
//! Both files are replaced atomically, body first; a confirmation is written over the JSON in its place. The JSON holds the body's hash and
//! a check of itself: a torn or mixed pair, whoever wrote it and whenever it is read, is recognised and dropped (H31). What cannot be kept
//! is not an error: a cache may always be empty.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::freshness::Meta;
use crate::base::digest::of_bytes;
use crate::base::disk::{self, Lock};
use crate::base::document::MAX_BYTES;
use crate::base::host;
use crate::base::url::Url;

/// Largest JSON file.
const MAX_META: usize = 64 << 10;

/// What the directory may hold in all; the documents that were written or confirmed longest ago go first.
const MAX_TOTAL: u64 = 512 << 20;

/// How many documents. A publisher whose catalog leads elsewhere each time could write small ones without end otherwise, and the more files
/// there are, the longer all others wait while they are looked through.
const MAX_DOCUMENTS: usize = 20_000;

/// The directory is looked through when this part of what it may hold was written.
const PART: u64 = 128;

/// Age at which a temporary file is taken for one that its writer left behind.
const ABANDONED: Duration = Duration::from_secs(3600);

/// How often another process is asked to let go, and how long it is waited in between: half a second in all, which is many writes.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// One directory of documents.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    writing: Mutex<()>,
    max_total: u64,
    max_documents: usize,
    lock_pause: Duration,
    /// Whether the last process that held the lock let go in time.
    lock_is_passed_on: AtomicBool,
    /// Bytes and documents written since the directory was looked through.
    bytes: AtomicU64,
    documents: AtomicU64,
}

impl Store {
    /// Over `dir`, which is created when something is kept.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            writing: Mutex::new(()),
            max_total: MAX_TOTAL,
            max_documents: MAX_DOCUMENTS,
            lock_pause: LOCK_PAUSE,
            lock_is_passed_on: AtomicBool::new(true),
            bytes: AtomicU64::new(MAX_TOTAL),
            documents: AtomicU64::new(0),
        }
    }

    /// What is stored for a URL; a pair that does not fit together is dropped.
    pub fn load(&self, url: &Url) -> Option<(Meta, Vec<u8>)> {
        match self.pair(url) {
            Pair::Whole(meta, body) => Some((*meta, body)),
            Pair::Absent => None,
            // It may be half of a change under way: look again when that is done.
            Pair::Broken => self.alone(|others| match self.pair(url) {
                Pair::Whole(meta, body) => Some((*meta, body)),
                Pair::Absent => None,
                Pair::Broken => {
                    // Else it may be what another process is writing right now.
                    if others.is_some() {
                        self.remove(url);
                    }
                    None
                }
            }),
        }
    }

    /// What is kept beside a body, without reading the body: enough to ask whether it still holds. Whoever needs the body loads the pair.
    pub fn peek(&self, url: &Url) -> Option<Meta> {
        read(&disk::read_if_there(&self.paths(url).0, MAX_META).ok().flatten()?)
    }

    /// Keeps a document; silently does not when the disk refuses.
    pub fn keep(&self, url: &Url, meta: &Meta, body: &[u8], now: SystemTime) {
        if body.len() > MAX_BYTES {
            return;
        }
        self.alone(|_| {
            let (meta_path, body_path) = self.paths(url);
            let json = disk::roomy(written(meta));
            let kept = disk::create_private_dir(&self.dir)
                .and_then(|()| disk::write_private(&body_path, body))
                .and_then(|()| disk::write_private(&meta_path, &json));
            if kept.is_err() {
                self.remove(url);
            }
            let bytes = self.bytes.fetch_add((body.len() + json.len()) as u64, Ordering::Relaxed) + body.len() as u64;
            let documents = self.documents.fetch_add(1, Ordering::Relaxed) + 1;
            if bytes >= self.max_total / PART || documents >= self.max_documents as u64 / PART {
                self.shrink(now);
                self.bytes.store(0, Ordering::Relaxed);
                self.documents.store(0, Ordering::Relaxed);
            }
        });
    }

    /// Renews what is kept beside a body, unless another body has come meanwhile. It is written in one piece, but not waited for until it
    /// is durable: hundreds are confirmed at once, and one that a power failure takes is fetched again.
    pub fn confirm(&self, url: &Url, meta: &Meta) {
        self.alone(|_| {
            let same = self.peek(url).is_some_and(|kept| kept.body_sha256 == meta.body_sha256);
            let json = written(meta);
            if same {
                let path = self.paths(url).0;
                // Failing, the old one stays, which is only checked again earlier.
                if !disk::renew(&path, &json).unwrap_or(false) {
                    disk::write_private(&path, &disk::roomy(json)).ok();
                }
            }
        });
    }

    /// Drops a document.
    pub fn forget(&self, url: &Url) {
        self.alone(|_| self.remove(url));
    }

    /// Does a change while no other thread and, where the lock can be had in time, no other process changes anything. A process that
    /// was stopped while it held the lock must not stop all others, nor hold up each of their writes: without the lock the worst outcome is
    /// a mixed pair, which `load` recognises.
    fn alone<T>(&self, change: impl FnOnce(Option<&Lock>) -> T) -> T {
        let _own = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        change(self.lock().as_ref())
    }

    fn lock(&self) -> Option<Lock> {
        let path = self.dir.join("lock");
        let tries = if self.lock_is_passed_on.load(Ordering::Relaxed) { LOCK_TRIES } else { 1 };
        for attempt in 1..=tries {
            match Lock::try_take(&path) {
                Ok(Some(lock)) => {
                    self.lock_is_passed_on.store(true, Ordering::Relaxed);
                    return Some(lock);
                }
                // The system has no wait for a lock that ends by itself.
                Ok(None) if attempt < tries => host::sleep(self.lock_pause),
                Ok(None) => {}
                // There is no directory yet, or no right to it.
                Err(_) => return None,
            }
        }
        self.lock_is_passed_on.store(false, Ordering::Relaxed);
        None
    }

    fn pair(&self, url: &Url) -> Pair {
        let (meta_path, body_path) = self.paths(url);
        let Ok(Some(json)) = disk::read_if_there(&meta_path, MAX_META) else {
            return if disk::exists(&meta_path) { Pair::Broken } else { Pair::Absent };
        };
        let (Some(meta), Ok(body)) = (read(&json), disk::read(&body_path, MAX_BYTES)) else {
            return Pair::Broken;
        };
        if of_bytes(&body) != meta.body_sha256 {
            return Pair::Broken;
        }
        Pair::Whole(Box::new(meta), body)
    }

    fn remove(&self, url: &Url) {
        let (meta_path, body_path) = self.paths(url);
        disk::remove(&meta_path).and_then(|()| disk::remove(&body_path)).ok();
    }

    fn paths(&self, url: &Url) -> (PathBuf, PathBuf) {
        let name = of_bytes(url.without_fragment().as_bytes());
        (self.dir.join(format!("{name}.json")), self.dir.join(format!("{name}.body")))
    }

    /// Drops abandoned temporary files, and the oldest documents while all are too large together.
    fn shrink(&self, now: SystemTime) {
        let Ok(mut files) = disk::files(&self.dir) else { return };
        files.retain(|file| {
            let abandoned = file.path.extension().is_some_and(|extension| extension == "tmp")
                && now.duration_since(file.modified).is_ok_and(|age| age > ABANDONED);
            if abandoned {
                disk::remove(&file.path).ok();
            }
            !abandoned
        });
        let mut total: u64 = files.iter().map(|file| file.size).sum();
        // A confirmed document has a new JSON file beside its old body.
        let beside: HashMap<PathBuf, SystemTime> =
            files.iter().filter(|file| !is_body(&file.path)).map(|file| (file.path.clone(), file.modified)).collect();
        files.retain(|file| is_body(&file.path));
        let used =
            |file: &disk::FileEntry| beside.get(&file.path.with_extension("json")).copied().unwrap_or(file.modified);
        files.sort_by_cached_key(used);
        let mut documents = files.len();
        // The one just written is the last, and stays.
        for file in files.iter().rev().skip(1).rev() {
            if total <= self.max_total && documents <= self.max_documents {
                return;
            }
            total -= file.size;
            documents -= 1;
            disk::remove(&file.path.with_extension("json")).and_then(|()| disk::remove(&file.path)).ok();
        }
    }
}

/// What the JSON file has of itself: whoever reads it while a confirmation is written over it may see some of both.
const CHECK: &str = "check";

const IS_JSON: &str = "texts and numbers are JSON";

fn written(meta: &Meta) -> Vec<u8> {
    let mut json = serde_json::to_value(meta).expect(IS_JSON);
    json[CHECK] = check(meta).into();
    json.to_string().into_bytes()
}

/// `None` for what is none, whole or not.
fn read(json: &[u8]) -> Option<Meta> {
    let mut json: Value = serde_json::from_slice(json).ok()?;
    let found = json.as_object_mut()?.remove(CHECK)?;
    let meta: Meta = serde_json::from_value(json).ok()?;
    (found == check(&meta) && Url::parse(&meta.final_url).is_ok()).then_some(meta)
}

fn check(meta: &Meta) -> String {
    of_bytes(&serde_json::to_vec(meta).expect(IS_JSON))[..16].to_owned()
}

enum Pair {
    Whole(Box<Meta>, Vec<u8>),
    Absent,
    Broken,
}

fn is_body(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "body")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(name: &str) -> Store {
        let dir = std::env::temp_dir().join(format!("open-cli-store-{}-{name}", std::process::id()));
        for file in disk::files(&dir).unwrap_or_default() {
            disk::remove(&file.path).unwrap();
        }
        Store::new(dir)
    }

    fn url(path: &str) -> Url {
        Url::parse(&format!("https://h/{path}")).unwrap()
    }

    fn meta(body: &[u8]) -> Meta {
        Meta {
            final_url: "https://h/final".into(),
            checked_at: "2026-01-31T12:00:00.000Z".into(),
            age: 0,
            life: 60,
            etag: "\"1\"".into(),
            last_modified: String::new(),
            cache_control: String::new(),
            variant: String::new(),
            body_sha256: of_bytes(body),
            content_type: String::new(),
            link: String::new(),
        }
    }

    fn keep(store: &Store, path: &str, body: &[u8]) {
        store.keep(&url(path), &meta(body), body, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn what_is_kept_is_found() {
        let store = store("kept");
        assert_eq!(store.load(&url("a")), None);
        keep(&store, "a?key=1", b"one");
        assert_eq!(store.load(&url("a?key=1#x")).unwrap().1, b"one");
        assert_eq!(store.load(&url("a?key=2")), None);
        store.forget(&url("a?key=1"));
        assert_eq!(store.load(&url("a?key=1")), None);
    }

    #[test]
    fn h31_broken_pairs_are_dropped() {
        let store = store("broken");
        let (json, body) = store.paths(&url("a"));
        for (path, content) in [(&body, &b"on"[..]), (&body, b"other"), (&json, b"{\"finalUrl\":"), (&json, b"{}")] {
            keep(&store, "a", b"one");
            disk::write_private(path, content).unwrap();
            assert_eq!(store.load(&url("a")), None);
            assert!(!disk::exists(&json) && !disk::exists(&body), "both files are gone");
        }
        keep(&store, "a", b"one");
        disk::remove(&body).unwrap();
        assert_eq!(store.load(&url("a")), None);
    }

    #[test]
    fn h31_what_is_half_of_a_confirmation_is_none() {
        let store = store("half");
        let (json, _) = store.paths(&url("a"));
        keep(&store, "a", b"one");
        let before = disk::read(&json, MAX_META).unwrap();
        let later = Meta { checked_at: "2026-02-28T13:14:15.678Z".into(), life: 99, ..meta(b"one") };
        store.confirm(&url("a"), &later);
        assert_eq!(store.peek(&url("a")), Some(later));
        let after = disk::read(&json, MAX_META).unwrap();
        assert_eq!(after.len(), before.len(), "it stands in the same place");
        let mut seen = 0;
        for cut in 0..after.len() {
            let half = [&after[..cut], &before[cut..]].concat();
            if half == before || half == after {
                continue;
            }
            seen += 1;
            disk::write_private(&json, &half).unwrap();
            assert_eq!(store.peek(&url("a")), None, "{}", String::from_utf8_lossy(&half));
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn h31_parallel_writers_never_mix() {
        let (a, b) = (store("parallel"), store("parallel"));
        let writer = |store: Store, content: u8| {
            host::spawn("writer", move || {
                for i in 0..20 {
                    let body = vec![content; 1000 + i];
                    keep(&store, "a", &body);
                    if let Some((_, found)) = store.load(&url("a")) {
                        assert!(found.iter().all(|&byte| byte == found[0]));
                    }
                }
            })
            .unwrap()
        };
        let threads = [writer(a, b'a'), writer(b, b'b')];
        for thread in threads {
            thread.join().unwrap();
        }
        let after = Store::new(std::env::temp_dir().join(format!("open-cli-store-{}-parallel", std::process::id())));
        keep(&after, "a", b"last");
        assert_eq!(after.load(&url("a")).unwrap().1, b"last");
    }

    #[test]
    fn the_directory_stays_below_its_bound() {
        let mut store = store("bound");
        store.max_total = 10_000;
        for i in 0..10 {
            keep(&store, &format!("d{i}"), &[b'x'; 3000]);
        }
        let total: u64 = disk::files(&store.dir).unwrap().iter().map(|file| file.size).sum();
        assert!(total <= 10_000, "{total}");
        assert!(store.load(&url("d9")).is_some(), "the newest stays");
        let left_behind = store.dir.join(".x.tmp");
        disk::write_private(&left_behind, b"x").unwrap();
        let later = disk::modified(&left_behind).unwrap() + ABANDONED * 2;
        store.keep(&url("e"), &meta(&[b'x'; 3000]), &[b'x'; 3000], later);
        assert!(!disk::exists(&left_behind));
    }

    #[test]
    fn a_process_that_keeps_the_lock_holds_up_one_write_and_no_more() {
        let mut store = store("stuck");
        store.lock_pause = Duration::ZERO;
        keep(&store, "a", b"one");
        let stuck = Lock::try_take(&store.dir.join("lock")).unwrap().unwrap();
        keep(&store, "a", b"two");
        assert!(!store.lock_is_passed_on.load(Ordering::Relaxed), "the next ones ask once");
        assert_eq!(store.load(&url("a")).unwrap().1, b"two", "and write all the same");
        drop(stuck);
        keep(&store, "a", b"three");
        assert!(store.lock_is_passed_on.load(Ordering::Relaxed));
    }

    #[test]
    fn h25_many_small_documents_are_bounded_and_what_is_confirmed_stays() {
        let mut store = store("many");
        store.max_documents = 10;
        keep(&store, "old", b"old");
        for i in 0..30 {
            // As if the last round had been a second ago.
            for file in disk::files(&store.dir).unwrap() {
                disk::set_modified(&file.path, file.modified - Duration::from_secs(1)).unwrap();
            }
            store.confirm(&url("old"), &meta(b"old"));
            keep(&store, &format!("d{i}"), b"x");
        }
        let bodies = disk::files(&store.dir).unwrap().iter().filter(|file| is_body(&file.path)).count();
        assert_eq!(bodies, 10);
        assert!(store.load(&url("old")).is_some() && store.load(&url("d29")).is_some());
        assert!(store.load(&url("d0")).is_none());
    }
}
