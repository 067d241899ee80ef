//! `sklearn.impute`.

use crate::flavors::sklearn::impute::Impute;
use crate::flavors::sklearn::iterative::Iterative;
use crate::flavors::sklearn::knn_impute::Neighbors;
use crate::flavors::sklearn::missing::Indicator;
use crate::flavors::sklearn::row::{Parity, Row};

const BASE: &str = "sklearn.impute._base";
const DONORS: Parity = Parity::Bound(
    "1e-12 but for rows all but equal to a training row; of donors equally far or not comparable, the first",
);

pub(super) static ROWS: &[Row] = &[
    Row::transformer(BASE, "SimpleImputer", Parity::Exact, Impute::compile),
    Row::transformer(BASE, "MissingIndicator", Parity::Exact, Indicator::compile),
    Row::transformer(
        "sklearn.impute._iterative",
        "IterativeImputer",
        Parity::Bound("that of its estimators, round after round"),
        Iterative::compile,
    ),
    Row::transformer("sklearn.impute._knn", "KNNImputer", DONORS, Neighbors::compile),
];
