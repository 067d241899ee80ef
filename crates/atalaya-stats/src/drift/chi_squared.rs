//! Pearson's chi-squared test of homogeneity on the 2×k table of category counts.
//!
//! Pearson (1900), Phil. Mag. 50; equal to `scipy.stats.chi2_contingency(table, correction=False)`.

use super::test::{DriftTest, Outcome, Verdict, unsupported};
use crate::distributions::chi_squared_sf;
use crate::{ColumnKind, Sample, StatsError};

/// Result of the chi-squared test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquaredTest {
    /// `Σ (observed − expected)² / expected` over both rows.
    pub statistic: f64,
    /// Categories minus one.
    pub degrees: u64,
    /// Chance of a statistic at least as large if both sides have the same shares.
    pub p_value: f64,
    /// Cramér's V for two rows, `√(χ²/N)`: 0 for equal shares, 1 for disjoint categories.
    pub cramers_v: f64,
}

/// Compares two count vectors over the same categories.
///
/// Categories absent from both sides are left out (SciPy refuses such a table); one remaining category has
/// statistic 0 and p-value 1, as in SciPy.
///
/// # Errors
/// [`StatsError::LengthMismatch`] for vectors of different length, [`StatsError::Empty`] when a side sums to zero.
pub fn chi_squared(counts_a: &[u64], counts_b: &[u64]) -> Result<ChiSquaredTest, StatsError> {
    if counts_a.len() != counts_b.len() {
        return Err(StatsError::LengthMismatch {
            left: "counts_a",
            left_len: counts_a.len(),
            right: "counts_b",
            right_len: counts_b.len(),
        });
    }
    let table: Vec<(u64, u64)> = counts_a.iter().copied().zip(counts_b.iter().copied()).collect();
    chi_squared_table(&table, "counts_a", "counts_b")
}

fn chi_squared_table(
    table: &[(u64, u64)],
    left: &'static str,
    right: &'static str,
) -> Result<ChiSquaredTest, StatsError> {
    let row_a: u64 = table.iter().map(|pair| pair.0).sum();
    let row_b: u64 = table.iter().map(|pair| pair.1).sum();
    if row_a == 0 {
        return Err(StatsError::Empty { input: left });
    }
    if row_b == 0 {
        return Err(StatsError::Empty { input: right });
    }
    let total = row_a as f64 + row_b as f64;
    let (mut statistic, mut categories) = (0.0, 0_u64);
    for &(a, b) in table.iter().filter(|pair| **pair != (0, 0)) {
        let column = a as f64 + b as f64;
        for (observed, row) in [(a as f64, row_a as f64), (b as f64, row_b as f64)] {
            let expected = row * column / total;
            statistic += (observed - expected).powi(2) / expected;
        }
        categories += 1;
    }
    let degrees = categories - 1;
    if degrees == 0 {
        return Ok(ChiSquaredTest {
            statistic: 0.0,
            degrees,
            p_value: 1.0,
            cramers_v: 0.0,
        });
    }
    Ok(ChiSquaredTest {
        statistic,
        degrees,
        p_value: chi_squared_sf(statistic, degrees),
        cramers_v: (statistic / total).sqrt(),
    })
}

/// The chi-squared test as an entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct ChiSquared;

impl DriftTest for ChiSquared {
    fn name(&self) -> &'static str {
        "chi_squared"
    }

    fn description(&self) -> &'static str {
        "Pearson's chi-squared test on category counts (scipy.stats.chi2_contingency without correction)."
    }

    fn kinds(&self) -> &'static [ColumnKind] {
        &[ColumnKind::Categorical]
    }

    fn verdict(&self) -> Verdict {
        Verdict::PValueBelow
    }

    fn default_threshold(&self) -> f64 {
        0.05
    }

    fn run(&self, baseline: &Sample, window: &Sample) -> Result<Outcome, StatsError> {
        let (Sample::Categorical(left), Sample::Categorical(right)) = (baseline, window) else {
            return Err(unsupported(self, baseline, window));
        };
        let test = chi_squared_table(&left.table(right), "baseline", "window")?;
        Ok(Outcome {
            statistic: test.statistic,
            p_value: Some(test.p_value),
            effect_size: test.cramers_v,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_textbook_table() {
        let test = chi_squared(&[20, 30], &[30, 20]).expect("valid table");
        assert!((test.statistic - 4.0).abs() < 1e-12);
        assert_eq!(test.degrees, 1);
        assert!((test.p_value - 0.045_500_263_896_358_42).abs() < 1e-12);
        assert!((test.cramers_v - 0.2).abs() < 1e-12);
    }

    #[test]
    fn absent_categories_do_not_count() {
        assert_eq!(
            chi_squared(&[20, 0, 30], &[30, 0, 20]),
            chi_squared(&[20, 30], &[30, 20])
        );
    }

    #[test]
    fn one_category_cannot_drift() {
        let test = chi_squared(&[7], &[9]).expect("valid table");
        assert_eq!((test.statistic, test.p_value, test.degrees), (0.0, 1.0, 0));
    }

    #[test]
    fn bad_tables_are_refused() {
        assert!(matches!(
            chi_squared(&[1], &[1, 2]),
            Err(StatsError::LengthMismatch { .. })
        ));
        assert_eq!(
            chi_squared(&[0, 0], &[1, 2]),
            Err(StatsError::Empty { input: "counts_a" })
        );
    }
}
