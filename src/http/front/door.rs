//! The private way to the workers: a Unix socket whose name is gone before anybody else could use it.
//!
//! Key type: [`Door`]. On Linux the name is removed at once, and further connections go through the descriptor of the socket file.
//! Where that cannot be (no /proc, another system) the name stays in its private directory until the door is dropped.
#![expect(clippy::disallowed_methods, reason = "makes and removes the directory of the socket")]

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use mio::net::UnixStream;

use crate::base::host;

/// Longest path of a socket; the kernel takes 108 bytes on Linux and 104 elsewhere, with a NUL.
const MAX_PATH: usize = 100;

/// Where workers are reached.
#[derive(Debug)]
pub(in crate::http) struct Door {
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// By name, in a directory of its own.
    Named(PathBuf),
    /// By the descriptor of a file that has no name any more.
    #[cfg(target_os = "linux")]
    Unnamed(std::os::fd::OwnedFd),
}

impl Door {
    /// Listens below the first of these directories where that can be done.
    pub(in crate::http) fn open(directories: &[PathBuf]) -> io::Result<(Self, UnixListener)> {
        let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "there is no directory with a short path");
        for directory in directories {
            match Self::open_in(directory) {
                Ok(opened) => return Ok(opened),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn open_in(directory: &Path) -> io::Result<(Self, UnixListener)> {
        let id = host::random_id()?;
        let own = directory.join(format!(".front-{}", &id[..12]));
        let path = own.join("s");
        if path.as_os_str().len() > MAX_PATH {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path of the directory is too long for a socket",
            ));
        }
        fs::DirBuilder::new().mode(0o700).create(&own)?;
        let door = Self { way: Way::Named(path.clone()) };
        let listener = UnixListener::bind(&path)?;
        Ok((door.forget_name(), listener))
    }

    #[cfg(target_os = "linux")]
    fn forget_name(self) -> Self {
        let Way::Named(path) = &self.way else { return self };
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::open(path, flags, rustix::fs::Mode::empty()) else { return self };
        // Whether /proc is there is seen by trying.
        let unnamed = Self { way: Way::Unnamed(file) };
        match unnamed.address().metadata() {
            // Dropping the named way removes the name.
            Ok(_) => unnamed,
            Err(_) => self,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn forget_name(self) -> Self {
        self
    }

    fn address(&self) -> PathBuf {
        match &self.way {
            Way::Named(path) => path.clone(),
            #[cfg(target_os = "linux")]
            Way::Unnamed(file) => {
                use std::os::fd::AsRawFd;
                PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
            }
        }
    }

    /// One more connection.
    pub(in crate::http) fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.address())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Way::Named(path) = &self.way {
            // What cannot be removed harms nobody: its listener is gone.
            fs::remove_file(path).ok();
            path.parent().map(fs::remove_dir).and_then(Result::ok);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_socket_leaves_no_name_and_is_reached_all_the_same() {
        let dir = std::env::temp_dir().join(host::random_id().unwrap());
        fs::create_dir(&dir).unwrap();
        let too_long = dir.join("x".repeat(100));
        let (door, listener) = Door::open(&[too_long, dir.join("missing"), dir.clone()]).unwrap();
        for _ in 0..2 {
            let _stream = door.connect().unwrap();
            listener.accept().unwrap();
        }
        if cfg!(target_os = "linux") {
            assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        } else {
            let own = fs::read_dir(&dir).unwrap().next().unwrap().unwrap();
            assert_eq!(own.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
        drop(door);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir(dir).unwrap();
    }
}
