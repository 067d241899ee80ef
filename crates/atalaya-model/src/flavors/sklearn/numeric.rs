//! The elementary arithmetic of numpy, SciPy and scikit-learn, in their order of operations, so that results agree bit for
//! bit where Python agrees with itself.

pub(super) use crate::exp::expit_each;
use crate::simd::{Kernel, Level};

/// `scipy.special.expit`.
pub(super) fn expit(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Probabilities of the second of two classes, as those of both.
pub(super) fn pairs(probabilities: &[f64]) -> Vec<f64> {
    let mut pairs = vec![0.0; 2 * probabilities.len()];
    for (pair, p) in pairs.as_chunks_mut().0.iter_mut().zip(probabilities) {
        *pair = [1.0 - p, *p];
    }
    pairs
}

/// `scipy.special.logit` (1.11 and later): two forms, for accuracy near one half.
pub(super) fn logit(p: f64) -> f64 {
    if !(0.3..=0.65).contains(&p) {
        return (p / (1.0 - p)).ln();
    }
    let s = 2.0 * (p - 0.5);
    s.ln_1p() - (-s).ln_1p()
}

/// `numpy.sum` over a contiguous axis: pairwise, with eight accumulators below 129 elements.
pub(super) fn sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |total, value| total + value);
    }
    if n > 128 {
        let half = n / 2 - (n / 2) % 8;
        return sum(&values[..half]) + sum(&values[half..]);
    }
    let mut lanes = [0.0; 8];
    lanes.copy_from_slice(&values[..8]);
    let mut chunks = values[8..].chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    chunks.remainder().iter().fold(total, |total, value| total + value)
}

/// The sum of squares of a row that lies side by side in memory, by `numpy.einsum("ij,ij->i")` with vectors of two: eight numbers at a time, the last pair first.
pub(super) fn squares(row: &[f64]) -> f64 {
    let mut total = [0.0; 2];
    let mut add = |pair: &[f64]| {
        for (total, x) in total.iter_mut().zip(pair) {
            *total += x * x;
        }
    };
    let (eights, rest) = row.as_chunks::<8>();
    for eight in eights {
        eight.chunks_exact(2).rev().for_each(&mut add);
    }
    rest.chunks(2).for_each(&mut add);
    total[0] + total[1]
}

/// `numpy.argmax`: the first of the largest; a NaN counts as larger than everything.
pub(super) fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (position, value) in values.iter().enumerate() {
        if values[best].is_nan() {
            break;
        }
        if *value > values[best] || value.is_nan() {
            best = position;
        }
    }
    best
}

/// `sklearn.utils.extmath.softmax` of one row, in place.
pub(super) fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
    }
    let total = sum(row);
    for value in row.iter_mut() {
        *value /= total;
    }
}

/// As [`softmax`], of a row whose numbers do not lie side by side in memory: numpy adds them one after the other.
pub(super) fn softmax_in_order(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
    }
    let total = row.iter().fold(0.0, |total, value| total + value);
    for value in row.iter_mut() {
        *value /= total;
    }
}

/// `numpy.logaddexp`.
pub(super) fn log_add_exp(x: f64, y: f64) -> f64 {
    #[expect(
        clippy::float_cmp,
        reason = "numpy compares for equality, which is how it adds two infinities"
    )]
    if x == y {
        return x + std::f64::consts::LN_2;
    }
    let difference = x - y;
    if difference > 0.0 {
        x + (-difference).exp().ln_1p()
    } else if difference <= 0.0 {
        y + difference.exp().ln_1p()
    } else {
        difference
    }
}

/// `numpy.exp(row - scipy.special.logsumexp(row))`, in place: the softmax of gradient boosting before scikit-learn 1.4.
pub(super) fn exp_minus_logsumexp(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shifted: Vec<f64> = row.iter().map(|value| (value - largest).exp()).collect();
    let log_total = sum(&shifted).ln() + largest;
    for value in row.iter_mut() {
        *value = (*value - log_total).exp();
    }
}

/// A row times one of several columns of weights: in feature order, one rounding per feature, as OpenBLAS's `dgemm` does.
pub(super) fn dot(row: &[f64], weights: &[f64]) -> f64 {
    row.iter().zip(weights).fold(0.0, |total, (x, w)| x.mul_add(*w, total))
}

/// A row times the only column of weights, in the grouping of OpenBLAS's `dgemv_n` on x86-64 with FMA for
/// column-major rows, which is what a data frame gives: fours of features as two chains, then a pair without FMA, then
/// the last one alone. Found by comparing with numpy for 1 to 20 features: equal in every bit but for the last one to
/// three rows of a batch whose length is no multiple of four, which BLAS treats apart.
#[inline(always)]
pub(super) fn dot_alone(row: &[f64], weights: &[f64]) -> f64 {
    let (fours, rest) = row.as_chunks::<4>();
    let (weight_fours, weight_rest) = weights.as_chunks::<4>();
    let mut total = 0.0;
    for (x, w) in fours.iter().zip(weight_fours) {
        total += x[2].mul_add(w[2], x[0] * w[0]) + x[3].mul_add(w[3], x[1] * w[1]);
    }
    let (pairs, last) = rest.as_chunks::<2>();
    let (weight_pairs, weight_last) = weight_rest.as_chunks::<2>();
    for (x, w) in pairs.iter().zip(weight_pairs) {
        total += x[0] * w[0] + x[1] * w[1];
    }
    for (x, w) in last.iter().zip(weight_last) {
        total += x * w;
    }
    total
}

/// [`dot_alone`] of every row.
pub(super) fn dot_alone_each(values: &[f64], weights: &[f64]) -> Vec<f64> {
    Level::best().run(DotAlone { values, weights })
}

struct DotAlone<'a> {
    values: &'a [f64],
    weights: &'a [f64],
}

impl Kernel for DotAlone<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let rows = self.values.chunks_exact(self.weights.len().max(1));
        rows.map(|row| dot_alone(row, self.weights)).collect()
    }
}

/// A sparse row times a column of weights: SciPy multiplies, rounds and adds. Zeros that are not stored add nothing.
pub(super) fn dot_sparse(row: &[f64], weights: &[f64]) -> f64 {
    row.iter().zip(weights).fold(0.0, |total, (x, w)| total + x * w)
}

/// The nearest float32, and its value as a double.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to float32 is what numpy's cast does"
)]
pub(super) fn round_to_f32(value: f64) -> f64 {
    f64::from(value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_in_pairs_like_numpy() {
        let tenths = [0.1; 1000];
        for n in [7, 8, 10, 129, 1000] {
            let expected = f64::from(u16::try_from(n).expect("a small count")) / 10.0;
            assert!((sum(&tenths[..n]) - expected).abs() < 1e-12);
        }
        // One after the other gives 0.9999999999999999; numpy.sum gives 1.0.
        assert_eq!(sum(&tenths[..10]).to_bits(), 1.0f64.to_bits());
    }

    #[test]
    fn argmax_takes_the_first_and_prefers_nan() {
        assert_eq!(argmax(&[1.0, 2.0, 2.0]), 1);
        assert_eq!(argmax(&[1.0, f64::NAN, 3.0, f64::NAN]), 1);
        assert_eq!(argmax(&[0.0, -0.0]), 0);
    }

    #[test]
    fn logarithms_are_added_as_numpy_does() {
        assert_eq!(log_add_exp(f64::NEG_INFINITY, -1.5).to_bits(), (-1.5f64).to_bits());
        assert_eq!(log_add_exp(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!((log_add_exp(2.0f64.ln(), 3.0f64.ln()) - 5.0f64.ln()).abs() < 1e-15);
        assert!(log_add_exp(f64::NAN, 0.0).is_nan());
    }

    #[test]
    fn many_at_once_are_as_one_alone() {
        let scores: Vec<f64> = (-50..50).map(|n| f64::from(n) * 0.37).collect();
        let mut found = scores.clone();
        expit_each(&mut found);
        assert!(
            scores
                .iter()
                .zip(&found)
                .all(|(x, p)| expit(*x).to_bits() == p.to_bits())
        );
        let weights = &scores[..7];
        let expected: Vec<f64> = scores.chunks_exact(7).map(|row| dot_alone(row, weights)).collect();
        assert_eq!(dot_alone_each(&scores, weights), expected);
    }

    #[test]
    fn both_forms_of_logit_meet() {
        for p in [0.3, 0.65] {
            assert!((logit(p) - (p / (1.0 - p)).ln()).abs() < 1e-15);
        }
        assert_eq!(logit(0.5).to_bits(), 0.0f64.to_bits());
    }
}
