//! One request as the server of a test gets it.

use std::io::BufRead;

/// Its bytes, and what is in them.
pub(crate) struct Heard {
    head: String,
    /// As long as `Content-Length` says.
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// The next one of a connection; `None` at its end, and for what is none.
    pub(crate) fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        }
        let mut heard = Self { head, body: Vec::new() };
        heard.body = vec![0; heard.header("content-length").map_or(Some(0), |length| length.parse().ok())?];
        reader.read_exact(&mut heard.body).ok()?;
        Some(heard)
    }

    /// Method and target.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
    }

    /// Path with query.
    pub(crate) fn target(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}
