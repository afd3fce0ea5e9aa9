//! Exact decimals from their written form.

/// Why a number is not a decimal of some precision and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecimalFault {
    /// It has more digits before the point than fit.
    TooLarge,
    /// It has more digits after the point than fit, and they are not zero.
    TooFine,
}

/// The unscaled value of a number (a JSON number: sign, digits, fraction, exponent), exactly.
///
/// # Errors
/// Which side has too many digits.
pub(super) fn parse_decimal(number: &[u8], precision: u8, scale: i8) -> Result<i128, DecimalFault> {
    let (negative, unsigned) = match number.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, number),
    };
    let mantissa_end = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(unsigned.len());
    let exponent = parse_exponent(&unsigned[mantissa_end..]);
    let mantissa = &unsigned[..mantissa_end];
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let fraction = mantissa.get(point + 1..).unwrap_or_default();
    let digits = || mantissa[..point].iter().chain(fraction).map(|byte| byte - b'0');

    let length = point + fraction.len();
    let leading = digits().take_while(|digit| *digit == 0).count();
    if leading == length {
        return Ok(0);
    }
    let trailing = digits().rev().take_while(|digit| *digit == 0).count();
    // The value is `significant digits` × 10^shift, in units of the scale.
    let shift =
        exponent.saturating_sub(fraction.len() as i64).saturating_add(trailing as i64).saturating_add(i64::from(scale));
    let significant = length - leading - trailing;
    if shift < 0 {
        return Err(DecimalFault::TooFine);
    }
    if (significant as i64).saturating_add(shift) > i64::from(precision) {
        return Err(DecimalFault::TooLarge);
    }
    // At most 38 digits now, which is below the greatest i128.
    let value = digits().skip(leading).take(significant).fold(0_i128, |value, digit| value * 10 + i128::from(digit));
    let value = (0..shift).fold(value, |value, _| value * 10);
    Ok(if negative { -value } else { value })
}

/// The exponent of a number's `e…` part, zero if it is empty, and at the ends of its range where the text goes beyond.
fn parse_exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text.get(1..) {
        Some([b'-', digits @ ..]) => (true, digits),
        Some([b'+', digits @ ..] | digits) => (false, digits),
        None => return 0,
    };
    let magnitude =
        digits.iter().fold(0_i64, |value, byte| value.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    if negative { -magnitude } else { magnitude }
}

/// Writes an unscaled decimal with its point.
pub(super) fn write_decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    let scale = usize::from(scale.unsigned_abs());
    if value < 0 {
        out.push(b'-');
    }
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_exact_or_refused() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("-0.000", Ok(0)),
            ("0e999999999999999999999", Ok(0)),
            ("1.5", Ok(150)),
            ("-1.5", Ok(-150)),
            ("1.500000000000000000000000000", Ok(150)),
            ("15e-1", Ok(150)),
            ("0.00015E+4", Ok(150)),
            ("999.99", Ok(99_999)),
            ("1000", Err(DecimalFault::TooLarge)),
            ("1e400", Err(DecimalFault::TooLarge)),
            ("1e99999999999999999999", Err(DecimalFault::TooLarge)),
            ("1e-99999999999999999999", Err(DecimalFault::TooFine)),
            ("1.555", Err(DecimalFault::TooFine)),
        ] {
            assert_eq!(parse_decimal(text.as_bytes(), 5, 2), expected, "{text}");
        }
        let most = "9".repeat(38);
        assert_eq!(parse_decimal(most.as_bytes(), 38, 0), Ok(10_i128.pow(38) - 1));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in -(10_i128.pow(20))..10_i128.pow(20), scale in 0_i8..20) {
            let mut text = Vec::new();
            write_decimal(value, scale, &mut text);
            prop_assert_eq!(parse_decimal(&text, 38, scale), Ok(value));
        }
    }
}
