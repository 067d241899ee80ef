//! Jensen–Shannon distance in base 2: the root of the mean divergence of both sides from their mixture.
//!
//! Lin (1991), "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37; equal to
//! `scipy.spatial.distance.jensenshannon(p, q, base=2)`. Numbers are binned at the baseline's deciles, as for PSI.

use super::psi::{DEFAULT_PSI_BINS, numeric_table, shares};
use super::test::{DriftTest, Outcome, Verdict, unsupported};
use crate::{ColumnKind, Sample, StatsError};

/// Distance of a table of (baseline, window) counts, from 0 (equal shares) to 1 (nothing in common).
///
/// # Errors
/// [`StatsError::Empty`] when a side sums to zero.
pub fn jensen_shannon_distance(table: &[(u64, u64)]) -> Result<f64, StatsError> {
    let divergence: f64 = shares(table)?
        .iter()
        .map(|&(p, q)| {
            let middle = f64::midpoint(p, q);
            f64::midpoint(part(p, middle), part(q, middle))
        })
        .sum();
    // Rounding may leave −1e-17 for equal shares.
    Ok(divergence.clamp(0.0, 1.0).sqrt())
}

/// `p log₂(p / middle)`, 0 for an empty share.
fn part(p: f64, middle: f64) -> f64 {
    if p > 0.0 { p * (p / middle).log2() } else { 0.0 }
}

/// The Jensen–Shannon distance as an entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct JensenShannon;

impl DriftTest for JensenShannon {
    fn name(&self) -> &'static str {
        "jensen_shannon"
    }

    fn description(&self) -> &'static str {
        "Jensen-Shannon distance in base 2 over deciles of the baseline, or over categories."
    }

    fn kinds(&self) -> &'static [ColumnKind] {
        &[ColumnKind::Numeric, ColumnKind::Categorical]
    }

    fn verdict(&self) -> Verdict {
        Verdict::StatisticAtLeast
    }

    fn default_threshold(&self) -> f64 {
        0.1
    }

    fn run(&self, baseline: &Sample, window: &Sample) -> Result<Outcome, StatsError> {
        let table = match (baseline, window) {
            (Sample::Numeric(left), Sample::Numeric(right)) => numeric_table(left, right, DEFAULT_PSI_BINS)?,
            (Sample::Categorical(left), Sample::Categorical(right)) => left.table(right),
            _ => return Err(unsupported(self, baseline, window)),
        };
        let statistic = jensen_shannon_distance(&table)?;
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
    fn the_ends_of_the_scale() {
        assert_eq!(jensen_shannon_distance(&[(3, 30), (1, 10)]), Ok(0.0));
        assert_eq!(jensen_shannon_distance(&[(3, 0), (0, 10)]), Ok(1.0));
    }
}
