//! `sklearn.neighbors`.

use crate::flavors::sklearn::centroid::NearestCentroid;
use crate::flavors::sklearn::neighbors::{NeighborsClassifier, NeighborsRegressor};
use crate::flavors::sklearn::row::{Parity, Row};

const CLASSIFICATION: &str = "sklearn.neighbors._classification";
const REGRESSION: &str = "sklearn.neighbors._regression";
const TIES: Parity = Parity::Bound("exact, but for rows that are exactly equally far, whose order Python leaves open");

pub(super) static ROWS: &[Row] = &[
    Row::predictor(
        CLASSIFICATION,
        "KNeighborsClassifier",
        TIES,
        NeighborsClassifier::compile,
    ),
    Row::predictor(
        CLASSIFICATION,
        "RadiusNeighborsClassifier",
        TIES,
        NeighborsClassifier::compile,
    ),
    Row::predictor(REGRESSION, "KNeighborsRegressor", TIES, NeighborsRegressor::compile),
    Row::predictor(
        REGRESSION,
        "RadiusNeighborsRegressor",
        TIES,
        NeighborsRegressor::compile,
    ),
    Row::predictor(
        "sklearn.neighbors._nearest_centroid",
        "NearestCentroid",
        Parity::Bound("labels exact, scores 1e-12"),
        NearestCentroid::compile,
    ),
];
