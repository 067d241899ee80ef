//! Comparison with recorded answers of SciPy, scikit-learn and numpy, and properties that hold for any input.

mod false_alarms;
mod golden;
mod properties;
mod samples;
