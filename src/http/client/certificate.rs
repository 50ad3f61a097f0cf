//! When a certificate ends: the one thing of X.509 that is read here (RFC 5280 section 4.1). Whether it is to be trusted is decided by
//! rustls alone.

use std::time::SystemTime;

use crate::base::time::parse_rfc3339;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version.
const VERSION: u8 = 0xa0;

/// `notAfter` of a certificate in DER; `None` when it is something else.
pub(super) fn ends(der: &[u8]) -> Option<SystemTime> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    let (_, rest) = element(rest, INTEGER)?;
    // The algorithm, then the issuer.
    let (_, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, after) = element(validity, UTC_TIME).or_else(|| element(validity, GENERALIZED_TIME))?;
    match element(after, UTC_TIME) {
        Some((short, _)) => {
            let century = if *short.first()? >= b'5' { "19" } else { "20" };
            time(&format!("{century}{}", std::str::from_utf8(short).ok()?))
        }
        None => time(std::str::from_utf8(element(after, GENERALIZED_TIME)?.0).ok()?),
    }
}

/// The content of an element of this kind, and what follows it.
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first().filter(|_| first == kind)?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// `20260131120000Z`
fn time(text: &str) -> Option<SystemTime> {
    let digits =
        text.strip_suffix('Z').filter(|digits| digits.len() == 14 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let part = |from: usize, to: usize| &digits[from..to];
    let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
    let [hour, minute, second] = [part(8, 10), part(10, 12), part(12, 14)];
    parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::rfc3339;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn a_certificate_says_when_it_ends() {
        let leaf = CertificateDer::from_pem_slice(include_bytes!("../../../testdata/tls/leaf.pem")).unwrap();
        assert_eq!(ends(&leaf).map(rfc3339).as_deref(), Some(ENDS));
        for end in 0..leaf.len().min(220) {
            // Whatever is missing, it is no panic.
            ends(&leaf[..end]);
        }
        assert_eq!(ends(b""), None);
        assert_eq!(ends(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    const ENDS: &str = "2126-10-31T00:15:40.000Z";

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(time("20260131120000Z").map(rfc3339).as_deref(), Some("2026-01-31T12:00:00.000Z"));
        for wrong in ["20260131120000", "2026013112000Z", "20261331120000Z", "2026o131120000Z", "ü0260131120000Z"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
