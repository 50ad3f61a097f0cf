//! Which connection has been in which state for how long: one list a state, the oldest first.
//!
//! Key type: [`Lists`]. Entering, leaving and finding the oldest take constant time, whatever the number of connections; since all
//! of a list wait for the same span, the oldest is also the first whose time is up.

use std::time::{Duration, Instant};

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    list: u8,
    before: u32,
    after: u32,
    since: Instant,
}

/// `N` lists over the same members; each member is in one or in none.
#[derive(Debug)]
pub(super) struct Lists<const N: usize> {
    ends: [(u32, u32); N],
    lengths: [usize; N],
    nodes: Vec<Option<Node>>,
}

impl<const N: usize> Lists<N> {
    pub(super) fn new() -> Self {
        Self { ends: [(NONE, NONE); N], lengths: [0; N], nodes: Vec::new() }
    }

    /// Puts a member at the end of a list, out of the one it was in.
    pub(super) fn enter(&mut self, member: u32, list: u8, now: Instant) {
        self.leave(member);
        let place = member as usize;
        if self.nodes.len() <= place {
            self.nodes.resize(place + 1, None);
        }
        let (first, last) = &mut self.ends[usize::from(list)];
        let before = std::mem::replace(last, member);
        if before == NONE {
            *first = member;
        }
        self.nodes[place] = Some(Node { list, before, after: NONE, since: now });
        self.change(before, |node| node.after = member);
        self.lengths[usize::from(list)] += 1;
    }

    /// Takes a member out.
    pub(super) fn leave(&mut self, member: u32) {
        let Some(node) = self.nodes.get_mut(member as usize).and_then(Option::take) else { return };
        let ends = &mut self.ends[usize::from(node.list)];
        if ends.0 == member {
            ends.0 = node.after;
        }
        if ends.1 == member {
            ends.1 = node.before;
        }
        self.change(node.before, |before| before.after = node.after);
        self.change(node.after, |after| after.before = node.before);
        self.lengths[usize::from(node.list)] -= 1;
    }

    fn change(&mut self, member: u32, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(member as usize).and_then(Option::as_mut) {
            change(node);
        }
    }

    /// The member that has been longest in a list, and since when.
    pub(super) fn oldest(&self, list: u8) -> Option<(u32, Instant)> {
        let first = self.ends[usize::from(list)].0;
        self.nodes.get(first as usize).copied().flatten().map(|node| (first, node.since))
    }

    /// All members of a list, the oldest first.
    pub(super) fn members(&self, list: u8) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.ends[usize::from(list)].0;
        std::iter::from_fn(move || {
            let node = self.nodes.get(next as usize).copied().flatten()?;
            Some(std::mem::replace(&mut next, node.after))
        })
    }

    pub(super) fn len(&self, list: u8) -> usize {
        self.lengths[usize::from(list)]
    }

    /// What is left until the oldest of a list has been there for `span`.
    pub(super) fn left(&self, list: u8, span: Duration, now: Instant) -> Option<Duration> {
        self.oldest(list).map(|(_, since)| (since + span).saturating_duration_since(now))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests count from now")]
mod tests {
    use super::*;

    #[test]
    fn members_leave_from_anywhere_and_the_oldest_stays_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lists = Lists::<2>::new();
        for (second, member) in [7, 0, 3, 9].into_iter().enumerate() {
            lists.enter(member, 0, at(second as u64));
        }
        lists.enter(0, 1, at(5));
        assert_eq!(lists.members(0).collect::<Vec<_>>(), [7, 3, 9]);
        assert_eq!((lists.oldest(0), lists.oldest(1)), (Some((7, at(0))), Some((0, at(5)))));
        lists.enter(7, 0, at(6));
        assert_eq!(lists.members(0).collect::<Vec<_>>(), [3, 9, 7]);
        assert_eq!(lists.left(0, Duration::from_secs(10), at(4)), Some(Duration::from_secs(8)));
        assert_eq!(lists.len(0), 3);
        for member in [9, 9, 7, 3, 1_000] {
            lists.leave(member);
        }
        assert_eq!((lists.oldest(0), lists.len(0), lists.len(1)), (None, 0, 1));
    }
}
