//! Numbers as they are written: compared and divided without rounding. Pure.

use std::cmp::Ordering;

/// Digits behind the point that are looked at exactly.
const MAX_SCALE: u32 = 18;

/// A number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decimal {
    /// `mantissa / 10^scale`
    Exact {
        /// Signed digits.
        mantissa: i128,
        /// Digits behind the point.
        scale: u32,
    },
    /// What has too many digits for that.
    Rough(f64),
}

impl Decimal {
    /// Reads a number of JSON; `None` when the text is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rough: f64 = text.parse().ok()?;
        // `inf`, `nan`, `+1` and `.5` are numbers of Rust's, not of JSON's.
        if !text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) || text.starts_with(['+', '.']) {
            return None;
        }
        Some(exact(text).unwrap_or(Self::Rough(rough)))
    }

    pub(super) fn is_integer(self) -> bool {
        match self {
            Self::Exact { mantissa, scale } => mantissa % 10_i128.pow(scale) == 0,
            Self::Rough(float) => float.fract() == 0.0,
        }
    }

    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match aligned(self, other) {
            Some((a, b)) => Some(a.cmp(&b)),
            None => self.rough().partial_cmp(&other.rough()),
        }
    }

    /// Whether it is a multiple; what cannot be told exactly counts as one.
    pub(super) fn is_multiple_of(self, other: Self) -> bool {
        aligned(self, other).and_then(|(a, b)| a.checked_rem(b)).is_none_or(|rest| rest == 0)
    }

    fn rough(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "only where nothing exact can be had")]
            Self::Exact { mantissa, scale } => mantissa as f64 / 10_f64.powi(i32::try_from(scale).unwrap_or(0)),
            Self::Rough(float) => float,
        }
    }
}

fn exact(text: &str) -> Option<Decimal> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if scale >= 0 {
        let scale = u32::try_from(scale).ok().filter(|scale| *scale <= MAX_SCALE)?;
        return Some(Decimal::Exact { mantissa, scale });
    }
    let mantissa = mantissa.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?;
    Some(Decimal::Exact { mantissa, scale: 0 })
}

/// Both in the smaller unit.
fn aligned(a: Decimal, b: Decimal) -> Option<(i128, i128)> {
    let (Decimal::Exact { mantissa: a, scale: i }, Decimal::Exact { mantissa: b, scale: j }) = (a, b) else {
        return None;
    };
    let unit = i.max(j);
    Some((a.checked_mul(10_i128.pow(unit - i))?, b.checked_mul(10_i128.pow(unit - j))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_compare_by_every_digit() {
        for (a, b, expected) in [
            ("1", "1.0", Ordering::Equal),
            ("0.1", "0.10000000000000001", Ordering::Less),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("123456789012345678901234567890", "123456789012345678901234567889", Ordering::Greater),
            ("1e3", "1000", Ordering::Equal),
            ("-1.5", "-1.50", Ordering::Equal),
            ("1e300", "1e299", Ordering::Greater),
            ("1e-300", "0", Ordering::Greater),
        ] {
            assert_eq!(number(a).compare(number(b)), Some(expected), "{a} {b}");
        }
    }

    #[test]
    fn multiples_are_exact() {
        assert!(number("0.3").is_multiple_of(number("0.1")) && number("19.99").is_multiple_of(number("0.01")));
        assert!(!number("19.995").is_multiple_of(number("0.01")) && !number("7").is_multiple_of(number("2")));
        assert!(number("1e300").is_multiple_of(number("7")) && number("5").is_multiple_of(number("0")));
        // Dividing these overflows.
        assert!(number(&i128::MIN.to_string()).is_multiple_of(number("-1")));
        assert!(number("2.0").is_integer() && !number("2.5").is_integer() && number("1e300").is_integer());
        for text in ["", "x", "nan", "inf", "+1", ".5", "0x1"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }
}
