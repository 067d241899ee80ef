//! Survival function of the chi-squared distribution.

use statrs::function::gamma::checked_gamma_ur;

/// `P(X >= statistic)` for a chi-squared variable with `degrees` degrees of freedom: the regularised upper
/// incomplete gamma function `Q(degrees / 2, statistic / 2)`, equal to `scipy.stats.chi2.sf`.
///
/// Zero degrees of freedom put all mass at 0, so the answer is 1 at 0 as in `scipy.stats.chi2_contingency`.
#[must_use]
pub fn chi_squared_sf(statistic: f64, degrees: u64) -> f64 {
    // Halved first: half of the smallest double is 0.
    let half = statistic / 2.0;
    if half <= 0.0 {
        return 1.0;
    }
    if degrees == 0 || half == f64::INFINITY {
        return 0.0;
    }
    // The continued fraction keeps the tail's relative accuracy; 1 − CDF would lose it below 1e-16.
    checked_gamma_ur(degrees as f64 / 2.0, half)
        .expect("both arguments are positive and finite")
        .clamp(0.0, 1.0)
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
    fn two_degrees_are_an_exponential() {
        for statistic in [0.01, 1.0, 10.0, 200.0, 1000.0] {
            close(chi_squared_sf(statistic, 2), (-statistic / 2.0_f64).exp());
        }
    }

    #[test]
    fn the_borders_are_certain() {
        assert_eq!(chi_squared_sf(0.0, 3), 1.0);
        assert_eq!(chi_squared_sf(f64::from_bits(1), 3), 1.0);
        assert!(chi_squared_sf(f64::NAN, 3).is_nan());
        assert_eq!(chi_squared_sf(1.0, 0), 0.0);
        assert_eq!(chi_squared_sf(f64::INFINITY, 3), 0.0);
    }
}
