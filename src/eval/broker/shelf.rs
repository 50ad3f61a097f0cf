//! What the broker remembers for a while: bounded, the oldest goes first.

use std::collections::VecDeque;

use super::Digest;

/// Values by the digest of what names them, each until its time.
#[derive(Debug)]
pub(super) struct Shelf<V> {
    entries: VecDeque<Entry<V>>,
    most: usize,
}

#[derive(Debug)]
struct Entry<V> {
    key: Digest,
    until: u64,
    value: V,
}

impl<V> Shelf<V> {
    /// Room for `most` values.
    pub(super) fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), most }
    }

    /// Keeps a value; what is past its time goes, and when there is no room the oldest.
    pub(super) fn put(&mut self, key: Digest, value: V, until: u64, now: u64) {
        self.entries.retain(|entry| entry.until > now && entry.key != key);
        while self.entries.len() >= self.most {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { key, until, value });
    }

    pub(super) fn get(&self, key: &Digest, now: u64) -> Option<&V> {
        self.entries.iter().find(|entry| entry.key == *key && entry.until > now).map(|entry| &entry.value)
    }

    pub(super) fn get_mut(&mut self, key: &Digest, now: u64) -> Option<&mut V> {
        self.entries.iter_mut().find(|entry| entry.key == *key && entry.until > now).map(|entry| &mut entry.value)
    }

    /// Hands a value out for the last time.
    pub(super) fn take(&mut self, key: &Digest, now: u64) -> Option<V> {
        let at = self.entries.iter().position(|entry| entry.key == *key && entry.until > now)?;
        self.entries.remove(at).map(|entry| entry.value)
    }

    /// Keeps only what fits.
    pub(super) fn retain(&mut self, fits: impl Fn(&V) -> bool) {
        self.entries.retain(|entry| fits(&entry.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end_in_time_and_in_number() {
        let mut shelf = Shelf::new(2);
        let key = |n: u8| [n; 32];
        shelf.put(key(1), 'a', 10, 0);
        shelf.put(key(2), 'b', 20, 0);
        assert_eq!((shelf.get(&key(1), 9), shelf.get(&key(1), 10)), (Some(&'a'), None));
        shelf.put(key(3), 'c', 20, 0);
        assert_eq!((shelf.get(&key(1), 0), shelf.get(&key(2), 0)), (None, Some(&'b')));
        shelf.put(key(2), 'd', 20, 0);
        assert_eq!((shelf.get(&key(2), 0), shelf.get(&key(3), 0)), (Some(&'d'), Some(&'c')));
        shelf.retain(|value| *value == 'd');
        assert_eq!(shelf.get(&key(3), 0), None);
        assert_eq!((shelf.take(&key(2), 0), shelf.take(&key(2), 0)), (Some('d'), None));
    }
}
