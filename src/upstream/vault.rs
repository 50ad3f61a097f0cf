//! Tokens at rest: one file each, encrypted with the key of the instance, bound to instance, principal and secret.
//!
//! A file that was copied to another name, instance or principal does not open. One that cannot be opened counts as absent, and the log
//! says so. Key type: [`Vault`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::digest::of_parts;
use crate::base::disk;
use crate::base::log::Log;
use crate::base::seal::{Seal, StateKey};
use crate::oauth::store::Entry;

/// What its key is for.
const PURPOSE: &str = "open-cli upstream token 1";

/// The largest file that is read: two tokens and names, encrypted.
const MAX_FILE: usize = 128 << 10;

/// How many files are kept; of more the oldest goes.
const MAX_FILES: usize = 10_000;

/// How a file begins: what it is, and which kind of encryption it has.
const HEAD: &[u8] = b"open-cli-token-1\n";

/// A directory of encrypted tokens.
pub struct Vault {
    directory: PathBuf,
    seal: Seal,
    instance: String,
    log: Log,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Vault {
    /// Tokens in this directory, sealed with a key that is derived from `key`.
    pub fn new(directory: &Path, key: &StateKey, instance: &str, log: Log) -> Self {
        Self { directory: directory.to_owned(), seal: key.derive(PURPOSE), instance: instance.to_owned(), log }
    }

    /// The token of a principal for a secret.
    pub(super) fn load(&self, holder: &str, secret: &str) -> Option<Entry> {
        let path = self.file(holder, secret);
        match disk::read_if_there(&path, MAX_FILE) {
            Ok(None) => None,
            Ok(Some(bytes)) => {
                let entry = self.open(&bytes, holder, secret);
                if entry.is_none() {
                    let why = "the file is damaged, or was written with another key";
                    self.log
                        .warn("an upstream token at rest is ignored", &[("file", &path.display()), ("cause", &why)]);
                }
                entry
            }
            Err(error) => {
                self.log.warn("an upstream token at rest is ignored", &[("file", &path.display()), ("cause", &error)]);
                None
            }
        }
    }

    /// Keeps a token; that it cannot be kept is logged, the token can be used all the same.
    pub(super) fn save(&self, holder: &str, secret: &str, entry: &Entry) {
        let path = self.file(holder, secret);
        if let Err(error) = self.write(&path, holder, secret, entry) {
            self.log.warn("an upstream token is not kept at rest", &[("file", &path.display()), ("cause", &error)]);
        }
    }

    /// Forgets a token.
    pub(super) fn remove(&self, holder: &str, secret: &str) {
        let path = self.file(holder, secret);
        if let Err(error) = disk::remove(&path) {
            self.log.warn("an upstream token is not removed", &[("file", &path.display()), ("cause", &error)]);
        }
    }

    fn write(&self, path: &Path, holder: &str, secret: &str, entry: &Entry) -> io::Result<()> {
        disk::own_private_dir(&self.directory)?;
        let sealed = self.seal(entry, holder, secret)?;
        disk::write_private(path, &sealed)?;
        self.prune()
    }

    fn seal(&self, entry: &Entry, holder: &str, secret: &str) -> io::Result<Vec<u8>> {
        let bound = self.bound(holder, secret);
        let sealed = self.seal.seal(bound.as_bytes(), entry.to_bytes().expose().clone());
        let sealed = sealed.ok_or_else(|| io::Error::other("it cannot be encrypted"))?;
        Ok([HEAD, &sealed].concat())
    }

    fn open(&self, bytes: &[u8], holder: &str, secret: &str) -> Option<Entry> {
        let sealed = bytes.strip_prefix(HEAD)?;
        Entry::from_bytes(&self.seal.open(self.bound(holder, secret).as_bytes(), sealed)?)
    }

    /// What a file belongs to: it opens nowhere else.
    fn bound(&self, holder: &str, secret: &str) -> String {
        of_parts(&["upstream-token", &self.instance, holder, secret])
    }

    fn file(&self, holder: &str, secret: &str) -> PathBuf {
        self.directory.join(format!("{}.sealed", of_parts(&[holder, secret])))
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = disk::files(&self.directory)?;
        files.retain(|file| file.path.extension().is_some_and(|extension| extension == "sealed"));
        files.sort_by_key(|file| std::cmp::Reverse(file.modified));
        files.iter().skip(MAX_FILES).try_for_each(|file| disk::remove(&file.path))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests that spoil the files")]
mod tests {
    use super::*;
    use crate::base::redacted::Redacted;
    use crate::base::seal::ADDED;
    use crate::oauth::answer::Granted;
    use crate::oauth::scope::Scopes;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, UNIX_EPOCH};

    fn vault(directory: &Path, key: u8, instance: &str) -> Vault {
        Vault::new(directory, &StateKey::parse(&STANDARD.encode([key; 32])).unwrap(), instance, Log::silent())
    }

    fn entry() -> Entry {
        let granted = Granted {
            token: Redacted::new("hunter2".to_owned()),
            expires_in: Some(Duration::from_secs(60)),
            scopes: None,
            refresh: Some(Redacted::new("hunter3".to_owned())),
        };
        Entry::new(granted, &Scopes::parse("a"), UNIX_EPOCH + Duration::from_secs(1_790_000_000))
    }

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("open-cli-vault-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&directory).ok();
        directory
    }

    #[test]
    fn h18_a_token_at_rest_is_encrypted_and_bound_to_whom_it_belongs() {
        let directory = directory("bound");
        let own = vault(&directory, 1, "one");
        assert_eq!(own.load("ada", "s.o"), None);
        own.save("ada", "s.o", &entry());
        assert_eq!(own.load("ada", "s.o"), Some(entry()));
        let file = own.file("ada", "s.o");
        let bytes = std::fs::read(&file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter"), "H24");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "H38");
        for (holder, secret) in [("ben", "s.o"), ("ada", "s.p")] {
            std::fs::copy(&file, own.file(holder, secret)).unwrap();
            assert_eq!(own.load(holder, secret), None, "{holder} {secret}");
        }
        assert_eq!(vault(&directory, 2, "one").load("ada", "s.o"), None, "another key");
        assert_eq!(vault(&directory, 1, "two").load("ada", "s.o"), None, "another instance");
        own.save("ada", "s.o", &entry());
        assert_ne!(std::fs::read(&file).unwrap(), bytes, "every file has its own nonce");
        own.remove("ada", "s.o");
        assert_eq!(own.load("ada", "s.o"), None);
    }

    #[test]
    fn a_damaged_file_counts_as_absent() {
        let directory = directory("damaged");
        let vault = vault(&directory, 1, "one");
        vault.save("ada", "s.o", &entry());
        let file = vault.file("ada", "s.o");
        let good = std::fs::read(&file).unwrap();
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        let spoiled = [vec![], HEAD.to_vec(), good[..HEAD.len() + 5].to_vec(), good[..good.len() - 1].to_vec()];
        let flipped = [0, HEAD.len(), HEAD.len() + ADDED, good.len() - 1].map(flipped);
        for bytes in spoiled.into_iter().chain(flipped).chain([vec![0; MAX_FILE + 1]]) {
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(vault.load("ada", "s.o"), None, "{} bytes", bytes.len());
        }
    }
}
