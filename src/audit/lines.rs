//! The lines of a file, from its end to its beginning or from some place on, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Lines beyond this are skipped: no record of ours is that long.
pub(super) const MAX_LINE: usize = 64 << 10;

/// How much is read at once.
const BLOCK: usize = 64 << 10;
const FORWARD: usize = 256 << 10;
/// For a line or two.
const SHORT: usize = 4 << 10;

/// Walks lines backwards. What stands behind the last newline is not a line: it is torn, or still being written.
pub(super) struct LinesBackward {
    file: File,
    /// Where `buffer` begins in the file.
    start: u64,
    buffer: Vec<u8>,
    /// Whether the end of `buffer` is the end of a line.
    begun: bool,
    /// Whether the line at the end of `buffer` is too long, and its end was dropped.
    overlong: bool,
}

/// A line without its newline; `None` for one that was too long.
pub(super) type Line = Option<Vec<u8>>;

impl LinesBackward {
    /// From the file's present end.
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        let start = file.seek(SeekFrom::End(0))?;
        Ok(Self::before(file, start))
    }

    /// The lines that end at or before this place, which is where a line begins or the file ends.
    pub(super) fn before(file: File, end: u64) -> Self {
        Self { file, start: end, buffer: Vec::new(), begun: false, overlong: false }
    }

    /// The line before the last one given.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(at) = self.buffer.iter().rposition(|byte| *byte == b'\n') {
                let line = self.buffer.split_off(at + 1);
                self.buffer.pop();
                if std::mem::replace(&mut self.begun, true) {
                    return Ok(Some(self.finish(line)));
                }
                self.overlong = false;
                continue;
            }
            if self.buffer.len() > MAX_LINE {
                self.buffer.clear();
                self.overlong = true;
            }
            if self.start == 0 {
                let line = std::mem::take(&mut self.buffer);
                let first = std::mem::replace(&mut self.begun, false);
                return Ok(first.then(|| self.finish(line)));
            }
            self.read_block()?;
        }
    }

    fn finish(&mut self, line: Vec<u8>) -> Line {
        let overlong = std::mem::replace(&mut self.overlong, false) || line.len() > MAX_LINE;
        (!overlong).then_some(line)
    }

    fn read_block(&mut self) -> io::Result<()> {
        let length = self.start.min(BLOCK as u64);
        self.start -= length;
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut block = Vec::with_capacity(BLOCK + self.buffer.len());
        (&mut self.file).take(length).read_to_end(&mut block)?;
        block.append(&mut self.buffer);
        self.buffer = block;
        Ok(())
    }
}

/// Walks lines forwards. What stands behind the last newline is not a line.
pub(super) struct LinesForward {
    reader: BufReader<File>,
    line: Vec<u8>,
    read: u64,
}

impl LinesForward {
    /// From this place on, where a line begins.
    pub(super) fn new(file: File, start: u64) -> io::Result<Self> {
        Self::with_capacity(FORWARD, file, start)
    }

    /// The same for whoever wants a line or two.
    pub(super) fn short(file: File, start: u64) -> io::Result<Self> {
        Self::with_capacity(SHORT, file, start)
    }

    fn with_capacity(capacity: usize, mut file: File, start: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { reader: BufReader::with_capacity(capacity, file), line: Vec::new(), read: 0 })
    }

    /// The next line without its newline; one that is too long is cut, so it is no record.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut is_whole = false;
        while !is_whole {
            let block = self.reader.fill_buf()?;
            if block.is_empty() {
                return Ok(None);
            }
            let end = memchr::memchr(b'\n', block);
            let taken = end.map_or(block.len(), |at| at + 1);
            let room = (MAX_LINE + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&block[..end.unwrap_or(taken).min(room)]);
            self.reader.consume(taken);
            self.read += taken as u64;
            is_whole = end.is_some();
        }
        Ok(Some(&self.line))
    }

    /// How many bytes the lines given so far had.
    pub(super) fn read(&self) -> u64 {
        self.read
    }
}

/// Where the first record with a greater number than `seq` begins, or the file ends; found by halving, since numbers only grow.
pub(super) fn place_after(file: &File, seq: u64, number: impl Fn(&[u8]) -> Option<u64>) -> io::Result<u64> {
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > BLOCK as u64 {
        let middle = low + (high - low) / 2;
        match first_number(file, middle, high, &number)? {
            Some(found) if found <= seq => low = middle,
            // Without a record up to `high` the place is before it too.
            _ => high = middle,
        }
    }
    // Near enough to look at every line; `low` may be in the middle of one.
    let start = if low == 0 { 0 } else { next_line(file, low)? };
    let mut lines = LinesForward::new(file.try_clone()?, start)?;
    loop {
        let place = start + lines.read();
        match lines.next()? {
            Some(line) if number(line).is_none_or(|found| found <= seq) => {}
            _ => return Ok(place),
        }
    }
}

/// The number of the first record that begins after `start` and before `end`.
fn first_number(file: &File, start: u64, end: u64, number: impl Fn(&[u8]) -> Option<u64>) -> io::Result<Option<u64>> {
    let begin = next_line(file, start)?;
    let mut lines = LinesForward::short(file.try_clone()?, begin)?;
    while begin + lines.read() < end {
        let Some(line) = lines.next()? else { break };
        if let Some(found) = number(line) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn next_line(file: &File, place: u64) -> io::Result<u64> {
    let mut lines = LinesForward::short(file.try_clone()?, place)?;
    lines.next()?;
    Ok(place + lines.read())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{disk, host};

    #[track_caller]
    fn check(text: &str, expected: &[Option<&str>]) {
        let path = std::env::temp_dir().join(format!("open-cli-tail-{}", host::random_id().unwrap()));
        disk::write_private(&path, text.as_bytes()).unwrap();
        let mut lines = LinesBackward::new(disk::open(&path).unwrap()).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.map(|line| String::from_utf8(line).unwrap()));
        }
        disk::remove(&path).unwrap();
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found.len(), expected.len());
        assert!(found == expected, "{} bytes", text.len());
    }

    #[test]
    fn lines_come_back_to_front() {
        check("", &[]);
        check("torn", &[]);
        check("a\n", &[Some("a")]);
        check("a\nb\ntorn", &[Some("b"), Some("a")]);
        check("\n\na\n", &[Some("a"), Some(""), Some("")]);
        let long = "x".repeat(MAX_LINE - 1);
        check(&format!("{long}\n{long}\nb\n"), &[Some("b"), Some(&long), Some(&long)]);
    }

    #[test]
    fn h37_a_very_long_line_is_skipped_and_the_rest_read() {
        let long = "x".repeat(5 * MAX_LINE + 7);
        check(&format!("a\n{long}\nb\n"), &[Some("b"), None, Some("a")]);
        check(&format!("{long}\nb\n{long}"), &[Some("b"), None]);
        check(&format!("{long}\n"), &[None]);
    }
}
