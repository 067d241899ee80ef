//! `sklearn.impute`.

use crate::flavors::sklearn::impute::Impute;
use crate::flavors::sklearn::row::{Parity, Row};

pub(super) static ROWS: &[Row] = &[Row::transformer(
    "sklearn.impute._base",
    "SimpleImputer",
    Parity::Exact,
    Impute::compile,
)];
