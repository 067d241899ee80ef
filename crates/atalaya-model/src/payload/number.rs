//! Decimal text to the exact number of a column's type, or the reason why there is none.
//!
//! An integer spelling is an exact value and never rounded; a spelling with a point or an exponent is a measured one,
//! and means the nearest double, as everywhere.

use super::error::ValueProblem;

/// The text as it may be parsed here, when it is a decimal number: spaces around it taken off; a sign, digits with at
/// most one point, an exponent. No `nan`, `inf`, `0x10` or `1_000`, which some parsers take for numbers.
pub(super) fn decimal(text: &str) -> Option<&str> {
    let text = text.trim_matches([' ', '\t']);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let fits = digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0 && exponent_fits;
    (fits && text.len() <= super::limits::MAX_NUMBER_BYTES).then_some(text)
}

fn is_integer_spelling(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Every integer up to this magnitude is a double: 2^53.
const EXACT_IN_DOUBLE: u64 = 1 << 53;

/// The double that `text`, a decimal number, means.
///
/// `-0` is the integer zero and becomes 0.0; `-0.0` stays −0.0. As in Python.
pub(super) fn to_f64(text: &str) -> Result<f64, ValueProblem> {
    if is_integer_spelling(text) {
        return match text.parse::<i64>() {
            Ok(value) if value.unsigned_abs() <= EXACT_IN_DOUBLE => Ok(value as f64),
            _ => exact_f64(text),
        };
    }
    let value = text.parse::<f64>().map_err(|_| ValueProblem::Text)?;
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

/// The float that `text` means: the double, rounded to a float as numpy's `astype` does it.
pub(super) fn to_f32(text: &str) -> Result<f32, ValueProblem> {
    let double = to_f64(text)?;
    let float = double as f32;
    if !float.is_finite() {
        return Err(ValueProblem::Range);
    }
    if is_integer_spelling(text) && f64::from(float) != double {
        return Err(ValueProblem::Inexact);
    }
    Ok(float)
}

/// The 64-bit integer that `text`, a decimal number, is exactly: `45`, `45.0`, `4.5e1`.
pub(super) fn to_i64(text: &str) -> Result<i64, ValueProblem> {
    if is_integer_spelling(text) {
        return text.parse::<i64>().map_err(|_| ValueProblem::Range);
    }
    integral(text)
}

/// The 32-bit integer that `text`, a decimal number, is exactly.
pub(super) fn to_i32(text: &str) -> Result<i32, ValueProblem> {
    i32::try_from(to_i64(text)?).map_err(|_| ValueProblem::Range)
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
mod tests {
    use super::*;

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
