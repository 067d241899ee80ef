//! `sklearn.pipeline` and `sklearn.compose`.

use crate::flavors::sklearn::column_transformer::SplitColumns;
use crate::flavors::sklearn::row::{Parity, Row, What};

pub(super) static ROWS: &[Row] = &[
    Row::new("sklearn.pipeline", "Pipeline", Parity::Members, What::Pipeline),
    Row::transformer(
        "sklearn.compose._column_transformer",
        "ColumnTransformer",
        Parity::Members,
        SplitColumns::compile,
    ),
];
