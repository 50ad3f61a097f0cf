//! Whose turn comes next.
//!
//! Key type: [`Turns`]. A client stands in it once, however often it has something to do, and who was put off comes before those that
//! were served since, so that many who send much do not keep the others from their turn.

/// Clients with something to do, by their places.
#[derive(Debug, Default)]
pub(super) struct Turns {
    put_off: Vec<usize>,
    again: Vec<usize>,
    listed: Vec<bool>,
}

impl Turns {
    /// There is something to do for this one.
    pub(super) fn add(&mut self, place: usize) {
        if self.list(place) {
            self.again.push(place);
        }
    }

    /// It was this one's turn, and there was no time left.
    pub(super) fn put_off(&mut self, place: usize) {
        if self.list(place) {
            self.put_off.push(place);
        }
    }

    /// All of them, in their order; afterwards there are none.
    pub(super) fn take(&mut self) -> Vec<usize> {
        let mut taken = std::mem::take(&mut self.put_off);
        taken.append(&mut self.again);
        taken.iter().for_each(|place| self.listed[*place] = false);
        taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.put_off.is_empty() && self.again.is_empty()
    }

    /// Whether somebody was put off.
    pub(super) fn has_put_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    fn list(&mut self, place: usize) -> bool {
        if self.listed.len() <= place {
            self.listed.resize(place + 1, false);
        }
        !std::mem::replace(&mut self.listed[place], true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_once_and_who_was_put_off_comes_first() {
        let mut turns = Turns::default();
        for place in [3, 1, 3, 2, 1] {
            turns.add(place);
        }
        assert_eq!(turns.take(), [3, 1, 2]);
        // 3 was served and has more; there was no time for 1 and 2, of which 1 is heard of meanwhile.
        turns.add(3);
        turns.put_off(1);
        turns.put_off(2);
        turns.add(1);
        assert_eq!(turns.take(), [1, 2, 3]);
        assert!(turns.is_empty() && turns.take().is_empty());
    }
}
