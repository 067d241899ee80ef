//! Decimal text to the exact number of a column's type, or the reason why there is none.
//!
//! An integer spelling is an exact value and never rounded; a spelling with a point or an exponent is a measured one,
//! and means the nearest double, as everywhere.

use super::error::ValueProblem;

/// A decimal number: how it is spelled, and what its digits are when there are few.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number<'a> {
    text: &'a str,
    digits: Digits,
    /// The power of ten that `digits` counts.
    exponent: i32,
    negative: bool,
    /// Neither a point nor an exponent stands in it.
    integer: bool,
}

/// The digits of a number, without its point, read as one integer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Digits {
    /// The integer; meaningless from the 20th digit on.
    value: u64,
    count: usize,
}

impl Digits {
    /// Every integer of so many digits fits in 64 bits.
    const MAX_COUNT: usize = 19;

    /// Reads the digits from `at` on; gives the place behind the last.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let start = at;
        while let Some(digit) = bytes
            .get(at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
        {
            self.value = self.value.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        self.count += at - start;
        at
    }

    /// The integer, when it was read in full.
    #[inline]
    fn value(self) -> Option<u64> {
        (self.count <= Self::MAX_COUNT).then_some(self.value)
    }
}

impl<'a> Number<'a> {
    /// The number spelled `text`, whose digits were read while its grammar was checked: `fraction` of them stand behind
    /// a point, `exponent` is the text behind `e`.
    #[inline]
    pub(super) fn new(text: &'a str, digits: Digits, fraction: Option<usize>, exponent: Option<&str>) -> Self {
        let shift = match exponent {
            None => 0,
            // An exponent that does not fit is beyond the short way in any case.
            Some(exponent) => exponent.parse::<i32>().unwrap_or(i32::MAX),
        };
        // A number has at most MAX_NUMBER_BYTES digits.
        let below_one = fraction.map_or(0, |count| i32::try_from(count).unwrap_or(i32::MAX));
        Self {
            text,
            digits,
            exponent: shift.saturating_sub(below_one),
            negative: text.as_bytes().first() == Some(&b'-'),
            integer: fraction.is_none() && exponent.is_none(),
        }
    }

    /// The number as it is spelled.
    pub(super) fn text(self) -> &'a str {
        self.text
    }
}

/// The text as a decimal number: spaces around it taken off; a sign, digits with at most one point, an exponent.
/// No `nan`, `inf`, `0x10` or `1_000`, which some parsers take for numbers.
pub(super) fn decimal(text: &str) -> Option<Number<'_>> {
    let text = text.trim_matches([' ', '\t']);
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut digits = Digits::default();
    let mut at = digits.read(bytes, sign);
    let mut fraction = None;
    if bytes.get(at) == Some(&b'.') {
        let end = digits.read(bytes, at + 1);
        fraction = Some(end - at - 1);
        at = end;
    }
    if digits.count == 0 || text.len() > super::limits::MAX_NUMBER_BYTES {
        return None;
    }
    let mut exponent = None;
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let end = Digits::default().read(bytes, sign);
        if end == sign {
            return None;
        }
        exponent = Some(&text[at + 1..end]);
        at = end;
    }
    (at == bytes.len()).then(|| Number::new(text, digits, fraction, exponent))
}

/// Every integer up to this magnitude is a double: 2^53.
const EXACT_IN_DOUBLE: u64 = 1 << 53;

/// Powers of ten that are doubles.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The double that a decimal number means.
///
/// `-0` is the integer zero and becomes 0.0; `-0.0` stays −0.0. As in Python.
#[inline]
pub(super) fn to_f64(number: Number<'_>) -> Result<f64, ValueProblem> {
    // Clinger's short way: of two exact doubles, the quotient or the product is rounded once, which is the nearest one.
    if let Some(digits) = number.digits.value().filter(|digits| *digits <= EXACT_IN_DOUBLE)
        && let Some(power) = EXACT_POWERS.get(number.exponent.unsigned_abs() as usize)
    {
        let digits = digits as f64;
        let value = if number.exponent < 0 {
            digits / power
        } else {
            digits * power
        };
        // 0.0 - 0.0 is 0.0.
        return Ok(match (number.negative, number.integer) {
            (true, true) => 0.0 - value,
            (true, false) => -value,
            (false, _) => value,
        });
    }
    long_to_f64(number)
}

#[cold]
fn long_to_f64(number: Number<'_>) -> Result<f64, ValueProblem> {
    if number.integer {
        return exact_f64(number.text);
    }
    let value = number.text.parse::<f64>().map_err(|_| ValueProblem::Text)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(ValueProblem::Range)
    }
}

/// The double that is exactly the integer `text`.
fn exact_f64(text: &str) -> Result<f64, ValueProblem> {
    // Integers of more than 38 digits are refused even where a double hits them.
    let value = text.parse::<i128>().map_err(|_| ValueProblem::Inexact)?;
    let nearest = value as f64;
    // i128::MAX as f64 is 2^127, which saturates back to i128::MAX, so that the comparison fails as it should.
    if nearest as i128 == value && value != i128::MAX {
        Ok(nearest)
    } else {
        Err(ValueProblem::Inexact)
    }
}

/// The float that a decimal number means: the double, rounded to a float as numpy's `astype` does it.
pub(super) fn to_f32(number: Number<'_>) -> Result<f32, ValueProblem> {
    let double = to_f64(number)?;
    let float = double as f32;
    if !float.is_finite() {
        return Err(ValueProblem::Range);
    }
    if number.integer && f64::from(float) != double {
        return Err(ValueProblem::Inexact);
    }
    Ok(float)
}

/// The 64-bit integer that a decimal number is exactly: `45`, `45.0`, `4.5e1`.
#[inline]
pub(super) fn to_i64(number: Number<'_>) -> Result<i64, ValueProblem> {
    if !number.integer {
        return integral(number.text);
    }
    match number.digits.value().and_then(|digits| i64::try_from(digits).ok()) {
        Some(value) => Ok(if number.negative { -value } else { value }),
        None => number.text.parse::<i64>().map_err(|_| ValueProblem::Range),
    }
}

/// The 32-bit integer that a decimal number is exactly.
pub(super) fn to_i32(number: Number<'_>) -> Result<i32, ValueProblem> {
    i32::try_from(to_i64(number)?).map_err(|_| ValueProblem::Range)
}

/// The integer that a spelling with a point or an exponent stands for, in decimal arithmetic.
fn integral(text: &str) -> Result<i64, ValueProblem> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let trailing_zeros = digits.len() - significant.len();
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    // An exponent that does not fit in 64 bits is far out of range on its side.
    let exponent = exponent
        .parse::<i64>()
        .unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let shift = exponent
        .saturating_add(trailing_zeros as i64)
        .saturating_sub(fraction.len() as i64);
    let zeros = usize::try_from(shift).map_err(|_| ValueProblem::Fraction)?;
    // i64 has at most 19 digits.
    if significant.len().saturating_add(zeros) > 19 {
        return Err(ValueProblem::Range);
    }
    let sign = if negative { "-" } else { "" };
    format!("{sign}{significant}{}", "0".repeat(zeros))
        .parse::<i64>()
        .map_err(|_| ValueProblem::Range)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn to_f64(text: &str) -> Result<f64, ValueProblem> {
        super::to_f64(decimal(text).unwrap())
    }

    fn to_f32(text: &str) -> Result<f32, ValueProblem> {
        super::to_f32(decimal(text).unwrap())
    }

    fn to_i64(text: &str) -> Result<i64, ValueProblem> {
        super::to_i64(decimal(text).unwrap())
    }

    fn to_i32(text: &str) -> Result<i32, ValueProblem> {
        super::to_i32(decimal(text).unwrap())
    }

    #[test]
    fn the_short_way_rounds_as_the_long_one() {
        for digits in [
            1u64,
            3,
            273,
            9_007_199_254_740_991,
            EXACT_IN_DOUBLE,
            EXACT_IN_DOUBLE + 1,
            u64::MAX,
        ] {
            for exponent in -30..30 {
                for text in [format!("{digits}e{exponent}"), format!("-{digits}.5e{exponent}")] {
                    assert_eq!(
                        to_f64(&text).map(f64::to_bits),
                        Ok(text.parse::<f64>().unwrap().to_bits()),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn only_decimal_numbers_are_numbers() {
        for text in ["0", "45", " 45\t", "+4.", ".5", "1e5", "-1.5E-3", "007"] {
            assert!(decimal(text).is_some(), "{text}");
        }
        for text in [
            "",
            " ",
            ".",
            "e5",
            "1e",
            "1e+",
            "nan",
            "inf",
            "-Infinity",
            "0x10",
            "1_0",
            "1,5",
            "4 5",
            "--1",
            "１",
        ] {
            assert!(decimal(text).is_none(), "{text}");
        }
    }

    #[test]
    fn integers_are_kept_or_refused() {
        assert_eq!(to_f64("9007199254740992"), Ok(9_007_199_254_740_992.0));
        assert_eq!(to_f64("9007199254740993"), Err(ValueProblem::Inexact));
        assert_eq!(to_f64("9007199254740994"), Ok(9_007_199_254_740_994.0));
        assert_eq!(to_f64("-18446744073709551616"), Ok(-18_446_744_073_709_551_616.0));
        assert_eq!(
            to_f64("170141183460469231731687303715884105727"),
            Err(ValueProblem::Inexact)
        );
        assert_eq!(to_f64("123456789012345678901234567890"), Err(ValueProblem::Inexact));
        assert_eq!(to_f64("1e400"), Err(ValueProblem::Range));
        assert_eq!(to_f64("-0").map(f64::to_bits), Ok(0));
        assert_eq!(to_f64("-0.0").map(f64::to_bits), Ok((-0.0f64).to_bits()));
        assert_eq!(to_f32("16777217"), Err(ValueProblem::Inexact));
        assert_eq!(to_f32("16777217.0"), Ok(16_777_216.0));
        assert_eq!(to_f32("1e39"), Err(ValueProblem::Range));
    }

    #[test]
    fn fractions_are_judged_in_decimal() {
        assert_eq!(to_i64("45.0"), Ok(45));
        assert_eq!(to_i64("-4.50e1"), Ok(-45));
        assert_eq!(to_i64("45.7"), Err(ValueProblem::Fraction));
        assert_eq!(to_i64("9007199254740993.0"), Ok(9_007_199_254_740_993));
        assert_eq!(to_i64("9.223372036854775807e18"), Ok(i64::MAX));
        assert_eq!(to_i64("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(to_i64("9223372036854775808"), Err(ValueProblem::Range));
        assert_eq!(to_i64("1e99999999999999999999"), Err(ValueProblem::Range));
        assert_eq!(to_i64("1e-99999999999999999999"), Err(ValueProblem::Fraction));
        assert_eq!(to_i64("0.000e99999999999999999999"), Ok(0));
        assert_eq!(to_i64("1e-1"), Err(ValueProblem::Fraction));
        assert_eq!(to_i64("10e-1"), Ok(1));
        assert_eq!(to_i32("2147483648"), Err(ValueProblem::Range));
        assert_eq!(to_i32("-2147483648.0"), Ok(i32::MIN));
    }
}
