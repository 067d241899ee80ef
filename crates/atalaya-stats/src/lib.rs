//! Formulas: column profiles, drift tests, quality metrics, latency summaries. Numbers in, numbers out.
//!
//! The crate is pure: no file, socket, clock or environment. Every formula names its paper and the library
//! whose numbers it reproduces, and `tests/it` compares it with recorded answers of SciPy and scikit-learn.

pub mod binning;
pub mod distributions;
pub mod drift;
mod error;
pub mod latency;
pub mod profile;
pub mod quality;
pub mod sample;

pub use error::StatsError;
pub use sample::{CategoricalSample, ColumnKind, NumericSample, Sample};
