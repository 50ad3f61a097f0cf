//! Continuations: texts that say where an upstream's answer led to, made by the toolbox for itself.
//!
//! A next page or the state of an operation may lie at a path that no argument of the tool can express, and a caller must not choose
//! paths. So the caller gets the URL sealed (AES-256-GCM) together with the tool, the caller and an expiry, and gives it back as it is. What
//! is sealed was checked to be of the tool's own origin; whoever opens it checks that again under the present config. This file says
//! nothing about policy: each use goes through every step of a call.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::base::digest;
use crate::base::seal::{ID_LENGTH, KeyError, Seal, StateKey, VARIABLE};
use crate::base::time::unix_millis;
use crate::base::url::Url;
use crate::contract::ErrorCode;

/// How long one may be used.
const LIFE: Duration = Duration::from_secs(3600);

/// The longest that is looked at: a URL of the longest kind, its tool and its caller.
const MAX_BYTES: usize = 16 << 10;

/// What its key is for.
const PURPOSE: &str = "open-cli continuation 1";

/// Seals and opens continuations.
pub struct Continuations {
    seal: Seal,
    /// Whether other processes may have the key too.
    shared: bool,
}

impl fmt::Debug for Continuations {
    /// Nothing of the key (H24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuations").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// What a continuation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The next page.
    Next,
    /// The state of an operation, and in the end its result.
    Operation,
}

impl Kind {
    /// As in the answer and in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Operation => "operation",
        }
    }
}

/// Whose it is: the tool's id, and a text that no other caller has.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The tool.
    pub tool: &'a str,
    /// The caller.
    pub principal: &'a str,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Claims {
    kind: Kind,
    url: String,
    tool: String,
    /// A digest: the text stays short whatever the caller's name is.
    principal: String,
    /// Milliseconds since 1970.
    expires: u64,
}

/// Why a continuation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContinuationError {
    /// It was not made here, or changed on the way.
    Forged,
    /// It was made with another key.
    OtherKey {
        /// Whether this toolbox has a key that others may share.
        shared: bool,
    },
    /// It was made for another tool.
    OtherTool,
    /// It was made for another caller.
    OtherCaller,
    /// Its time is over.
    Expired,
}

impl ContinuationError {
    /// The contract's code.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::OtherCaller => ErrorCode::AuthzDenied,
            _ => ErrorCode::BadRequest,
        }
    }
}

impl fmt::Display for ContinuationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("`continue` is not what this toolbox answered; give it back as it came"),
            Self::OtherKey { shared: false } => write!(
                f,
                "`continue` was made by another toolbox, or before this one started; begin again \
                 ({VARIABLE} lets replicas and restarts share a key)"
            ),
            Self::OtherKey { shared: true } => {
                write!(f, "`continue` was made with another {VARIABLE} than this toolbox has; begin again")
            }
            Self::OtherTool => f.write_str("`continue` was made for another tool; send the tool's id along with it"),
            Self::OtherCaller => f.write_str("`continue` was made for another caller"),
            Self::Expired => f.write_str("`continue` is older than an hour; begin again"),
        }
    }
}

impl std::error::Error for ContinuationError {}

impl Continuations {
    /// With a secret that other processes may have too, else with one that ends with this process.
    pub fn new(shared: Option<&StateKey>) -> Result<Self, KeyError> {
        let seal = match shared {
            Some(key) => key.derive(PURPOSE),
            None => StateKey::random()?.derive(PURPOSE),
        };
        Ok(Self { seal, shared: shared.is_some() })
    }

    /// A continuation to `url`; `None` when the operating system gives no random bytes.
    pub fn seal(&self, kind: Kind, url: &Url, owner: Owner<'_>, now: SystemTime) -> Option<String> {
        let claims = Claims {
            kind,
            url: url.as_str().to_owned(),
            tool: owner.tool.to_owned(),
            principal: digest::of_bytes(owner.principal.as_bytes()),
            expires: unix_millis(now + LIFE),
        };
        let sealed = self.seal.seal(b"", serde_json::to_vec(&claims).expect("texts and numbers serialize"))?;
        Some(BASE64_URL_SAFE_NO_PAD.encode([self.seal.id().as_slice(), &sealed].concat()))
    }

    /// Where a continuation leads, if it is `owner`'s and its time is not over.
    pub fn open(&self, text: &str, owner: Owner<'_>, now: SystemTime) -> Result<(Kind, Url), ContinuationError> {
        let claims = self.claims(text)?;
        if claims.tool != owner.tool {
            return Err(ContinuationError::OtherTool);
        }
        if claims.principal != digest::of_bytes(owner.principal.as_bytes()) {
            return Err(ContinuationError::OtherCaller);
        }
        if unix_millis(now) >= claims.expires {
            return Err(ContinuationError::Expired);
        }
        let url = Url::parse(&claims.url).map_err(|_| ContinuationError::Forged)?;
        Ok((claims.kind, url))
    }

    fn claims(&self, text: &str) -> Result<Claims, ContinuationError> {
        let bytes = Some(text).filter(|text| text.len() <= MAX_BYTES);
        let bytes = bytes.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).ok_or(ContinuationError::Forged)?;
        let (id, sealed) = bytes.split_first_chunk::<ID_LENGTH>().ok_or(ContinuationError::Forged)?;
        if *id != self.seal.id() {
            return Err(ContinuationError::OtherKey { shared: self.shared });
        }
        let opened = self.seal.open(b"", sealed).ok_or(ContinuationError::Forged)?;
        serde_json::from_slice(&opened).map_err(|_| ContinuationError::Forged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;
    use std::time::UNIX_EPOCH;

    const ALICE: Owner<'static> = Owner { tool: "s:list", principal: "alice" };

    fn continuations(secret: u8) -> Continuations {
        let key = StateKey::parse(&BASE64_STANDARD.encode([secret; 32])).unwrap();
        Continuations { shared: false, ..Continuations::new(Some(&key)).unwrap() }
    }

    fn url() -> Url {
        Url::parse("https://api.example/v1/things?page=2&key=s3cret").unwrap()
    }

    fn sealed() -> String {
        continuations(1).seal(Kind::Next, &url(), ALICE, UNIX_EPOCH).unwrap()
    }

    #[track_caller]
    fn check(text: &str, owner: Owner<'_>, seconds: u64, expected: &Result<(Kind, Url), ContinuationError>) {
        assert_eq!(continuations(1).open(text, owner, UNIX_EPOCH + Duration::from_secs(seconds)), *expected);
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_for_an_hour() {
        check(&sealed(), ALICE, 0, &Ok((Kind::Next, url())));
        check(&sealed(), ALICE, 3599, &Ok((Kind::Next, url())));
        check(&sealed(), ALICE, 3600, &Err(ContinuationError::Expired));
        let operation = continuations(1).seal(Kind::Operation, &url(), ALICE, UNIX_EPOCH).unwrap();
        check(&operation, ALICE, 0, &Ok((Kind::Operation, url())));
    }

    #[test]
    fn h18_no_other_tool_and_no_other_caller_opens_it() {
        check(&sealed(), Owner { tool: "s:get", ..ALICE }, 0, &Err(ContinuationError::OtherTool));
        check(&sealed(), Owner { principal: "bob", ..ALICE }, 0, &Err(ContinuationError::OtherCaller));
        assert_eq!(ContinuationError::OtherCaller.code(), ErrorCode::AuthzDenied);
        assert_eq!(ContinuationError::Forged.code(), ErrorCode::BadRequest);
    }

    #[test]
    fn h17_every_changed_byte_is_noticed() {
        let whole = BASE64_URL_SAFE_NO_PAD.decode(sealed()).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let expected =
                if at < ID_LENGTH { ContinuationError::OtherKey { shared: false } } else { ContinuationError::Forged };
            check(&BASE64_URL_SAFE_NO_PAD.encode(changed), ALICE, 0, &Err(expected));
        }
        for text in ["", "x", "https://evil.example/", &sealed()[..20], &"A".repeat(MAX_BYTES + 1)] {
            let opened = continuations(1).open(text, ALICE, UNIX_EPOCH);
            assert!(opened.is_err(), "{text}");
        }
    }

    #[test]
    fn another_key_is_told_apart_from_a_forgery() {
        let foreign = continuations(2).seal(Kind::Next, &url(), ALICE, UNIX_EPOCH).unwrap();
        check(&foreign, ALICE, 0, &Err(ContinuationError::OtherKey { shared: false }));
    }

    #[test]
    fn h24_nothing_of_it_can_be_read() {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed()).unwrap();
        for part in ["s3cret", "api.example", "alice", "s:list"] {
            assert!(!bytes.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
        }
        assert_ne!(sealed(), sealed());
    }

    #[test]
    fn replicas_share_a_key() {
        let key = StateKey::parse(&BASE64_STANDARD.encode([7; 32])).unwrap();
        let (one, other) = (Continuations::new(Some(&key)).unwrap(), Continuations::new(Some(&key)).unwrap());
        let text = one.seal(Kind::Next, &url(), ALICE, UNIX_EPOCH).unwrap();
        assert_eq!(other.open(&text, ALICE, UNIX_EPOCH), Ok((Kind::Next, url())));
        let own = Continuations::new(None).unwrap();
        assert_eq!(own.open(&text, ALICE, UNIX_EPOCH), Err(ContinuationError::OtherKey { shared: false }));
    }
}
