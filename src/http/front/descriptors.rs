//! How many file descriptors there are, and who gets them.
//!
//! Key type: [`Shares`]. Clients come last: what workers need to answer at all is set aside first, so that a flood of connections
//! never takes it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the program itself: standard streams, logs, locks, files that are being read.
const OWN: usize = 48;
/// For each worker: three ends of its pair, one connection to an upstream, one file.
const EACH: usize = 5;
/// Fewer connections than this are no service.
const FEWEST: usize = 16;

/// How many of each there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Shares {
    /// Connections of clients.
    pub(in crate::http) connections: usize,
    /// Requests at workers at once.
    pub(in crate::http) workers: usize,
    /// Streams at once.
    pub(in crate::http) streams: usize,
}

impl Shares {
    /// What `descriptors` allow of what is wanted.
    pub(in crate::http) fn of(self, descriptors: usize) -> Self {
        let free = descriptors.saturating_sub(OWN);
        let places = (free / 2 / EACH).max(2);
        let streams = self.streams.min(places / 4).max(1);
        let workers = self.workers.min(places.saturating_sub(streams)).max(1);
        let connections = free.saturating_sub((workers + streams) * EACH).max(FEWEST);
        Self { connections: self.connections.min(connections), workers, streams }
    }
}

/// Raises the limit of this process as far as it may, and says where it is then.
pub(in crate::http) fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // macOS answers "no limit" and takes no more than this.
    let most = maximum.unwrap_or(10_240);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    let now = if raised.is_ok() { Some(most) } else { current };
    usize::try_from(now.unwrap_or(most)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Shares = Shares { connections: 10_000, workers: 64, streams: 16 };

    #[track_caller]
    fn check(descriptors: usize, expected: (usize, usize, usize)) {
        let shares = WANTED.of(descriptors);
        assert_eq!((shares.connections, shares.workers, shares.streams), expected);
    }

    #[test]
    fn what_workers_need_is_set_aside_first() {
        check(100_000, (10_000, 64, 16));
        check(10_240, (9_792, 64, 16));
        check(1_024, (576, 64, 16));
        check(256, (108, 15, 5));
        check(64, (16, 1, 1));
        check(0, (16, 1, 1));
    }
}
