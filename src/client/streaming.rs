//! A stream of the runtime, read line by line: what the upstream answered, its pieces, and how it ended.
//!
//! Key types: [`Streaming`], [`Told`], [`Broken`]. A stream without its last line broke off on the way; that is an error and never an end.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::runtime::ClientError;
use crate::contract::{ExecuteResponse, StreamEnd, StreamPiece, path};
use crate::http::{Opened, TransportError};

/// The longest line of the wire that is read; a toolbox makes none of more than 1 MiB of text, escapes not counted.
const MAX_LINE: u64 = 16 << 20;

/// A stream whose first line has been read.
pub struct Streaming {
    /// What the upstream answered, without a body.
    pub head: ExecuteResponse,
    /// The id of the exchange.
    pub request_id: Option<String>,
    lines: BufReader<Box<dyn Read + Send>>,
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("status", &self.head.status_code).finish_non_exhaustive()
    }
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Bytes of the upstream's answer, with the line feed that stood behind them.
    Piece(Vec<u8>),
    /// How it ended.
    End(StreamEnd),
}

/// Why nobody knows how a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream broke off before its end: {}", self.0)
    }
}

impl std::error::Error for Broken {}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    End(StreamEnd),
    Piece(StreamPiece),
}

impl Streaming {
    /// Waits for the first line.
    pub fn begin(opened: Opened) -> Result<Self, ClientError> {
        let request_id = opened.headers.get("x-request-id").map(str::to_owned);
        let mut lines = BufReader::new(opened.body);
        let head = line(&mut lines).and_then(|line| read(&line)).map_err(|Broken(cause)| ClientError::Garbled {
            call: format!("POST {}", path::EXECUTE),
            cause: format!("the stream has no beginning: {cause}"),
        })?;
        Ok(Self { head, request_id, lines })
    }

    /// Waits for the next line.
    pub fn told(&mut self) -> Result<Told, Broken> {
        let piece = match read(&line(&mut self.lines)?)? {
            Line::End(end) => return Ok(Told::End(end)),
            Line::Piece(piece) => piece,
        };
        match (piece.line, piece.data) {
            (Some(text), _) => {
                let mut bytes = text.into_bytes();
                bytes.extend((!piece.partial).then_some(b'\n'));
                Ok(Told::Piece(bytes))
            }
            (None, Some(data)) => STANDARD.decode(data).map(Told::Piece).map_err(|error| Broken(error.to_string())),
            // Something that a newer runtime tells.
            (None, None) => Ok(Told::Piece(Vec::new())),
        }
    }
}

fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, Broken> {
    serde_json::from_slice(line).map_err(|error| Broken(error.to_string()))
}

fn line(lines: &mut BufReader<Box<dyn Read + Send>>) -> Result<Vec<u8>, Broken> {
    let mut line = Vec::new();
    match lines.take(MAX_LINE).read_until(b'\n', &mut line) {
        Ok(_) if line.ends_with(b"\n") => Ok(line),
        Ok(_) => Err(Broken("its last line is missing".to_owned())),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<TransportError>()) {
            Some(error) => Err(Broken(error.message.clone())),
            None => Err(Broken(error.to_string())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;
    use std::io::Cursor;
    use std::sync::Arc;

    fn streaming(text: &'static str) -> Result<Streaming, ClientError> {
        let headers = Headers::new().with("X-Request-ID", "r-1");
        Streaming::begin(Opened { status: 200, headers, body: Box::new(Cursor::new(text)), halt: Arc::new(|| {}) })
    }

    #[test]
    fn lines_become_the_upstreams_bytes() {
        let mut stream = streaming(
            "{\"statusCode\":201,\"retries\":0}\n{\"line\":\"a\"}\n{\"line\":\"b\",\"partial\":true}\n{\"data\":\"AP8=\"}\n\
             {\"end\":true,\"pieces\":3,\"bytes\":5,\"truncated\":true,\"new\":1}\n",
        )
        .unwrap();
        assert_eq!((stream.head.status_code, stream.request_id.as_deref()), (201, Some("r-1")));
        for expected in [&b"a\n"[..], b"b", b"\0\xff"] {
            assert_eq!(stream.told().unwrap(), Told::Piece(expected.to_vec()));
        }
        let end = StreamEnd { end: true, pieces: 3, bytes: 5, truncated: true, ..StreamEnd::default() };
        assert_eq!(stream.told().unwrap(), Told::End(end));
    }

    #[test]
    fn a_stream_without_its_last_line_is_an_error() {
        for text in ["", "{\"statusCode\":200", "nonsense\n"] {
            assert!(streaming(text).is_err(), "{text}");
        }
        for text in [
            "{\"statusCode\":200}\n",
            "{\"statusCode\":200}\n{\"end\":true",
            "{\"statusCode\":200}\n{\"data\":\"?\"}\n",
        ] {
            assert!(streaming(text).unwrap().told().is_err(), "{text}");
        }
    }
}
