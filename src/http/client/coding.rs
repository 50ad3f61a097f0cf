//! Content codings of answers (RFC 9110 section 8.4): gzip and deflate are taken off as the bytes come.
//!
//! Only whole representations are decoded: a part of a file (206) is a part of its coded form. What has another coding, or several, passes
//! as it came, with its `Content-Encoding`. Limits on what comes out are the reader's; what goes in is bounded here, since a coded
//! answer may go on for ever and say nothing.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::failure::Failure;
use crate::http::{Headers, Method, TransportErrorKind};

/// What is read from the connection at once.
const PIECE: usize = 16 << 10;

/// A coding that is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952; several members are one text.
    Gzip,
    /// RFC 1950, or as some servers understand the name, RFC 1951.
    Deflate,
}

impl Coding {
    /// The one to take off an answer with these headers.
    pub(super) fn of(method: Method, status: u16, headers: &Headers) -> Option<Self> {
        if method == Method::Head || status == 206 {
            return None;
        }
        let mut codings = headers.all("content-encoding");
        let coding = codings.next().filter(|_| codings.next().is_none())?;
        match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// How much of a coded body is read for at most so many bytes of text: no usual coding makes anything longer than that.
pub(super) fn most_coded(max_body: usize) -> u64 {
    (max_body as u64).saturating_add(max_body as u64 / 16).saturating_add(64 << 10)
}

/// The text inside of a coded body, of which at most `most` bytes are read. Its errors are [`Failure`]s.
pub(super) struct Decoded<R: Read> {
    coding: Coding,
    state: State<R>,
}

enum State<R: Read> {
    New(BufReader<Raw<R>>),
    Gzip(MultiGzDecoder<BufReader<Raw<R>>>),
    Zlib(ZlibDecoder<BufReader<Raw<R>>>),
    Deflate(DeflateDecoder<BufReader<Raw<R>>>),
    Ended,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(coding: Coding, coded: R, most: u64) -> Self {
        Self { coding, state: State::New(BufReader::with_capacity(PIECE, Raw { coded, left: most })) }
    }

    /// Looks at the first byte: a body of no bytes is no broken one, and the two kinds of deflate begin differently.
    fn begin(&mut self) -> io::Result<()> {
        let State::New(coded) = &mut self.state else { return Ok(()) };
        let first = coded.fill_buf()?.first().copied();
        let State::New(coded) = std::mem::replace(&mut self.state, State::Ended) else { return Ok(()) };
        self.state = match (self.coding, first) {
            (_, None) => State::Ended,
            (Coding::Gzip, _) => State::Gzip(MultiGzDecoder::new(coded)),
            (Coding::Deflate, Some(first)) if first & 0x8f == 0x08 => State::Zlib(ZlibDecoder::new(coded)),
            (Coding::Deflate, Some(_)) => State::Deflate(DeflateDecoder::new(coded)),
        };
        Ok(())
    }

    fn broken(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::Interrupted || is_failure(&error) {
            return error;
        }
        let cause = format!("the {} coding of the answer is broken", self.coding.name());
        io::Error::other(Failure { kind: TransportErrorKind::Protocol, may_have_been_sent: true, cause })
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.begin().and_then(|()| match &mut self.state {
            State::New(_) | State::Ended => Ok(0),
            State::Gzip(decoder) => decoder.read(buffer),
            State::Zlib(decoder) => decoder.read(buffer),
            State::Deflate(decoder) => decoder.read(buffer),
        });
        read.map_err(|error| self.broken(error))
    }
}

/// The coded bytes; what goes wrong with the connection is told from what is wrong with the coding.
struct Raw<R> {
    coded: R,
    left: u64,
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            let cause = "the coded form of the answer is longer than the answer may be".to_owned();
            let kind = TransportErrorKind::Protocol;
            return Err(io::Error::other(Failure { kind, may_have_been_sent: true, cause }));
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        match self.coded.read(&mut buffer[..most]) {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(io::Error::other(Failure::from(error))),
        }
    }
}

fn is_failure(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Failure>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn coded(text: &[u8]) -> [(Coding, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        zlib.write_all(text).unwrap();
        deflate.write_all(text).unwrap();
        [
            (Coding::Gzip, gzip.finish().unwrap()),
            (Coding::Deflate, zlib.finish().unwrap()),
            (Coding::Deflate, deflate.finish().unwrap()),
        ]
    }

    fn decode(coding: Coding, bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        match Decoded::new(coding, bytes, most).take(1 << 20).read_to_end(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::from(error).cause),
        }
    }

    #[test]
    fn every_coding_gives_its_text_back() {
        for text in [&b""[..], b"a", &[0, 255, 8, 120], &b"{\"a\": 1}\n".repeat(10_000)] {
            for (coding, bytes) in coded(text) {
                assert_eq!(decode(coding, &bytes, u64::MAX).unwrap(), text, "{coding:?}");
            }
        }
        let [(_, one), ..] = coded(b"one");
        assert_eq!(decode(Coding::Gzip, &[one.clone(), one].concat(), 1000).unwrap(), b"oneone", "two members");
        for coding in [Coding::Gzip, Coding::Deflate] {
            assert_eq!(decode(coding, b"", 1000).unwrap(), b"", "no bytes at all");
        }
    }

    #[test]
    fn h28_what_is_broken_is_an_error() {
        for (coding, bytes) in coded(&b"some text, some text".repeat(50)) {
            for cut in [1, bytes.len() / 2, bytes.len() - 1] {
                let told = decode(coding, &bytes[..cut], u64::MAX).unwrap_err();
                assert!(told.ends_with("coding of the answer is broken"), "{coding:?} {cut}: {told}");
            }
            let told = decode(coding, &bytes, 10).unwrap_err();
            assert!(told.contains("longer than the answer may be"), "{told}");
        }
        assert!(decode(Coding::Gzip, b"{\"not\": \"gzip\"}", 1000).is_err());
        let mut flipped = coded(b"checked by its sum")[0].1.clone();
        let at = flipped.len() - 8;
        flipped[at] ^= 1;
        assert!(decode(Coding::Gzip, &flipped, 1000).is_err());
    }

    #[test]
    fn h22_a_bomb_costs_no_more_than_its_limit() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        (0..64).for_each(|_| bomb.write_all(&[0; 1 << 20]).unwrap());
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(decode(Coding::Gzip, &bomb, most_coded(1 << 20)).unwrap().len(), 1 << 20);
        let nothing = coded(b"")[0].1.repeat(20_000);
        assert!(decode(Coding::Gzip, &nothing, most_coded(1000)).is_err(), "an answer that says nothing for ever");
    }

    #[test]
    fn only_one_known_coding_of_a_whole_answer_is_taken_off() {
        let of =
            |method, status, value: &str| Coding::of(method, status, &Headers::new().with("Content-Encoding", value));
        assert_eq!(of(Method::Get, 200, "GZIP"), Some(Coding::Gzip));
        assert_eq!(of(Method::Post, 404, "x-gzip"), Some(Coding::Gzip));
        assert_eq!(of(Method::Get, 200, "deflate"), Some(Coding::Deflate));
        for (method, status, value) in [
            (Method::Head, 200, "gzip"),
            (Method::Get, 206, "gzip"),
            (Method::Get, 200, "br"),
            (Method::Get, 200, "gzip, gzip"),
        ] {
            assert_eq!(of(method, status, value), None, "{method} {status} {value}");
        }
        assert_eq!(Coding::of(Method::Get, 200, &Headers::new()), None);
    }
}
