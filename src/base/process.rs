//! This process as Linux counts it: memory, descriptors, threads, processor time.
//!
//! Key type: [`Process`]. What the system does not tell is `None`; elsewhere than on Linux that is all of it.

use std::path::Path;
use std::time::Duration;

use super::disk;

/// Ticks of `/proc/self/stat` in a second: USER_HZ, 100 on every architecture that this is built for.
const TICKS: u64 = 100;
/// Longest file that is read.
const MOST: usize = 64 << 10;

/// What the system tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Bytes of memory that are resident.
    pub resident: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// How many there may be.
    pub most_descriptors: Option<u64>,
    /// Time spent on processors, in the program and in the system for it.
    pub busy: Option<Duration>,
}

impl Process {
    /// Asks the system.
    pub fn read() -> Self {
        let text = |name: &str| {
            let bytes = disk::read(&Path::new("/proc/self").join(name), MOST).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        // One of them is that of the directory itself.
        let descriptors = disk::entries(Path::new("/proc/self/fd")).ok().map(|open| open.saturating_sub(1) as u64);
        Self { descriptors, ..Self::of(&text("status"), &text("stat"), &text("limits")) }
    }

    /// From the texts of `/proc` (proc(5)).
    fn of(status: &str, stat: &str, limits: &str) -> Self {
        Self {
            resident: field(status, "VmRSS:").map(|kibibytes| kibibytes << 10),
            threads: field(status, "Threads:"),
            descriptors: None,
            most_descriptors: field(limits, "Max open files"),
            busy: busy(stat),
        }
    }
}

/// The first number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// `utime` and `stime`; the program's name before them may hold anything, also parentheses.
fn busy(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(ticks()?.checked_add(ticks()?)?.checked_mul(1000 / TICKS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        let status = "Name:\topen\nVmPeak:\t 9 kB\nVmRSS:\t    2048 kB\nThreads:\t7\n";
        let stat = "4242 (open) cli)) S 1 4242 4242 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 7 0 99 1 2\n";
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        let process = Process::of(status, stat, limits);
        let expected = Process {
            resident: Some(2 << 20),
            threads: Some(7),
            descriptors: None,
            most_descriptors: Some(1024),
            busy: Some(Duration::from_secs(2)),
        };
        assert_eq!(process, expected);
    }

    #[test]
    fn what_is_not_told_is_none() {
        assert_eq!(Process::of("", "", ""), Process::default());
        assert_eq!(Process::of("VmRSS:\tmuch kB", "1 (a) S 1", "Max open files unlimited"), Process::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_there() {
        let process = Process::read();
        assert!(process.resident > Some(1 << 20) && process.descriptors > Some(0), "{process:?}");
        assert!(process.threads > Some(0) && process.busy.is_some(), "{process:?}");
        assert!(process.most_descriptors >= process.descriptors, "{process:?}");
    }
}
