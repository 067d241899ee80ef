//! `sklearn.feature_selection`.

use crate::flavors::sklearn::elimination::Elimination;
use crate::flavors::sklearn::row::{Parity, Row};

const ELIMINATION: &str = "sklearn.feature_selection._rfe";

pub(super) static ROWS: &[Row] = &[
    Row::both(
        ELIMINATION,
        "RFE",
        Parity::Members,
        Elimination::transformer,
        Elimination::predictor,
    ),
    Row::both(
        ELIMINATION,
        "RFECV",
        Parity::Members,
        Elimination::transformer,
        Elimination::predictor,
    ),
];
