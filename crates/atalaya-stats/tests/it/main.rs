//! Comparison with recorded answers of SciPy, scikit-learn and numpy, and properties that hold for any input.

mod golden;
mod properties;
mod samples;
