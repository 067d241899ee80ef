//! `sklearn.preprocessing`.

use crate::flavors::sklearn::discretize::Discretize;
use crate::flavors::sklearn::encode::Encode;
use crate::flavors::sklearn::function::function;
use crate::flavors::sklearn::kernel_maps::centerer;
use crate::flavors::sklearn::normalizer::Normalizer;
use crate::flavors::sklearn::onehot::OneHot;
use crate::flavors::sklearn::pointwise::Pointwise;
use crate::flavors::sklearn::polynomial::Polynomial;
use crate::flavors::sklearn::row::{Parity, Row};
use crate::flavors::sklearn::scale::Scale;
use crate::flavors::sklearn::spline::Spline;

const SCALERS: &str = "sklearn.preprocessing._data";

pub(super) static ROWS: &[Row] = &[
    Row::transformer(SCALERS, "StandardScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "MinMaxScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "MaxAbsScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "RobustScaler", Parity::Exact, Scale::compile),
    Row::transformer(SCALERS, "Binarizer", Parity::Exact, Pointwise::binarizer),
    Row::transformer(
        SCALERS,
        "Normalizer",
        Parity::Bound("within 2 ULP"),
        Normalizer::compile,
    ),
    Row::transformer(SCALERS, "KernelCenterer", Parity::Bound("1e-12"), centerer),
    Row::transformer(SCALERS, "PowerTransformer", Parity::Libm, Pointwise::power),
    Row::transformer(SCALERS, "QuantileTransformer", Parity::Libm, Pointwise::quantile),
    Row::transformer(
        "sklearn.preprocessing._polynomial",
        "PolynomialFeatures",
        Parity::Exact,
        Polynomial::compile,
    ),
    Row::transformer(
        "sklearn.preprocessing._discretization",
        "KBinsDiscretizer",
        Parity::Exact,
        Discretize::compile,
    ),
    Row::transformer(
        "sklearn.preprocessing._encoders",
        "OneHotEncoder",
        Parity::Exact,
        OneHot::compile,
    ),
    Row::transformer(
        "sklearn.preprocessing._encoders",
        "OrdinalEncoder",
        Parity::Exact,
        Encode::ordinal,
    ),
    Row::transformer(
        "sklearn.preprocessing._target_encoder",
        "TargetEncoder",
        Parity::Exact,
        Encode::target,
    ),
    Row::transformer(
        "sklearn.preprocessing._polynomial",
        "SplineTransformer",
        Parity::Exact,
        Spline::compile,
    ),
    Row::transformer(
        "sklearn.preprocessing._function_transformer",
        "FunctionTransformer",
        Parity::Libm,
        function,
    ),
];
