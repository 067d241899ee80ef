//! Distribution of the one-sided Kolmogorov–Smirnov statistic `D⁺ₙ`.
//!
//! The sum of Birnbaum & Tingey (1951), "One-sided confidence contours for probability distribution functions",
//! Ann. Math. Statist. 22, evaluated term by term in the saddle-point form of Loader (2000), "Fast and accurate
//! computation of binomial probabilities". Reproduces `scipy.special.smirnov`.

use std::f64::consts::{LN_2, PI};

/// Above this size SciPy answers with the limiting form, and so do we: the sum has `n` terms.
const LARGEST_SUM: u64 = 1_000_000;
/// Natural logarithm of the smallest positive double: below it the answer is 0.
const LN_SMALLEST: f64 = -745.133_219_101_941_2;

/// `P(D⁺ₙ >= x)` for a sample of `n` values.
#[must_use]
pub fn smirnov_sf(n: u64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let size = n as f64;
    let nx = size * x;
    if nx <= 1.0 {
        return 1.0 - x * ((size - 1.0) * x.ln_1p()).exp();
    }
    if -2.0 * nx * x < LN_SMALLEST {
        return 0.0;
    }
    if nx >= size - 1.0 {
        return (size * (-x).ln_1p()).exp();
    }
    if n > LARGEST_SUM {
        let log = -(6.0 * nx + 1.0).powi(2) / 18.0 / size;
        return if log < -LN_2 { log.exp() } else { 1.0 - -log.exp_m1() };
    }
    birnbaum_tingey(n, x).clamp(0.0, 1.0)
}

/// `Σ_{v=0}^{⌊n(1−x)⌋} C(n,v) x (x+v/n)^{v−1} (1−x−v/n)^{n−v}`; every term is positive, so nothing cancels.
fn birnbaum_tingey(n: u64, x: f64) -> f64 {
    let size = n as f64;
    let nx = size * x;
    let last = (size - nx).floor() as u64;
    let mut sum = (size * (-x).ln_1p()).exp();
    let mut lost = 0.0;
    for v in 1..=last {
        let term = sum_term(n, v, nx);
        // Neumaier's compensation: a million terms would otherwise cost three digits.
        let next = sum + term;
        lost += if sum >= term {
            (sum - next) + term
        } else {
            (term - next) + sum
        };
        sum = next;
        if 4.0 * (last - v) as f64 * term < f64::EPSILON * sum && v > last / 2 {
            break;
        }
    }
    sum + lost
}

/// One term as a binomial probability: `x/(x+v/n) · pmf(v; n, x+v/n)`.
///
/// The two deviances are written with `ln(1+u) − u`, because `np − v = nx` is known exactly and the plain
/// logarithms of `pmf` would lose the digits that cancel between them.
fn sum_term(n: u64, v: u64, nx: f64) -> f64 {
    let (size, hits) = (n as f64, v as f64);
    let misses = size - hits;
    if misses <= nx {
        return 0.0;
    }
    let deviance = -hits * ln_1p_minus(nx / hits) - misses * ln_1p_minus(-nx / misses);
    let stirling = stirling_error(n) - stirling_error(v) - stirling_error(n - v);
    let scale = (size / (2.0 * PI * hits * misses)).sqrt();
    nx / (nx + hits) * scale * (stirling - deviance).exp()
}

/// `ln(1+u) − u` without cancellation near zero, by `ln(1+u) = 2 artanh(u/(2+u))`.
fn ln_1p_minus(u: f64) -> f64 {
    if u.abs() > 0.5 {
        return u.ln_1p() - u;
    }
    // With r = u/(2+u): ln(1+u) − u = 2(r³/3 + r⁵/5 + …) − ru, since 2r − u = −ru.
    let r = u / (2.0 + u);
    let square = r * r;
    let mut power = r * square;
    let mut series = 0.0;
    let mut odd = 3.0;
    while odd < 60.0 {
        let term = power / odd;
        series += term;
        if term.abs() <= f64::EPSILON * 0.1 * (r * u).abs() {
            break;
        }
        power *= square;
        odd += 2.0;
    }
    2.0 * series - r * u
}

/// `ln n! − ln(√(2πn) (n/e)ⁿ)`, the error of Stirling's formula: exact products below 16, else its series.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n < 16 {
        let factorial: f64 = (2..=n).map(|k| k as f64).product();
        return (factorial / (2.0 * PI * x).sqrt()).ln() - x * x.ln() + x;
    }
    let inverse = 1.0 / (x * x);
    let coefficients = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
    ];
    coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * inverse + coefficient)
        / x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!(
            ((actual - expected) / expected).abs() < 1e-11,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn equals_scipy_special_smirnov() {
        close(smirnov_sf(141, 0.95), 3.587_328_877_280_328_4e-184);
        close(smirnov_sf(700, 0.51), 1.128_787_892_277_487_5e-169);
        assert_eq!(smirnov_sf(1000, 0.6), 0.0);
        assert_eq!(smirnov_sf(200, 0.99), 0.0);
    }

    #[test]
    fn one_value_is_uniform() {
        close(smirnov_sf(1, 0.25), 0.75);
    }

    #[test]
    fn two_values_by_hand() {
        // P(D⁺₂ >= x) = (1−x)² + 2x(1/2−x)·1 for x <= 1/2.
        close(smirnov_sf(2, 0.5), 0.25);
        close(smirnov_sf(2, 0.3), 0.7_f64.powi(2) + 2.0 * 0.3 * 0.2);
    }

    #[test]
    fn stirling_series_meets_the_product() {
        let x = 16.0_f64;
        let product: f64 = (2..=16).map(f64::from).product();
        let direct = (product / (2.0 * PI * x).sqrt()).ln() - x * x.ln() + x;
        assert!((stirling_error(16) - direct).abs() < 1e-14);
    }
}
