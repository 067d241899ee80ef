//! `sklearn.dummy` and `sklearn.isotonic`.

use crate::flavors::sklearn::dummy::{DummyClassifier, DummyRegressor};
use crate::flavors::sklearn::isotonic::Isotonic;
use crate::flavors::sklearn::row::Parity::Exact;
use crate::flavors::sklearn::row::Row;

const DUMMY: &str = "sklearn.dummy";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(DUMMY, "DummyClassifier", Exact, DummyClassifier::compile),
    Row::predictor(DUMMY, "DummyRegressor", Exact, DummyRegressor::compile),
    Row::both(
        "sklearn.isotonic",
        "IsotonicRegression",
        Exact,
        Isotonic::transformer,
        Isotonic::predictor,
    ),
];
