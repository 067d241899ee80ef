//! Arithmetic that is float32 where Python's is: every operation is done in double and rounded, which for `+ - * /` and
//! square roots is the float32 result itself.

use super::estimator::Output;
use super::numeric::{argmax, expit_each, round_to_f32};
use crate::exp::exp_each;
use crate::product::{Product, fused_single, multiply, multiply_with};

/// The type that Python computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// float32.
    Single,
    /// float64.
    Double,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "in float32 the arguments are representable"
)]
impl Precision {
    pub(super) fn of(single: bool) -> Self {
        if single { Self::Single } else { Self::Double }
    }

    pub(super) fn is_single(self) -> bool {
        self == Self::Single
    }

    /// Numbers as an answer: one per row, or `width` of them.
    pub(super) fn output(self, values: Vec<f64>, width: Option<usize>) -> Output {
        let output = match width {
            None => Output::floats(values),
            Some(width) => Output::wide(values, width),
        };
        if self.is_single() { output.into_single() } else { output }
    }

    /// The result of one operation.
    pub(super) fn round(self, x: f64) -> f64 {
        match self {
            Self::Single => round_to_f32(x),
            Self::Double => x,
        }
    }

    pub(super) fn exp(self, x: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).exp()),
            Self::Double => x.exp(),
        }
    }

    pub(super) fn ln(self, x: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).ln()),
            Self::Double => x.ln(),
        }
    }

    pub(super) fn ln_1p(self, x: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).ln_1p()),
            Self::Double => x.ln_1p(),
        }
    }

    pub(super) fn exp_m1(self, x: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).exp_m1()),
            Self::Double => x.exp_m1(),
        }
    }

    pub(super) fn powf(self, x: f64, exponent: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).powf(exponent as f32)),
            Self::Double => x.powf(exponent),
        }
    }

    pub(super) fn tanh(self, x: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).tanh()),
            Self::Double => x.tanh(),
        }
    }

    /// `total + x * w` as BLAS does it, with one rounding.
    pub(super) fn mul_add(self, x: f64, w: f64, total: f64) -> f64 {
        match self {
            Self::Single => f64::from((x as f32).mul_add(w as f32, total as f32)),
            Self::Double => x.mul_add(w, total),
        }
    }

    /// The product of two matrices, each element in the order of the inner dimension, as BLAS does it.
    pub(super) fn multiply(self, a: &[f64], b: &[f64], sizes: Product) -> Vec<f64> {
        match self {
            Self::Single => {
                let mut out = vec![0.0; sizes.rows * sizes.columns];
                multiply_with(a, b, sizes, fused_single, &mut out);
                out
            }
            Self::Double => multiply(a, b, sizes),
        }
    }

    /// [`Precision::exp`] of every number.
    pub(super) fn exp_each(self, values: &mut [f64]) {
        match self {
            Self::Single => values.iter_mut().for_each(|x| *x = self.exp(*x)),
            Self::Double => exp_each(values),
        }
    }

    /// [`Precision::expit`] of every number.
    pub(super) fn expit_each(self, values: &mut [f64]) {
        match self {
            Self::Single => values.iter_mut().for_each(|x| *x = self.expit(*x)),
            Self::Double => expit_each(values),
        }
    }

    /// `scipy.special.expit`.
    pub(super) fn expit(self, x: f64) -> f64 {
        self.round(1.0 / self.round(1.0 + self.exp(-x)))
    }

    /// `numpy.sum` over a contiguous axis, see [`super::numeric::sum`].
    pub(super) fn sum(self, values: &[f64]) -> f64 {
        let n = values.len();
        if n < 8 {
            return values.iter().fold(0.0, |total, value| self.round(total + value));
        }
        if n > 128 {
            let half = n / 2 - (n / 2) % 8;
            return self.round(self.sum(&values[..half]) + self.sum(&values[half..]));
        }
        let (chunks, rest) = values.as_chunks::<8>();
        let mut lanes = [0.0; 8];
        for (position, chunk) in chunks.iter().enumerate() {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane = if position == 0 {
                    *value
                } else {
                    self.round(*lane + value)
                };
            }
        }
        let add = |a: f64, b: f64| self.round(a + b);
        let [a, b, c, d, e, f, g, h] = lanes;
        let total = add(add(add(a, b), add(c, d)), add(add(e, f), add(g, h)));
        rest.iter().fold(total, |total, value| self.round(total + value))
    }

    /// `sklearn.utils.extmath.softmax` of one row, in place.
    pub(super) fn softmax(self, row: &mut [f64]) {
        let largest = row.get(argmax(row)).copied().unwrap_or(0.0);
        for value in row.iter_mut() {
            *value = self.exp(self.round(*value - largest));
        }
        let total = self.sum(row);
        for value in row.iter_mut() {
            *value = self.round(*value / total);
        }
    }

    /// The logarithm of the sum of exponentials of one row: `scipy.special.logsumexp` before SciPy 1.15.
    pub(super) fn logsumexp(self, row: &[f64]) -> f64 {
        let largest = row.get(argmax(row)).copied().unwrap_or(f64::NEG_INFINITY);
        let shift = if largest.is_finite() { largest } else { 0.0 };
        let terms: Vec<f64> = row.iter().map(|x| self.exp(self.round(x - shift))).collect();
        self.round(self.ln(self.sum(&terms)) + shift)
    }

    /// The same as scikit-learn 1.8 and SciPy 1.15 do it: the largest terms apart, through `log1p`.
    pub(super) fn logsumexp_apart(self, row: &[f64]) -> f64 {
        let largest = row.get(argmax(row)).copied().unwrap_or(f64::NEG_INFINITY);
        let shift = if largest.is_finite() { largest } else { 0.0 };
        let mut count = 0.0;
        let mut terms = Vec::with_capacity(row.len());
        for x in row {
            if *x < largest {
                terms.push(self.exp(self.round(x - shift)));
            } else {
                count += 1.0;
                terms.push(0.0);
            }
        }
        let rest = self.round(self.sum(&terms) / count);
        let log1p = match self {
            Self::Single => f64::from((rest as f32).ln_1p()),
            Self::Double => rest.ln_1p(),
        };
        self.round(self.round(log1p + self.ln(count)) + largest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::numeric;
    use super::*;

    #[test]
    fn double_is_the_arithmetic_of_numeric() {
        let row: Vec<f64> = (0..300).map(|n| f64::from(n).sin() / 3.0).collect();
        for n in [0, 1, 7, 8, 9, 128, 129, 300] {
            let (ours, theirs) = (Precision::Double.sum(&row[..n]), numeric::sum(&row[..n]));
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{n}");
        }
        let (mut a, mut b) = (row.clone(), row);
        Precision::Double.softmax(&mut a);
        numeric::softmax(&mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn single_results_are_float32() {
        let third = Precision::Single.round(1.0 / 3.0);
        for value in [
            Precision::Single.expit(third),
            Precision::Single.mul_add(third, third, 0.1),
            Precision::Single.logsumexp(&[third, 0.25, -third]),
            Precision::Single.logsumexp_apart(&[third, 0.25, third]),
        ] {
            assert_eq!(value.to_bits(), round_to_f32(value).to_bits());
        }
    }

    #[test]
    fn the_sum_of_nothing_likely_is_minus_infinity() {
        let all = [f64::NEG_INFINITY; 3];
        assert_eq!(Precision::Double.logsumexp(&all).to_bits(), f64::NEG_INFINITY.to_bits());
        assert_eq!(
            Precision::Double.logsumexp_apart(&all).to_bits(),
            f64::NEG_INFINITY.to_bits()
        );
    }

    #[test]
    fn both_sums_of_exponentials_agree() {
        for row in [&[0.3, -1.0, 0.3][..], &[-745.0, 5.0], &[2.0]] {
            let (old, new) = (Precision::Double.logsumexp(row), Precision::Double.logsumexp_apart(row));
            assert!((old - new).abs() < 1e-15 * old.abs().max(1.0), "{row:?}");
        }
    }
}
