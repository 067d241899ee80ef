//! The contract of a drift test, and the table of all of them.

use super::{ChiSquared, JensenShannon, KolmogorovSmirnov, Psi, Wasserstein};
use crate::{ColumnKind, Sample, StatsError};

/// What a test measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The test's own number: D, PSI, χ², distance.
    pub statistic: f64,
    /// Chance of a statistic at least this large without drift; `None` where the test defines none.
    pub p_value: Option<f64>,
    /// How large the shift is whatever the sample size, 0 for none (D, PSI, Cramér's V, distance).
    pub effect_size: f64,
}

/// How an outcome becomes a decision when it stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Drifted when the p-value is below the threshold.
    PValueBelow,
    /// Drifted when the statistic reaches the threshold.
    StatisticAtLeast,
}

/// A comparison of one column's window with its baseline.
pub trait DriftTest: std::fmt::Debug + Send + Sync {
    /// The word in configuration, tables and URLs, such as `ks`.
    fn name(&self) -> &'static str;

    /// One sentence for the reference docs.
    fn description(&self) -> &'static str;

    /// The kinds of column that it can compare.
    fn kinds(&self) -> &'static [ColumnKind];

    /// How its outcome is judged.
    fn verdict(&self) -> Verdict;

    /// The threshold used where none is configured.
    fn default_threshold(&self) -> f64;

    /// Measures the shift from `baseline` to `window`.
    ///
    /// # Errors
    /// [`StatsError::Empty`] when a side has no value but nulls, [`StatsError::KindMismatch`] and
    /// [`StatsError::KindNotSupported`] for columns that it cannot compare.
    fn run(&self, baseline: &Sample, window: &Sample) -> Result<Outcome, StatsError>;
}

/// Every drift test, in the order the docs show them.
pub static TESTS: &[&dyn DriftTest] = &[&Psi, &KolmogorovSmirnov, &ChiSquared, &JensenShannon, &Wasserstein];

/// The test of that configured name.
#[must_use]
pub fn find_test(name: &str) -> Option<&'static dyn DriftTest> {
    TESTS.iter().copied().find(|test| test.name() == name)
}

/// The test used where none is configured: Kolmogorov–Smirnov for numbers, chi-squared for categories.
#[must_use]
pub fn default_test(kind: ColumnKind) -> &'static dyn DriftTest {
    match kind {
        ColumnKind::Numeric => &KolmogorovSmirnov,
        ColumnKind::Categorical => &ChiSquared,
    }
}

/// Why `baseline` and `window` cannot be compared by `test`: kinds that differ, or a kind it does not know.
pub(super) fn unsupported(test: &dyn DriftTest, baseline: &Sample, window: &Sample) -> StatsError {
    if baseline.kind() == window.kind() {
        StatsError::KindNotSupported {
            test: test.name(),
            kind: window.kind(),
        }
    } else {
        StatsError::KindMismatch {
            baseline: baseline.kind(),
            window: window.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_unique() {
        for (position, test) in TESTS.iter().enumerate() {
            let found = TESTS.iter().position(|other| other.name() == test.name());
            assert_eq!(found, Some(position), "{}", test.name());
            assert_eq!(find_test(test.name()).map(|found| found.name()), Some(test.name()));
            assert!(test.description().ends_with('.'));
        }
        assert!(find_test("unknown").is_none());
    }

    #[test]
    fn a_test_runs_on_its_kinds_and_refuses_others() {
        let numbers = Sample::numeric(&[1.0, 2.0, 3.0, 4.0]);
        let words = Sample::categorical(["a", "b", "a", "c"]);
        for test in TESTS {
            for sample in [&numbers, &words] {
                let outcome = test.run(sample, sample);
                if test.kinds().contains(&sample.kind()) {
                    let outcome = outcome.expect("supported");
                    assert!(outcome.statistic.abs() < 1e-12, "{}: {outcome:?}", test.name());
                    assert_eq!(outcome.p_value.is_some(), test.verdict() == Verdict::PValueBelow);
                } else {
                    assert!(
                        matches!(outcome, Err(StatsError::KindNotSupported { .. })),
                        "{}",
                        test.name()
                    );
                }
            }
            assert!(matches!(
                test.run(&numbers, &words),
                Err(StatsError::KindMismatch { .. })
            ));
        }
    }

    #[test]
    fn nothing_but_nulls_is_an_error() {
        let (numbers, no_numbers) = (Sample::numeric(&[1.0]), Sample::numeric(&[f64::NAN]));
        let (words, no_words) = (Sample::categorical(["a"]), Sample::categorical::<&str>([]));
        for test in TESTS {
            for (full, empty) in [(&numbers, &no_numbers), (&words, &no_words)] {
                if test.kinds().contains(&full.kind()) {
                    assert_eq!(
                        test.run(full, empty),
                        Err(StatsError::Empty { input: "window" }),
                        "{}",
                        test.name()
                    );
                    assert_eq!(
                        test.run(empty, full),
                        Err(StatsError::Empty { input: "baseline" }),
                        "{}",
                        test.name()
                    );
                }
            }
        }
    }
}
