//! Drift tests: how far a window has moved from its baseline, and whether that is more than chance.
//!
//! Each test is a unit struct in [`TESTS`]; [`compare_columns`] runs them over the columns of a monitor and
//! decides under a false-alarm budget or by the lab's rule.

mod chi_squared;
mod column;
mod holm;
mod jensen_shannon;
mod ks;
mod ks_exact;
mod psi;
mod test;
mod wasserstein;

pub use chi_squared::{ChiSquared, ChiSquaredTest, chi_squared};
pub use column::{ColumnError, ColumnPair, DecisionMode, DriftResult, MIN_EFFECT_SIZE, compare_columns};
pub use holm::holm;
pub use jensen_shannon::{JensenShannon, jensen_shannon_distance};
pub use ks::{KolmogorovSmirnov, Ks, ks_samples, ks_two_sample};
pub use psi::{DEFAULT_PSI_BINS, EMPTY_SHARE, Psi, psi_categorical, psi_numeric, psi_shares};
pub use test::{DriftTest, Outcome, TESTS, Verdict, default_test, find_test};
pub use wasserstein::{Wasserstein, wasserstein_distance};
