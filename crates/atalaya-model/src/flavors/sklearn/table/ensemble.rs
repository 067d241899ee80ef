//! `sklearn.ensemble`, but for forests.

use crate::flavors::sklearn::boosting::{BoostingClassifier, BoostingRegressor};
use crate::flavors::sklearn::row::{Parity, Row};

const BOOSTING: &str = "sklearn.ensemble._gb";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(
        BOOSTING,
        "GradientBoostingClassifier",
        Parity::Libm,
        BoostingClassifier::compile,
    ),
    Row::predictor(
        BOOSTING,
        "GradientBoostingRegressor",
        Parity::Exact,
        BoostingRegressor::compile,
    ),
];
