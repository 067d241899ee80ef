//! `sklearn.dummy` and `sklearn.isotonic`.

use crate::flavors::sklearn::isotonic::Isotonic;
use crate::flavors::sklearn::row::{Parity, Row};

pub(super) static ROWS: &[Row] = &[Row::both(
    "sklearn.isotonic",
    "IsotonicRegression",
    Parity::Exact,
    Isotonic::transformer,
    Isotonic::predictor,
)];
