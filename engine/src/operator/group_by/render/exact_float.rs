//! Exact sums of floats: a float is a whole number of 2^-1074, so a sum of floats is one too.
//!
//! The idea is Kulisch's long accumulator (U. Kulisch, W. Miranker, "The arithmetic of the digital computer", 1986), here with limbs of 64
//! bits kept apart in 128-bit sums: adding needs no carries, does not depend on order, and can be undone.

/// How many limbs hold every finite float: 2^-1074 up to 2^1024, and the digits that a shift pushes over.
pub(super) const LIMBS: usize = 34;

/// Adds `value`, `times` times. `value` is finite.
pub(super) fn add(limbs: &mut [i128], value: f64, times: i64) {
    let bits = value.to_bits();
    let exponent = (bits >> 52) & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, shift) = if exponent == 0 { (fraction, 0) } else { (fraction | (1 << 52), exponent - 1) };
    if mantissa == 0 {
        return;
    }
    let sign: i128 = if value.is_sign_negative() { -1 } else { 1 };
    let (limb, offset) = ((shift / 64) as usize, shift % 64);
    let shifted = u128::from(mantissa) << offset;
    let times = i128::from(times) * sign;
    limbs[limb] += i128::from(shifted as u64) * times;
    limbs[limb + 1] += i128::from((shifted >> 64) as u64) * times;
}

/// The sum in the first [`LIMBS`] limbs, rounded once, to nearest and half to even. Infinite if it is beyond the range of floats.
pub(super) fn round(limbs: &[i128]) -> f64 {
    let limbs = &limbs[..LIMBS];
    let mut digits = [0_u64; LIMBS + 2];
    let negative = carry(limbs, &mut digits);
    let Some(top) = digits.iter().rposition(|digit| *digit != 0) else { return 0.0 };
    let bit = top * 64 + 63 - digits[top].leading_zeros() as usize;
    let magnitude = if bit < 53 { digits[0] as f64 * f64::from_bits(1) } else { rounded(&digits, bit) };
    if negative { -magnitude } else { magnitude }
}

/// Brings limbs to plain digits in base 2^64; true if the number is negative (the digits are then its magnitude's).
fn carry(limbs: &[i128], digits: &mut [u64; LIMBS + 2]) -> bool {
    let mut carried: i128 = 0;
    for (at, digit) in digits.iter_mut().enumerate() {
        let limb = limbs.get(at).copied().unwrap_or(0);
        // Two halves, so that limb and carry cannot overflow together.
        let low = i128::from(limb as u64) + i128::from(carried as u64);
        *digit = low as u64;
        carried = (limb >> 64) + (carried >> 64) + (low >> 64);
    }
    let negative = carried < 0;
    if negative {
        let mut borrow = true;
        for digit in digits.iter_mut() {
            let (negated, overflow) = (!*digit).overflowing_add(u64::from(borrow));
            *digit = negated;
            borrow = overflow;
        }
    }
    negative
}

/// The float nearest to digits whose highest bit is number `bit`, at least 53.
fn rounded(digits: &[u64], bit: usize) -> f64 {
    let at = |index: usize| digits[index / 64] >> (index % 64) & 1;
    let lowest = bit - 52;
    let mut mantissa = (lowest..=bit).rev().fold(0_u64, |mantissa, index| mantissa << 1 | at(index));
    let half = at(lowest - 1) == 1;
    let beyond = (0..lowest - 1).any(|index| at(index) == 1);
    if half && (beyond || mantissa & 1 == 1) {
        mantissa += 1;
    }
    let (mantissa, lowest) = if mantissa == 1 << 53 { (1 << 52, lowest + 1) } else { (mantissa, lowest) };
    // The value is mantissa * 2^(lowest - 1074); its biased exponent is lowest + 1.
    let exponent = lowest as u64 + 1;
    if exponent >= 0x7ff {
        return f64::INFINITY;
    }
    f64::from_bits(exponent << 52 | (mantissa & ((1 << 52) - 1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut limbs = [0; LIMBS];
        for value in values {
            add(&mut limbs, *value, 1);
        }
        round(&limbs)
    }

    #[test]
    fn sums_that_plain_addition_gets_wrong() {
        assert_eq!(sum(&[1e308, 1.0, -1e308]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(sum(&[5e-324, 5e-324]), 1e-323);
        assert_eq!(sum(&[-5e-324]), -5e-324);
        assert_eq!(sum(&[9007199254740992.0, 1.0, 1e-300]), 9007199254740994.0);
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    fn what_lies_behind_is_another_sum() {
        let mut sums = [0; LIMBS + 3];
        sums[LIMBS..].fill(7);
        add(&mut sums, 1.5, 2);
        assert_eq!((round(&sums), &sums[LIMBS..]), (3.0, [7, 7, 7].as_slice()));
    }

    fn finite() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
    }

    proptest! {
        #[test]
        fn one_value_comes_back(value in finite()) {
            prop_assert_eq!(sum(&[value]), value + 0.0);
        }

        #[test]
        fn two_values_add_as_the_processor_adds(a in finite(), b in finite()) {
            prop_assert_eq!(sum(&[a, b]), a + b + 0.0);
        }

        #[test]
        fn order_does_not_matter_and_taking_back_undoes(values in prop::collection::vec(finite(), 0..20), extra in finite()) {
            let mut limbs = [0; LIMBS];
            add(&mut limbs, extra, 3);
            for value in values.iter().rev() {
                add(&mut limbs, *value, 1);
            }
            add(&mut limbs, extra, -3);
            prop_assert_eq!(round(&limbs).to_bits(), sum(&values).to_bits());
        }
    }
}
