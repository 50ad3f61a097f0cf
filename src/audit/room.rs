//! Room in the file for records that are still to come (contract 11): taken from the disk beforehand, in pieces, behind the file's end.
//!
//! Key type: [`Room`]. What is promised to somebody is kept free of everybody else's records, so that an outcome can be written on a disk
//! that filled up meanwhile.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};

use crate::base::disk;
use crate::base::host::lock;

/// How much is taken from the disk at once; less when there is not so much.
const PIECE: u64 = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Room(Mutex<State>);

#[derive(Debug)]
struct State {
    file: Arc<File>,
    /// Where the file ends.
    length: u64,
    /// Up to where the disk has room for it.
    reserved: u64,
    /// How much of that is promised.
    promised: u64,
    /// Whether the file system can do this at all.
    can: bool,
}

impl Room {
    /// Behind the end of `file`, which is so long.
    pub(super) fn new(file: Arc<File>, length: u64) -> Self {
        Self(Mutex::new(State { file, length, reserved: length, promised: 0, can: true }))
    }

    /// Promises so many bytes, until they are given back.
    pub(super) fn promise(&self, bytes: u64) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.make(bytes)?;
        state.promised += bytes;
        Ok(())
    }

    /// The promise is kept, or not needed any more.
    pub(super) fn give_back(&self, bytes: u64) {
        let mut state = lock(&self.0);
        state.promised = state.promised.saturating_sub(bytes);
    }

    /// The file has grown, or was cut back, to this length.
    pub(super) fn ends_at(&self, length: u64, was_cut: bool) {
        let mut state = lock(&self.0);
        state.length = length;
        if was_cut {
            state.reserved = length;
            // Should there be no room for what is promised any more, whoever comes next is told.
            state.make(0).ok();
        }
    }

    /// Goes on in an empty file once `switch` has put it in place; an error leaves everything as it was. What is promised is promised
    /// there too.
    pub(super) fn move_to(&self, file: Arc<File>, switch: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = lock(&self.0);
        let mut next = State { file, length: 0, reserved: 0, promised: state.promised, can: state.can };
        next.make(0)?;
        switch()?;
        *state = next;
        Ok(())
    }
}

impl State {
    fn make(&mut self, bytes: u64) -> io::Result<()> {
        let needed = self.length + self.promised + bytes;
        if !self.can || needed <= self.reserved {
            return Ok(());
        }
        let from = self.reserved.max(self.length);
        let done = match disk::reserve(&self.file, from, needed + PIECE - from) {
            Err(_) => disk::reserve(&self.file, from, needed - from).map(|done| (done, needed)),
            Ok(done) => Ok((done, needed + PIECE)),
        };
        let (can, reserved) = done?;
        (self.can, self.reserved) = (can, reserved);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host;

    fn room() -> (Room, Arc<File>) {
        let path = std::env::temp_dir().join(format!("open-cli-room-{}", host::random_id().unwrap()));
        let file = Arc::new(disk::open_append(&path).unwrap());
        disk::remove(&path).unwrap();
        (Room::new(Arc::clone(&file), 0), file)
    }

    fn reserved(room: &Room) -> u64 {
        lock(&room.0).reserved
    }

    #[test]
    fn a_promise_is_kept_free_of_what_others_are_promised() {
        let (room, file) = room();
        room.promise(PIECE).unwrap();
        assert_eq!(reserved(&room), 2 * PIECE);
        room.promise(PIECE).unwrap();
        assert_eq!(reserved(&room), 2 * PIECE, "there was enough");
        room.promise(1).unwrap();
        assert_eq!(reserved(&room), 3 * PIECE + 1);
        room.give_back(2 * PIECE + 1);
        room.promise(3 * PIECE).unwrap();
        assert_eq!(reserved(&room), 3 * PIECE + 1, "what was given back is free again");
        assert_eq!(file.metadata().unwrap().len(), 0, "the file is not longer for it");
    }

    #[test]
    fn promises_go_along_to_the_next_file() {
        let ((room, _), (_, next)) = (room(), room());
        room.promise(10).unwrap();
        room.ends_at(5, false);
        assert!(room.move_to(Arc::clone(&next), || Err(io::ErrorKind::Other.into())).is_err());
        assert_eq!(lock(&room.0).length, 5, "it stays where it was");
        room.move_to(next, || Ok(())).unwrap();
        let state = lock(&room.0);
        assert_eq!((state.length, state.promised), (0, 10));
        drop(state);
        assert!(reserved(&room) >= 10);
    }

    #[test]
    fn what_was_cut_off_is_reserved_again() {
        let (room, _) = room();
        room.promise(10).unwrap();
        room.ends_at(0, true);
        assert!(reserved(&room) >= 10, "for what is promised");
        room.give_back(10);
        room.ends_at(0, true);
        assert_eq!(reserved(&room), 0);
        room.promise(10).unwrap();
        assert!(reserved(&room) >= 10);
    }
}
