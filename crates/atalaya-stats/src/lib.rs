//! Formulas: column profiles, drift tests, quality metrics. Numbers in, numbers out.
