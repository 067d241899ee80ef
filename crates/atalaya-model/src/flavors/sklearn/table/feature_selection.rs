//! `sklearn.feature_selection`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
