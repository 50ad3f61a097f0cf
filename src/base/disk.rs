//! Private files: bounded reads, atomic writes, directories, operating-system locks.
//!
//! Everything the programs keep is written through here, so that modes (0600, 0700, whatever the umask, H38),
//! atomicity (temporary file, fsync, rename) and locks (H39) have one home.
#![expect(clippy::disallowed_methods, reason = "the one place that touches the disk")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Reads a whole file of at most `limit` bytes; a larger one is `FileTooLarge`.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// As [`read`], for regular files only: pipes and devices, which may block or never end, are refused unopened.
pub fn read_regular(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    match fs::metadata(path)? {
        about if about.is_file() => read(path, limit),
        about if about.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file")),
    }
}

/// As [`read`], `None` when the file does not exist.
pub fn read_if_there(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    if_there(read(path, limit))
}

/// As [`read_regular`], `None` when the file does not exist.
pub fn read_regular_if_there(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    if_there(read_regular(path, limit))
}

fn if_there(read: io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// How many entries a directory has.
pub fn entries(path: &Path) -> io::Result<usize> {
    Ok(fs::read_dir(path)?.count())
}

/// Replaces a file whole or not at all, with mode 0600.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, private(OpenOptions::new().write(true).create_new(true)), None)
}

/// Bytes that a disk writes whole or not at all.
const BLOCK: usize = 4096;

/// The same text with blanks behind it, so that a slightly longer one can take its place in [`renew`].
pub fn roomy(mut bytes: Vec<u8>) -> Vec<u8> {
    const SPARE: usize = 256;
    bytes.resize(bytes.len() + SPARE, b' ');
    bytes
}

/// Writes a text over that of a file which is as long at least, in one piece and with blanks behind it, and does not wait until it is
/// durable. A hundred times in a second that costs a fraction of a hundred new files. Whoever reads at that moment may see some of both,
/// so the text needs a check of itself. `false` when there is no room; then nothing is written.
pub fn renew(path: &Path, text: &[u8]) -> io::Result<bool> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > BLOCK || text.len() > length {
        return Ok(false);
    }
    let mut whole = text.to_vec();
    whole.resize(length, b' ');
    match file.write(&whole)? {
        written if written == length => Ok(true),
        _ => Err(io::Error::from(io::ErrorKind::WriteZero)),
    }
}

/// Writes a file of a person's own: whole or not at all, with the mode that it had, else the usual one. What is no regular file, such as
/// a pipe or a device, is written into as it is.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(about) if about.is_file() => {
            let place = fs::canonicalize(path)?;
            replace(&place, bytes, OpenOptions::new().write(true).create_new(true), Some(about.permissions()))
        }
        Ok(_) => OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Err(_) => replace(path, bytes, OpenOptions::new().write(true).create_new(true), None),
    }
}

/// Opens a file of a person's own, empty, to be written as something comes.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// Whether a file could be written at `path`, as far as that is known before; changes nothing.
pub fn check_writable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory")),
        // A pipe is opened once, by whoever writes.
        Ok(about) if !about.is_file() => Ok(()),
        Ok(_) => OpenOptions::new().write(true).open(path).map(drop),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::metadata(parent(path)) {
            Ok(about) if about.is_dir() => Ok(()),
            Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, "its directory is a file")),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn replace(path: &Path, bytes: &[u8], new: &OpenOptions, mode: Option<fs::Permissions>) -> io::Result<()> {
    let parent = parent(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let temporary = parent.join(format!(".{}.{:016x}.tmp", name.to_string_lossy(), u64::from_ne_bytes(random)));
    let written = write_new(&temporary, bytes, new, mode).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The error that matters is the first one.
        fs::remove_file(&temporary).ok();
        return written;
    }
    sync_directory(parent)
}

fn write_new(path: &Path, bytes: &[u8], new: &OpenOptions, mode: Option<fs::Permissions>) -> io::Result<()> {
    let mut file = new.open(path)?;
    if let Some(mode) = mode {
        file.set_permissions(mode)?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a rename or creation in `directory` durable; a no-op where directories cannot be opened.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Opens a file for reading and appending, creating it with mode 0600.
pub fn open_append(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().read(true).append(true).create(true)).open(path)
}

/// Opens a file for reading and for writing over what it holds, creating it with mode 0600.
pub fn open_in_place(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)
}

/// The same for a file that is there.
pub fn open_existing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Whether another name leads to a file as well (a hard link); `false` where that cannot be told.
pub fn has_other_names(about: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(about) > 1;
    #[cfg(not(unix))]
    return false;
}

/// Whether a file is in memory alone, where nothing outlives the machine; `false` where that cannot be told.
#[cfg(target_os = "linux")]
pub fn is_in_memory(file: &File) -> bool {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of statfs(2).
    const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
    rustix::fs::fstatfs(file).is_ok_and(|about| IN_MEMORY.contains(&(about.f_type as u32)))
}

/// Other systems keep no files in memory by default.
#[cfg(not(target_os = "linux"))]
pub fn is_in_memory(_: &File) -> bool {
    false
}

/// Lets the owner alone read and write an open file, whatever its mode was.
pub fn make_private(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Gives a file another name on the same file system; what had that name is gone.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Takes room from the disk for so many bytes from `start` on, which leaves the file's length as it is. `false` where that cannot be done;
/// an error when there is no room.
#[cfg(target_os = "linux")]
pub fn reserve(file: &File, start: u64, bytes: u64) -> io::Result<bool> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    loop {
        return match fallocate(file, FallocateFlags::KEEP_SIZE, start, bytes) {
            Ok(()) => Ok(true),
            Err(Errno::INTR) => continue,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        };
    }
}

/// Other systems have no call for it that leaves the length alone.
#[cfg(not(target_os = "linux"))]
pub fn reserve(_: &File, _: u64, _: u64) -> io::Result<bool> {
    Ok(false)
}

/// Which file an open one is, whatever names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Identity {
    /// Of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::read(&metadata))
    }

    #[cfg(unix)]
    fn read(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Files have no numbers here, so there is nothing to compare.
    #[cfg(not(unix))]
    fn read(_: &fs::Metadata) -> Self {
        Self {}
    }

    /// Whether both are on one file system, as far as that can be told.
    pub fn is_beside(self, other: Self) -> bool {
        #[cfg(unix)]
        return self.device == other.device;
        #[cfg(not(unix))]
        return self == other;
    }

    /// How many bytes the file has, if `path` still names it: not removed, not replaced; one look at the disk.
    pub fn length_at(self, path: &Path) -> Option<u64> {
        fs::metadata(path).ok().filter(|there| Self::read(there) == self).map(|there| there.len())
    }
}

/// Opens a file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates a directory and its missing parents; the directories it creates have mode 0700, existing ones keep
/// theirs.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// As [`create_private_dir`], and `path` itself has mode 0700 afterwards even when it was there with another one: for
/// directories that belong to one instance alone, never for a shared root.
pub fn own_private_dir(path: &Path) -> io::Result<()> {
    create_private_dir(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(path)?.permissions().mode() & 0o777 != 0o700 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Removes a file; a missing one is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The time a file was last changed.
pub fn modified(path: &Path) -> io::Result<std::time::SystemTime> {
    fs::metadata(path)?.modified()
}

/// As if it had been changed last at another time.
#[cfg(test)]
pub fn set_modified(path: &Path, time: std::time::SystemTime) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(time)
}

/// A regular file of a directory.
#[derive(Clone, Debug)]
pub struct FileEntry {
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: std::time::SystemTime,
}

/// The regular files directly in `directory`, in no order; those that vanish meanwhile are left out.
pub fn files(directory: &Path) -> io::Result<Vec<FileEntry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(about) = entry.metadata() else { continue };
        if let (true, Ok(modified)) = (about.is_file(), about.modified()) {
            found.push(FileEntry { path: entry.path(), size: about.len(), modified });
        }
    }
    Ok(found)
}

/// What is in a directory, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameEntry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory, or a link to one.
    pub is_directory: bool,
}

/// The names in `directory`, in no order, of at most `most` entries; those that are not UTF-8 are left out.
pub fn names(directory: &Path, most: usize) -> io::Result<Vec<NameEntry>> {
    let entries = fs::read_dir(directory)?.take(most).flatten();
    let named = entries.filter_map(|entry| {
        let is_link = entry.file_type().ok()?.is_symlink();
        let is_directory = if is_link { entry.path().is_dir() } else { entry.file_type().ok()?.is_dir() };
        Some(NameEntry { name: entry.file_name().into_string().ok()?, is_directory })
    });
    Ok(named.collect())
}

/// Whether anything is at `path`.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Whether `path` itself is a symbolic link, whatever it leads to.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink())
}

/// The absolute path without links and dots.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// An exclusive operating-system lock on a file, held until dropped; it dies with its process. The file itself is never
/// deleted, else two processes could hold locks on two files of one name.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock if nobody has it; `Ok(None)` when somebody has.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock, waiting for whoever has it.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
        file.lock()?;
        Ok(Self { file })
    }

    /// Leaves a note for people in the locked file: who holds it.
    pub fn write_note(&mut self, note: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(note.as_bytes())?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("open-cli-disk-{}-{name}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        create_private_dir(&path).unwrap();
        path
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_persons_own_file_keeps_its_mode_and_its_links() {
        let dir = scratch("own");
        let (file, link) = (dir.join("f"), dir.join("l"));
        write_whole(&file, b"one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("f", &link).unwrap();
        check_writable(&link).unwrap();
        write_whole(&link, b"two").unwrap();
        assert_eq!((mode(&file), read(&file, 3).unwrap()), (0o640, b"two".to_vec()));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no temporary file stays");
        write_whole(Path::new("/dev/null"), b"x").unwrap();
        assert_eq!(check_writable(&dir).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(check_writable(&dir.join("no/f")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(check_writable(&file.join("g")).is_err() && check_writable(&dir.join("new")).is_ok());
    }

    #[test]
    fn a_text_takes_the_place_of_one_that_is_no_shorter() {
        let path = scratch("renew").join("a");
        write_private(&path, &roomy(b"{\"a\":1}".to_vec())).unwrap();
        let before = Identity::of(&open(&path).unwrap()).unwrap();
        let length = read(&path, 1000).unwrap().len();
        assert!(renew(&path, b"{\"a\":12345}").unwrap());
        let text = read(&path, 1000).unwrap();
        assert_eq!((text.trim_ascii_end(), text.len()), (&b"{\"a\":12345}"[..], length));
        assert!(renew(&path, b"{}").unwrap());
        assert_eq!(read(&path, 1000).unwrap().trim_ascii_end(), b"{}");
        assert_eq!(Identity::of(&open(&path).unwrap()).unwrap(), before, "it is the same file");
        assert!(!renew(&path, &vec![b'x'; length + 1]).unwrap());
        assert_eq!(read(&path, 1000).unwrap().trim_ascii_end(), b"{}", "nothing was written");
        write_private(&path, &vec![b'x'; BLOCK + 1]).unwrap();
        assert!(!renew(&path, b"{}").unwrap(), "more than one block may be seen by halves");
        assert!(renew(&path.with_extension("none"), b"{}").is_err());
    }

    #[test]
    fn h38_files_and_directories_are_private() {
        let dir = scratch("modes");
        let file = dir.join("f");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
        assert_eq!(read(&file, 3).unwrap(), b"two");
        assert_eq!(read(&file, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_if_there(&dir.join("none"), 9).unwrap(), None);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "no temporary file stays");
        open_append(&dir.join("log")).unwrap();
        assert_eq!(mode(&dir.join("log")), 0o600);
    }

    #[test]
    fn h39_a_lock_has_one_holder() {
        let path = scratch("lock").join("lock");
        let mut held = Lock::try_take(&path).unwrap().unwrap();
        held.write_note("pid 1").unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
