//! Population stability index: `Σ (wᵢ − bᵢ) ln(wᵢ / bᵢ)` over the shares of bins or categories.
//!
//! Symmetrised Kullback–Leibler divergence (Jeffreys 1946); as a stability index Lewis (1994), "An introduction
//! to credit scoring". Common reading: below 0.1 stable, below 0.2 moderate, from 0.2 significant.

use super::test::{DriftTest, Outcome, Verdict, unsupported};
use crate::binning::{bin_counts, quantile_edges};
use crate::{CategoricalSample, ColumnKind, NumericSample, Sample, StatsError};

/// Bins of the baseline's deciles.
pub const DEFAULT_PSI_BINS: usize = 10;

/// A share below this counts as this much, since `ln 0` is infinite: one row in ten thousand, the floor that
/// Evidently uses. Shares are not renormalised afterwards.
pub const EMPTY_SHARE: f64 = 0.0001;

/// PSI of `window` against `baseline` over bins of equal share in the baseline (merged where the baseline has
/// ties; values outside its range fall into the outer bins).
///
/// # Errors
/// [`StatsError::Empty`] when a side has no values, [`StatsError::Parameter`] for fewer than two bins.
pub fn psi_numeric(baseline: &NumericSample, window: &NumericSample, bins: usize) -> Result<f64, StatsError> {
    psi_shares(&numeric_table(baseline, window, bins)?)
}

/// PSI of `window` against `baseline` over the categories seen in either.
///
/// # Errors
/// [`StatsError::Empty`] when a side has no values.
pub fn psi_categorical(baseline: &CategoricalSample, window: &CategoricalSample) -> Result<f64, StatsError> {
    psi_shares(&baseline.table(window))
}

/// PSI of a table of (baseline, window) counts.
///
/// # Errors
/// [`StatsError::Empty`] when a side sums to zero.
pub fn psi_shares(table: &[(u64, u64)]) -> Result<f64, StatsError> {
    let shares = shares(table)?;
    Ok(shares
        .iter()
        .map(|&(baseline, window)| (baseline.max(EMPTY_SHARE), window.max(EMPTY_SHARE)))
        .map(|(baseline, window)| (window - baseline) * (window / baseline).ln())
        .sum())
}

/// (baseline, window) counts over the baseline's quantile bins.
pub(super) fn numeric_table(
    baseline: &NumericSample,
    window: &NumericSample,
    bins: usize,
) -> Result<Vec<(u64, u64)>, StatsError> {
    let edges = quantile_edges(baseline.sorted(), bins)?;
    let (left, right) = (
        bin_counts(baseline.sorted(), &edges),
        bin_counts(window.sorted(), &edges),
    );
    Ok(left.into_iter().zip(right).collect())
}

/// The table with every side divided by its sum.
pub(super) fn shares(table: &[(u64, u64)]) -> Result<Vec<(f64, f64)>, StatsError> {
    let baseline: u64 = table.iter().map(|pair| pair.0).sum();
    let window: u64 = table.iter().map(|pair| pair.1).sum();
    if baseline == 0 {
        return Err(StatsError::Empty { input: "baseline" });
    }
    if window == 0 {
        return Err(StatsError::Empty { input: "window" });
    }
    Ok(table
        .iter()
        .map(|pair| (pair.0 as f64 / baseline as f64, pair.1 as f64 / window as f64))
        .collect())
}

/// The population stability index as an entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct Psi;

impl DriftTest for Psi {
    fn name(&self) -> &'static str {
        "psi"
    }

    fn description(&self) -> &'static str {
        "Population stability index over deciles of the baseline, or over categories."
    }

    fn kinds(&self) -> &'static [ColumnKind] {
        &[ColumnKind::Numeric, ColumnKind::Categorical]
    }

    fn verdict(&self) -> Verdict {
        Verdict::StatisticAtLeast
    }

    fn default_threshold(&self) -> f64 {
        0.2
    }

    fn run(&self, baseline: &Sample, window: &Sample) -> Result<Outcome, StatsError> {
        let statistic = match (baseline, window) {
            (Sample::Numeric(left), Sample::Numeric(right)) => psi_numeric(left, right, DEFAULT_PSI_BINS)?,
            (Sample::Categorical(left), Sample::Categorical(right)) => psi_categorical(left, right)?,
            _ => return Err(unsupported(self, baseline, window)),
        };
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

    #[test]
    fn two_categories_by_hand() {
        let psi = psi_shares(&[(50, 25), (50, 75)]).expect("not empty");
        let expected = -0.25 * (0.5_f64).ln() + 0.25 * (1.5_f64).ln();
        assert!((psi - expected).abs() < 1e-15);
    }

    #[test]
    fn an_empty_bin_counts_as_the_floor() {
        let psi = psi_shares(&[(1, 0), (1, 2)]).expect("not empty");
        let expected = (EMPTY_SHARE - 0.5) * (EMPTY_SHARE / 0.5).ln() + 0.5 * 2.0_f64.ln();
        assert!((psi - expected).abs() < 1e-15);
    }

    #[test]
    fn a_shift_moves_the_deciles() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let shifted: Vec<f64> = values.iter().map(|value| value + 100.0).collect();
        let baseline = NumericSample::from(values.as_slice());
        let psi = psi_numeric(&baseline, &NumericSample::from(shifted.as_slice()), DEFAULT_PSI_BINS);
        // One decile emptied, one doubled, eight unchanged.
        let expected = (EMPTY_SHARE - 0.1) * (EMPTY_SHARE / 0.1).ln() + 0.1 * 2.0_f64.ln();
        assert!((psi.expect("not empty") - expected).abs() < 1e-12);
    }

    #[test]
    fn a_constant_baseline_still_sees_a_move() {
        let baseline = NumericSample::from([5.0; 20].as_slice());
        let psi = psi_numeric(&baseline, &NumericSample::from([6.0; 20].as_slice()), DEFAULT_PSI_BINS);
        assert!(psi.expect("not empty") > 1.0);
    }
}
