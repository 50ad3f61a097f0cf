//! A decent client: one keep-alive connection, one request under way at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long it waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 256 << 10] })
    }

    /// Sends a request, reads the whole answer and gives its status.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (head_end, head) = loop {
            filled += self.read_some(filled)?;
            if let Some(at) = self.buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break (at + 4, String::from_utf8_lossy(&self.buffer[..at]).into_owned());
            }
        };
        if header(&head, "transfer-encoding").is_some() {
            self.read_chunks(head_end, filled)?;
        } else {
            let length: usize = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
            let mut left = (head_end + length).saturating_sub(filled);
            while left > 0 {
                left -= self.read_some(0)?;
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| io::Error::other(format!("no status: {head}")))
    }

    /// Reads to the last chunk; where the others begin does not matter.
    fn read_chunks(&mut self, head_end: usize, filled: usize) -> io::Result<()> {
        let mut tail = self.buffer[head_end..filled].to_vec();
        while !tail.ends_with(b"0\r\n\r\n") {
            let n = self.read_some(0)?;
            let keep = tail.len().saturating_sub(8);
            tail.drain(..keep);
            tail.extend_from_slice(&self.buffer[..n]);
        }
        Ok(())
    }

    fn read_some(&mut self, from: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[from..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => Ok(n),
        }
    }
}

/// A header's value, found by its lower-case name.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)))
        .map(|pair| pair.1.trim())
}
