//! Two-sample Kolmogorov–Smirnov test, equal to SciPy 1.17 `scipy.stats.ks_2samp(a, b)` with its defaults.
//!
//! Two-sided; exact p-value while the larger sample has at most 10 000 values, else the distribution of `Dₙ` at
//! `n = round(ab/(a+b))`. Method: Hodges (1958), "The significance probability of the Smirnov two-sample test",
//! Arkiv för Matematik 3.

use super::ks_exact::exact_p_value;
use super::test::{DriftTest, Outcome, Verdict, unsupported};
use crate::distributions::kolmogorov_sf;
use crate::{ColumnKind, NumericSample, Sample, StatsError};

/// The larger sample's size up to which the p-value is exact (`MAX_AUTO_N` in SciPy).
const LARGEST_EXACT: usize = 10_000;

/// Result of the two-sample Kolmogorov–Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ks {
    /// `D`, the largest distance between the two empirical distribution functions, 0 to 1.
    pub statistic: f64,
    /// Chance of a distance at least as large if both samples come from one continuous distribution.
    pub p_value: f64,
}

/// Tests whether `a` and `b` come from one distribution; see the module for what it reproduces.
///
/// # Errors
/// [`StatsError::Empty`] for a sample without values, [`StatsError::NotANumber`] for one that holds NaN: a row
/// that cannot be ordered has no place in the statistic, and dropping it is the caller's decision
/// ([`NumericSample`] drops and counts).
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> Result<Ks, StatsError> {
    let a = NumericSample::strict("a", a)?;
    let b = NumericSample::strict("b", b)?;
    Ok(ks_sorted(a.sorted(), b.sorted()))
}

/// The same on samples that are sorted already, `baseline` before `window`.
///
/// # Errors
/// [`StatsError::Empty`] for a sample without values.
pub fn ks_samples(baseline: &NumericSample, window: &NumericSample) -> Result<Ks, StatsError> {
    if baseline.sorted().is_empty() {
        return Err(StatsError::Empty { input: "baseline" });
    }
    if window.sorted().is_empty() {
        return Err(StatsError::Empty { input: "window" });
    }
    Ok(ks_sorted(baseline.sorted(), window.sorted()))
}

/// The test itself; both slices ascending, not empty, without NaN.
fn ks_sorted(a: &[f64], b: &[f64]) -> Ks {
    let divisor = gcd(a.len(), b.len());
    let lattice = Lattice {
        a_step: (b.len() / divisor) as i128,
        b_step: (a.len() / divisor) as i128,
    };
    let distance = lattice.largest_distance(a, b);
    let common_multiple = (a.len() / divisor) as f64 * b.len() as f64;
    let statistic = distance as f64 / common_multiple;
    let exact = if a.len().max(b.len()) <= LARGEST_EXACT {
        exact_p_value(a.len(), b.len(), divisor, distance)
    } else {
        None
    };
    let p_value = exact.unwrap_or_else(|| limiting_p_value(a.len(), b.len(), statistic));
    Ks {
        statistic,
        p_value: p_value.clamp(0.0, 1.0),
    }
}

/// Both distribution functions on the common lattice of step `1 / lcm`, where their difference is an integer.
struct Lattice {
    a_step: i128,
    b_step: i128,
}

impl Lattice {
    /// `D · lcm(|a|, |b|)`; ties are stepped over together, as the functions are compared after the jump.
    fn largest_distance(&self, a: &[f64], b: &[f64]) -> u128 {
        let (mut i, mut j) = (0, 0);
        let mut largest = 0;
        while i < a.len() && j < b.len() {
            let value = if a[i] <= b[j] { a[i] } else { b[j] };
            while i < a.len() && a[i] <= value {
                i += 1;
            }
            while j < b.len() && b[j] <= value {
                j += 1;
            }
            let distance = (i as i128 * self.a_step - j as i128 * self.b_step).unsigned_abs();
            largest = largest.max(distance);
        }
        largest
    }
}

/// `P(Dₙ >= statistic)` at the effective sample size, rounded half to even as numpy does.
fn limiting_p_value(a: usize, b: usize, statistic: f64) -> f64 {
    let (larger, smaller) = (a.max(b) as f64, a.min(b) as f64);
    let effective = larger * smaller / (larger + smaller);
    kolmogorov_sf(effective.round_ties_even() as u64, statistic)
}

/// Greatest common divisor of two positive integers.
fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The Kolmogorov–Smirnov test as an entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct KolmogorovSmirnov;

impl DriftTest for KolmogorovSmirnov {
    fn name(&self) -> &'static str {
        "ks"
    }

    fn description(&self) -> &'static str {
        "Two-sample Kolmogorov-Smirnov test, the largest distance of the distribution functions (scipy.stats.ks_2samp)."
    }

    fn kinds(&self) -> &'static [ColumnKind] {
        &[ColumnKind::Numeric]
    }

    fn verdict(&self) -> Verdict {
        Verdict::PValueBelow
    }

    fn default_threshold(&self) -> f64 {
        0.05
    }

    fn run(&self, baseline: &Sample, window: &Sample) -> Result<Outcome, StatsError> {
        let (Sample::Numeric(left), Sample::Numeric(right)) = (baseline, window) else {
            return Err(unsupported(self, baseline, window));
        };
        let ks = ks_samples(left, right)?;
        Ok(Outcome {
            statistic: ks.statistic,
            p_value: Some(ks.p_value),
            effect_size: ks.statistic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ks(a: &[f64], b: &[f64]) -> Ks {
        ks_two_sample(a, b).expect("valid samples")
    }

    #[test]
    fn disjoint_samples_have_distance_one() {
        let result = ks(&[1.0, 2.0, 3.0], &[10.0, 11.0, 12.0]);
        assert_eq!(result.statistic, 1.0);
        // Two of the C(6,3) = 20 orders are this extreme.
        assert!((result.p_value - 0.1).abs() < 1e-15);
    }

    #[test]
    fn equal_samples_have_no_distance() {
        assert_eq!(
            ks(&[1.0, 1.0, 2.0], &[1.0, 1.0, 2.0]),
            Ks {
                statistic: 0.0,
                p_value: 1.0
            }
        );
    }

    #[test]
    fn unequal_sizes_by_counting_paths() {
        // a before all of b: D = 1; 2 of C(5,2) = 10 orders.
        let result = ks(&[0.0, 0.1], &[1.0, 2.0, 3.0]);
        assert_eq!(result.statistic, 1.0);
        assert!((result.p_value - 0.2).abs() < 1e-15);
    }

    #[test]
    fn infinities_are_ordered_and_nan_is_refused() {
        assert_eq!(ks(&[f64::NEG_INFINITY], &[f64::INFINITY]).statistic, 1.0);
        assert_eq!(
            ks_two_sample(&[f64::NAN], &[1.0]),
            Err(StatsError::NotANumber { input: "a" })
        );
        assert_eq!(ks_two_sample(&[1.0], &[]), Err(StatsError::Empty { input: "b" }));
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(ks(&[-0.0, 1.0], &[0.0, 1.0]).statistic, 0.0);
    }
}
