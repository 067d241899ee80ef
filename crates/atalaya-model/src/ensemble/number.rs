//! The two types of numbers that ensembles compare and add.

use std::fmt::Debug;
use std::ops::AddAssign;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `f32` or `f64`.
pub trait Number:
    Copy
    + PartialOrd
    + AddAssign
    + Default
    + Debug
    + Send
    + Sync
    + FromBytes
    + IntoBytes
    + Immutable
    + KnownLayout
    + sealed::Sealed
    + 'static
{
    /// +∞.
    const INFINITY: Self;
    /// −∞.
    const NEG_INFINITY: Self;
    /// The next smaller number.
    #[must_use]
    fn below(self) -> Self;
    /// The largest number that is not above `threshold`; NaN for NaN. A number `x` of this type is at most `threshold`
    /// exactly when it is at most this one.
    #[must_use]
    fn round_down(threshold: f64) -> Self;
    /// The same number as a double.
    #[must_use]
    fn to_f64(self) -> f64;
    /// Without its sign.
    #[must_use]
    fn magnitude(self) -> Self;
    /// With the other sign.
    #[must_use]
    fn negated(self) -> Self;
    /// Whether it is NaN.
    fn missing(self) -> bool;
    /// A NaN that carries a number of up to 22 bits; [`Number::carried`] gives it back.
    #[must_use]
    fn carrying(number: u32) -> Self;
    /// What a NaN of [`Number::carrying`] carries.
    #[must_use]
    fn carried(self) -> u32;
}

/// The bits of a NaN that [`Number::carrying`] uses.
const CARRIED: u32 = (1 << 22) - 1;

impl Number for f32 {
    const INFINITY: Self = Self::INFINITY;
    const NEG_INFINITY: Self = Self::NEG_INFINITY;

    fn below(self) -> Self {
        self.next_down()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the result is corrected to the float32 below"
    )]
    fn round_down(threshold: f64) -> Self {
        let nearest = threshold as Self;
        if f64::from(nearest) > threshold {
            nearest.next_down()
        } else {
            nearest
        }
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn magnitude(self) -> Self {
        self.abs()
    }

    fn negated(self) -> Self {
        -self
    }

    #[inline(always)]
    fn missing(self) -> bool {
        self.is_nan()
    }

    fn carrying(number: u32) -> Self {
        Self::from_bits(Self::NAN.to_bits() | number & CARRIED)
    }

    #[inline(always)]
    fn carried(self) -> u32 {
        self.to_bits() & CARRIED
    }
}

impl Number for f64 {
    const INFINITY: Self = Self::INFINITY;
    const NEG_INFINITY: Self = Self::NEG_INFINITY;

    fn below(self) -> Self {
        self.next_down()
    }

    fn round_down(threshold: f64) -> Self {
        threshold
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn magnitude(self) -> Self {
        self.abs()
    }

    fn negated(self) -> Self {
        -self
    }

    #[inline(always)]
    fn missing(self) -> bool {
        self.is_nan()
    }

    fn carrying(number: u32) -> Self {
        Self::from_bits(Self::NAN.to_bits() | u64::from(number & CARRIED))
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest 22 bits are meant")]
    fn carried(self) -> u32 {
        self.to_bits() as u32 & CARRIED
    }
}

mod sealed {
    /// Keeps [`super::Number`] to the two types of this file.
    pub trait Sealed {}

    impl Sealed for f32 {}

    impl Sealed for f64 {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float32_thresholds_decide_like_double_ones() {
        for threshold in [0.1, -0.1, 1e-50, -1e-50, 1e300, -1e300, 0.0, 16_777_217.0] {
            let single = <f32 as Number>::round_down(threshold);
            assert!(f64::from(single) <= threshold);
            for x in [single.next_down(), single, single.next_up()] {
                assert_eq!(f64::from(x) <= threshold, x <= single, "{threshold}");
            }
        }
        assert_eq!(<f32 as Number>::round_down(f64::INFINITY), f32::INFINITY);
        assert!(<f32 as Number>::round_down(f64::NAN).is_nan());
    }
}
