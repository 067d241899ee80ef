//! `sklearn.pipeline` and `sklearn.compose`.

use crate::flavors::sklearn::column_transformer::SplitColumns;
use crate::flavors::sklearn::row::{Parity, Row, What};
use crate::flavors::sklearn::target::TransformedTarget;
use crate::flavors::sklearn::union::Union;

pub(super) static ROWS: &[Row] = &[
    Row::new("sklearn.pipeline", "Pipeline", Parity::Members, What::Pipeline),
    Row::transformer(
        "sklearn.compose._column_transformer",
        "ColumnTransformer",
        Parity::Members,
        SplitColumns::compile,
    ),
    Row::transformer("sklearn.pipeline", "FeatureUnion", Parity::Members, Union::compile),
    Row::predictor(
        "sklearn.compose._target",
        "TransformedTargetRegressor",
        Parity::Members,
        TransformedTarget::compile,
    ),
];
