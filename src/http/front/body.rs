//! A body as it comes: in pieces that are never copied when it grows, so that it takes no more memory than what came.
//!
//! Key type: [`Body`].

/// The first piece, for those that are small.
const FIRST: usize = 4 << 10;
/// Every further one.
const FURTHER: usize = 64 << 10;

/// Bytes in order.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Body {
    pieces: Vec<Vec<u8>>,
    length: usize,
}

impl Body {
    /// Bytes that came.
    pub(in crate::http) fn len(&self) -> usize {
        self.length
    }

    /// Memory that they take.
    pub(in crate::http) fn memory(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }

    /// Puts bytes behind what is there.
    pub(in crate::http) fn extend(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            let room = self.pieces.last().map_or(0, |piece| piece.capacity() - piece.len());
            if room == 0 {
                let size = if self.pieces.is_empty() { FIRST.max(bytes.len().min(FURTHER)) } else { FURTHER };
                self.pieces.push(Vec::with_capacity(size));
            }
            let Some(piece) = self.pieces.last_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(piece.capacity() - piece.len()));
            piece.extend_from_slice(now);
            bytes = later;
        }
    }

    /// The pieces, none of them empty.
    pub(in crate::http) fn into_pieces(self) -> Vec<Vec<u8>> {
        self.pieces
    }
}

impl PartialEq for Body {
    /// However they are cut.
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.pieces.iter().flatten().eq(other.pieces.iter().flatten())
    }
}

impl Eq for Body {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_order_and_take_little_more_than_themselves() {
        let all: Vec<u8> = (0..500_000_u32).map(|n| n as u8).collect();
        for step in [1_000, 4_096, 70_000, 500_000] {
            let mut body = Body::default();
            all.chunks(step).for_each(|bytes| body.extend(bytes));
            assert_eq!(
                (body.len(), body.memory() <= all.len() + FURTHER),
                (all.len(), true),
                "{step}: {}",
                body.memory()
            );
            assert_eq!(body.into_pieces().concat(), all, "{step}");
        }
        let mut small = Body::default();
        small.extend(b"abc");
        assert!(small.memory() <= FIRST, "{}", small.memory());
    }
}
