//! Which discovered files may say where tokens go: a private list of paths and content hashes.
//!
//! A file is trusted with exactly the content a person saw; one changed byte, or another place, and it is not.
//! The list is `{"trusted": {"<absolute path>": "<sha256 in hex>"}}`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::scope::clean;
use crate::base::digest::of_bytes;
use crate::base::disk;

/// The list is refused beyond this size.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    trusted: BTreeMap<PathBuf, String>,
}

/// Remembers the present content of a file as trusted, in place of what was remembered for it before. Paths are
/// absolute; they are cleaned as the loader cleans them.
pub fn record(trust_file: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    change(trust_file, |list| list.trusted.insert(clean(path), of_bytes(bytes)).is_none())?;
    Ok(())
}

/// Whether a file with exactly this content was recorded at this path. An unreadable list is an error, never trust.
pub fn is_trusted(trust_file: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    Ok(read(trust_file)?.trusted.get(&clean(path)).is_some_and(|hash| *hash == of_bytes(bytes)))
}

/// Forgets a file; `false` when it was not in the list.
pub fn forget(trust_file: &Path, path: &Path) -> io::Result<bool> {
    change(trust_file, |list| list.trusted.remove(&clean(path)).is_some())
}

/// Every trusted path with its content hash.
pub fn list(trust_file: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    Ok(read(trust_file)?.trusted.into_iter().collect())
}

fn read(trust_file: &Path) -> io::Result<List> {
    let Some(bytes) = disk::read_if_there(trust_file, MAX_BYTES)? else { return Ok(List::default()) };
    serde_json::from_slice(&bytes).map_err(|_| {
        let message =
            format!("the list of trusted files {} is damaged; remove it and trust again", trust_file.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Reads, changes and replaces the list while nobody else does.
fn change(trust_file: &Path, edit: impl FnOnce(&mut List) -> bool) -> io::Result<bool> {
    let directory = trust_file.parent().unwrap_or(Path::new("."));
    disk::create_private_dir(directory)?;
    let _lock = disk::Lock::take(&trust_file.with_extension("lock"))?;
    let mut list = read(trust_file)?;
    let answer = edit(&mut list);
    disk::write_private(trust_file, &serde_json::to_vec_pretty(&list)?)?;
    Ok(answer)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A directory that goes away with the test.
    struct Scratch(PathBuf);

    impl Drop for Scratch {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    fn scratch() -> Scratch {
        let name = format!("open-cli-trust-{}", crate::base::host::random_id().unwrap());
        Scratch(std::env::temp_dir().join(name))
    }

    #[test]
    fn h16_trust_is_for_one_content_at_one_path() {
        let dir = scratch();
        let file = dir.0.join("state/trust.json");
        let path = Path::new("/repo/.cli.json");
        assert!(!is_trusted(&file, path, b"{}").unwrap(), "nothing is trusted from the start");
        record(&file, path, b"{}").unwrap();
        assert!(is_trusted(&file, Path::new("/repo/./x/../.cli.json"), b"{}").unwrap());
        assert!(!is_trusted(&file, path, b"{ }").unwrap(), "one changed byte ends it");
        assert!(!is_trusted(&file, Path::new("/other/.cli.json"), b"{}").unwrap(), "another place has its own trust");
        assert_eq!(list(&file).unwrap(), [(path.to_owned(), of_bytes(b"{}"))]);
        record(&file, path, b"{ }").unwrap();
        assert!(!is_trusted(&file, path, b"{}").unwrap(), "the newest content replaces the older one");
        assert!(forget(&file, path).unwrap());
        assert!(!forget(&file, path).unwrap());
        assert!(!is_trusted(&file, path, b"{ }").unwrap());
    }

    #[test]
    fn h38_the_list_is_private() {
        let dir = scratch();
        let file = dir.0.join("trust.json");
        record(&file, Path::new("/a"), b"x").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_list_trusts_nothing_and_is_not_overwritten() {
        let dir = scratch();
        let file = dir.0.join("trust.json");
        record(&file, Path::new("/a"), b"x").unwrap();
        std::fs::write(&file, b"{\"trusted\":").unwrap();
        assert!(
            is_trusted(&file, Path::new("/a"), b"x").unwrap_err().to_string().contains("remove it and trust again")
        );
        assert!(record(&file, Path::new("/a"), b"x").is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"{\"trusted\":");
    }
}
