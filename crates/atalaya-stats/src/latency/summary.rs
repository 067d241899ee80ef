//! Exact latency summary of a window whose values are at hand.

use crate::binning::quantile;
use crate::{NumericSample, StatsError};

/// Mean and percentiles, in the unit of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencySummary {
    /// Number of values.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Summarises `values` with linearly interpolated percentiles, equal to `numpy.percentile`.
///
/// # Errors
/// [`StatsError::Empty`] without values, [`StatsError::NotANumber`] for NaN, [`StatsError::Infinite`] for ±∞.
pub fn summary(values: &[f64]) -> Result<LatencySummary, StatsError> {
    let input = "latencies";
    if values.iter().any(|value| value.is_infinite()) {
        return Err(StatsError::Infinite { input });
    }
    let sample = NumericSample::strict(input, values)?;
    let sorted = sample.sorted();
    let at = |probability| quantile(sorted, probability).ok_or(StatsError::Empty { input });
    Ok(LatencySummary {
        count: sorted.len() as u64,
        mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        p50: at(0.5)?,
        p90: at(0.9)?,
        p95: at(0.95)?,
        p99: at(0.99)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hundred() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let result = summary(&values).expect("values");
        assert_eq!((result.count, result.mean, result.p50), (100, 50.5, 50.5));
        assert!((result.p90 - 90.1).abs() < 1e-12);
        assert!((result.p99 - 99.01).abs() < 1e-12);
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(summary(&[]), Err(StatsError::Empty { input: "latencies" }));
        assert_eq!(
            summary(&[1.0, f64::NAN]),
            Err(StatsError::NotANumber { input: "latencies" })
        );
        assert_eq!(
            summary(&[f64::INFINITY]),
            Err(StatsError::Infinite { input: "latencies" })
        );
    }
}
