//! `sklearn.decomposition` and `sklearn.random_projection`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
