//! `sklearn.linear_model` and `sklearn.discriminant_analysis`.

use crate::flavors::sklearn::discriminant::{Quadratic, directions};
use crate::flavors::sklearn::linear::{LinearRegressor, consensus};
use crate::flavors::sklearn::linear_classifier::{LinearClassifier, LinearOneClass};
use crate::flavors::sklearn::row::Parity::{self, Dot};
use crate::flavors::sklearn::row::Row;

const ANGLE: &str = "sklearn.linear_model._least_angle";
const BASE: &str = "sklearn.linear_model._base";
const BAYES: &str = "sklearn.linear_model._bayes";
const DESCENT: &str = "sklearn.linear_model._coordinate_descent";
const DISCRIMINANT: &str = "sklearn.discriminant_analysis";
const GENERALIZED: &str = "sklearn.linear_model._glm.glm";
const LOGISTIC: &str = "sklearn.linear_model._logistic";
const PASSIVE: &str = "sklearn.linear_model._passive_aggressive";
const PURSUIT: &str = "sklearn.linear_model._omp";
const RIDGE: &str = "sklearn.linear_model._ridge";
const STOCHASTIC: &str = "sklearn.linear_model._stochastic_gradient";
const SVM: &str = "sklearn.svm._classes";

/// A class that predicts `X @ coef_.T + intercept_`, or its exponential.
const fn regressor(module: &'static str, name: &'static str) -> Row {
    Row::predictor(module, name, Dot, LinearRegressor::compile)
}

/// A class that has a linear decision function and nothing else.
const fn margin(module: &'static str, name: &'static str) -> Row {
    Row::predictor(module, name, Dot, LinearClassifier::margin)
}

pub(super) static ROWS: &[Row] = &[
    regressor(BASE, "LinearRegression"),
    regressor(RIDGE, "Ridge"),
    regressor(RIDGE, "RidgeCV"),
    regressor(DESCENT, "Lasso"),
    regressor(DESCENT, "LassoCV"),
    regressor(DESCENT, "ElasticNet"),
    regressor(DESCENT, "ElasticNetCV"),
    regressor(DESCENT, "MultiTaskLasso"),
    regressor(DESCENT, "MultiTaskLassoCV"),
    regressor(DESCENT, "MultiTaskElasticNet"),
    regressor(DESCENT, "MultiTaskElasticNetCV"),
    regressor(ANGLE, "Lars"),
    regressor(ANGLE, "LarsCV"),
    regressor(ANGLE, "LassoLars"),
    regressor(ANGLE, "LassoLarsCV"),
    regressor(ANGLE, "LassoLarsIC"),
    regressor(PURSUIT, "OrthogonalMatchingPursuit"),
    regressor(PURSUIT, "OrthogonalMatchingPursuitCV"),
    regressor(BAYES, "BayesianRidge"),
    regressor(BAYES, "ARDRegression"),
    regressor("sklearn.linear_model._huber", "HuberRegressor"),
    regressor("sklearn.linear_model._theil_sen", "TheilSenRegressor"),
    regressor("sklearn.linear_model._quantile", "QuantileRegressor"),
    regressor(STOCHASTIC, "SGDRegressor"),
    regressor(PASSIVE, "PassiveAggressiveRegressor"),
    regressor(SVM, "LinearSVR"),
    regressor(GENERALIZED, "PoissonRegressor"),
    regressor(GENERALIZED, "GammaRegressor"),
    regressor(GENERALIZED, "TweedieRegressor"),
    Row::predictor(
        "sklearn.linear_model._ransac",
        "RANSACRegressor",
        Parity::Members,
        consensus,
    ),
    Row::predictor(LOGISTIC, "LogisticRegression", Dot, LinearClassifier::logistic),
    Row::predictor(LOGISTIC, "LogisticRegressionCV", Dot, LinearClassifier::logistic),
    Row::predictor(RIDGE, "RidgeClassifier", Dot, LinearClassifier::ridge),
    Row::predictor(RIDGE, "RidgeClassifierCV", Dot, LinearClassifier::ridge),
    Row::predictor(STOCHASTIC, "SGDClassifier", Dot, LinearClassifier::stochastic),
    Row::predictor(STOCHASTIC, "SGDOneClassSVM", Dot, LinearOneClass::compile),
    margin("sklearn.linear_model._perceptron", "Perceptron"),
    margin(PASSIVE, "PassiveAggressiveClassifier"),
    margin(SVM, "LinearSVC"),
    Row::both(
        DISCRIMINANT,
        "LinearDiscriminantAnalysis",
        Dot,
        directions,
        LinearClassifier::discriminant,
    ),
    Row::predictor(
        DISCRIMINANT,
        "QuadraticDiscriminantAnalysis",
        Parity::Bound("1e-10"),
        Quadratic::compile,
    ),
];
