//! Ids that are unique, cost nothing, and tell nobody how many there were before.
//!
//! Key type: [`Serial`]. They are no secrets: who has seen some could guess others.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids out of a counter and what was drawn once.
#[derive(Debug)]
pub struct Serial {
    prefix: u64,
    offset: u64,
    next: AtomicU64,
}

impl Serial {
    /// From 128 random bits.
    pub fn new(random: [u8; 16]) -> Self {
        let random = u128::from_ne_bytes(random);
        Self { prefix: (random >> 64) as u64, offset: random as u64, next: AtomicU64::new(0) }
    }

    /// 32 hex digits; never the same twice.
    pub fn next(&self) -> String {
        format!("{:016x}{:016x}", self.prefix, self.draw())
    }

    /// A number that is not 0; as unique as they come.
    pub fn number(&self) -> NonZeroU64 {
        // One of all values is 0; 1 in its place may come twice.
        NonZeroU64::new(self.draw()).unwrap_or(NonZeroU64::MIN)
    }

    fn draw(&self) -> u64 {
        scattered(self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(self.offset))
    }
}

/// A permutation of all values that leaves no order to see: the finalizer of SplitMix64.
fn scattered(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_have_no_order() {
        let serial = Serial::new([7; 16]);
        let ids: Vec<String> = (0..10_000).map(|_| serial.next()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 32) && !ids[..10].is_sorted());
        assert_ne!(Serial::new([8; 16]).next(), ids[0]);
    }
}
