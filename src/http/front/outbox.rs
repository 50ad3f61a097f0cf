//! What a client has not taken yet.
//!
//! Key type: [`Outbox`]. Bytes that many answers share are not copied into it.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

/// Pieces given to the system at once.
const AT_ONCE: usize = 16;

#[derive(Debug)]
enum Chunk {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// Memory that would be free without it.
    fn memory(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.capacity(),
            Self::Shared(bytes) if Arc::strong_count(bytes) == 1 => bytes.len(),
            Self::Shared(_) => 0,
        }
    }
}

/// Bytes in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    chunks: VecDeque<Chunk>,
    /// How much of the first chunk is gone.
    at: usize,
    pending: usize,
}

impl Outbox {
    /// Puts bytes behind what is there.
    pub(super) fn put(&mut self, bytes: Vec<u8>) {
        self.add(Chunk::Own(bytes));
    }

    /// As above.
    pub(super) fn put_shared(&mut self, bytes: Arc<[u8]>) {
        self.add(Chunk::Shared(bytes));
    }

    fn add(&mut self, chunk: Chunk) {
        self.pending += chunk.bytes().len();
        if !chunk.bytes().is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    /// Bytes that are there.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Memory that they take.
    pub(super) fn memory(&self) -> usize {
        self.chunks.iter().map(Chunk::memory).sum()
    }

    /// Writes as much as goes, but no more than `most`; how much, or that the other side is gone.
    pub(super) fn flush(&mut self, stream: &mut impl Write, most: usize) -> Result<usize, ()> {
        let mut all = 0;
        while self.pending > 0 && all < most {
            match self.write(stream, most - all) {
                Ok(0) => return Err(()),
                Ok(written) => {
                    self.drop_front(written);
                    all += written;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(()),
            }
        }
        if self.pending == 0 {
            self.chunks = VecDeque::new();
        }
        Ok(all)
    }

    fn write(&self, stream: &mut impl Write, most: usize) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let (mut count, mut left) = (0, most);
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            if left == 0 {
                break;
            }
            let from = if count == 0 { self.at } else { 0 };
            let bytes = &chunk.bytes()[from..];
            let bytes = &bytes[..bytes.len().min(left)];
            *slice = IoSlice::new(bytes);
            left -= bytes.len();
            count += 1;
        }
        if count == 1 { stream.write(&slices[0]) } else { stream.write_vectored(&slices[..count]) }
    }

    fn drop_front(&mut self, mut written: usize) {
        self.pending -= written;
        while let Some(first) = self.chunks.front() {
            let left = first.bytes().len() - self.at;
            if written < left {
                self.at += written;
                return;
            }
            written -= left;
            self.at = 0;
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then no more until it is asked again.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
        each: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room).min(self.each);
            if length == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= length;
            self.taken.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_arrives_in_order_however_little_is_taken() {
        for (room, each) in [(1, 1), (3, 2), (7, 100), (1000, 1000)] {
            let mut outbox = Outbox::default();
            let expected: Vec<u8> = (0..100).collect();
            for piece in expected.chunks(9) {
                if piece[0] % 2 == 0 {
                    outbox.put(piece.to_vec())
                } else {
                    outbox.put_shared(piece.into())
                }
                outbox.put(Vec::new());
            }
            let mut narrow = Narrow { taken: Vec::new(), room: 0, each };
            while outbox.pending() > 0 {
                narrow.room = room;
                outbox.flush(&mut narrow, usize::MAX).unwrap();
            }
            assert_eq!((narrow.taken, outbox.memory()), (expected, 0), "{room}, {each}");
        }
    }

    #[test]
    fn no_more_is_written_than_is_asked_for() {
        let mut outbox = Outbox::default();
        for _ in 0..3 {
            outbox.put(vec![0; 100]);
        }
        let mut wide = Narrow { taken: Vec::new(), room: 1000, each: 70 };
        assert_eq!(outbox.flush(&mut wide, 150), Ok(150));
        assert_eq!((wide.taken.len(), outbox.pending()), (150, 150));
        assert_eq!(outbox.flush(&mut wide, usize::MAX), Ok(150));
    }

    #[test]
    fn what_others_hold_too_takes_no_memory_of_its_own() {
        let shared: Arc<[u8]> = vec![0; 1000].into();
        let mut outbox = Outbox::default();
        outbox.put_shared(Arc::clone(&shared));
        assert_eq!((outbox.memory(), outbox.pending()), (0, 1000));
        drop(shared);
        assert_eq!(outbox.memory(), 1000);
    }
}
