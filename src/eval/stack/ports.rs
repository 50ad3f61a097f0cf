//! Loopback ports: picks free ones, and tells whether one is taken.
#![expect(clippy::disallowed_methods, reason = "asks the system for ports, and serves nothing on them")]

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Replaces port 0 by a free port, a different one each.
pub(super) fn pick<const N: usize>(addrs: [SocketAddr; N]) -> io::Result<[SocketAddr; N]> {
    let mut picked = addrs;
    let mut held = Vec::new();
    for addr in picked.iter_mut().filter(|addr| addr.port() == 0) {
        let listener = TcpListener::bind(*addr)?;
        *addr = listener.local_addr()?;
        // Held until all are picked, so that none is picked twice.
        held.push(listener);
    }
    Ok(picked)
}

/// Whether an address can be listened on now.
pub(super) fn is_free(addr: SocketAddr) -> io::Result<()> {
    TcpListener::bind(addr).map(drop)
}
