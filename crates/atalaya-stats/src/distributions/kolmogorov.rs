//! Distribution of the two-sided Kolmogorov–Smirnov statistic `Dₙ` for finite `n`.
//!
//! Regimes of Simard & L'Ecuyer (2011), "Computing the two-sided Kolmogorov–Smirnov distribution", J. Stat.
//! Softw. 39(11), with the limits that `scipy.stats.kstwo.sf` uses, so that its numbers are reproduced also
//! where a regime is an approximation. Where SciPy uses Pomeranz' recursion we use Durbin's matrix: both are
//! exact there.

use std::f64::consts::PI;

use super::smirnov::smirnov_sf;

/// Up to this sample size every regime is exact.
const LARGEST_EXACT: u64 = 140;
/// Beyond `n x²` of this, the answer is 0 in double precision.
const CERTAIN: f64 = 370.0;
/// Two to the 128th: matrices are kept below it, and the power of two is carried apart.
const RESCALE: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;
/// Its exponent.
const RESCALE_EXPONENT: i64 = 128;

/// `P(Dₙ >= x)` for a sample of `n >= 1` values, equal to `scipy.stats.kstwo.sf(x, n)`.
#[must_use]
pub fn kolmogorov_sf(n: u64, x: f64) -> f64 {
    if n == 0 || x.is_nan() {
        return f64::NAN;
    }
    let size = n as f64;
    let nx = size * x;
    if nx <= 0.5 {
        return 1.0;
    }
    if x >= 1.0 {
        return 0.0;
    }
    if nx <= 1.0 {
        return (1.0 - ruben_gambino(n, nx)).clamp(0.0, 1.0);
    }
    if nx >= size - 1.0 {
        return 2.0 * (size * (-x).ln_1p()).exp();
    }
    let nx_squared = nx * x;
    // The two one-sided events exclude each other above 1/2, and nearly so in the tail (Miller 1956).
    if x >= 0.5 || nx_squared > tail_start(n) {
        return if n > LARGEST_EXACT && x < 0.5 && nx_squared >= CERTAIN {
            0.0
        } else {
            (2.0 * smirnov_sf(n, x)).clamp(0.0, 1.0)
        };
    }
    let cdf = if n <= LARGEST_EXACT || (n <= 100_000 && size * x.powf(1.5) <= 1.4) {
        durbin_cdf(n, x)
    } else {
        pelz_good_cdf(size, x)
    };
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// The `n x²` above which twice the one-sided tail is the answer (the comparison is strict below, not strict
/// above 140; the bound 2.2 is therefore stored one step lower).
fn tail_start(n: u64) -> f64 {
    if n <= LARGEST_EXACT { 4.0 } else { 2.2_f64.next_down() }
}

/// Ruben & Gambino (1982): `n!/nⁿ (2nx − 1)ⁿ` for `1/2 <= nx <= 1`.
fn ruben_gambino(n: u64, nx: f64) -> f64 {
    let size = n as f64;
    (1..=n).fold(1.0, |product, k| product * (k as f64 / size * (2.0 * nx - 1.0)))
}

/// Durbin's matrix by Marsaglia, Tsang & Wang (2003), "Evaluating Kolmogorov's distribution", J. Stat. Softw.
/// 8(18): with `nx = k − h`, element `(k, k)` of `n!/nⁿ Hⁿ`. Costs `O(k³ log n)`; `k` is below 64 in its regimes.
/// Both matrices are rescaled: SciPy rescales only the base, overflows for large `n` with many bits set and then
/// answers 0 where the truth is 1 (seen at n = 65 524, x = 0.000248); there we keep the truth.
fn durbin_cdf(n: u64, x: f64) -> f64 {
    let nx = n as f64 * x;
    let k = nx.ceil() as usize;
    let mut base = durbin_matrix(k, k as f64 - nx);
    let middle = k - 1;
    let mut power = SquareMatrix::identity(2 * k - 1);
    let (mut exponent, mut base_exponent) = (0_i64, 0_i64);
    let mut left = n;
    while left > 0 {
        if left % 2 == 1 {
            power = power.times(&base);
            exponent += base_exponent + power.rescale(middle);
        }
        left /= 2;
        if left > 0 {
            base = base.times(&base);
            base_exponent = 2 * base_exponent + base.rescale(middle);
        }
    }
    let mut probability = power.at(middle, middle);
    for i in 1..=n {
        probability *= i as f64 / n as f64;
        if probability < 1.0 / RESCALE {
            probability *= RESCALE;
            exponent -= RESCALE_EXPONENT;
        }
    }
    // Two factors, because the power of two itself may lie outside the range of a double.
    let half = (exponent / 2).clamp(-2000, 2000) as i32;
    let rest = (exponent - i64::from(half)).clamp(-2000, 2000) as i32;
    (probability * 2.0_f64.powi(half) * 2.0_f64.powi(rest)).clamp(0.0, 1.0)
}

/// `H` of Marsaglia, Tsang & Wang: `1/(i−j+1)!` on and below the superdiagonal, with corrected first column and
/// last row.
fn durbin_matrix(k: usize, h: f64) -> SquareMatrix {
    let size = 2 * k - 1;
    let mut inverse_factorial = vec![1.0; size + 1];
    for i in 1..=size {
        inverse_factorial[i] = inverse_factorial[i - 1] / i as f64;
    }
    let mut matrix = SquareMatrix::zero(size);
    for row in 0..size {
        for column in 0..size.min(row + 2) {
            *matrix.at_mut(row, column) = inverse_factorial[row + 1 - column];
        }
    }
    let mut h_power = 1.0;
    for i in 0..size {
        h_power *= h;
        let value = (1.0 - h_power) * inverse_factorial[i + 1];
        *matrix.at_mut(i, 0) = value;
        *matrix.at_mut(size - 1, size - 1 - i) = value;
    }
    let overlap = (2.0 * h - 1.0).max(0.0).powi(size as i32);
    *matrix.at_mut(size - 1, 0) = (1.0 - 2.0 * h_power + overlap) * inverse_factorial[size];
    matrix
}

/// A dense square matrix, rows one after the other.
struct SquareMatrix {
    size: usize,
    cells: Vec<f64>,
}

impl SquareMatrix {
    fn zero(size: usize) -> Self {
        Self {
            size,
            cells: vec![0.0; size * size],
        }
    }

    fn identity(size: usize) -> Self {
        let mut matrix = Self::zero(size);
        for i in 0..size {
            *matrix.at_mut(i, i) = 1.0;
        }
        matrix
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    fn at_mut(&mut self, row: usize, column: usize) -> &mut f64 {
        &mut self.cells[row * self.size + column]
    }

    /// Divides by `RESCALE` when the middle element is above it; returns the power of two taken out.
    fn rescale(&mut self, middle: usize) -> i64 {
        if self.at(middle, middle) <= RESCALE {
            return 0;
        }
        for cell in &mut self.cells {
            *cell /= RESCALE;
        }
        RESCALE_EXPONENT
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self::zero(self.size);
        for (row, target) in product.cells.chunks_exact_mut(self.size).enumerate() {
            for (inner, source) in other.cells.chunks_exact(self.size).enumerate() {
                let factor = self.at(row, inner);
                for (cell, value) in target.iter_mut().zip(source) {
                    *cell += factor * value;
                }
            }
        }
        product
    }
}

/// Pelz & Good (1976), "Approximating the lower tail-areas of the Kolmogorov–Smirnov one-sample statistic",
/// J. R. Stat. Soc. B 38: `K₀(z) + K₁(z)/√n + K₂(z)/n + K₃(z)/n^{3/2}` at `z = x√n`, each `Kᵢ` in the theta form
/// that converges fast for small `z`.
fn pelz_good_cdf(n: f64, x: f64) -> f64 {
    let z = n.sqrt() * x;
    let (z2, pi2) = (z * z, PI * PI);
    let (z4, z6, z8) = (z2 * z2, z2 * z2 * z2, z2 * z2 * z2 * z2);
    let (pi4, pi6) = (pi2 * pi2, pi2 * pi2 * pi2);
    let half_decay = -pi2 / (8.0 * z2);
    if half_decay < -708.0 {
        return 0.0;
    }
    let terms = (16.0 * z / PI).ceil() as u32;
    let mut sums = [0.0_f64; 4];
    for k in (1..=terms).rev() {
        let odd = f64::from(2 * k - 1);
        let (m2, m4, m6) = (odd.powi(2), odd.powi(4), odd.powi(6));
        let weight = (half_decay * m2).exp();
        sums[0] += weight;
        sums[1] += weight * (pi2 / 4.0 * m2 - z2);
        sums[2] += weight
            * (6.0 * z6 + 2.0 * z4 + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2 + pi4 * (1.0 - 2.0 * z2) / 16.0 * m4);
        sums[3] += weight
            * (-30.0 * z6 - 90.0 * z8
                + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + pi4 * (212.0 * z4 - 60.0 * z2) / 16.0 * m4
                + pi6 * (5.0 - 30.0 * z2) / 64.0 * m6);
    }
    let (mut even2, mut even3) = (0.0, 0.0);
    for k in (1..=terms).rev() {
        let k2 = f64::from(k).powi(2);
        let weight = k2 * (4.0 * half_decay * k2).exp();
        even2 += weight;
        even3 += weight * (3.0 * z2 - pi2 * k2);
    }
    let root = (2.0 * PI).sqrt();
    let k0 = sums[0] * root / z;
    let k1 = sums[1] * root / (6.0 * z4);
    let k2 = sums[2] * root / (72.0 * z6 * z) - even2 * pi2 * root / (36.0 * z2 * z);
    let k3 = sums[3] * root / (6480.0 * z8 * z2) + even3 * pi2 * root / (216.0 * z6);
    k0 + k1 / n.sqrt() + k2 / n + k3 / (n * n.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_twice_the_distance_from_the_middle() {
        assert!((kolmogorov_sf(1, 0.75) - 0.5).abs() < 1e-15);
        assert_eq!(kolmogorov_sf(1, 0.5), 1.0);
        assert_eq!(kolmogorov_sf(1, 1.0), 0.0);
    }

    #[test]
    fn the_published_value_of_marsaglia_tsang_and_wang() {
        // Their paper: K(10, 0.274) = 0.6284796154565...
        assert!((1.0 - kolmogorov_sf(10, 0.274) - 0.628_479_615_456_504_3).abs() < 1e-13);
    }

    #[test]
    fn regimes_meet_as_closely_as_they_approximate() {
        // Exact against exact up to 140. Beyond, the Pelz–Good series is good to a few parts in 10⁵ of the tail,
        // and at 2.2 the doubled one-sided tail counts paths that leave on both sides twice: 2 parts in 10⁶.
        for (n, tolerance) in [(60, 1e-7), (140, 1e-7), (141, 5e-5), (1000, 5e-6), (50_000, 5e-6)] {
            for bound in [0.754_693_f64, 2.2, 4.0] {
                let x = (bound / n as f64).sqrt();
                let (left, right) = (kolmogorov_sf(n, x * (1.0 - 1e-9)), kolmogorov_sf(n, x * (1.0 + 1e-9)));
                assert!(
                    (left - right).abs() < tolerance * left,
                    "n {n}, bound {bound}: {left} and {right}"
                );
            }
        }
    }

    #[test]
    fn many_squarings_do_not_overflow() {
        // 65 535 has sixteen bits set: every one multiplies the power once more.
        assert!((kolmogorov_sf(65_535, 0.0007) - 1.0).abs() < 1e-14);
    }
}
