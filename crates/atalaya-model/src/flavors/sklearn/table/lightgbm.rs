//! `lightgbm.sklearn`.

use crate::flavors::sklearn::lightgbm::Wrapper;
use crate::flavors::sklearn::row::{Parity, Row};

const MODULE: &str = "lightgbm.sklearn";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(MODULE, "LGBMClassifier", Parity::Libm, Wrapper::compile),
    Row::predictor(MODULE, "LGBMModel", Parity::Libm, Wrapper::compile),
    Row::predictor(MODULE, "LGBMRanker", Parity::Exact, Wrapper::compile),
    Row::predictor(MODULE, "LGBMRegressor", Parity::Libm, Wrapper::compile),
];
