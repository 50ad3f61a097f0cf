//! The process as a value: arguments, environment, working directory, standard streams, clock, randomness.
//!
//! `main` reads the machine once into a [`Host`]; everything inside takes what it needs from there, so that a
//! test hands in another world.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the machine")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Environment variables; values that are no UTF-8 are left out.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// From pairs, for tests and child worlds.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of a variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable as an absolute path, as the XDG base directory specification wants it; relative ones are ignored.
    pub fn absolute_path(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} variables)", self.0.len())
    }
}

/// Wall clock; tests hand in their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// A clock that does not jump when the system's is set. It says how much time has passed, not what time it is.
    pub fn steady() -> Self {
        let watch = Stopwatch::start();
        Self::from_fn(move || UNIX_EPOCH + watch.elapsed())
    }

    /// A clock that answers what `now` answers.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present time.
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The moment by which a piece of work must be done; on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// From now.
    pub fn after(duration: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(duration).unwrap_or(now + Duration::from_secs(86_400)))
    }

    /// What is left, zero when passed.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }
}

/// Elapsed time on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Takes a lock, also when somebody panicked while holding it: for values that are whole between any two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits; the only sleep in the library.
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// Starts a named thread; the only place that does.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Does deeply recursive work on a stack of `bytes`, whatever the caller's own is; `None` when no thread can be had or the
/// work panicked.
pub fn with_stack<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, work).ok()?;
        thread.join().ok()
    })
}

/// Does work on a thread of its own and waits for it, so that what it frees is given back with the thread instead of being kept
/// by whichever thread happened to do it. A panic goes on in the caller; without a thread the caller does the work.
pub fn aside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let work = Mutex::new(Some(work));
    let run = || {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.expect("the thread runs it, or the caller, never both")()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run);
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => run(),
        }
    })
}

/// `N` random bytes from the operating system.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// 128 random bits as 32 hex digits: request ids and file names.
pub fn random_id() -> io::Result<String> {
    Ok(format!("{:032x}", u128::from_ne_bytes(random::<16>()?)))
}

/// Which standard streams are terminals, and how wide the one of standard output is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Columns of standard output when known.
    pub columns: Option<usize>,
}

/// The process as it was started.
pub struct Host {
    /// Without the program's own name.
    pub args: Vec<OsString>,
    /// The environment.
    pub env: Env,
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// Standard input.
    pub stdin: Box<dyn Read + Send>,
    /// Standard output.
    pub stdout: Box<dyn Write + Send>,
    /// Standard error.
    pub stderr: Box<dyn Write + Send>,
    /// What is a terminal.
    pub terminal: Terminal,
    /// Wall clock.
    pub clock: Clock,
    /// Where the managed configuration lives: `/etc/open-cli`.
    pub managed_dir: PathBuf,
}

impl Host {
    /// Reads this process.
    pub fn from_process() -> Self {
        let env = Env::new(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        let terminal = Terminal {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            columns: env.var("COLUMNS").and_then(|columns| columns.parse().ok()).or_else(columns),
        };
        Self {
            args: std::env::args_os().skip(1).collect(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            stdin: Box::new(io::stdin()),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            terminal,
            clock: Clock::system(),
            managed_dir: PathBuf::from("/etc/open-cli"),
            env,
        }
    }

    /// The home directory, when the environment names an absolute one.
    pub fn home(&self) -> Option<PathBuf> {
        self.env.absolute_path("HOME")
    }

    /// `path` made absolute against the working directory; not resolved further.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.cwd.join(path)
    }
}

/// What the terminal of standard output says; shells tell only themselves.
#[cfg(unix)]
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn columns() -> Option<usize> {
    None
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("cwd", &self.cwd).field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_aside_gives_its_value_and_its_panic() {
        let name = aside("worker", || std::thread::current().name().map(str::to_owned));
        assert_eq!(name.as_deref(), Some("worker"));
        let panic = std::panic::catch_unwind(|| aside("worker", || std::panic::resume_unwind(Box::new(7))));
        assert_eq!(*panic.unwrap_err().downcast::<i32>().unwrap(), 7);
    }
}
