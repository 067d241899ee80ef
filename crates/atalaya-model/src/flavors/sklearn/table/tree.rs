//! `sklearn.tree`, and the forests of `sklearn.ensemble`.

use crate::flavors::sklearn::forest::{ForestClassifier, ForestRegressor};
use crate::flavors::sklearn::row::Parity::Exact;
use crate::flavors::sklearn::row::Row;

const TREE: &str = "sklearn.tree._classes";
const FOREST: &str = "sklearn.ensemble._forest";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(TREE, "DecisionTreeClassifier", Exact, ForestClassifier::compile),
    Row::predictor(TREE, "DecisionTreeRegressor", Exact, ForestRegressor::compile),
    Row::predictor(TREE, "ExtraTreeClassifier", Exact, ForestClassifier::compile),
    Row::predictor(TREE, "ExtraTreeRegressor", Exact, ForestRegressor::compile),
    Row::predictor(FOREST, "RandomForestClassifier", Exact, ForestClassifier::compile),
    Row::predictor(FOREST, "RandomForestRegressor", Exact, ForestRegressor::compile),
    Row::predictor(FOREST, "ExtraTreesClassifier", Exact, ForestClassifier::compile),
    Row::predictor(FOREST, "ExtraTreesRegressor", Exact, ForestRegressor::compile),
];
