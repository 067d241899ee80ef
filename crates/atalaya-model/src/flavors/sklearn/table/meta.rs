//! Estimators around others: `sklearn.model_selection`, `sklearn.multiclass`, `sklearn.multioutput`, `sklearn.calibration`.

use crate::flavors::sklearn::calibrated::Calibrated;
use crate::flavors::sklearn::row::{Parity, Row, What};

const SEARCH: &str = "sklearn.model_selection._search";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(
        "sklearn.calibration",
        "CalibratedClassifierCV",
        Parity::Members,
        Calibrated::compile,
    ),
    Row::new(SEARCH, "GridSearchCV", Parity::Members, What::Search),
    Row::new(SEARCH, "RandomizedSearchCV", Parity::Members, What::Search),
];
