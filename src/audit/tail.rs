//! The lines of a file from its end to its beginning, in bounded memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Lines beyond this are skipped: no record of ours is that long.
pub(super) const MAX_LINE: usize = 64 << 10;

/// How much is read at once.
const BLOCK: usize = 64 << 10;

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
        Ok(Self { file, start, buffer: Vec::new(), begun: false, overlong: false })
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
