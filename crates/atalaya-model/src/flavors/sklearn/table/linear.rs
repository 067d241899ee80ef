//! `sklearn.linear_model` and `sklearn.discriminant_analysis`.

use crate::flavors::sklearn::linear::{LinearRegressor, Logistic};
use crate::flavors::sklearn::row::Parity::Dot;
use crate::flavors::sklearn::row::Row;

const BASE: &str = "sklearn.linear_model._base";
const RIDGE: &str = "sklearn.linear_model._ridge";
const DESCENT: &str = "sklearn.linear_model._coordinate_descent";
const LOGISTIC: &str = "sklearn.linear_model._logistic";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(BASE, "LinearRegression", Dot, LinearRegressor::compile),
    Row::predictor(RIDGE, "Ridge", Dot, LinearRegressor::compile),
    Row::predictor(RIDGE, "RidgeCV", Dot, LinearRegressor::compile),
    Row::predictor(DESCENT, "Lasso", Dot, LinearRegressor::compile),
    Row::predictor(DESCENT, "LassoCV", Dot, LinearRegressor::compile),
    Row::predictor(DESCENT, "ElasticNet", Dot, LinearRegressor::compile),
    Row::predictor(DESCENT, "ElasticNetCV", Dot, LinearRegressor::compile),
    Row::predictor(LOGISTIC, "LogisticRegression", Dot, Logistic::compile),
    Row::predictor(LOGISTIC, "LogisticRegressionCV", Dot, Logistic::compile),
];
