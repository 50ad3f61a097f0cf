//! Tokens that the command line remembers: one private file each, and one operating-system lock for who may renew it.
//!
//! A file's name is the hash of all that the token depends on; the caller makes it. A file that cannot be read, or holds anything
//! unexpected, counts as absent. Key types: [`Store`], [`Entry`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::base::disk::{self, Lock};
use crate::base::host::{self, Deadline};
use crate::base::redacted::Redacted;
use crate::base::time::unix_millis;

use super::answer::{Granted, is_token};
use super::peek::Unproven;
use super::scope::Scopes;

/// The largest file that is read: two tokens, a refresh token, names.
const MAX_FILE: usize = 128 << 10;

/// How long a token is believed whose life nobody tells.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);

/// A token is renewed so long before it ends, at most.
const MARGIN: Duration = Duration::from_secs(30);

/// How many tokens that were made from others are kept.
const MAX_CHILDREN: usize = 64;

/// How often a lock that somebody has is tried again.
const PATIENCE: Duration = Duration::from_millis(10);

/// A token with what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The access token.
    pub token: Redacted<String>,
    /// When it came.
    pub obtained_at: SystemTime,
    /// When it ends.
    pub expires_at: SystemTime,
    /// What the issuer granted; `None` when neither it nor the question said.
    pub scopes: Option<Scopes>,
    /// For the next one.
    pub refresh: Option<Redacted<String>>,
    /// A login at a browser.
    pub login: Option<Login>,
    /// The name of the entry whose token this one was made from.
    pub parent: Option<String>,
}

/// What stays the same over all tokens of one login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// Random; tells one login's caches from another's.
    pub id: String,
    /// Where the refresh token belongs, and nowhere else.
    pub token_url: String,
    /// Whose it is.
    pub client_id: String,
}

impl Entry {
    /// From an answer that came at `now`; `asked` is what it means when it names no scopes.
    pub fn new(granted: Granted, asked: &Scopes, now: SystemTime) -> Self {
        let life = granted.expires_in.unwrap_or_else(|| life_of(granted.token.expose(), now));
        let asked = Some(asked.clone()).filter(|asked| !asked.is_empty());
        Self {
            token: granted.token,
            obtained_at: now,
            expires_at: now + life,
            scopes: granted.scopes.or(asked),
            refresh: granted.refresh,
            login: None,
            parent: None,
        }
    }

    /// Whether the token can be used for a while: until 30 s before its end, or a tenth of its life if that is less.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        let life = self.expires_at.duration_since(self.obtained_at).unwrap_or_default();
        // A clock that went back says nothing about when the token ends.
        now + MARGIN >= self.obtained_at && now + MARGIN.min(life / 10) < self.expires_at
    }

    /// Whether it can be used at all.
    pub fn is_alive(&self, now: SystemTime) -> bool {
        now + MARGIN >= self.obtained_at && now < self.expires_at
    }

    /// As the bytes of a file; they hold what the entry hides.
    pub fn to_bytes(&self) -> Redacted<Vec<u8>> {
        Redacted::new(serde_json::to_vec(&File::of(self)).expect("texts and numbers serialize"))
    }

    /// From such bytes; `None` when anything in them is unexpected.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<File>(bytes).ok()?.entry()
    }

    /// The entry without its access token's life, so that only its refresh token is of use.
    #[must_use]
    pub fn spent(self) -> Self {
        Self { expires_at: self.obtained_at, ..self }
    }
}

/// `exp`, read without verification, or five minutes.
fn life_of(token: &str, now: SystemTime) -> Duration {
    let expires_at = Unproven::of(token).and_then(|claims| claims.expires_at());
    expires_at
        .map_or(UNKNOWN_LIFE, |exp| (UNIX_EPOCH + Duration::from_secs(exp)).duration_since(now).unwrap_or_default())
}

/// The file's content. It has no `Debug`: it holds what an [`Entry`] hides.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    access_token: String,
    obtained_at: u64,
    expires_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
}

impl File {
    fn of(entry: &Entry) -> Self {
        Self {
            access_token: entry.token.expose().clone(),
            obtained_at: unix_millis(entry.obtained_at),
            expires_at: unix_millis(entry.expires_at),
            scope: entry.scopes.as_ref().map(ToString::to_string),
            refresh_token: entry.refresh.as_ref().map(|token| token.expose().clone()),
            login: entry.login.clone(),
            parent: entry.parent.clone(),
        }
    }

    fn entry(self) -> Option<Entry> {
        let at = |millis: u64| UNIX_EPOCH.checked_add(Duration::from_millis(millis));
        let sound = is_token(&self.access_token) && self.refresh_token.as_deref().is_none_or(is_token);
        sound.then_some(())?;
        Some(Entry {
            token: Redacted::new(self.access_token),
            obtained_at: at(self.obtained_at)?,
            expires_at: at(self.expires_at)?,
            scopes: self.scope.map(|text| Scopes::parse(&text)),
            refresh: self.refresh_token.map(Redacted::new),
            login: self.login,
            parent: self.parent,
        })
    }
}

/// A directory of tokens.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// Somebody else had the lock until the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Store {
    /// Tokens in `directory`, which is created (0700) when something is kept.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The entry of a name.
    pub fn load(&self, name: &str) -> Option<Entry> {
        Entry::from_bytes(&disk::read(&self.file(name), MAX_FILE).ok()?)
    }

    /// Keeps an entry.
    pub fn save(&self, name: &str, entry: &Entry) -> io::Result<()> {
        disk::own_private_dir(&self.directory)?;
        disk::write_private(&self.file(name), entry.to_bytes().expose())?;
        if entry.parent.is_some() {
            self.prune(name);
        }
        Ok(())
    }

    /// Forgets an entry; says whether there was one.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        let there = disk::exists(&self.file(name));
        disk::remove(&self.file(name)).map(|()| there)
    }

    /// Names of the entries that were made from the entry `parent`.
    pub fn children(&self, parent: &str) -> Vec<String> {
        let is_child = |name: &String| self.load(name).is_some_and(|entry| entry.parent.as_deref() == Some(parent));
        self.names().into_iter().filter(is_child).collect()
    }

    /// Takes the lock of a name, waiting up to `limit` for whoever has it. `Ok(None)`: there can be no locks here, and no
    /// entries to protect.
    pub fn lock(&self, name: &str, limit: Duration) -> Result<Option<Lock>, Busy> {
        if disk::own_private_dir(&self.directory).is_err() {
            return Ok(None);
        }
        let path = self.directory.join(format!("{name}.lock"));
        let deadline = Deadline::after(limit);
        loop {
            match Lock::try_take(&path) {
                Ok(Some(lock)) => return Ok(Some(lock)),
                Ok(None) if deadline.passed() => return Err(Busy),
                Ok(None) => host::sleep(PATIENCE),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Removes the oldest of too many children, never the one just written.
    fn prune(&self, newest: &str) {
        let files = self.files();
        let mut children: Vec<_> =
            files.into_iter().filter(|(name, _)| self.load(name).is_some_and(|entry| entry.parent.is_some())).collect();
        children.sort_by_key(|(name, modified)| std::cmp::Reverse((name == newest, *modified)));
        for (name, _) in children.iter().skip(MAX_CHILDREN) {
            disk::remove(&self.file(name)).ok();
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.files().into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    }

    fn files(&self) -> Vec<(String, SystemTime)> {
        let named = |file: disk::FileEntry| {
            let name = file.path.file_name()?.to_str()?.strip_suffix(".token")?.to_owned();
            Some((name, file.modified))
        };
        disk::files(&self.directory).unwrap_or_default().into_iter().filter_map(named).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.token"))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests that spoil the files")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn store(name: &str) -> Store {
        let directory =
            std::env::temp_dir().join(format!("open-cli-tokens-{}-{name}", std::process::id())).join("oauth");
        std::fs::remove_dir_all(&directory).ok();
        Store::new(&directory)
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
    }

    fn entry(life: Option<u64>) -> Entry {
        let granted = Granted {
            token: Redacted::new("hunter2".to_owned()),
            expires_in: life.map(Duration::from_secs),
            scopes: None,
            refresh: Some(Redacted::new("hunter3".to_owned())),
        };
        Entry::new(granted, &Scopes::parse("a"), at(0))
    }

    #[test]
    fn h38_entries_are_private_and_come_back() {
        let store = store("round");
        let login = Login { id: "l".to_owned(), token_url: "https://i/t".to_owned(), client_id: "c".to_owned() };
        let kept = Entry { login: Some(login), ..entry(Some(60)) };
        assert_eq!(store.load("a"), None);
        store.save("a", &kept).unwrap();
        assert_eq!(store.load("a"), Some(kept));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&store.directory), mode(&store.file("a"))), (0o700, 0o600));
        assert_eq!((store.remove("a").unwrap(), store.remove("a").unwrap()), (true, false));
    }

    #[test]
    fn a_spoiled_file_counts_as_absent() {
        let store = store("spoiled");
        store.save("a", &entry(None)).unwrap();
        let good = std::fs::read_to_string(store.file("a")).unwrap();
        for bad in [
            String::new(),
            "{".to_owned(),
            good.replace("hunter2", "a b"),
            good.replace("hunter2", ""),
            good.replace("accessToken", "token"),
            good.replace("hunter3", "\\u0000"),
            format!("{good}{}", " ".repeat(MAX_FILE)),
        ] {
            std::fs::write(store.file("a"), &bad).unwrap();
            assert_eq!(store.load("a"), None, "{}", &bad[..bad.len().min(80)]);
        }
    }

    #[track_caller]
    fn check(life: u64, fresh_until: u64) {
        let entry = entry(Some(life));
        let fresh = |seconds| entry.is_fresh(at(seconds));
        assert_eq!((fresh(0), fresh(fresh_until - 1), fresh(fresh_until)), (life > 0, true, false), "{life}");
    }

    #[test]
    fn tokens_are_renewed_before_they_end() {
        check(3600, 3570);
        check(300, 270);
        check(100, 90);
        assert!(!entry(Some(0)).is_fresh(at(0)));
        assert!(entry(Some(100)).is_alive(at(95)) && !entry(Some(100)).is_alive(at(100)));
        assert!(!entry(Some(3600)).is_fresh(UNIX_EPOCH), "a clock that went back");
        assert!(!entry(Some(3600)).spent().is_alive(at(0)));
    }

    #[test]
    fn a_life_that_nobody_tells_is_that_of_the_token_or_short() {
        assert_eq!(entry(None).expires_at, at(300));
        // {"exp":1790000100}
        let granted = Granted {
            token: Redacted::new("e30.eyJleHAiOjE3OTAwMDAxMDB9.x".to_owned()),
            expires_in: None,
            scopes: None,
            refresh: None,
        };
        assert_eq!(Entry::new(granted.clone(), &Scopes::default(), at(0)).expires_at, at(100));
        let old = Entry::new(granted, &Scopes::default(), at(500));
        assert_eq!((old.expires_at, old.scopes), (at(500), None));
    }

    #[test]
    fn children_are_found_and_bounded() {
        let store = store("children");
        store.save("p", &entry(None)).unwrap();
        for i in 0..MAX_CHILDREN + 2 {
            store.save(&format!("c{i}"), &Entry { parent: Some("p".to_owned()), ..entry(None) }).unwrap();
        }
        let children = store.children("p");
        assert_eq!(children.len(), MAX_CHILDREN);
        assert!(children.contains(&format!("c{}", MAX_CHILDREN + 1)) && store.load("p").is_some());
        assert!(store.children("other").is_empty());
    }

    #[test]
    fn h39_one_at_a_time_renews() {
        let store = store("lock");
        let held = store.lock("a", Duration::ZERO).unwrap();
        assert!(held.is_some());
        assert_eq!(store.lock("a", Duration::ZERO).unwrap_err(), Busy);
        assert!(store.lock("b", Duration::ZERO).unwrap().is_some());
        drop(held);
        assert!(store.lock("a", Duration::ZERO).unwrap().is_some());
        let nowhere = Store::new(Path::new("/proc/none"));
        assert!(nowhere.lock("a", Duration::ZERO).unwrap().is_none());
    }

    #[test]
    fn h24_debug_shows_no_token() {
        let text = format!("{:?}", entry(None));
        assert!(!text.contains("hunter"), "{text}");
    }
}
