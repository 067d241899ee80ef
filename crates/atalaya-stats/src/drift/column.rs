//! From one test per column to the decision over all columns of a comparison.
//!
//! `lab` judges each column alone by its raw p-value, which raises false alarms on about one day in five with
//! four columns and daily looks; `budget` corrects for the number of columns and also asks for a shift large
//! enough to matter, since with many rows any shift is significant.

use super::holm::holm;
use super::psi::{DEFAULT_PSI_BINS, psi_categorical, psi_numeric};
use super::test::{DriftTest, Outcome, Verdict, default_test};
use crate::{Sample, StatsError};

/// Effect sizes (D, PSI, Cramér's V) below this are no drift in [`DecisionMode::Budget`], however small the
/// p-value: the bound below which PSI is read as stable, and Cohen's (1988) bound of a small effect for V.
pub const MIN_EFFECT_SIZE: f64 = 0.1;

/// How a p-value becomes a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecisionMode {
    /// Holm-corrected p-value below the threshold, and the test's effect size or PSI at least
    /// [`MIN_EFFECT_SIZE`].
    #[default]
    Budget,
    /// Raw p-value below the threshold, as the lab does.
    Lab,
}

/// One column to compare.
#[derive(Debug, Clone, Copy)]
pub struct ColumnPair<'a> {
    /// Name of the column, for the result.
    pub column: &'a str,
    /// Its values in the baseline.
    pub baseline: &'a Sample,
    /// Its values in the window.
    pub window: &'a Sample,
    /// The test; `None` chooses by the baseline's kind.
    pub test: Option<&'static dyn DriftTest>,
    /// The threshold; `None` takes the test's own.
    pub threshold: Option<f64>,
}

impl<'a> ColumnPair<'a> {
    /// A comparison by the default test and threshold of the column's kind.
    #[must_use]
    pub fn new(column: &'a str, baseline: &'a Sample, window: &'a Sample) -> Self {
        Self {
            column,
            baseline,
            window,
            test: None,
            threshold: None,
        }
    }

    fn test(&self) -> &'static dyn DriftTest {
        self.test.unwrap_or_else(|| default_test(self.baseline.kind()))
    }
}

/// The comparison of one column, with everything the decision rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftResult {
    /// Name of the column.
    pub column: String,
    /// Name of the drift test.
    pub test: &'static str,
    /// The test's number.
    pub statistic: f64,
    /// Raw p-value; `None` for tests that define none.
    pub p_value: Option<f64>,
    /// Holm-corrected over the columns of the same comparison that have a p-value.
    pub corrected_p_value: Option<f64>,
    /// Size of the shift, independent of the number of rows: D, PSI, Cramér's V or a distance.
    pub effect_size: f64,
    /// Population stability index of the column, whatever the test.
    pub psi: f64,
    /// Values in the baseline, nulls not counted.
    pub baseline_count: u64,
    /// Values in the window, nulls not counted.
    pub window_count: u64,
    /// Nulls in the baseline.
    pub baseline_nulls: u64,
    /// Nulls in the window.
    pub window_nulls: u64,
    /// What the p-value or the statistic was held against.
    pub threshold: f64,
    /// The decision.
    pub drifted: bool,
}

/// A column that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` cannot be compared")]
pub struct ColumnError {
    /// Name of the column.
    pub column: String,
    /// Why.
    pub source: StatsError,
}

/// Compares every column and decides, in the order given. A column that cannot be compared does not count in
/// the correction and does not stop the others.
#[must_use]
pub fn compare_columns(pairs: &[ColumnPair<'_>], mode: DecisionMode) -> Vec<Result<DriftResult, ColumnError>> {
    let measured: Vec<_> = pairs.iter().map(measure).collect();
    let p_values: Vec<f64> = measured
        .iter()
        .flatten()
        .filter_map(|(outcome, _)| outcome.p_value)
        .collect();
    let mut corrected = holm(&p_values).into_iter();
    pairs
        .iter()
        .zip(measured)
        .map(|(pair, measurement)| {
            let (outcome, psi) = measurement.map_err(|source| ColumnError {
                column: pair.column.to_owned(),
                source,
            })?;
            let corrected_p_value = outcome.p_value.and_then(|_| corrected.next());
            Ok(decide(pair, outcome, psi, corrected_p_value, mode))
        })
        .collect()
}

/// The test's outcome and the column's PSI.
fn measure(pair: &ColumnPair<'_>) -> Result<(Outcome, f64), StatsError> {
    let outcome = pair.test().run(pair.baseline, pair.window)?;
    let psi = match (pair.baseline, pair.window) {
        (Sample::Numeric(left), Sample::Numeric(right)) => psi_numeric(left, right, DEFAULT_PSI_BINS)?,
        (Sample::Categorical(left), Sample::Categorical(right)) => psi_categorical(left, right)?,
        _ => {
            return Err(StatsError::KindMismatch {
                baseline: pair.baseline.kind(),
                window: pair.window.kind(),
            });
        }
    };
    Ok((outcome, psi))
}

fn decide(
    pair: &ColumnPair<'_>,
    outcome: Outcome,
    psi: f64,
    corrected_p_value: Option<f64>,
    mode: DecisionMode,
) -> DriftResult {
    let test = pair.test();
    let threshold = pair.threshold.unwrap_or_else(|| test.default_threshold());
    let below = |p_value: Option<f64>| p_value.is_some_and(|p_value| p_value < threshold);
    let drifted = match (test.verdict(), mode) {
        (Verdict::StatisticAtLeast, _) => outcome.statistic >= threshold,
        (Verdict::PValueBelow, DecisionMode::Lab) => below(outcome.p_value),
        (Verdict::PValueBelow, DecisionMode::Budget) => {
            below(corrected_p_value) && outcome.effect_size.max(psi) >= MIN_EFFECT_SIZE
        }
    };
    DriftResult {
        column: pair.column.to_owned(),
        test: test.name(),
        statistic: outcome.statistic,
        p_value: outcome.p_value,
        corrected_p_value,
        effect_size: outcome.effect_size,
        psi,
        baseline_count: pair.baseline.count(),
        window_count: pair.window.count(),
        baseline_nulls: pair.baseline.nulls(),
        window_nulls: pair.window.nulls(),
        threshold,
        drifted,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Psi, find_test};
    use super::*;

    fn ramp(count: u32, shift: f64) -> Sample {
        let values: Vec<f64> = (0..count).map(|i| f64::from(i) / f64::from(count) + shift).collect();
        Sample::numeric(&values)
    }

    fn only(pair: ColumnPair<'_>, mode: DecisionMode) -> DriftResult {
        compare_columns(&[pair], mode).remove(0).expect("comparable")
    }

    #[test]
    fn a_significant_but_tiny_shift_is_drift_for_the_lab_only() {
        let (baseline, window) = (ramp(9000, 0.0), ramp(9000, 0.03));
        let lab = only(ColumnPair::new("age", &baseline, &window), DecisionMode::Lab);
        let budget = only(ColumnPair::new("age", &baseline, &window), DecisionMode::Budget);
        assert!(lab.p_value.expect("has one") < 0.001 && lab.drifted);
        assert!(budget.effect_size < MIN_EFFECT_SIZE && budget.psi < MIN_EFFECT_SIZE && !budget.drifted);
    }

    #[test]
    fn a_large_shift_is_drift_for_both() {
        let (baseline, window) = (ramp(500, 0.0), ramp(500, 0.3));
        for mode in [DecisionMode::Lab, DecisionMode::Budget] {
            assert!(only(ColumnPair::new("age", &baseline, &window), mode).drifted);
        }
    }

    #[test]
    fn many_quiet_columns_raise_the_bar() {
        let (baseline, quiet, moved) = (ramp(100, 0.0), ramp(100, 0.0), ramp(100, 0.2));
        let mut pairs = vec![ColumnPair::new("quiet", &baseline, &quiet); 9];
        pairs.push(ColumnPair::new("moved", &baseline, &moved));
        let results = compare_columns(&pairs, DecisionMode::Budget);
        let last = results
            .last()
            .and_then(|result| result.as_ref().ok())
            .expect("comparable");
        let (raw, corrected) = (last.p_value.expect("has one"), last.corrected_p_value.expect("has one"));
        assert!((corrected - 10.0 * raw).abs() < 1e-12, "{raw} {corrected}");
        assert!(raw < 0.05 && corrected > 0.05 && !last.drifted);
    }

    #[test]
    fn a_bad_column_stays_alone_and_keeps_the_others_corrections_in_place() {
        let (baseline, moved, empty) = (ramp(200, 0.0), ramp(200, 0.4), Sample::numeric(&[]));
        let pairs = [
            ColumnPair::new("gone", &baseline, &empty),
            ColumnPair {
                test: Some(&Psi),
                ..ColumnPair::new("stable", &baseline, &baseline)
            },
            ColumnPair::new("moved", &baseline, &moved),
        ];
        let results = compare_columns(&pairs, DecisionMode::Budget);
        let error = results[0].as_ref().expect_err("empty window");
        assert_eq!(error.to_string(), "column `gone` cannot be compared");
        assert_eq!(error.source, StatsError::Empty { input: "window" });
        let stable = results[1].as_ref().expect("comparable");
        assert_eq!(
            (stable.p_value, stable.corrected_p_value, stable.drifted),
            (None, None, false)
        );
        let moved = results[2].as_ref().expect("comparable");
        assert_eq!(moved.corrected_p_value, moved.p_value);
        assert!(moved.drifted);
    }

    #[test]
    fn categories_use_chi_squared_and_thresholds_can_be_set() {
        let baseline = Sample::categorical(["a", "b"].repeat(50));
        let window = Sample::categorical(["a", "a", "a", "b"].repeat(25));
        let result = only(ColumnPair::new("city", &baseline, &window), DecisionMode::Budget);
        assert_eq!((result.test, result.drifted), ("chi_squared", true));
        let strict = ColumnPair {
            threshold: Some(1e-9),
            ..ColumnPair::new("city", &baseline, &window)
        };
        assert!(!only(strict, DecisionMode::Lab).drifted);
        let by_distance = ColumnPair {
            test: find_test("jensen_shannon"),
            ..strict
        };
        assert!(only(by_distance, DecisionMode::Lab).drifted);
    }
}
