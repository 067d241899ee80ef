//! `sklearn.feature_extraction`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
