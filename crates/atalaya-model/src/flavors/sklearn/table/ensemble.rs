//! `sklearn.ensemble`, but for forests.

use crate::flavors::sklearn::adaboost::{AdaBoostClassifier, AdaBoostRegressor};
use crate::flavors::sklearn::bagging::{BaggingClassifier, BaggingRegressor};
use crate::flavors::sklearn::boosting::{BoostingClassifier, BoostingRegressor};
use crate::flavors::sklearn::embedding::Embedding;
use crate::flavors::sklearn::hist_boosting::{HistClassifier, HistRegressor};
use crate::flavors::sklearn::isolation::Isolation;
use crate::flavors::sklearn::row::Parity::{Exact, Libm, Members};
use crate::flavors::sklearn::row::Row;
use crate::flavors::sklearn::stacking::Stacking;
use crate::flavors::sklearn::voting::{VotingClassifier, VotingRegressor};

const BOOSTING: &str = "sklearn.ensemble._gb";
const HISTOGRAM: &str = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting";
const ADABOOST: &str = "sklearn.ensemble._weight_boosting";
const BAGGING: &str = "sklearn.ensemble._bagging";
const VOTING: &str = "sklearn.ensemble._voting";
const STACKING: &str = "sklearn.ensemble._stacking";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(
        BOOSTING,
        "GradientBoostingClassifier",
        Libm,
        BoostingClassifier::compile,
    ),
    Row::predictor(BOOSTING, "GradientBoostingRegressor", Exact, BoostingRegressor::compile),
    Row::predictor(
        HISTOGRAM,
        "HistGradientBoostingClassifier",
        Libm,
        HistClassifier::compile,
    ),
    Row::predictor(HISTOGRAM, "HistGradientBoostingRegressor", Libm, HistRegressor::compile),
    Row::predictor(ADABOOST, "AdaBoostClassifier", Libm, AdaBoostClassifier::compile),
    Row::predictor(ADABOOST, "AdaBoostRegressor", Members, AdaBoostRegressor::compile),
    Row::predictor(BAGGING, "BaggingClassifier", Members, BaggingClassifier::compile),
    Row::predictor(BAGGING, "BaggingRegressor", Members, BaggingRegressor::compile),
    Row::predictor("sklearn.ensemble._iforest", "IsolationForest", Libm, Isolation::compile),
    Row::transformer(
        "sklearn.ensemble._forest",
        "RandomTreesEmbedding",
        Exact,
        Embedding::compile,
    ),
    Row::both(
        VOTING,
        "VotingClassifier",
        Members,
        VotingClassifier::transformer,
        VotingClassifier::predictor,
    ),
    Row::both(
        VOTING,
        "VotingRegressor",
        Members,
        VotingRegressor::transformer,
        VotingRegressor::predictor,
    ),
    Row::both(
        STACKING,
        "StackingClassifier",
        Members,
        Stacking::transformer,
        Stacking::predictor,
    ),
    Row::both(
        STACKING,
        "StackingRegressor",
        Members,
        Stacking::transformer,
        Stacking::predictor,
    ),
];
