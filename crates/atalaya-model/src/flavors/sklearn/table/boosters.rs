//! Estimators of XGBoost in the manner of scikit-learn.

use crate::flavors::sklearn::boosters::XgbModel;
use crate::flavors::sklearn::row::{Parity, Row};

const XGBOOST: &str = "xgboost.sklearn";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(XGBOOST, "XGBClassifier", Parity::Libm, XgbModel::classifier),
    Row::predictor(XGBOOST, "XGBModel", Parity::Libm, XgbModel::regressor),
    Row::predictor(XGBOOST, "XGBRFClassifier", Parity::Libm, XgbModel::classifier),
    Row::predictor(XGBOOST, "XGBRFRegressor", Parity::Libm, XgbModel::regressor),
    Row::predictor(XGBOOST, "XGBRanker", Parity::Libm, XgbModel::regressor),
    Row::predictor(XGBOOST, "XGBRegressor", Parity::Libm, XgbModel::regressor),
];
