//! `sklearn.feature_selection`.

use crate::flavors::sklearn::elimination::Elimination;
use crate::flavors::sklearn::row::{Parity, Row};
use crate::flavors::sklearn::selection::Selection;

const ELIMINATION: &str = "sklearn.feature_selection._rfe";
const UNIVARIATE: &str = "sklearn.feature_selection._univariate_selection";

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
    Row::transformer(UNIVARIATE, "GenericUnivariateSelect", Parity::Exact, Selection::compile),
    Row::transformer(UNIVARIATE, "SelectFdr", Parity::Exact, Selection::compile),
    Row::transformer(UNIVARIATE, "SelectFpr", Parity::Exact, Selection::compile),
    Row::transformer(UNIVARIATE, "SelectFwe", Parity::Exact, Selection::compile),
    Row::transformer(UNIVARIATE, "SelectKBest", Parity::Exact, Selection::compile),
    Row::transformer(UNIVARIATE, "SelectPercentile", Parity::Exact, Selection::compile),
    Row::transformer(
        "sklearn.feature_selection._variance_threshold",
        "VarianceThreshold",
        Parity::Exact,
        Selection::compile,
    ),
];
