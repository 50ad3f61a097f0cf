//! W3C Trace Context: which trace a call belongs to, as `traceparent` and `tracestate` say it.
//!
//! Key type: [`Trace`]. Pure; headers and variables come in as text. What is not valid to the letter is no trace, and nothing here
//! begins one: whoever records no spans would only leave others with a parent that nobody knows.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// `version-format` of version 00: `00-<32>-<16>-<2>` (section 3.2.2).
const LENGTH: usize = 55;
/// Flags that this version knows and passes on: sampled, and random of level 2. Others are sent as 0 (section 3.2.2.5).
const FLAGS: u8 = 0b11;
/// Members of a `tracestate` at most (section 3.3.1.1).
const MAX_MEMBERS: usize = 32;
/// Characters of `tracestate` that are passed on; the least that the specification lets a participant do (section 3.3.1.5).
const MAX_STATE: usize = 512;
/// Members longer than this go first when there are too many characters.
const LONG_MEMBER: usize = 128;

/// One place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    id: NonZeroU128,
    parent: NonZeroU64,
    flags: u8,
    state: Option<String>,
}

impl Trace {
    /// Reads all fields of both names. One `traceparent` that is valid is needed; a `tracestate` that is not valid is left out alone.
    pub fn read<'a>(
        parents: impl IntoIterator<Item = &'a str>,
        states: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let mut parents = parents.into_iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
        let trace = Self::from_parent(parent)?;
        Some(Self { state: read_state(states), ..trace })
    }

    /// Reads a `traceparent`. Of a later version the part that this one knows counts (section 4.3).
    fn from_parent(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let dashes = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        if bytes.len() < LENGTH || !dashes {
            return None;
        }
        let version = number(bytes.get(..2)?)?;
        let ends = match version {
            0 => bytes.len() == LENGTH,
            0xff => false,
            _ => bytes.get(LENGTH).is_none_or(|next| *next == b'-'),
        };
        if !ends {
            return None;
        }
        let id = NonZeroU128::new(number(&bytes[3..35])?)?;
        let parent = NonZeroU64::new(u64::try_from(number(&bytes[36..52])?).ok()?)?;
        let flags = u8::try_from(number(&bytes[53..LENGTH])?).ok()? & FLAGS;
        Some(Self { id, parent, flags, state: None })
    }

    /// The same trace, seen from one step further.
    #[must_use]
    pub fn below(&self, parent: NonZeroU64) -> Self {
        Self { parent, ..self.clone() }
    }

    /// 32 hex digits.
    pub fn id(&self) -> Id {
        Id(self.id)
    }

    /// 16 hex digits: who called.
    pub fn parent(&self) -> Span {
        Span(self.parent)
    }

    /// As a `traceparent`, always of version 00.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.id(), self.parent(), self.flags)
    }

    /// As a `tracestate`, when there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// A trace's id, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(NonZeroU128);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The id of one step in a trace, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub NonZeroU64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Lower-case hex digits only, 32 at most.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// The members of all fields in order, cut to what is passed on. One bad member makes all of them nothing (section 3.3.1).
fn read_state<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut members = Vec::new();
    for member in fields.into_iter().flat_map(|field| field.split(',')) {
        let member = member.trim_matches([' ', '\t']);
        // Members may be empty (section 3.3.1.1).
        if member.is_empty() {
            continue;
        }
        if members.len() == MAX_MEMBERS || !is_member(member) {
            return None;
        }
        members.push(member);
    }
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>().saturating_sub(1);
    while length(&members) > MAX_STATE {
        let at = members.iter().rposition(|member| member.len() > LONG_MEMBER).unwrap_or(members.len() - 1);
        members.remove(at);
    }
    (!members.is_empty()).then(|| members.join(","))
}

fn is_member(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

/// Section 3.3.1.3.1; a plain key may begin with a digit, as level 2 has it.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, most: usize, digit_first: bool| {
        let first = |byte: &u8| byte.is_ascii_lowercase() || (digit_first && byte.is_ascii_digit());
        let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
        part.len() <= most && part.as_bytes().first().is_some_and(first) && part.bytes().all(rest)
    };
    match key.split_once('@') {
        Some((tenant, system)) => is_part(tenant, 241, true) && is_part(system, 14, false),
        None => is_part(key, 256, true),
    }
}

/// Section 3.3.1.3.2; its end is no space, since members are trimmed.
fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn read(parent: &str) -> Option<String> {
        Trace::read([parent], []).map(|trace| trace.traceparent())
    }

    #[track_caller]
    fn check(parent: &str, expected: Option<&str>) {
        let expected = expected.map(|flags| format!("00-{ID}-{PARENT}-{flags}"));
        assert_eq!(read(parent), expected, "{parent}");
    }

    #[test]
    fn a_traceparent_is_taken_to_the_letter() {
        let is = |version: &str, id: &str, parent: &str, rest: &str| format!("{version}-{id}-{parent}-{rest}");
        for (flags, passed_on) in [("00", "00"), ("01", "01"), ("03", "03"), ("ff", "03"), ("fc", "00")] {
            check(&is("00", ID, PARENT, flags), Some(passed_on));
        }
        for (version, rest) in [("cc", "01"), ("cc", "01-"), ("01", "01-what-the-future-will-be-like"), ("fe", "09")] {
            check(&is(version, ID, PARENT, rest), Some("01"));
        }
        for (version, rest) in [("00", "01-"), ("00", "01-x"), ("cc", "01."), ("cc", "01what"), ("ff", "01")] {
            check(&is(version, ID, PARENT, rest), None);
        }
        let (upper, zero) = (ID.to_uppercase(), "0");
        for (version, id, parent, rest) in [
            ("00", upper.as_str(), PARENT, "01"),
            ("00", ID, "00F067AA0BA902B7", "01"),
            ("00", &zero.repeat(32), PARENT, "01"),
            ("00", ID, &zero.repeat(16), "01"),
            ("00", &ID[1..], PARENT, "01"),
            ("00", ID, &PARENT[1..], "01"),
            ("00", &format!("{ID}0"), PARENT, "01"),
            ("00", ID, PARENT, "1"),
            ("00", ID, PARENT, "0g"),
            ("00", ID, PARENT, "0A"),
            ("0", ID, PARENT, "01"),
            ("0x", ID, PARENT, "01"),
            ("000", ID, PARENT, "01"),
            ("00", &format!(".{}", &ID[1..]), PARENT, "01"),
            ("00", ID, &format!("+{}", &PARENT[1..]), "01"),
        ] {
            check(&is(version, id, parent, rest), None);
        }
        for text in ["", "00", "-", &"é".repeat(28), &is("00", ID, PARENT, "01").replace('-', "_")] {
            check(text, None);
        }
    }

    #[test]
    fn two_traceparents_are_none() {
        let parent = format!("00-{ID}-{PARENT}-01");
        assert_eq!(Trace::read([parent.as_str(), parent.as_str()], []), None);
        assert_eq!(Trace::read([], ["a=1"]), None);
    }

    #[track_caller]
    fn state(fields: &[&str], expected: Option<&str>) {
        let parent = format!("00-{ID}-{PARENT}-01");
        let trace = Trace::read([parent.as_str()], fields.iter().copied()).expect("the traceparent counts alone");
        assert_eq!(trace.tracestate(), expected, "{fields:?}");
    }

    #[test]
    fn a_tracestate_is_passed_on_in_order_or_not_at_all() {
        state(&[], None);
        state(&[""], None);
        state(&["foo=1"], Some("foo=1"));
        state(&["foo=1 , \tbar=2,,", "", "baz=a b"], Some("foo=1,bar=2,baz=a b"));
        state(&["foo=1,foo=2"], Some("foo=1,foo=2"));
        state(&["a0_-*/=~!", "t1@sys=1", "1t@s=1", "9=x"], Some("a0_-*/=~!,t1@sys=1,1t@s=1,9=x"));
        state(&["foo=  1"], Some("foo=  1"));
        for bad in
            ["foo", "foo=", "=1", "Foo=1", "f oo=1", "foo@=1", "@foo=1", "foo@@b=1", "foo@b@z=1", "a@1b=1", "foo=a=b"]
        {
            state(&["ok=1", bad], None);
        }
        state(&["foo=é"], None);
        state(&[&format!("{}=1", "k".repeat(256))], Some(&format!("{}=1", "k".repeat(256))));
        state(&[&format!("{}=1", "k".repeat(257))], None);
        state(&[&format!("k={}", "v".repeat(257))], None);
    }

    #[test]
    fn a_tracestate_is_bounded() {
        let member = |n: usize| format!("k{n}=v");
        let many = |n: usize| (0..n).map(member).collect::<Vec<_>>().join(",");
        state(&[&many(32)], Some(&many(32)));
        state(&[&many(33)], None);
        let long = format!("long={}", "v".repeat(200));
        let short = |n: usize| format!("s{n}={}", "v".repeat(100));
        // Long ones go first, from the end; then the last ones.
        state(&[&long, &short(1), &short(2), &long], Some(&[long.as_str(), &short(1), &short(2)].join(",")));
        state(&[&long, &short(1), &long, &short(2), &short(3)], Some(&[short(1), short(2), short(3)].join(",")));
        let fields: Vec<String> = (0..8).map(short).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        state(&fields, Some(&fields[..4].join(",")));
    }

    #[test]
    fn a_step_further_keeps_the_trace() {
        let parent = format!("00-{ID}-{PARENT}-01");
        let trace = Trace::read([parent.as_str()], ["a=1"]).unwrap();
        let below = trace.below(NonZeroU64::new(0xabc).unwrap());
        assert_eq!(below.traceparent(), format!("00-{ID}-0000000000000abc-01"));
        assert_eq!((below.tracestate(), below.id()), (Some("a=1"), trace.id()));
        assert_eq!((trace.id().to_string(), trace.parent().to_string()), (ID.to_owned(), PARENT.to_owned()));
    }
}
