//! The chunked transfer coding, decoded as its bytes come (RFC 9112 section 7.1).
//!
//! Key type: [`Chunked`]. Extensions and trailers are read past and dropped; sizes are hexadecimal digits and nothing else, lines
//! end with CRLF, and what is not data is bounded, so that one byte of body cannot cost a thousand on the wire.

use super::body::Body;
use super::head::{MAX_FIELDS, MAX_HEAD};
use crate::http::rejection::Rejection;

/// Most digits of a chunk's size.
const MAX_DIGITS: usize = 15;
/// How many bytes may be no data, besides as many again as there are of data.
const OVERHEAD: u64 = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the digits of a size, so many read.
    Size(usize),
    /// Behind the digits, before the CR.
    Extension,
    /// Behind the CR of a size.
    SizeEnd,
    /// In data.
    Data,
    /// Behind data.
    DataEnd,
    /// Behind the CR after data.
    DataEndLf,
    /// At the begin of a trailer line.
    Trailer,
    /// Inside one.
    TrailerLine,
    /// Behind its CR.
    TrailerLf,
    /// Behind the CR of the last, empty line.
    LastLf,
    Done,
}

/// One body on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Chunked {
    place: Place,
    /// What the present chunk still has.
    left: u64,
    data: u64,
    overhead: u64,
    trailer_bytes: usize,
    trailer_lines: usize,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { place: Place::Size(0), left: 0, data: 0, overhead: 0, trailer_bytes: 0, trailer_lines: 0 }
    }
}

impl Chunked {
    /// Decodes into `out`, which may hold `max` bytes; how many bytes were used, and whether that was all of the body.
    pub(in crate::http) fn feed(
        &mut self,
        input: &[u8],
        out: &mut Body,
        max: usize,
    ) -> Result<(usize, bool), Rejection> {
        let mut at = 0;
        while at < input.len() && self.place != Place::Done {
            if self.place == Place::Data {
                at += self.take(&input[at..], out, max)?;
            } else {
                self.step(input[at])?;
                at += 1;
                self.overhead += 1;
                if self.overhead > OVERHEAD + 2 * self.data {
                    return Err(Rejection::Malformed("the chunks hold more framing than data"));
                }
                if self.place == Place::Data && self.left > (max - out.len()) as u64 {
                    return Err(Rejection::BodyTooLarge(max));
                }
            }
        }
        Ok((at, self.place == Place::Done))
    }

    fn take(&mut self, input: &[u8], out: &mut Body, max: usize) -> Result<usize, Rejection> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        if length > max - out.len() {
            return Err(Rejection::BodyTooLarge(max));
        }
        out.extend(&input[..length]);
        self.left -= length as u64;
        self.data += length as u64;
        if self.left == 0 {
            self.place = Place::DataEnd;
        }
        Ok(length)
    }

    fn step(&mut self, byte: u8) -> Result<(), Rejection> {
        const WRONG: Rejection = Rejection::Malformed("the chunks are not well formed");
        self.place = match (self.place, byte) {
            (Place::Size(read), _) => self.size(read, byte)?,
            (Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Extension, b'\t' | b' '..=b'~') => Place::Extension,
            (Place::SizeEnd, b'\n') if self.left == 0 => Place::Trailer,
            (Place::SizeEnd, b'\n') => Place::Data,
            (Place::DataEnd, b'\r') => Place::DataEndLf,
            (Place::DataEndLf, b'\n') => Place::Size(0),
            (Place::Trailer, b'\r') => Place::LastLf,
            (Place::Trailer, b'!'..=b'~') => self.trailer(true)?,
            (Place::TrailerLine, b'\r') => Place::TrailerLf,
            (Place::TrailerLine, b'\t' | b' '..=b'~') => self.trailer(false)?,
            (Place::TrailerLf, b'\n') => Place::Trailer,
            (Place::LastLf, b'\n') => Place::Done,
            _ => return Err(WRONG),
        };
        Ok(())
    }

    fn size(&mut self, read: usize, byte: u8) -> Result<Place, Rejection> {
        const WRONG: Rejection = Rejection::Malformed("the size of a chunk is no hexadecimal number");
        match (char::from(byte).to_digit(16), byte) {
            (Some(_), _) if read == MAX_DIGITS => Err(WRONG),
            (Some(digit), _) => {
                self.left = self.left << 4 | u64::from(digit);
                Ok(Place::Size(read + 1))
            }
            _ if read == 0 => Err(WRONG),
            (None, b'\r') => Ok(Place::SizeEnd),
            // White space before the semicolon is bad, but some send it (RFC 9112 section 7.1.1).
            (None, b';' | b' ' | b'\t') => Ok(Place::Extension),
            _ => Err(WRONG),
        }
    }

    fn trailer(&mut self, first: bool) -> Result<Place, Rejection> {
        self.trailer_bytes += 1;
        self.trailer_lines += usize::from(first);
        if self.trailer_bytes > MAX_HEAD || self.trailer_lines > MAX_FIELDS {
            return Err(Rejection::HeadTooLarge);
        }
        Ok(Place::TrailerLine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fed whole and byte by byte; the body, and what is left over.
    #[track_caller]
    fn check(input: &str, expected: Result<(&str, &str), Rejection>) {
        let whole = fed(input, input.len().max(1));
        assert_eq!(whole, fed(input, 1), "{input:?}");
        assert_eq!(whole, expected.map(|(body, rest)| (body.to_owned(), rest.to_owned())), "{input:?}");
    }

    fn fed(input: &str, step: usize) -> Result<(String, String), Rejection> {
        let (mut chunked, mut body, mut used) = (Chunked::default(), Body::default(), 0);
        for piece in input.as_bytes().chunks(step) {
            let (taken, done) = chunked.feed(piece, &mut body, 20)?;
            used += taken;
            if done {
                return Ok((String::from_utf8(body.into_pieces().concat()).unwrap(), input[used..].to_owned()));
            }
        }
        Err(Rejection::TooSlow)
    }

    #[test]
    fn chunks_are_decoded_to_the_letter() {
        check("0\r\n\r\nrest", Ok(("", "rest")));
        check("3\r\nabc\r\n0\r\n\r\n", Ok(("abc", "")));
        check("3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nGET", Ok(("abc0123456789", "GET")));
        check("3;a=\"b\"\r\nabc\r\n0 ;x\r\nX: y\r\nZ: \r\n\r\n!", Ok(("abc", "!")));
        check("3\r\nab", Err(Rejection::TooSlow));
        check("14\r\n01234567890123456789\r\n0\r\n\r\n", Ok(("01234567890123456789", "")));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let size = || Err(Rejection::Malformed("the size of a chunk is no hexadecimal number"));
        for input in [
            "\r\n",
            "x\r\n",
            "-3\r\nabc",
            "+3\r\nabc",
            "0x3\r\nabc",
            " 3\r\nabc",
            "\n",
            "3\nabc",
            "1000000000000000\r\n",
        ] {
            check(input, size());
        }
        let form = || Err(Rejection::Malformed("the chunks are not well formed"));
        for input in [
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "3\rabc",
            "3;\0\r\n",
            "3;a\nabc",
            "0\r\n\n",
            "0\r\nX: y\n\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\nX: \0\r\n\r\n",
        ] {
            check(input, form());
        }
        check("15\r\n", Err(Rejection::BodyTooLarge(20)));
        check("14\r\n01234567890123456789\r\n1\r\n", Err(Rejection::BodyTooLarge(20)));
        check("fffffffffffffff\r\n", Err(Rejection::BodyTooLarge(20)));
    }

    #[test]
    fn framing_and_trailers_are_bounded() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(20 << 10));
        check(&long, Err(Rejection::Malformed("the chunks hold more framing than data")));
        check(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(65)), Err(Rejection::HeadTooLarge));
    }
}
