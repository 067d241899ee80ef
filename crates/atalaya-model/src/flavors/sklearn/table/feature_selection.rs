//! `sklearn.feature_selection`.

use crate::flavors::sklearn::elimination::{Elimination, sequential};
use crate::flavors::sklearn::importances::from_model;
use crate::flavors::sklearn::row::{Parity, Row};
use crate::flavors::sklearn::selection::selection;

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
    Row::transformer(
        "sklearn.feature_selection._from_model",
        "SelectFromModel",
        Parity::Exact,
        from_model,
    ),
    Row::transformer(
        "sklearn.feature_selection._sequential",
        "SequentialFeatureSelector",
        Parity::Exact,
        sequential,
    ),
    Row::transformer(UNIVARIATE, "GenericUnivariateSelect", Parity::Exact, selection),
    Row::transformer(UNIVARIATE, "SelectFdr", Parity::Exact, selection),
    Row::transformer(UNIVARIATE, "SelectFpr", Parity::Exact, selection),
    Row::transformer(UNIVARIATE, "SelectFwe", Parity::Exact, selection),
    Row::transformer(UNIVARIATE, "SelectKBest", Parity::Exact, selection),
    Row::transformer(UNIVARIATE, "SelectPercentile", Parity::Exact, selection),
    Row::transformer(
        "sklearn.feature_selection._variance_threshold",
        "VarianceThreshold",
        Parity::Exact,
        selection,
    ),
];
