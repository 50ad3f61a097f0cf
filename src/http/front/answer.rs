//! How an answer is framed for its client.

/// How the client wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Framing {
    /// HTTP/1.0: no chunks, so the connection ends a stream.
    pub(in crate::http) one_zero: bool,
    /// Whether the connection goes on after it.
    pub(in crate::http) keep_alive: bool,
}

impl Framing {
    /// The lines of a head that say so, and its end.
    pub(in crate::http) fn last_lines(self, streams: bool) -> &'static [u8] {
        match (streams, self.one_zero, self.keep_alive) {
            (false, false, true) => b"\r\n",
            (false, true, true) => b"Connection: keep-alive\r\n\r\n",
            (false, _, false) | (true, true, _) => b"Connection: close\r\n\r\n",
            (true, false, true) => b"Transfer-Encoding: chunked\r\n\r\n",
            (true, false, false) => b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        }
    }

    /// Whether the connection can go on after the answer.
    pub(in crate::http) fn survives(self, streams: bool) -> bool {
        self.keep_alive && !(self.one_zero && streams)
    }

    /// A piece of a stream (RFC 9112 section 7.1); an empty one would end it.
    pub(in crate::http) fn piece(self, piece: Vec<u8>) -> Vec<u8> {
        if self.one_zero || piece.is_empty() {
            return piece;
        }
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(&piece);
        chunk.extend_from_slice(b"\r\n");
        chunk
    }

    /// What ends a stream.
    pub(in crate::http) fn last_piece(self) -> &'static [u8] {
        if self.one_zero { b"" } else { b"0\r\n\r\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_reach_clients_as_they_want_them() {
        let framing = |one_zero, keep_alive| Framing { one_zero, keep_alive };
        let said = |framing: Framing, streams| String::from_utf8(framing.last_lines(streams).to_vec()).unwrap();
        for (one_zero, keep_alive, streams, lines, survives) in [
            (false, true, false, "", true),
            (true, true, false, "Connection: keep-alive\r\n", true),
            (false, false, false, "Connection: close\r\n", false),
            (true, false, false, "Connection: close\r\n", false),
            (false, true, true, "Transfer-Encoding: chunked\r\n", true),
            (false, false, true, "Transfer-Encoding: chunked\r\nConnection: close\r\n", false),
            (true, true, true, "Connection: close\r\n", false),
        ] {
            let framing = framing(one_zero, keep_alive);
            assert_eq!((said(framing, streams), framing.survives(streams)), (format!("{lines}\r\n"), survives));
        }
        let (new, old) = (framing(false, true), framing(true, true));
        assert_eq!(
            (new.piece(b"0123456789ab".to_vec()), new.last_piece()),
            (b"c\r\n0123456789ab\r\n".to_vec(), b"0\r\n\r\n".as_slice())
        );
        assert_eq!((old.piece(b"abc".to_vec()), old.last_piece()), (b"abc".to_vec(), b"".as_slice()));
        assert_eq!(new.piece(Vec::new()), b"");
    }
}
