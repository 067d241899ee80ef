//! `sklearn.preprocessing`.

use crate::flavors::sklearn::function::identity;
use crate::flavors::sklearn::onehot::OneHot;
use crate::flavors::sklearn::row::{Parity, Row};
use crate::flavors::sklearn::scale::Scale;

const SCALERS: &str = "sklearn.preprocessing._data";

pub(super) static ROWS: &[Row] = &[
    Row::transformer(SCALERS, "StandardScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "MinMaxScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "MaxAbsScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "RobustScaler", Parity::Exact, Scale::compile),
    Row::transformer(
        "sklearn.preprocessing._encoders",
        "OneHotEncoder",
        Parity::Exact,
        OneHot::compile,
    ),
    Row::transformer(
        "sklearn.preprocessing._function_transformer",
        "FunctionTransformer",
        Parity::Exact,
        identity,
    ),
];
