//! Why a request is answered without asking the handler: what the server's own answers are about.
//!
//! Key type: [`Rejection`]. What it looks like on the wire is the caller's to say ([`super::server::ErrorAnswer`]).

/// What the server's own answers want to know of a request: how its sender reads answers, and under which id.
pub(super) const TOLD: [&str; 2] = ["Accept", "X-Request-ID"];

/// One reason, with its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// 400: the request cannot be read, or could be read in two ways; the words say what is wrong with it.
    Malformed(&'static str),
    /// 408: head or body did not come in time.
    TooSlow,
    /// 411: HTTP/1.0 has no other way to tell a body's length.
    LengthRequired,
    /// 413: the body is larger than this server takes, in bytes.
    BodyTooLarge(usize),
    /// 414: the request line alone is larger than a head may be.
    TargetTooLong,
    /// 417: an `Expect` other than `100-continue`.
    Expectation,
    /// 431: the head is larger than it may be, or has too many fields.
    HeadTooLarge,
    /// 501: a transfer coding that nobody here can decode.
    UnknownCoding,
    /// 503: there is too much to do; the request was not begun.
    Overloaded,
    /// 504: it was begun and not answered in time.
    Unanswered,
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// 500: the handler failed.
    Failed,
}

impl Rejection {
    /// One of each kind.
    pub const ALL: [Self; 12] = [
        Self::Malformed(""),
        Self::TooSlow,
        Self::LengthRequired,
        Self::BodyTooLarge(0),
        Self::TargetTooLong,
        Self::Expectation,
        Self::HeadTooLarge,
        Self::UnknownCoding,
        Self::Overloaded,
        Self::Unanswered,
        Self::Version,
        Self::Failed,
    ];

    /// The status it is answered with.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::TooSlow => 408,
            Self::LengthRequired => 411,
            Self::BodyTooLarge(_) => 413,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::HeadTooLarge => 431,
            Self::Failed => 500,
            Self::UnknownCoding => 501,
            Self::Overloaded => 503,
            Self::Unanswered => 504,
            Self::Version => 505,
        }
    }
}
