//! Wasserstein-1 (earth mover's) distance between two samples of numbers.
//!
//! Vallender (1974), "Calculation of the Wasserstein distance between probability distributions on the line":
//! the area between the two distribution functions; equal to `scipy.stats.wasserstein_distance(a, b)`. As a
//! drift test it is divided by the baseline's population standard deviation, as Evidently does.

use super::test::{DriftTest, Outcome, Verdict, unsupported};
use crate::profile::Moments;
use crate::{ColumnKind, NumericSample, Sample, StatsError};

/// Smallest divisor, for a baseline that is constant: a shift then shows as a very large distance, not as NaN.
const LEAST_DEVIATION: f64 = 0.001;

/// The distance, in the unit of the values.
///
/// # Errors
/// [`StatsError::Empty`] when a side has no values, [`StatsError::Infinite`] when one is infinite.
pub fn wasserstein_distance(baseline: &NumericSample, window: &NumericSample) -> Result<f64, StatsError> {
    for (input, sample) in [("baseline", baseline), ("window", window)] {
        let (Some(least), Some(greatest)) = (sample.sorted().first(), sample.sorted().last()) else {
            return Err(StatsError::Empty { input });
        };
        if least.is_infinite() || greatest.is_infinite() {
            return Err(StatsError::Infinite { input });
        }
    }
    Ok(area(baseline.sorted(), window.sorted()))
}

/// The area between the distribution functions of two ascending slices.
fn area(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    let mut from = a[0].min(b[0]);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(left), Some(right)) => left.min(*right),
            (Some(only), None) | (None, Some(only)) => *only,
            (None, None) => break,
        };
        let gap = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        sum += gap * (next - from);
        from = next;
        while i < a.len() && a[i] <= next {
            i += 1;
        }
        while j < b.len() && b[j] <= next {
            j += 1;
        }
    }
    sum
}

/// The normed Wasserstein distance as an entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct Wasserstein;

impl DriftTest for Wasserstein {
    fn name(&self) -> &'static str {
        "wasserstein"
    }

    fn description(&self) -> &'static str {
        "Wasserstein distance in standard deviations of the baseline."
    }

    fn kinds(&self) -> &'static [ColumnKind] {
        &[ColumnKind::Numeric]
    }

    fn verdict(&self) -> Verdict {
        Verdict::StatisticAtLeast
    }

    fn default_threshold(&self) -> f64 {
        0.1
    }

    fn run(&self, baseline: &Sample, window: &Sample) -> Result<Outcome, StatsError> {
        let (Sample::Numeric(left), Sample::Numeric(right)) = (baseline, window) else {
            return Err(unsupported(self, baseline, window));
        };
        let distance = wasserstein_distance(left, right)?;
        let deviation = Moments::of(left.sorted()).population_std().unwrap_or(0.0);
        let statistic = distance / deviation.max(LEAST_DEVIATION);
        Ok(Outcome {
            statistic,
            p_value: None,
            effect_size: statistic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> NumericSample {
        NumericSample::from(values)
    }

    #[test]
    fn a_shift_is_its_own_distance() {
        let distance = wasserstein_distance(&sample(&[0.0, 1.0, 3.0]), &sample(&[5.0, 6.0, 8.0]));
        assert!((distance.expect("finite") - 5.0).abs() < 1e-12);
    }

    #[test]
    fn unequal_sizes_by_hand() {
        // F jumps to 1 at 0; G to 1/2 at 0 and to 1 at 2: half of the mass moves by 2.
        assert_eq!(wasserstein_distance(&sample(&[0.0]), &sample(&[0.0, 2.0])), Ok(1.0));
    }

    #[test]
    fn infinity_is_refused() {
        let result = wasserstein_distance(&sample(&[0.0]), &sample(&[f64::INFINITY]));
        assert_eq!(result, Err(StatsError::Infinite { input: "window" }));
    }
}
