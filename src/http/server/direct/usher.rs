//! Frees connections that the server crate forgot.
//!
//! tiny_http gives each connection to an idle thread of its pool, and counts a thread as idle until it wakes. Of many
//! connections that open at once, all but the first few wait behind threads that are no longer free, for as long as those
//! connections stay open. A further connection that comes later finds no idle thread, so it gets a new one, and when that
//! further connection ends its thread takes up one that waits. The usher makes such connections to the server's own address
//! while new clients show up, and is silent otherwise.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::base::host;

/// How often the usher looks.
const TICK: Duration = Duration::from_millis(25);
/// How many ticks it goes on after the last new client.
const LINGER: u32 = 80;
/// Connections it makes in one tick.
const ROUND: usize = 4;
/// Ticks after which clients count as new again, since ports come back.
const FORGET: u32 = 2400;

/// Knows which client ports were seen.
pub(super) struct Usher {
    addr: SocketAddr,
    /// One bit a port.
    ports: Vec<AtomicU64>,
    arrivals: AtomicU64,
}

impl Usher {
    pub(super) fn new(addr: SocketAddr) -> Self {
        Self { addr, ports: (0..1024).map(|_| AtomicU64::new(0)).collect(), arrivals: AtomicU64::new(0) }
    }

    /// Notes a client; cheap, since every request passes here.
    pub(super) fn saw(&self, port: u16) {
        let (word, bit) = (&self.ports[usize::from(port >> 6)], 1u64 << (port & 63));
        if word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            self.arrivals.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Runs until `stopping`.
    pub(super) fn run(&self, stopping: &AtomicBool) {
        let (mut seen, mut quiet, mut age) = (0, LINGER, 0);
        while !stopping.load(Ordering::SeqCst) {
            host::sleep(TICK);
            let arrivals = self.arrivals.load(Ordering::Relaxed);
            quiet = if arrivals == seen { quiet.saturating_add(1) } else { 0 };
            seen = arrivals;
            if quiet < LINGER {
                for _ in 0..ROUND {
                    drop(TcpStream::connect_timeout(&self.addr, TICK));
                }
            }
            age += 1;
            if age == FORGET {
                age = 0;
                self.ports.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_arrives_once() {
        let usher = Usher::new(SocketAddr::from(([127, 0, 0, 1], 1)));
        for port in [1, 1, 65535, 64, 1] {
            usher.saw(port);
        }
        assert_eq!(usher.arrivals.load(Ordering::Relaxed), 3);
    }
}
