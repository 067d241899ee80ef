//! `sklearn.neural_network`.

use crate::flavors::sklearn::neural::{NetworkClassifier, NetworkRegressor};
use crate::flavors::sklearn::row::{Parity, Row};

const NETWORK: &str = "sklearn.neural_network._multilayer_perceptron";
const BOUND: Parity = Parity::Bound("1e-11");

pub(super) static ROWS: &[Row] = &[
    Row::predictor(NETWORK, "MLPClassifier", BOUND, NetworkClassifier::compile),
    Row::predictor(NETWORK, "MLPRegressor", BOUND, NetworkRegressor::compile),
];
