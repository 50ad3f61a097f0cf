//! A number of places for those who wait, so that what hangs does not hold every worker.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many are taken.
#[derive(Debug, Default)]
pub struct Places(AtomicUsize);

/// A place that is taken, given back when dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a AtomicUsize);

impl Places {
    /// Takes a place of `most`; `None` when there is none left.
    pub fn take(&self, most: usize) -> Option<Place<'_>> {
        let before = self.0.fetch_add(1, Ordering::SeqCst);
        let place = Place(&self.0);
        (before < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_until_it_is_given_back() {
        let places = Places::default();
        let (first, second) = (places.take(2), places.take(2));
        assert!(first.is_some() && second.is_some());
        assert!(places.take(2).is_none());
        assert!(places.take(2).is_none(), "who was turned away holds none");
        drop(first);
        assert!(places.take(2).is_some());
    }
}
